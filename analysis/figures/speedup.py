"""How fast: the figure of the benchmark."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.layout import footnote
from analysis.figures.style import MARKERS, SERIES, panels, styled

OURS, OTHERS = SERIES[0], "#8a8a8a"


@styled
def speed(engines: pd.DataFrame) -> Figure:
    """Trainings per second of each contender on a log scale, a panel a width; bars from slowest to fastest round."""
    widths = list(dict.fromkeys(engines["hidden"]))
    names = list(dict.fromkeys(engines["contender"]))
    figure, axes = panels(len(widths), 2, 0.44 * len(names) + 1.0, sharex=True, sharey=True)
    for ax, hidden in zip(axes, widths, strict=True):
        ax.set_title(f"{hidden} hidden units")
        ax.set_xscale("log")
        _dots(ax, engines[engines["hidden"] == hidden], names)
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.grid(True, axis="x")
        if ax.get_subplotspec().is_last_row():  # type: ignore[union-attr]
            ax.set_xlabel("trainings per second")
    fastest = engines["trainings_per_s"].max()
    axes[0].set_xlim(engines["trainings_per_s"].min() / 2, fastest * 12)  # room for the last number
    _legend(figure, sorted(set(engines["cores"])))
    epochs = ", ".join(f"{value:,}" for value in dict.fromkeys(engines["epochs"]))
    footnote(
        figure,
        f"A training has {epochs} epochs (XOR, weights from U(\N{MINUS SIGN}1, 1), lr 0.1). In full: every epoch of "
        "every unit; no jump: without units that are dead for ever. Medians of the rounds of one run on one machine, "
        "with the number; bars reach from the slowest to the fastest round.",
    )
    return figure


def _dots(ax: Axes, rows: pd.DataFrame, names: list[str]) -> None:
    many = rows["contender"].value_counts()
    for row in rows.itertuples():
        y = float(names.index(str(row.contender)))
        if many[str(row.contender)] > 1:
            y += -0.19 if row.cores == 1 else 0.19
        per_s = float(row.trainings_per_s)  # type: ignore[arg-type]
        low, high = 1e3 / float(row.ms_max), 1e3 / float(row.ms_min)  # type: ignore[arg-type]
        ax.errorbar(
            [per_s], [y], xerr=np.maximum([[per_s - low], [high - per_s]], 0), fmt=_marker(int(row.cores)),  # type: ignore[arg-type]
            color=_colour(str(row.contender)), capsize=2, elinewidth=1.1, markeredgecolor="white", markeredgewidth=0.7,
        )  # fmt: skip
        ax.annotate(
            number(per_s), (max(high, per_s), y), xytext=(7, 0), textcoords="offset points", va="center", fontsize=8,
            color="#444444",
        )  # fmt: skip


def number(per_s: float) -> str:
    """A rate as people read it: 1.7, 23, 4,300."""
    return f"{per_s:.1f}" if per_s < 10 else f"{float(f'{per_s:.2g}'):,.0f}"


def _marker(cores: int) -> str:
    return MARKERS[0] if cores == 1 else MARKERS[1]


def _colour(contender: str) -> str:
    return OURS if contender.startswith("engine") else OTHERS


def _legend(figure: Figure, cores: list[int]) -> None:
    handles = [
        Axes.plot(
            figure.axes[0], [], [], marker=_marker(n), linestyle="", color=OURS, label=f"{n} core{'s' * (n > 1)}"
        )[0]
        for n in cores
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
