"""How often it is solved: figures 1 and 3."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.data.field_labels import axis_label, value_text
from analysis.data.reading import swept
from analysis.figures.layout import (
    axis_field,
    by_value,
    footnote,
    make_panels,
    n_text,
    panel_title,
    rest_of,
    series_field,
    thin_field,
    widest,
)
from analysis.figures.style import DASHES, MARKERS, NotApplicable, panels, percent_axis, series_colours, styled, tips
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_CELLS = 100
"""Cells of a panel of the success map that have room for their numbers."""


@styled
def success_rate(found: Findings) -> Figure:
    """Share solved along the swept number (width or learning rate), a line an init, Wilson intervals as bars."""
    trials = found.trials
    field = axis_field(trials)
    series = series_field(trials, field)
    shown, note = thin_field(found.summary, series, 6)
    boxes, note_panels = make_panels(shown, rest_of(trials, field, series))
    columns = 3 if len(boxes) not in (1, 2, 4) else 2
    figure, axes = panels(len(boxes), columns, 3.3, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        ax.set_title(panel_title(panel, f"{n_text(panel.rows['n'])} a point", columns))
        _lines(ax, panel.rows, field, series)
        ax.set_xlabel(axis_label(field))
    percent_axis(axes, "solved, %")
    if series:
        axes[0].legend(title=None if series == "init" else axis_label(series))
    footnote(figure, note, note_panels)
    return figure


def _lines(ax: Axes, summary: pd.DataFrame, field: str, series: str | None) -> None:
    found = by_value(summary, series)
    colours = series_colours(series not in (None, "init") and len(found) > 2, len(found))
    where = place(ax, field, summary)
    for i, (value, part) in enumerate(found):
        x = np.array([where[value] for value in part[field]])
        rate = 100 * part["solved_rate"].to_numpy(float)
        bars = [rate - 100 * part["solved_low"], 100 * part["solved_high"] - rate]
        label = value_text(series, value) if series else None
        ax.errorbar(
            x, rate, yerr=np.maximum(np.array(bars), 0), label=label, color=colours[i], marker=MARKERS[i % 7],
            linestyle=DASHES[i % 7], capsize=3, elinewidth=1.1, markeredgecolor="white", markeredgewidth=0.7,
        )  # fmt: skip
        rates = Rate.of_all(part["solved"], part["n"])
        names = (words.condition(row, filter(None, (series, field))) for _, row in part.iterrows())
        tips(ax, x, rate, [f"{name}: {words.rate(each)}" for name, each in zip(names, rates, strict=True)])


def place(ax: Axes, field: str, summary: pd.DataFrame) -> dict[Any, float]:
    """Where each value of a field lies on the horizontal axis, which is set up for it."""
    found = list(summary[field].drop_duplicates().sort_values())
    if field in ("lr", "scale") or (field == "epochs" and min(found) > 0):
        ax.set_xscale("log")
        where = {value: float(value) for value in found}
    elif field in ("hidden", "slope"):
        where = {value: float(value) for value in found}
    else:
        where = {value: float(n) for n, value in enumerate(found)}
    marked = _readable(found, ax.get_xscale() == "log")
    ax.xaxis.set_major_locator(FixedLocator([where[value] for value in marked]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([value_text(field, value) for value in marked])
    return where


def _readable(found: list[Any], log: bool) -> list[Any]:
    """The values that have room for their label, both ends among them."""
    if len(found) <= 9:
        return found
    if not log:
        return found[:: -(-len(found) // 9)]
    kept = [found[0]]
    step = (np.log(found[-1]) - np.log(found[0])) / 9
    for value in found[1:-1]:
        if np.log(value / kept[-1]) >= step and np.log(found[-1] / value) >= step:
            kept.append(value)
    return [*kept, found[-1]]


def describe_success_rate(found: Findings) -> str:
    """Best and worst condition, in a sentence."""
    trials = found.trials
    axis_field(trials)
    return _extremes(found)


def _extremes(found: Findings) -> str:
    summary, fields = found.summary, found.fields
    best, worst = (summary.iloc[at] for at in (summary["solved_rate"].argmax(), summary["solved_rate"].argmin()))
    text = [
        f"{words.condition(row, fields)} with {words.rate(Rate.of(row['solved'], row['n']))}" for row in (best, worst)
    ]
    return f"Most often solved: {text[0]}; least often: {text[1]}."


def describe_success_map(found: Findings) -> str:
    """Best and worst condition, in a sentence."""
    trials = found.trials
    map_fields(trials)
    return _extremes(found)


@styled
def success_map(found: Findings) -> Figure:
    """Share solved over learning rate × init, a panel a width; other studies: over their two widest axes."""
    trials = found.trials
    import seaborn as sns

    across, down = map_fields(trials)
    boxes, note = make_panels(found.summary, rest_of(trials, across, down), 6)
    columns = trials[across].nunique()
    wide = columns > 9
    rows = trials[down].nunique()
    figure, axes = panels(len(boxes), 1 if wide else 2, (0.34 if wide else 0.52) * rows + 1.1)
    for ax, panel in zip(axes, boxes, strict=True):
        summary = panel.rows
        grid = {
            name: summary.pivot_table(index=down, columns=across, values=name, observed=True, sort=True)
            for name in ("solved_rate", "solved_low", "solved_high")
        }
        texts = _cells(grid, wide)
        sns.heatmap(
            100 * grid["solved_rate"].astype(float), ax=ax, vmin=0, vmax=100, cmap="cividis", annot=texts, fmt="",
            annot_kws={"fontsize": 7 if wide else 8.5}, cbar=False, linewidths=1.5, linecolor="white",
        )  # fmt: skip
        ax.set_title(panel_title(panel, f"{n_text(summary['n'])} a cell", 2))
        ax.set_xlabel(axis_label(across))
        ax.set_ylabel("" if down == "init" else axis_label(down))
        marks = [value_text(across, value) for value in grid["solved_rate"].columns]
        ax.set_xticklabels(marks, rotation=60 if columns > 16 else 0)
        ax.tick_params(length=0)
        ax.set_yticklabels([value_text(down, value) for value in grid["solved_rate"].index], rotation=0)
        ax.grid(False)
    _colour_bar(figure, axes)
    footnote(figure, f"In each cell the per cent solved. {widest(found.summary, ['solved'])}" if wide else "", note)
    return figure


def map_fields(trials: pd.DataFrame) -> tuple[str, str]:
    """The fields across and down; NotApplicable if fewer than two are swept."""
    fields = swept(trials)
    if len(fields) < 2:
        raise NotApplicable("a map needs two swept fields")
    across = next((name for name in ("lr", "hidden") if name in fields), fields[0])
    down = next(name for name in ("init", "hidden", *fields) if name in fields and name != across)
    if trials[across].nunique() * trials[down].nunique() > MOST_CELLS:
        raise NotApplicable(f"its cells would be too small for their numbers (more than {MOST_CELLS})")
    return across, down


def _cells(grid: dict[str, pd.DataFrame], wide: bool) -> pd.DataFrame:
    rate, low, high = grid["solved_rate"], grid["solved_low"], grid["solved_high"]
    texts = rate.astype(float).map(lambda x: "" if np.isnan(x) else f"{100 * x:.0f}").astype(object)
    if not wide:
        for row in rate.index:
            for column in rate.columns:
                if not np.isnan(rate.loc[row, column]):
                    ends = words.interval(low.loc[row, column], high.loc[row, column])
                    texts.loc[row, column] = f"{100 * rate.loc[row, column]:.1f} %\n{ends}"
    return texts


def _colour_bar(figure: Figure, axes: list[Axes]) -> None:
    bar = figure.colorbar(axes[0].collections[0], ax=axes, label="solved, %", shrink=0.9, aspect=18, pad=0.01)
    bar.outline.set_visible(False)
