"""Success over a fine grid of two numbers, as a picture."""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from analysis.data.conditions import FIELDS, NUMBERS, is_log, is_number, phrase
from analysis.figures import Axes, Figure, Findings, Plot, layout, register, style
from analysis.text import words

FINE = 10  # values that a number must take to be an axis of a landscape
CONTOURS = (25, 50, 75, 90, 95)
MOST_PANELS = 4


def landscape_fields(found: Findings) -> tuple[str, str]:
    """The numbers across and up; NotApplicable where not two of them are swept finely."""
    fine = [name for name in found.fields if is_number(name) and found.summary[name].nunique() >= FINE]
    style.need(len(fine) > 1, f"a landscape needs two numbers that take {FINE} values or more each")
    across = "lr" if "lr" in fine else fine[0]
    return across, next(name for name in ("scale", *fine) if name in fine and name != across)


def landscape(found: Findings) -> Figure:
    """Share solved in each cell of a fine grid, as colour; a ring marks the article's own values."""
    across, up = landscape_fields(found)
    rest = layout.rest_of(found.fields, across, up)
    figure, boxes, note = layout.small_multiples(
        found.summary, rest, MOST_PANELS, 2, 3.6, lambda rows: f"{layout.n_text(rows['n'])} per cell"
    )
    if len(boxes) == 1:
        figure.set_figwidth(min(figure.get_figwidth(), 7.5))
    rates = 100 * found.summary["solved_rate"].to_numpy(float)
    span = 10 * np.floor(np.nanmin(rates) / 10), max(10 * np.ceil(np.nanmax(rates) / 10), 10)
    levels: set[int] = set()
    for ax, rows in boxes:
        mesh, drawn = _mesh(ax, rows, across, up, span)
        levels.update(drawn)
        ax.grid(False)
        own = [FIELDS[name].default for name in (across, up)]
        ax.plot(*own, "o", ms=9, mfc="none", mec="white", mew=2, scalex=False, scaley=False)
    figure.colorbar(mesh, ax=[ax for ax, _ in boxes], label="solved, %", aspect=24, pad=0.02).outline.set_visible(False)
    lines = f"Lines: {words.listed([*map(str, sorted(levels))])} % of the smoothed rates." if levels else ""
    ring = "Ring: the article\N{RIGHT SINGLE QUOTATION MARK}s own values."
    layout.footnote(figure, ring, lines, layout.widest(found.summary, ["solved"]), note)
    return figure


def _mesh(ax: Axes, summary: pd.DataFrame, across: str, up: str, span: tuple[float, float]) -> tuple[Any, list[int]]:
    """Draw the cells, told under the pointer, and the contours that there are; returns also the levels of these."""
    grid = summary.pivot_table(index=up, columns=across, values="solved_rate", observed=True, sort=True)
    x, y = (np.asarray(each, float) for each in (grid.columns, grid.index))
    layout.place(ax, across, summary)
    layout.place(ax, up, summary, "y")
    rates = 100 * grid.to_numpy(float)
    right, top = _edges(x, is_log(across, x.tolist())), _edges(y, is_log(up, y.tolist()))
    mesh = ax.pcolormesh(right, top, rates, vmin=span[0], vmax=span[1], cmap="cividis", rasterized=True)
    for i, j in np.argwhere(np.isfinite(rates)):
        told = f"{phrase(across, float(x[j]))}, {phrase(up, float(y[i]))}: {rates[i, j]:.0f} % solved"
        style.tip(ax, right[j], top[i], right[j + 1], top[i + 1], told)
    smooth = scipy.ndimage.gaussian_filter(rates, 1.5)  # no line is drawn beside a cell that is missing
    levels = [level for level in CONTOURS if np.nanmin(smooth, initial=100) < level < np.nanmax(smooth, initial=0)]
    if not levels or min(rates.shape) < 3:
        return mesh, []
    lines = ax.contour(x, y, smooth, levels=levels, colors="white", linewidths=1.1, linestyles="-")
    ax.clabel(lines, fmt="%d %%", fontsize=8)
    return mesh, levels


def _edges(values: np.ndarray, log: bool) -> np.ndarray:
    """Where cells end: halfway to their neighbours, on a log axis by ratio."""
    places = np.log(values) if log else values
    middle = (places[1:] + places[:-1]) / 2
    ends = np.concatenate([[2 * places[0] - middle[0]], middle, [2 * places[-1] - middle[-1]]])
    return np.exp(ends) if log else ends


def describe(found: Findings) -> str:
    """How large the regions of success and failure are, and the best cell, in two sentences."""
    across, up = landscape_fields(found)
    summary, n = found.summary, len(found.summary)
    often, seldom = int((summary["solved_low"] > 0.5).sum()), int((summary["solved_high"] < 0.5).sum())
    best = summary.iloc[summary["solved_rate"].argmax()]
    return (
        f"Success over {FIELDS[across].label} and {FIELDS[up].label}: of {n:,} cells, {often:,} are solved more often "
        f"than not and {seldom:,} less often (the 95 % Wilson interval above or below 50 %). Most often solved: "
        f"{words.condition(best, found.fields)} with {words.share(best)}."
    )


register(Plot(
    "landscape", "The landscape of success",
    "Each cell is one condition; the darker, the less often it is solved.",
    landscape, describe, quiet=True, order=3, section="ends", instead=("success_rate", "composition"),
    answers=lambda _found, fields: 3 if sum(name in NUMBERS for name in fields) > 1 else 0.5, shades=True,
))  # fmt: skip
