"""How a study is run: everything on the command line that never changes what comes out."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import InputError
from experiments.study.checked import checked, known_keys, switch, whole
from experiments.study.study import KEYS
from nnxor import checks, engines

BACKENDS = ("auto", "threads", "loky", "dask")
PARALLEL = ["backend", "n_jobs", "batch"]
CLUSTER = ["address", "scheduler_file", "wait"]
"""Keys of every parallel=NAME, and those that only parallel=dask has."""

SWITCHES = ("dry_run", "report", "overwrite")


@dataclass(frozen=True)
class Cluster:
    """Where dask's scheduler is (None: a local one is started), and the seconds it and workers may need to be there."""

    address: str | None
    wait: float


@dataclass(frozen=True)
class Options:
    """The engine, how its batches run in parallel, and where the results go.

    `auto` says that the engine was chosen for the user, `note` why, if it is not the fastest.
    """

    engine: str
    auto: bool
    note: str
    backend: str
    n_jobs: int
    cluster: Cluster | None
    batch: int | None
    output: Path
    dry_run: bool
    report: bool
    overwrite: bool

    @property
    def workers(self) -> str:
        """Who trains: '2 threads', '4 dask', 'dask at tcp://...'."""
        if self.cluster and self.cluster.address:
            return f"dask at {self.cluster.address}"
        return f"{self.n_jobs} {self.backend}"

    def how(self) -> dict[str, object]:
        """What the manifest keeps of it."""
        elsewhere = self.cluster is not None and self.cluster.address is not None
        n_jobs = None if elsewhere else self.n_jobs
        return {"engine": self.engine, "backend": self.backend, "n_jobs": n_jobs}


def read_options(config: Mapping[str, object]) -> Options:
    """The options of a composed configuration; InputError names what is wrong with them."""
    known_keys("", config, [*KEYS, "engine", "parallel", "output", *SWITCHES])
    engine, note = _engine(config["engine"])
    parallel = config["parallel"]
    if not isinstance(parallel, dict):
        raise InputError(f"parallel={parallel} is not allowed; allowed: {', '.join(BACKENDS)}")
    backend = parallel.get("backend")
    known_keys("parallel", parallel, PARALLEL + (CLUSTER if backend == "dask" else []))
    if backend not in BACKENDS:
        raise InputError(f"parallel.backend={backend} is not allowed; allowed: {', '.join(BACKENDS)}")
    if backend == "auto":
        backend = "threads" if engine == "numba" else "loky"
    n_jobs, batch = parallel.get("n_jobs"), parallel.get("batch")
    cluster = _cluster(parallel) if backend == "dask" else None
    switches = {name: switch(name, config[name]) for name in SWITCHES}
    return Options(
        engine=engine,
        auto=config["engine"] == "auto",
        note=note,
        backend=str(backend),
        n_jobs=_jobs(n_jobs, cluster),
        cluster=cluster,
        batch=None if batch is None else whole("parallel.batch", batch, 1, 2**20),
        output=_output(config["output"], str(config["name"])),
        **switches,
    )


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _jobs(value: object, cluster: Cluster | None) -> int:
    """Threads or processes here; a cluster elsewhere has its own, of which nothing is known."""
    elsewhere = cluster.address if cluster else None
    if elsewhere and value is not None:
        raise InputError(f"parallel.n_jobs={value} would do nothing at {elsewhere}, which has its own workers")
    if value is None:
        return 1 if elsewhere else available_cores()
    return whole("parallel.n_jobs", value, 1, 4096)


def _cluster(parallel: Mapping[str, object]) -> Cluster:
    """The settings of parallel=dask."""
    if not importlib.util.find_spec("distributed"):
        raise InputError("parallel=dask needs dask.distributed, which is not installed: pip install 'nnxor[cluster]'")
    address, file = parallel.get("address"), parallel.get("scheduler_file")
    if address is not None and file is not None:
        raise InputError("parallel.address and parallel.scheduler_file name the scheduler twice; allowed: one of them")
    if file is not None:
        address = _scheduler(read_path("parallel.scheduler_file", file))
    elif address is not None and not _is_address(address):
        raise InputError(f"parallel.address={address} is not allowed; allowed: tcp://HOST:PORT, tls://HOST:PORT")
    wait = checked("parallel.wait", parallel.get("wait"), checks.positive)
    return Cluster(None if address is None else str(address), wait)


def _is_address(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+:\d+", value))


def _scheduler(path: Path) -> str:
    """The address in the file that `dask scheduler --scheduler-file` writes."""
    try:
        address = json.loads(path.read_text(encoding="utf-8"))["address"]
    except (OSError, ValueError, KeyError, TypeError):
        address = None
    if not _is_address(address):
        raise InputError(
            f"parallel.scheduler_file={path} holds no address; `dask scheduler --scheduler-file` writes it"
        )
    return str(address)


def _engine(value: object) -> tuple[str, str]:
    if value == "auto":
        return engines.fastest()
    if not isinstance(value, str) or value not in engines.ENGINES:
        raise InputError(f"engine={value} is not allowed; allowed: auto, {', '.join(engines.ENGINES)}")
    return str(value), ""


def _output(value: object, name: str) -> Path:
    if value is None:
        return Path("results") / name
    return read_path("output", value)


def read_path(key: str, value: object) -> Path:
    """A path on the command line, or InputError."""
    text = str(value)
    if (
        not isinstance(value, str | int | float)
        or isinstance(value, bool)
        or not text.strip()
        or not text.isprintable()
    ):
        raise InputError(f"{key}={value!r} is not allowed; allowed: a path")
    return Path(text)
