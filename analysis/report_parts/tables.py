"""The report's tables: numbers as readers see them, every rate with its n and interval."""

import shlex
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Self

import pandas as pd

from analysis.data.conditions import few, phrase, slices, swept
from analysis.data.reading import CAUSES, KINDS, OUTCOMES, can_end_dead
from analysis.figures.layout import row_names
from analysis.findings.findings import Findings
from analysis.findings.published import Beside
from analysis.findings.side_by_side import Comparison, Row
from analysis.findings.statistics import VAGUE, Difference, Paired, Rate
from analysis.findings.stuck import STUCK_CAUSES, Freed, attributed, by_dead_at_start, fields_of
from analysis.findings.summary import HOW, certificates, draws
from analysis.text import words

WANTED = (0.5, 0.8, 0.9, 0.95, 0.99)  # success rates of a single draw that widths are looked up for
MOST_ROWS = 200  # rows of a table that has one per condition
PAIRED = "Differences are paired by run (Newcombe's 95 % interval; McNemar's exact p, adjusted by Holm's method)."
NONE, ARROW = "\N{EM DASH}", "\N{NO-BREAK SPACE}\N{RIGHTWARDS ARROW} "


class Table(NamedTuple):
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

    @classmethod
    def of(
        cls, title: str, note: str, heads: Sequence[str], things: Sequence[Any], cells: Callable[[Any], list[str]],
        kept: int = 1,
    ) -> Self:  # fmt: skip
        """A table with a row of `cells` for each thing; of many things `MOST_ROWS`, evenly spread, as the note says."""
        shown, n = few(things, MOST_ROWS), len(things)
        if len(shown) < n:
            note += f" Shown are {len(shown):,} of {n:,} rows, evenly spread; summary.csv has every condition."
        return cls(title, note, heads, [*map(cells, shown)], kept)

    @property
    def reach(self) -> float:
        """How far the plot reaches to either side of 0: to the ends of all marks but those that tell nothing."""
        sharp = [each for each in self.marks if each.high - each.low < VAGUE]
        return max([0.01, *(abs(end) for each in sharp for end in (each.low, each.high))])

    def without_zeros(self) -> Self:
        """Without the columns in which nothing is counted; the note says which they were."""
        heads, *rows = words.filled([self.heads, *self.rows], self.kept)
        names = "; ".join(head for head in self.heads if head not in heads)
        note = f"{self.note} Left out, since they would be empty: {names}." if names else self.note
        return self._replace(note=note, heads=heads, rows=rows)


def _named(table: pd.DataFrame, fields: Sequence[str]) -> tuple[list[dict[Hashable, Any]], str]:
    """Conditions with their names, which leave out what is usual where there are many fields, and what that is."""
    names, usual = row_names(table, fields)
    return table.assign(name=names).to_dict("records"), f" {usual}" if usual else ""


def conditions_table(found: Findings) -> Table:
    """Every condition: how often it is solved, where its other runs end, and how often to draw it."""
    outcomes, fields = [name for name in OUTCOMES[1:] if found.every_summary[name].any()], swept(found.every)

    def cells(row: Any) -> list[str]:
        solved, *others = (words.bare(Rate.of(row[name], row["n"])) for name in ("solved", *outcomes))
        ends = f"{row['dead_init_mean']:.2f}{ARROW}{row['dead_final_mean']:.2f}".replace("nan", NONE)
        dead = NONE if pd.isna(row["dead_init_mean"]) else ends
        epochs = f"{row['solved_epoch_median']:,.0f}".replace("nan", NONE)
        return [row["name"], solved, f"{row['n']:,}", *others, dead, epochs, words.draws(*draws(row))]

    named, usual = _named(found.every_summary, fields)
    return Table.of(
        "Every condition",
        "Percent of n runs, with 95 % Wilson intervals; mean number of dead units at the start and at the end; median "
        "epochs to solve, of the solved runs; draws after which at least one success is 99 % likely, with the range "
        f"that the interval of the success rate allows.{usual}",
        ["condition", "solved", "n", *(words.outcome(name) for name in outcomes), "dead units", "epochs", "draws"],
        named, cells, 2,
    ).without_zeros()  # fmt: skip


def causes_table(found: Findings) -> Table:
    """Every condition with stuck runs: why they are stuck."""
    runs = dict(list(found.trials[can_end_dead(found.trials)].groupby("condition", observed=True)))

    def cells(row: Any) -> list[str]:
        living, *shares = (words.bare(Rate.of(row[name], row["stuck"])) for name in ("no_dead", *STUCK_CAUSES))
        mine = runs.get(row["condition"])
        due = NONE if mine is None else words.bare(attributed(by_dead_at_start(mine), str(mine["init_law"].iloc[0])))
        return [row["name"], f"{row['stuck']:,} of {row['n']:,}", NONE if mine is None else living, *shares, due]

    unknown = (found.trials["task_units"] == "None").any()
    unsaid = " Where a task does not say how many live units it needs, one is taken to be enough." if unknown else ""
    of_dead = (
        "; runs without a dead unit are counted separately. Saved is the attributable fraction, with Walter's interval "
        "(1976): the share that would not be stuck if each unit dead at the start were drawn again until it lives "
        "(units are drawn independently); a dash where too few runs tell it, or units are not drawn so."
    )
    named, usual = _named(found.failure_causes, found.fields)
    return Table.of(
        "Why stuck runs are stuck",
        "Percent of the stuck runs (whose number is n), with 95 % Wilson intervals. Each stuck run has one cause"
        f"{of_dead if runs else '.'}{unsaid}{usual}",
        ["condition", "stuck, of runs", "no dead unit", *(CAUSES[name] for name in STUCK_CAUSES), "saved"],
        [row for row in named if row["stuck"]], cells,
    ).without_zeros()  # fmt: skip


def cause_tables(found: Findings) -> list[Table]:
    """Why stuck runs are stuck, and what they rest at where they have certificates, by level over all conditions."""
    shown = [causes_table(found)]
    if not len(found.resting):
        return shown
    together = found.together(found.summary)
    several = f" All conditions together; the 95 % {HOW}." if len(found.summary) > 1 else ""
    note = f"Percent of the stuck runs (whose number is n), according to their certificates.{several}"
    certified = set(together.loc[together["minimum"].notna().to_numpy(bool), "outcome"])
    by_level = [(words.outcome(level), certificates(together, level)) for level in OUTCOMES if level in certified]
    every = certificates(together)
    heads = ["level", "n", *(KINDS[kind] for kind in every)]
    by_level += [("all levels", every)] if len(by_level) != 1 else []
    rows = [[name, f"{next(iter(rates.values())).n:,}", *map(words.bare, rates.values())] for name, rates in by_level]
    return [*shown, Table("What stuck runs rest at, by level", note, heads, rows)]


def rescue_tables(found: Findings) -> list[Table]:
    """How many stuck runs each intervention frees, against both controls; redrawing dead units also by their number."""
    if not found.freed:
        return []
    fields = fields_of(found.rescues)

    def table(
        title: str, note: str, heads: list[str], shown: Sequence[Freed], first: Callable[[Freed], list[str]]
    ) -> Table:
        controls = list(dict.fromkeys(name for each in shown for name in each.against))
        minus = [head for name in controls for head in (f"minus {words.rescue(name)}, points", "p (Holm)")]

        def cells(each: Freed) -> list[str]:
            name, *numbers = first(each)
            pairs = [(each.against.get(control), each.p_holm.get(control, 1.0)) for control in controls]
            changes = [cell for pair, p in pairs for cell in (_change(pair, p, each.rate.n) if pair else [NONE, NONE])]
            return [", ".join([name, *(phrase(field, each.row[field]) for field in fields)]), *numbers, *changes]

        return Table.of(title, f"{note} {PAIRED}" if controls else note, [*heads, *minus], shown, cells, 2)

    freed = table(
        "What frees stuck runs",
        "Of the runs that were stuck after their epochs, the percentage that is solved after as many again, with 95 % "
        "Wilson intervals.",
        ["intervention", "freed, %", "freed of stuck"], found.freed,
        lambda it: [words.rescue(it.intervention), words.bare(it.rate), f"{it.rate.count:,} of {it.rate.n:,}"],
    )  # fmt: skip
    redrawn = table(
        "Redrawing dead units, by how many are dead",
        "Stuck runs by the number of units that were dead when they were redrawn: the share freed by redrawing those "
        "minus that freed by the other. Where live units are redrawn the dead ones stay dead, so that fewer can live: "
        "that difference is one of widths as much as of death. In a new network as many units can live as where dead "
        "ones are redrawn: that difference tells whether it matters that the live ones are kept.",
        ["dead units", "runs"], found.redrawn,
        lambda each: [f"{each.dead} dead", f"{each.rate.n:,}"],
    )  # fmt: skip
    return [freed, redrawn]


def _change(pair: Paired, p: float, n: int) -> list[str]:
    """A paired difference with its interval, and its number of pairs if that is not n; and its p."""
    pairs = "" if pair.n == n else f", {pair.n:,} pairs"
    ends = f"{words.points(pair.low)} to {words.points(pair.high)}"
    return [f"{words.points(pair.difference)} ({ends}{pairs})", words.p_value(p)]


def width_tables(found: Findings) -> list[Table]:
    """How wide is wide enough, for each combination of the other fields."""
    if "hidden" not in found.fields:
        return []
    fields = [name for name in found.fields if name != "hidden"]

    def width(part: pd.DataFrame, wanted: float) -> str:
        narrowest = (part.loc[part[f"solved_{end}"] >= wanted, "hidden"].min() for end in ("rate", "low"))
        reaches, surely = ("none" if pd.isna(each) else f"{each:.0f}" for each in narrowest)
        return reaches if reaches == surely else f"{reaches} ({surely})"

    return [Table.of(
        "How wide is wide enough",
        "The narrowest width of this study whose measured success rate reaches the wanted one; in brackets the "
        "narrowest whose 95 % Wilson interval lies entirely at or above it, where that is another.",
        ["other settings", *(words.percent(wanted, 0) for wanted in WANTED)], [*slices(found.summary, fields)],
        lambda each: [words.condition(each[0], fields) if fields else NONE, *(width(each[1], n) for n in WANTED)],
    )]  # fmt: skip


def published_tables(found: Sequence[Beside]) -> list[Table]:
    """Published figures beside ours."""

    def cells(each: Beside) -> list[str]:
        source = f"{each.source} ({each.quoted})" if each.quoted else each.source
        name = ", ".join(filter(None, [each.setting, each.where]))
        setting = f"{name}. {each.note[:1].upper()}{each.note[1:]}".rstrip(". ") if each.note else name
        theirs = f"\N{LEFT DOUBLE QUOTATION MARK}{each.says}\N{RIGHT DOUBLE QUOTATION MARK}"
        ours = f"{words.bare(each.solved)}, n{words.IS}{each.solved.n:,}"
        if each.theirs is None:
            ours = each.ours or f"{ours}; stuck {words.bare(each.stuck)}"
        else:
            theirs = f"{words.bare(each.theirs)}, n{words.IS}{each.theirs.n:,}"
        return [source, theirs, ours, ": ".join(filter(None, [each.verdict, each.margin])), setting]

    return [Table(
        "Published figures beside ours",
        "Percent solved, with 95 % Wilson intervals and the number of runs; ours over the runs of all conditions that "
        "repeat the setting. The two agree if they differ by at most "
        "3\N{MIDDLE DOT}\N{SQUARE ROOT}(p(1 \N{MINUS SIGN} p)(1/n\N{SUBSCRIPT ONE} + 1/n\N{SUBSCRIPT TWO})), p being "
        "the share of both together. What a source says only in words is shown and not judged, nor are figures of so "
        "few runs that hardly any rate could disagree.",
        ["source", "theirs", "ours", "agreement", "setting"], [cells(each) for each in found], prose=True,
    )]  # fmt: skip


def p_text(row: Row) -> str:
    """The adjusted p; a dash where nothing was tested."""
    return NONE if row.same else words.p_value(row.p_holm)


def compare_tables(found: Comparison) -> dict[str, Table]:
    """What differs (`differences`), and the aligned conditions (`rows`), the same trainings first."""
    ordered = sorted(found.rows, key=lambda row: (not row.same, not row.differs))

    def cells(row: Row) -> list[str]:
        rates = [words.difference(row.difference), *map(words.bare, (row.a, row.b))]
        return [row.name, *rates, p_text(row), row.how, row.traps]

    differs = Table("What differs", "Protocol, versions and settings.", ["", "A", "B"], found.differences, prose=True)
    rows = Table(
        "Side by side",
        "Percent solved of the runs that are compared, with 95 % Wilson intervals; the difference with Newcombe's 95 % "
        "interval; exact p of McNemar (paired) or Fisher (unpaired), adjusted by Holm's method. Trainings that are the "
        "same in both folders are checked, not tested.",
        ["condition", "B \N{MINUS SIGN} A", "A solved, %", "B solved, %", "p (Holm)", "compared", "in traps, % of all"],
        [cells(row) for row in ordered], 2, marks=[row.difference for row in ordered],
    )  # fmt: skip
    return {"differences": differs, "rows": rows}


def provenance_tables(manifest: Mapping[str, Any]) -> list[Table]:
    """The manifest as tables: the whole, then a column a run."""
    whole = {
        "protocol": str(manifest["protocol"]), "trainings": f"{manifest['trials']:,}",
        "kept of them": "exact counts (record: summary)" if manifest["record"] == "summary" else "one row each",
        "failed with an error": f"{manifest.get('failed') or 0:,}",
        "digest of the scientific columns": str(manifest.get("digest")),
    }  # fmt: skip
    runs = [_flat(run) for run in manifest["runs"]]
    keys = dict.fromkeys(key for run in runs for key in run)
    rows = [[key, *(run.get(key, NONE) for run in runs)] for key in keys]
    heads = ["", *(f"run {i}" for i in range(1, len(runs) + 1))]
    results = Table("The results", "What the result folder holds.", ["", ""], [*whole.items()], prose=True)
    return [results, Table("The runs", "One column for each time that trainings were added.", heads, rows, prose=True)]


def _flat(run: Mapping[str, Any]) -> dict[str, str]:
    """What the manifest tells of a run, by name: what is nested by both names, lists as command lines."""
    flat: dict[str, Any] = {}
    for key, value in run.items():
        flat |= {f"{key}: {inner}": what for inner, what in value.items()} if isinstance(value, dict) else {key: value}
    return {key: shlex.join(map(str, each)) if isinstance(each, list) else str(each) for key, each in flat.items()}
