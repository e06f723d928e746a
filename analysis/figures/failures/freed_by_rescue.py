"""What frees stuck runs."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import closest, slices
from analysis.data.field_labels import phrase
from analysis.figures.layout import by_value, footnote, line_field, looks_of, make_panels, rest_of, thin_field
from analysis.figures.plot import Plot, register
from analysis.figures.shapes import forest, legend, percent, percent_across, row_height
from analysis.figures.style import NotApplicable, panels, styled
from analysis.findings.findings import Findings
from analysis.findings.rescues import fields_of, interventions, stuck_runs
from analysis.findings.statistics import Rate
from analysis.text import words


def rescued(found: Findings) -> pd.DataFrame:
    """The stuck runs that were rescued (`analysis.findings.rescues.stuck_runs`), of all interventions."""
    if not len(found.rescues):
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
    """Share of the stuck runs that each intervention frees: a row an intervention, Wilson intervals as lines."""
    runs, order, fields = rescued(found), interventions(found.rescues), fields_of(found.rescues)
    field = line_field(fields)
    shown, note = thin_field(runs, field, 4)
    boxes, more = make_panels(shown, rest_of(fields, field), 6)
    names = [words.rescue(each) for each in order]
    figure, axes = panels(len(boxes), 2, row_height(names) * len(order) + 0.55, sharey=True, sharex=True)
    look = looks_of(found, field)
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, field)
        rates = [_rates(part, order) for _, part in parts]
        rows = [[percent(each[y], name) for each in rates] for y, name in enumerate(names)]
        forest(ax, names, rows, [look[value] for value, _ in parts])
        counts = [f"{part['seed'].nunique():,}" for _, part in parts]
        ax.set_title("\n".join(filter(None, [panel.title, f"n = {', '.join(counts)} stuck runs"])))
        if ax.get_subplotspec().is_last_row():  # type: ignore[union-attr]
            ax.set_xlabel("freed of the stuck runs, %")
    percent_across(axes)
    if field:
        legend(figure, {phrase(field, value): look[value].mark for value, _ in by_value(shown, field)})
    footnote(figure, note, more)
    return figure


def describe(found: Findings) -> str:
    """What each intervention frees in the condition nearest to the article's, in a sentence."""
    runs, fields, order = rescued(found), fields_of(found.rescues), interventions(found.rescues)
    places = list(slices(runs, fields))
    row, part = places[closest({**part.iloc[0], "rescue": None} for _, part in places)]
    rates = [(name, rate) for name, rate in zip(order, _rates(part, order), strict=True) if rate.n]
    told = "; ".join(f"{words.rescue(name)} {words.rate(rate)}" for name, rate in rates)
    return f"{words.nearest(row, fields)}, freed of the stuck runs: {told}."


register(Plot(
    "freed_by_rescue", "What frees stuck runs",
    "Each point is the share of the stuck runs that an intervention frees; lines are 95 % Wilson intervals, and the "
    "runs are the same for all interventions.",
    freed_by_rescue, describe, quiet=True, order=13, section="freed",
    answers=lambda _found, fields: 4 if "rescue" in fields else 0,
))  # fmt: skip
