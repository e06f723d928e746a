"""`python -m experiments.benchmark`: every engine against what people use, in one run on one machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cli import start
from experiments.errors import DONE, InputError

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.draws import Weights

COLUMNS = ["hidden", "contender", "cores", "ms_per_training", "ms_min", "ms_max", "trainings_per_s"]

LR = 0.1
INIT = "uniform"


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
        rows += time_width(hidden, epochs, repeats)
        say("\n".join(table(rows, hidden, epochs)))
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
    for name, trainings, share in (("reference", 1, 0.2), ("numpy", 512, 0.05), ("numba", 2048, 1.0)):
        found.append(Contender(f"engine {name}", 1, trainings, share, _engine(name)))
        if cores > 1:
            found.append(Contender(f"engine {name}", cores, cores * trainings, share, _spread(name, cores)))
    return found


def _engine(name: str) -> Callable[[Condition, Weights], object]:
    from nnxor import engines

    train = engines.load(name)
    return lambda condition, weights: train(condition, weights)


def _spread(name: str, cores: int) -> Callable[[Condition, Weights], object]:
    """The engine on all cores: threads for the compiled one, processes for the others."""
    import numpy as np
    from joblib import Parallel, delayed

    from nnxor import engines

    backend = "threading" if name == "numba" else "loky"

    def train(condition: Condition, weights: Weights) -> object:
        parts = [weights.take(part) for part in np.array_split(np.arange(weights.n_networks), cores)]
        jobs = (delayed(engines.load(name))(condition, part) for part in parts)
        return Parallel(n_jobs=cores, backend=backend)(jobs)

    return train


def time_width(hidden: int, epochs: int, repeats: int) -> list[dict[str, Any]]:
    """A row a contender: the median, over rounds, of the seconds that one training of `epochs` epochs takes."""
    import statistics
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
    rows = []
    for number, contender in enumerate(everybody):
        median = statistics.median(seconds[number])
        rows.append(
            {
                "hidden": hidden,
                "contender": contender.name,
                "cores": contender.cores,
                "ms_per_training": median * 1e3,
                "ms_min": min(seconds[number]) * 1e3,
                "ms_max": max(seconds[number]) * 1e3,
                "trainings_per_s": 1 / median,
            }
        )
    return rows


def table(rows: list[dict[str, Any]], hidden: int, epochs: int) -> list[str]:
    """The rows of one width as lines of text, with the ratios to the article's loop and to JAX."""
    chosen = [row for row in rows if row["hidden"] == hidden]
    by_name = {row["contender"]: row["ms_per_training"] for row in chosen}
    measures = [
        name for name in ("article's loop, PyTorch", "article's loop, NumPy", "JAX, vmap + scan") if name in by_name
    ]
    short = {"article's loop, PyTorch": "x PyTorch", "article's loop, NumPy": "x NumPy", "JAX, vmap + scan": "x JAX"}
    lines = ["", f"{hidden} hidden units, {epochs:,} epochs a training"]
    lines.append(f"{'':<24}{'cores':>6}{'ms':>11}" + "".join(f"{short[name]:>11}" for name in measures))
    for row in chosen:
        ratios = "".join(f"{by_name[name] / row['ms_per_training']:>11,.3g}" for name in measures)
        lines.append(f"{row['contender']:<24}{row['cores']:>6}{row['ms_per_training']:>11.4g}{ratios}")
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
