"""Training batches on a cluster: dask.distributed carries them, and what its workers do is watched here.

A worker gets batches once it has been checked: it must have this package, this protocol and the
engine, and must train a few networks to the same bits as this machine. Each batch is pinned to a
worker, so that it is known who had what in hand. When a worker is lost, what it had in hand is
trained elsewhere, each batch alone on a worker, so that a batch that kills its worker is told from
those that were merely beside it; one that loses its worker `MOST_LOSSES` times ends as failed rows.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import pickle
import queue
import sys
import time
import uuid
import warnings
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import distributed
import pyarrow as pa

import nnxor
from experiments.errors import RunError
from experiments.execution import execute
from experiments.execution.options import Cluster
from experiments.execution.progress import say
from experiments.store.columns import Digest
from experiments.store.provenance import package_version
from experiments.study.batches import Batch, training_seconds
from nnxor import protocol
from nnxor.condition import Condition

MOST_LOSSES = 3
"""Workers that a batch may cost before it is given up."""

AHEAD = 3
"""Batches in a worker's hands for each of its threads: one at work, the others so that it never waits."""

LOOK_EVERY = 0.5
"""Seconds between two looks at which workers there are and whether one hangs."""

ANSWER = 5.0
"""Seconds within which a worker that is alive says what it is doing."""

GO_ON = "what was trained is kept; the same command goes on"


def stream(batches: Iterable[Batch], engine: str, n_jobs: int, cluster: Cluster) -> Iterator[execute.Result]:
    """Train the batches on a cluster, or on `n_jobs` local workers; results come as they finish, in any order.

    Takes batches from the iterable only as workers can have them. RunError if there is no
    scheduler, no worker, or none that can take part.
    """
    with connected(n_jobs, cluster) as client:
        yield from Crew(client, engine, cluster).train(batches)


@contextmanager
def connected(n_jobs: int, cluster: Cluster) -> Iterator[distributed.Client]:
    """A client of the scheduler at the address, or of a local cluster that ends with it."""
    be_quiet()
    with ExitStack() as stack:
        try:
            if cluster.address:
                asyncio.run(knock(cluster.address, cluster.wait))
            target = cluster.address or stack.enter_context(local_cluster(n_jobs))
            client = distributed.Client(target, timeout=cluster.wait, set_as_default=False, name="nnxor")
        except (OSError, TimeoutError) as error:
            raise RunError(
                f"no dask scheduler answers at {cluster.address or 'localhost'}: {in_a_line(error)}"
            ) from None
        stack.callback(client.close)
        yield client


async def knock(address: str, wait: float) -> None:
    """Connect to the scheduler and hang up; OSError if it does not answer, RunError if it cannot be asked from here.

    A client whose transport is not set up (tls:// without certificates, ucx:// without its package) fails
    in its own ways, and complains once more when it is discarded.
    """
    try:
        how = distributed.Security().get_connection_args("client")
        comm = await distributed.comm.connect(address, timeout=wait, **how)
    except OSError:
        raise
    except Exception as error:
        raise RunError(
            f"parallel.address={address} cannot be reached from here: {in_a_line(error)}; docs/clusters.md says what "
            "an address needs"
        ) from None
    await comm.close()


def local_cluster(n_jobs: int) -> distributed.LocalCluster:
    """A scheduler in this process and workers of one thread each, since what is not kernel holds the GIL."""
    return distributed.LocalCluster(
        n_workers=n_jobs,
        threads_per_worker=1,
        dashboard_address="127.0.0.1:0",
        silence_logs=logging.CRITICAL,
        memory_limit=0,
        # Ctrl-C reaches the workers too, but is for this process, which ends them
        preload="import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)",
    )


def be_quiet() -> None:
    """Keep the log of dask and of its event loops off the terminal: what a user must know, this module says."""
    for name in ("distributed", "tornado", "asyncio", *logging.root.manager.loggerDict):
        if name.partition(".")[0] in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", category=distributed.versions.VersionMismatchWarning)  # the check says it


# --- what runs on a worker


class Call:
    """A call that happens where it is unpickled.

    Dask's scheduler unpickles the tasks that pass through it. A task `pickle.loads(...)` it can
    unpickle without having this package; only the worker makes the call.
    """

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.function, self.arguments


def train(batch: Batch, engine: str) -> pa.Table:
    """Train a batch on a worker."""
    return execute.train_batch(batch, engine)[1]


def facts(engine: str, condition: Condition) -> dict[str, str]:
    """What must be equal on two machines that train a study together; compiles the kernel by the way."""
    return {
        "Python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "dask.distributed": distributed.__version__,
        "nnxor": package_version("nnxor") or "a source folder",
        "protocol": str(protocol.PROTOCOL_VERSION),
        "source of nnxor": _digest_of_source(),
        f"a training by engine {engine}": _trained_bits(engine, condition),
    }


def _digest_of_source() -> str:
    root = Path(nnxor.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _trained_bits(engine: str, condition: Condition) -> str:
    """Digest of a few short trainings, where bits are promised; else that it works; else why it does not."""
    table = train(Batch(replace(condition, epochs=min(condition.epochs, 64)), range(16)), engine)
    if table["status"][0].as_py() != "ok":
        return str(table["error"][0])
    if not condition.exact or engine == "reference":
        return "works"
    digest = Digest()
    digest.update(table)
    return digest.hexdigest()[:12]


# --- what runs here


@dataclass(eq=False)
class Job:
    """A batch on its way: how many workers it has cost, and since when its worker has it, or is known to be at it."""

    batch: Batch
    losses: int = 0
    future: distributed.Future | None = None
    since: float = 0.0
    at_work: bool = False


@dataclass(eq=False)
class Worker:
    """A worker that has been checked, and what it has in hand."""

    address: str
    threads: int
    jobs: list[Job] = field(default_factory=list)


class Crew:
    """The workers of a scheduler, and the batches that they train."""

    def __init__(self, client: distributed.Client, engine: str, cluster: Cluster) -> None:
        self._client = client
        self._engine = engine
        self._settings = cluster
        self._where = cluster.address or "the local cluster"
        self._run, self._numbers = uuid.uuid4().hex[:12], itertools.count()
        self._events: queue.SimpleQueue[tuple[Job | str, str, object]] = queue.SimpleQueue()
        self._workers: dict[str, Worker] = {}
        self._checking: dict[str, int] = {}
        self._refused: dict[str, str] = {}
        self._hosts: dict[str, asyncio.Event] = {}
        self._at: dict[Job, Worker] = {}
        self._again: deque[Job] = deque()
        self._suspects: deque[Job] = deque()
        self._given_up: deque[Job] = deque()
        self._said: set[str] = set()

    def train(self, batches: Iterable[Batch]) -> Iterator[execute.Result]:
        """Train the batches; see `stream`."""
        self._left = iter(batches)
        first = next(self._left, None)
        if first is None:
            return
        self._again.append(Job(first))
        self._probe = first.condition
        self._here = facts(self._engine, self._probe)
        self._staffed = time.monotonic()
        next_look = 0.0
        while self._at or self._again or self._suspects or self._given_up or self._pull():
            if time.monotonic() >= next_look:
                self._look()
                next_look = time.monotonic() + LOOK_EVERY
            while self._given_up:
                job = self._given_up.popleft()
                yield job.batch, execute.failed(job.batch, self._why_given_up(job))
            with suppress(queue.Empty):
                who, key, outcome = self._events.get(timeout=max(next_look - time.monotonic(), 0))
                if isinstance(who, str):
                    self._admit(who, outcome)
                elif who.future is not None and who.future.key == key:  # not of an attempt that was taken back
                    yield from self._finish(who, outcome)

    def _pull(self) -> bool:
        """Whether there is another batch, which then waits to be given out."""
        batch = next(self._left, None)
        if batch is not None:
            self._again.append(Job(batch))
        return batch is not None

    # --- workers come and go

    def _look(self) -> None:
        """See which workers there are, have the new ones checked, and take back what lost or hung ones had."""
        try:
            there: dict[str, int] = self._client.sync(
                self._client.scheduler.ncores, callback_timeout=self._settings.wait
            )
        except (OSError, TimeoutError, distributed.CommClosedError) as error:
            raise RunError(f"the dask scheduler at {self._where} is gone ({in_a_line(error)}); {GO_ON}") from None
        for address in self._workers.keys() - there.keys():
            self._dismiss(self._workers[address], blamed=self._workers[address].jobs)
        for known in (self._checking, self._refused):
            for address in known.keys() - there.keys():
                del known[address]
        for address in there.keys() - self._workers.keys() - self._checking.keys() - self._refused.keys():
            self._checking[address] = there[address]
            self._later(self._check(address))
        for worker in list(self._workers.values()):
            self._look_for_hanging(worker)
        for worker in self._workers.values():
            self._fill(worker)
        self._insist_on_workers()

    def _insist_on_workers(self) -> None:
        now = time.monotonic()
        if self._workers:
            self._staffed = now
        elif self._refused and not self._checking:
            worker, why = next(iter(self._refused.items()))
            raise RunError(f"no worker of {self._where} can take part: {worker}: {why}; {GO_ON}")
        elif now - self._staffed > self._settings.wait:
            what = f"none of {len(self._checking)} workers answered" if self._checking else "no worker came"
            raise RunError(
                f"{self._where}: {what} within parallel.wait={self._settings.wait:g} seconds; start some, see "
                f"docs/clusters.md; {GO_ON}"
            )

    async def _check(self, address: str) -> None:
        """Have a worker say its facts; the first of a host alone, so that the others find the kernel compiled."""
        host = address.rpartition(":")[0]
        first = self._hosts.get(host)
        mine = self._hosts.setdefault(host, asyncio.Event())
        if first is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(first.wait(), self._settings.wait)
        try:
            await self._fetch(address, self._submit(Call(facts, self._engine, self._probe), address))
        finally:
            mine.set()

    def _admit(self, address: str, outcome: object) -> None:
        """Let a worker that was checked take part, or say what it lacks."""
        threads = self._checking.pop(address, None)
        if threads is None:  # it has gone since
            return
        why = differences(self._here, outcome)
        if not why:
            self._workers[address] = Worker(address, threads)
            self._fill(self._workers[address])
            return
        self._refused[address] = why
        if why not in self._said:
            self._said.add(why)
            say(f"worker {address} is left out: {why}")

    def _look_for_hanging(self, worker: Worker) -> None:
        """Dismiss a worker that was found at the same batch twice, at least the batch's patience apart."""
        now = time.monotonic()
        overdue = [job for job in worker.jobs if now - job.since > self._patience(job)]
        if not overdue:
            return
        at_work = self._at_work(overdue)
        hanging = [job for job in overdue if job.at_work and job in at_work]
        for job in overdue:
            job.since, job.at_work = now, job in at_work
        if hanging:
            self._refused[worker.address] = "it hangs"
            self._dismiss(worker, blamed=hanging)
            # A nanny gives it a new process, which is a new worker; without a nanny it stays as it is, unused.
            self._later(asyncio.to_thread(self._client.restart_workers, [worker.address], 30, raise_for_error=False))

    def _patience(self, job: Job) -> float:
        """Seconds that a batch may take."""
        if self._settings.timeout is not None:
            return self._settings.timeout
        return 60 + 20 * training_seconds(job.batch.condition, self._engine) * len(job.batch.seeds)

    def _at_work(self, jobs: list[Job]) -> list[Job]:
        """Those that are on a thread of their worker, and not waiting for one; all, if it does not say."""
        keys = {job.future.key: job for job in jobs if job.future is not None}
        try:
            stacks = self._client.sync(self._client.scheduler.call_stack, keys=list(keys), callback_timeout=ANSWER)
        except Exception:  # whatever it is that keeps it from answering
            return jobs
        return [keys[key] for stack in stacks.values() for key in stack if key in keys]

    def _dismiss(self, worker: Worker, blamed: list[Job]) -> None:
        """Take back what a worker has in hand; the blamed ones are trained alone from here on, or given up."""
        del self._workers[worker.address]
        self._later(self._client.cancel([job.future for job in worker.jobs], asynchronous=True))
        for job in worker.jobs:
            del self._at[job]
            job.future, job.at_work = None, False
            job.losses += job in blamed
            if job.losses >= MOST_LOSSES:
                self._given_up.append(job)
            else:
                (self._suspects if job.losses else self._again).append(job)

    def _why_given_up(self, job: Job) -> str:
        return f"the worker died, or hung for {self._patience(job):.0f} s, in each of {job.losses} attempts"

    # --- batches come and go

    def _fill(self, worker: Worker) -> None:
        """Give a worker what it can have in hand; while there are suspects, only one of them and only alone."""
        if self._suspects:
            if not worker.jobs:
                self._give(worker, self._suspects.popleft())
            return
        if worker.jobs and worker.jobs[0].losses:
            return
        while len(worker.jobs) < AHEAD * worker.threads and (self._again or self._pull()):
            self._give(worker, self._again.popleft())

    def _give(self, worker: Worker, job: Job) -> None:
        job.future = self._submit(Call(train, job.batch, self._engine), worker.address)
        job.since = time.monotonic()
        worker.jobs.append(job)
        self._at[job] = worker
        self._later(self._fetch(job, job.future))

    def _finish(self, job: Job, outcome: object) -> Iterator[execute.Result]:
        """The result of a batch, once its worker has got other work."""
        worker = self._at.pop(job)
        worker.jobs.remove(job)
        job.future = None
        self._fill(worker)
        if not isinstance(outcome, pa.Table):
            outcome = execute.failed(job.batch, in_a_line(outcome))
        yield job.batch, outcome

    def _submit(self, call: Call, address: str) -> distributed.Future:
        return self._client.submit(
            pickle.loads,
            pickle.dumps(call),
            key=f"nnxor-{self._run}-{next(self._numbers)}",
            workers=[address],
            pure=False,
        )

    async def _fetch(self, who: Job | str, future: distributed.Future) -> None:
        """Wait for a result and put it among the events, or the error that came instead."""
        try:
            outcome = await self._client.gather(future, asynchronous=True)
        except (Exception, asyncio.CancelledError) as error:
            outcome = error
        future.release()  # here: an interrupt that falls into a destructor of the main thread would be lost
        self._events.put((who, future.key, outcome))

    def _later(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run a coroutine on the client's loop without waiting for it."""
        asyncio.run_coroutine_threadsafe(coroutine, self._client.loop.asyncio_loop)


def differences(here: dict[str, str], there: object) -> str:
    """How the facts of a worker differ from ours, in a line; empty if they do not."""
    if not isinstance(there, dict):
        return in_a_line(there)
    return ", ".join(
        f"{key}: {there.get(key)} there, {value} here" for key, value in here.items() if there.get(key) != value
    )


def in_a_line(error: object) -> str:
    """An error's kind and message, in one line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
