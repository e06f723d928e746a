"""The report's tables: numbers as readers see them, every rate with its n and interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analysis.data.conditions import few, others
from analysis.data.field_labels import asks
from analysis.data.reading import OUTCOMES, swept
from analysis.findings import pooled
from analysis.findings.failure_causes import STUCK_CAUSES, attributed, by_dead_at_start
from analysis.findings.findings import Findings
from analysis.findings.paired import as_paired
from analysis.findings.published import Beside
from analysis.findings.rescues import CONTROLS, fields_of
from analysis.findings.statistics import Difference, Paired, Rate, wilson
from analysis.findings.summary import draws, narrowest
from analysis.text import words

VAGUE = 0.5  # an interval as wide as this is cut off where a forest plot ends


@dataclass(frozen=True)
class Table:
    """A table: a title, what its columns mean, and its cells as text.

    The first column names the row. `kept` says how many columns stay in view when the others scroll, `prose` that
    cells hold sentences. `marks`, one per row, are differences that a forest plot shows beside the names.
    """

    title: str
    note: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    kept: int = 1
    prose: bool = False
    marks: Sequence[Difference] = ()

    @property
    def reach(self) -> float:
        """How far the plot reaches to either side of 0: to the ends of all marks but the vague ones."""
        sharp = [each for each in self.marks if each.high - each.low < VAGUE]
        return max([0.01, *(abs(end) for each in sharp for end in (each.low, each.high))])

    def without_zeros(self) -> Table:
        """Without the columns in which nothing is counted; the note says which they were."""
        columns = list(zip(*self.rows, strict=True))
        empty = [i for i, column in enumerate(columns) if i >= self.kept and all(map(_is_nothing, column))]
        if not empty:
            return self
        names = words.listed([self.heads[i] for i in empty])

        def pick(cells: Sequence[str]) -> list[str]:
            return [cell for i, cell in enumerate(cells) if i not in empty]

        note = f"{self.note} Left out, since nothing was counted there: {names}."
        return replace(self, note=note, heads=pick(self.heads), rows=[pick(row) for row in self.rows])


def _is_nothing(cell: str) -> bool:
    return cell in ("\N{EM DASH}", "0") or cell.startswith("0.0 (")


def short(rate: Rate) -> str:
    """'64.4 (61.4–67.3)', in per cent, for tables that have n in a column."""
    if not rate.n:
        return "\N{EM DASH}"
    return f"{100 * rate.rate:.1f} ({words.interval(rate.low, rate.high)})"


def conditions_table(found: Findings) -> Table:
    """Every condition: how often it is solved, where its other runs end, and how often to draw it."""
    outcomes = [name for name in OUTCOMES if name != "solved" and found.every_summary[name].any()]
    shown, note = spread(found.every_summary)
    needed = draws(shown).set_index("condition")
    fields = swept(found.every)
    rows = []
    for _, row in shown.iterrows():
        rates = [short(Rate.of(int(row[name]), int(row["n"]))) for name in ("solved", *outcomes)]
        median = row["solved_epoch_median"]
        epochs = "\N{EM DASH}" if pd.isna(median) else f"{median:,.0f}"
        dead = f"{row['dead_init_mean']:.2f} \N{RIGHTWARDS ARROW} {row['dead_final_mean']:.2f}".replace(
            "nan", "\N{EM DASH}"
        )
        times = words.draws(*needed.loc[row["condition"], ["draws_99", "draws_99_low", "draws_99_high"]])
        rows.append([words.condition(row, fields), rates[0], f"{row['n']:,}", *rates[1:], dead, epochs, times])
    return Table(
        "Every condition",
        "Percent of n runs, with 95 % Wilson intervals; mean number of dead units at the start and at the end; median "
        "epochs to solve, of the solved runs; draws after which at least one success is 99 % likely, with the range "
        f"that the interval of the success rate allows.{note}",
        ["condition", "solved", "n", *(words.outcome(name) for name in outcomes), "dead units", "epochs", "draws"],
        rows,
        2,
    ).without_zeros()


def causes_table(found: Findings) -> Table:
    """Every condition with stuck runs: why they are stuck."""
    causes = found.failure_causes
    shown, note = spread(causes[(causes["stuck"] > 0).to_numpy(bool)])
    rows = [
        [words.condition(row, found.fields), f"{row['stuck']:,} of {row['n']:,}",
         *(short(Rate.of(row[name], row["stuck"])) for name in ("no_dead", *STUCK_CAUSES))]
        for _, row in shown.iterrows()
    ]  # fmt: skip
    return Table(
        "Why stuck runs are stuck",
        "Percent of the stuck runs (whose number is n), with 95 % Wilson intervals. Each stuck run has one cause; "
        f"runs without a dead unit are counted separately.{note}",
        ["condition", "stuck, of runs", "no dead unit", *(words.CAUSE_WORDS[name] for name in STUCK_CAUSES)],
        rows,
    ).without_zeros()


MOST_DEAD = 6  # columns of dead units at the start that a table has


def start_table(found: Findings) -> Table:
    """How often runs get stuck by the number of units dead at the start, and what those units account for."""
    trials = found.trials
    dying = [name for name in trials["activation"].unique() if asks("activation", name, "can_die")]
    some = trials[trials["activation"].isin(dying).to_numpy(bool)]
    most = min(int(some["dead_init"].max()), MOST_DEAD) if len(some) else 0
    parts, note = spread([part for _, part in some.groupby("condition", observed=True, sort=False)] if most else [])
    rows = []
    for part in parts:
        by_dead = by_dead_at_start(part)
        share = attributed(by_dead)
        told = {dead: f"{short(rate)} of {rate.n:,}" for dead, rate in by_dead.items()}
        cells = [told.get(dead, "") for dead in range(most + 1)]
        rows.append([words.condition(part.iloc[0], found.fields), words.estimate(share) if share.n else "", *cells])
    comes_back = some["recycle_every"].notna() | (some["relu_at_zero"] == 1)
    missing = (
        " Such a unit adds 0 and has no gradient, so a network with it trains as one without: to be dead at the start "
        "is to be missing."
    )
    return Table(
        "Stuck runs by the units that are dead at the start",
        "Percent of the runs with so many units dead at the start that get stuck, with 95 % Wilson intervals."
        f"{'' if comes_back.any() else missing} Due to them is the attributable fraction: the share of all stuck runs "
        "that would not be stuck if each dead unit were drawn again until it lives. As units are drawn independently, "
        "the runs that start with all alive show how often those would be stuck; the interval is Walter's (1976)."
        f"{note}",
        ["condition", "due to them", *(f"{dead} dead" for dead in range(most + 1))],
        rows,
        2,
    )


def cause_tables(found: Findings) -> list[Table]:
    """Why stuck runs are stuck, and what they rest at where they have certificates."""
    shown = [each for each in (start_table(found), causes_table(found)) if each.rows]
    return [*shown, resting_table(found)] if len(found.resting) else shown


def resting_table(found: Findings) -> Table:
    """What stuck runs rest at: every level over all conditions."""
    by_level = pooled.certificates(found.together(found.summary))
    levels = [
        [words.outcome(level), f"{next(iter(kinds.values())).n:,}", *(short(rate) for rate in kinds.values())]
        for level, kinds in by_level.items()
    ]
    several = f" All conditions together; the 95 % {pooled.HOW}." if len(found.summary) > 1 else ""
    note = f"Percent of the stuck runs (whose number is n), according to their certificates.{several}"
    heads = ["level", "n", *(words.KIND_NAMES[kind] for kind in by_level["all levels"])]
    return Table("What stuck runs rest at, by level", note, heads, levels)


def rescue_tables(found: Findings) -> list[Table]:
    """Every intervention in every condition: how many of the stuck runs it frees, against both controls."""
    if not found.freed:
        return []
    fields = fields_of(found.rescues)
    rows = []
    for each in found.freed:
        name = ", ".join([words.rescue(each.intervention), *(words.field(field, each.row[field]) for field in fields)])
        row = [name, short(each.rate), f"{each.rate.count:,} of {each.rate.n:,}"]
        for control in CONTROLS:
            pair = each.against.get(control)
            row += [_change(pair, each.rate.n), words.p_value(each.p_holm[control])] if pair else ["\N{EM DASH}"] * 2
        rows.append(row)
    against = [head for control in CONTROLS for head in (f"minus {words.rescue(control)}, points", "p (Holm)")]
    table = Table(
        "What frees stuck runs",
        "Of the runs that were stuck after their epochs, the percentage that is solved after as many again, with 95 % "
        "Wilson intervals. Differences are paired by run, with Newcombe's 95 % interval and the exact McNemar p, "
        "adjusted by Holm's method over the whole table.",
        ["intervention", "freed, %", "freed of stuck", *against],
        rows,
        2,
    )
    return [table, redrawn_table(found)] if len(found.redrawn) else [table]


def _change(pair: Paired, n: int) -> str:
    """A paired difference with its interval; its number of pairs if that is not n."""
    pairs = "" if pair.n == n else f", {pair.n:,} pairs"
    return f"{words.points(pair.difference)} ({words.points(pair.low)} to {words.points(pair.high)}{pairs})"


REDRAWN = (
    "Stuck runs by the number of units that were dead when they were redrawn: the share freed by redraw_dead minus "
    "that freed by the other. Under redraw_alive the dead units stay dead, so that it leaves fewer units that can "
    "live: that difference is one of widths as much as of death. redraw_all leaves as many units that can live as "
    "redraw_dead, and tells whether it matters that the live ones are kept. Paired by run, with Newcombe's 95 % "
    "interval and the exact McNemar p, adjusted by Holm's method over the table."
)


def redrawn_table(found: Findings) -> Table:
    """Redrawing dead units against redrawing live ones and all, by how many are dead."""
    table = found.redrawn
    fields = [name for name in fields_of(found.rescues) if name in table]
    controls = list(dict.fromkeys(table["first"]))
    parts = [part for _, part in table.groupby([*fields, "dead"], observed=True, sort=False, dropna=False)]
    shown, note = spread(parts)
    rows = []
    for part in shown:
        row, pairs = part.iloc[0], {each["first"]: each for _, each in part.iterrows()}
        cells = [
            ", ".join([f"{row['dead']} dead", *(words.field(field, row[field]) for field in fields)]),
            f"{row['n']:,}",
        ]
        for each in (pairs.get(control) for control in controls):
            cells += ["", ""] if each is None else [_change(as_paired(each), row["n"]), words.p_value(each["p_holm"])]
        rows.append(cells)
    heads = [head for each in controls for head in (f"minus {each}, points", "p (Holm)")]
    return Table("Redrawing dead units, by how many are dead", REDRAWN + note, ["dead units", "runs", *heads], rows, 2)


WANTED = (0.5, 0.8, 0.9, 0.95, 0.99)  # success rates of a single draw that widths are looked up for


def width_tables(found: Findings) -> list[Table]:
    """How wide is wide enough, for each combination of the other fields."""
    if "hidden" not in found.fields:
        return []
    fields = others(found.trials, "hidden")
    widths = {wanted: narrowest(found.summary, wanted) for wanted in WANTED}
    first = widths[WANTED[0]]
    places, note = spread(range(len(first)))
    rows = [
        [words.condition(first.iloc[i], fields), *(_width(table.iloc[i]) for table in widths.values())] for i in places
    ]
    return [Table(
        "How wide is wide enough",
        "The narrowest width of this study whose measured success rate reaches the wanted one; in brackets the "
        f"narrowest whose 95 % Wilson interval lies entirely at or above it, where that is another.{note}",
        ["other settings", *(f"{100 * wanted:.0f} %" for wanted in WANTED)], rows,
    )]  # fmt: skip


def _width(row: pd.Series) -> str:
    reaches, surely = ("none" if pd.isna(row[name]) else str(row[name]) for name in ("reaches", "surely"))
    return reaches if reaches == surely else f"{reaches} ({surely})"


MOST_CONDITIONS = 200  # rows of a table that has one per condition


def spread(rows: Any) -> tuple[Any, str]:
    """At most `MOST_CONDITIONS` of the rows, evenly spread, and a note that says so."""
    if len(rows) <= MOST_CONDITIONS:
        return rows, ""
    places = few(range(len(rows)), MOST_CONDITIONS)
    shown = rows.iloc[places] if isinstance(rows, pd.DataFrame) else [rows[place] for place in places]
    return shown, f" Shown are {len(places):,} of {len(rows):,} rows, evenly spread; summary.csv has every condition."


def published_tables(found: Sequence[Beside]) -> list[Table]:
    """Published figures beside ours."""
    rows = []
    for each in found:
        name = ", ".join(filter(None, [each.setting, each.where]))
        source = f"{each.source} ({each.quoted})" if each.quoted else each.source
        theirs = f"\N{LEFT DOUBLE QUOTATION MARK}{each.says}\N{RIGHT DOUBLE QUOTATION MARK}"
        if each.theirs is not None:
            low, high = wilson(each.theirs * each.runs, each.runs)
            theirs = f"{100 * each.theirs:.1f} ({words.interval(float(low), float(high))}), n{words.IS}{each.runs:,}"
        ours = f"{short(each.solved)}, n{words.IS}{each.solved.n:,}"
        if each.theirs is None:
            ours += f"; stuck {short(each.stuck)}"
        verdict = ": ".join(filter(None, [each.verdict, each.margin]))
        rows.append([source, theirs, ours, verdict, f"{name}. {each.note}".rstrip(". ") if each.note else name])
    table = Table(
        "Published figures beside ours",
        "Percent solved, with 95 % Wilson intervals and the number of runs; ours over the runs of all conditions that "
        "repeat the setting. The two agree if they differ by at most "
        "3\N{MIDDLE DOT}\N{SQUARE ROOT}(p(1 \N{MINUS SIGN} p)(1/n\N{SUBSCRIPT ONE} + 1/n\N{SUBSCRIPT TWO})), p being "
        "the share of both together. What a source says only in words is shown and not judged, nor are figures of so "
        "few runs that hardly any rate could disagree.",
        ["source", "theirs", "ours", "agreement", "setting"], rows, prose=True,
    )  # fmt: skip
    return [table]
