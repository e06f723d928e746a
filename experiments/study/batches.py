"""A batch: one condition and consecutive seeds, trained together by one worker."""

import math
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import pyarrow as pa

from experiments.study.study import Study
from nnxor.condition import Condition
from nnxor.engines import ENGINES
from nnxor.network.optimizers import OPTIMIZERS

Spans = list[range]  # disjoint ranges of seeds, ascending
SECONDS = 0.25  # work in a batch, about: what is lost at most, on each worker, when a run is killed
LARGEST = 8192


@dataclass(frozen=True)
class Batch:
    """Trainings of one condition with consecutive seeds; `certify` says whether stuck runs get a certificate."""

    condition: Condition
    seeds: range
    certify: bool = False


Result = tuple[Batch, pa.Table]  # a batch and its rows, or their counts
Results = Generator[Result, None, None]


def seconds(condition: Condition, engine: str) -> float:
    """About how many seconds of a processor's time a training takes."""
    constant, unit = ENGINES[engine].seconds
    rows = condition.task.n_examples if condition.batch_size else condition.task.n_rows
    entry = OPTIMIZERS[condition.optimizer]
    # Mini-batches are sorted and looked at twice; where nothing repeats every epoch runs.
    slower = (2 if condition.batch_size else 1) * (1 if condition.repeats else 2)
    slower *= 4 if entry.memory and entry.settings else 1  # moments fade to subnormal numbers, which are slow
    work = slower * rows * max(math.log2(rows), 2) / 8  # long tables leave the cache
    return max(condition.most_epochs, 1) * work * (constant + unit * condition.hidden)


def batch_size(condition: Condition, engine: str) -> int:
    """Trainings in a batch of about `SECONDS` of work."""
    step = ENGINES[engine].at_once
    room = max(step, 2**21 // condition.hidden)
    return int(min(max(SECONDS / seconds(condition, engine) // step, 1) * step, LARGEST, room))


@dataclass(frozen=True)
class Left:
    """What is missing of one condition: its first batch, its trainings and batches, its seeds and how they are cut."""

    first: Batch
    trainings: int
    batches: int
    spans: Spans
    step: int


def left(study: Study, done: Mapping[str, Spans], engine: str, size: int | None) -> list[Left]:
    """What a study still needs, condition by condition; `size` overrides the engine's own size of a batch."""
    found = []
    for condition in study.conditions:
        step = size or batch_size(condition, engine)
        if spans := subtract(study.seeds_of(condition), done.get(condition.key, [])):
            trainings, batches = sum(map(len, spans)), sum(-(-len(span) // step) for span in spans)
            found.append(Left(Batch(condition, spans[0][:step], study.certify), trainings, batches, spans, step))
    return found


def missing(todo: Iterable[Left]) -> Iterator[Batch]:
    """The batches of what is left, made as they are needed."""
    # The order of keys is fixed and arbitrary, so that the running tally shows no trend
    for each in sorted(todo, key=lambda each: each.first.condition.key):
        for span in each.spans:
            for n in range(0, len(span), each.step):
                yield replace(each.first, seeds=span[n : n + each.step])


def subtract(seeds: range, done: Spans) -> Spans:
    """What of `seeds` no range of `done` covers; those are disjoint and ascending, as `merge` gives them."""
    starts = [seeds.start, *(max(span.stop, seeds.start) for span in done)]
    stops = [*(min(span.start, seeds.stop) for span in done), seeds.stop]
    return [range(*gap) for gap in zip(starts, stops, strict=True) if gap[0] < gap[1]]


def merge(spans: Spans) -> Spans:
    """The same seeds as disjoint ascending ranges."""
    merged: Spans = []
    for span in sorted(spans, key=lambda s: s.start):
        if merged and span.start <= merged[-1].stop:
            merged[-1] = range(merged[-1].start, max(merged[-1].stop, span.stop))
        else:
            merged.append(span)
    return merged
