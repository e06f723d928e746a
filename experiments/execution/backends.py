"""Backends: who trains the batches of a study beside each other. Each is an entry, and a file in conf/parallel."""

import importlib.util
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any

from analysis.data.door import read_json
from analysis.entry import InputError
from experiments.study.batches import Batch, Results
from experiments.study.checked import checked, path
from nnxor import checks
from nnxor.registry import Registry


@dataclass(frozen=True, kw_only=True)
class Backend:
    """A way to train batches beside each other.

    trains: 'module:function', imported when it is first used: (batches, engine, n_jobs, **settings) to results as they
        come, in any order; batches are taken only as they are needed. RunError if workers keep dying, or are not there.
    read: what `trains` is given of its settings, by name; an `address` says that workers are not of this machine.
    """

    name: str
    workers: str  # what a user is told that trains, after a number
    trains: str
    settings: Mapping[str, checks.Check] = field(default_factory=dict)  # what its configuration holds of its own
    read: Callable[[Mapping[str, Any]], dict[str, Any]] = dict


def execute(batches: Iterable[Batch], engine: str, backend: str, n_jobs: int, **settings: Any) -> Results:
    """Train the batches with a backend (see `Backend.trains`)."""
    results: Results = resolve_name(BACKENDS[backend].trains)(batches, engine, n_jobs, **settings)
    return results


scheduler = checks.allowing(  # the address of a dask scheduler, or None
    lambda value: value is None or bool(re.fullmatch(r"(tcp|tls|ucx|ws|wss)://\S+:\d+", str(value))),
    "tcp://HOST:PORT, tls://HOST:PORT",
)


def read_cluster(given: Mapping[str, Any]) -> dict[str, Any]:
    """Where parallel=dask finds the scheduler (None: a local one is started), and how many seconds it waits for it."""
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
    return {"address": checked("parallel.address", address, scheduler), "wait": given["wait"]}


BACKENDS = Registry(
    "parallel.backend",
    Backend(name="threads", workers="threads", trains="experiments.execution.parallel:on_threads"),
    Backend(name="loky", workers="processes", trains="experiments.execution.parallel:on_processes"),
    Backend(name="dask", workers="dask workers", trains="experiments.execution.cluster:stream", read=read_cluster,
            settings={"address": scheduler, "scheduler_file": checks.optional(path), "wait": checks.positive}),
)  # fmt: skip
