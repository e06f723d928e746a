"""What frees stuck runs: figure 11."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import distance
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.figures.layout import by_value, footnote, line_field, make_panels, rest_of, thin_field
from analysis.figures.style import MARKERS, NotApplicable, panels, series_colours, styled
from analysis.findings.findings import Findings
from analysis.findings.rescues import fields_of, has_rescues, interventions, stuck_runs
from analysis.findings.statistics import Rate
from analysis.text import words


def rescued(trials: pd.DataFrame) -> pd.DataFrame:
    """The stuck runs that were rescued (`analysis.findings.rescues.stuck_runs`), of all interventions."""
    if not has_rescues(trials):
        raise NotApplicable("the study rescues no runs")
    runs = stuck_runs(trials)
    if not len(runs):
        raise NotApplicable("no run was stuck, so there was none to rescue")
    return runs.assign(rescue="")  # told apart by `intervention`


@styled
def freed_by_rescue(found: Findings) -> Figure:
    """Share of the stuck runs that each intervention frees: a row an intervention, Wilson intervals as bars."""
    trials = found.rescues
    runs, order = rescued(trials), interventions(trials)
    lines = line_field(runs)
    shown, note = thin_field(runs, lines, 4)
    boxes, note_panels = make_panels(shown, rest_of(shown, lines), 6)
    figure, axes = panels(len(boxes), 2, 0.46 * len(order) + 1.0, sharey=True, sharex=True)
    colours = series_colours(True, len(by_value(shown, lines)))
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, lines)
        ax.set_title(panel.title)
        for i, (value, part) in enumerate(parts):
            _points(ax, part, order, colours[i], i, (i - (len(parts) - 1) / 2) * min(0.3, 0.7 / len(parts)))
            ax.plot([], [], marker=MARKERS[i % 7], linestyle="", color=colours[i], label=_label(part, value, lines))
        ax.set_yticks(range(len(order)), order)
        ax.set_ylim(len(order) - 0.4, -0.6)
        ax.set_xlim(-3, 103)
        ax.set_xticks([0, 25, 50, 75, 100])
        ax.grid(True, axis="x")
        ax.legend(title=axis_label(lines) if lines else None, loc="best")
        if ax.get_subplotspec().is_last_row():  # type: ignore[union-attr]
            ax.set_xlabel("freed of the stuck runs, %")
    footnote(figure, note, note_panels)
    return figure


def _label(part: pd.DataFrame, value: Any, lines: str | None) -> str:
    """The stuck runs of one line: 'lr 0.1 (n = 356)'."""
    n = part["seed"].nunique()
    return f"{value_text(lines, value)} (n = {n:,})" if lines else f"n = {n:,}"


def _points(ax: Axes, part: pd.DataFrame, order: list[str], colour: Any, i: int, offset: float) -> None:
    for y, name in enumerate(order):
        mine = part.loc[(part["intervention"] == name).to_numpy(bool), "freed"]
        if not len(mine):
            continue
        rate = Rate.of(int(mine.sum()), len(mine))
        ends = np.maximum([[100 * (rate.rate - rate.low)], [100 * (rate.high - rate.rate)]], 0)
        ax.errorbar(
            [100 * rate.rate], [y + offset], xerr=ends, fmt=MARKERS[i % 7], color=colour, capsize=3, elinewidth=1.1,
            markeredgecolor="white", markeredgewidth=0.7,
        )  # fmt: skip


def describe_freed_by_rescue(found: Findings) -> str:
    """What each intervention frees in the condition nearest to the article's, in a sentence."""
    trials = found.rescues
    runs, fields = rescued(trials), fields_of(trials)
    runs = runs.assign(place=[words.condition(row, fields) for row in runs[fields].to_dict("records")])
    row = min((row for _, row in runs.drop_duplicates("place").iterrows()), key=lambda row: distance(_alone(row)))
    part = runs[(runs["place"] == row["place"]).to_numpy(bool)]
    rates = []
    for name in interventions(trials):
        mine = part.loc[(part["intervention"] == name).to_numpy(bool), "freed"]
        if len(mine):
            rates.append(f"{name} {words.rate(Rate.of(int(mine.sum()), len(mine)))}")
    return f"Nearest to the article ({row['place']}), freed of the stuck runs: {'; '.join(rates)}."


def _alone(row: pd.Series) -> dict[str, Any]:
    """A condition as it is without its rescue."""
    return {**dict(row[list(FIELDS)]), "rescue": None}
