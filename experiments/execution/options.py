"""How a study is run: everything on the command line that never changes what comes out."""

import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.data.door import read_json
from analysis.data.processes import available_cores
from experiments.errors import InputError
from experiments.study.checked import checked, known_keys, path, section
from experiments.study.study import KEYS
from nnxor import checks, engines


def engine_name(value: object) -> str:
    """The name of an engine, or auto; ValueError says what is allowed."""
    return str(checks.choice(["auto", *engines.ENGINES])(value))


def scheduler(value: object) -> str | None:
    """The address of a dask scheduler, or None; ValueError says what is allowed."""
    if value is not None and not re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+:\d+", str(value)):
        raise ValueError("allowed: tcp://HOST:PORT, tls://HOST:PORT")
    return None if value is None else str(value)


BACKENDS = ("auto", "threads", "loky", "dask")
SWITCHES = ("dry_run", "report", "overwrite")

PARALLEL: dict[str, checks.Check] = {
    "backend": checks.choice(BACKENDS),
    "n_jobs": checks.optional(checks.whole(1, 4096)),
    "batch": checks.optional(checks.whole(1, 2**20)),
}
"""Settings of every parallel=NAME."""

CLUSTER = {"address": scheduler, "scheduler_file": checks.optional(path), "wait": checks.positive}  # of parallel=dask


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
    asked = checked("engine", config["engine"], engine_name)
    engine, note = engines.fastest() if asked == "auto" else (asked, "")
    parallel = checked("parallel", config["parallel"], checks.instance(dict, ", ".join(BACKENDS)))
    on_dask = parallel.get("backend") == "dask"
    given = section("parallel", parallel, PARALLEL | (CLUSTER if on_dask else {}))
    cluster = _cluster(given) if on_dask else None
    elsewhere, n_jobs = cluster.address if cluster else None, given["n_jobs"]
    if elsewhere and n_jobs is not None:
        raise InputError(f"parallel.n_jobs={n_jobs} would do nothing at {elsewhere}, which has its own workers")
    return Options(
        engine=engine,
        auto=asked == "auto",
        note=note,
        backend=backend_for(engine) if given["backend"] == "auto" else given["backend"],
        n_jobs=n_jobs or (1 if elsewhere else available_cores()),
        cluster=cluster,
        batch=given["batch"],
        output=checked("output", config["output"], checks.optional(path)) or Path("results", str(config["name"])),
        **{name: checked(name, config[name], checks.switch) for name in SWITCHES},
    )


def backend_for(engine: str) -> str:
    """The backend that suits an engine: threads for one that leaves the interpreter's lock."""
    return "threads" if engines.ENGINES[engine].threads else "loky"


def _cluster(given: Mapping[str, Any]) -> Cluster:
    """The settings of parallel=dask."""
    if not importlib.util.find_spec("distributed"):
        raise InputError("parallel=dask needs dask.distributed, which is not installed: pip install 'nnxor[cluster]'")
    address, file = given["address"], given["scheduler_file"]
    if address is not None and file is not None:
        raise InputError("parallel.address and parallel.scheduler_file name the scheduler twice; allowed: one of them")
    if file is not None:
        try:
            address = read_json(file)["address"]
        except (OSError, ValueError, KeyError, TypeError):
            why = "holds no address; `dask scheduler --scheduler-file` writes it"
            raise InputError(f"parallel.scheduler_file={file} {why}") from None
    return Cluster(checked("parallel.address", address, scheduler), given["wait"])
