"""`dry_run=true`: what a run would do, how long it would take and how large the result would be."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq

from experiments.execution.options import Options
from experiments.execution.progress import duration, paragraph, say
from experiments.execution.worker import train_batch, warm_up
from experiments.study.batches import MULTIPLE, Batch, Left
from experiments.study.study import Study

PROBE_SECONDS = 0.1
"""What a probe of one kind of condition should take, about."""


def describe(study: Study, options: Options, todo: list[Left]) -> None:
    """Print conditions, trainings, done and missing, estimated time and size; train nothing but a probe."""
    missing = sum(left.trainings for left in todo)
    say(paragraph(f"{study.name}: {study.question}"))
    say(f"conditions   {len(study.conditions):,}")
    say(f"trainings    {study.n_trainings:,}")
    say(f"done         {study.n_trainings - missing:,}")
    say(f"missing      {missing:,} in {sum(left.batches for left in todo):,} batches")
    if missing:
        seconds, size = estimate(options, todo)
        elsewhere = options.cluster is not None and options.cluster.address is not None
        each = ", on one of its cores" if elsewhere else ""
        total = size * study.n_trainings if study.record == "trials" else _summary_bytes(study)
        say(f"time         about {duration(seconds)} with {options.engine}, {options.workers}{each}")
        say(f"size         about {total / 1e6:,.1f} MB in {options.output}")
    say("dry run: nothing was trained or written")


def _summary_bytes(study: Study) -> float:
    """A bit a training, and some bytes for each epoch at which one was solved or a unit died: hundreds to thousands."""
    return study.n_trainings / 8 + 8 * len(study.conditions) * min(len(study.seeds), 4000)


def estimate(options: Options, todo: list[Left]) -> tuple[float, float]:
    """Seconds that the missing batches would take, and bytes that a trial takes, from short probes."""
    warm_up((left.first for left in todo), options.engine)
    work: dict[tuple[int, str, str, str], int] = defaultdict(int)
    example: dict[tuple[int, str, str, str], Batch] = {}
    for left in todo:
        c = left.first.condition
        kind = (c.hidden, c.task.name, c.activation, c.dtype)
        work[kind] += left.trainings * c.most_epochs
        example.setdefault(kind, left.first)
    seconds, sizes = 0.0, []
    for kind, total in work.items():
        per_epoch, size = _probe(example[kind], options.engine)
        seconds += per_epoch * total
        sizes.append(size)
    return seconds / options.n_jobs, sum(sizes) / len(sizes)


def _probe(batch: Batch, engine: str) -> tuple[float, float]:
    """Seconds an epoch of one training, and bytes a trial."""
    start = batch.seeds.start
    seeds = range(start, start + MULTIPLE[engine])
    train_batch(Batch(replace(batch.condition, epochs=min(batch.condition.epochs, 1)), seeds), engine)  # once for all
    epochs, taken = 1, 0.0
    while taken < PROBE_SECONDS / 4 and epochs < batch.condition.epochs:
        epochs = min(epochs * 8, batch.condition.epochs)
        began = time.perf_counter()
        table = train_batch(Batch(replace(batch.condition, epochs=epochs), seeds), engine)
        taken = time.perf_counter() - began
    table = train_batch(Batch(replace(batch.condition, epochs=min(epochs, 64)), seeds), engine)
    return taken / epochs / len(seeds), _parquet_bytes(table) / len(seeds)


def _parquet_bytes(table: pa.Table) -> int:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return int(sink.getvalue().size)
