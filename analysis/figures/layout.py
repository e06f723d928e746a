"""The layout of a figure: which field runs along the axis, which one tells lines apart, and which make panels."""

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from analysis.data import conditions
from analysis.data.conditions import FIELDS, NAMING, is_number, slices, value_text, values
from analysis.data.reading import OUTCOMES
from analysis.figures.style import Look, columns_for, letters, looks, need, panels
from analysis.findings.findings import Findings
from analysis.findings.summary import trap_levels
from analysis.text import words

ALWAYS = ("task", *NAMING, "epochs")  # fields that a figure names even where they are the article's
MOST_PANELS, MOST_TICKS = 12, 8


def axis_field(table: pd.DataFrame, most_alone: int = MOST_PANELS // 2) -> str:
    """The field along the axis: of those swept, the number with the most values, else the first.

    Raises NotApplicable for a single condition, and for more than `most_alone` lines of hardly more than a point each.
    """
    fields = conditions.swept(table)
    need(fields, "the study has one condition, so there is nothing to set side by side")
    order = ("lr", "hidden", *fields)
    field = max(fields, key=lambda name: (is_number(name), table[name].nunique(), -order.index(name)))
    rest = rest_of(fields, field)
    lines = len(table[rest].drop_duplicates()) if rest else 1
    need(lines <= most_alone or 2 * len(table) >= 3 * lines, "hardly any of its conditions can be set side by side")
    return field


def line_field(fields: Sequence[str]) -> str | None:
    """The field that tells lines apart in figures whose axis is no field: lr, else width, else any."""
    return next((name for name in ("lr", "hidden", *fields) if name in fields), None)


def rest_of(fields: Sequence[str], *taken: str | None) -> list[str]:
    """The swept fields that are left for panels."""
    return [name for name in dict.fromkeys((*NAMING, *fields)) if name in fields and name not in taken]


def looks_of(found: Findings, field: str | None) -> dict[Any, Look]:
    """How each value of a field looks in the figures of a study; the only line's look under None for no field."""
    return looks([None]) if field is None else looks(values(found.summary, field), is_number(field))


def named_parts(
    rows: pd.DataFrame, fields: Sequence[str], most: int = MOST_PANELS
) -> tuple[list[tuple[str, pd.DataFrame]], str]:
    """The name and the rows of each combination of the fields' values, and a note of what is left out."""
    chosen, note = thin(rows, fields, most)
    if not fields:
        return [("", chosen)], note
    combinations, found = zip(*slices(chosen, fields), strict=True)
    names, common = row_names(pd.DataFrame(combinations), fields)
    return list(zip(names, found, strict=True)), " ".join(filter(None, [note, common]))


def thin(rows: pd.DataFrame, fields: Sequence[str], most: int) -> tuple[pd.DataFrame, str]:
    """Rows with so few values of each field that at most `most` combinations are left; and a note that says so.

    A study that is no full grid (a union of others, say) may have few rows there: then its first combinations.
    """
    combinations = rows[list(fields)].drop_duplicates()
    if not fields or len(combinations) <= most:
        return rows, ""
    found = {name: values(rows, name) for name in fields}
    room = {name: len(each) for name, each in found.items()}
    while math.prod(room.values()) > most:
        room[max(room, key=lambda name: room[name])] -= 1
    shown, notes = rows, []
    for name in fields:
        chosen = conditions.few(found[name], room[name], FIELDS[name].default)
        if len(chosen) < len(found[name]):
            missing = shown[name].isna() & (None in chosen)
            shown = shown[(shown[name].isin([each for each in chosen if each is not None]) | missing).to_numpy(bool)]
            notes.append(f"{FIELDS[name].label} {', '.join(value_text(name, each) for each in chosen)}")
    if 2 * len(shown[list(fields)].drop_duplicates()) >= most:
        return shown, f"Only a part is shown: {'; '.join(notes)}."
    first = pd.concat([part for _, part in slices(rows, fields)][:most])
    names = words.listed([FIELDS[name].label for name in fields])
    every = f"the study\N{RIGHT SINGLE QUOTATION MARK}s {len(combinations):,} combinations of {names}"
    return first, f"Shown: {most} of {every}."


def by_value(rows: pd.DataFrame, field: str | None) -> list[tuple[Any, pd.DataFrame]]:
    """The rows of each value of a field; all rows under None for no field."""
    parts = slices(rows, [field] if field else [])
    return [(None if field is None or pd.isna(row[field]) else row[field], part) for row, part in parts]


def n_text(numbers: Any) -> str:
    """'n = 1,000', or the range if the numbers differ."""
    return f"n = {' to '.join(f'{n:,}' for n in sorted({min(numbers), max(numbers)}))}"


def small_multiples(
    rows: pd.DataFrame, fields: Sequence[str], most: int, columns: int, height: float,
    count: Callable[[pd.DataFrame], str], **keywords: Any,
) -> tuple[Figure, list[tuple[Axes, pd.DataFrame]], str]:  # fmt: skip
    """A panel for each combination of the fields' values, with its rows, and a note of what is left out.

    `count` puts the number of runs into words, which stand on a line of their own where panels are narrow.
    """
    found, note = named_parts(rows, fields, most)
    columns = 2 if len(found) in (1, 2, 4) else columns
    figure, axes = panels(len(found), columns, height, **keywords)
    room = letters(columns := columns_for(columns), 12)  # of a panel, an axis takes its share
    for ax, (name, part) in zip(axes, found, strict=True):
        joined = ", ".join(filter(None, [name, count(part)]))
        lines = [*textwrap.wrap(name, room, break_on_hyphens=False), count(part)]
        ax.set_title(joined if columns <= 2 and len(joined) <= room else "\n".join(filter(None, lines)))
    return figure, [*zip(axes, (part for _, part in found), strict=True)], note


def places(field: str, summary: pd.DataFrame) -> dict[Any, float]:
    """Where each value of a field lies on an axis: a number at its value, names at 0, 1, 2 and so on."""
    found = values(summary, field)
    numbers = is_number(field) and None not in found
    return {value: float(value) if numbers else float(n) for n, value in enumerate(found)}


def place(ax: Axes, field: str, summary: pd.DataFrame, which: str = "x") -> None:
    """Set up the horizontal axis, or the one `which` is named, for a field."""
    where, axis = places(field, summary), getattr(ax, f"{which}axis")
    found, log = [*where], conditions.is_log(field, [*where])
    ax.set(**{f"{which}scale": "log" if log else "linear", f"{which}label": FIELDS[field].label})
    if not is_number(field):  # so that two names are not at the ends of an empty panel
        ax.margins(x=1 / len(found))
    marked = found if len(found) <= MOST_TICKS else found[:: -(-len(found) // MOST_TICKS)]
    if log and len(found) > MOST_TICKS:  # 0.003, 0.01, 0.03
        ticks = LogLocator(subs=(1, 3)).tick_values(found[0], found[-1])
        marked = [float(f"{tick:.0e}") for tick in ticks if found[0] * 0.999 <= tick <= found[-1] * 1.001]
    while which == "x" and is_number(field) and not has_room(ax, [value_text(field, value) for value in marked]):
        marked = marked[::2]
    texts = ["\n".join(textwrap.wrap(value_text(field, value), 14)) for value in marked]
    crowded = len(texts) > 2 and max(map(len, texts)) > 10 and not is_number(field)
    axis.set_ticks([where.get(value, value) for value in marked], texts, rotation=30 if crowded else 0)
    axis.minorticks_off()


def has_room(ax: Axes, texts: Sequence[str]) -> bool:
    """Whether texts side by side have room below a panel."""
    spec = ax.get_subplotspec()
    needed = len(texts) * (max(map(len, texts), default=0) + 1)
    return spec is None or len(texts) < 2 or needed <= letters(spec.get_gridspec().ncols, 11)


def row_names(table: pd.DataFrame, fields: Sequence[str]) -> tuple[list[str], str]:
    """A name for each condition of a table: of many fields those that are not as usual, with a note of the usual."""
    rows = [row for _, row in table.iterrows()]
    if len(fields) <= words.MOST_NAMED:
        return [words.condition(row, fields) for row in rows], ""
    common = conditions.usual(table, fields)
    differing = [conditions.unusual(row, common) for row in rows]
    names = [words.condition(row, own) if own else "as usual" for row, own in zip(rows, differing, strict=True)]
    return names, f"Usual: {words.condition(common, fields)}."


def fixed(found: Findings, *shown: str) -> str:
    """What a figure of the conditions nearest to the article's holds fixed, besides the fields it shows: 'lr 0.1'."""
    held = [name for name in found.fields if name not in shown]
    return words.condition(found.nearest, held) if held else ""


def outcome_names(summary: pd.DataFrame) -> dict[str, str]:
    """The outcomes of a summary in words, traps with their level where it is not their name: 'stuck at 1/4 (0.125)'."""
    levels = {name: trap_levels(summary, name) for name in OUTCOMES if summary[name].any()}
    return {name: words.outcome(name) + (f" ({level})" if level else "") for name, level in levels.items()}


def widest(summary: pd.DataFrame, outcomes: Sequence[str]) -> str:
    """How wide the intervals of the shares are at most, in a sentence, for figures that cannot show each of them."""
    low, high = (summary[[f"{name}_{end}" for name in outcomes]].to_numpy(float) for end in ("low", "high"))
    half = 100 * np.nanmax(high - low) / 2
    return f"95 % Wilson intervals reach at most {half:.1f} points to either side of their middle."


def setting(found: Findings, rescued: bool) -> str:
    """The study of a figure, and what all its runs share, `rescued` or not: 'Study article: XOR, 10,000 epochs.'."""
    at, usual = found.nearest, conditions.defaults()
    always = (*ALWAYS, *([] if rescued else conditions.swept(found.every_summary)))  # others may have been rescued
    shared = [name for name in FIELDS if name not in found.fields]
    told = [name for name in shared if name in always or not conditions.same(at[name], usual[name])]
    return f"Study {found.manifest['study']}{f': {words.condition(at, told)}' if told else ''}."


def footnote(figure: Figure, *notes: str) -> None:
    """Put small print under a figure, which grows for it, in place of earlier small print; nothing without notes."""
    if text := " ".join(filter(None, notes)):
        lines = textwrap.wrap(text, int(16 * figure.get_figwidth()), break_on_hyphens=False)
        figure.set_figheight(figure.get_figheight() + 0.15 * (len(lines) - len(figure.get_supxlabel().splitlines())))
        figure.supxlabel("\n".join(lines), fontsize=8, color="#666666")
