"""Training batches as a stream: on threads or processes of this machine, or on a cluster."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ThreadPoolExecutor, wait
from typing import Any

import pyarrow as pa
from joblib.externals.loky.process_executor import ProcessPoolExecutor

from experiments.errors import RunError
from experiments.execution.options import Cluster
from experiments.execution.worker import begin, train_batch
from experiments.study.batches import Batch, Result

AHEAD = 3
"""Batches on their way for each job: one at work, the others so that it never waits."""

MOST_DEATHS = 3
"""Worker processes that may die in a run before it gives up."""


def execute(
    batches: Iterable[Batch], engine: str, backend: str, n_jobs: int, cluster: Cluster | None = None
) -> Generator[Result, None, None]:
    """Train the batches; results come as they finish, in any order, and batches are taken only as workers need them.

    What a dead worker had in hand is trained again; RunError if workers keep dying.
    """
    if cluster is not None:
        from experiments.execution.cluster import stream

        yield from stream(iter(batches), engine, n_jobs, cluster)
        return
    left, deaths = iter(batches), 0
    while True:
        pool, flights = _pool(backend, n_jobs), dict[Future[pa.Table], Batch]()
        try:
            yield from _through(pool, flights, left, engine, AHEAD * n_jobs)
            pool.shutdown()
            return
        except BrokenExecutor:
            left = itertools.chain(list(flights.values()), left)
            deaths += 1
        finally:
            _abandon(pool)
        if deaths > MOST_DEATHS:
            raise RunError(
                f"worker processes died {deaths} times (killed, or out of memory?); what was trained is kept; "
                "use fewer with parallel.n_jobs, then the same command goes on"
            )


def _through(
    pool: Any, flights: dict[Future[pa.Table], Batch], left: Iterable[Batch], engine: str, ahead: int
) -> Generator[Result, None, None]:
    """Train the batches in a pool; `flights` are those on their way, also when it breaks."""
    while True:
        for batch in itertools.islice(left, ahead - len(flights)):
            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # a new process inherits it
            flights[pool.submit(train_batch, batch, engine)] = batch
            signal.pthread_sigmask(signal.SIG_SETMASK, before)  # this one hears Ctrl-C, and ends the others
        if not flights:
            return
        for future in wait(flights, return_when=FIRST_COMPLETED).done:
            table = future.result()
            yield flights.pop(future), table


def _pool(backend: str, n_jobs: int) -> Any:
    if backend == "threads":
        return ThreadPoolExecutor(n_jobs)
    return ProcessPoolExecutor(n_jobs, initializer=begin, initargs=(os.getpid(),))


def _abandon(pool: Any) -> None:
    """End processes at once; threads, which cannot be ended, get nothing new."""
    if isinstance(pool, ThreadPoolExecutor):
        pool.shutdown(wait=False, cancel_futures=True)
    else:
        pool.shutdown(wait=False, kill_workers=True)
