"""How often it is solved: a line a draw along the width or the learning rate."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.field_labels import axis_label, value_text
from analysis.figures.layout import (
    axis_field,
    by_value,
    footnote,
    looks_of,
    make_panels,
    n_text,
    panel_title,
    place,
    rest_of,
    series_field,
    thin_field,
)
from analysis.figures.plot import Plot
from analysis.figures.style import Look, error_bars, name_lines, panels, percent_axis, styled, tips
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words


@styled
def success_rate(found: Findings) -> Figure:
    """Share solved along the swept number (width or learning rate), a line an init, Wilson intervals as bars."""
    field = axis_field(found.summary)
    series = series_field(found.fields, field)
    shown, note = thin_field(found.summary, series, 6)
    boxes, note_panels = make_panels(shown, rest_of(found.fields, field, series))
    columns = 3 if len(boxes) not in (1, 2, 4) else 2
    figure, axes = panels(len(boxes), columns, 3.3, sharey=True)
    look, ends = looks_of(found, series), []
    for ax, panel in zip(axes, boxes, strict=True):
        ax.set_title(panel_title(panel, f"{n_text(panel.rows['n'])} per point", columns))
        ends.append(_lines(ax, panel.rows, field, series, look))
    percent_axis(axes, "solved, %")
    if series:
        used = {value: look[value] for value, _ in by_value(shown, series)}
        name_lines(figure, axes, ends, used, lambda value: value_text(series, value), axis_label(series))
    footnote(figure, note, note_panels)
    return figure


def _lines(ax: Axes, summary: pd.DataFrame, field: str, series: str | None, look: dict[Any, Look]) -> dict[Any, float]:
    """Draw a panel's lines; returns the height at which each ends."""
    where, ends = place(ax, field, summary), {}
    for value, part in by_value(summary, series):
        part = part.sort_values(field)
        rates = Rate.of_all(part["solved"], part["n"])
        x = [where[each] if each in where else where[None] for each in part[field]]
        error_bars(ax, x, rates, look[value])
        names = (words.condition(row, filter(None, (series, field))) for _, row in part.iterrows())
        texts = [f"{name}: {words.rate(each)}" for name, each in zip(names, rates, strict=True)]
        tips(ax, x, [100 * rate.rate for rate in rates], texts)
        ends[value] = 100 * rates[-1].rate
    return ends


def extremes(found: Findings) -> str:
    """Best and worst condition, in a sentence."""
    rates = found.summary["solved_rate"]
    text = [
        f"{words.condition(row, found.fields)} with {words.rate(Rate.of(row['solved'], row['n']))}"
        for row in (found.summary.iloc[rates.argmax()], found.summary.iloc[rates.argmin()])
    ]
    return f"Most often solved: {text[0]}; least often: {text[1]}."


def describe(found: Findings) -> str:
    """Best and worst condition, in a sentence; NotApplicable for a single one."""
    axis_field(found.summary)
    return extremes(found)


PLOT = Plot(
    "success_rate", "How often it is solved",
    "Each point is the share of seeds whose run meets the success rule; bars are 95 % Wilson intervals.",
    success_rate, describe, order=1,
)  # fmt: skip
