"""What stuck runs rest at, as their certificates say: minimum, saddle, kink or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.data.conditions import values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.reading import KINDS
from analysis.figures.layout import axis_field, footnote, make_panels, n_text, panel_title, rest_of, thin
from analysis.figures.plot import Plot
from analysis.figures.style import NotApplicable, columns_for, panels, percent_axis, styled
from analysis.findings.findings import Findings
from analysis.findings.rest_points import KIND_NAMES, Resting
from analysis.text import words

KIND_COLOURS = {"minimum": "#3d2c6b", "saddle": "#b5475f", "kink": "#cdb0dd", "unknown": "#dddddd"}
KIND_HATCHES = {"saddle": "/", "unknown": "\\"}
MOST_BARS = 25


def _look(kind: str) -> dict[str, Any]:
    hatch = KIND_HATCHES.get(kind, "")
    return {"facecolor": KIND_COLOURS[kind], "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}


@styled
def resting_points(found: Findings) -> Figure:
    """What the stuck runs of each condition rest at: a bar a condition, shares in per cent, n above it."""
    table = resting_table(found)
    fields = [name for name in found.fields if len(table[name].drop_duplicates()) > 1]
    field = axis_field(table) if fields else "hidden"
    shown, fewer = thin(table, [field], MOST_BARS)
    boxes, note = make_panels(shown, rest_of(fields, field))
    columns = 2 if len(values(table, field)) > 6 or len(boxes) in (1, 2, 4) else 3
    figure, axes = panels(len(boxes), columns, 2.9, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        rows = panel.rows.sort_values(field)
        ax.set_title(panel_title(panel, f"{n_text(rows['n'])} per bar" if len(rows) > 8 else "", columns))
        _stack(ax, rows, [value_text(field, each) for each in rows[field]])
        ax.set_xlabel(axis_label(field))
    percent_axis(axes, "share of stuck runs, %")
    for ax in axes:
        ax.set_ylim(-2, 114)
    handles = [Patch(label=KIND_NAMES[kind], **_look(kind)) for kind in KINDS if shown[kind].any()]
    figure.legend(handles=handles, loc="outside upper center", ncols=columns_for(len(handles)), handlelength=1.8)
    missing = len(found.summary) - len(table)
    none = f"No run is stuck in {missing:,} of the study's conditions, which have no bar." if missing else ""
    footnote(figure, "Error bars: 95 % Wilson intervals of the share of minima.", none, fewer, note)
    return figure


def resting_table(found: Findings) -> pd.DataFrame:
    """A row for each condition with certified stuck runs: its fields, n, and count, share and interval of each kind."""
    if not found.resting:
        raise NotApplicable("no stuck run of this study has a certificate; a study with certify=true makes them")
    table = pd.DataFrame([_row(each) for each in found.resting])
    return table.astype({name: found.trials[name].dtype for name in FIELDS})


def _row(each: Resting) -> dict[str, Any]:
    row: dict[str, Any] = {**dict(each.condition), "n": each.n}
    for kind, rate in each.kinds.items():
        row |= {kind: rate.count, f"{kind}_rate": rate.rate, f"{kind}_low": rate.low, f"{kind}_high": rate.high}
    return row


def _stack(ax: Axes, rows: pd.DataFrame, labels: list[str]) -> None:
    x, bottom = np.arange(len(rows)), np.zeros(len(rows))
    for kind in KINDS:
        share = 100 * rows[f"{kind}_rate"].to_numpy(float)
        if share.any():
            ax.bar(x, share, bottom=bottom, width=0.82, **_look(kind))
        bottom += share
    rate, low, high = (100 * rows[f"minimum_{name}"].to_numpy(float) for name in ("rate", "low", "high"))
    ends = np.maximum([rate - low, high - rate], 0)
    for colour, width in (("white", 3.2), ("#222222", 1.2)):  # seen on dark and on light
        ax.errorbar(x, rate, yerr=ends, fmt="none", color=colour, capsize=3, elinewidth=width)
    for i, n in enumerate(rows["n"]) if len(rows) <= 8 else ():
        ax.text(
            x[i],
            102,
            f"n = {n:,}" if len(rows) <= 4 else f"{n:,}",
            ha="center",
            va="bottom",
            fontsize=8,
            color="#555555",
        )
    ax.set_xticks(x, labels, rotation=90 if len(rows) > 12 else 30 if max(map(len, labels)) > 10 else 0)
    ax.margins(x=0.02)


def describe(found: Findings) -> str:
    """What the stuck runs of the condition nearest to the article's rest at, in a sentence."""
    resting_table(found)
    at = found.nearest_of([each.condition for each in found.resting])
    here = found.resting[at]
    parts = [f"{KIND_NAMES[kind]} {words.rate(rate)}" for kind, rate in here.kinds.items() if rate.count]
    where = words.condition(here.condition, found.fields)
    return f"Of the stuck runs nearest to the article ({where}): {'; '.join(parts)}."


PLOT = Plot(
    "resting_points", "What stuck runs rest at",
    "Each bar is the stuck runs of one condition, by what their certificates say of the points at which they rest.",
    resting_points, describe, quiet=True, order=12,
)  # fmt: skip
