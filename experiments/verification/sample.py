"""Which trainings of a result folder are done again, as batches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from experiments.study.batches import Batch, Spans, batch_size, left, missing, subtract
from experiments.verification.audit import Record

BLOCKS = 16
"""Conditions that a sample is spread over, at least, where there are as many and it has as many rows."""


@dataclass(frozen=True)
class Sample:
    """Trainings to do again, in the study's order; `batches` may be more than memory holds, and come once.

    firsts: a batch of each condition. whole: whether these are all trainings of the study.
    """

    batches: Iterable[Batch]
    n_batches: int
    trainings: int
    firsts: tuple[Batch, ...]
    whole: bool


def draw_sample(
    record: Record, size: int | None, seed: int, engine: str, but: Mapping[str, Spans] | None = None
) -> Sample:
    """Batches that hold `size` trainings of the study at random; all of them if `size` is None.

    `but` names seeds that are left out, by condition key. A batch of one row costs an engine nearly as
    much as one of a hundred, so rows are not drawn one by one: of `BLOCKS` conditions drawn at random
    (all, if there are fewer) each gives a run of neighbouring seeds, as long as the others but for one,
    that begins anywhere and goes on at the first seed after the last. So every row has the same chance,
    but neighbours come together.
    """
    study, but = record.study, but or {}
    if size is None or size >= study.n_trainings:
        told = list(left(study, but, engine, None))
        return Sample(
            batches=missing(study, but, engine, None),
            n_batches=sum(each.batches for each in told),
            trainings=sum(each.trainings for each in told),
            firsts=tuple(each.first for each in told),
            whole=True,
        )
    batches = _drawn(record, size, seed, engine, but)
    firsts = {batch.condition.key: batch for batch in reversed(batches)}
    trainings = sum(len(batch.seeds) for batch in batches)
    return Sample(batches, len(batches), trainings, tuple(firsts.values()), whole=False)


def _drawn(record: Record, size: int, seed: int, engine: str, but: Mapping[str, Spans]) -> list[Batch]:
    study = record.study
    n_conditions = len(study.conditions)
    random = np.random.default_rng(seed)
    blocks = min(size, n_conditions, max(BLOCKS, -(-size // len(study.seeds))))
    chosen = random.permutation(n_conditions)[:blocks]
    batches = []
    for rank, which in enumerate(chosen):
        condition = study.conditions[which]
        seeds = study.seeds_of(condition)
        n_seeds, start = len(seeds), int(random.integers(len(seeds)))
        count = min(size // blocks + (rank < size % blocks), n_seeds)
        for first, stop in ((start, min(start + count, n_seeds)), (0, start + count - n_seeds)):
            for span in subtract(seeds[first : max(stop, first)], but.get(condition.key, [])):
                step = batch_size(condition, engine)
                pieces = [span[low : low + step] for low in range(0, len(span), step)]
                batches += [Batch(condition, piece, study.record, study.certify) for piece in pieces]
    return sorted(batches, key=lambda batch: record.row_of(batch.condition, batch.seeds.start))
