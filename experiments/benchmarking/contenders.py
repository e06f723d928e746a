"""Who takes part in the benchmark, and how long each takes for a training."""

import importlib.util
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from experiments.benchmarking import baselines
from experiments.execution.options import available_cores
from experiments.study import catalog
from experiments.study.batches import LARGEST
from nnxor import engines
from nnxor.condition import Condition
from nnxor.engines import compiled
from nnxor.network.draws import Weights, draw

Row = dict[str, Any]

INIT, LR = "uniform", 0.1
"""Of the condition that everybody trains."""

CONDITIONS = tuple((init, lr) for init in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2))
"""The default study's, for each width."""

IN_STUDY = 1000
"""Its trainings of a condition, which are a batch."""

NUMPY_LOOP, PYTORCH_LOOP, JAX = "article's loop, NumPy", "article's loop, PyTorch", "JAX, vmap + scan"
NUMBA, NO_JUMP, IN_FULL = "engine numba", "engine numba, no jump", "engine numba, in full"

LEFT_OUT: dict[str, dict[str, bool]] = {
    "in full": {"jump": False, "drop": False},
    "dead units": {"jump": False},
    "repeats": {"drop": False},
    "both": {},
}
"""What the numba engine leaves out, and the options of `nnxor.engines.compiled.train` for it."""


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
        found.append(Contender(JAX, cores, 1024, 0.2, baselines.vmapped_jax))
    for name, engine, trainings, share, options in (
        ("engine reference", "reference", 1, 0.2, {}),
        ("engine numpy", "numpy", 512, 0.05, {}),
        (IN_FULL, "numba", 4 * LARGEST, 1.0, LEFT_OUT["in full"]),
        (NO_JUMP, "numba", 4 * LARGEST, 1.0, LEFT_OUT["dead units"]),
        (NUMBA, "numba", 4 * LARGEST, 1.0, {}),
    ):
        found += [Contender(name, n, n * trainings, share, _in_batches(engine, n, options)) for n in sorted({1, cores})]
    return found


def _in_batches(name: str, cores: int, options: Mapping[str, bool]) -> Callable[[Condition, Weights], object]:
    """The engine on some cores, in batches as in a study: threads for the compiled one, processes for the others."""
    backend = "threading" if name == "numba" else "loky"

    def train(condition: Condition, weights: Weights) -> object:
        n = max(cores, -(-weights.n_networks // LARGEST))
        parts = [weights.take(part) for part in np.array_split(np.arange(weights.n_networks), n)]
        engine: Callable[..., object] = engines.load(name)
        jobs = (delayed(engine)(condition, part, **options) for part in parts)
        return Parallel(n_jobs=cores, backend=backend)(jobs)

    return train


def time_width(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a contender: the median, over rounds, of the seconds that one training of `epochs` epochs takes."""
    everybody = contenders()
    seconds: list[list[float]] = [[] for _ in everybody]
    for round_ in range(repeats + 1):  # the first round warms up: it compiles, and starts workers
        for contender, taken in zip(everybody, seconds, strict=True):
            part = max(1, round(epochs * contender.share))
            condition = Condition(hidden=hidden, init=catalog.init(INIT), lr=LR, epochs=part)
            weights = draw(condition.init, 2, hidden, range(contender.trainings))
            began = time.perf_counter()
            contender.train(condition, weights)
            if round_:
                taken.append((time.perf_counter() - began) / contender.trainings * epochs / part)
    return [
        {"hidden": hidden, "epochs": epochs, "contender": contender.name, "cores": contender.cores, **_times(taken)}
        for contender, taken in zip(everybody, seconds, strict=True)
    ]


def time_left_out(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a condition of the default study and thing left out: CPU seconds of the numba engine on one core."""
    train: Callable[..., object] = compiled.train
    rows = []
    for init, lr in CONDITIONS:
        condition = Condition(hidden=hidden, init=catalog.init(init), lr=lr, epochs=epochs)
        weights = draw(condition.init, 2, hidden, range(IN_STUDY))
        seconds: dict[str, list[float]] = {name: [] for name in LEFT_OUT}
        for _ in range(repeats):
            for name, options in LEFT_OUT.items():
                began = time.thread_time()
                train(condition, weights, **options)
                seconds[name].append((time.thread_time() - began) / IN_STUDY)
        where = {"hidden": hidden, "epochs": epochs, "init": init, "lr": lr}
        rows += [{**where, "left_out": name, **_times(taken)} for name, taken in seconds.items()]
    return rows


def _times(seconds: list[float]) -> Row:
    """The columns of what a training took in each round."""
    median = statistics.median(seconds)
    return {
        "ms_per_training": median * 1e3,
        "ms_min": min(seconds) * 1e3,
        "ms_max": max(seconds) * 1e3,
        "trainings_per_s": 1 / median,
    }
