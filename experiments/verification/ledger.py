"""An audit of the tables: each training of the study once, in order, and counts that are those of the rows.

Nothing is trained here. Whatever is wrong raises RunError with one line, but for counts that contradict each
other: that is kept, since training again shows where it comes from.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pyarrow as pa

from analysis.data.door import COUNTS, TRIALS
from experiments.errors import InputError, RunError, in_a_line
from experiments.store import counts
from experiments.store.columns import CONDITION_COLUMNS, Digest, plain, schema, with_condition
from experiments.store.counts import Piece, add_up, total
from experiments.store.rows_and_counts import COUNTS_GROUP, ROW_GROUP, Slices, bits_of, check_rows, counts_of
from experiments.study.batches import Spans, subtract
from experiments.verification.audit import AGAIN, Record
from nnxor.condition import Condition


@contextmanager
def damage(record: Record) -> Iterator[None]:
    """Whatever goes wrong in reading the tables is one RunError."""
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise RunError(f"{record.main} is damaged ({in_a_line(error):.120}); {AGAIN}") from None


class Ledger:
    """Where the tables hold each condition, the seeds whose trainings failed, and what contradicts itself.

    Made, it has checked them; its memory is that of one condition's counts and one row group.
    """

    def __init__(self, record: Record) -> None:
        self.record, study, said = record, record.study, record.manifest
        self.contradiction = ""
        self.n_failed = 0
        self._digest = Digest()
        with damage(record):
            self.held = counts.scan(record.path / COUNTS)
            self.counts = Slices(record.path / COUNTS)
            if record.has_rows:
                check_rows(record.main, [*self.held.values()], schema(study.conditions))
            self.rows = Slices(record.main) if record.has_rows else None
            for condition, key in itertools.zip_longest(study.conditions, self.held):
                if condition is None:
                    raise RunError(f"{record.path / COUNTS} counts trainings that are not of this study; {AGAIN}")
                if condition.key != key:
                    raise self._wrong(COUNTS, condition, "its counts are missing or out of order")
                counted = self._check_counts(condition)
                self.n_failed += total(counted, kind="runs") - total(counted, kind="runs", status="ok")
                if self.rows:
                    self._check_rows(condition, self.rows, counted)
        if (found := self._digest.hexdigest()) != said["digest"]:
            what = f"their digest is {found[:12]}..., by manifest.json {str(said['digest'])[:12]}..."
            raise RunError(f"{record.main} has other values than were written: {what}; {AGAIN}")
        if self.n_failed != said["failed"]:
            raise RunError(f"{record.main} holds {self.n_failed} failed trainings, by manifest.json {said['failed']}")

    def failed(self, condition: Condition) -> Spans:
        """The seeds of a condition whose trainings failed."""
        return subtract(self.record.study.seeds_of(condition), [*self.held[condition.key].seeds])

    def _wrong(self, table: str, condition: Condition, what: str) -> RunError:
        return RunError(f"{self.record.path / table}: {self.record.words(condition)}: {what}; {AGAIN}")

    def _check_counts(self, condition: Condition) -> pa.Table:
        """A condition's counts are of each of its seeds once; returns them, and notes a contradiction among them."""
        held, seeds = self.held[condition.key], self.record.study.seeds_of(condition)
        for piece in self.counts.pieces(held.first, held.last, COUNTS_GROUP):
            if not _has_fields(piece, condition):
                raise self._wrong(COUNTS, condition, "rows of another condition are among its counts")
            if self.rows is None:
                self._digest.update(piece)
        kept, solved, stop = 0, 0, seeds.start
        for first, flags in bits_of(self.counts, held):
            if first < stop or first + len(flags) > seeds.stop:
                raise self._wrong(COUNTS, condition, f"seed {first} is counted twice, out of order, or none of its own")
            kept, solved, stop = kept + len(flags), solved + int(flags.sum()), first + len(flags)
        found = counts_of(self.counts, held)
        trainings, fine = total(found, kind="runs"), total(found, kind="runs", status="ok")
        if trainings != len(seeds) or fine != kept:
            what = f"of {len(seeds):,} trainings {trainings:,} are counted, {fine:,} of them as fine"
            raise self._wrong(COUNTS, condition, f"{what}, and of {kept:,} it is kept which were solved")
        runs, epochs = total(found, kind="runs", outcome="solved"), total(found, kind="solved_epoch")
        if not runs == epochs == solved and not self.contradiction:
            each = f"{runs:,} by its runs, {epochs:,} by its epochs, {solved:,} by its seeds"
            self.contradiction = f"{self.record.words(condition)}: solved are {each}"
        return found

    def _check_rows(self, condition: Condition, rows: Slices, counted: pa.Table) -> None:
        """A condition's rows are one for each of its seeds, in order, and counted anew they give its counts."""
        held, seeds = self.held[condition.key], self.record.study.seeds_of(condition)
        tallies, solved, first = [], list[Piece](), seeds.start
        for piece in rows.pieces(held.row, held.row + len(seeds), ROW_GROUP):
            self._digest.update(piece)
            if not _has_fields(piece, condition):
                raise self._wrong(TRIALS, condition, "rows of another condition are among its rows")
            if not np.array_equal(piece["seed"].to_numpy(), np.arange(first, first + len(piece))):
                raise self._wrong(TRIALS, condition, "rows are missing, doubled, out of order, or of other seeds")
            first += len(piece)
            tallies.append(counts.count_rows(piece))
            solved.extend(counts.solved_seeds(piece))
        again, recorded = counts.seed_rows(solved), counts.seed_rows(bits_of(self.counts, held))
        same = all(a == b for a, b in itertools.zip_longest(again, recorded))
        if not same or not add_up(tallies).equals(add_up([counted])):
            raise self._wrong(TRIALS, condition, "its rows are not those that counts.parquet counts")


def _has_fields(table: pa.Table, condition: Condition) -> bool:
    """Whether all rows hold the condition's key and fields."""
    texts = table.select(list(CONDITION_COLUMNS)).cast(plain(pa.schema(CONDITION_COLUMNS)))
    return bool(texts.equals(with_condition(texts, condition, texts.schema)))
