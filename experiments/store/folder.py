"""The result folder: parts as batches finish, one sorted table at the end, and nothing lost between.

    config.yaml     the study, resolved
    manifest.json   protocol, conditions, seeds, digest, and the provenance of every run
    parts/          one Parquet file a batch, while trainings are missing
    trials.parquet  all trials, sorted by condition and seed; with `record: summary` instead
    counts.parquet  exact counts of them (see experiments.store.counts)

A folder belongs to one study. It may grow (more seeds, more conditions) but never shrinks or
changes its rules, and what does not fit is reported and left where it is.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from experiments.errors import InputError
from experiments.store import counts, trials
from experiments.store.files import sync_folder, write_text
from experiments.store.manifest import now, provenance
from experiments.store.parts import NotAPartError, Part, is_temporary, read_part, write_part
from experiments.study.batches import Batch, Spans, merge
from experiments.study.study import Study
from nnxor.condition import FIELDS, Success
from nnxor.protocol import PROTOCOL_VERSION

REPORT = ("summary.csv", "published.csv", "exemplars.json", "laws.json", "report.html")
"""What tells of the trials, and is made anew when they change."""

OURS = (
    *REPORT, "trials.parquet", "counts.parquet", "config.yaml", "parts/*.parquet",
    "figures/*.png", "figures/*.svg", "notebooks/*.ipynb", "notebooks/*.html",
)  # fmt: skip
"""What a run and its report write into the folder, besides the manifest."""

WAYS_OUT = "use output=DIR for another folder, or overwrite=true to discard what it holds"


MANY_PARTS = 2000
"""Parts that take too long to be read again when somebody waits for a run to stop."""


class ResultFolder:
    """A study's result folder. Nothing is written before `claim`."""

    def __init__(self, path: Path, study: Study) -> None:
        self.path = path
        self.study = study
        self.trials = path / ("counts.parquet" if study.record == "summary" else "trials.parquet")
        self.left_aside: list[str] = []
        self._parts_folder = path / "parts"
        self._manifest_path = path / "manifest.json"
        self._parts: dict[str, list[Part]] = {}
        self._failed_parts: list[Part] = []
        self._held: dict[str, Any] = {}
        self._store: Any = counts if study.record == "summary" else trials
        self._scanned = False
        self._waiting = 0

    # --- what is there

    def check(self, overwrite: bool = False) -> None:
        """Refuse, by InputError, a folder that cannot be written or cannot be this study's.

        With `overwrite` it may be any study's, but still no folder of something else.
        """
        try:
            self._check_writable()
            if self._manifest_path.exists():
                if not overwrite:
                    self._check_rules(self._manifest())
                    self._check_content()
            elif self.path.exists() and any(
                entry.name != ".lock" and not is_temporary(entry) for entry in self.path.iterdir()
            ):
                raise InputError(
                    f"{self.path} holds files but no manifest.json, so it is not a result folder; "
                    "use output=DIR for another"
                )
        except OSError as error:
            raise InputError(f"output={self.path} cannot be used: {error.strerror or error}") from None

    def _check_writable(self) -> None:
        existing = next((p for p in (self.path, *self.path.parents) if p.exists()), Path())
        if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
            raise InputError(f"output={self.path} cannot be written: {existing} is not a writable folder")

    def _manifest(self) -> dict[str, Any]:
        """What manifest.json holds; empty if there is none, InputError if it is none of ours."""
        try:
            content = json.loads(self._manifest_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise InputError(f"{self._manifest_path} cannot be read ({error}); {WAYS_OUT}") from None
        shape = {"protocol": int, "conditions": dict, "complete": bool, "runs": list}
        if not isinstance(content, dict) or not all(
            isinstance(content.get(name), kind) for name, kind in shape.items()
        ):
            raise InputError(f"{self._manifest_path} is not a manifest; {WAYS_OUT}")
        return content

    def _check_rules(self, manifest: dict[str, Any]) -> None:
        protocol = manifest["protocol"]
        if protocol != PROTOCOL_VERSION:
            raise InputError(f"{self.path} was made by protocol {protocol}, this is {PROTOCOL_VERSION}; {WAYS_OUT}")
        certify, ours = ("true" if each else "false" for each in (manifest.get("certify"), self.study.certify))
        if certify != ours:
            raise InputError(f"{self.path} was made with certify={certify}, this study has {ours}; {WAYS_OUT}")
        success = manifest.get("success")
        if isinstance(success, dict) and any(str(Success(**success)) != str(c.success) for c in self.study.conditions):
            raise InputError(f"{self.path} was made with success {success}, this study has another; {WAYS_OUT}")
        record = manifest.get("record", "trials")
        if record != self.study.record:
            raise InputError(f"{self.path} was made with record={record}, this is {self.study.record}; {WAYS_OUT}")

    def _check_content(self) -> None:
        """Refuse a folder that holds trainings which this study does not ask for."""
        texts = self._manifest()["conditions"]
        held, keys, asked = self.done(), self._keys(), self.study.seeds
        extra = [key for key in held if key not in keys]
        if extra:
            there = _words(str(texts.get(extra[0], extra[0])))
            raise InputError(
                f"{self.path} holds {len(extra)} of its {len(held)} conditions that this study does not ask for: "
                f"there {there}, here {_words(self.study.conditions[0].text())}; {WAYS_OUT}"
            )
        spans = [span for spans in held.values() for span in spans]
        first = min((span.start for span in spans), default=asked.start)
        last = max((span.stop for span in spans), default=asked.stop) - 1
        if first < asked.start or last >= asked.stop:
            raise InputError(
                f"{self.path} holds seeds {first} to {last}, more than this study's {asked.start} to {asked.stop - 1}; "
                f"{WAYS_OUT}"
            )

    def _keys(self) -> set[str]:
        return {condition.key for condition in self.study.conditions}

    def done(self) -> dict[str, Spans]:
        """Seeds that are trained, by condition key; reads trials and parts anew."""
        self._held = self._store.scan(self.trials)
        self._scan_parts()
        self._scanned = True
        return self._seeds()

    def _seeds(self) -> dict[str, Spans]:
        return {
            key: merge(
                [
                    *(self._held[key].seeds if key in self._held else []),
                    *(part.seeds for part in self._parts.get(key, [])),
                ]
            )
            for key in self._held.keys() | self._parts.keys()
        }

    def kept(self) -> int:
        """Trainings of the study that the folder holds."""
        many = sum(map(len, self._parts.values())) > MANY_PARTS
        seeds = self._seeds() if self._scanned and many else self.done()
        return sum(len(span) for spans in seeds.values() for span in spans)

    def _scan_parts(self) -> None:
        self._parts, self._failed_parts, self.left_aside = {}, [], []
        keys = self._keys() | set(self._manifest().get("conditions", ()))
        for path in sorted(self._parts_folder.iterdir()) if self._parts_folder.is_dir() else ():
            if is_temporary(path):
                continue
            try:
                part = read_part(path, keys, self.study.record)
            except NotAPartError as why:
                self.left_aside.append(f"{path}: {why}")
                continue
            if part.fine:
                self._parts.setdefault(part.key, []).append(part)
            else:
                self._failed_parts.append(part)
        if self.study.record == "summary":
            for key, parts in self._parts.items():
                held = self._held[key].seeds if key in self._held else []
                self._parts[key], dropped = counts.usable(parts, held)
                self._failed_parts.extend(dropped)  # what is counted already, and what cannot be taken apart

    def is_compact(self) -> bool:
        """Whether all that there is stands in trials.parquet, and the manifest says that it is fine."""
        half_tidied = self._parts_folder.is_dir() and not any(self._parts_folder.iterdir())
        tidy = self.trials.exists() and (self.path / "config.yaml").exists() and not self._parts and not half_tidied
        return tidy and bool(self._manifest().get("complete"))

    # --- claiming it

    @contextmanager
    def claim(self, overwrite: bool) -> Iterator[None]:
        """Make the folder this run's alone; InputError if another run has it or it does not fit."""
        self.check(overwrite)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise InputError(f"output={self.path} cannot be written: {error.strerror}") from None
        try:
            self._lock(handle)
            self.check(overwrite)
            self._tidy(overwrite)
            yield
        finally:
            os.close(handle)

    def _tidy(self, overwrite: bool) -> None:
        """Remove what a killed run left half written, and with `overwrite` everything that runs wrote."""
        try:
            for path in (*self.path.glob(".*.tmp"), *self.path.glob("*/.*.tmp")):
                path.unlink()
            if overwrite:
                self._discard()
        except OSError as error:
            raise InputError(f"{error.filename} cannot be removed: {error.strerror}; use output=DIR") from None

    def _lock(self, handle: int) -> None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"another run is using {self.path}; wait for it, or use output=DIR") from None
        except OSError as error:
            raise InputError(f"output={self.path} cannot be locked: {error.strerror}") from None

    def _discard(self) -> None:
        """Remove what earlier runs wrote here, and nothing else; the manifest, by which it is known as ours, last."""
        for pattern in OURS:
            for path in self.path.glob(pattern):
                path.unlink()
        for folder in ("parts", "figures", "notebooks"):
            with suppress(OSError):  # it is not there, or holds files of others
                (self.path / folder).rmdir()
        self._manifest_path.unlink(missing_ok=True)

    def begin(self, config: dict[str, object], how: dict[str, object]) -> None:
        """Write manifest and config: from here on the folder belongs to this study."""
        self._started = time.monotonic()
        self._run: dict[str, Any] = {"start": now(), "end": None, "wall_s": None, "trained": 0, **how, **provenance()}
        self._content: dict[str, Any] = {
            "study": self.study.name,
            "record": self.study.record,
            "protocol": PROTOCOL_VERSION,
            "complete": False,
            "trials": None,
            "failed": None,
            "digest": None,
            "certify": self.study.certify,
            "published": [entry.as_dict() for entry in self.study.published],
            "sha256": None,
            "success": sorted({str(condition.success) for condition in self.study.conditions}),
            "seeds": [self.study.seeds.start, self.study.seeds.stop],
            "given": self.study.given,
            "conditions": {condition.key: condition.text() for condition in self.study.conditions},
            "fields": self._fields(),
            "rounded": [condition.key for condition in self.study.conditions if not condition.exact],
            "runs": [*self._manifest().get("runs", []), self._run],
        }
        self._write_manifest()
        write_text(self.path / "config.yaml", yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
        for name in REPORT:
            (self.path / name).unlink(missing_ok=True)
        self._parts_folder.mkdir(exist_ok=True)

    def _fields(self) -> dict[str, Any]:
        """What those must know of the fields of a condition who read results."""
        fields = {name: field.about() for name, field in FIELDS.items()}
        inits = [condition.init for condition in self.study.conditions]
        fields["init"]["words"] = {init.name: getattr(init, "label", "") or init.name for init in inits}
        return fields

    def _write_manifest(self) -> None:
        write_text(self._manifest_path, json.dumps(self._content, indent=1, ensure_ascii=False) + "\n")

    # --- writing

    def append(self, batch: Batch, table: pa.Table) -> None:
        """Write a part; when this returns, it is on the disk."""
        part = write_part(self._parts_folder, batch, table)
        self._parts.setdefault(part.key, []).append(part)
        self._run["trained"] += len(batch.seeds)
        self._waiting += 1
        if self.study.record == "summary" and counts.is_time_to_fold(self._waiting, len(self.study.conditions)):
            self._fold()

    def _fold(self) -> None:
        """Add the parts to counts.parquet, so that there are never many of them."""
        fine = {key: [part for part in parts if part.fine] for key, parts in self._parts.items()}
        counts.write(self.trials, self.study, self._held, fine, whole=False)
        self._held = counts.scan(self.trials)
        self._parts = {key: [part for part in parts if not part.fine] for key, parts in self._parts.items()}
        for parts in fine.values():
            for part in parts:
                part.path.unlink()
        self._waiting = 0

    def compact(self) -> int:
        """Write trials.parquet from the trials and parts that are there, then drop the parts.

        Returns how many trainings have failed.
        """
        written = self._store.write(self.trials, self.study, self._held, self._parts)
        self._content |= {
            "complete": written.failed == 0,
            "trials": written.rows,
            "failed": written.failed,
            "digest": written.digest,
            "sha256": written.sha256,
        }
        self._run |= {"end": now(), "wall_s": round(time.monotonic() - self._started, 3)}
        self._write_manifest()
        for part in (*(part for parts in self._parts.values() for part in parts), *self._failed_parts):
            part.path.unlink(missing_ok=True)
        with suppress(OSError):  # what was left aside stays
            self._parts_folder.rmdir()
        sync_folder(self.path)
        return int(written.failed)


def _words(text: str) -> str:
    """A condition's canonical text, for a message."""
    return text.partition(";")[2] or "the default condition (4 units, init uniform, lr 0.1, 10,000 epochs)"
