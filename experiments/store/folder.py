"""The result folder: parts as batches finish, sorted tables at the end, and nothing lost between.

    config.yaml       the study, resolved
    manifest.json     protocol, conditions, seeds, the tables' hashes, and the provenance of every run
    parts/            one Parquet file a batch, while trainings are missing
    trials.parquet    all trials, sorted by condition and seed, unless `record: summary` keeps none
    counts.parquet    exact counts of them (see experiments.store.counts)
    datapackage.json  what the tables and their columns are, for other programs
    summary.csv ...   what follows from them (`lacking`)

A folder belongs to one study. It may grow (more seeds, more conditions) but never shrinks or changes its rules, and
what does not fit is reported and left where it is. The manifest is written before new tables take the place of old
ones: from then on they count, under either name.
"""

import fcntl
import hashlib
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from analysis.data.door import CONFIG, COUNTS, TRIALS, beside, flush, is_regular, read_manifest, sha256_of, write_text
from analysis.entry import InputError, turning
from experiments.store import counts, parts, rows_and_counts as tables
from experiments.store.manifest import describe, described, now, only_in, provenance
from experiments.store.parts import NotAPartError, Part, read_part, write_part
from experiments.study.batches import Batch, Spans, merge, subtract
from experiments.study.study import Study

PACKAGE, PUBLISHED = "datapackage.json", "published.csv"
TOLD, DRAWN = ("exemplars.json", "laws.json", "summary.csv"), ("explorer.html", "report.html")
DERIVED = (PACKAGE, *TOLD, PUBLISHED, *DRAWN)  # made from the trials, and made again when they change
TABLES = (TRIALS, COUNTS)
OURS = (*DERIVED, *TABLES, *(beside(Path(name)).name for name in TABLES), CONFIG)  # besides the manifest

TEMPORARY = re.compile(rf"\.({'|'.join(map(re.escape, (*OURS, 'manifest.json')))}|{parts.NAME.pattern})\.[0-9]+\.tmp")
"""What a killed run leaves half written; see `analysis.data.door.replacing`."""

WAYS_OUT = "use output=DIR for another folder, or overwrite=true to discard what it holds"
FOLD = 512  # parts that are left on the disk before they are added to counts.parquet while a study without rows runs
FOLD_EACH = 4  # at least so many for each condition, beside which it costs little to write the counts anew


def lacking(path: Path, study: Study, drawn: bool = False) -> list[str]:
    """The regular files of a finished run that a folder lacks, and the folder `figures` if those were `drawn`."""
    names = [CONFIG, *tables.names(study.record), PACKAGE, *TOLD, *([PUBLISHED] if study.published else [])]
    lost = [name for name in (*names, *(DRAWN if drawn else ())) if not is_regular(path / name)]
    return [*lost, *(["figures"] if drawn and not (path / "figures").is_dir() else [])]


def _text(config: Mapping[str, object]) -> str:
    """What config.yaml holds of a configuration."""
    return str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True))


class ResultFolder:
    """A study's result folder. Nothing is written before `claim`."""

    def __init__(self, path: Path, study: Study) -> None:
        self.path = path
        self.study = study
        self.trials = path / tables.names(study.record)[0]
        self.left_aside: list[str] = []
        self.holds_more = False
        self._parts_folder = path / "parts"
        self._parts: list[Part] = []
        self._failed_parts: list[Part] = []
        self._held: dict[str, counts.Held] = {}
        self._scanned = False
        self._waiting = 0

    def check(self, overwrite: bool = False) -> None:
        """InputError for a folder that cannot be written or is not this study's; to `overwrite` any study's will do."""
        with self._usable():
            self._check_place()
        if overwrite or not (manifest := self._manifest()):
            return
        for name in ("certify", "record"):
            there, here = (json.dumps(value).strip('"') for value in (manifest[name], getattr(self.study, name)))
            if there != here:
                raise InputError(f"{self.path} was made with {name}={there}, this is {here}; {WAYS_OUT}")
        self._check_content(manifest["conditions"])

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            why = error.strerror or error
            raise InputError(f"{error.filename or self.path} cannot be used: {why}; use output=DIR") from None

    def _check_place(self) -> None:
        existing = next((p for p in (self.path, *self.path.parents) if p.exists()), Path())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"output={self.path} cannot be written: {existing} is not a writable folder")
        entries = [entry.name for entry in self.path.iterdir()] if self.path.exists() else []
        for path in (self.path / name for name in ("manifest.json", ".lock", "parts") if name in entries):
            if path.is_symlink() or not (is_regular(path) or path == self._parts_folder):
                raise InputError(f"{path} was not written by a run, so it is left as it is; use output=DIR for another")
        if "manifest.json" not in entries and any(n != ".lock" and not TEMPORARY.fullmatch(n) for n in entries):
            what = "holds files but no manifest.json, so it is not a result folder"
            raise InputError(f"{self.path} {what}; use output=DIR for another")

    def _manifest(self) -> dict[str, Any]:
        return read_manifest(self.path, WAYS_OUT) or {}

    def _check_content(self, texts: dict[str, str]) -> None:
        """Refuse a folder that holds trainings which this study does not ask for."""
        held, asked, study = self.done(), self.study.seeds, self.study
        ours = {condition.key: condition for condition in study.conditions}
        extra = [key for key in held if key not in ours]
        self.holds_more = bool(extra)
        lacking = any(held.get(key) != [study.seeds_of(condition)] for key, condition in ours.items())
        if extra and (lacking or not self.is_compact()):  # if all is there, it is told without touching the folder
            what = only_in([texts.get(key, key) for key in extra], [c.text() for c in study.conditions])
            others = f"conditions that this study does not ask for ({len(extra)} of {len(held)})"
            raise InputError(f"{self.path} holds {others}: it also holds {what}; {WAYS_OUT}")
        spans = [span for spans in held.values() for span in spans] or [asked]
        first, last = min(span.start for span in spans), max(span.stop for span in spans) - 1
        if first < asked.start or last >= asked.stop:
            more = f"more than this study's {asked.start} to {asked.stop - 1}"
            raise InputError(f"{self.path} holds seeds {first} to {last}, {more}; {WAYS_OUT}")

    def done(self) -> dict[str, Spans]:
        """Seeds that are trained, by condition key; tables and parts are read once."""
        if not self._scanned:
            manifest = self._manifest()
            self._scan_tables(manifest.get("files", {}))
            self._scan_parts(manifest.get("conditions", {}))
            self._scanned = True
        spans = defaultdict(list, {key: [*held.seeds] for key, held in self._held.items()})
        for part in self._parts:
            spans[part.key] += [part.seeds] if part.fine else []
        return {key: merge(each) for key, each in spans.items()}

    def _scan_tables(self, files: dict[str, str]) -> None:
        """Read what the tables hold, if there are any; InputError if one is not what the manifest says."""
        found = {name: self._find(name, files.get(name)) for name in tables.names(self.study.record)}
        places = {name: place for name, place in found.items() if place}
        if not places:
            return
        if missing := found.keys() - places.keys():
            raise InputError(f"{self.path / missing.pop()} is missing; {WAYS_OUT}")
        told = (f"{self.path / COUNTS} is damaged (", f"); {WAYS_OUT}")
        with turning((pa.ArrowException, OSError, ValueError), InputError, *told):
            self._held = counts.scan(places[COUNTS])
            if TRIALS in places:
                tables.check_rows(places[TRIALS], [*self._held.values()])
                if any(subtract(span, [each.trained]) for each in self._held.values() for span in each.seeds):
                    raise ValueError("the seeds that are counted are not those that were trained")

    def _find(self, name: str, sha256: str | None) -> Path | None:
        """The table of that name and hash, which a killed run may not have put in its place yet; None without one."""
        path = self.path / name
        for place in (path, beside(path)):
            if sha256 and is_regular(place) and sha256_of(place) == sha256:
                return place
        if os.path.lexists(path):
            why = "is not what manifest.json says: it was altered; python -m experiments.verify looks closer"
            raise InputError(f"{path} {why}; {WAYS_OUT}")
        return None

    def _scan_parts(self, known: dict[str, str]) -> None:
        conditions = dict.fromkeys(known) | {condition.key: condition for condition in self.study.conditions}
        there = sorted(self._parts_folder.iterdir()) if self._parts_folder.is_dir() else []
        for path in (path for path in there if not TEMPORARY.fullmatch(path.name)):
            try:
                part = read_part(path, conditions)
            except NotAPartError as why:
                self.left_aside.append(f"{path}: {why}")
            else:
                (self._parts if part.fine else self._failed_parts).append(part)

    def is_compact(self) -> bool:
        """Whether everything stands in the tables, no part waits, and the manifest says that the study is complete."""
        half_tidied = self._parts_folder.is_dir() and not any(self._parts_folder.iterdir())
        whole = not {CONFIG, PACKAGE, self.trials.name} & {*lacking(self.path, self.study)}
        return whole and not self._parts and not half_tidied and bool(self._manifest().get("complete"))

    def is_told(self, config: Mapping[str, object]) -> bool:
        """Whether config.yaml says what this configuration does, also of what changes no training."""
        with suppress(OSError):
            return sha256_of(self.path / CONFIG) == hashlib.sha256(_text(config).encode()).hexdigest()
        return False

    @contextmanager
    def claim(self, overwrite: bool) -> Iterator[None]:
        """Make the folder this run's alone; InputError if another run has it or it does not fit."""
        with self._usable():
            self._check_place()
            self.path.mkdir(parents=True, exist_ok=True)
            lock = os.fdopen(os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o644))
        with lock:
            with self._usable():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise InputError(f"another run is using {self.path}; wait for it, or use output=DIR") from None
                self.check(overwrite)
                self._tidy(overwrite)
            yield

    def _tidy(self, overwrite: bool) -> None:
        """Finish or remove what a killed run left half done, or all that runs wrote, if asked to `overwrite`."""
        in_parts = [*self._parts_folder.iterdir()] if self._parts_folder.is_dir() else []
        for path in (path for path in (*self.path.iterdir(), *in_parts) if TEMPORARY.fullmatch(path.name)):
            path.unlink()
        if overwrite:
            for path in (*(self.path / name for name in OURS), *(p for p in in_parts if parts.NAME.fullmatch(p.name))):
                path.unlink(missing_ok=True)
            self._drop_parts_folder()
            (self.path / "manifest.json").unlink(missing_ok=True)  # last: by it the folder is known as ours
            return
        files = self._manifest().get("files", {})
        for name in TABLES:  # those that the manifest knows take their place; others that wait for it go
            waiting = beside(self.path / name)
            if is_regular(waiting) and sha256_of(waiting) == files.get(name):
                os.replace(waiting, self.path / name)
            elif is_regular(waiting):
                waiting.unlink()

    def _drop_parts_folder(self) -> None:
        with suppress(OSError):  # it is not there, or holds files of others
            self._parts_folder.rmdir()

    def begin(self, config: Mapping[str, object], how: dict[str, object]) -> None:
        """Write manifest and config: from here on the folder belongs to this study."""
        before, text = self._manifest(), _text(config)
        held = {name: before["files"][name] for name in tables.names(self.study.record)} if self._held else {}
        self._started = time.monotonic()
        self._run: dict[str, Any] = {"start": now(), "end": None, "wall_s": None, "trained": 0, **how, **provenance()}
        not_yet = {"complete": False, "trials": None, "failed": None, "digest": None}
        files = {CONFIG: hashlib.sha256(text.encode()).hexdigest(), **held}
        runs = [*before.get("runs", []), self._run]
        self._content: dict[str, Any] = {**described(self.study), **not_yet, "files": files, "runs": runs}
        self._write_manifest()
        write_text(self.path / CONFIG, text)
        for name in DERIVED:
            (self.path / name).unlink(missing_ok=True)
        self._parts_folder.mkdir(exist_ok=True)

    def _write_manifest(self) -> None:
        write_text(self.path / "manifest.json", json.dumps(self._content, indent=1, ensure_ascii=False) + "\n")

    def append(self, batch: Batch, table: pa.Table) -> None:
        """Write a part; when this returns, it is on the disk."""
        self._parts.append(write_part(self._parts_folder, batch, table))
        self._run["trained"] += len(batch.seeds)
        self._waiting += 1
        if self.study.record == "summary" and self._waiting >= max(FOLD, FOLD_EACH * len(self.study.conditions)):
            self.compact(whole=False)

    def compact(self, whole: bool = True) -> int:
        """Put the parts into the tables; returns how many failed. If not `whole`, more will come; failed ones stay."""
        taken = [part for part in self._parts if whole or part.fine]
        written = tables.write(self.path, self.study, self._held, taken, whole)
        self._content["files"] |= written.pop("files")
        if whole:
            self._content |= {"complete": not written["failed"], **written}
            self._run |= {"end": now(), "wall_s": round(time.monotonic() - self._started, 3)}
            write_text(self.path / PACKAGE, describe(self._content, self.path, self.study))
        self._write_manifest()
        for path in (self.path / name for name in tables.names(self.study.record)):
            os.replace(beside(path), path)
        flush(self.path)
        for part in (*taken, *(self._failed_parts if whole else ())):
            part.path.unlink(missing_ok=True)
        if whole:
            self._drop_parts_folder()
            flush(self.path)
        else:
            self._held, self._waiting = counts.scan(self.path / COUNTS), 0
            self._parts = [part for part in self._parts if not part.fine]
        return int(written["failed"])
