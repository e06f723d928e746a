"""What a choice changes, seed by seed: differences of success rates with their intervals."""

import itertools
from collections.abc import Mapping

import pandas as pd

from analysis.data.conditions import NUMBERS, few, phrase, value_text
from analysis.figures import Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.statistics import SIGNIFICANT
from analysis.text import words

MOST = 16  # rows of a panel


def draw(shown: Mapping[str, pd.DataFrame]) -> Figure:
    """A panel a choice, a row a condition: its difference with the interval, filled where it is beyond doubt."""
    parts, notes = [], []
    for field, every in shown.items():
        table = every.iloc[few(range(len(every)), MOST)]
        others = [*table.columns[: table.columns.get_loc("field")]]
        names, note = layout.row_names(table, others)
        pairs = [_pair(field, row) for _, row in table.iterrows()]
        several, parted = len({*pairs}) > 1 or not others, bool(others)
        names = [", ".join(each[not several : 1 + parted]) for each in zip(pairs, names, strict=True)]
        title = f"{'' if several else f'{pairs[0]}, '}{layout.n_text(table['n'])} pairs"
        parts.append((title, names, [[_mark(row)] for _, row in table.iterrows()]))
        notes += [note, f"Shown: {MOST} of {len(every):,} rows, evenly spread." if len(every) > MOST else ""]
    figure, axes = shapes.forests(parts, style.looks([""]), "difference in the share solved, points")
    for ax in axes:
        ax.axvline(0, color="#888888", linewidth=0.9, zorder=1)
    sure = "Filled: Holm\N{RIGHT SINGLE QUOTATION MARK}s adjusted p is below 0.05. Lines: 95 % intervals."
    layout.footnote(figure, "To the right, the first of the two is solved more often.", sure, *dict.fromkeys(notes))
    return figure


def _mark(row: pd.Series) -> shapes.Mark:
    pair = row["pair"]
    alone = f"solved by one alone: {pair.only_second:,} and {pair.only_first:,}"
    told = f"{words.difference(pair)}; {alone}; p {words.p_value(pair.p)}, adjusted {words.p_value(row['p_holm'])}"
    return shapes.Mark(100 * pair.difference, 100 * pair.low, 100 * pair.high, told, row["p_holm"] < SIGNIFICANT)


def _pair(field: str, row: pd.Series) -> str:
    return f"{phrase(field, row['second'])} {words.MINUS} {value_text(field, row['first'])}"


def effects(found: Findings, asked: bool) -> dict[str, pd.DataFrame]:
    """The comparisons by field, of the fields that the study asks about (all if it names none) or of the others."""
    table = found.widths  # of these only neighbours and reversals are shown
    following = dict(itertools.pairwise(sorted({*table["first"], *table["second"]})))
    reversed_ = (table["high"] < 0) & (table["p_holm"] < SIGNIFICANT)
    widths = table[((table["first"].map(following) == table["second"]) | reversed_).to_numpy(bool)]
    every = {field: table for field, table in {"hidden": widths, **found.effects}.items() if len(table)}
    shown = {field: table for field, table in every.items() if (field in found.asks or not found.asks) == asked}
    style.need(shown, "no field takes two values that can be compared seed by seed")
    return shown


def describe(shown: Mapping[str, pd.DataFrame]) -> str:
    """The smallest and the largest difference of each field, in a sentence."""
    texts = []
    for field, table in shown.items():
        ends = [table.iloc[place] for place in (table["difference"].argmin(), table["difference"].argmax())]
        pairs = [_pair(field, row) for row in ends]
        told = [words.difference(row["pair"]) for row in ends]
        if pairs[0] == pairs[1]:
            texts.append(f"{pairs[0]}: {told[0]}" if told[0] == told[1] else f"{pairs[0]}: from {told[0]} to {told[1]}")
        else:
            texts.append(f"from {told[0]} ({pairs[0]}) to {told[1]} ({pairs[1]})")
    return f"Differences, the same seeds on both sides: {'; '.join(texts)}."


READING = "Trainings with the same seed start from the same draws, so that each difference is one within seeds."

register(Plot(
    "paired_effects", "What a choice changes", READING,
    lambda found: draw(effects(found, True)), lambda found: describe(effects(found, True)), quiet=True, order=5,
    section="helps", answers=lambda _found, fields: 0 if any(name in NUMBERS for name in fields) else 2,
))  # fmt: skip

register(Plot(
    "other_effects", "What the other choices change", READING,
    lambda found: draw(effects(found, False)), lambda found: describe(effects(found, False)), quiet=True, order=5.5,
    section="helps",
))  # fmt: skip
