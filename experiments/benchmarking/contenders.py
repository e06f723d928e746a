"""Who takes part in the benchmark, and how long each takes for a training."""

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, cast

import numpy as np
from joblib import Parallel, delayed

from analysis.data.processes import available_cores
from experiments.benchmarking import baselines
from experiments.study import catalog
from experiments.study.batches import LARGEST
from nnxor import engines
from nnxor.condition import Condition
from nnxor.engines import engine_numba
from nnxor.network.draws import Weights, draw

Row = dict[str, Any]
Work = tuple[Row, Callable[[], object], float]  # labels, something to time, and what its seconds are multiplied by
INIT, LR = "uniform", 0.1  # of the condition that everybody trains
CONDITIONS = tuple((init, lr) for init in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2))  # of the default study
IN_STUDY = 1000  # its trainings of a condition, which are a batch
NUMPY_LOOP, PYTORCH_LOOP, JAX = "article's loop, NumPy", "article's loop, PyTorch", "JAX, vmap + scan"
PYTORCH = "PyTorch, autograd"

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

OF_JAX = 1024  # trainings at once, by JAX


@dataclass(frozen=True)
class Contender:
    """Somebody who trains: a name, how many cores, trainings at once, the share of the epochs timed, and how."""

    name: str
    cores: int
    trainings: int
    share: float
    train: Callable[[Condition, Weights], object]


def contenders() -> list[Contender]:
    """Everybody who is installed; the article's loop in NumPy first, as the measure of the others."""
    cores = available_cores()
    found = [Contender(NUMPY_LOOP, 1, 1, 0.2, baselines.article_numpy)]
    if importlib.util.find_spec("torch"):
        found.append(Contender(PYTORCH_LOOP, 1, 1, 0.2, baselines.article_pytorch))
    if importlib.util.find_spec("jax"):
        found.append(Contender(JAX, cores, OF_JAX, 0.2, baselines.vmapped_jax))
    for name, engine, trainings, share, options in (
        ("engine reference", "reference", 1, 0.2, {}),
        ("engine numpy", "numpy", 512, 0.05, {}),
        ("engine numba, in full", "numba", 4 * LARGEST, 1.0, LEFT_OUT["in full"]),
        ("engine numba, no jump", "numba", 4 * LARGEST, 1.0, LEFT_OUT["dead units"]),
        ("engine numba", "numba", 4 * LARGEST, 1.0, {}),
    ):
        found += [Contender(name, n, n * trainings, share, _in_batches(engine, n, options)) for n in sorted({1, cores})]
    return found


def _in_batches(name: str, cores: int, options: Mapping[str, bool]) -> Callable[[Condition, Weights], object]:
    """The engine on some cores, in batches as in a study: threads for the compiled one, processes for the others."""
    backend = "threading" if engines.ENGINES[name].threads else "loky"

    def train(condition: Condition, weights: Weights) -> object:
        n = max(cores, -(-weights.n_networks // LARGEST))
        parts = [weights.take(part) for part in np.array_split(np.arange(weights.n_networks), n)]
        engine: Callable[..., object] = engines.load(name)
        jobs = (delayed(engine)(condition, part, **options) for part in parts)
        return Parallel(n_jobs=cores, backend=backend)(jobs)

    return train


def timed(work: Sequence[Work], repeats: int, clock: Callable[[], float]) -> list[Row]:
    """A row a piece of work: what a training took in each round, after one that compiles and starts workers."""
    taken: list[list[float]] = [[] for _ in work]
    for round_ in range(repeats + 1):
        for (_, do, scale), times in zip(work, taken, strict=True):
            began = clock()
            do()
            if round_:
                times.append((clock() - began) * scale)
    rows = []
    for (labels, *_), seconds in zip(work, taken, strict=True):
        median, span = statistics.median(seconds), {"ms_min": min(seconds) * 1e3, "ms_max": max(seconds) * 1e3}
        rows.append({**labels, "ms_per_training": median * 1e3, **span, "trainings_per_s": 1 / median})
    return rows


def drawn(condition: Condition, trainings: int) -> Weights:
    """The initial weights of the first seeds of a condition."""
    return draw(condition.init, condition.task.n_inputs, condition.hidden, range(trainings))


def time_width(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a contender: the median, over rounds, of the seconds that one training of `epochs` epochs takes."""
    work = list[Work]()
    for each in contenders():
        condition = Condition(hidden=hidden, init=catalog.init(INIT), lr=LR, epochs=max(1, round(epochs * each.share)))
        labels = {"hidden": hidden, "epochs": epochs, "contender": each.name, "cores": each.cores}
        do = partial(each.train, condition, drawn(condition, each.trainings))
        work.append((labels, do, epochs / condition.epochs / each.trainings))
    return timed(work, repeats, time.perf_counter)


def time_left_out(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a condition of the default study and thing left out: CPU seconds of the numba engine on one core."""
    work, train = list[Work](), cast(Callable[..., object], engine_numba.train)
    for init, lr in CONDITIONS:
        condition = Condition(hidden=hidden, init=catalog.init(init), lr=lr, epochs=epochs)
        weights, labels = drawn(condition, IN_STUDY), {"hidden": hidden, "epochs": epochs, "init": init, "lr": lr}
        for name, options in LEFT_OUT.items():
            do = partial(train, condition, weights, **options)
            work.append(({**labels, "left_out": name}, do, 1 / IN_STUDY))
    return timed(work, repeats, time.thread_time)


def time_kinds(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a kind and contender: the seconds of CPU that a training takes."""
    work = list[Work]()
    for (name, fields), (contender, needs, trainings, share, train) in product(KINDS.items(), OF_KIND):
        task = catalog.task(fields.get("task", "xor"))
        part = {"hidden": hidden, "epochs": max(1, round(epochs * share))}
        condition = Condition(**{"lr": 0.01, **fields, "task": task, **part})
        if importlib.util.find_spec(needs) and (condition.batch_size is None or contender != JAX):
            labels = {"hidden": hidden, "epochs": epochs, "kind": name, "contender": contender}
            do = partial(train, condition, drawn(condition, trainings))
            work.append((labels, do, epochs / condition.epochs / trainings))
    return timed(work, repeats, time.process_time)


OF_KIND: tuple[tuple[str, str, int, float, Callable[[Condition, Weights], object]], ...] = (
    (
        "engine numba",
        engines.ENGINES["numba"].needs,
        4096,
        1.0,
        lambda c, w: engine_numba.train(c, w, range(w.n_networks)),
    ),
    (JAX, "jax", OF_JAX, 0.2, baselines.vmapped_jax),
    (PYTORCH, "torch", 1, 0.05, baselines.autograd_pytorch),
)
"""Who trains kinds of condition: name, the package that it needs, trainings at once, the share of the epochs, how."""
