"""An audit of the tables: each training of the study once, in order, and counts that are those of the rows.

Nothing is trained here. Whatever is wrong raises RunError with one line, but for counts that contradict each
other: that is kept, since training again shows where it comes from.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.errors import InputError, RunError
from experiments.store.columns import CONDITION_COLUMNS, Digest, plain, schema, with_condition
from experiments.store.counts import (
    EPOCHS,
    PLAIN,
    Held,
    add_up,
    count_rows,
    only_seeds,
    scan,
    seed_rows,
    solved_pieces,
    trainings,
    without_failed,
    without_seeds,
)
from experiments.store.parts import first_line
from experiments.store.rows_and_counts import COUNTS, ROW_GROUP, TRIALS, Slices
from experiments.study.batches import Spans, subtract
from experiments.verification.record import AGAIN, Record
from nnxor.condition import Condition


@contextmanager
def damage(record: Record) -> Iterator[None]:
    """Whatever goes wrong in reading the tables is one RunError."""
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise RunError(f"{record.main} is damaged ({first_line(error)}); {AGAIN}") from None


class Ledger:
    """Where the tables hold each condition, the seeds whose trainings failed, and what contradicts itself.

    Made, it has checked them; its memory is that of one condition's counts and one row group.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self.contradiction = ""
        self.n_failed = 0
        self._digest = Digest()
        with damage(record):
            self.held = scan(record.path / COUNTS)
            self._check_order()
            self.counts = Slices(record.path / COUNTS)
            self.rows = self._opened_rows() if record.has_rows else None
            for condition in record.study.conditions:
                counts = self._check_counts(condition)
                self.n_failed += trainings(counts) - trainings(without_failed(counts))
                if self.rows:
                    self._check_rows(condition, self.rows, counts)
        self._check_values()

    def failed(self, condition: Condition) -> Spans:
        """The seeds of a condition whose trainings failed."""
        return subtract(self.record.study.seeds_of(condition), [*self.held[condition.key].seeds])

    def _wrong(self, table: str, condition: Condition, what: str) -> RunError:
        return RunError(f"{self.record.path / table}: {self.record.words(condition)}: {what}; {AGAIN}")

    def _check_order(self) -> None:
        """Counts of all conditions, those of one together, in the order of the study, and of no others."""
        at = 0
        for condition in self.record.study.conditions:
            mine = self.held.get(condition.key)
            if mine is None or mine.first != at or mine.bits == at:
                raise self._wrong(COUNTS, condition, "its counts are missing or out of order")
            at = mine.last
        if len(self.held) > len(self.record.study.conditions):
            raise RunError(f"{self.record.path / COUNTS} counts trainings that are not of this study; {AGAIN}")

    def _check_counts(self, condition: Condition) -> pa.Table:
        """A condition's counts are of each of its seeds once; returns them, and notes a contradiction among them."""
        held, n = self.held[condition.key], len(self.record.study.seeds_of(condition))
        table = self.counts.read(held.first, held.bits)
        if self.rows is None:
            self._digest.update(table)
        if not _is_of(table, condition, ("runs", *EPOCHS)):
            raise self._wrong(COUNTS, condition, "rows of another kind or condition are among its counts")
        counts = table.select(PLAIN.names).cast(PLAIN)
        total, fine = trainings(counts), trainings(without_failed(counts))
        counted, solved = self._check_bits(condition, held)
        if total != n or fine != counted:
            what = f"of {n:,} trainings {total:,} are counted, {fine:,} of them as fine"
            raise self._wrong(COUNTS, condition, f"{what}, and of {counted:,} it is kept which were solved")
        runs, epochs = _sum(counts, ("kind", "runs"), ("outcome", "solved")), _sum(counts, ("kind", "solved_epoch"))
        if not runs == epochs == solved and not self.contradiction:
            each = f"{runs:,} by its runs, {epochs:,} by its epochs, {solved:,} by its seeds"
            self.contradiction = f"{self.record.words(condition)}: solved are {each}"
        return counts

    def _check_bits(self, condition: Condition, held: Held) -> tuple[int, int]:
        """Rows of kind `seeds` hold seeds of the condition, none twice; returns how many, and how many were solved."""
        seeds = self.record.study.seeds_of(condition)
        counted, solved, stop = 0, 0, seeds.start
        for table in self.counts.pieces(held.bits, held.last, 64):
            if self.rows is None:
                self._digest.update(table)
            if not _is_of(table, condition, ("seeds",)):
                raise self._wrong(COUNTS, condition, "rows of another kind or condition are among its seeds")
            if not pc.binary_length(table["solved"]).equals(pc.divide(pc.add(table["count"], 7), 8).cast(pa.int32())):
                raise self._wrong(COUNTS, condition, "bits of its seeds are missing, or there are too many")
            for first, flags in solved_pieces(table):
                if first < stop or first + len(flags) > seeds.stop:
                    what = f"seed {first} is counted twice, out of order, or none of its own"
                    raise self._wrong(COUNTS, condition, what)
                counted, solved, stop = counted + len(flags), solved + int(flags.sum()), first + len(flags)
        return counted, solved

    def _opened_rows(self) -> Slices:
        """trials.parquet, if its columns are those of the study and it has as many rows as are counted."""
        path, wanted = self.record.path / TRIALS, schema(self.record.study.conditions)
        with pq.ParquetFile(path) as file:
            n, found = file.metadata.num_rows, file.schema_arrow
        if not found.equals(wanted):
            odd = sorted({field.name for field in set(wanted) ^ set(found)}) or ["their order"]
            raise RunError(f"{path}: its columns are not those of its study (see {odd[0]}); {AGAIN}")
        counted = sum(held.trainings for held in self.held.values())
        if n != counted:
            raise RunError(f"{path} holds {n:,} rows, but {counted:,} trainings are counted; {AGAIN}")
        return Slices(path)

    def _check_rows(self, condition: Condition, rows: Slices, counts: pa.Table) -> None:
        """A condition's rows are one for each of its seeds, in order, and counted anew they give its counts."""
        held, seeds, found = self.held[condition.key], self.record.study.seeds_of(condition), []
        for low in range(0, len(seeds), ROW_GROUP):
            asked = seeds[low : low + ROW_GROUP]
            piece = rows.read(held.row + low, held.row + low + len(asked))
            self._digest.update(piece)
            if not _has_fields(piece, condition):
                raise self._wrong(TRIALS, condition, "rows of another condition are among its rows")
            if not np.array_equal(piece["seed"].to_numpy(), np.arange(asked.start, asked.stop)):
                raise self._wrong(TRIALS, condition, "rows are missing, doubled, out of order, or of other seeds")
            found.append(count_rows(piece))
        bits = seed_rows(each for table in found for each in solved_pieces(only_seeds(table)))
        again = [without_seeds(add_up(found)), pa.concat_tables([PLAIN.empty_table(), *bits])]
        kept = self.counts.read(held.bits, held.last) if held.bits < held.last else self.counts.read(0, 1).slice(1)
        recorded = [add_up([counts]), kept.select(PLAIN.names).cast(PLAIN)]
        if not all(a.equals(b) for a, b in zip(again, recorded, strict=True)):
            raise self._wrong(TRIALS, condition, "its rows are not those that counts.parquet counts")

    def _check_values(self) -> None:
        """The digest of the values, and how many trainings failed, are those of the manifest."""
        found, there = self._digest.hexdigest(), str(self.record.manifest["digest"])
        if found != there:
            what = f"their digest is {found[:12]}..., by manifest.json {there[:12]}..."
            raise RunError(f"{self.record.main} has other values than were written: {what}; {AGAIN}")
        failed = self.record.manifest["failed"]
        if self.n_failed != failed:
            raise RunError(f"{self.record.main} holds {self.n_failed} failed trainings, by manifest.json {failed}")


def _is_of(table: pa.Table, condition: Condition, kinds: tuple[str, ...]) -> bool:
    """Whether all rows are of these kinds and hold the condition's key and fields."""
    return set(pc.unique(table["kind"].cast(pa.string())).to_pylist()) <= set(kinds) and _has_fields(table, condition)


def _has_fields(table: pa.Table, condition: Condition) -> bool:
    """Whether all rows hold the condition's key and fields."""
    texts = table.select(list(CONDITION_COLUMNS)).cast(plain(pa.schema(CONDITION_COLUMNS)))
    return bool(texts.equals(with_condition(texts, condition, texts.schema)))


def _sum(counts: pa.Table, *wanted: tuple[str, str]) -> int:
    """The sum of the counts in the rows where columns have these values."""
    for column, value in wanted:
        counts = counts.filter(pc.equal(counts[column], value))
    return int(pc.sum(counts["count"]).as_py() or 0)
