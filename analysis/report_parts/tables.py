"""The report's tables: numbers as readers see them, every rate with its n and interval."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.conditions import few, others
from analysis.data.reading import KINDS, OUTCOMES, swept
from analysis.findings.failure_causes import STUCK_CAUSES, Culprits
from analysis.findings.paired import as_paired
from analysis.findings.planner import WANTED, draws, narrowest
from analysis.findings.rescues import CONTROLS, Freed, fields_of
from analysis.findings.rest_points import KIND_NAMES, resting, resting_altogether, resting_by_level
from analysis.findings.statistics import SIGNIFICANT, Paired, Rate
from analysis.findings.summary import summarise
from analysis.text import words


@dataclass(frozen=True)
class Table:
    """A table: a title, what its columns mean, and its cells as text; the first `names` columns name the row."""

    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    names: int


def short(rate: Rate) -> str:
    """'64.4 (61.4–67.3)', in per cent, for tables that have n in a column."""
    if not rate.n:
        return "\N{EM DASH}"
    return f"{100 * rate.rate:.1f} ({words.interval(rate.low, rate.high)})"


def heads(fields: Sequence[str]) -> list[str]:
    """Fields as column heads."""
    return [words.SYMBOLS.get(name, name) for name in fields]


def cells(row: pd.Series, fields: Sequence[str]) -> list[str]:
    """The values of fields, as cells."""
    return [words.value(row[name], name) for name in fields]


def conditions_table(trials: pd.DataFrame, epochs: pd.DataFrame | None = None) -> Table:
    """Every condition: where its runs end; `epochs` as `analysis.findings.summary.summarise` takes them."""
    summary, fields = summarise(trials, epochs), swept(trials)
    found = [name for name in OUTCOMES if name == "solved" or summary[name].any()]
    rows = []
    shown, note = spread(summary)
    for _, row in shown.iterrows():
        rates = [short(Rate.of(int(row[name]), int(row["n"]))) for name in found]
        median = row["solved_epoch_median"]
        waited = "\N{EM DASH}" if pd.isna(median) else f"{median:,.0f}"
        dead = f"{row['dead_init_mean']:.2f} \N{RIGHTWARDS ARROW} {row['dead_final_mean']:.2f}"
        rows.append([*cells(row, fields), f"{row['n']:,}", *rates, dead, waited])
    return Table(
        "Every condition",
        "Per cent of n runs, with 95 % Wilson intervals; mean dead units at the start and the end; median epochs to "
        f"solve, of the solved runs.{note}",
        [*heads(fields), "n", *(words.outcome(name) for name in found), "dead units", "epochs"],
        rows,
        len(fields),
    )


def culprits_table(trials: pd.DataFrame, found: Sequence[Culprits]) -> Table:
    """Every condition with stuck runs: why they are stuck."""
    fields = swept(trials)
    shown, note = spread([each for each in found if each.stuck.count])
    rows = [
        [
            *cells(each.condition, fields),
            f"{each.stuck.count:,} of {each.stuck.n:,}",
            short(each.no_dead),
            *(short(each.causes[name]) for name in STUCK_CAUSES),
        ]
        for each in shown
    ]
    return Table(
        "Why stuck runs are stuck",
        "Per cent of the stuck runs (whose number is n), with 95 % Wilson intervals. The causes exclude one another; "
        f"'no dead unit' is counted apart.{note}",
        [*heads(fields), "stuck, of runs", "no dead unit", *(words.CAUSE_WORDS[name] for name in STUCK_CAUSES)],
        rows,
        len(fields),
    )


def resting_tables(trials: pd.DataFrame) -> list[Table]:
    """What stuck runs rest at: every condition, then every level over all conditions."""
    fields = swept(trials)
    kinds = [KIND_NAMES[kind] for kind in KINDS]
    note = (
        "Per cent of the stuck runs (whose number is n), with 95 % Wilson intervals, by what their certificates say "
        "(see Method)."
    )
    rows = [
        [*cells(each.condition, fields), f"{each.n:,}", *(short(rate) for rate in each.kinds.values())]
        for each in resting(trials)
        if each.condition is not None
    ]
    whole = resting_altogether(trials)
    levels = [
        [words.outcome(each.name), f"{each.n:,}", *(short(rate) for rate in each.kinds.values())]
        for each in (*resting_by_level(trials), whole)
    ]
    return [
        Table("What stuck runs rest at", note, [*heads(fields), "n", *kinds], rows, len(fields)),
        Table(
            "What stuck runs rest at, by level",
            f"{note} All conditions together: the intervals take runs for independent, though conditions share seeds.",
            ["level", "n", *kinds], levels, 1,
        ),
    ]  # fmt: skip


def comparison_table(title: str, note: str, fields: Sequence[str], table: pd.DataFrame) -> Table:
    """Rows of `compare_values`: discordant counts, difference with interval, exact and adjusted p."""
    rows = []
    table, more = spread(table)
    for _, row in table.iterrows():
        pair = as_paired(row)
        rows.append(
            [
                *cells(row, fields),
                f"{words.value(row['first'])} \N{RIGHTWARDS ARROW} {words.value(row['second'])}",
                f"{pair.n:,}",
                f"{pair.only_first:,} / {pair.only_second:,}",
                f"{words.points(pair.difference)} ({words.points(pair.low)} to {words.points(pair.high)})",
                words.p_value(pair.p),
                words.p_value(row["p_holm"]),
            ]
        )
    columns = ["compared", "pairs", "solved by first / second alone", "difference, pp", "p", "p (Holm)"]
    return Table(title, note + more, [*heads(fields), *columns], rows, len(fields) + 1)


def rescue_table(trials: pd.DataFrame, found: Sequence[Freed]) -> Table:
    """Every intervention in every condition: how many of the stuck runs it frees, against both controls."""
    fields = fields_of(trials)
    rows = []
    for each in found:
        row = [*cells(each.row, fields), each.intervention, f"{each.rate.n:,}", f"{each.rate.count:,}"]
        row.append(short(each.rate))
        for control in CONTROLS:
            pair = each.against.get(control)
            row += [_change(pair, each.rate.n), words.p_value(each.p_holm[control])] if pair else ["\N{EM DASH}"] * 2
        rows.append(row)
    against = [head for control in CONTROLS for head in (f"minus {control}, pp", "p (Holm)")]
    return Table(
        "What frees stuck runs",
        "Of the runs that were stuck after their epochs, those that are solved after as many again, in per cent with "
        "95 % Wilson intervals. Differences are paired by run, with Newcombe's 95 % interval and the exact McNemar p, "
        "adjusted by Holm's method over the whole table.",
        [*heads(fields), "intervention", "stuck", "freed", "freed, %", *against],
        rows,
        len(fields) + 1,
    )


def _change(pair: Paired, n: int) -> str:
    """A paired difference with its interval; its number of pairs if that is not n."""
    pairs = "" if pair.n == n else f", {pair.n:,} pairs"
    return f"{words.points(pair.difference)} ({words.points(pair.low)} to {words.points(pair.high)}{pairs})"


LIKE_FOR_LIKE = (
    "Only stuck runs with a dead unit and at least as many live ones, so that both interventions draw as many units "
    "afresh: without a dead unit neither does anything, and with fewer live ones redraw_alive does less. Paired by "
    "run: runs freed by one alone, Newcombe's 95 % interval, the exact McNemar p, and Holm's adjustment."
)


def draws_table(trials: pd.DataFrame) -> Table:
    """Every condition: how often to draw."""
    fields = swept(trials)
    rows = []
    shown, note = spread(draws(summarise(trials)))
    for _, row in shown.iterrows():
        numbers = [
            f"{words.draws(row[name])} ({words.draws(row[f'{name}_low'])} to {words.draws(row[f'{name}_high'])})"
            for name in ("draws_95", "draws_99")
        ]
        solved = Rate.of(int(row["solved"]), int(row["n"]))
        rows.append([*cells(row, fields), f"{solved.n:,}", short(solved), *numbers])
    return Table(
        "How often to draw",
        "Draws after which at least one success is 95 % or 99 % likely; in brackets what the 95 % Wilson interval of "
        f"the success rate allows.{note}",
        [*heads(fields), "n", "solved, %", "draws for 95 %", "draws for 99 %"],
        rows,
        len(fields),
    )


def widths_table(trials: pd.DataFrame) -> Table:
    """How wide is wide enough, for each combination of the other fields."""
    fields = others(trials, "hidden")
    summary = summarise(trials)
    found = {wanted: narrowest(summary, wanted) for wanted in WANTED}
    first = found[WANTED[0]]
    rows = []
    places, note = spread(range(len(first)))
    for i in places:
        widths = [_width(table.iloc[i]) for table in found.values()]
        rows.append([*cells(first.iloc[i], fields), *widths])
    return Table(
        "How wide is wide enough",
        "The narrowest width of this study whose measured success rate reaches the wanted one; in brackets the "
        f"narrowest whose 95 % Wilson interval lies wholly at or above it.{note}",
        [*heads(fields), *(f"{100 * wanted:.0f} %" for wanted in WANTED)],
        rows,
        len(fields),
    )


def _width(row: pd.Series) -> str:
    reaches, surely = ("none" if pd.isna(row[name]) else str(row[name]) for name in ("reaches", "surely"))
    return f"{reaches} ({surely})"


COMPARED = (
    "Paired by seed. Discordant pairs, the difference in the share solved (second minus first) with Newcombe's 95 % "
    "interval, the exact McNemar p, and Holm's adjustment over the whole table."
)

MOST_ROWS = 60

MOST_CONDITIONS = 200
"""Rows of a table that has a row a condition."""


def spread(rows: Any) -> tuple[Any, str]:
    """At most `MOST_CONDITIONS` of the rows, evenly spread, and a note that says so."""
    if len(rows) <= MOST_CONDITIONS:
        return rows, ""
    places = few(range(len(rows)), MOST_CONDITIONS)
    shown = rows.iloc[places] if isinstance(rows, pd.DataFrame) else [rows[place] for place in places]
    return shown, f" Shown are {len(places):,} of {len(rows):,} rows, evenly spread; summary.csv has every condition."


def telling(widths: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The comparisons of widths that fit a table, and its note: all, or the neighbours and the reversals."""
    if len(widths) <= MOST_ROWS:
        return widths, COMPARED
    order = sorted({*widths["first"], *widths["second"]})
    following = dict(itertools.pairwise(order))
    neighbours = widths["first"].map(following) == widths["second"]
    reversed_ = (widths["high"] < 0) & (widths["p_holm"] < SIGNIFICANT)
    shown = widths[(neighbours | reversed_).to_numpy(bool)]
    return shown, (
        f"{COMPARED} Of {len(widths):,} comparisons those of neighbouring widths are shown, and those in which the "
        "wider network fails more often; Holm's adjustment is over all of them."
    )
