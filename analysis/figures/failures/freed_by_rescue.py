"""What frees stuck runs."""

import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import phrase
from analysis.figures import Plot, register
from analysis.figures.layout import by_value, footnote, line_field, looks_of, make_panels, rest_of, thin
from analysis.figures.shapes import forest, legend, percent, percent_across, row_height
from analysis.figures.style import NotApplicable, panels
from analysis.findings.findings import Findings
from analysis.findings.stuck import fields_of, interventions
from analysis.text import answers, words


def freed(found: Findings) -> pd.DataFrame:
    """A row a condition and intervention: the fields, `intervention`, and the `rate` of stuck runs that it frees."""
    if not found.freed:
        raise NotApplicable("no run was stuck" if len(found.rescues) else "the study rescues no runs")
    rows = [{**each.row, "intervention": each.intervention, "rate": each.rate} for each in found.freed]
    return pd.DataFrame(rows).astype({name: found.rescues[name].dtype for name in found.freed[0].row.index})


def freed_by_rescue(found: Findings) -> Figure:
    """Share of the stuck runs that each intervention frees: a row an intervention, Wilson intervals as lines."""
    table, order, fields = freed(found), interventions(found.rescues), fields_of(found.rescues)
    field = line_field(fields)
    shown, note = thin(table, [field] if field else [], 4)
    boxes, more = make_panels(shown, rest_of(fields, field), 6)
    names = [words.rescue(each) for each in order]
    figure, axes = panels(len(boxes), 2, (row_height(names) + 0.07) * len(order) + 0.55, sharey=True, sharex=True)
    look = looks_of(found, field)
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, field)
        rates = [dict(zip(part["intervention"], part["rate"], strict=True)) for _, part in parts]
        rows = [[percent(each.get(what), name) for each in rates] for what, name in zip(order, names, strict=True)]
        forest(ax, names, rows, [look[value] for value, _ in parts])
        counts = [f"{max(rate.n for rate in each.values()):,}" for each in rates]
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
    freed(found)
    return answers.freed(found)


register(Plot(
    "freed_by_rescue", "What frees stuck runs",
    "Each point is the share of the stuck runs that an intervention frees; lines are 95 % Wilson intervals, and the "
    "runs are the same for all interventions.",
    freed_by_rescue, describe, quiet=True, order=13, section="freed",
    answers=lambda _found, fields: 4 if "rescue" in fields else 0,
))  # fmt: skip
