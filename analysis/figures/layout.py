"""What a figure shows of a study: which field runs along the axis, which tells lines apart, which panels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import few, nearest, slices, unusual, usual, values, with_values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.reading import swept
from analysis.figures.style import NotApplicable, columns_for, letters
from analysis.text import words

ORDER = ("hidden", "init", "lr")
"""Fields that panels and series take first."""

MOST_PANELS = 12
MOST_NAMED = 4
"""Fields that a panel's title names all of; of more it names those that are not as usual."""

NUMERIC = ("hidden", "lr", "scale", "epochs", "slope", "batch_size")


@dataclass(frozen=True)
class Panel:
    """One panel: its title and the rows (of trials or of a summary) that it shows."""

    title: str
    rows: pd.DataFrame


def axis_field(trials: pd.DataFrame) -> str:
    """The field along the axis: of those swept, the number with the most values, else the first.

    Raises NotApplicable for a single condition.
    """
    fields = swept(trials)
    if not fields:
        raise NotApplicable("the study has one condition, so there is nothing to set side by side")
    order = ("lr", "hidden", *NUMERIC, *fields)
    return max(fields, key=lambda name: (name in NUMERIC, trials[name].nunique(), -order.index(name)))


def series_field(trials: pd.DataFrame, *taken: str) -> str | None:
    """The field that tells lines apart: init if it is swept, else the next one."""
    rest = [name for name in ("init", *ORDER, *swept(trials)) if name in swept(trials) and name not in taken]
    return rest[0] if rest else None


def line_field(trials: pd.DataFrame) -> str | None:
    """The field that tells lines apart in figures whose axis is no field: lr, else width, else any."""
    fields = swept(trials)
    return next((name for name in ("lr", "hidden", *fields) if name in fields), None)


def rest_of(trials: pd.DataFrame, *taken: str | None) -> list[str]:
    """The swept fields that are left for panels."""
    fields = swept(trials)
    return [name for name in (*ORDER, *(f for f in fields if f not in ORDER)) if name in fields and name not in taken]


def make_panels(rows: pd.DataFrame, fields: Sequence[str], most: int = MOST_PANELS) -> tuple[list[Panel], str]:
    """A panel for each combination of the fields' values, and a note of what is left out."""
    chosen, note = thin(rows, fields, most)
    found = list(slices(chosen, fields))
    if len(fields) <= MOST_NAMED:
        return [Panel(words.condition(row, fields) if fields else "", part) for row, part in found], note
    common = usual(pd.DataFrame([row for row, _ in found]), fields)
    titles = [
        words.condition(row, unusual(row, common)) if unusual(row, common) else "as said below" for row, _ in found
    ]
    note = f"{note} Unless a title says otherwise: {words.condition(common, fields)}.".lstrip()
    return [Panel(title, part) for title, (_, part) in zip(titles, found, strict=True)], note


def thin(trials: pd.DataFrame, fields: Sequence[str], most: int) -> tuple[pd.DataFrame, str]:
    """Trials with so few values of each field that at most `most` combinations are left; and a note that says so.

    A study that is no full grid (a union of others, say) may have few trials there: then its first combinations.
    """
    combinations = trials[list(fields)].drop_duplicates()
    if len(combinations) <= most:
        return trials, ""
    shown, note = _thin(trials, fields, most)
    if 2 * len(shown[list(fields)].drop_duplicates()) >= most:
        return shown, note
    first = pd.concat([part for _, part in slices(trials, fields)][:most])
    return first, f"Shown: {most} of the study's {len(combinations):,} combinations of {words.listed(list(fields))}."


def _thin(trials: pd.DataFrame, fields: Sequence[str], most: int) -> tuple[pd.DataFrame, str]:
    found = {name: values(trials, name) for name in fields}
    room = {name: len(values_) for name, values_ in found.items()}
    while math.prod(room.values()) > most:
        room[max(room, key=lambda name: room[name])] -= 1
    kept = {name: few(found[name], room[name], FIELDS[name].default) for name in fields}
    notes = []
    for name, chosen in kept.items():
        if len(chosen) < len(found[name]):
            trials = trials[trials[name].isin([value for value in chosen if value is not None]).to_numpy()]
            notes.append(f"{axis_label(name)}: {', '.join(value_text(name, each) for each in chosen)}")
    return trials, f"Shown of the study's values: {'; '.join(notes)}." if notes else ""


def thin_field(trials: pd.DataFrame, name: str | None, most: int) -> tuple[pd.DataFrame, str]:
    """The same for one field; nothing to do for None."""
    return thin(trials, [name], most) if name else (trials, "")


def by_value(summary: pd.DataFrame, field: str | None) -> list[tuple[Any, pd.DataFrame]]:
    """The rows of each value of a field; all rows under None for no field."""
    if field is None:
        return [(None, summary)]
    found = ((value, with_values(summary, {field: value}, [field])) for value in values(summary, field))
    return [(value, part) for value, part in found if len(part)]


def n_text(numbers: pd.Series | Sequence[int]) -> str:
    """'n = 1,000', or the range if the numbers differ."""
    low, high = min(numbers), max(numbers)
    return f"n = {low:,}" if low == high else f"n = {low:,} to {high:,}"


def panel_title(panel: Panel, text: str, columns: int) -> str:
    """A panel's title, in lines that fit the panel; the text on a line of its own where panels are narrow."""
    room = letters(columns := columns_for(columns))
    name = "\n".join(textwrap.wrap(panel.title, room, break_on_hyphens=False))
    joined = ", ".join(filter(None, [panel.title, text]))
    return joined if columns <= 2 and len(joined) <= room else "\n".join(filter(None, [name, text]))


def fixed(trials: pd.DataFrame, *shown: str) -> str | None:
    """What a figure of the conditions nearest to the article's holds fixed, besides the fields it shows: 'lr = 0.1'."""
    held = [name for name in swept(trials) if name not in shown]
    return words.condition(nearest(trials), held) if held else None


def widest(summary: pd.DataFrame, outcomes: Sequence[str]) -> str:
    """How wide the intervals of the shares are at most, for figures that cannot show each."""
    low, high = (summary[[f"{name}_{end}" for name in outcomes]].to_numpy(float) for end in ("low", "high"))
    half = 100 * (high - low).max() / 2
    return f"95 % Wilson intervals reach at most {half:.1f} points to either side of their middle."


def footnote(figure: Figure, *notes: str) -> None:
    """Small print under a figure; none if there is none."""
    text = " ".join(filter(None, notes))
    if text:
        figure.supxlabel(textwrap.fill(text, letters(size=7), break_on_hyphens=False), fontsize=8, color="#666666")
