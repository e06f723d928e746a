"""Two result folders side by side: what differs between them, and what that did to success.

Conditions are aligned by this rule:

1. Conditions with the same key are the same trainings, and are aligned with each other.
2. Conditions that only B has are aligned with conditions that differ from them in one smallest set of fields, at most
   `MOST_CHANGED`: with conditions that only A has or, if those differ in more than one field, with conditions of both
   folders that differ in one. Of equally small sets it is the one that aligns most pairs. Where its fields take several
   values, each is compared with each.

Aligned conditions are compared by the seeds that both have (paired: exact McNemar test, Newcombe's interval for paired
data), if these are at least half of the seeds of the smaller one, and a seed means the same underlying draws under
both; else by all their seeds (unpaired: Fisher's exact test, Newcombe's interval for independent proportions). A seed
means the same draws whatever the fields, but for weights that were given (a .npz file): they come from no seed, so they
are paired with the same weights alone, by their digest. Holm's adjustment is over all rows but those of the same
trainings, which are a check, not a test: an outcome is determined by condition and seed.
"""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.data.conditions import FIELDS, counts, phrase, value_text
from analysis.data.door import FolderError
from analysis.data.reading import STUCK, count_where, is_given, size
from analysis.findings.findings import Findings
from analysis.findings.statistics import SIGNIFICANT, Difference, Paired, Rate, holm, unpaired
from analysis.text import words

Fields = dict[str, Any]
LAWS = {"init": "init_law", "task": "task_table"}
MOST_CHANGED = 2
FEW_SHARED = "fewer than half of the smaller one's seeds are in both"
GIVEN = "their initial weights were given, and a seed means other weights there"
VERSIONS = ("package", "git", "python", "libraries", "platform", "cpu", "engine")


class Side(Findings):
    """One of the two folders."""

    @cached_property
    def conditions(self) -> dict[str, Fields]:
        """By key of each condition with a training that went well: its fields' values and laws; None for idle ones."""
        every = self.every.drop_duplicates("condition").astype(object)
        found = {}
        for row in every.where(every.notna(), None).to_dict("records"):
            taken = {name: (row[name], row.get(LAWS.get(name), "")) for name in FIELDS if counts(name, row)}
            found[row["condition"]] = {**dict.fromkeys(FIELDS), **taken}
        return found

    @property
    def described(self) -> str:
        """The folder, and how many conditions and trainings of it went well."""
        return f"{self.folder} (conditions: {len(self.conditions):,}, trainings: {size(self.every):,})"


class Row(NamedTuple):
    """Two aligned conditions: `name` in words, and rates of the runs compared."""

    name: str
    a: Rate
    b: Rate
    difference: Difference  # B minus A
    p_holm: float  # not adjusted if they are the same trainings
    same: bool  # whether they are
    unpaired: str  # why they are not paired; empty if they are
    traps: str  # how many runs of each end in which trap

    @property
    def how(self) -> str:
        """'paired', 'unpaired' or 'paired, same trainings', with the counts that go with it."""
        if not isinstance(self.difference, Paired):
            return f"unpaired: {self.a.n:,} runs in A, {self.b.n:,} in B"
        counts = self.difference
        kind = "paired, same trainings" if self.same else "paired"
        return f"{kind}: {counts.n:,} seeds, {counts.only_first:,} by A alone, {counts.only_second:,} by B alone"

    @property
    def differs(self) -> bool:
        """Whether the adjusted p is below `SIGNIFICANT`."""
        return not self.same and self.p_holm < SIGNIFICANT


class Comparison(NamedTuple):
    """What `compare_folders` finds."""

    a: Side
    b: Side
    differences: list[tuple[str, str, str]]  # what, in A, in B
    changed: tuple[str, ...]  # fields that differ between aligned conditions that are not the same trainings
    rows: list[Row]
    alone: tuple[int, ...]  # how many conditions of A and of B are aligned with none
    checked: int  # how many trainings both folders hold
    broken: int  # how many of these ended differently
    example: str  # the first that did, in words

    @property
    def differs(self) -> bool:
        """Whether any row differs, or a training that both hold ended differently."""
        return self.broken > 0 or any(row.differs for row in self.rows)


def compare_folders(first: Path, second: Path) -> Comparison:
    """Compare two result folders; FolderError for one that cannot be read, and for two that share nothing."""
    a, b = Side.of(first), Side.of(second)
    for side in (a, b):
        if not side.conditions:
            raise FolderError(f"{side.folder} has no training that finished without an error; run its study again")
    pairs, changed = align(a.conditions, b.conditions)
    if not pairs:
        why = f"no condition of one is within {MOST_CHANGED} fields of a condition of the other"
        raise FolderError(f"{first} and {second} share nothing to compare: {why}")
    every = [*a.conditions.values(), *b.conditions.values()]
    moving = [name for name in FIELDS if len({fields[name] for fields in every} - {None}) > 1]
    rows = [_row(_name(a.conditions[x], b.conditions[y], moving), a, x, b, y) for x, y in pairs]
    adjusted = iter(holm([row.p_holm for row in rows if not row.same]))
    rows = [row if row.same else row._replace(p_holm=float(next(adjusted))) for row in rows]
    checked, broken, example = _check(a, b, moving)
    alone = tuple(len(side.conditions.keys() - {pair[i] for pair in pairs}) for i, side in enumerate((a, b)))
    return Comparison(a, b, what_differs(a, b), changed, rows, alone, checked, broken, example)


def align(a: dict[str, Fields], b: dict[str, Fields]) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """Pairs of condition keys by the rule above, in A's order, and the fields in which unlike pairs differ."""
    both, order, fields = a.keys() & b.keys(), list(a), list(FIELDS)
    unlike = {}
    for x, y in itertools.product(a, (key for key in b if key not in both)):
        values = zip(FIELDS, a[x].values(), b[y].values(), strict=True)
        names = tuple(name for name, p, q in values if p != q and p is not None and q is not None)
        unlike[x, y] = len(names), x in both, names
    counts = Counter(kind for kind in unlike.values() if kind[0] <= (1 if kind[1] else MOST_CHANGED))
    kind = min(counts, key=lambda kind: (*kind[:2], -counts[kind], [*map(fields.index, kind[2])]), default=None)
    pairs = [*(pair for pair, its in unlike.items() if its == kind), *((key, key) for key in both)]
    return sorted(pairs, key=lambda pair: order.index(pair[0])), kind[2] if kind else ()


def _name(p: Fields, q: Fields, moving: Iterable[str]) -> str:
    """'4 units, init uniform → he, lr 0.1'."""
    parts = []
    for name in moving:
        sides = {side: fields[name] for side, fields in (("A", p), ("B", q)) if fields[name] is not None}
        if len(sides) < 2:
            parts += [f"{phrase(name, value)} in {side}" for side, (value, _) in sides.items()]
            continue
        values = [value for value, _ in sides.values()]
        before, after = (value_text(name, value) for value in values)
        if before == after and values[0] != values[1]:  # short texts of numbers do not tell them apart
            before, after = map(str, values)
        law = " (another law)" if before == after else ""
        changed = f"{FIELDS[name].symbol} {before} \N{RIGHTWARDS ARROW} {after}{law}"
        parts.append(phrase(name, values[0]) if p[name] == q[name] else changed)
    return ", ".join(parts).replace("\N{NO-BREAK SPACE}", " ") or "the only condition"


def _row(name: str, a: Side, x: str, b: Side, y: str) -> Row:
    """Compare condition x of A with y of B by the seeds that they solved."""
    pair, rates, traps = a.solved.compare(x, y, b.solved), (a.solved.rate(x), b.solved.rate(y)), _traps(a, x, b, y)
    few = 2 * pair.n < min(rate.n for rate in rates)
    laws = {side.conditions[key]["init"][1] for side, key in ((a, x), (b, y))}
    why = GIVEN if len(laws) > 1 and any(map(is_given, laws)) else FEW_SHARED if few else ""
    if why:
        from scipy.stats import fisher_exact  # which takes longer than all else

        p = float(fisher_exact(np.array([[rate.count, rate.n - rate.count] for rate in rates]))[1])
        return Row(name, *rates, unpaired(*rates), p, False, why, traps)
    first, second = (Rate.of(pair.both + only, pair.n) for only in (pair.only_first, pair.only_second))
    if traps and {rate.n for rate in rates} != {pair.n}:
        traps += f" (of all {rates[0].n:,} runs in A and {rates[1].n:,} in B)"
    return Row(name, first, second, pair, pair.p, x == y, "", traps)


def _traps(a: Side, x: str, b: Side, y: str) -> str:
    """'stuck at 1/4 A 11.2 (8.9–14.0), B 12.0 (9.6–14.9)', of all runs of both conditions."""
    parts = [side.every[(side.every["condition"] == key).to_numpy(bool)] for side, key in ((a, x), (b, y))]
    told = []
    for name in STUCK:
        first, second = (Rate.of(count_where(part, part["outcome"] == name), size(part)) for part in parts)
        if first.count or second.count:
            told.append(f"{words.outcome(name)} A {words.bare(first)}, B {words.bare(second)}")
    return "; ".join(told)


def _check(a: Side, b: Side, moving: Iterable[str]) -> tuple[int, int, str]:
    """Trainings that both folders hold, how many of them ended differently, and the first of these in words."""
    if any(side.manifest["record"] == "summary" for side in (a, b)):
        return _check_solved(a, b, moving)
    names = ["condition", "seed", "outcome"]
    ends = [side.rows[names].astype({"condition": "str", "outcome": "str"}) for side in (a, b)]
    both = ends[0].merge(ends[1], on=names[:2], suffixes=("_a", "_b"))
    broken = both[(both["outcome_a"] != both["outcome_b"]).to_numpy(bool)]
    if not len(broken):
        return len(both), 0, ""
    first = broken.iloc[0]
    fields, outcomes = a.conditions[first["condition"]], [words.outcome(first[f"outcome_{end}"]) for end in "ab"]
    where = f"{_name(fields, fields, moving)}, seed {first['seed']}"
    return len(both), len(broken), f"{where}: A {outcomes[0]}, B {outcomes[1]}"


def _check_solved(a: Side, b: Side, moving: Iterable[str]) -> tuple[int, int, str]:
    """The same for folders that keep counts alone: whether the same seeds were solved."""
    checked, broken, example = 0, 0, ""
    for key in (key for key in a.conditions if key in b.conditions):
        pair = a.solved.compare(key, key, b.solved)
        otherwise = pair.only_first + pair.only_second
        if otherwise and not broken:
            where = _name(a.conditions[key], a.conditions[key], moving)
            example = f"{where}: {pair.only_first:,} solved by A alone, {pair.only_second:,} by B alone"
        checked, broken = checked + pair.n, broken + otherwise
    return checked, broken, example


def what_differs(a: Side, b: Side) -> list[tuple[str, str, str]]:
    """(what, in A, in B) of protocol, versions, study, seeds and the values of each field."""
    told = [_told(side.manifest) for side in (a, b)]
    found = [(key, told[0].get(key, "unknown"), told[1].get(key, "unknown")) for key in {**told[0], **told[1]}]
    found += [(FIELDS[name].symbol, *_field_values(a, b, name)) for name in FIELDS]
    return [each for each in found if each[1] != each[2]]


def _told(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Protocol, study, seeds, and versions of everything that took part, those of several runs together."""
    first, stop = manifest["seeds"]
    seeds = f"{first} to {stop - 1}" if stop - first > 1 else str(first)
    found = {"protocol": str(manifest["protocol"]), "study": manifest["study"], "seeds": seeds}
    runs = pd.json_normalize([{name: run.get(name) for name in VERSIONS} for run in manifest["runs"]], sep=" ")
    told = {str(name).removeprefix("libraries "): runs[name].dropna().astype(str).unique() for name in runs}
    return found | {name: ", ".join(values) for name, values in told.items() if len(values)}


def _field_values(a: Side, b: Side, name: str) -> tuple[str, str]:
    """The values that a field takes in A and in B; where short texts do not tell them apart, in full and with laws."""
    taken = [{row[name]: None for row in side.conditions.values() if row[name]} for side in (a, b)]
    found = [[value for value in taken[0] | taken[1] if value in each] for each in taken]  # both in one order
    texts = [words.listed([value_text(name, value) for value, _ in values]) for values in found]
    if texts[0] == texts[1] and found[0] != found[1]:
        texts = [words.listed([f"{value} {law}".strip() for value, law in values]) for values in found]
    return texts[0], texts[1]
