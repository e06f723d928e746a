"""Training batches: one, or all of them as a stream, on threads or processes."""

from __future__ import annotations

import itertools
import os
import signal
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

import pyarrow as pa
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from experiments.errors import RunError
from experiments.execution.options import Cluster
from experiments.store.columns import failed_table, part_table
from experiments.study.batches import Batch
from nnxor import engines
from nnxor.rescue import onward_condition
from nnxor.trial import trials

Result = tuple[Batch, pa.Table]

AHEAD = 128
"""Batches of each job that are known in advance, and whose results may wait to be written."""

MOST_DEATHS = 3
"""Worker processes that may die in a run before it gives up."""


def train_batch(batch: Batch, engine: str) -> Result:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    try:
        found = trials(batch.condition, batch.seeds, engines.load(engine), batch.certify)
        table = part_table(found.columns, batch.seeds)
    except Exception as error:  # whatever a training does, the others go on
        return batch, failed(batch, f"{type(error).__name__}: {error}")
    return batch, table


def failed(batch: Batch, why: str) -> pa.Table:
    """What is kept of a batch that could not be trained."""
    return failed_table(batch.seeds, why)


def warm_up(batches: Iterable[Batch], engine: str) -> None:
    """Run each kernel for an epoch, so that what has to be compiled is, once, before workers start."""
    if engine != "numba":
        return
    from nnxor.engines.compiled import variant

    seen = set()
    for batch in batches:
        for condition in (batch.condition, onward_condition(batch.condition)):
            kind = variant(condition)
            if kind not in seen:
                seen.add(kind)
                seed = batch.seeds.start
                train_batch(Batch(replace(condition, epochs=1), range(seed, seed + 1)), engine)  # whatever goes wrong


def execute(
    batches: Iterable[Batch], engine: str, backend: str, n_jobs: int, cluster: Cluster | None = None
) -> Generator[Result, None, None]:
    """Train the batches with joblib or, given a cluster, dask; results come as they finish, in any order.

    Batches are taken and results held `AHEAD` for each job at a time, however many there are. What a dead worker
    had in hand is trained again; RunError if workers keep dying.
    """
    if cluster is not None:
        from experiments.execution.cluster import stream

        yield from stream(batches, engine, n_jobs, cluster)
        return
    numbered = enumerate(batches)
    deaths = 0
    left: dict[int, Batch] = {}
    while left or (left := dict(itertools.islice(numbered, AHEAD * n_jobs))):
        try:
            for number, table in _stream(left, engine, backend, n_jobs):
                yield left.pop(number), table
        except TerminatedWorkerError:
            deaths += 1
            if deaths > MOST_DEATHS:
                raise RunError(
                    f"worker processes died {deaths} times (killed, or out of memory?); what was trained is kept; "
                    "use fewer with parallel.n_jobs, then the same command goes on"
                ) from None


def _stream(left: dict[int, Batch], engine: str, backend: str, n_jobs: int) -> Iterator[tuple[int, pa.Table]]:
    # An interrupted run leaves batches behind on purpose; joblib would advise to submit fewer.
    warnings.filterwarnings("ignore", message=".*tasks which were still being processed", category=UserWarning)
    parallel = Parallel(
        n_jobs=n_jobs,
        backend={"threads": "threading", "loky": "loky"}[backend],
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2*n_jobs",
    )
    results: Iterator[tuple[int, pa.Table]] = parallel(
        delayed(_train_numbered)(number, batch, engine, os.getpid()) for number, batch in list(left.items())
    )
    return results


def _train_numbered(number: int, batch: Batch, engine: str, parent: int) -> tuple[int, pa.Table]:
    if os.getpid() != parent:  # Ctrl-C reaches the workers too, but it is the parent that ends them
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return number, train_batch(batch, engine)[1]
