"""Success over a fine grid of two numbers, as a picture: figure 11."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.field_labels import FIELDS, axis_label
from analysis.data.reading import swept
from analysis.figures.layout import NUMERIC, footnote, make_panels, n_text, panel_title, rest_of
from analysis.figures.style import NotApplicable, panels, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

FINE = 10
"""Values that a number must take to be an axis of a landscape."""

LOGARITHMIC = ("lr", "scale", "epochs", "epsilon")
MOST_PANELS = 4


def landscape_fields(trials: pd.DataFrame) -> tuple[str, str]:
    """The numbers across and up; NotApplicable where not two of them are swept finely."""
    fine = [name for name in NUMERIC if name in swept(trials) and trials[name].nunique() >= FINE]
    across = next((name for name in ("lr", *fine) if name in fine), None)
    up = next((name for name in ("scale", *fine) if name in fine and name != across), None)
    if across is None or up is None:
        raise NotApplicable(f"a landscape needs two numbers that take {FINE} values or more each")
    return across, up


@styled
def landscape(found: Findings) -> Figure:
    """Share solved in each cell of a fine grid, as colour; a ring marks the article's own values."""
    trials = found.trials
    across, up = landscape_fields(trials)
    boxes, note = make_panels(found.summary, rest_of(trials, across, up), MOST_PANELS)
    figure, axes = panels(len(boxes), 2, 5.4 if len(boxes) == 1 else 4.0)
    if len(boxes) == 1:
        figure.set_figwidth(7.5)
    for ax, panel in zip(axes, boxes, strict=True):
        mesh = _mesh(ax, panel.rows, across, up)
        ax.set_title(panel_title(panel, f"{n_text(panel.rows['n'])} a cell", 1))
        ax.set_xlabel(axis_label(across))
        ax.set_ylabel(axis_label(up))
        ax.grid(False)
        ax.plot(
            *(FIELDS[name].default for name in (across, up)), "o", markersize=9, markerfacecolor="none",
            markeredgecolor="white", markeredgewidth=2, scalex=False, scaley=False,
        )  # fmt: skip
    bar = figure.colorbar(mesh, ax=axes, label="solved, %", shrink=0.8, aspect=24, pad=0.01)
    bar.outline.set_visible(False)
    low, high = (found.summary[f"solved_{end}"].to_numpy(float) for end in ("low", "high"))
    width = f"95 % Wilson intervals of a cell reach at most {50 * np.nanmax(high - low):.1f} points to either side."
    footnote(figure, "The ring: the article's own values.", width, note)
    return figure


def _mesh(ax: Axes, summary: pd.DataFrame, across: str, up: str) -> Any:
    grid = summary.pivot_table(index=up, columns=across, values="solved_rate", observed=True, sort=True)
    edges = []
    for name, values, set_scale in ((across, grid.columns, ax.set_xscale), (up, grid.index, ax.set_yscale)):
        log = name in LOGARITHMIC and min(map(float, values)) > 0
        edges.append(_edges(np.asarray(values, float), log))
        set_scale("log" if log else "linear")
    rates = 100 * grid.to_numpy(float)
    return ax.pcolormesh(*edges, rates, vmin=0, vmax=100, cmap="cividis", rasterized=True)


def _edges(values: np.ndarray, log: bool) -> np.ndarray:
    """Where cells end: halfway to their neighbours, on a log axis by ratio."""
    places = np.log(values) if log else values
    middle = (places[1:] + places[:-1]) / 2
    ends = np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])
    return np.exp(ends) if log else ends


def describe_landscape(found: Findings) -> str:
    """How large the regions of success and failure are, and the best cell, in two sentences."""
    trials = found.trials
    across, up = landscape_fields(trials)
    summary, fields = found.summary, swept(trials)
    n = len(summary)
    often, seldom = int((summary["solved_low"] > 0.5).sum()), int((summary["solved_high"] < 0.5).sum())
    best = summary.iloc[summary["solved_rate"].argmax()]
    return (
        f"Success over {axis_label(across)} and {axis_label(up)}: of {n:,} cells, {often:,} are solved more often than "
        f"not and {seldom:,} less often (the 95 % Wilson interval above or below 50 %). Most often solved: "
        f"{words.condition(best, fields)} with {words.rate(Rate.of(best['solved'], best['n']))}."
    )
