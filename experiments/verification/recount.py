"""Training the seeds of counts.parquet again (`record: summary`), and telling whether they were counted right.

Every seed that is trained again is held to its bit: solved, or not. Where all seeds are, the other
rows follow too. The code that counted them at first counts them again, batch by batch, and a
condition is compared as soon as its last batch is there, so memory holds the counts of those
conditions alone that are at work. Where bits may differ (see `experiments.verification.retrain`) solved must still
agree, and
of the counts what then must: how many runs have each outcome, dead_init, status and error.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from experiments.store.counts import COUNTED, PLAIN, Held, add_up, only_seeds, solved_pieces, without_failed
from experiments.store.tables import Slices
from experiments.study.batches import Batch
from experiments.verification.audit import Record, opened
from experiments.verification.audit_counts import Ledger
from experiments.verification.retrain import BEFORE, Findings, differs_in_a_bit, may_differ, train_again
from experiments.verification.sample import Sample
from nnxor.condition import Condition

PROMISED = [name for name in COUNTED if name in BEFORE]
"""What of `COUNTED` must agree also where bits may differ."""

Key = tuple[object, ...]
"""What is counted: the kind, the values of `COUNTED`, the epoch."""

Count = tuple[int, int | None]
"""How often, and the lowest seed; an epoch has none."""


@dataclass(frozen=True)
class Miscount:
    """A count that did not come out again; None where there is none."""

    condition: Condition
    key: Key
    recorded: Count | None
    recomputed: Count | None


@dataclass
class Recount:
    """What came of training seeds again.

    seeds: of each seed, whether it was solved; `by_tolerance` of them are of conditions whose bits may differ.
    counts: how many counts were compared. kinds: how many of them differ, by kind, and `first` the first of them.
    """

    seeds: Findings = field(default_factory=Findings)
    counts: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    first: Miscount | None = None

    @property
    def differing(self) -> bool:
        """Whether anything differs."""
        return bool(self.seeds.differing or self.kinds)

    def add(self, record: Record, condition: Condition, recorded: pa.Table, again: pa.Table) -> None:
        """Compare all counts of a condition."""
        before, after = _by_key(recorded), _by_key(again)
        self.counts += len(before)
        wrong = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        self.kinds.update(str(key[0]) for key in wrong)
        if wrong:
            miscount = Miscount(condition, wrong[0], before.get(wrong[0]), after.get(wrong[0]))
            start = record.study.seeds.start
            self.first = min(self.first or miscount, miscount, key=lambda m: record.row_of(m.condition, start))


def _by_key(counts: pa.Table) -> dict[Key, Count]:
    keys = zip(*(counts[name].to_pylist() for name in ("kind", *COUNTED, "epoch")), strict=True)
    return dict(zip(keys, zip(counts["count"].to_pylist(), counts["seed"].to_pylist(), strict=True), strict=True))


def recount(record: Record, ledger: Ledger, sample: Sample, engine: str, findings: Recount) -> Iterator[pa.Table]:
    """Train seeds again and add to the findings; yields what came out of each batch."""
    with opened(record):
        bits, counts = Slices(record.trials), Slices(record.trials)
    tally = Tally(ledger)
    for batch, again in train_again(sample, engine):
        condition, held = batch.condition, ledger.held[batch.condition.key]
        loose = may_differ(record, condition, engine)
        with opened(record):
            findings.seeds.by_tolerance += loose * len(batch.seeds)
            _compare_seeds(findings.seeds, record, batch, recorded_bits(bits, held, batch.seeds), again)
            if sample.whole and (whole := tally.add(batch, again)) is not None:
                recorded = add_up([without_failed(counts.read(held.first, held.bits))])
                both = [_promised(each) if loose else each for each in (recorded, whole)]
                findings.add(record, condition, *both)
        yield again


class Tally:
    """Counts of conditions whose batches come in any order."""

    def __init__(self, ledger: Ledger) -> None:
        self._left = {key: sum(map(len, held.seeds)) for key, held in ledger.held.items()}
        self._counts: dict[str, pa.Table] = {}

    def add(self, batch: Batch, again: pa.Table) -> pa.Table | None:
        """Count a batch; the counts of its condition if it was the last one."""
        key = batch.condition.key
        new = again.filter(pc.not_equal(again["kind"], "seeds"))
        self._counts[key] = add_up([self._counts[key], new]) if key in self._counts else new
        self._left[key] -= len(batch.seeds)
        return None if self._left[key] else self._counts.pop(key)


def recorded_bits(rows: Slices, held: Held, seeds: range) -> np.ndarray:
    """Which of consecutive seeds, all of them counted, were solved."""
    places = range(held.bits, held.last)

    def first_seed(row: int) -> int:
        return int(rows.read(row, row + 1)["seed"][0].as_py())

    low = held.bits + bisect_right(places, seeds.start, key=first_seed) - 1
    high = held.bits + bisect_left(places, seeds.stop, key=first_seed)
    found = list(solved_pieces(rows.read(low, high)))
    first = found[0][0]
    return np.concatenate([flags for _, flags in found])[seeds.start - first : seeds.stop - first]


def _compare_seeds(findings: Findings, record: Record, batch: Batch, recorded: np.ndarray, again: pa.Table) -> None:
    """Hold each seed to its bit; a training that fails now has none."""
    found = [flags for _, flags in solved_pieces(only_seeds(again))]
    solved = pa.array(np.concatenate(found)) if found else pa.nulls(len(batch.seeds), pa.bool_())
    differs = differs_in_a_bit(pa.array(recorded), solved)
    findings.rows += len(batch.seeds)
    if differs.any():
        seeds = pa.array(np.arange(batch.seeds.start, batch.seeds.stop))
        before, after = (pa.table({"seed": seeds, "solved": each}) for each in (pa.array(recorded), solved))
        findings.add(record, batch.condition, before, after, {"solved": differs})


def _promised(counts: pa.Table) -> pa.Table:
    """Counts of runs by `PROMISED` alone."""
    runs = counts.filter(pc.equal(counts["kind"], "runs"))
    kept = ("kind", "seed", "count", *PROMISED)
    columns = [runs[field.name] if field.name in kept else pa.nulls(len(runs), field.type) for field in PLAIN]
    return add_up([pa.table(columns, schema=PLAIN)])
