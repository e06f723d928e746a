"""What frees stuck runs."""

import pandas as pd

from analysis.data.conditions import phrase
from analysis.figures import Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.stuck import fields_of, interventions
from analysis.text import answers, words


def freed(found: Findings) -> pd.DataFrame:
    """A row a condition and intervention: the fields, `intervention`, and the `rate` of stuck runs that it frees."""
    style.need(found.freed, "no run was stuck" if len(found.rescues) else "the study rescues no runs")
    rows = [{**each.row, "intervention": each.intervention, "rate": each.rate} for each in found.freed]
    return pd.DataFrame(rows).astype({name: found.rescues[name].dtype for name in found.freed[0].row.index})


def freed_by_rescue(found: Findings) -> Figure:
    """Share of the stuck runs that each intervention frees: a row an intervention, Wilson intervals as lines."""
    table, fields = freed(found), fields_of(found.rescues)
    field, names = layout.line_field(fields), {each: words.rescue(each) for each in interventions(found.rescues)}
    shown, note = layout.thin(table, [field] if field else [], 4)
    panels, more = layout.named_parts(shown, layout.rest_of(fields, field), 6)
    look = {value: layout.looks_of(found, field)[value] for value, _ in layout.by_value(shown, field)}
    parts = []
    for title, part in panels:
        rates = {value: own.set_index("intervention")["rate"].to_dict() for value, own in layout.by_value(part, field)}
        rows = [[shapes.percent(rates.get(each, {}).get(what), name) for each in look] for what, name in names.items()]
        most = {value: max(rate.n for rate in each.values()) for value, each in rates.items()}
        n = ", ".join(f"{phrase(field, value) if field else ''} n = {each:,}".strip() for value, each in most.items())
        parts.append((": ".join(filter(None, [title, f"{n} stuck runs"])), [*names.values()], rows))
    called = {phrase(field, value) if field else "": each for value, each in look.items()}
    figure, _ = shapes.forests(parts, called, "freed of the stuck runs, %", percent_to=103)
    layout.footnote(figure, note, more)
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
