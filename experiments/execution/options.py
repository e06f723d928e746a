"""How a study is run: everything on the command line that never changes what comes out."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from analysis.data.processes import available_cores
from analysis.entry import InputError
from experiments.execution.backends import BACKENDS, Backend
from experiments.study.batches import Left, seconds
from experiments.study.checked import checked, known_keys, path, section
from experiments.study.study import KEYS
from nnxor import checks, engines

SWITCHES = ("dry_run", "report", "overwrite")
PARALLEL: dict[str, checks.Check] = {  # settings of every parallel=NAME
    "backend": checks.choice(["auto", *BACKENDS]),
    "n_jobs": checks.optional(checks.whole(1, 4096)), "batch": checks.optional(checks.whole(1, 2**20)),
}  # fmt: skip
LONG = 10.0  # seconds of work from which it pays to start processes, which takes one or two


class Options(NamedTuple):
    """The engine, how its batches run in parallel, and where the results go."""

    engine: str  # as long as it is not known that it can be loaded, the one that is fastest if it can (`fitting`)
    auto: bool  # whether the engine was chosen for the user
    backend: str  # it may be "auto" until it is known what there is to do (`fitting`)
    n_jobs: int
    settings: Mapping[str, Any]
    batch: int | None
    output: Path
    dry_run: bool
    report: bool
    overwrite: bool

    @property
    def address(self) -> str | None:
        """Where the workers are, unless they are processes or threads of this machine."""
        return self.settings.get("address")

    @property
    def workers(self) -> str:
        """Who trains: '2 threads', '4 dask workers', 'dask at tcp://...'."""
        return f"dask at {self.address}" if self.address else f"{self.n_jobs} {BACKENDS[self.backend].workers}"

    def fitting(self, todo: Iterable[Left]) -> Self:
        """With an engine that can be loaded, or InputError, and the backend for what is to be done, if left to us."""
        engine = engines.fastest()[0] if self.auto else self.engine
        refuse_broken(engine)
        backend = self.backend if self.backend in BACKENDS else backend_for(engine, todo)
        return self._replace(engine=engine, backend=backend)

    def how(self) -> dict[str, object]:
        """What the manifest keeps of it."""
        return {"engine": self.engine, "backend": self.backend, "n_jobs": None if self.address else self.n_jobs}


def read_options(config: Mapping[str, object]) -> Options:
    """The options of a composed configuration; InputError names what is wrong with them."""
    known_keys("", config, [*KEYS, "engine", "parallel", "output", *SWITCHES])
    asked = checked("engine", config["engine"], checks.choice(["auto", *engines.ENGINES]))
    auto = asked == "auto"
    fastest = min(engines.ENGINES.values(), key=lambda engine: engine.seconds).name
    parallel = checked("parallel", config["parallel"], checks.instance(dict, ", ".join(["auto", *BACKENDS])))
    backend = BACKENDS.get(str(parallel.get("backend"))) or Backend(name="auto", workers="", trains="")
    given = section("parallel", parallel, {**PARALLEL, **backend.settings})
    settings, n_jobs = backend.read({name: given[name] for name in backend.settings}), given["n_jobs"]
    elsewhere = settings.get("address")
    if elsewhere and n_jobs is not None:
        raise InputError(f"parallel.n_jobs={n_jobs} would do nothing at {elsewhere}, which has its own workers")
    output = checked("output", config["output"], checks.optional(path)) or Path("results", str(config["name"]))
    switches = {name: checked(name, config[name], checks.switch) for name in SWITCHES}
    return Options(
        engine=fastest if auto else asked, auto=auto, backend=backend.name, settings=settings, batch=given["batch"],
        n_jobs=n_jobs or (1 if elsewhere else available_cores()), output=output, **switches,
    )  # fmt: skip


def refuse_broken(engine: str) -> None:
    """InputError for an engine that cannot be loaded."""
    if fault := engines.ENGINES[engine].fault:
        allowed = ", ".join(name for name, each in engines.ENGINES.items() if not each.fault)
        raise InputError(f"engine={engine} cannot be loaded: {fault}; allowed: {allowed}")


def backend_for(engine: str, todo: Iterable[Left]) -> str:
    """The best backend for an engine and an amount of work."""
    # Threads begin at once; but what surrounds the engine holds the interpreter's lock: processes finish a long run a
    # fifth sooner.
    work = sum(left.trainings * seconds(left.first.condition, engine) for left in todo)
    return "threads" if engines.ENGINES[engine].threads and work < LONG else "loky"
