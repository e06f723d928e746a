"""How often it is solved: a line a draw along the width or the learning rate."""

import pandas as pd

from analysis.data.conditions import NAMING, is_number
from analysis.figures import Axes, Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.statistics import Rate
from analysis.text import words


def success_rate(found: Findings) -> Figure:
    """Share solved along the swept number (width or learning rate), a line an init, Wilson intervals as bars."""
    field = layout.axis_field(found.summary, 1)
    series = next((name for name in ("init", *NAMING, *found.fields) if name in {*found.fields} - {field}), None)
    names, where = [name for name in (series, field) if name], layout.places(field, found.summary)

    def draw(ax: Axes, part: pd.DataFrame, look: style.Look, beside: float) -> shapes.End:
        part = part.sort_values(field, na_position="first")
        rates = Rate.of_all(part["solved"], part["n"])
        apart = 0 if is_number(field) else 0.06 * beside
        at = [where[each] if each in where else where[None] for each in part[field]]
        told = (words.condition(row, names) for _, row in part.iterrows())
        shapes.error_bars(ax, [x + apart for x in at], rates, look, told)
        return at[-1], 100 * rates[-1].rate

    return shapes.lines(
        found, found.summary, series, draw, lambda ax, rows: layout.place(ax, field, rows), "solved, %", axis=field,
        most=6, most_panels=12, columns=3, notes=["Bars: 95 % Wilson intervals."],
    )  # fmt: skip


def describe(found: Findings) -> str:
    """Best and worst condition, in a sentence."""
    layout.axis_field(found.summary, 1)
    rates = found.summary["solved_rate"]
    ends = [found.summary.iloc[place] for place in (rates.argmax(), rates.argmin())]
    best, worst = (f"{words.condition(row, found.fields)} with {words.share(row)}" for row in ends)
    if rates.max() == rates.min():
        fewest = found.summary.iloc[found.summary["n"].argmin()]
        return f"Solved equally often in every condition: {words.share(fewest)}."
    return f"Most often solved: {best}; least often: {worst}."


register(Plot(
    "success_rate", "How often it is solved",
    "Each point is the share of seeds whose run meets the success rule.",
    success_rate, describe, order=1, section="ends", answers=lambda _found, _fields: 1,
))  # fmt: skip
