"""What a choice changes, seed by seed: differences of success rates with their intervals."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from analysis.data.conditions import few, others
from analysis.data.field_labels import value_text
from analysis.figures.layout import footnote, n_text, row_names, rows_of
from analysis.figures.plot import Plot
from analysis.figures.style import SERIES, NotApplicable, sheet, styled, tip
from analysis.findings.findings import Findings
from analysis.findings.paired import as_paired
from analysis.findings.statistics import SIGNIFICANT
from analysis.text import words

MOST_ROWS = 24
MINUS = " \N{MINUS SIGN} "


@styled
def paired_effects(found: Findings) -> Figure:
    """A panel a choice, a row a condition: its difference with the interval, filled where it is beyond doubt."""
    shown = effects(found)
    height = sum(min(len(table), MOST_ROWS) for table in shown.values())
    figure = sheet(0.3 * height + 0.9 * len(shown) + 0.6)
    ratios = [min(len(table), MOST_ROWS) + 1 for table in shown.values()]
    axes = figure.subplots(len(shown), 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
    notes: list[str] = []
    for ax, (field, table) in zip(axes, shown.items(), strict=True):
        table = table.iloc[few(range(len(table)), MOST_ROWS)]
        for y, (_, row) in enumerate(table.iterrows()):
            pair, sure = as_paired(row), row["p_holm"] < SIGNIFICANT
            ax.hlines(y, 100 * pair.low, 100 * pair.high, color=SERIES[0], linewidth=1.3)
            face = SERIES[0] if sure else "white"
            (mark,) = ax.plot(100 * pair.difference, y, "o", color=SERIES[0], markerfacecolor=face)
            tip(mark, f"{words.difference(pair)}, adjusted p {words.p_value(row['p_holm'])}")
        rest = others(found.summary, field)
        names, note = row_names(table, rest)
        notes.append(note)
        several = len(table[["first", "second"]].drop_duplicates()) > 1
        pairs = [_pair(field, row) for _, row in table.iterrows()]
        rows_of(ax, [f"{pair}, {name}" if several else name for pair, name in zip(pairs, names, strict=True)])
        ax.axvline(0, color="#888888", linewidth=0.9, zorder=1)
        ax.set_title(f"{'' if several else f'{pairs[0]}, '}{n_text(table['n'])} pairs")
    axes[-1].set_xlabel("difference in the share solved, points")
    sure = "Filled: Holm\N{RIGHT SINGLE QUOTATION MARK}s adjusted p is below 0.05. Lines: 95 % intervals."
    footnote(figure, "To the right, the first of the two is solved more often.", sure, *notes)
    return figure


def _pair(field: str, row: pd.Series) -> str:
    return f"{words.field(field, row['second'])}{MINUS}{value_text(field, row['first'])}"


def effects(found: Findings) -> dict[str, pd.DataFrame]:
    """The comparisons by field; NotApplicable where the study has none."""
    shown = {field: table for field, table in found.effects.items() if len(table)}
    if not shown:
        raise NotApplicable("no field takes two named values, so that nothing is to be compared seed by seed")
    return shown


def describe(found: Findings) -> str:
    """The smallest and the largest difference of each field, in a sentence."""
    texts = []
    for field, table in effects(found).items():
        row, worst = (table.iloc[place] for place in (table["difference"].argmax(), table["difference"].argmin()))
        pair = _pair(field, row)
        ends = f"from {words.difference(as_paired(worst))} to {words.difference(as_paired(row))}"
        texts.append(f"{pair}: {ends if len(table) > 1 else words.difference(as_paired(row))}")
    return f"Differences, the same seeds on both sides: {'; '.join(texts)}."


PLOT = Plot(
    "paired_effects", "What a choice changes",
    "Trainings with the same seed start from the same draws, so that each difference is one within seeds.",
    paired_effects, describe, quiet=True, order=5,
)  # fmt: skip
