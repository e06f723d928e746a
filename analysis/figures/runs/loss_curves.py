"""One run of each outcome: its loss."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.data.side_files import NAMING
from analysis.figures.plot import Plot, register
from analysis.figures.rates.epochs_to_solve import epoch_axis
from analysis.figures.style import DASHES, MARKERS, OUTCOME_COLOURS, RIM, NotApplicable, columns_for, sheet, styled
from analysis.findings.findings import Findings
from analysis.text import words

LOWEST = 1e-14
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NONE = (
    "the result folder has no exemplars.json: where every stuck run is rescued there is none; else run the study again"
)
BREAK = 0.1  # the loss at which the figure goes from one scale to the other


def name(exemplar: Any) -> str:
    """What reproduces a run: '4 units, U(\N{MINUS SIGN}1, 1), lr 0.1, seed 7', or '4 units, lr 0.1, w.npz'."""
    fields, seed = exemplar.get("told", NAMING), exemplar["seed"]
    if isinstance(seed, str):
        return f"{words.condition(exemplar, [each for each in fields if each != 'init'])}, {seed}"
    return f"{words.condition(exemplar, fields)}, seed {seed}"


def number(value: Any) -> str:
    """A loss or a prediction."""
    return "not finite" if value is None or value != value else f"{value:.4g}"


def need(exemplars: pd.DataFrame) -> None:
    """Raise NotApplicable where there are no runs."""
    if not len(exemplars):
        raise NotApplicable(NONE)


@styled
def loss_curves(exemplars: pd.DataFrame) -> Figure:
    """Loss against epoch of one run of each outcome, both axes logarithmic, the levels of the stuck ones marked."""
    need(exemplars)
    figure = sheet(6.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for i, (_, run) in enumerate(exemplars.iterrows()):
        epoch, curve = np.array(run["epoch"], float), np.array(run["curve"], float)
        seen = np.isfinite(curve)
        look = {"marker": MARKERS[i % 7], "markevery": (i, 6), "markersize": 5, "linestyle": DASHES[i % 7], **RIM}
        for ax in (above, below) if np.nanmin(curve, initial=np.inf) < BREAK else (above,):
            ax.plot(
                epoch[seen] + 1, np.maximum(curve[seen], LOWEST), color=OUTCOME_COLOURS[run["outcome"]],
                label=f"{words.outcome(run['outcome'])}: {name(run)}", **look,
            )  # fmt: skip
    highest = max((value for curve in exemplars["curve"] for value in curve if value is not None), default=1.0)
    _broken_axis(above, below, highest, int(exemplars["epochs"].max()))
    _mark_levels(above, exemplars)
    above.set_title(f"n = {len(exemplars)} runs, one of each outcome" if len(exemplars) > 1 else "n = 1 run")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=columns_for(2))
    return figure


def _broken_axis(above: Axes, below: Axes, highest: float, last: int) -> None:
    """Both axes logarithmic; the plateaus get room of their own above the losses that go to 0."""
    epoch_axis(below, last, "epoch + 1")
    for ax in (above, below):
        ax.set_yscale("log")
        ax.set_ylabel("loss")
    above.set_ylim(BREAK, min(max(1.3 * highest, 1.0), 6.0))
    below.set_ylim(LOWEST / 2, BREAK)
    powers = range(-2, -15, -3)  # in plain letters: Matplotlib's own take a parser that takes long
    below.set_yticks([10.0**k for k in powers], [f"10{str(k).translate(RAISED)}" for k in powers])
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if tick <= above.get_ylim()[1]]
    above.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    for ax in (above, below):
        ax.yaxis.set_minor_locator(NullLocator())


def _mark_levels(ax: Axes, exemplars: pd.DataFrame) -> None:
    """A dotted line at the loss of each run that ended in a trap that has a name."""
    stuck = exemplars[exemplars["outcome"].str.startswith("stuck_")].sort_values("final_loss")
    before = 0.0
    for loss, outcome in zip(stuck["final_loss"], stuck["outcome"], strict=True):
        if not ax.get_ylim()[0] <= loss <= ax.get_ylim()[1]:
            continue
        ax.axhline(loss, color="#555555", linewidth=0.9, linestyle=":", zorder=1)
        if loss > before * np.exp(0.15):  # there is room for its name
            look: dict[str, Any] = {"va": "center", "fontsize": 9, "color": "#333333"}
            ax.text(1.01, loss, words.outcome(outcome), transform=ax.get_yaxis_transform(), **look)
        before = loss


def describe(found: Findings) -> str:
    """Final losses, in a sentence."""
    need(found.exemplars)
    runs = found.exemplars.to_dict("records")
    ends = (f"{words.outcome(run['outcome'])} {number(run['final_loss'])} ({name(run)})" for run in runs)
    return f"Final losses: {'; '.join(ends)}."


register(Plot(
    "loss_curves", "One run of each outcome",
    "The run nearest to the article's condition that ended so; experiments.train with its seed shows it again.",
    lambda found: loss_curves(found.exemplars), describe, order=14, section="runs",
))  # fmt: skip
