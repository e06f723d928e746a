"""Training batches with dask.distributed, on workers that train a few networks to the same bits as this machine."""

import asyncio
import itertools
import logging
import pickle
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

import distributed
import pyarrow as pa

from analysis.entry import RunError
from experiments.execution import worker
from experiments.execution.progress import say
from experiments.store.columns import part_table
from experiments.study.batches import Batch, Result
from nnxor.condition import Condition

AHEAD = 3  # batches on their way for each thread: one at work, the others so that it never waits
MOST_LOSSES = 3  # times that all workers may die that a batch could go to, or dask's allowed-failures of them
LOOK_EVERY = 0.5  # seconds between two looks at which workers there are
DEAF = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"  # Ctrl-C is for this process, which ends workers
LOCAL = {"threads_per_worker": 1, "memory_limit": 0, "preload": DEAF, "dashboard_address": "127.0.0.1:0"}


@contextmanager
def connected(n_jobs: int, address: str | None, wait: float) -> Iterator[distributed.Client]:
    """A client of the scheduler at the address, or of a local cluster of workers of one thread that ends with it."""
    logging.disable(logging.CRITICAL)  # of dask and of its event loops: what a user must know is said here
    opened: list[distributed.LocalCluster | distributed.Client] = []
    try:
        if not address:
            opened += [distributed.LocalCluster(n_jobs, silence_logs=logging.CRITICAL, **LOCAL)]
        try:
            opened += [distributed.Client(address or opened[0], timeout=wait, set_as_default=False, name="nnxor")]
        except Exception as error:  # tls:// without certificates, ucx:// without its package: each in its own way
            why = f"no dask scheduler answers at {address}: {error!r}"
            raise RunError(f"{why}; docs/clusters.md says what an address needs") from None
        yield opened[-1]
    finally:
        for each in reversed(opened):
            with suppress(OSError):  # it must not hide why this ends
                each.close()


class Window:
    """The workers of a scheduler, and the few batches on their way to them, each with how often it was lost."""

    def __init__(self, client: distributed.Client, address: str | None, wait: float, engine: str) -> None:
        self.client, self.wait, self.engine = client, wait, engine
        self.where = address or "the local cluster"
        self.finished = distributed.as_completed(with_results=True, loop=client.loop)
        self.flights: dict[distributed.Future, tuple[Batch, int, set[str]]] = {}
        self.lost: list[tuple[Batch, int]] = []
        self.fit: dict[str, int] = {}
        self.known: dict[str, str] = {}  # how the worker at an address differs from this machine
        self.staffed, self.next_look = time.monotonic(), 0.0

    def train(self, batches: Iterator[Batch], probe: Condition) -> Iterator[Result]:
        """Train the batches; lost ones alone, when nothing else is on its way, so that it shows which of them it is."""
        here, more = worker.facts(self.engine, probe), True
        while more or self.lost or self.flights:
            if time.monotonic() >= self.next_look:
                self.look(here, probe)
            free = max(AHEAD * sum(self.fit.values()) - len(self.flights), 0)
            if not self.lost:
                more = sum(self.send(batch, 0) for batch in itertools.islice(batches, free)) == free
            elif self.lost[0][1] >= MOST_LOSSES:
                batch, _ = self.lost.pop(0)
                yield batch, part_table({}, batch.seeds, "all workers died that tried to train it")
            elif self.fit and not self.flights:
                self.send(*self.lost.pop(0))
            time.sleep(0.005)
            for future, outcome in self.finished.next_batch(block=False):
                if flight := self.flights.pop(future, None):
                    error = outcome[1] if isinstance(outcome, tuple) else outcome  # kind, value, traceback
                    if isinstance(error, distributed.scheduler.KilledWorker | asyncio.CancelledError):
                        self.lost.append((flight[0], flight[1] + 1))
                    else:
                        table = isinstance(outcome, pa.Table)
                        yield flight[0], outcome if table else part_table({}, flight[0].seeds, repr(error))
                future.release()  # an interrupt that falls into its destructor would be lost

    def send(self, batch: Batch, losses: int) -> bool:
        """Send a batch to whichever fit worker has time first, as bytes: the scheduler may lack this package."""
        work = pickle.dumps(partial(worker.train_batch, batch, self.engine))
        future = self.client.submit(lambda work: pickle.loads(work)(), work, workers=[*self.fit], pure=False)  # noqa: S301
        self.flights[future] = batch, losses, set(self.fit)
        self.finished.add(future)
        return True

    def look(self, here: dict[str, object], probe: Condition) -> None:
        """See which workers there are, take back what none of them has, and check new ones."""
        self.next_look, stop = time.monotonic() + LOOK_EVERY, ""
        try:
            there = self.client.sync(self.client.scheduler.ncores, callback_timeout=self.wait)
        except (OSError, distributed.CommClosedError) as error:
            there, stop = {}, f"the dask scheduler at {self.where} is gone ({error!r})"
        for future in [future for future, flight in self.flights.items() if not flight[2] & there.keys()]:
            batch, losses, _ = self.flights.pop(future)
            self.lost.append((batch, losses + 1))
            future.cancel()
        new = [address for address in there if address not in self.known]
        ask = partial(self.client.run, worker.facts, self.engine, probe, on_error="return")
        for address, found in (ask(workers=new) if new else {}).items():
            if isinstance(found, Exception):
                why = repr(found)
            else:
                unlike = (key for key, fact in here.items() if found.get(key) != fact)
                why = ", ".join(f"{key}: {found.get(key)} there, {here[key]} here" for key in unlike)
            if why and why not in self.known.values():
                say(f"worker {address} is left out: {why}")
            self.known[address] = why
        self.known = {address: why for address, why in self.known.items() if address in there}
        self.fit = {address: n for address, n in there.items() if self.known.get(address) == ""}
        if self.fit:
            self.staffed = time.monotonic()
        elif self.known:
            stop = "no worker of {} can take part: {}: {}".format(self.where, *next(iter(self.known.items())))
        elif time.monotonic() - self.staffed > self.wait:
            stop = f"{self.where}: no worker came within parallel.wait={self.wait:g} seconds; see docs/clusters.md"
        if stop:
            raise RunError(f"{stop}; what was trained is kept; the same command goes on")


def stream(batches: Iterator[Batch], engine: str, n_jobs: int, address: str | None, wait: float) -> Iterator[Result]:
    """Train the batches on a cluster, or on `n_jobs` local workers; RunError if no scheduler or worker is there."""
    for first in itertools.islice(batches, 1):
        with connected(n_jobs, address, wait) as client:
            yield from Window(client, address, wait, engine).train(itertools.chain([first], batches), first.condition)
