"""Failures by the number of units alive at the start."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import with_values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.tallies import count_where, counts_of, size
from analysis.figures.failures.deaths import need_units_that_die
from analysis.figures.layout import (
    by_value,
    footnote,
    line_field,
    looks_of,
    make_panels,
    n_text,
    panel_title,
    rest_of,
    thin_field,
)
from analysis.figures.plot import Plot
from analysis.figures.style import Look, NotApplicable, error_bars, name_lines, panels, percent_axis, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, unpaired
from analysis.text import words

FEWEST = 5
"""Runs that a point needs."""


@styled
def stuck_by_live_units(found: Findings) -> Figure:
    """Share of runs that are not solved against the number of units alive at the start, with Wilson intervals."""
    lines = line_field(found.fields)
    shown, note = thin_field(live_trials(found), lines, 4)
    boxes, note_panels = make_panels(shown, rest_of(found.fields, lines), 6)
    figure, axes = panels(len(boxes), 2, 3.0, sharey=True)
    look, ends = looks_of(found, lines), []
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, lines)
        ax.set_title(panel_title(panel, f"{n_text([size(part) for _, part in parts])} a line", 2))
        ends.append(_lines(ax, parts, look))
        ax.set_xlabel("units alive at the start")
        ax.margins(x=0.04)
    percent_axis(axes, "not solved, %")
    if lines:
        used = {value: look[value] for value, _ in by_value(shown, lines)}
        name_lines(figure, axes, ends, used, lambda value: value_text(lines, value), axis_label(lines))
    footnote(figure, note, note_panels, f"Points of fewer than {FEWEST} runs are left out.")
    return figure


def live_trials(found: Findings) -> pd.DataFrame:
    """The trials with `live` (units alive at the start) and `failed` (not solved, for whatever reason)."""
    need_units_that_die(found)
    if not found.trials["dead_init"].any():
        raise NotApplicable("every unit of every run is alive at the start, so there is nothing to set side by side")
    live = found.trials["hidden"] - found.trials["dead_init"]
    return found.trials.assign(live=live, failed=(found.trials["outcome"] != "solved").to_numpy(bool))


def _lines(ax: Axes, parts: list[tuple[Any, pd.DataFrame]], look: dict[Any, Look]) -> dict[Any, float]:
    """Draw a panel's lines; returns the height at which each ends."""
    ends: dict[Any, float] = {}
    for i, (value, part) in enumerate(parts):
        runs = pd.DataFrame({"live": part["live"], "n": counts_of(part), "failed": counts_of(part) * part["failed"]})
        table = runs.groupby("live")[["failed", "n"]].sum()
        table = table[table["n"] >= FEWEST]
        rates = Rate.of_all(table["failed"], table["n"])
        error_bars(ax, table.index.to_numpy(float) + 0.07 * (i - (len(parts) - 1) / 2), rates, look[value])
        if rates:
            ends[value] = 100 * rates[-1].rate
    last = int(max(part["live"].max() for _, part in parts))
    ax.set_xticks(np.arange(0, last + 1, max(1, -(-last // 11))))
    return ends


def describe(found: Findings) -> str:
    """What a dead unit at the start costs in the condition nearest to the article's, in a sentence."""
    part = with_values(live_trials(found), found.nearest, FIELDS)
    some = part["dead_init"] > 0
    without, having = (
        Rate.of(count_where(chosen, chosen["failed"]), size(chosen)) for chosen in (part[~some], part[some])
    )
    where = words.condition(found.nearest, found.fields)
    more = f"; difference {words.difference(unpaired(without, having))}" if without.n and having.n else ""
    return (
        f"Nearest to the article ({where}): not solved {words.rate(having)} with a dead unit at the start, "
        f"{words.rate(without)} with none{more}."
    )


PLOT = Plot(
    "stuck_by_live_units", "Failures by the units alive at the start",
    "If dead units were the whole story, runs with all units alive would be solved.",
    stuck_by_live_units, describe, order=9,
)  # fmt: skip
