"""How fast: the figure of the benchmark."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.figures.layout import footnote
from analysis.figures.shapes import Mark, forests
from analysis.figures.style import SERIES, looks, styled


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
