"""The figure of a benchmark's folder: `python -m analysis.speed DIR` draws speed.png and speed.svg there again."""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.door import FolderError, read_text
from analysis.entry import command
from analysis.figures.speedup import speed
from analysis.figures.style import save

COLUMNS = ("hidden", "epochs", "contender", "cores", "ms_min", "ms_max", "trainings_per_s")
WHOLE = ("hidden", "epochs", "cores")


def write_figure(folder: Path) -> None:
    """Draw the figure of a folder that `experiments.benchmark` wrote; FolderError if it is none, or takes no figure."""
    figure = speed(load_engines(folder))
    try:
        save(figure, folder, "speed")
    except OSError as error:
        raise FolderError(f"the figure cannot be written to {folder}: {error}") from None


def load_engines(folder: Path) -> pd.DataFrame:
    """A row a contender, width and number of cores."""
    path = folder / "engines.csv"
    try:
        engines = pd.read_csv(io.StringIO(read_text(path)))
    except FileNotFoundError:
        raise FolderError(
            f"{path} does not exist; `python -m experiments.benchmark output={folder}` writes it"
        ) from None
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} is no table of a benchmark: {error}") from None
    if missing := [name for name in COLUMNS if name not in engines]:
        raise FolderError(f"{path} is no table of a benchmark: it lacks {', '.join(missing)}")
    if not len(engines):
        raise FolderError(f"{path} holds no rows")
    for name in COLUMNS:
        bad = np.flatnonzero(~_fine(engines[name]))
        if len(bad):
            allowed = "a name" if name == "contender" else f"{'an integer' if name in WHOLE else 'a number'} above 0"
            value = engines[name].iloc[bad[0]]
            raise FolderError(f"{path}, row {bad[0] + 1}: {name}={value} is not allowed; allowed: {allowed}")
    return engines


def _fine(values: pd.Series) -> NDArray[np.bool_]:
    if values.name == "contender":
        return values.map(lambda value: isinstance(value, str)).to_numpy(np.bool_)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(np.float64)
    whole = np.full(len(numbers), values.name not in WHOLE) | (np.floor(numbers) == numbers)
    return np.asarray(np.isfinite(numbers) & (numbers > 0) & whole, np.bool_)


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    what = "Draws the figure of a folder that experiments.benchmark wrote: speed.png and speed.svg, there."
    return command("analysis.speed", what, written, arguments, metavar="DIR", help="the folder")


def written(folder: Path) -> Iterator[str]:
    """Write the figure; FolderError where that cannot be."""
    write_figure(folder)
    yield f"figure: {folder / 'speed.png'}"


if __name__ == "__main__":
    sys.exit(main())
