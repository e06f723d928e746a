"""`dry_run=true`: what a run would do, how long it would take and how large the result would be."""

import math
import os
import time
from dataclasses import replace

import numpy as np

from analysis.data.processes import available_cores
from experiments.execution.options import Options
from experiments.execution.progress import duration, paragraph, say
from experiments.execution.worker import train_batch, warm_up
from experiments.store.folder import ResultFolder
from experiments.store.parts import in_parquet
from experiments.study import batches
from nnxor.engines import ENGINES

PROBE_SECONDS = 2.0  # what all probes together should take, about


def describe(folder: ResultFolder, options: Options) -> None:
    """Print conditions, trainings, done and missing, estimated time and size; train nothing but a probe."""
    folder.check(options.overwrite)
    study, done = folder.study, {} if options.overwrite else folder.done()
    todo = batches.left(study, done, options.engine, options.batch)
    missing = sum(left.trainings for left in todo)
    say(paragraph(f"{study.name}: {study.question}"))
    say(f"conditions   {len(study.conditions):,}")
    say(f"trainings    {study.n_trainings:,}")
    say(f"done         {study.n_trainings - missing:,}")
    say(f"missing      {missing:,} in {sum(left.batches for left in todo):,} batches")
    if missing:
        options = options.fitting(todo)
        least, most, size = estimate(options, todo)
        each = ", on one of its cores" if options.address else ""
        total = size * study.n_trainings
        if study.record == "summary":  # a bit a training, and some bytes for each epoch of a solution or a death
            total = study.n_trainings / 8 + 8 * len(study.conditions) * min(len(study.seeds), 4000)
        say(f"training     {duration(least)} to {duration(most)} with {options.engine}, {options.workers}{each}")
        say(f"size         about {total / 1e6:,.1f} MB in {options.output}")
    say("dry run: nothing was trained or written")


def estimate(options: Options, todo: list[batches.Left]) -> tuple[float, float, float]:
    """Seconds that the missing batches would take, at least and at most, and bytes that a trial takes.

    Parts of real batches of some conditions are trained. They take their time on a processor, which is all that a free
    machine needs, and their time by the clock, which is more on a busy one; all workers together make it busier still.
    """
    chosen = sorted(todo, key=lambda left: left.first.condition.key)
    warm_up((left.first for left in chosen), options.engine)
    began, probes = time.monotonic(), list[np.ndarray]()
    while len(probes) < len(chosen) and time.monotonic() - began < PROBE_SECONDS:
        probes.append(_probe(chosen[len(probes)].first, options.engine))
    alone, busy, size = np.mean(probes, axis=0)
    # conditions differ in time, and only some of them were looked at: that is what is not known
    spread = np.std([probe[0] for probe in probes]) / alone if len(probes) > 1 else 1.0
    unsure = min(2 * spread / math.sqrt(len(probes)), 0.5) if len(probes) < len(todo) else 0.1
    workers, others = min(options.n_jobs, available_cores()), max(os.getloadavg()[0] - 1, 0.0)
    crowd = max((others + workers) / available_cores(), 1.0)
    share = sum(left.trainings for left in todo) / workers
    return alone * share * (1 - unsure), max(busy, alone * crowd) * share * (1 + unsure), size


def _probe(batch: batches.Batch, engine: str) -> np.ndarray:
    """What a training of a batch takes, by a quarter of it: seconds on a processor, seconds by the clock, bytes."""
    n = max(batches.batch_size(batch.condition, engine) // 4, ENGINES[engine].at_once)
    batch = replace(batch, seeds=batch.seeds[:n])
    train_batch(batch, engine)  # what it needs beside its own kernel is compiled now, and not counted
    processor, clock = time.thread_time(), time.perf_counter()
    table = train_batch(batch, engine)
    taken = time.thread_time() - processor, time.perf_counter() - clock, len(in_parquet(table))
    return np.array(taken) / len(batch.seeds)
