"""What becomes of the runs of each condition."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import values
from analysis.data.field_labels import FIELDS, value_text
from analysis.data.reading import OUTCOMES, swept
from analysis.figures import layout
from analysis.figures.plot import Plot, register
from analysis.figures.shapes import legend, percent_axis, stack
from analysis.figures.style import outcome_look, panels, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_BARS = 25


def bars(
    table: pd.DataFrame, pieces: Mapping[str, str], look: Any, label: str, notes: list[str], n_beside: int = 0
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A bar for each row of a table, stacked of pieces that have a name each; also the panels with their rows.

    A table holds `n`, a count of each piece, and the fields of conditions. Panels of at most `n_beside` bars have no n
    in their title, since it stands elsewhere.
    """
    fields = swept(table)
    field = layout.axis_field(table) if fields else "hidden"
    shown, fewer = layout.thin(table, [field], MOST_BARS)
    boxes, note = layout.make_panels(shown, layout.rest_of(fields, field))
    columns = 2 if len(values(shown, field)) > 6 or len(boxes) in (1, 2, 4) else 3
    figure, axes = panels(len(boxes), columns, 2.7, sharey=True)
    rows = [panel.rows.sort_values(field) for panel in boxes]
    for ax, panel, mine in zip(axes, boxes, rows, strict=True):
        n = f"{layout.n_text(mine['n'])} per bar" if len(mine) > n_beside else ""
        ax.set_title(layout.panel_title(panel, n, columns))
        rates = {piece: Rate.of_all(mine[piece], mine["n"]) for piece in pieces}
        stack(ax, rates, look, pieces, [value_text(field, each) for each in mine[field]])
        ax.set_xlabel(FIELDS[field].label)
    percent_axis(axes, label)
    legend(figure, {name: look(piece) for piece, name in pieces.items() if shown[piece].any()})
    layout.footnote(figure, fewer, note, *notes)
    return figure, list(zip(axes, rows, strict=True))


@styled
def composition(found: Findings) -> Figure:
    """Where the runs of each condition end: a bar a condition, stacked by outcome, shares in per cent."""
    names = layout.outcome_names(found.summary)
    return bars(found.summary, names, outcome_look, "share of runs, %", [layout.widest(found.summary, [*names])])[0]


def describe(found: Findings) -> str:
    """The composition of the condition nearest to the article's, in a sentence."""
    row, names = found.nearest, layout.outcome_names(found.summary)
    parts = [f"{names[name]} {words.share(row, name)}" for name in OUTCOMES if row[name]]
    return f"Nearest to the article ({words.condition(row, found.fields)}): {'; '.join(parts)}."


register(Plot(
    "composition", "What becomes of the runs",
    "Each bar is one condition; an outcome looks the same in every figure.",
    composition, describe, order=2, section="ends",
))  # fmt: skip
