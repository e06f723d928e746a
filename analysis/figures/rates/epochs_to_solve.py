"""How long until it is solved."""

import numpy as np
import pandas as pd

from analysis.figures import Axes, Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.statistics import unsolved_after
from analysis.text import advice, words


def epochs_to_solve(found: Findings) -> Figure:
    """Share of runs not yet solved against the epoch (Kaplan–Meier), with 95 % bands."""
    rows, field = solvable(found), layout.line_field(found.fields)
    last = int(rows["epochs"].max())
    return shapes.lines(found, rows, field, _step, lambda ax, _: epoch_axis(ax, last), "not yet solved, %", most=6)


def solvable(found: Findings) -> pd.DataFrame:
    """The solved epochs; NotApplicable if no run was solved, or hardly any conditions can be set side by side."""
    if found.fields:
        layout.axis_field(found.summary)
    style.need(found.epochs["solved_epoch"].notna().any(), "no run was solved, so there are no epochs to count")
    return found.epochs


def epoch_axis(ax: Axes, last: int, label: str = "epoch") -> None:
    """A logarithmic axis of epochs, from 1, with powers of ten written out."""
    ax.set(xscale="log", xlabel=label, xticks=[10**k for k in range(len(str(max(last, 1))))])
    ax.xaxis.set_major_formatter("{x:,.0f}")
    ax.xaxis.minorticks_off()


def _step(ax: Axes, part: pd.DataFrame, look: style.Look, _beside: float) -> shapes.End:
    epochs = int(part["epochs"].iloc[0])
    x = np.unique(np.round(np.geomspace(1, max(epochs, 1), 200)))
    told = unsolved_after(x, part["solved_epoch"].astype("float64"), part["count"])
    share, low, high = (100 * each for each in told)
    ax.fill_between(x, low, high, step="post", color=look["color"], alpha=0.2, linewidth=0)
    ax.step(x, share, where="post", color=look["color"], linestyle=look["linestyle"])
    return epochs, float(share[-1])


def describe(found: Findings) -> str:
    """The median and the last epoch at which a run of the nearest condition was solved."""
    solvable(found)
    told = each.why if (each := advice.waiting(found)) else "no run was solved."
    return f"{words.nearest(found.nearest, found.fields)}: {told} Bands are 95 %."


register(Plot(
    "epochs_to_solve", "How long it takes",
    "A curve that levels off shows the runs that are not solved, however long one waits within these epochs.",
    epochs_to_solve, describe, order=6, section="helps",
))  # fmt: skip
