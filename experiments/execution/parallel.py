"""Training batches as a stream: by joblib, on threads or processes of this machine, or on a cluster."""

import itertools
import os
import sys
import warnings
from collections.abc import Generator, Iterable, Iterator
from multiprocessing import resource_tracker
from typing import Any

import pyarrow as pa
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from analysis.data.processes import deaf, end_with
from experiments.errors import RunError
from experiments.execution.options import Cluster
from experiments.execution.worker import train_batch
from experiments.study.batches import Batch, Result

AHEAD = 64  # batches of each job that joblib is given at a time: so many results at most wait to be written
MOST_DEATHS = 3  # worker processes that may die in a run before it gives up


def execute(
    batches: Iterable[Batch], engine: str, backend: str, n_jobs: int, cluster: Cluster | None = None
) -> Generator[Result, None, None]:
    """Train the batches; results come as they finish, in any order, and batches are taken only as they are needed.

    What a dead worker had in hand is trained again; RunError if workers keep dying.
    """
    if cluster is not None:
        from experiments.execution.cluster import stream

        yield from stream(iter(batches), engine, n_jobs, cluster)
        return
    numbered, deaths = enumerate(batches), 0
    left: dict[int, Batch] = {}
    while left or (left := dict(itertools.islice(numbered, AHEAD * n_jobs))):
        try:
            for number, table in _stream(left, engine, backend, n_jobs):
                yield left.pop(number), table
        except TerminatedWorkerError:
            deaths += 1
            if deaths > MOST_DEATHS:
                died = f"worker processes died {deaths} times (killed, or out of memory?); what was trained is kept"
                raise RunError(f"{died}; use fewer with parallel.n_jobs, then the same command goes on") from None


def _stream(left: dict[int, Batch], engine: str, backend: str, n_jobs: int) -> Iterator[tuple[int, pa.Table]]:
    """The tables of some batches as they come, each with the batch's number."""
    # An interrupted run leaves batches behind on purpose; joblib would advise to submit fewer.
    warnings.filterwarnings("ignore", message=".*tasks which were still being processed", category=UserWarning)
    how: dict[str, Any] = {"backend": "threading"}
    if backend == "loky":
        # loky's tracker of semaphores, a process of its own, tidies up after a run that was stopped, and would say so
        sys.warnoptions.append("ignore:resource_tracker")
        resource_tracker.ensure_running()
        how = {"backend": "loky", "initializer": end_with, "initargs": (os.getpid(),)}
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, pre_dispatch="2*n_jobs", **how)
    with deaf():
        return iter(parallel(delayed(_train_numbered)(*item, engine) for item in list(left.items())))


def _train_numbered(number: int, batch: Batch, engine: str) -> tuple[int, pa.Table]:
    return number, train_batch(batch, engine)
