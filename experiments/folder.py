"""The result folder: parts as batches finish, one sorted table at the end, and nothing lost between.

    config.yaml    the study, resolved
    manifest.json  protocol, conditions, seeds, and the provenance of every run
    parts/         one Parquet file a batch, while trainings are missing
    trials.parquet all trials, sorted by condition and seed
    summary.csv    a row a condition

Parts and trials carry page checksums, and a part its condition, seeds and protocol; what does not
fit is reported and left where it is, never read as data.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from experiments.batches import Batch, Spans, merge, subtract
from experiments.errors import InputError, RunError
from experiments.files import replacing, sync_folder, write_text
from experiments.manifest import now, provenance
from experiments.study import Study
from experiments.table import Digest, encode, schema, with_condition
from nnxor.protocol import PROTOCOL_VERSION

ROW_GROUP = 65_536
"""Rows in a row group of trials.parquet."""

WAYS_OUT = "use output=DIR for another folder, or overwrite=true to discard what it holds"


class ResultFolder:
    """A study's result folder. Nothing is written before `claim`."""

    def __init__(self, path: Path, study: Study) -> None:
        self.path = path
        self.study = study
        self.trials = path / "trials.parquet"
        self.parts = path / "parts"
        self._manifest_path = path / "manifest.json"
        self.left_aside: list[str] = []
        self._failed_parts: list[Path] = []
        self._good_parts: dict[str, list[tuple[range, Path]]] = {}
        self._in_trials: dict[str, tuple[int, int, Spans]] = {}

    # --- what is there -----------------------------------------------------------------------

    def check(self) -> None:
        """InputError if the folder cannot be this study's: see §6 of the design for the rules."""
        existing = next((p for p in (self.path, *self.path.parents) if p.exists()), Path("."))
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"output={self.path} cannot be written: {existing} is no writable folder")
        if not self.path.exists():
            return
        manifest = self.manifest()
        if manifest is None:
            if any(entry.name != ".lock" for entry in self.path.iterdir()):
                raise InputError(f"{self.path} holds files but no manifest.json, so it is no result folder; use output=DIR for another one")
            return
        self._check_manifest(manifest)

    def manifest(self) -> dict[str, object] | None:
        """What manifest.json holds, or None if there is none."""
        try:
            content = json.loads(self._manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (ValueError, OSError) as error:
            raise InputError(f"{self.path}/manifest.json cannot be read ({error}); {WAYS_OUT}") from None
        if not isinstance(content, dict):
            raise InputError(f"{self.path}/manifest.json is not a manifest; {WAYS_OUT}")
        return content

    def _check_manifest(self, manifest: dict[str, object]) -> None:
        try:
            protocol, seeds = manifest["protocol"], range(*manifest["seeds"])  # type: ignore[misc]
            conditions, success = dict(manifest["conditions"]), dict(manifest["success"])  # type: ignore[call-overload]
        except (KeyError, TypeError, ValueError):
            raise InputError(f"{self.path}/manifest.json is not a manifest; {WAYS_OUT}") from None
        if protocol != PROTOCOL_VERSION:
            raise InputError(f"{self.path} was made by protocol {protocol}, this is {PROTOCOL_VERSION}; {WAYS_OUT}")
        if success != self._success():
            raise InputError(f"{self.path} was made with success {success}, not {self._success()}; {WAYS_OUT}")
        asked = {condition.key for condition in self.study.conditions}
        extra = [text for key, text in conditions.items() if key not in asked]
        if extra:
            raise InputError(
                f"{self.path} holds {len(extra)} of {len(conditions)} conditions that this study does not ask for "
                f"(such as {_without_protocol(extra[0])}); {WAYS_OUT}"
            )
        if seeds.start < self.study.seeds.start or seeds.stop > self.study.seeds.stop:
            raise InputError(
                f"{self.path} holds seeds {seeds.start} to {seeds.stop - 1}, more than this study's "
                f"{self.study.seeds.start} to {self.study.seeds.stop - 1}; {WAYS_OUT}"
            )

    def _success(self) -> dict[str, object]:
        return {"rule": self.study.success.rule, "tolerance": self.study.success.tolerance}

    def is_finished(self) -> bool:
        """Whether trials.parquet is in place and the manifest says that every training of it is fine."""
        manifest = self.manifest()
        return self.trials.exists() and not self._good_parts and bool(manifest and manifest["complete"])

    def done(self) -> dict[str, Spans]:
        """Seeds that are trained, by condition key; reads trials and parts anew."""
        self._scan_trials()
        self._scan_parts()
        keys = self._in_trials.keys() | self._good_parts.keys()
        return {
            key: merge([*self._in_trials.get(key, (0, 0, []))[2], *(seeds for seeds, _ in self._good_parts.get(key, []))])
            for key in keys
        }

    def _scan_trials(self) -> None:
        self._in_trials = {}
        if not self.trials.exists():
            return
        try:
            table = _read(self.trials, ["condition", "seed", "status"])
        except (pa.ArrowException, OSError) as error:
            raise RunError(f"{self.trials} is damaged ({_first_line(error)}); {WAYS_OUT}") from None
        column = pc.dictionary_encode(table["condition"].combine_chunks().cast(pa.string()))
        codes = column.indices.to_numpy(zero_copy_only=False)
        seeds = table["seed"].combine_chunks().to_numpy()
        fine = pc.equal(table["status"].combine_chunks().cast(pa.string()), "ok").to_numpy(zero_copy_only=False)
        bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1))
        for first, last in zip(bounds[:-1], bounds[1:], strict=True):
            key = column.dictionary[int(codes[first])].as_py()
            self._in_trials[key] = (int(first), int(last), _spans(seeds[first:last][fine[first:last]]))

    def _scan_parts(self) -> None:
        self._good_parts, self._failed_parts, self.left_aside = {}, [], []
        if not self.parts.is_dir():
            return
        for path in sorted(self.parts.iterdir()):
            if _is_temporary(path):
                continue
            why = self._part_fault(path)
            if why:
                self.left_aside.append(f"{path}: {why}")

    def _part_fault(self, path: Path) -> str:
        """Take a part into account, or say why it is none."""
        if path.suffix != ".parquet" or not path.is_file():
            return "not a part"
        try:
            table = _read(path)
        except (pa.ArrowException, OSError) as error:
            return f"torn or damaged ({_first_line(error)})"
        identity = _identity_of(table.schema)
        if not identity:
            return "not a part of nnxor"
        if identity["protocol"] != PROTOCOL_VERSION or identity["success"] != self._success():
            return "a part of another protocol or success rule"
        if identity["condition"] not in {condition.key for condition in self.study.conditions}:
            return "a part of another study"
        seeds = range(*identity["seeds"])
        if not np.array_equal(table["seed"].combine_chunks().to_numpy(), np.arange(seeds.start, seeds.stop)):
            return "its seeds are not those that it names"
        if len(seeds) and table["status"][0].as_py() != "ok":
            self._failed_parts.append(path)
            return ""
        self._good_parts.setdefault(identity["condition"], []).append((seeds, path))
        return ""

    # --- claiming it ---------------------------------------------------------------------------

    @contextmanager
    def claim(self, overwrite: bool) -> Iterator[None]:
        """Make the folder this run's alone; InputError if another run has it or it does not fit."""
        if not overwrite:
            self.check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"output={self.path} cannot be written: {error.strerror}") from None
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"another run is at work in {self.path}; wait for it, or use output=DIR") from None
            if overwrite:
                self._discard()
            self.check()
            yield
        finally:
            os.close(handle)

    def _discard(self) -> None:
        """Remove what earlier runs wrote here, and nothing else."""
        self._manifest_path.unlink(missing_ok=True)
        for path in (self.trials, self.path / "config.yaml", self.path / "summary.csv", self.path / "report.html"):
            path.unlink(missing_ok=True)
        for folder in (self.parts, self.path / "figures"):
            for path in folder.glob("*") if folder.is_dir() else ():
                path.unlink()
            with suppress(OSError):
                folder.rmdir()

    def begin(self, config: dict[str, object], how: dict[str, object]) -> None:
        """Write config and manifest: from here on the folder belongs to this study."""
        old = self.manifest() or {}
        runs = old.get("runs")
        self._started = time.monotonic()
        self._run: dict[str, object] = {"start": now(), "end": None, "wall_s": None, "trained": 0, **how, **provenance()}
        self._manifest: dict[str, object] = {
            "study": self.study.name,
            "protocol": PROTOCOL_VERSION,
            "complete": False,
            "trials": None,
            "failed": None,
            "digest": None,
            "success": self._success(),
            "seeds": [self.study.seeds.start, self.study.seeds.stop],
            "conditions": {condition.key: condition.text() for condition in self.study.conditions},
            "runs": [*(runs if isinstance(runs, list) else []), self._run],
        }
        write_text(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        self._write_manifest()
        self.parts.mkdir(exist_ok=True)
        for path in (*self.path.iterdir(), *self.parts.iterdir()):
            if _is_temporary(path):
                path.unlink()

    def _write_manifest(self) -> None:
        write_text(self._manifest_path, json.dumps(self._manifest, indent=1, ensure_ascii=False) + "\n")

    # --- writing -------------------------------------------------------------------------------

    def append(self, batch: Batch, table: pa.Table) -> None:
        """Write a part; when this returns, it is on the disk."""
        identity = {
            "protocol": PROTOCOL_VERSION,
            "condition": batch.condition.key,
            "seeds": [batch.seeds.start, batch.seeds.stop],
            "success": self._success(),
        }
        path = self.parts / f"{batch.condition.key}-{batch.seeds.start}-{len(batch.seeds)}.parquet"
        with replacing(path) as temporary:
            pq.write_table(
                table.replace_schema_metadata({"nnxor": json.dumps(identity)}),
                temporary,
                compression="zstd",
                write_page_checksum=True,
            )
        self._good_parts.setdefault(batch.condition.key, []).append((batch.seeds, path))
        self._run["trained"] = int(str(self._run["trained"])) + len(batch.seeds)

    def compact(self) -> int:
        """Write trials.parquet from the trials and parts that are there, then drop the parts.

        Returns how many trainings have failed.
        """
        wanted = schema(self.study.conditions)
        digest, failed, rows = Digest(), 0, 0
        with replacing(self.trials) as temporary:
            with pq.ParquetWriter(temporary, wanted, compression="zstd", write_page_checksum=True) as writer:
                for table in _in_groups(self._sorted_trials(wanted)):
                    encoded = encode(table, wanted)
                    writer.write_table(encoded, row_group_size=ROW_GROUP)
                    digest.update(encoded)
                    rows += len(encoded)
                    failed += len(encoded) - pc.sum(pc.equal(encoded["status"].cast(pa.string()), "ok")).as_py()
        self._manifest |= {"complete": failed == 0, "trials": rows, "failed": failed, "digest": digest.hexdigest()}
        self._run |= {"end": now(), "wall_s": round(time.monotonic() - self._started, 3)}
        self._write_manifest()
        written = [path for parts in self._good_parts.values() for _, path in parts]
        for path in (*written, *self._failed_parts):
            path.unlink(missing_ok=True)
        with suppress(OSError):
            self.parts.rmdir()
        sync_folder(self.path)
        return failed

    def _sorted_trials(self, wanted: pa.Schema) -> Iterator[pa.Table]:
        """All rows of the study, one table a condition, by seed."""
        old = _Slices(self.trials) if self._in_trials else None
        for condition in self.study.conditions:
            pieces = []
            if old and condition.key in self._in_trials:
                first, last, spans = self._in_trials[condition.key]
                rows = old.read(first, last)
                rows = rows.filter(pc.equal(rows["status"].cast(pa.string()), "ok"))
                pieces.append(with_condition(rows, condition, wanted))
            else:
                spans = []
            covered: Spans = spans
            for seeds, path in sorted(self._good_parts.get(condition.key, []), key=lambda part: part[0].start):
                table = _read(path)
                for span in subtract(seeds, covered):
                    piece = table.slice(span.start - seeds.start, len(span))
                    pieces.append(with_condition(piece, condition, wanted))
                covered = merge([*covered, seeds])
            if covered != [self.study.seeds]:
                raise RunError(f"{self.path}: trainings of {condition.text()} are missing; run the same command again")
            yield pa.concat_tables(pieces).sort_by("seed")


class _Slices:
    """Rows first … last of a Parquet file, read a row group at a time; the last group is kept."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._kept: tuple[int, pa.Table] | None = None

    def read(self, first: int, last: int) -> pa.Table:
        """The rows, as a table."""
        groups = range(
            int(np.searchsorted(self._starts, first, "right")) - 1, int(np.searchsorted(self._starts, last, "left"))
        )
        pieces = []
        for group in groups:
            start = int(self._starts[group])
            table = self._group(group)
            pieces.append(table.slice(max(first - start, 0), min(last - start, len(table)) - max(first - start, 0)))
        return pa.concat_tables(pieces)

    def _group(self, group: int) -> pa.Table:
        if self._kept is None or self._kept[0] != group:
            self._kept = (group, self._file.read_row_group(group))
        return self._kept[1]


def _read(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file, its page checksums verified. (`pq.read_table` would import pandas: a second.)"""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns)


def _in_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in pieces of ROW_GROUP, however they came."""
    waiting: list[pa.Table] = []
    n = 0
    for table in tables:
        waiting.append(table)
        n += len(table)
        while n >= ROW_GROUP:
            together = pa.concat_tables(waiting)
            yield together.slice(0, ROW_GROUP)
            waiting, n = [together.slice(ROW_GROUP)], n - ROW_GROUP
    if n:
        yield pa.concat_tables(waiting)


def _identity_of(part: pa.Schema) -> dict[str, object] | None:
    try:
        identity = json.loads((part.metadata or {})[b"nnxor"])
        return identity if {"protocol", "condition", "seeds", "success"} <= identity.keys() else None
    except (KeyError, ValueError, AttributeError):
        return None


def _is_temporary(path: Path) -> bool:
    """Whether a killed run left this file half written (see `experiments.files.replacing`)."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def _spans(seeds: np.ndarray) -> Spans:
    """Ascending seeds as ranges."""
    if len(seeds) == 0:
        return []
    cuts = np.flatnonzero(np.diff(seeds) != 1) + 1
    return [range(int(run[0]), int(run[-1]) + 1) for run in np.split(seeds, cuts)]


def _without_protocol(text: str) -> str:
    return text.partition(";")[2] or "the default condition"


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


