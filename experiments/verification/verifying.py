"""Verification: what `experiments.verify` does, a line a step, and how it trains a folder's trainings again.

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
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analysis.data.door import COUNTED
from analysis.data.processes import available_cores
from analysis.entry import DONE, FAILED, InputError
from experiments.execution.backends import execute
from experiments.execution.options import backend_for, refuse_broken
from experiments.execution.progress import Progress, all_of, filled, say, tell
from experiments.execution.worker import warm_up
from experiments.store.columns import CONDITION_COLUMNS, in_schema, part_schema, with_condition
from experiments.store.counts import PLAIN, add_up, count_rows, solved_seeds, total
from experiments.store.rows_and_counts import Slices
from experiments.study.batches import Batch, Left, Spans, left, merge, missing, subtract
from experiments.study.checked import path, section
from experiments.study.study import Study
from experiments.verification.audit import Ledger, check_bytes, check_derived, check_manifest, damage, read_record
from nnxor import checks, engines
from nnxor.condition import Condition

show = partial(tell, width=11)  # a line: what was looked at, and what was found

BLOCKS = 16  # conditions that a sample is spread over, at least, where there are as many and it has as many trainings
TOLERANCE = 1e-2  # allowed difference, where bits may differ: absolute, or relative if the number is above 1
Values = Mapping[tuple[Any, ...], object]  # recorded values by their kind, seed (None for counts) and what is counted
BEFORE = (*CONDITION_COLUMNS, "seed", "outcome", "dead_init", "patterns_init", "status", "error")
"""Columns that must agree exactly even where bits may differ."""


def verify(config: Mapping[str, Any]) -> int:
    """Check, train again, print; returns the exit status."""
    if config["folder"] is None:
        raise InputError("a result folder must be named: DIR")
    engine = checks.choice(["auto", *engines.ENGINES])
    sample = checks.optional(checks.whole(1), "all")
    given = section("", config, {"folder": path, "sample": sample, "engine": engine, "seed": checks.whole(0)})
    record, asked = read_record(given["folder"]), given["engine"]
    study, manifest = record.study, record.manifest
    size, by = f"{len(study.conditions):,} conditions x {len(study.seeds):,}", " and ".join(record.engines)
    show("folder", f"{record.path}: {study.name}, {size}, trained with {by or 'an engine unknown'}")
    others = check_manifest(record)
    show("manifest", f"protocol {manifest['protocol']}; it says what config.yaml says")
    if others:
        whose = "in the words of the version that wrote them, which is not this one"
        show("", f"{others}: {whose}; no result depends on them")
    check_bytes(record)
    show("files", f"{', '.join(manifest['files'])}: byte for byte what was written (SHA-256)")
    ledger = Ledger(record)
    show("values", f"the digest is that of the values ({manifest['digest'][:16]}...)")
    show("rows" if ledger.rows else "counts", f"{study.n_trainings:,}: of each condition every seed once, in order")
    if ledger.n_failed:
        show("failed", f"{ledger.n_failed:,} trainings failed when they were run; they are trained again")
    show("sums", ledger.contradiction or "runs, epochs and seeds of each condition agree on how many were solved")
    if derived := check_derived(record):
        show("derived", f"{' and '.join(derived)}: what follows from the counts")
    if asked == "auto":  # the fastest that did not train it, if there is one
        exact = [engine for engine in engines.ENGINES.values() if engine.exact and not engine.fault]
        asked = min(exact, key=lambda engine: (engine.name in record.engines, engine.seconds)).name
    refuse_broken(asked)
    retraining = Retraining(ledger, draw_sample(study, given["sample"], given["seed"], asked, ledger.failed), asked)
    follow(retraining, given["seed"])
    return conclude(retraining)


def draw_sample(study: Study, size: int | None, seed: int, engine: str, failed: Mapping[str, Spans]) -> list[Left]:
    """Batches that hold `size` trainings of the study at random, and those that failed; all of them if it is None.

    A batch of one training costs an engine nearly as much as one of a hundred, so of `BLOCKS` conditions drawn at
    random (all, if there are fewer) each gives a run of neighbouring seeds, as long as the others but for one, that
    begins anywhere and goes on at the first seed after the last: all have one chance, but neighbours come together.
    """
    if size is None or size >= study.n_trainings:
        return left(study, {}, engine, None)
    random, seeds_of = np.random.default_rng(seed), {each.key: study.seeds_of(each) for each in study.conditions}
    chosen = {key: [*failed.get(key, [])] for key in seeds_of}
    blocks = min(size, len(seeds_of), max(BLOCKS, -(-size // len(study.seeds))))
    for rank, which in enumerate(random.permutation(len(seeds_of))[:blocks]):
        key = study.conditions[which].key
        seeds, start = seeds_of[key], int(random.integers(len(seeds_of[key])))
        count = min(size // blocks + (rank < size % blocks), len(seeds))
        chosen[key] += [seeds[start : start + count], seeds[: max(start + count - len(seeds), 0)]]
    return left(study, {key: subtract(seeds_of[key], merge(spans)) for key, spans in chosen.items()}, engine, None)


class Difference(NamedTuple):
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
        exact = {name for name, each in engines.ENGINES.items() if each.exact}
        self.loosely = not {engine, *ledger.record.engines} <= exact
        self._rank = {condition.key: rank for rank, condition in enumerate(ledger.record.study.conditions)}
        self._counted: dict[str, pa.Table] = {}

    def __iter__(self) -> Iterator[pa.Table]:
        """Train on all cores and compare; yields what came out of each batch, as they finish."""
        n_jobs = min(available_cores(), sum(each.batches for each in self.sample))
        backend = backend_for(self.engine, self.sample)
        for batch, again in execute(missing(self.sample), self.engine, backend, n_jobs):
            with damage(self.ledger.record):
                if self.ledger.rows is None:
                    self._compare_counts(batch, count_rows(in_schema(again, part_schema(batch.condition))))
                else:
                    self._compare_rows(batch, again, self.ledger.rows)
            yield again

    def _compare_rows(self, batch: Batch, again: pa.Table, rows: Slices) -> None:
        recorded = rows.read(*self.ledger.held[batch.condition.key].rows_of(batch.seeds))
        again = with_condition(again, batch.condition, recorded.schema)
        found: dict[str, np.ndarray] = {}
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
        differing = np.flatnonzero(np.logical_or.reduce(list(found.values())))
        self.rows.n += len(batch.seeds)
        if len(differing):
            row = differing[0]
            name = next(name for name, differs in found.items() if differs[row])
            both = (recorded[name][row].as_py(), again[name][row].as_py())
            where = {name: int(differs.sum()) for name, differs in found.items() if differs.any()}
            self._note(self.rows, len(differing), where, Difference(batch.condition, batch.seeds[row], name, *both))

    def _compare_counts(self, batch: Batch, again: pa.Table) -> None:
        """Hold each seed of a batch to whether it was solved and, if it was the condition's last one, all counts."""
        condition, recorded = batch.condition, self.ledger.counts_of(batch.condition)
        self.compare(self.rows, condition, *(seeds_solved(each, batch.seeds) for each in (recorded, again)))
        if not self.whole:
            return
        counted = add_up([self._counted.pop(condition.key, PLAIN.empty_table()), again])
        if total(counted, kind="runs") < len(self.ledger.record.study.seeds_of(condition)):
            self._counted[condition.key] = counted
            return
        both = [add_up([recorded]), counted]
        if self.loosely:  # runs, by what must agree also then
            runs = (each.filter(pc.equal(each["kind"], "runs")) for each in both)
            names = [name for name in PLAIN.names if name in ("kind", "count", *BEFORE)]
            both = [add_up([in_schema(each.select(names), PLAIN)]) for each in runs]
        self.compare(self.counts, condition, *map(times_counted, both))

    def compare(self, of: Compared, condition: Condition, recorded: Values, again: Values) -> None:
        """Compare values of a condition."""
        of.n += len(recorded)
        if wrong := [key for key in {**recorded, **again} if recorded.get(key) != again.get(key)]:
            kind, seed, *counted = first = wrong[0]
            told = [f"{name} {value}" for name, value in counted if (name, value) != ("status", "ok")]
            what = f"runs of {', '.join(told)}" if kind == "runs" else " ".join([kind, *(str(x) for _, x in counted)])
            both = (recorded.get(first, "none"), again.get(first, "none"))
            where = Counter(str(kind) for kind, *_ in wrong)
            self._note(of, len(wrong), where, Difference(condition, seed, what, *both))

    def _note(self, of: Compared, differing: int, where: Mapping[str, int], one: Difference) -> None:
        """Keep how much differs, and the first difference in the study's order."""
        of.differing += differing
        of.where.update(where)
        of.first = min(of.first or one, one, key=lambda each: (self._rank[each.condition.key], each.seed or 0))


def differs_in_a_bit(old: pa.Array, new: pa.Array) -> np.ndarray:
    """Where two columns differ in any bit: also in the sign of a 0, or in what is null."""
    if pa.types.is_floating(new.type):
        old, new = old.view(pa.int64()), new.view(pa.int64())
    unequal = pc.fill_null(pc.not_equal(old, new), False)
    return np.asarray(pc.or_(unequal, pc.xor(old.is_null(), new.is_null())))


def seeds_solved(counts: pa.Table, seeds: range) -> Values:
    """Which of these seeds counts say were solved; null for those that failed."""
    known = dict[int, bool]()
    after = pc.greater(pc.add(counts["seed"], counts["count"]), seeds.start)
    for span, flags in solved_seeds(counts.filter(pc.and_(pc.less(counts["seed"], seeds.stop), after))):
        known.update(zip(span, flags.tolist(), strict=True))
    return {("solved", seed): known.get(seed) for seed in seeds}


def times_counted(counts: pa.Table) -> Values:
    """All that is counted but for which seeds were solved: in words how often, and for which seed first."""
    found = {}
    for row in counts.filter(pc.not_equal(counts["kind"], "seeds")).to_pylist():
        what = [(name, row[name]) for name in (*COUNTED, "epoch") if row[name] is not None]
        first = "" if row["seed"] is None else f", the lowest seed {row['seed']}"
        found[row["kind"], None, *what] = f"{row['count']:,}{first}"
    return found


def follow(retraining: Retraining, seed: int) -> None:
    """Say what is trained again, train it, show how it goes on, and how long it took."""
    sample, engine, n = retraining.sample, retraining.engine, retraining.trainings
    drawn = f"{n:,} trainings: neighbouring seeds in {len(sample):,} conditions, at random (seed {seed})"
    show("sample", all_of(n, "training") if retraining.whole else drawn)
    again = ", which trained it (name another with engine=NAME)" if engine in retraining.ledger.record.engines else ""
    show("engine", f"{engine}{again}")
    warm_up((each.first for each in sample), engine)
    with Progress(n) as shown:
        for out in retraining:
            shown.update(out)
    show("retrained", shown.summary())


def conclude(found: Retraining) -> int:
    """Print the verdict; returns the exit status."""
    lines = [*_differences(found, found.rows), *_differences(found, found.counts)]
    failed = bool(lines or found.ledger.contradiction)
    how = "DIFFERENT: counts contradict each other (sums, above), though" if failed else "verified:"
    for indent, line in lines or [("", f"{how} {_agreement(found)}")]:
        say(filled(line, indent, "    "))
    return FAILED if failed else DONE


def _agreement(found: Retraining) -> str:
    n = found.rows.n
    if found.rows.what == "row":
        how = "within the tolerance (--help says which)" if found.loosely else "in every bit of every column"
        return f"{all_of(n, 'row')} agreed {how}."
    counts = f", and {all_of(found.counts.n, 'count')} agreed." if found.whole else " (sample=all compares counts too)."
    bits = " Bits are not promised here: outcomes are compared, and dead units at the start (--help says more)."
    return f"{all_of(n, 'seed')} came out solved or not as recorded{counts}{bits if found.loosely else ''}"


def _differences(found: Retraining, of: Compared) -> list[tuple[str, str]]:
    """Lines, indented, that say how many rows, seeds or counts differ, the first of them, and in what."""
    if not (first := of.first):
        return []
    values = (first.recorded, first.recomputed)
    before, after = ("null" if x is None else repr(x) if isinstance(x, float) else str(x) for x in values)
    do_not = f"1 {of.what} does not" if of.differing == 1 else f"{of.differing:,} {of.what}s do not"
    seed = "" if first.seed is None else f", seed {first.seed}"
    where = ", ".join(f"{name} {count:,}" for name, count in of.where.most_common())
    return [
        ("", f"DIFFERENT: {do_not} come out as recorded, of {of.n:,}. The first:"),
        ("  ", f"{found.ledger.record.words(first.condition)}{seed}: {first.what}"),
        ("    ", f"recorded    {before}"),
        ("    ", f"recomputed  {after}"),
        ("  ", f"{of.what}s that differ, by {'kind' if of.what == 'count' else 'column'}: {where}"),
    ]
