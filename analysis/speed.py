"""The figures of a benchmark's folder: `python -m analysis.speed DIR` draws them there again, as PNG and SVG."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.data.door import FolderError, read_text
from analysis.entry import command
from analysis.figures import layout, shapes, style
from analysis.text import words

NAME, WHOLE, NUMBER = "a name", "an integer above 0", "a number above 0"
COLUMNS = {"hidden": WHOLE, "epochs": WHOLE, "contender": NAME}  # and what is allowed in them
COLUMNS |= dict.fromkeys(("ms_min", "ms_max", "trainings_per_s"), NUMBER)
PICTURES = ("speed.png", "speed.svg", "kinds.png", "kinds.svg")


def write_figures(folder: Path) -> list[Path]:
    """Draw the figures of a folder that `experiments.benchmark` wrote; FolderError if it is none, or takes none."""
    engines, kinds = load(folder / "engines.csv", cores=WHOLE), load(folder / "kinds.csv", kind=NAME)
    weights, rate = "weights from U(\N{MINUS SIGN}1, 1), lr", "trainings per second"
    engines["cores"] = [words.counted(n, "core") for n in engines["cores"]]
    more = "In full: every epoch of every unit; no jump: without units that are dead for ever. "
    drawn = {
        "speed": draw(engines, "contender", "cores", rate, f"XOR, {weights} 0.1", more),
        "kinds": draw(kinds, "kind", "contender", f"{rate} of one core", f"{weights} 0.01"),
    }
    try:
        for name, figure in drawn.items():
            style.save(figure, folder, name)
    except OSError as error:
        raise FolderError(f"the figures cannot be written to {folder}: {error}") from None
    return [folder / f"{name}.png" for name in drawn]


def load(path: Path, **more: str) -> pd.DataFrame:
    """A table of a benchmark, with `COLUMNS` and more; FolderError says what is wrong with it."""
    columns = {**COLUMNS, **more}
    try:
        timed = pd.read_csv(io.StringIO(read_text(path)))
    except FileNotFoundError:
        how = f"`python -m experiments.benchmark output={path.parent}` writes it"
        raise FolderError(f"{path} does not exist; {how}") from None
    except (OSError, ValueError) as error:
        raise FolderError(f"{path} is not a table of a benchmark: {error}") from None
    if missing := [name for name in columns if name not in timed]:
        raise FolderError(f"{path} is not a table of a benchmark: it lacks {', '.join(missing)}")
    if not len(timed):
        raise FolderError(f"{path} holds no rows")
    for name, allowed in columns.items():
        numbers = pd.to_numeric(timed[name], errors="coerce").to_numpy(np.float64)
        fine = np.isfinite(numbers) & (numbers > 0) & ((np.floor(numbers) == numbers) | (allowed == NUMBER))
        if allowed == NAME:
            fine = timed[name].map(lambda value: isinstance(value, str)).to_numpy(np.bool_)
        if not fine.all():
            row = int(np.argmin(fine))
            value = timed[name].iloc[row]
            raise FolderError(f"{path}, row {row + 1}: {name}={value} is not allowed; allowed: {allowed}")
    return timed


@style.styled
def draw(timed: pd.DataFrame, row: str, look: str, label: str, setting: str, more: str = "") -> Figure:
    """Trainings per second on a log scale: a panel a width, a row each value of `row`, a mark each value of `look`."""
    names, told = (list(dict.fromkeys(timed[each])) for each in (row, look))
    parts = []
    for hidden in dict.fromkeys(timed["hidden"]):
        marks = {}
        for _, each in timed[timed["hidden"] == hidden].iterrows():
            at, high = float(each["trainings_per_s"]), 1e3 / float(each["ms_min"])
            marks[each[row], each[look]] = shapes.Mark(at, 1e3 / float(each["ms_max"]), high, beside=number(at))
        parts.append((f"{hidden} hidden units", names, [[marks.get((name, n)) for n in told] for name in names]))
    figure, axes = shapes.forests(parts, style.looks(told), label)
    for ax in axes:
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter("{x:,.0f}")
        for text in ax.get_yticklabels():
            others = row == "contender" and not text.get_text().startswith("engine")
            text.set_color("#555555" if others else style.SERIES[0])
    axes[0].set_xlim(timed["trainings_per_s"].min() / 2, timed["trainings_per_s"].max() * 3)
    epochs = ", ".join(f"{value:,}" for value in dict.fromkeys(timed["epochs"]))
    lines = "with the number; lines reach from the slowest to the fastest round."
    rounds = f"Medians of the rounds of one run on one machine, {lines}"
    layout.footnote(figure, f"A training has {epochs} epochs ({setting}). {more}{rounds}")
    return figure


def number(per_s: float) -> str:
    """A rate as people read it: 1.7, 23, 4,300."""
    return f"{per_s:.1f}" if per_s < 10 else f"{float(f'{per_s:.2g}'):,.0f}"


WHAT = f"Draws the figures of a folder that experiments.benchmark wrote, there: {', '.join(PICTURES)}."
PATH = {"metavar": "DIR", "help": "the folder"}
main = command("analysis.speed", WHAT, lambda folder: [f"figure: {p}" for p in write_figures(folder)], **PATH)

if __name__ == "__main__":
    main()
