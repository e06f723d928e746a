"""How a study is run: everything on the command line that never changes what comes out."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analysis.data.door import read_json
from analysis.data.processes import available_cores
from experiments.errors import InputError
from experiments.study.checked import checked, known_keys, switch, whole
from experiments.study.study import KEYS
from nnxor import checks, engines


def engine_name(value: object) -> str:
    """The name of an engine, or auto; ValueError says what is allowed."""
    return str(checks.choice(["auto", *engines.ENGINES])(value))


BACKENDS = ("auto", "threads", "loky", "dask")
PARALLEL = ["backend", "n_jobs", "batch"]
CLUSTER = ["address", "scheduler_file", "wait"]  # keys of every parallel=NAME, and those that only parallel=dask has
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
    def address(self) -> str | None:
        """Where the workers are, unless they are processes or threads of this machine."""
        return self.cluster.address if self.cluster else None

    @property
    def workers(self) -> str:
        """Who trains: '2 threads', '4 dask', 'dask at tcp://...'."""
        return f"dask at {self.address}" if self.address else f"{self.n_jobs} {self.backend}"

    def how(self) -> dict[str, object]:
        """What the manifest keeps of it."""
        return {"engine": self.engine, "backend": self.backend, "n_jobs": None if self.address else self.n_jobs}


def read_options(config: Mapping[str, object]) -> Options:
    """The options of a composed configuration; InputError names what is wrong with them."""
    known_keys("", config, [*KEYS, "engine", "parallel", "output", *SWITCHES])
    asked, parallel, output = checked("engine", config["engine"], engine_name), config["parallel"], config["output"]
    engine, note = engines.fastest() if asked == "auto" else (asked, "")
    if not isinstance(parallel, dict):
        raise InputError(f"parallel={parallel} is not allowed; allowed: {', '.join(BACKENDS)}")
    backend = checked("parallel.backend", parallel.get("backend"), checks.choice(BACKENDS))
    known_keys("parallel", parallel, PARALLEL + (CLUSTER if backend == "dask" else []))
    cluster = _cluster(parallel) if backend == "dask" else None
    n_jobs, batch = parallel.get("n_jobs"), parallel.get("batch")
    elsewhere = cluster.address if cluster else None
    if elsewhere and n_jobs is not None:
        raise InputError(f"parallel.n_jobs={n_jobs} would do nothing at {elsewhere}, which has its own workers")
    usual = 1 if elsewhere else available_cores()
    return Options(
        engine=engine,
        auto=asked == "auto",
        note=note,
        backend=backend_for(engine) if backend == "auto" else backend,
        n_jobs=usual if n_jobs is None else whole("parallel.n_jobs", n_jobs, 1, 4096),
        cluster=cluster,
        batch=None if batch is None else whole("parallel.batch", batch, 1, 2**20),
        output=Path("results", str(config["name"])) if output is None else read_path("output", output),
        **{name: switch(name, config[name]) for name in SWITCHES},
    )


def backend_for(engine: str) -> str:
    """The backend that suits an engine: threads for one that leaves the interpreter's lock."""
    return "threads" if engines.ENGINES[engine].threads else "loky"


def _cluster(parallel: Mapping[str, object]) -> Cluster:
    """The settings of parallel=dask."""
    if not importlib.util.find_spec("distributed"):
        raise InputError("parallel=dask needs dask.distributed, which is not installed: pip install 'nnxor[cluster]'")
    address, file = parallel.get("address"), parallel.get("scheduler_file")
    if address is not None and file is not None:
        raise InputError("parallel.address and parallel.scheduler_file name the scheduler twice; allowed: one of them")
    if file is not None:
        try:
            address = read_json(read_path("parallel.scheduler_file", file))["address"]
        except (OSError, ValueError, KeyError, TypeError):
            why = "holds no address; `dask scheduler --scheduler-file` writes it"
            raise InputError(f"parallel.scheduler_file={file} {why}") from None
    if address is not None and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+:\d+", str(address)):
        raise InputError(f"parallel.address={address} is not allowed; allowed: tcp://HOST:PORT, tls://HOST:PORT")
    wait = checked("parallel.wait", parallel.get("wait"), checks.positive)
    return Cluster(None if address is None else str(address), wait)


def read_path(key: str, value: object) -> Path:
    """A path on the command line, or InputError."""
    text = "" if isinstance(value, bool) or not isinstance(value, str | int | float) else str(value)
    if not text.strip() or not text.isprintable():
        raise InputError(f"{key}={value!r} is not allowed; allowed: a path")
    return Path(text)
