"""Training batches as a stream: by joblib, on threads or processes of this machine."""

import itertools
import os
import sys
import warnings
from collections.abc import Iterable
from multiprocessing import resource_tracker
from typing import Any

import pyarrow as pa
from joblib import Parallel, delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from analysis.data.processes import deaf, end_with
from analysis.entry import RunError
from experiments.execution.worker import train_batch
from experiments.study.batches import Batch, Results

AHEAD = 64  # batches per job that joblib is given at a time, and so the most results that wait to be written
MOST_DEATHS = 3  # worker processes that may die in a run before it gives up


def on_threads(batches: Iterable[Batch], engine: str, n_jobs: int) -> Results:
    """Train on threads of this process, for an engine that leaves the interpreter's lock."""
    return _execute(batches, engine, n_jobs, backend="threading")


def on_processes(batches: Iterable[Batch], engine: str, n_jobs: int) -> Results:
    """Train on processes of this machine."""
    # loky's tracker of semaphores, a process of its own, tidies up after a run that was stopped, and would say so
    sys.warnoptions.append("ignore:resource_tracker")
    resource_tracker.ensure_running()
    yield from _execute(batches, engine, n_jobs, backend="loky", initializer=end_with, initargs=(os.getpid(),))
    get_reusable_executor(reuse=True).shutdown()  # their memory is for the tables now


def _execute(batches: Iterable[Batch], engine: str, n_jobs: int, **how: Any) -> Results:
    """Train with joblib; what a dead worker had in hand is trained again."""
    # An interrupted run leaves batches behind on purpose; joblib would advise to submit fewer.
    warnings.filterwarnings("ignore", message=".*tasks which were still being processed", category=UserWarning)
    numbered, deaths = enumerate(batches), 0
    left: dict[int, Batch] = {}
    while left or (left := dict(itertools.islice(numbered, AHEAD * n_jobs))):
        parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1, **how)
        try:
            with deaf():
                tables = iter(parallel(delayed(_train_numbered)(*item, engine) for item in list(left.items())))
            for number, table in tables:
                yield left.pop(number), table
        except TerminatedWorkerError:
            deaths += 1
            if deaths > MOST_DEATHS:
                died = f"worker processes died {deaths} times (killed, or out of memory?); what was trained is kept"
                raise RunError(f"{died}; use fewer with parallel.n_jobs, then the same command goes on") from None


def _train_numbered(number: int, batch: Batch, engine: str) -> tuple[int, pa.Table]:
    return number, train_batch(batch, engine)
