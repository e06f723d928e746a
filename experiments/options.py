"""How a study is run: everything on the command line that never changes what comes out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from experiments.errors import InputError
from experiments.fields import known_keys, switch, whole
from experiments.study import KEYS
from nnxor import engines

BACKENDS = ("auto", "threads", "loky")
SWITCHES = ("dry_run", "report", "overwrite")


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
    batch: int | None
    output: Path
    dry_run: bool
    report: bool
    overwrite: bool


def read_options(config: Mapping[str, object]) -> Options:
    """The options of a composed configuration; InputError names what is wrong with them."""
    known_keys("", config, [*KEYS, "engine", "parallel", "output", *SWITCHES])
    engine, note = _engine(config["engine"])
    parallel = config["parallel"]
    if not isinstance(parallel, dict):
        raise InputError(f"parallel={parallel} is not allowed; allowed: {', '.join(BACKENDS)}")
    known_keys("parallel", parallel, ["backend", "n_jobs", "batch"])
    backend = parallel.get("backend")
    if backend not in BACKENDS:
        raise InputError(f"parallel.backend={backend} is not allowed; allowed: {', '.join(BACKENDS)}")
    if backend == "auto":
        backend = "threads" if engine == "numba" else "loky"
    n_jobs, batch = parallel.get("n_jobs"), parallel.get("batch")
    switches = {name: switch(name, config[name]) for name in SWITCHES}
    return Options(
        engine=engine,
        auto=config["engine"] == "auto",
        note=note,
        backend=str(backend),
        n_jobs=available_cores() if n_jobs is None else whole("parallel.n_jobs", n_jobs, 1, 4096),
        batch=None if batch is None else whole("parallel.batch", batch, 1, 2**20),
        output=_output(config["output"], str(config["name"])),
        **switches,
    )


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    if not isinstance(value, str | int | float) or isinstance(value, bool) or not text.strip() or "\0" in text:
        raise InputError(f"{key}={value!r} is not allowed; allowed: a path")
    return Path(text)
