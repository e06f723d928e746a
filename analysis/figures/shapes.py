"""The shapes that figures share: lines in small multiples, rows of marks with intervals, stacked bars, legends."""

import functools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from analysis.data.conditions import FIELDS, is_number, phrase
from analysis.data.reading import size
from analysis.figures.layout import by_value, footnote, has_room, looks_of, n_text, rest_of, small_multiples, thin
from analysis.figures.style import Look, Looks, letters, mark, sheet, tip
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_ENDS = 4  # lines that are labelled where they end, if all end at the right; else there is a legend
End = tuple[float, float]  # where a line ends, along the axis and up


class Mark(NamedTuple):
    """A point of a forest plot and its interval; hollow if not `sure`; `text` shows under the pointer."""

    at: float
    low: float
    high: float
    text: str = ""
    sure: bool = True
    beside: str = ""


def percent(rate: Rate | None, name: str, beside: str = "") -> Mark | None:
    """A rate as a mark, in per cent; none where nothing was counted."""
    if not rate or not rate.n:
        return None
    return Mark(100 * rate.rate, 100 * rate.low, 100 * rate.high, f"{name}: {words.rate(rate)}", beside=beside)


def lines(
    found: Findings, rows: pd.DataFrame, field: str | None, draw: Callable[[Axes, pd.DataFrame, Look, float], End],
    finish: Callable[[Axes, pd.DataFrame], object], label: str, *, axis: str | None = None, most: int = 4,
    most_panels: int = 6, columns: int = 2, notes: Sequence[str] = (),
) -> Figure:  # fmt: skip
    """Small multiples: a panel for each combination of the fields that are left, in it a line for each value of one.

    `draw` draws a line, moved sideways by its last argument, and returns its `End` before that; `finish` gives a panel
    its axis, along which is the field `axis`. Rows of a summary are points, others runs, which a line counts.
    """

    def count(mine: pd.DataFrame) -> str:
        n = mine["n"] if "n" in mine else [size(part) for _, part in by_value(mine, field)]
        return f"{n_text(n)} per {'point' if 'n' in mine else 'line'}"

    shown, note = thin(rows, [field] if field else [], most)
    rest = rest_of(found.fields, axis, field)
    figure, boxes, more = small_multiples(shown, rest, most_panels, columns, 2.9, count, sharey=True)
    ends, alone = [], axis is not None and not is_number(axis)  # no line joins names
    look = {value: mark(each) if alone else each for value, each in looks_of(found, field).items()}
    for ax, mine in boxes:
        parts = by_value(mine, field)
        middle = (len(parts) - 1) / 2
        ends.append((ax, {value: draw(ax, part, look[value], i - middle) for i, (value, part) in enumerate(parts)}))
        finish(ax, mine)
    percent_axis((ax for ax, _ in boxes), label)
    if field:
        drawn = {value for _, each in ends for value in each}
        names = {value: phrase(field, value) for value, _ in by_value(shown, field) if value in drawn}
        ragged = any(len({x for x, _ in each.values()}) > 1 for _, each in ends)
        if len(names) > MOST_ENDS or max(map(len, names.values())) > letters(4, 9) or ragged:
            legend(figure, {name: look[value] for value, name in names.items()}, FIELDS[field].label)
        else:
            _name_ends(ends, look, names)
    footnote(figure, note, more, *notes)
    return figure


def _name_ends(ends: Sequence[tuple[Axes, dict[Any, End]]], look: dict[Any, Look], name: dict[Any, str]) -> None:
    """Write the names of lines beside their ends, moved apart where they are close, and none above the panel."""
    for ax, lines_drawn in ends:
        (low, high), heights = ax.get_ylim(), {value: end[1] for value, end in lines_drawn.items()}
        order = sorted(heights, key=lambda value: heights[value])
        room = 0.085 * (high - low) * np.arange(len(order))
        lowest = np.maximum.accumulate(np.array([heights[value] for value in order]) - room)
        for value, height in zip(order, np.minimum(lowest, high - room.max(initial=0)) + room, strict=True):
            across = ax.get_yaxis_transform()
            alone: dict[str, Any] = {"clip_on": False, "scalex": False, "scaley": False, "markevery": [1]}
            ax.plot([1.01, 1.035, 1.06], [height] * 3, transform=across, **alone, **look[value])
            ax.text(1.075, height, name[value], transform=across, va="center", fontsize=9, color="#333333")


def error_bars(ax: Axes, x: ArrayLike, rates: Sequence[Rate], look: Look, names: Iterable[str]) -> None:
    """Shares in per cent at the places x, with their intervals as bars, and their names under the pointer."""
    at, low, high = 100 * np.array([(rate.rate, rate.low, rate.high) for rate in rates]).reshape(-1, 3).T
    bars = np.nan_to_num(np.maximum([at - low, high - at], 0))
    ax.errorbar(places := np.asarray(x, float), at, bars, capsize=3, elinewidth=1.1, **look)
    for place, rate, name in zip(places, rates, names, strict=True):
        tip(ax, place, 100 * rate.rate, place, 100 * rate.rate, f"{name}: {words.rate(rate)}")


def percent_axis(axes: Iterable[Axes], label: str) -> None:
    """Vertical axes from 0 to 100 %, the first one of each row labelled."""
    for ax in axes:
        ax.set(ylim=(-2, 102), yticks=[0, 25, 50, 75, 100])
        if ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel(label)


Rows = Sequence[Sequence[Mark | None]]
Part = tuple[str, Sequence[str], Rows]


def forests(
    parts: Sequence[Part], look: Looks, label: str, title: str = "", percent_to: float | None = None
) -> tuple[Figure, list[Axes]]:
    """Forest plots one above another with one axis: of each its title, the names of its rows, and their marks.

    A row has a mark for each look, which a legend names if there are several. Shares in per cent have an axis from 0
    to 100 with some room, up to `percent_to`.
    """
    apart = 0.17 if any(each and each.beside for _, _, rows in parts for row in rows for each in row) else 0.06
    fill = functools.partial(textwrap.fill, break_on_hyphens=False)
    wrapped = [[fill(name, letters(2.6, 9)) for name in names] for _, names, _ in parts]
    longest = [max((name.count("\n") + 1 for name in names), default=1) for names in wrapped]
    heights = [max(0.1 + apart * len(look), 0.08 + 0.15 * n) for n in longest]
    sizes = [height * (len(names) + 0.2) for height, names in zip(heights, wrapped, strict=True)]
    titles = [fill(name, letters(1.4)) for name, _, _ in parts]
    figure = sheet(sum(sizes) + 0.4 * len(sizes) + 0.9 + 0.17 * "".join(titles).count("\n"))
    axes = list(figure.subplots(len(sizes), 1, squeeze=False, sharex=True, height_ratios=sizes)[:, 0])
    for ax, name, names, (_, _, rows) in zip(axes, titles, wrapped, parts, strict=True):
        _forest(ax, names, rows, list(look.values()))
        ax.set_title(name)
    axes[-1].set_xlabel(label)
    if percent_to:
        axes[-1].set(xlim=(-3, percent_to), xticks=[0, 25, 50, 75, 100])
    if len(look) > 1:
        legend(figure, {name: mark(each) for name, each in look.items()}, title)
    return figure, axes


def _forest(ax: Axes, names: Sequence[str], rows: Rows, looks: Sequence[Look]) -> None:
    """Rows of marks with their intervals, the first row on top, the marks of a row one below another."""
    step = min(0.3, 0.7 / len(looks))
    for i, look in enumerate(looks):
        marks = [(y + (i - (len(looks) - 1) / 2) * step, row[i]) for y, row in enumerate(rows)]
        some = [(y, each) for y, each in marks if each is not None]
        ends = [(y, each.low, each.high) for y, each in some if np.isfinite(each.low)]
        ax.hlines(*(np.array(ends).reshape(-1, 3).T), color=look["color"], linewidth=1.3)
        for sure in (True, False):
            mine = [(each.at, y) for y, each in some if each.sure == sure]
            face = {} if sure else {"markerfacecolor": "white", "markeredgecolor": look["color"]}
            ax.plot(*zip(*mine, strict=True), **{**mark(look), **face}) if mine else None
        for y, each in some:
            tip(ax, each.at, y, each.at, y, each.text)
            if each.beside:
                small: dict[str, Any] = {"va": "center", "fontsize": 8, "color": "#555555"}
                ax.annotate(each.beside, (each.high, y), (6, 0), textcoords="offset points", **small)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")


def stack(
    ax: Axes, rates: Mapping[str, Sequence[Rate]], looks: Looks, names: Mapping[str, str], labels: Sequence[str]
) -> None:
    """A bar for each label, with a piece for each name; where bars are few, large pieces carry their per cent."""
    x, bottom = np.arange(len(labels)), np.zeros(len(labels))
    for what, each in rates.items():
        share = 100 * np.nan_to_num([rate.rate for rate in each])
        if not share.any():
            continue
        drawn = ax.bar(x, share, bottom=bottom, width=0.82, **looks[what])
        ground = drawn[0].get_facecolor()
        for i in np.flatnonzero(share).tolist():
            told = f"{labels[i]}: {names[what]} {words.rate(each[i])}"
            tip(ax, x[i] - 0.41, bottom[i], x[i] + 0.41, bottom[i] + share[i], told)
        if len(labels) <= 8:
            box = {"facecolor": ground, "edgecolor": "none", "pad": 1.2}
            texts = [str(int(height + 0.5)) if height >= 7 else "" for height in share]
            colour = "white" if sum(ground[:3]) < 1.5 else "#222222"
            ax.bar_label(drawn, texts, label_type="center", bbox=box, color=colour, fontsize=8.5)
        bottom += share
    long, beside = max(map(len, labels), default=0) > 10, max(4 - len(labels), 0) / 2
    slanted: dict[str, Any] = {"rotation": 30, "ha": "right", "rotation_mode": "anchor"} if long else {}
    crowded = len(labels) > 12 or (not long and not has_room(ax, labels))
    ax.set_xticks(x, labels, **({"rotation": 90} if crowded else slanted))
    ax.set_xlim(-0.55 - beside, len(labels) - 0.45 + beside)


def legend(figure: Figure, entries: Mapping[str, Mapping[str, Any]], title: str | None = None) -> None:
    """A legend above the panels, for which the figure grows: a patch for looks with a face colour, else a line."""
    line = functools.partial(Line2D, [], [])
    handles = [(Patch if "facecolor" in look else line)(label=name, **look) for name, look in entries.items()]
    columns = max(min(len(handles), letters(1, 9) // (max(map(len, entries), default=0) + 7)), 1)
    figure.set_figheight(figure.get_figheight() + 0.2 * ((len(handles) - 1) // columns))
    figure.legend(
        handles=handles, loc="outside upper center", ncols=columns, handlelength=1.8, handleheight=1.2,
        title=textwrap.fill(title, letters()) if title else None,
    )  # fmt: skip
