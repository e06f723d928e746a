"""What stuck runs rest at, as their certificates say: minimum, saddle, kink or unknown."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from analysis.data.conditions import conditions, nearest, values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.reading import KINDS, swept
from analysis.figures.layout import axis_field, footnote, make_panels, panel_title, rest_of
from analysis.figures.style import NotApplicable, panels, percent_axis, styled
from analysis.findings.findings import Findings
from analysis.findings.rest_points import KIND_NAMES, Resting, certified, resting
from analysis.text import words

KIND_COLOURS = {"minimum": "#3d2c6b", "saddle": "#b5475f", "kink": "#cdb0dd", "unknown": "#dddddd"}
KIND_HATCHES = {"minimum": "", "saddle": "xx", "kink": "//", "unknown": "--"}


@styled
def resting_points(found: Findings) -> Figure:
    """What the stuck runs of each condition rest at: a bar a condition, shares in per cent, n above it."""
    trials = found.trials
    table = resting_table(trials)
    field = axis_field(table) if swept(table) else "hidden"
    boxes, note = make_panels(table, rest_of(table, field))
    columns = 2 if len(values(table, field)) > 6 or len(boxes) in (1, 2, 4) else 3
    figure, axes = panels(len(boxes), columns, 2.9, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        rows = panel.rows.sort_values(field)
        ax.set_title(panel_title(panel, "", columns))
        _stack(ax, rows, [value_text(field, each) for each in rows[field]])
        ax.set_xlabel(axis_label(field))
    percent_axis(axes, "share of stuck runs, %")
    for ax in axes:
        ax.set_ylim(-2, 112)
    present = [kind for kind in KINDS if table[kind].any()]
    figure.legend(
        handles=[_patch(kind) for kind in present], loc="outside upper center", ncols=len(present), handlelength=1.8,
        handleheight=1.2,
    )  # fmt: skip
    missing = len(conditions(trials)) - len(table)
    none = f"No run is stuck in {missing:,} of the study's conditions, which have no bar." if missing else ""
    footnote(figure, "Error bars: 95 % Wilson intervals of the share of minima.", none, note)
    return figure


def resting_table(trials: pd.DataFrame) -> pd.DataFrame:
    """A row for each condition with certified stuck runs: its fields, n, and count, share and interval of each kind."""
    if not len(certified(trials)):
        raise NotApplicable("no stuck run of this study has a certificate; a study with certify=true makes them")
    return pd.DataFrame([_row(each) for each in resting(trials)]).astype({name: trials[name].dtype for name in FIELDS})


def _row(each: Resting) -> dict[str, Any]:
    row: dict[str, Any] = {**dict(each.condition), "n": each.n}
    for kind, rate in each.kinds.items():
        row |= {kind: rate.count, f"{kind}_rate": rate.rate, f"{kind}_low": rate.low, f"{kind}_high": rate.high}
    return row


def _stack(ax: Axes, rows: pd.DataFrame, labels: list[str]) -> None:
    x = np.arange(len(rows))
    bottom = np.zeros(len(rows))
    thin = len(rows) > 8
    for kind in KINDS:
        share = 100 * rows[f"{kind}_rate"].to_numpy(float)
        if share.any():
            ax.bar(
                x, share, bottom=bottom, width=0.82, color=KIND_COLOURS[kind], hatch=KIND_HATCHES[kind] * 2,
                edgecolor="white", linewidth=0.4,
            )  # fmt: skip
        bottom += share
    rate = 100 * rows["minimum_rate"].to_numpy(float)
    ends = [rate - 100 * rows["minimum_low"].to_numpy(float), 100 * rows["minimum_high"].to_numpy(float) - rate]
    for colour, width in (("white", 3.2), ("#222222", 1.2)):  # seen on dark and on light
        ax.errorbar(x, rate, yerr=np.maximum(ends, 0), fmt="none", color=colour, capsize=3, elinewidth=width)
    for i, n in enumerate(rows["n"]) if not thin else ():
        ax.text(x[i], 102, f"n = {n:,}", ha="center", va="bottom", fontsize=8, color="#555555")
    if thin:
        ax.set_title(f"{ax.get_title(loc='left')}, n = {min(rows['n']):,} to {max(rows['n']):,} a bar".lstrip(", "))
    ax.set_xticks(x, labels, rotation=60 if len(rows) > 16 else 0)
    ax.margins(x=0.02)


def _patch(kind: str) -> Patch:
    return Patch(
        facecolor=KIND_COLOURS[kind], hatch=KIND_HATCHES[kind] * 2, edgecolor="white", linewidth=0,
        label=KIND_NAMES[kind],
    )  # fmt: skip


def describe_resting_points(found: Findings) -> str:
    """What the stuck runs of the condition nearest to the article's rest at, in a sentence."""
    trials = found.trials
    resting_table(trials)
    row = nearest(certified(trials))
    (at,) = (each for each in resting(trials) if each.condition["condition"] == row["condition"])
    parts = [f"{KIND_NAMES[kind]} {words.rate(rate)}" for kind, rate in at.kinds.items() if rate.count]
    where = words.condition(row, swept(trials))
    return f"Of the stuck runs nearest to the article ({where}): {'; '.join(parts)}."
