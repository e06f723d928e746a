"""What frees stuck runs."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import slices
from analysis.data.field_labels import axis_label, value_text
from analysis.figures.layout import by_value, footnote, line_field, looks_of, make_panels, rest_of, rows_of, thin_field
from analysis.figures.plot import Plot
from analysis.figures.style import NotApplicable, columns_for, error_bars, panels, styled
from analysis.findings.findings import Findings
from analysis.findings.rescues import fields_of, has_rescues, interventions, stuck_runs
from analysis.findings.statistics import Rate
from analysis.text import words


def rescued(found: Findings) -> pd.DataFrame:
    """The stuck runs that were rescued (`analysis.findings.rescues.stuck_runs`), of all interventions."""
    if not has_rescues(found.rescues):
        raise NotApplicable("the study rescues no runs")
    runs = stuck_runs(found.rescues)
    if not len(runs):
        raise NotApplicable("no run was stuck, so there was none to rescue")
    return runs


def _rates(runs: pd.DataFrame, order: list[str]) -> list[Rate]:
    """How many of the runs each intervention frees."""
    parts = [runs.loc[(runs["intervention"] == name).to_numpy(bool), "freed"] for name in order]
    return [Rate.of(int(part.sum()), len(part)) for part in parts]


@styled
def freed_by_rescue(found: Findings) -> Figure:
    """Share of the stuck runs that each intervention frees: a row an intervention, Wilson intervals as bars."""
    runs, order, fields = rescued(found), interventions(found.rescues), fields_of(found.rescues)
    lines = line_field(fields)
    shown, note = thin_field(runs, lines, 4)
    boxes, note_panels = make_panels(shown, rest_of(fields, lines), 6)
    figure, axes = panels(len(boxes), 2, 0.46 * len(order) + 1.0, sharey=True, sharex=True)
    look = looks_of(found, lines)
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, lines)
        for i, (value, part) in enumerate(parts):
            offset = (i - (len(parts) - 1) / 2) * min(0.3, 0.7 / len(parts))
            rates = _rates(part, order)
            some = [y for y, rate in enumerate(rates) if rate.n]
            error_bars(ax, [y + offset for y in some], [rates[y] for y in some], look[value], upright=False, line=False)
        numbers = [f"{part['seed'].nunique():,}" for _, part in parts]
        ax.set_title("\n".join(filter(None, [panel.title, f"n = {', '.join(numbers)} stuck runs"])))
        rows_of(ax, [_name(name) for name in order])
        ax.set_xlim(-3, 103)
        ax.set_xticks([0, 25, 50, 75, 100])
        if ax.get_subplotspec().is_last_row():  # type: ignore[union-attr]
            ax.set_xlabel("freed of the stuck runs, %")
    if lines:
        styles = {value: {**look[value].line, "linestyle": "none"} for value, _ in by_value(shown, lines)}
        handles = [axes[0].plot([], [], label=value_text(lines, value), **style)[0] for value, style in styles.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=columns_for(6), title=axis_label(lines))
    footnote(figure, note, note_panels)
    return figure


def _name(intervention: str) -> str:
    """An intervention in words, with its slope if it has one of its own."""
    name, _, slope = intervention.partition(" ")
    return f"{value_text('rescue', name)} {slope}".rstrip()


def describe(found: Findings) -> str:
    """What each intervention frees in the condition nearest to the article's, in a sentence."""
    runs, fields, order = rescued(found), fields_of(found.rescues), interventions(found.rescues)
    places = list(slices(runs, fields))
    row, part = places[found.nearest_of([{**dict(part.iloc[0]), "rescue": None} for _, part in places])]
    rates = [(name, rate) for name, rate in zip(order, _rates(part, order), strict=True) if rate.n]
    told = "; ".join(f"{_name(name)} {words.rate(rate)}" for name, rate in rates)
    return f"Nearest to the article ({words.condition(row, fields)}), freed of the stuck runs: {told}."


PLOT = Plot(
    "freed_by_rescue", "What frees stuck runs",
    "Each point is the share of the stuck runs that an intervention frees; bars are 95 % Wilson intervals, and the "
    "runs are the same for all interventions.",
    freed_by_rescue, describe, quiet=True, order=13,
)  # fmt: skip
