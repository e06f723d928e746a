"""What becomes of the runs of each condition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import values
from analysis.data.field_labels import axis_label, value_text
from analysis.data.reading import OUTCOMES
from analysis.figures.layout import axis_field, footnote, make_panels, n_text, panel_title, rest_of, thin, widest
from analysis.figures.plot import Plot
from analysis.figures.style import (
    OUTCOME_COLOURS,
    on_dark,
    outcome_legend,
    outcome_look,
    panels,
    percent_axis,
    styled,
    tip,
)
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_BARS = 25


def present(summary: pd.DataFrame) -> list[str]:
    """The outcomes that occur in a summary."""
    return [name for name in OUTCOMES if summary[name].any()]


@styled
def composition(found: Findings) -> Figure:
    """Where the runs of each condition end: a bar a condition, stacked by outcome, shares in per cent."""
    field = axis_field(found.summary) if found.fields else "hidden"
    shown, fewer = thin(found.summary, [field], MOST_BARS)
    boxes, note = make_panels(shown, rest_of(found.fields, field))
    columns = 2 if len(values(shown, field)) > 6 or len(boxes) in (1, 2, 4) else 3
    figure, axes = panels(len(boxes), columns, 2.9, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        summary = panel.rows.sort_values(field)
        ax.set_title(panel_title(panel, f"{n_text(summary['n'])} per bar", columns))
        bars(ax, summary, OUTCOMES, [value_text(field, each) for each in summary[field]])
        ax.set_xlabel(axis_label(field))
    percent_axis(axes, "share of runs, %")
    outcome_legend(figure, present(shown))
    footnote(figure, fewer, note, widest(shown, present(shown)))
    return figure


def bars(ax: Axes, summary: pd.DataFrame, outcomes: tuple[str, ...], labels: list[str]) -> None:
    """Bars of outcomes, one for each row of a summary; large pieces carry their per cent."""
    x, bottom, crowded = np.arange(len(summary)), np.zeros(len(summary)), len(summary) > 8
    for outcome in outcomes:
        share = 100 * np.nan_to_num(summary[f"{outcome}_rate"].to_numpy(float))
        if not share.any():
            continue
        drawn = ax.bar(x, share, bottom=bottom, width=0.82, **outcome_look(outcome))
        for bar, label, rate in zip(drawn, labels, Rate.of_all(summary[outcome], summary["n"]), strict=True):
            tip(bar, f"{label}: {words.outcome(outcome)} {words.rate(rate)}")
        for i in np.flatnonzero(share >= 7) if not crowded else ():
            look: dict[str, Any] = {
                "color": "white" if on_dark(outcome) else "#222222",
                "fontsize": 8.5,
                "ha": "center",
                "va": "center",
            }
            box = {"facecolor": OUTCOME_COLOURS[outcome], "edgecolor": "none", "pad": 1.2}
            ax.text(x[i], bottom[i] + share[i] / 2, f"{share[i]:.0f}", bbox=box, **look)
        bottom += share
    long = max(map(len, labels)) > 10
    ax.set_xticks(x, labels, rotation=90 if len(summary) > 12 else 30 if long else 0)
    ax.margins(x=0.02)


def describe(found: Findings) -> str:
    """The composition of the condition nearest to the article's, in a sentence."""
    row = found.nearest
    parts = [f"{words.outcome(name)} {words.rate(Rate.of(row[name], row['n']))}" for name in OUTCOMES if row[name]]
    return f"Nearest to the article ({words.condition(row, found.fields)}): {'; '.join(parts)}."


PLOT = Plot(
    "composition", "What becomes of the runs",
    "Each bar is one condition; an outcome looks the same in every figure.",
    composition, describe, order=2,
)  # fmt: skip
