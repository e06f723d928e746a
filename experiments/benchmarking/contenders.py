"""Who takes part in the benchmark, and how long each takes for a training."""

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from analysis.data.processes import available_cores
from experiments.benchmarking import baselines
from experiments.study import catalog
from experiments.study.batches import LARGEST
from nnxor import engines
from nnxor.condition import Condition
from nnxor.network.draws import Weights, draw

Row = dict[str, Any]
INIT, LR = "uniform", 0.1  # of the condition that everybody trains
CONDITIONS = tuple((init, lr) for init in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2))  # of the default study
IN_STUDY = 1000  # its trainings of a condition, which are a batch
NUMPY_LOOP, PYTORCH_LOOP, JAX = "article's loop, NumPy", "article's loop, PyTorch", "JAX, vmap + scan"

CORES = sorted({1, available_cores()})  # on which each engine is timed

LEFT_OUT: dict[str, dict[str, bool]] = {
    "in full": {"jump": False, "drop": False},
    "dead units": {"jump": False},
    "repeats": {"drop": False},
    "both": {},
}
"""What the numba engine leaves out, and the options of `nnxor.engines.engine_numba.train` for it."""

KINDS: dict[str, dict[str, Any]] = {
    "gd": {},
    "mse": {"loss": "mse"},
    "leaky_relu": {"activation": "leaky_relu"},
    "momentum": {"optimizer": "momentum"},
    "adam": {"optimizer": "adam"},
    "tanh": {"activation": "tanh"},
    "sigmoid": {"activation": "sigmoid"},
    "bce": {"output": "sigmoid", "loss": "bce"},
    "adam, bce, tanh": {"optimizer": "adam", "output": "sigmoid", "loss": "bce", "activation": "tanh"},
    "parity3": {"task": "parity3"},
    **{f"batches of {n}": {"batch_size": n} for n in (1, 2, 3)},
}
"""Kinds of condition, names and fields; beside them lr 0.01 and weights from U(−1, 1)."""


@dataclass(frozen=True)
class Contender:
    """A contender: name, trainings at once, the share of the epochs timed, how it trains, a package needed, cores."""

    name: str
    trainings: int
    share: float
    train: Callable[..., object]
    needs: str = "numpy"
    cores: int = 1


def in_batches(name: str, cores: int, options: Mapping[str, bool], condition: Condition, weights: Weights) -> object:
    """Train in batches as in a study, on some cores: threads for the compiled engine, processes for the others."""
    backend, n = "threading" if engines.ENGINES[name].threads else "loky", max(cores, -(-weights.n_networks // LARGEST))
    parts = [(weights.take(seeds), seeds) for seeds in np.array_split(np.arange(weights.n_networks), n)]
    engine: Callable[..., object] = engines.load(name)
    return Parallel(n_jobs=cores, backend=backend)(delayed(engine)(condition, *part, **options) for part in parts)


def of_engine(name: str, engine: str, trainings: int, share: float, cores: int = 1, **options: bool) -> Contender:
    """An engine of this project on some cores, each of them with so many trainings."""
    needs, train = engines.ENGINES[engine].needs or "numpy", partial(in_batches, engine, cores, options)
    return Contender(name, cores * trainings, share, train, needs, cores)


VMAPPED = Contender(JAX, 1024, 0.2, baselines.vmapped_jax, "jax", CORES[-1])
OF_KIND = (
    of_engine("engine numba", "numba", LARGEST, 1.0),
    VMAPPED,
    Contender("PyTorch, autograd", 1, 0.05, baselines.autograd_pytorch, "torch"),
)


def contenders() -> list[Contender]:
    """Everybody; the article's loop in NumPy first, as the measure of the others."""
    return [
        Contender(NUMPY_LOOP, 1, 0.2, baselines.article_numpy),
        Contender(PYTORCH_LOOP, 1, 0.2, baselines.article_pytorch, "torch"),
        VMAPPED,
        *(of_engine("engine reference", "reference", 1, 0.2, n) for n in CORES),
        *(of_engine("engine numpy", "numpy", 512, 0.05, n) for n in CORES),
        *(of_engine("engine numba, in full", "numba", 4 * LARGEST, 1.0, n, **LEFT_OUT["in full"]) for n in CORES),
        *(of_engine("engine numba, no jump", "numba", 4 * LARGEST, 1.0, n, **LEFT_OUT["dead units"]) for n in CORES),
        *(of_engine("engine numba", "numba", 4 * LARGEST, 1.0, n) for n in CORES),
    ]


Case = tuple[Row, Contender, dict[str, Any]]  # labels, who trains, and the fields of what is trained


def by_contender() -> Iterator[Case]:
    """Everybody, with the condition that all train."""
    for each in contenders():
        yield {"contender": each.name, "cores": each.cores}, each, {"init": catalog.init(INIT), "lr": LR}


def by_what_is_left_out() -> Iterator[Case]:
    """The numba engine on one core: the conditions of the default study, and what it leaves out."""
    for (init, lr), (name, options) in product(CONDITIONS, LEFT_OUT.items()):
        who = of_engine("engine numba", "numba", IN_STUDY, 1.0, **options)
        yield {"init": init, "lr": lr, "left_out": name}, who, {"init": catalog.init(init), "lr": lr}


def by_kind() -> Iterator[Case]:
    """Kinds of condition, and the contenders of `OF_KIND`; JAX trains full batches only."""
    for (kind, fields), who in product(KINDS.items(), OF_KIND):
        if who is not VMAPPED or "batch_size" not in fields:
            task = catalog.task(fields.get("task", "xor"))
            yield {"kind": kind, "contender": who.name}, who, {"lr": 0.01, **fields, "task": task}


TABLES: dict[str, tuple[Callable[[], Iterator[Case]], Callable[[], float]]] = {
    "engines": (by_contender, time.perf_counter),
    "left_out": (by_what_is_left_out, time.thread_time),
    "kinds": (by_kind, time.process_time),
}
"""What is timed for each width, and by which clock: that on the wall, of one thread, or of all threads."""


def timed(table: str, hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a case whose contender is installed: the median of what a training of `epochs` epochs takes.

    Rounds go through all cases; before them is one that compiles and starts workers.
    """
    cases, clock = TABLES[table]
    work = list[tuple[Row, Callable[[], object], float, list[float]]]()
    for labels, who, fields in cases():
        if importlib.util.find_spec(who.needs):
            condition = Condition(hidden=hidden, epochs=max(1, round(epochs * who.share)), **fields)
            weights = draw(condition.init, condition.task.n_inputs, hidden, range(who.trainings))
            scale = epochs / condition.epochs / who.trainings
            row = {"hidden": hidden, "epochs": epochs, **labels}
            work.append((row, partial(who.train, condition, weights), scale, []))
    for round_ in range(repeats + 1):
        for _, train, scale, times in work:
            began = clock()
            train()
            if round_:
                times.append((clock() - began) * scale)
    rows = []
    for row, _, _, times in work:
        median, span = statistics.median(times), {"ms_min": min(times) * 1e3, "ms_max": max(times) * 1e3}
        rows.append({**row, "ms_per_training": median * 1e3, **span, "trainings_per_s": 1 / median})
    return rows
