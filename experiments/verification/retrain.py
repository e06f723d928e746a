"""Training rows of a result folder again, and telling whether they come out as recorded.

Where a condition is exact (`Condition.exact`) and both engines are fast ones, every bit of every
column must agree. Where exp, log or tanh take part, or the readable layers, which add in another
order, only rounding may differ. There these are compared, and nothing else:

- what is known before the first step, exactly: the fields, dead_init, patterns_init;
- outcome and status, exactly;
- final_loss, grad_norm, plateau and predictions within `TOLERANCE`, for runs that came to rest
  (solved, stuck): others amplify a last bit. So does the way there: solved_epoch can be a tenth
  apart where the loss zigzags about the success rule's tolerance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from experiments.execution.execute import Result, execute
from experiments.execution.options import available_cores
from experiments.store.columns import CONDITION_COLUMNS, schema, with_condition
from experiments.store.tables import Slices
from experiments.study.batches import Batch
from experiments.verification.audit import Record, Table, opened
from experiments.verification.sample import Sample
from nnxor.condition import Condition

TOLERANCE = 1e-2
"""Allowed difference of a number, where bits may differ: absolute, or relative if the number is above 1."""

BEFORE = (*CONDITION_COLUMNS, "seed", "outcome", "dead_init", "patterns_init", "status", "error")
"""What must agree exactly also where bits may differ."""

AT_REST = ("solved", "stuck")

FILLED_LATER = ("settled_epoch", "period", "minimum", "outcome_before")
"""Columns that earlier versions wrote, but left null in every row."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Difference:
    """A recorded value that did not come out again."""

    condition: Condition
    seed: int
    column: str
    recorded: object
    recomputed: object


@dataclass
class Findings:
    """What came of training rows again.

    rows: rows compared; those whose training failed when it was recorded are left out.
    by_tolerance: how many of the rows were compared by tolerance.
    differing: how many of the rows differ; `columns` in what, and `first` the first of them.
    unrecorded: columns that the folder's version left null throughout.
    """

    rows: int = 0
    by_tolerance: int = 0
    differing: int = 0
    columns: Counter[str] = field(default_factory=Counter)
    first: Difference | None = None
    unrecorded: set[str] = field(default_factory=set)

    def add(
        self, record: Record, condition: Condition, recorded: pa.Table, again: pa.Table, found: dict[str, Flags]
    ) -> None:
        """Note where columns of two tables of the same seeds differ."""
        any_column = np.logical_or.reduce(list(found.values()))
        self.differing += int(any_column.sum())
        self.columns.update({name: int(differs.sum()) for name, differs in found.items()})
        row = int(np.argmax(any_column))
        name = next(name for name, differs in found.items() if differs[row])
        seed = recorded["seed"][row].as_py()
        difference = Difference(condition, seed, name, recorded[name][row].as_py(), again[name][row].as_py())
        self.first = min(self.first or difference, difference, key=lambda d: record.row_of(d.condition, d.seed))


def retrain(record: Record, table: Table, sample: Sample, engine: str, findings: Findings) -> Iterator[pa.Table]:
    """Train rows again and add to the findings; yields what came out of each batch."""
    with opened(record):
        rows = Slices(record.trials)
    for batch, again in train_again(sample, engine):
        first = record.row_of(batch.condition, batch.seeds.start)
        with opened(record):
            recorded = rows.read(first, first + len(batch.seeds))
            _compare(findings, record, table, batch, recorded, again, may_differ(record, batch.condition, engine))
        yield again


def train_again(sample: Sample, engine: str) -> Iterator[Result]:
    """Train a sample on all cores; results come as they finish."""
    backend = "threads" if engine == "numba" else "loky"
    return execute(sample.batches, engine, backend, min(available_cores(), sample.n_batches))


def may_differ(record: Record, condition: Condition, engine: str) -> bool:
    """Whether bits may differ from those that were recorded: see the head of this file."""
    return engine == "reference" or "reference" in record.engines or not condition.exact


def _compare(
    findings: Findings, record: Record, table: Table, batch: Batch, recorded: pa.Table, again: pa.Table, loose: bool
) -> None:
    wanted = pa.schema([field for field in schema([*record.study.conditions]) if field.name in table.columns])
    again = with_condition(again, batch.condition, wanted)
    kept = pc.equal(recorded["status"].cast(pa.string()), "ok").combine_chunks()
    recorded, again = recorded.filter(kept), again.filter(kept)
    findings.rows += len(recorded)
    findings.by_tolerance += loose * len(recorded)
    found: dict[str, Flags] = {}
    for name in wanted.names:
        new = again[name].combine_chunks()
        old = recorded[name].combine_chunks().cast(new.type)
        differs = _differs_loosely(name, old, new, recorded, again) if loose else differs_in_a_bit(old, new)
        if differs.any() and name in FILLED_LATER and name in table.empty:
            findings.unrecorded.add(name)
        elif differs.any():
            found[name] = differs
    if found:
        findings.add(record, batch.condition, recorded, again, found)


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
    outcomes = (recorded["outcome"].cast(pa.string()), again["outcome"].cast(pa.string()))
    before, after = (pc.fill_null(column, "").to_pylist() for column in outcomes)
    rest = np.array([a == b and a.startswith(AT_REST) for a, b in zip(before, after, strict=True)], bool)
    x, y = (pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(float) for column in (old, new))
    room = TOLERANCE * np.maximum(1, np.abs(x))
    return np.asarray(rest & ((_nulls(old) != _nulls(new)) | ~(np.abs(x - y) <= room)))


def _nulls(column: pa.Array) -> Flags:
    return np.asarray(column.is_null().to_numpy(zero_copy_only=False))
