"""Which trainings of a result folder are done again, as batches."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from experiments.study.batches import Batch, Spans, left, merge, missing, subtract
from experiments.study.study import Study

BLOCKS = 16  # conditions that a sample is spread over, at least, where there are as many and it has as many trainings


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


def draw_sample(study: Study, size: int | None, seed: int, engine: str, failed: Mapping[str, Spans]) -> Sample:
    """Batches that hold `size` trainings of the study at random, and those that failed; all of them if it is None.

    A batch of one training costs an engine nearly as much as one of a hundred, so trainings are not drawn one
    by one: of `BLOCKS` conditions drawn at random (all, if there are fewer) each gives a run of neighbouring
    seeds, as long as the others but for one, that begins anywhere and goes on at the first seed after the last.
    So every training has the same chance, but neighbours come together.
    """
    whole = size is None or size >= study.n_trainings
    rest: dict[str, Spans] = {}
    if size is not None and not whole:
        drawn = _drawn(study, size, seed)
        for condition in study.conditions:
            chosen = merge([*drawn.get(condition.key, []), *failed.get(condition.key, [])])
            rest[condition.key] = subtract(study.seeds_of(condition), chosen)
    told = list(left(study, rest, engine, None))
    n_batches, trainings = sum(each.batches for each in told), sum(each.trainings for each in told)
    batches = missing(study, rest, engine, None)
    return Sample(batches, n_batches, trainings, tuple(each.first for each in told), whole)


def _drawn(study: Study, size: int, seed: int) -> dict[str, Spans]:
    random = np.random.default_rng(seed)
    blocks = min(size, len(study.conditions), max(BLOCKS, -(-size // len(study.seeds))))
    drawn: dict[str, Spans] = {}
    for rank, which in enumerate(random.permutation(len(study.conditions))[:blocks]):
        condition = study.conditions[which]
        seeds = study.seeds_of(condition)
        start = int(random.integers(len(seeds)))
        count = min(size // blocks + (rank < size % blocks), len(seeds))
        spans = [seeds[start : start + count], seeds[: max(start + count - len(seeds), 0)]]
        drawn[condition.key] = [span for span in spans if span]
    return drawn
