"""What becomes of the runs of each condition, and what stuck ones rest at: minimum, saddle, kink or unknown."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.data.conditions import FIELDS, swept, value_text, values
from analysis.data.reading import KINDS, OUTCOMES
from analysis.figures import Axes, Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_BARS = 25
KIND_COLOURS = dict(zip(KINDS, ("#3d2c6b", "#6a55a3", "#b5475f", "#cdb0dd", "#e3b44f", "#dddddd"), strict=True))
KIND_LOOKS = style.bar_looks(KIND_COLOURS, {"infinity": ".", "saddle": "/", "shoulder": "-", "unknown": "\\"})


def bars(
    table: pd.DataFrame, pieces: Mapping[str, str], looks: style.Looks, label: str, notes: list[str], n_beside: int = 0
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]]]:
    """A bar for each row of a table, stacked of pieces that have a name each; also the panels with their rows.

    A table holds `n`, a count of each piece, and the fields of conditions. Panels of at most `n_beside` bars have no n
    in their title, since it stands elsewhere.
    """
    field = _axis(table)
    shown, fewer = layout.thin(table, [field], MOST_BARS)
    longest = max(len(value_text(field, each)) for each in values(shown, field))
    figure, boxes, note = layout.small_multiples(
        shown.sort_values(field, na_position="first"), layout.rest_of(swept(table), field), layout.MOST_PANELS,
        2 if len(values(shown, field)) > 6 else 3, 2.7 + 0.04 * max(longest - 10, 0),
        lambda mine: f"{layout.n_text(mine['n'])} per bar" if len(mine) > n_beside else "", sharey=True,
    )  # fmt: skip
    for ax, mine in boxes:
        rates = {piece: Rate.of_all(mine[piece], mine["n"]) for piece in pieces}
        shapes.stack(ax, rates, looks, pieces, [value_text(field, each) for each in mine[field]])
        ax.set_xlabel(FIELDS[field].label)
    shapes.percent_axis((ax for ax, _ in boxes), label)
    shapes.legend(figure, {name: looks[piece] for piece, name in pieces.items() if shown[piece].any()})
    layout.footnote(figure, fewer, note, *notes)
    return figure, boxes


def _axis(table: pd.DataFrame) -> str:
    return layout.axis_field(table) if swept(table) else "hidden"


def composition(found: Findings) -> Figure:
    """Where the runs of each condition end: a bar a condition, stacked by outcome, shares in per cent."""
    names, looks = layout.outcome_names(found.summary), style.OUTCOME_LOOKS
    return bars(found.summary, names, looks, "share of runs, %", [layout.widest(found.summary, [*names])])[0]


def describe_composition(found: Findings) -> str:
    """The composition of the condition nearest to the article's, in a sentence."""
    _axis(found.summary)
    row, names = found.nearest, layout.outcome_names(found.summary)
    parts = [f"{names[name]} {words.share(row, name)}" for name in OUTCOMES if row[name]]
    return f"{words.nearest(row, found.fields)}: {'; '.join(parts)}."


register(Plot(
    "composition", "What becomes of the runs",
    "Each bar is one condition; an outcome looks the same in every figure.",
    composition, describe_composition, order=2, section="ends", answers=lambda _found, _fields: 0.1,
))  # fmt: skip


def resting_points(found: Findings) -> Figure:
    """What the stuck runs of each condition rest at: a bar a condition, shares in per cent, n above it."""
    table = certified(found)
    missing, alike = len(found.summary) - len(table), [name for name in found.fields if name not in swept(table)]
    none = f"No run is stuck in {missing:,} of the study's conditions, which have no bar." if missing else ""
    shown = f"Shown: {words.condition(table.iloc[0], alike)}." if alike else ""
    notes = ["Error bars: 95 % Wilson intervals of the lowest share of each bar.", none, shown]
    figure, drawn = bars(table, KINDS, KIND_LOOKS, "share of stuck runs, %", notes, 8)
    for ax, rows in drawn:
        x = np.arange(len(rows))
        counts = [next(row[kind] for kind in KINDS if row[kind]) for row in rows.to_dict("records")]
        lowest = Rate.of_all(counts, rows["n"])
        rate, low, high = 100 * np.array([(each.rate, each.low, each.high) for each in lowest]).T
        ends = np.maximum([rate - low, high - rate], 0)
        for colour, width in (("white", 3.2), ("#222222", 1.2)):  # seen on dark and on light
            ax.errorbar(x + 0.3, rate, yerr=ends, fmt="none", color=colour, capsize=3, elinewidth=width)
        ax.set_ylim(-2, 114)
        for i, n in enumerate(rows["n"]) if len(rows) <= 8 else ():
            ax.text(x[i], 102, f"n = {n:,}", ha="center", va="bottom", fontsize=8, color="#555555")
    return figure


def certified(found: Findings) -> pd.DataFrame:
    """The conditions with certified stuck runs (see `analysis.findings.summary.resting`)."""
    style.need(len(found.resting), "no stuck run of this study has a certificate; a study with certify=true makes them")
    return found.resting


def describe_resting_points(found: Findings) -> str:
    """What the stuck runs of the condition nearest to the article's rest at, in a sentence."""
    table = certified(found)
    _axis(table)
    here = found.nearest_in(table)
    parts = [f"{KINDS[kind]} {words.share(here, kind)}" for kind in KINDS if here[kind]]
    return f"Of the stuck runs nearest to the article ({words.setting(here, found.fields)}): {'; '.join(parts)}."


register(Plot(
    "resting_points", "What stuck runs rest at",
    "Each bar is the stuck runs of one condition, by what their certificates say of the points at which they rest.",
    resting_points, describe_resting_points, quiet=True, order=12, section="causes",
))  # fmt: skip
