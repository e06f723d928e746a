"""`python -m experiments.benchmark`: every engine against what people use, in one run on one machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cli import start
from experiments.errors import DONE, InputError

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.draws import Weights

COLUMNS = ["hidden", "init", "lr", "contender", "cores", "ms_per_training", "ms_min", "ms_max", "trainings_per_s"]

LR = 0.1
INIT = "uniform"

CONDITIONS = tuple((init, lr) for init in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2))
"""The default study's, for each width."""

IN_STUDY = 1000
"""Its trainings of a condition, which are a batch."""

JUMP, NO_JUMP = "engine numba", "engine numba, no jump"


@dataclass(frozen=True)
class Contender:
    """Somebody who trains: a name, how many cores, trainings at once, the share of the epochs timed, and how."""

    name: str
    cores: int
    trainings: int
    share: float
    train: Callable[[Condition, Weights], object]


def main() -> None:
    """The command."""
    start("benchmark", benchmark)


def benchmark(config: Mapping[str, Any]) -> int:
    """Time all contenders for each width; print a table and write a CSV file."""
    from experiments.fields import MAX_EPOCHS, known_keys, whole
    from experiments.options import read_path
    from experiments.progress import say

    known_keys("", config, ["hidden", "epochs", "repeats", "output"])
    widths = config["hidden"] if isinstance(config["hidden"], list) else [config["hidden"]]
    for value in widths:
        whole("hidden", value, 1, 4096)
    epochs, repeats = whole("epochs", config["epochs"], 1, MAX_EPOCHS), whole("repeats", config["repeats"], 1, 1000)
    output = read_path("output", config["output"])
    if not widths or output.is_dir():
        raise InputError("hidden=[] is empty" if not widths else f"output={output} is a folder; allowed: a file")
    write_csv(output, [])  # refuse a bad path before the work, not after it
    rows = []
    for hidden in widths:
        timed = time_width(hidden, epochs, repeats)
        say("\n".join(table(timed, epochs)))
        jumps = time_jumps(hidden, epochs, repeats)
        say("\n".join(jump_table(jumps, epochs)))
        rows += timed + jumps
    write_csv(output, rows)
    say(f"figures: {output}")
    return DONE


def contenders() -> list[Contender]:
    """Everybody who is installed; the article's loop in NumPy first, as the measure of the others."""
    import importlib.util

    from experiments import peers
    from experiments.options import available_cores

    cores = available_cores()
    found = [Contender("article's loop, NumPy", 1, 1, 0.2, peers.article_numpy)]
    if importlib.util.find_spec("torch"):
        found.append(Contender("article's loop, PyTorch", 1, 1, 0.2, peers.article_pytorch))
    if importlib.util.find_spec("jax"):
        found.append(Contender("JAX, vmap + scan", cores, 1024, 0.2, peers.vmapped_jax))
    for name, engine, trainings, share in (
        ("engine reference", "reference", 1, 0.2),
        ("engine numpy", "numpy", 512, 0.05),
        (NO_JUMP, "numba", 2048, 1.0),
        (JUMP, "numba", 2048, 1.0),
    ):
        options = {"jump": False} if name == NO_JUMP else {}
        found.append(Contender(name, 1, trainings, share, _engine(engine, options)))
        if cores > 1:
            found.append(Contender(name, cores, cores * trainings, share, _spread(engine, cores, options)))
    return found


def _engine(name: str, options: Mapping[str, bool]) -> Callable[[Condition, Weights], object]:
    from nnxor import engines

    train: Callable[..., object] = engines.load(name)
    return partial(train, **options)


def _spread(name: str, cores: int, options: Mapping[str, bool]) -> Callable[[Condition, Weights], object]:
    """The engine on all cores: threads for the compiled one, processes for the others."""
    import numpy as np
    from joblib import Parallel, delayed

    from nnxor import engines

    backend = "threading" if name == "numba" else "loky"

    def train(condition: Condition, weights: Weights) -> object:
        parts = [weights.take(part) for part in np.array_split(np.arange(weights.n_networks), cores)]
        engine: Callable[..., object] = engines.load(name)
        jobs = (delayed(engine)(condition, part, **options) for part in parts)
        return Parallel(n_jobs=cores, backend=backend)(jobs)

    return train


def time_width(hidden: int, epochs: int, repeats: int) -> list[dict[str, Any]]:
    """A row a contender: the median, over rounds, of the seconds that one training of `epochs` epochs takes."""
    import time

    from experiments import catalog
    from nnxor.condition import Condition
    from nnxor.draws import draw

    everybody = contenders()
    seconds: dict[int, list[float]] = {number: [] for number in range(len(everybody))}
    for round_ in range(repeats + 1):  # the first round warms up: it compiles, and starts workers
        for number, contender in enumerate(everybody):
            part = max(1, round(epochs * contender.share))
            condition = Condition(hidden=hidden, init=catalog.init(INIT), lr=LR, epochs=part)
            weights = draw(condition.init, 2, hidden, range(contender.trainings))
            began = time.perf_counter()
            contender.train(condition, weights)
            if round_:
                took = time.perf_counter() - began
                seconds[number].append(took / contender.trainings * epochs / part)
    return [
        _row(hidden, INIT, LR, contender.name, contender.cores, seconds[number])
        for number, contender in enumerate(everybody)
    ]


def time_jumps(hidden: int, epochs: int, repeats: int) -> list[dict[str, Any]]:
    """Rows of the numba engine on one core, with and without the jump, on the default study's conditions."""
    import time

    from experiments import catalog
    from nnxor.condition import Condition
    from nnxor.draws import draw
    from nnxor.engines import compiled

    rows = []
    for init, lr in CONDITIONS:
        condition = Condition(hidden=hidden, init=catalog.init(init), lr=lr, epochs=epochs)
        weights = draw(condition.init, 2, hidden, range(IN_STUDY))
        seconds: dict[bool, list[float]] = {False: [], True: []}
        for _ in range(repeats):
            for jump, times in seconds.items():
                began = time.perf_counter()
                compiled.train(condition, weights, jump=jump)
                times.append((time.perf_counter() - began) / IN_STUDY)
        rows += [_row(hidden, init, lr, JUMP if jump else NO_JUMP, 1, times) for jump, times in seconds.items()]
    return rows


def _row(hidden: int, init: str, lr: float, name: str, cores: int, seconds: list[float]) -> dict[str, Any]:
    """A row of the figures, from the seconds that a training took in each round."""
    import statistics

    median = statistics.median(seconds)
    return {
        "hidden": hidden,
        "init": init,
        "lr": lr,
        "contender": name,
        "cores": cores,
        "ms_per_training": median * 1e3,
        "ms_min": min(seconds) * 1e3,
        "ms_max": max(seconds) * 1e3,
        "trainings_per_s": 1 / median,
    }


def table(chosen: list[dict[str, Any]], epochs: int) -> list[str]:
    """The rows of one width as lines of text, with the ratios to the article's loop and to JAX."""
    by_name = {row["contender"]: row["ms_per_training"] for row in chosen}
    measures = [
        name for name in ("article's loop, PyTorch", "article's loop, NumPy", "JAX, vmap + scan") if name in by_name
    ]
    short = {"article's loop, PyTorch": "x PyTorch", "article's loop, NumPy": "x NumPy", "JAX, vmap + scan": "x JAX"}
    lines = ["", f"{chosen[0]['hidden']} hidden units, {epochs:,} epochs a training (init {INIT}, lr {LR})"]
    lines.append(f"{'':<24}{'cores':>6}{'ms':>11}" + "".join(f"{short[name]:>11}" for name in measures))
    for row in chosen:
        ratios = "".join(f"{by_name[name] / row['ms_per_training']:>11,.3g}" for name in measures)
        lines.append(f"{row['contender']:<24}{row['cores']:>6}{row['ms_per_training']:>11.4g}{ratios}")
    return lines


def jump_table(rows: list[dict[str, Any]], epochs: int) -> list[str]:
    """The rows of `time_jumps` as lines of text, with how many times faster the jump makes each condition."""
    title = f"{rows[0]['hidden']} hidden units, {epochs:,} epochs, the default study's conditions on 1 core, ms"
    lines = ["", title, f"{'init':<10}{'lr':>6}{NO_JUMP:>24}{JUMP:>15}{'x faster':>11}"]
    sums = [0.0, 0.0]
    for without, with_ in zip(rows[::2], rows[1::2], strict=True):
        pair = (without["ms_per_training"], with_["ms_per_training"])
        sums = [a + b for a, b in zip(sums, pair, strict=True)]
        condition = f"{without['init']:<10}{without['lr']:>6}"
        lines.append(f"{condition}{pair[0]:>24.4g}{pair[1]:>15.4g}{pair[0] / pair[1]:>11.3g}")
    lines.append(f"{'all':<16}{sums[0]:>24.4g}{sums[1]:>15.4g}{sums[0] / sums[1]:>11.3g}")
    return lines


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the figures, a row a contender and width."""
    import csv

    from experiments.files import replacing

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)
    except OSError as error:
        raise InputError(f"output={path} cannot be written: {error.strerror or error}") from None


if __name__ == "__main__":
    main()
