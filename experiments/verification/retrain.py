"""Training a result folder's trainings again, and telling whether they come out as recorded.

Of a folder with rows, each column of a row is held to what comes out; of one with counts alone, each seed to
its bit: solved, or not; and where all seeds are trained again all counts follow, condition by condition as
its last batch is there, so that memory holds the counts of those conditions alone that are at work. What failed
when it was recorded must fail again.

Where both engines are fast ones, every bit must agree. Where one is the readable layers, which add in another order
and take NumPy's exp and log, only rounding may differ. There these are compared, and nothing else:

- what is known before the first step, exactly: the fields, dead_init, patterns_init;
- outcome and status, exactly; of counts those by outcome, dead_init, status and error;
- final_loss, grad_norm, plateau and predictions within `TOLERANCE`, for runs that came to rest
  (solved, stuck): others amplify a last bit. So does the way there: solved_epoch can be a tenth
  apart where the loss zigzags about the success rule's tolerance.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.execution.options import available_cores
from experiments.execution.parallel import execute
from experiments.store.columns import CONDITION_COLUMNS, in_schema, part_schema, plain, with_condition
from experiments.store.counts import COUNTED, PLAIN, add_up, count_rows, solved_pieces, without_seeds
from experiments.store.rows_and_counts import counts_of
from experiments.study.batches import Batch
from experiments.verification.ledger import Ledger, damage
from experiments.verification.sample import Sample
from nnxor.condition import Condition

TOLERANCE = 1e-2
"""Allowed difference of a number, where bits may differ: absolute, or relative if the number is above 1."""

BEFORE = (*CONDITION_COLUMNS, "seed", "outcome", "solved", "dead_init", "patterns_init", "status", "error")
"""What must agree exactly also where bits may differ."""

AT_REST = ("solved", "stuck")

Flags = NDArray[np.bool_]

Key = tuple[object, ...]
"""What is counted: the kind, the values of `COUNTED`, the epoch."""

Count = tuple[int, int | None]
"""How often, and the lowest seed; an epoch has none."""


@dataclass(frozen=True)
class Difference:
    """A recorded value of a training, or a count (`seed` None), that did not come out again."""

    condition: Condition
    seed: int | None
    what: str
    recorded: object
    recomputed: object


@dataclass
class Findings:
    """What came of training again.

    rows: trainings compared, `by_tolerance` of them by tolerance. differing: how many of them differ; `columns` in
    what. counts: how many counts were compared; `kinds` how many of them differ, by kind. first: the first difference
    of each sort, "row" and "count".
    """

    rows: int = 0
    by_tolerance: int = 0
    differing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    counts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: dict[str, Difference] = field(default_factory=dict)


class Retraining:
    """Trains a sample again and holds it to what the tables say."""

    def __init__(self, ledger: Ledger, sample: Sample, engine: str) -> None:
        self.findings = Findings()
        self._ledger, self._sample, self._engine = ledger, sample, engine
        self._left = {c.key: len(ledger.record.study.seeds_of(c)) for c in ledger.record.study.conditions}
        self._counts: dict[str, pa.Table] = {}

    def __iter__(self) -> Iterator[pa.Table]:
        """Train on all cores and compare; yields what came out of each batch, as they finish."""
        backend = "threads" if self._engine == "numba" else "loky"
        n_jobs = min(available_cores(), self._sample.n_batches)
        for batch, again in execute(self._sample.batches, self._engine, backend, n_jobs):
            whole = in_schema(again, part_schema(batch.condition))
            with damage(self._ledger.record):
                self._compare_rows(batch, whole)
                if self._sample.whole and self._ledger.rows is None:
                    self._count(batch, whole)
            yield again

    @property
    def may_differ(self) -> bool:
        """Whether bits may differ from those that were recorded: see the head of this file."""
        return "reference" in (self._engine, *self._ledger.record.engines)

    def _compare_rows(self, batch: Batch, again: pa.Table) -> None:
        """Hold each training of a batch to what is recorded of it."""
        recorded = self._recorded(batch)
        if self._ledger.rows is None:
            again = pa.table({"seed": again["seed"], "solved": _solved(again)})
        else:
            again = with_condition(again, batch.condition, recorded.schema)
        loose = self.may_differ
        findings = self.findings
        findings.rows += len(batch.seeds)
        findings.by_tolerance += loose * len(batch.seeds)
        found: dict[str, Flags] = {}
        for name in recorded.column_names:
            old, new = recorded[name].combine_chunks(), again[name].combine_chunks()
            differs = _differs_loosely(name, old, new, recorded, again) if loose else differs_in_a_bit(old, new)
            if differs.any():
                found[name] = differs
        if found:
            any_column = np.logical_or.reduce(list(found.values()))
            findings.differing += int(any_column.sum())
            findings.columns.update({name: int(differs.sum()) for name, differs in found.items()})
            row = int(np.argmax(any_column))
            name = next(name for name, differs in found.items() if differs[row])
            both = (recorded[name][row].as_py(), again[name][row].as_py())
            self._note("row", Difference(batch.condition, batch.seeds[row], name, *both))

    def _note(self, sort: str, difference: Difference) -> None:
        """Keep the first difference of the study's order."""
        place = self._ledger.record.place
        before = self.findings.first.get(sort, difference)
        self.findings.first[sort] = min(before, difference, key=lambda d: place(d.condition, d.seed or 0))

    def _recorded(self, batch: Batch) -> pa.Table:
        """What is recorded of each training of a batch: its row, or whether it was solved; text is plain."""
        ledger, seeds = self._ledger, batch.seeds
        held = ledger.held[batch.condition.key]
        if ledger.rows is not None:
            table = ledger.rows.read(held.row_of(seeds.start), held.row_of(seeds.stop))
            return table.cast(plain(table.schema))
        flags = np.full(len(seeds), -1, np.int8)
        if held.bits < held.last:
            places = range(held.bits, held.last)
            low = max(bisect_right(places, seeds.start, key=self._first_seed) - 1, 0)
            high = max(bisect_left(places, seeds.stop, key=self._first_seed), low + 1)
            for first, solved in solved_pieces(ledger.counts.read(places[low], places[high - 1] + 1)):
                start, stop = max(first, seeds.start), min(first + len(solved), seeds.stop)
                if start < stop:
                    flags[start - seeds.start : stop - seeds.start] = solved[start - first : stop - first]
        kept = pa.array(flags == 1, mask=flags < 0)
        return pa.table({"seed": pa.array(np.arange(seeds.start, seeds.stop)), "solved": kept})

    def _first_seed(self, row: int) -> int:
        return int(self._ledger.counts.read(row, row + 1)["seed"][0].as_py())

    def _count(self, batch: Batch, again: pa.Table) -> None:
        """Count a batch, and compare the counts of its condition if it was the last one."""
        key, ledger = batch.condition.key, self._ledger
        new = without_seeds(count_rows(again))
        self._counts[key] = add_up([self._counts[key], new]) if key in self._counts else new
        self._left[key] -= len(batch.seeds)
        if not self._left[key]:
            both = [add_up([counts_of(ledger.counts, ledger.held[key])]), self._counts.pop(key)]
            if self.may_differ:
                both = [_promised(each) for each in both]
            self.compare_counts(batch.condition, *both)

    def compare_counts(self, condition: Condition, recorded: pa.Table, again: pa.Table) -> None:
        """Compare all counts of a condition."""
        before, after = _by_key(recorded), _by_key(again)
        self.findings.counts += len(before)
        wrong = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        self.findings.kinds.update(str(key[0]) for key in wrong)
        if wrong:
            key = wrong[0]
            both = (_count_words(before.get(key)), _count_words(after.get(key)))
            self._note("count", Difference(condition, None, _key_words(key), *both))


def _solved(rows: pa.Table) -> pa.Array:
    """Which trainings were solved; null for those that failed."""
    solved = pc.fill_null(pc.equal(rows["outcome"], "solved"), False)
    return pc.if_else(pc.equal(rows["status"], "ok"), solved, pa.scalar(None, pa.bool_()))


def differs_in_a_bit(old: pa.Array, new: pa.Array) -> Flags:
    """Where two columns differ in any bit: also in the sign of a 0, or in what is null."""
    nulls = _nulls(old) != _nulls(new)
    if pa.types.is_string(new.type):
        texts = pc.not_equal(pc.fill_null(old, ""), pc.fill_null(new, ""))
        return np.asarray(nulls | texts.to_numpy(zero_copy_only=False))
    a, b = (pc.fill_null(column, False if pa.types.is_boolean(new.type) else 0) for column in (old, new))
    x, y = a.to_numpy(zero_copy_only=False), b.to_numpy(zero_copy_only=False)
    if pa.types.is_floating(new.type):
        x, y = x.view(np.int64), y.view(np.int64)
    return np.asarray(nulls | (x != y))


def _differs_loosely(name: str, old: pa.Array, new: pa.Array, recorded: pa.Table, again: pa.Table) -> Flags:
    """Where two columns differ by more than rounding can explain; see the head of this file."""
    if name in BEFORE:
        return differs_in_a_bit(old, new)
    if not pa.types.is_floating(new.type):
        return np.zeros(len(old), bool)
    before, after = (pc.fill_null(table["outcome"], "").to_pylist() for table in (recorded, again))
    rest = np.array([a == b and a.startswith(AT_REST) for a, b in zip(before, after, strict=True)], bool)
    x, y = (pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(float) for column in (old, new))
    room = TOLERANCE * np.maximum(1, np.abs(x))
    return np.asarray(rest & ((_nulls(old) != _nulls(new)) | ~(np.abs(x - y) <= room)))


def _nulls(column: pa.Array) -> Flags:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))


def _by_key(counts: pa.Table) -> dict[Key, Count]:
    keys = zip(*(counts[name].to_pylist() for name in ("kind", *COUNTED, "epoch")), strict=True)
    return dict(zip(keys, zip(counts["count"].to_pylist(), counts["seed"].to_pylist(), strict=True), strict=True))


def _promised(counts: pa.Table) -> pa.Table:
    """Counts of runs by what must agree also where bits may differ."""
    runs = counts.filter(pc.equal(counts["kind"], "runs"))
    kept = {"kind", "seed", "count", *COUNTED} & {"kind", "count", *BEFORE}
    columns = [runs[field.name] if field.name in kept else pa.nulls(len(runs), field.type) for field in PLAIN]
    return add_up([pa.table(columns, schema=PLAIN)])


def _key_words(key: Key) -> str:
    """What is counted, in words: 'runs of outcome solved, dead_init 0', 'solved_epoch 17'."""
    kind, *values, epoch = key
    if kind != "runs":
        return f"{kind} {epoch}"
    given = zip(COUNTED, values, strict=True)
    told = [f"{name} {value}" for name, value in given if value is not None and (name, value) != ("status", "ok")]
    return f"runs of {', '.join(told)}"


def _count_words(count: Count | None) -> str:
    if count is None:
        return "none"
    times, seed = count
    return f"{times:,}" if seed is None else f"{times:,}, the lowest seed {seed}"
