"""What stuck runs rest at, as their certificates say."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import closest
from analysis.data.reading import KINDS
from analysis.figures.failures.composition import bars
from analysis.figures.plot import Plot, register
from analysis.figures.style import NotApplicable, bar_look, styled
from analysis.findings.findings import Findings
from analysis.text import words

KIND_COLOURS = dict(zip(KINDS, ("#3d2c6b", "#6a55a3", "#b5475f", "#cdb0dd", "#dddddd"), strict=True))
KIND_HATCHES = {"infinity": ".", "saddle": "/", "unknown": "\\"}


def _look(kind: str) -> dict[str, Any]:
    return bar_look(KIND_COLOURS[kind], KIND_HATCHES.get(kind, ""))


@styled
def resting_points(found: Findings) -> Figure:
    """What the stuck runs of each condition rest at: a bar a condition, shares in per cent, n above it."""
    table = certified(found)
    missing = len(found.summary) - len(table)
    none = f"No run is stuck in {missing:,} of the study's conditions, which have no bar." if missing else ""
    notes = ["Error bars: 95 % Wilson intervals of the share of minima.", none]
    names = {kind: words.KIND_NAMES[kind] for kind in KINDS}
    figure, drawn = bars(table, names, _look, "share of stuck runs, %", notes, 8)
    for ax, rows in drawn:
        x = np.arange(len(rows))
        rate, low, high = (100 * rows[f"minimum_{name}"].to_numpy(float) for name in ("rate", "low", "high"))
        ends = np.maximum([rate - low, high - rate], 0)
        for colour, width in (("white", 3.2), ("#222222", 1.2)):  # seen on dark and on light
            ax.errorbar(x + 0.3, rate, yerr=ends, fmt="none", color=colour, capsize=3, elinewidth=width)
        ax.set_ylim(-2, 114)
        for i, n in enumerate(rows["n"]) if len(rows) <= 8 else ():
            ax.text(x[i], 102, f"n = {n:,}", ha="center", va="bottom", fontsize=8, color="#555555")
    return figure


def certified(found: Findings) -> pd.DataFrame:
    """The conditions with certified stuck runs (see `analysis.findings.summary.resting`)."""
    if not len(found.resting):
        raise NotApplicable("no stuck run of this study has a certificate; a study with certify=true makes them")
    return found.resting


def describe(found: Findings) -> str:
    """What the stuck runs of the condition nearest to the article's rest at, in a sentence."""
    rows = certified(found).to_dict("records")
    here = rows[closest(rows)]
    parts = [f"{words.KIND_NAMES[kind]} {words.share(here, kind)}" for kind in KINDS if here[kind]]
    return f"Of the stuck runs nearest to the article ({words.condition(here, found.fields)}): {'; '.join(parts)}."


register(Plot(
    "resting_points", "What stuck runs rest at",
    "Each bar is the stuck runs of one condition, by what their certificates say of the points at which they rest.",
    resting_points, describe, quiet=True, order=12, section="causes",
))  # fmt: skip
