"""The figure of a benchmark's folder: `python -m analysis.speed DIR` draws speed.png and speed.svg there again."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

from analysis.figures.speed import speed
from analysis.figures.style import save
from analysis.trials import FolderError

COLUMNS = ("hidden", "epochs", "contender", "cores", "ms_min", "ms_max", "trainings_per_s")


def write_figure(folder: Path) -> None:
    """Draw the figure of a folder that `experiments.benchmark` wrote; FolderError if it is none."""
    save(speed(load_engines(folder)), folder, "speed")


def load_engines(folder: Path) -> pd.DataFrame:
    """A row a contender, width and number of cores."""
    path = folder / "engines.csv"
    try:
        engines = pd.read_csv(path)
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
    return engines


def main() -> int:
    """The command."""
    if len(sys.argv) != 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    try:
        write_figure(Path(sys.argv[1]))
    except FolderError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
