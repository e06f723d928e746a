"""Training a result folder's trainings again, and telling whether they come out as recorded.

Of a folder with rows, each column of a row is held to what comes out; of one with counts alone, each seed to its bit,
and where all seeds are trained again all counts follow, condition by condition as its last batch is there, so that
memory holds the counts of those conditions alone that are at work. What failed must fail again.

Where both engines are fast ones, every bit must agree. The readable layers add in another order and take NumPy's exp
and log; against them `BEFORE` must agree exactly, and numbers within `TOLERANCE` for runs that came to rest: others
amplify a last bit, as do the way there (solved_epoch) and accuracy, where a prediction is halfway between the targets.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.data.door import COUNTED
from analysis.data.processes import available_cores
from experiments.execution.backends import execute
from experiments.execution.options import backend_for
from experiments.store.columns import CONDITION_COLUMNS, in_schema, part_schema, plain, with_condition
from experiments.store.counts import PLAIN, add_up, count_rows, is_solved, solved_seeds, total
from experiments.study.batches import Batch, Left, Spans, left, merge, missing, subtract
from experiments.study.study import Study
from experiments.verification.audit import Ledger, damage
from nnxor.condition import Condition
from nnxor.engines import ENGINES

BLOCKS = 16  # conditions that a sample is spread over, at least, where there are as many and it has as many trainings
TOLERANCE = 1e-2  # allowed difference, where bits may differ: absolute, or relative if the number is above 1
Flags = NDArray[np.bool_]

BEFORE = (*CONDITION_COLUMNS, "seed", "outcome", "solved", "dead_init", "patterns_init", "status", "error")
"""What must agree exactly also where bits may differ."""


def draw_sample(study: Study, size: int | None, seed: int, engine: str, failed: Mapping[str, Spans]) -> list[Left]:
    """Batches that hold `size` trainings of the study at random, and those that failed; all of them if it is None.

    A batch of one training costs an engine nearly as much as one of a hundred, so trainings are not drawn one
    by one: of `BLOCKS` conditions drawn at random (all, if there are fewer) each gives a run of neighbouring
    seeds, as long as the others but for one, that begins anywhere and goes on at the first seed after the last.
    So every training has the same chance, but neighbours come together.
    """
    rest: dict[str, Spans] = {}
    if size is not None and size < study.n_trainings:
        drawn = _drawn(study, size, seed)
        for condition in study.conditions:
            chosen = merge([*drawn.get(condition.key, []), *failed.get(condition.key, [])])
            rest[condition.key] = subtract(study.seeds_of(condition), chosen)
    return left(study, rest, engine, None)


def _drawn(study: Study, size: int, seed: int) -> dict[str, Spans]:
    random = np.random.default_rng(seed)
    blocks = min(size, len(study.conditions), max(BLOCKS, -(-size // len(study.seeds))))
    drawn: dict[str, Spans] = {}
    for rank, which in enumerate(random.permutation(len(study.conditions))[:blocks]):
        condition = study.conditions[which]
        seeds = study.seeds_of(condition)
        start = int(random.integers(len(seeds)))
        count = min(size // blocks + (rank < size % blocks), len(seeds))
        spans = [seeds[start : start + count], seeds[: max(start + count - len(seeds), 0)]]
        drawn[condition.key] = [span for span in spans if span]
    return drawn


@dataclass(frozen=True)
class Difference:
    """A recorded value of a training, or a count (`seed` None), that did not come out again."""

    condition: Condition
    seed: int | None
    what: str
    recorded: object
    recomputed: object


@dataclass
class Compared:
    """Rows, seeds or counts (`what`) that were compared: how many, how many differ, in what, and the first of those."""

    what: str
    n: int = 0
    differing: int = 0
    where: Counter[str] = field(default_factory=Counter)
    first: Difference | None = None


class Retraining:
    """Trains a sample again and compares it with the tables; `rows` and `counts` hold the results."""

    def __init__(self, ledger: Ledger, sample: list[Left], engine: str) -> None:
        self.ledger, self.sample, self.engine = ledger, sample, engine
        self.trainings = sum(each.trainings for each in sample)
        self.whole = self.trainings == ledger.record.study.n_trainings
        self.rows = Compared("seed" if ledger.rows is None else "row")
        self.counts = Compared("count")
        self.loosely = not all(name in ENGINES and ENGINES[name].exact for name in (engine, *ledger.record.engines))
        self._rank = {condition.key: rank for rank, condition in enumerate(ledger.record.study.conditions)}
        self._counted: dict[str, pa.Table] = {}

    def __iter__(self) -> Iterator[pa.Table]:
        """Train on all cores and compare; yields what came out of each batch, as they finish."""
        n_jobs = min(available_cores(), sum(each.batches for each in self.sample))
        backend = backend_for(self.engine, self.sample)
        for batch, again in execute(missing(self.sample), self.engine, backend, n_jobs):
            whole = in_schema(again, part_schema(batch.condition))
            with damage(self.ledger.record):
                self._compare_rows(batch, whole)
                if self.whole and self.ledger.rows is None:
                    self._count(batch, whole)
            yield again

    def _compare_rows(self, batch: Batch, again: pa.Table) -> None:
        """Hold each training of a batch to what is recorded of it: its row, or whether it was solved."""
        ledger, seeds = self.ledger, batch.seeds
        held = ledger.held[batch.condition.key]
        if ledger.rows is not None:
            recorded = ledger.rows.read(held.row_of(seeds.start), held.row_of(seeds.stop))
            recorded = recorded.cast(plain(recorded.schema))
            again = with_condition(again, batch.condition, recorded.schema)
        else:
            recorded = pa.table({"seed": again["seed"], "solved": self._recorded_bits(batch)})
            solved = pc.if_else(pc.equal(again["status"], "ok"), is_solved(again), pa.scalar(None, pa.bool_()))
            again = pa.table({"seed": again["seed"], "solved": solved})
        found: dict[str, Flags] = {}
        for name in recorded.column_names:
            old, new = recorded[name].combine_chunks(), again[name].combine_chunks()
            if not self.loosely or name in BEFORE:
                found[name] = differs_in_a_bit(old, new)
            elif pa.types.is_floating(new.type):
                same = pc.equal(recorded["outcome"], again["outcome"])
                at_rest = pc.and_(same, pc.match_substring_regex(recorded["outcome"], "^(solved|stuck)"))
                y = np.array([again[each].to_numpy() for each in again.column_names if each.startswith("y_")])
                halfway = (np.abs(y - batch.condition.task.middle) < TOLERANCE).any(axis=0) & (name == "accuracy")
                a, b = (pc.fill_null(each, np.nan).to_numpy(zero_copy_only=False) for each in (old, new))
                close = np.isclose(a, b, rtol=0, atol=TOLERANCE * np.fmax(1, np.abs(a)), equal_nan=True)
                found[name] = ~close & np.asarray(pc.fill_null(at_rest, False)) & ~halfway
        rows = np.flatnonzero(np.logical_or.reduce(list(found.values())))
        self.rows.n += len(seeds)
        if len(rows):
            row = rows[0]
            name = next(name for name, differs in found.items() if differs[row])
            both = (recorded[name][row].as_py(), again[name][row].as_py())
            where = {name: int(differs.sum()) for name, differs in found.items() if differs.any()}
            self._note(self.rows, len(rows), where, Difference(batch.condition, seeds[row], name, *both))

    def _note(self, of: Compared, differing: int, where: Mapping[str, int], one: Difference) -> None:
        """Keep how much differs, and the first difference in the study's order."""
        of.differing += differing
        of.where.update(where)
        of.first = min(of.first or one, one, key=lambda each: (self._rank[each.condition.key], each.seed or 0))

    def _recorded_bits(self, batch: Batch) -> pa.Array:
        """Which seeds of a batch are recorded as solved; null for those that failed."""
        known, seeds = dict[int, bool](), batch.seeds
        for span, solved in solved_seeds(self.ledger.counts_of(batch.condition)):
            if span.start < seeds.stop and seeds.start < span.stop:
                known.update(zip(span, solved.tolist(), strict=True))
        return pa.array([known.get(seed) for seed in seeds], pa.bool_())

    def _count(self, batch: Batch, again: pa.Table) -> None:
        """Count a batch, and compare the counts of its condition if it was the last one."""
        key, ledger = batch.condition.key, self.ledger
        counted = add_up([self._counted.pop(key, PLAIN.empty_table()), count_rows(again)])
        if total(counted, kind="runs") == len(ledger.record.study.seeds_of(batch.condition)):
            both = [add_up([ledger.counts_of(batch.condition)]), counted]
            if self.loosely:  # runs, by what must agree also then
                runs = (each.filter(pc.equal(each["kind"], "runs")) for each in both)
                names = [name for name in PLAIN.names if name in ("kind", "count", *BEFORE)]
                both = [add_up([in_schema(each.select(names), PLAIN)]) for each in runs]
            self.compare_counts(batch.condition, *both)
        else:
            self._counted[key] = counted

    def compare_counts(self, condition: Condition, recorded: pa.Table, again: pa.Table) -> None:
        """Compare all counts of a condition."""
        before, after = _by_key(recorded), _by_key(again)
        self.counts.n += len(before)
        if wrong := [key for key in {**before, **after} if before.get(key) != after.get(key)]:
            both = (before.get(wrong[0], "none"), after.get(wrong[0], "none"))
            kinds = Counter(str(key[0]) for key in wrong)
            self._note(self.counts, len(wrong), kinds, Difference(condition, None, _key_words(wrong[0]), *both))


def differs_in_a_bit(old: pa.Array, new: pa.Array) -> Flags:
    """Where two columns differ in any bit: also in the sign of a 0, or in what is null."""
    if pa.types.is_floating(new.type):
        old, new = old.view(pa.int64()), new.view(pa.int64())
    unequal = pc.fill_null(pc.not_equal(old, new), False)
    return np.asarray(pc.or_(unequal, pc.xor(old.is_null(), new.is_null())))


def _by_key(counts: pa.Table) -> dict[tuple[object, ...], str]:
    """What is counted, and in words how often, and for which seed first."""
    counts = counts.filter(pc.not_equal(counts["kind"], "seeds"))  # which are compared one by one
    keys = zip(*(counts[name].to_pylist() for name in ("kind", *COUNTED, "epoch")), strict=True)
    told = zip(counts["count"].to_pylist(), counts["seed"].to_pylist(), strict=True)
    words = (f"{times:,}" if seed is None else f"{times:,}, the lowest seed {seed}" for times, seed in told)
    return dict(zip(keys, words, strict=True))


def _key_words(key: tuple[object, ...]) -> str:
    """What is counted, in words: 'runs of outcome solved, dead_init 0', 'solved_epoch 17'."""
    kind, *values, epoch = key
    if kind != "runs":
        return f"{kind} {epoch}"
    given = zip(COUNTED, values, strict=True)
    told = [f"{name} {value}" for name, value in given if value is not None and (name, value) != ("status", "ok")]
    return f"runs of {', '.join(told)}"
