"""The figure of a benchmark's folder: `python -m analysis.speed DIR` draws speed.png and speed.svg there again."""

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.data.door import FolderError, read_text
from analysis.entry import command
from analysis.figures.layout import footnote
from analysis.figures.shapes import Mark, forests
from analysis.figures.style import SERIES, looks, save, styled

NAME, WHOLE, NUMBER = "a name", "an integer above 0", "a number above 0"
COLUMNS = {"hidden": WHOLE, "epochs": WHOLE, "contender": NAME, "cores": WHOLE}
COLUMNS |= dict.fromkeys(("ms_min", "ms_max", "trainings_per_s"), NUMBER)  # and what is allowed in them


def write_figure(folder: Path) -> Path:
    """Draw the figure of a folder that `experiments.benchmark` wrote; FolderError if it is none, or takes no figure."""
    figure = speed(load_engines(folder))
    try:
        save(figure, folder, "speed")
    except OSError as error:
        raise FolderError(f"the figure cannot be written to {folder}: {error}") from None
    return folder / "speed.png"


def load_engines(folder: Path) -> pd.DataFrame:
    """A row a contender, width and number of cores."""
    path = folder / "engines.csv"
    try:
        engines = pd.read_csv(io.StringIO(read_text(path)))
    except FileNotFoundError:
        how = f"`python -m experiments.benchmark output={folder}` writes it"
        raise FolderError(f"{path} does not exist; {how}") from None
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} is no table of a benchmark: {error}") from None
    if missing := [name for name in COLUMNS if name not in engines]:
        raise FolderError(f"{path} is no table of a benchmark: it lacks {', '.join(missing)}")
    if not len(engines):
        raise FolderError(f"{path} holds no rows")
    for name, allowed in COLUMNS.items():
        numbers = pd.to_numeric(engines[name], errors="coerce").to_numpy(np.float64)
        fine = np.isfinite(numbers) & (numbers > 0) & ((np.floor(numbers) == numbers) | (allowed == NUMBER))
        if allowed == NAME:
            fine = engines[name].map(lambda value: isinstance(value, str)).to_numpy(np.bool_)
        if not fine.all():
            row = int(np.argmin(fine))
            value = engines[name].iloc[row]
            raise FolderError(f"{path}, row {row + 1}: {name}={value} is not allowed; allowed: {allowed}")
    return engines


@styled
def speed(engines: pd.DataFrame) -> Figure:
    """Trainings per second of each contender on a log scale, a panel a width; lines from slowest to fastest round."""
    names, cores = (list(dict.fromkeys(engines[each])) for each in ("contender", "cores"))
    parts = []
    for hidden in dict.fromkeys(engines["hidden"]):
        mine = engines[engines["hidden"] == hidden].set_index(["contender", "cores"])
        rows = [[_mark(mine.loc[(name, n)]) if (name, n) in mine.index else None for n in cores] for name in names]
        parts.append((f"{hidden} hidden units", names, rows))
    figure, axes = forests(parts, looks([f"{n} core{'s' * (n > 1)}" for n in cores]), "trainings per second")
    for ax in axes:
        ax.set_xscale("log")
        for label in ax.get_yticklabels():
            label.set_color(SERIES[0] if label.get_text().startswith("engine") else "#555555")
    axes[0].set_xlim(engines["trainings_per_s"].min() / 2, engines["trainings_per_s"].max() * 3)
    epochs = ", ".join(f"{value:,}" for value in dict.fromkeys(engines["epochs"]))
    footnote(
        figure,
        f"A training has {epochs} epochs (XOR, weights from U(\N{MINUS SIGN}1, 1), lr 0.1). In full: every epoch of "
        "every unit; no jump: without units that are dead for ever. Medians of the rounds of one run on one machine, "
        "with the number; lines reach from the slowest to the fastest round.",
    )
    return figure


def _mark(row: pd.Series) -> Mark:
    at, high = float(row["trainings_per_s"]), 1e3 / float(row["ms_min"])
    return Mark(at, 1e3 / float(row["ms_max"]), high, beside=number(at))


def number(per_s: float) -> str:
    """A rate as people read it: 1.7, 23, 4,300."""
    return f"{per_s:.1f}" if per_s < 10 else f"{float(f'{per_s:.2g}'):,.0f}"


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    what = "Draws the figure of a folder that experiments.benchmark wrote: speed.png and speed.svg, there."
    path = {"metavar": "DIR", "help": "the folder"}
    return command("analysis.speed", what, lambda folder: [f"figure: {write_figure(folder)}"], arguments, **path)


if __name__ == "__main__":
    sys.exit(main())
