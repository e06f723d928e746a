"""`dry_run=true`: what a run would do, how long it would take and how large the result would be."""

import math
import os
import time
from dataclasses import replace

import numpy as np

from experiments.execution.options import Options, available_cores
from experiments.execution.progress import duration, paragraph, say
from experiments.execution.worker import train_batch, warm_up
from experiments.store.parts import in_parquet
from experiments.study.batches import Left, batch_size
from experiments.study.study import Study

PROBE_SECONDS = 2.0
"""What all probes together should take, about."""


def describe(study: Study, options: Options, todo: list[Left]) -> None:
    """Print conditions, trainings, done and missing, estimated time and size; train nothing but a probe."""
    missing = sum(left.trainings for left in todo)
    say(paragraph(f"{study.name}: {study.question}"))
    say(f"conditions   {len(study.conditions):,}")
    say(f"trainings    {study.n_trainings:,}")
    say(f"done         {study.n_trainings - missing:,}")
    say(f"missing      {missing:,} in {sum(left.batches for left in todo):,} batches")
    if missing:
        least, most, size = estimate(options, todo)
        each = ", on one of its cores" if options.address else ""
        total = size * study.n_trainings if study.record == "trials" else _summary_bytes(study)
        say(f"time         {duration(least)} to {duration(most)} with {options.engine}, {options.workers}{each}")
        say(f"size         about {total / 1e6:,.1f} MB in {options.output}")
    say("dry run: nothing was trained or written")


def _summary_bytes(study: Study) -> float:
    """A bit a training, and some bytes for each epoch at which one was solved or a unit died: hundreds to thousands."""
    return study.n_trainings / 8 + 8 * len(study.conditions) * min(len(study.seeds), 4000)


def estimate(options: Options, todo: list[Left]) -> tuple[float, float, float]:
    """Seconds that the missing batches would take, at least and at most, and bytes that a trial takes.

    Real batches of some conditions are trained. They take their time on a processor, which is all that a free machine
    needs, and their time by the clock, which is more on a busy one; all workers together make it busier still.
    """
    chosen = sorted(todo, key=lambda left: left.first.condition.key)
    warm_up((left.first for left in chosen), options.engine)
    began, alone, busy, sizes = time.monotonic(), list[float](), list[float](), list[float]()
    for left in chosen:
        batch = left.first
        usual = batch_size(batch.condition, options.engine)
        batch = replace(batch, seeds=batch.seeds[:usual])
        train_batch(batch, options.engine)  # what it needs beside its own kernel is compiled now, and not counted
        processor, clock = time.thread_time(), time.perf_counter()
        table = train_batch(batch, options.engine)
        alone.append((time.thread_time() - processor) / len(batch.seeds))
        busy.append((time.perf_counter() - clock) / len(batch.seeds))
        sizes.append(len(in_parquet(table)) / len(batch.seeds))
        if time.monotonic() - began > PROBE_SECONDS:
            break
    # conditions differ in time, and only some of them were looked at: that is what is not known
    spread = np.std(alone) / np.mean(alone) if len(alone) > 1 else 1.0
    unsure = min(2 * spread / math.sqrt(len(alone)), 0.5) if len(alone) < len(todo) else 0.1
    trainings = sum(left.trainings for left in todo)
    workers = min(options.n_jobs, available_cores())
    crowd = max((_load() + workers) / available_cores(), 1.0)
    least = np.mean(alone) * trainings / workers * (1 - unsure)
    most = max(np.mean(busy), np.mean(alone) * crowd) * trainings / workers * (1 + unsure)
    return float(least), float(most), float(np.mean(sizes))


def _load() -> float:
    """Processes that others have at work here."""
    return max(os.getloadavg()[0] - 1, 0.0) if hasattr(os, "getloadavg") else 0.0
