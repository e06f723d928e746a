"""An audit of counts.parquet: whether it counts every training of its study once, and what it says fits together.

Nothing is trained here (`experiments.verification.recount` does that). As in `experiments.verification.audit` each
check raises
RunError with one line that says what is wrong, but for a contradiction among the counts: that is
kept, since training again shows where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.errors import RunError
from experiments.store.columns import CONDITION_COLUMNS, Digest, with_condition
from experiments.store.counts import EPOCHS, SCHEMA, Held, scan, solved_pieces, trainings
from experiments.store.tables import Slices
from experiments.study.batches import Spans, subtract
from experiments.verification.audit import AGAIN, Record, check_values, opened
from nnxor.condition import Condition

KINDS = ("runs", *EPOCHS)
"""Kinds of rows that count; those of kind `seeds` follow them."""

TEXTS = pa.schema([(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in SCHEMA])
"""The columns of counts.parquet, text as text."""


@dataclass(frozen=True)
class Ledger:
    """Where counts.parquet holds each condition, the seeds whose trainings failed, and what contradicts itself."""

    held: dict[str, Held]
    failed: dict[str, Spans]
    contradiction: str

    @property
    def n_failed(self) -> int:
        """How many trainings failed."""
        return sum(len(span) for spans in self.failed.values() for span in spans)


def check_counts(record: Record) -> Ledger:
    """Every condition's counts are there, in order, and count each of its seeds once; the digest is that of the values.

    Memory is that of one condition's counts and one row group.
    """
    with opened(record) as file:
        _check_columns(record, file.schema_arrow)
        _check_digest(record, file)
        held = scan(record.trials)
        _check_order(record, held, file.metadata.num_rows)
        rows = Slices(record.trials)
        contradictions = [
            _check_condition(record, condition, rows, held[condition.key]) for condition in record.study.conditions
        ]
    failed = {
        condition.key: subtract(record.study.seeds_of(condition), held[condition.key].seeds)
        for condition in record.study.conditions
    }
    return Ledger(held, failed, next(filter(None, contradictions), ""))


def _check_columns(record: Record, columns: pa.Schema) -> None:
    if not columns.equals(SCHEMA):
        fields = [field for field in SCHEMA if field not in list(columns)] or list(columns)
        raise RunError(f"{record.trials}: its columns are not those of counts (see {fields[0].name}); {AGAIN}")


def _check_digest(record: Record, file: pq.ParquetFile) -> None:
    digest, failed = Digest(), 0
    for group in range(file.num_row_groups):
        table = file.read_row_group(group)
        digest.update(table)
        failed += trainings(table.filter(pc.not_equal(table["status"].cast(pa.string()), "ok")))
    check_values(record, digest, failed)


def _check_order(record: Record, held: dict[str, Held], n_rows: int) -> None:
    """Rows of all conditions, those of one together, in the order of the study."""
    at = 0
    for condition in record.study.conditions:
        mine = held.get(condition.key)
        if mine is None or mine.first != at or mine.bits == at:
            raise RunError(f"{record.trials}: counts of {record.words(condition)} missing or out of order; {AGAIN}")
        at = mine.last
    if at != n_rows:
        raise RunError(f"{record.trials}: {n_rows - at:,} rows are not of this study; {AGAIN}")


def _check_condition(record: Record, condition: Condition, rows: Slices, held: Held) -> str:
    """A condition's counts are of each of its seeds once; returns what contradicts itself, if anything does."""
    where, seeds = f"{record.trials}: {record.words(condition)}", record.study.seeds_of(condition)
    counts = _as_text(rows.read(held.first, held.bits))
    if not _is_of(counts, condition, KINDS):
        raise RunError(f"{where}: rows of another kind or condition are among its counts; {AGAIN}")
    total, fine = trainings(counts), trainings(counts.filter(pc.equal(counts["status"], "ok")))
    counted, solved = _check_bits(where, condition, seeds, rows.pieces(held.bits, held.last, 64))
    if total != len(seeds) or fine != counted:
        raise RunError(
            f"{where}: of {len(seeds):,} trainings {total:,} are counted, {fine:,} of them as fine, "
            f"and of {counted:,} it is kept which were solved; {AGAIN}"
        )
    runs, epochs = _total(counts, "runs", "outcome", "solved"), _total(counts, "solved_epoch", "kind", "solved_epoch")
    if runs == epochs == solved:
        return ""
    return (
        f"{record.words(condition)}: solved are {runs:,} by its runs, {epochs:,} by its epochs, {solved:,} by its seeds"
    )


def _check_bits(where: str, condition: Condition, seeds: range, tables: Iterator[pa.Table]) -> tuple[int, int]:
    """Rows of kind `seeds` hold seeds of the condition, none twice; returns how many, and how many were solved."""
    counted = solved = 0
    stop = seeds.start
    for table in map(_as_text, tables):
        if not _is_of(table, condition, ("seeds",)):
            raise RunError(f"{where}: rows of another kind or condition are among its seeds; {AGAIN}")
        if not pc.binary_length(table["solved"]).equals(pc.divide(pc.add(table["count"], 7), 8).cast(pa.int32())):
            raise RunError(f"{where}: bits of its seeds are missing, or there are too many; {AGAIN}")
        for first, flags in solved_pieces(table):
            if first < stop or first + len(flags) > seeds.stop:
                raise RunError(f"{where}: seed {first} is counted twice, out of order, or none of its own; {AGAIN}")
            counted, solved, stop = counted + len(flags), solved + int(flags.sum()), first + len(flags)
    return counted, solved


def _as_text(table: pa.Table) -> pa.Table:
    """The same values, text as text."""
    return table.cast(TEXTS)


def _is_of(table: pa.Table, condition: Condition, kinds: tuple[str, ...]) -> bool:
    """Whether all rows are of these kinds and hold the condition's key and fields."""
    fields = with_condition(table, condition, TEXTS).select(list(CONDITION_COLUMNS))
    return set(table["kind"].to_pylist()) <= set(kinds) and bool(table.select(fields.column_names).equals(fields))


def _total(counts: pa.Table, kind: str, column: str, value: str) -> int:
    """The sum of the counts of a kind in the rows where a column has a value."""
    chosen = pc.and_(pc.equal(counts["kind"], kind), pc.equal(counts[column], value))
    return int(pc.sum(counts.filter(chosen)["count"]).as_py() or 0)
