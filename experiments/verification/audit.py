"""A finished result folder and what it says of itself, without training: manifest, hashes, tables, what follows.

Each check raises RunError with one line that says what is wrong; InputError is for what cannot be audited at all. But
counts that contradict each other are kept, since training again shows where that comes from. Memory holds one
condition's counts and one row group.
"""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from analysis.data.door import ANEW, CONFIG, COUNTS, TRIALS, FolderError, read_bytes, read_finished, sha256_of
from analysis.entry import InputError, RunError, in_a_line, turning
from analysis.findings.findings import Findings
from experiments.store import counts, rows_and_counts as tables
from experiments.store.columns import CONDITION_COLUMNS, Digest, in_schema, schema, with_condition
from experiments.store.folder import PACKAGE, PUBLISHED, lacking
from experiments.store.manifest import describe, described, only_in, provenance
from experiments.study.batches import Spans, subtract
from experiments.study.catalog import read_yaml
from experiments.study.study import KEYS, Study, read_study
from nnxor.condition import Condition

AGAIN = "run its study again with overwrite=true"


class Record(NamedTuple):
    """A finished result folder: what its manifest says and the study that its config.yaml describes."""

    path: Path
    manifest: dict[str, Any]
    study: Study

    @property
    def main(self) -> Path:
        """The table whose digest the manifest holds."""
        return self.path / tables.names(self.study.record)[0]

    @property
    def engines(self) -> list[str]:
        """The engines that trained it, by name."""
        return sorted({run["engine"] for run in self.manifest["runs"] if run["trained"]})

    def words(self, condition: Condition) -> str:
        """A condition in words: the fields that tell it from the others of the study."""
        values = condition.values()
        return ", ".join(f"{name} {values[name]}" for name in self.study.swept or ("hidden", "init", "lr"))


def read_record(folder: Path) -> Record:
    """The finished result folder at a path; InputError says why it cannot be audited."""
    path = folder / CONFIG
    manifest = read_finished(folder, f"verify it with the version that made it, or {AGAIN}")
    try:
        config = read_yaml(path)
        if not isinstance(config, dict) or set(config) != set(KEYS):
            raise InputError(f"it must hold {', '.join(KEYS)}, and nothing else")
        return Record(folder, manifest, read_study(config))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; without it, what was trained is unknown; {ANEW}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({in_a_line(error):.120}); {ANEW}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_manifest(record: Record) -> str:
    """Hold the manifest to config.yaml; returns which of its descriptions are in the words of another version."""
    manifest, study, path = record.manifest, record.study, record.path / "manifest.json"
    counted = {"trials": study.n_trainings, "complete": manifest["failed"] == 0}
    expected = json.loads(json.dumps({**described(study), **counted}))
    here, there = expected["conditions"], manifest["conditions"]
    if here != there:
        config, there_only = only_in(here.values(), there.values()), only_in(there.values(), here.values())
        what = f"{len(here.items() - there.items())} of its {len(here)} conditions are others there"
        what += f" (config.yaml: {config:.60}; manifest: {there_only:.60})"
        asked = "was the manifest, config.yaml, or a file that it names changed?"
        raise RunError(f"{path} does not fit config.yaml: {what}; {asked}")
    wrong = [name for name, value in expected.items() if manifest[name] != value]
    wrote, this = ({key: each.get(key) for key in ("package", "git")} for each in (manifest["runs"][-1], provenance()))
    if not wrong or (wrote != this and {*wrong} <= {"fields", "traps"}):
        return " and ".join(wrong)
    said = f"is {manifest[wrong[0]]!r:.80}, but should be {expected[wrong[0]]!r:.80}"
    said = "is not what this version writes" if wrong[0] in ("fields", "traps") else said
    raise RunError(f"{path} does not fit: {wrong[0]} {said}")


def check_bytes(record: Record) -> None:
    """config.yaml and tables are those that were written, datapackage.json tells of them, and no other file lacks."""
    wanted, files = (CONFIG, *tables.names(record.study.record)), record.manifest["files"]
    for name in wanted:
        path = record.path / name
        with turning(OSError, InputError, f"{path} cannot be read: ", f"; {AGAIN}"):
            found = sha256_of(path)
        if found != files.get(name):
            what = f"its SHA-256 is {found[:12]}..., by manifest.json {str(files.get(name))[:12]}..."
            raise RunError(f"{path} is not the file that was written: {what}; {ANEW if name == CONFIG else AGAIN}")
    if set(files) != set(wanted):
        raise RunError(f"{record.path / 'manifest.json'} does not fit: files are {', '.join(files)}; {AGAIN}")
    if lost := lacking(record.path, record.study):
        raise RunError(f"{record.path / lost[0]} is missing, or no regular file; {ANEW}")
    package = describe(record.manifest, record.path, record.study).encode()
    _check_content(record.path / PACKAGE, package, "config.yaml and the tables")


def check_derived(record: Record) -> list[str]:
    """Hold the files that are derived from the counts to them; returns their names."""
    with turning(FolderError, RunError):
        found = Findings.of(record.path)
        expected, _ = found.derived, (found.laws, found.exemplars)
    if (record.path / PUBLISHED).exists():  # though nothing may have been published
        expected = {PUBLISHED: ""} | expected
    for name, text in expected.items():
        _check_content(record.path / name, text.encode(), "the counts")
    return [*expected]


def _check_content(path: Path, expected: bytes, source: str) -> None:
    with suppress(OSError):
        if read_bytes(path) == expected:
            return
    raise RunError(f"{path} is not what follows from {source}; remove it and run its study again")


@contextmanager
def damage(record: Record) -> Iterator[None]:
    """Turn whatever goes wrong in reading the tables into one RunError."""
    try:
        yield
    except (InputError, RunError):
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise RunError(f"{record.main} is damaged ({in_a_line(error):.120}); {AGAIN}") from None


class Ledger:
    """The tables, checked: where they hold each condition, the seeds that failed, and what contradicts itself."""

    def __init__(self, record: Record) -> None:
        self.record, study, said = record, record.study, record.manifest
        self.contradiction = ""
        self.n_failed, self.failed = 0, dict[str, Spans]()
        self._digest = Digest()
        with damage(record):
            self.held = counts.scan(record.path / COUNTS)
            self._counts = tables.Slices(record.path / COUNTS)
            self.rows: tables.Slices | None = None
            if record.main.name == TRIALS:
                tables.check_rows(record.main, [*self.held.values()], schema(study.conditions))
                self.rows = tables.Slices(record.main)
            for condition, key in itertools.zip_longest(study.conditions, self.held):
                if condition is None:
                    raise RunError(f"{record.path / COUNTS} counts trainings that are not of this study; {AGAIN}")
                if condition.key != key:
                    raise self._wrong(COUNTS, condition, "its counts are missing or out of order")
                self._check_counts(condition)
                if self.rows:
                    self._check_rows(condition, self.rows)
        if (found := self._digest.hexdigest()) != said["digest"]:
            what = f"their digest is {found[:12]}..., by manifest.json {str(said['digest'])[:12]}..."
            raise RunError(f"{record.main} has other values than were written: {what}; {AGAIN}")
        if self.n_failed != said["failed"]:
            raise RunError(f"{record.main} holds {self.n_failed} failed trainings, by manifest.json {said['failed']}")

    def counts_of(self, condition: Condition) -> pa.Table:
        """What counts.parquet holds of a condition."""
        held = self.held[condition.key]
        return in_schema(self._counts.read(held.first, held.last), counts.PLAIN)

    def _wrong(self, table: str, condition: Condition, what: str) -> RunError:
        return RunError(f"{self.record.path / table}: {self.record.words(condition)}: {what}; {AGAIN}")

    def _check_counts(self, condition: Condition) -> None:
        """A condition's counts are of each of its seeds once; notes which failed, and a contradiction among them."""
        held, seeds = self.held[condition.key], self.record.study.seeds_of(condition)
        rows, found = self._counts.read(held.first, held.last), self.counts_of(condition)
        if not _has_fields(rows, condition):
            raise self._wrong(COUNTS, condition, "rows of another condition are among its counts")
        if self.rows is None:
            self._digest.update(rows)
        self.failed[condition.key] = failed = subtract(seeds, [*held.seeds])
        n_failed, kept = sum(map(len, failed)), counts.total(found, kind="seeds")
        trainings, fine = counts.total(found, kind="runs"), counts.total(found, kind="runs", status="ok")
        if not trainings == len(seeds) == kept + n_failed or fine != kept:
            what = f"of {len(seeds):,} trainings {trainings:,} are counted, {fine:,} of them as fine"
            what += f", but for {len(seeds) - n_failed:,} it is recorded whether they were solved"
            raise self._wrong(COUNTS, condition, what)
        self.n_failed += n_failed
        runs, epochs = counts.total(found, kind="runs", outcome="solved"), counts.total(found, kind="solved_epoch")
        solved = sum(int(flags.sum()) for _, flags in counts.solved_seeds(found))
        if not runs == epochs == solved and not self.contradiction:
            each = f"{runs:,} by its runs, {epochs:,} by its epochs, {solved:,} by its seeds"
            self.contradiction = f"{self.record.words(condition)}: solved are {each}"

    def _check_rows(self, condition: Condition, rows: tables.Slices) -> None:
        """A condition's rows are one for each of its seeds, in order, and counted anew they give its counts."""
        seeds = self.record.study.seeds_of(condition)
        tallies, first = [], seeds.start
        for piece in rows.pieces(*self.held[condition.key].rows_of(seeds)):
            self._digest.update(piece)
            if not _has_fields(piece, condition):
                raise self._wrong(TRIALS, condition, "rows of another condition are among its rows")
            if not np.array_equal(piece["seed"].to_numpy(), np.arange(first, first + len(piece))):
                raise self._wrong(TRIALS, condition, "rows are missing, doubled, out of order, or of other seeds")
            first += len(piece)
            tallies.append(counts.count_rows(piece))
        if not counts.add_up(tallies).equals(counts.add_up([self.counts_of(condition)])):
            raise self._wrong(TRIALS, condition, "its rows are not those that counts.parquet counts")


def _has_fields(table: pa.Table, condition: Condition) -> bool:
    fields = table.select(list(CONDITION_COLUMNS))
    return bool(fields.equals(with_condition(fields, condition, fields.schema)))
