"""An audit of a result folder: whether it is whole, and what its own config.yaml asks for.

Nothing is trained here (`experiments.verification.retrain` does that). Each check raises RunError with one line
that says what is wrong; InputError is for a folder that cannot be audited at all.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from experiments.errors import InputError, RunError
from experiments.store.columns import Digest, schema
from experiments.store.parts import first_line
from experiments.store.trials import sha256_of
from experiments.study.study import KEYS, Study, read_study
from nnxor.condition import Condition, Success
from nnxor.protocol import PROTOCOL_VERSION

SHAPE: dict[str, type | tuple[type, ...]] = {
    "study": str, "complete": bool, "trials": int, "failed": int, "digest": str, "success": (list, dict), "seeds": list,
    "conditions": dict, "runs": list,
}  # fmt: skip
"""What a finished folder's manifest holds, besides the protocol's version."""

AGAIN = "run its study again with overwrite=true"


@dataclass(frozen=True)
class Record:
    """A finished result folder: what its manifest says and the study that its config.yaml describes."""

    path: Path
    manifest: dict[str, Any]
    study: Study

    @property
    def trials(self) -> Path:
        """The table of trials, or of counts."""
        return self.path / table_name(self.manifest)

    @cached_property
    def engines(self) -> list[str]:
        """The engines that trained it, by name."""
        return sorted({str(run.get("engine")) for run in self.manifest["runs"] if run.get("trained")})

    def row_of(self, condition: Condition, seed: int) -> int:
        """Where the table holds a training."""
        return int(self.starts[self._rank[condition.key]]) + seed - self.study.seeds.start

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The row at which each condition begins, and behind the last one the number of rows."""
        return np.cumsum([0, *(len(self.study.seeds_of(condition)) for condition in self.study.conditions)])

    @cached_property
    def _rank(self) -> dict[str, int]:
        return {condition.key: rank for rank, condition in enumerate(self.study.conditions)}

    def words(self, condition: Condition) -> str:
        """A condition in words: the fields that tell it from the others of the study."""
        values = condition.values()
        return ", ".join(f"{name} {values[name]}" for name in self._telling)

    @cached_property
    def _telling(self) -> tuple[str, ...]:
        return self.study.swept or ("hidden", "init", "lr")


@dataclass(frozen=True)
class Table:
    """What trials.parquet holds: its columns, those without any value, those that earlier versions lack, and others."""

    columns: tuple[str, ...]
    empty: frozenset[str]
    lacking: tuple[str, ...]
    unknown: tuple[str, ...]
    failed: int


def read_record(path: Path) -> Record:
    """The finished result folder at a path; InputError says why it cannot be audited."""
    if not path.is_dir():
        raise InputError(f"{path} is not a folder; name a result folder that experiments.run made")
    manifest = _read_manifest(path)
    return Record(path, manifest, _read_config(path / "config.yaml"))


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{folder} is not a result folder: it has no manifest.json; name one that experiments.run made"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({first_line(error)}); {AGAIN}") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("protocol"), int):
        raise InputError(f"{path} is not a manifest; name a result folder that experiments.run made")
    if manifest["protocol"] != PROTOCOL_VERSION:
        raise InputError(
            f"{folder} was made by protocol {manifest['protocol']}, this is {PROTOCOL_VERSION}; "
            f"verify it with the version that made it, or {AGAIN}"
        )
    if manifest.get("trials") is None or not (folder / table_name(manifest)).is_file():
        raise InputError(f"{folder} is not finished; run its study again with output={folder} to finish it")
    for name, kind in SHAPE.items():
        if not isinstance(manifest.get(name), kind):
            raise InputError(f"{path} is damaged: {name} is {manifest.get(name)!r:.60}; {AGAIN}")
    if not all(isinstance(run, dict) for run in manifest["runs"]):
        raise InputError(f"{path} is damaged: its runs are not a list; {AGAIN}")
    return manifest


def table_name(manifest: Mapping[str, Any]) -> str:
    """The file that holds what was recorded."""
    return "counts.parquet" if manifest.get("record") == "summary" else "trials.parquet"


def _read_config(path: Path) -> Study:
    """The study in a config.yaml; a key that its version did not know yet is left out."""
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path} is missing; without it, what was trained is unknown; {AGAIN}") from None
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({' '.join(str(error).split())[:120]}); {AGAIN}") from None
    if not isinstance(config, dict) or set(config) - set(KEYS):
        raise InputError(f"{path} must hold {', '.join(KEYS)}, and nothing else; {AGAIN}")
    for name in ("seeds", "success", "base", "grid"):
        if not isinstance(config.get(name, {}), dict | None):
            raise InputError(f"{path}: {name} must hold keys and values; {AGAIN}")
    try:
        return read_study({**dict.fromkeys(KEYS), "certify": False, "record": "trials", **config})
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_manifest(record: Record) -> None:
    """The manifest names the conditions, seeds and success rules that follow from config.yaml."""
    manifest, study, path = record.manifest, record.study, record.path / "manifest.json"
    texts = {condition.key: condition.text() for condition in study.conditions}
    if manifest["conditions"] != texts:
        here, there = set(texts.items()), set(manifest["conditions"].items())
        raise RunError(
            f"{path} does not fit config.yaml: {len(here - there)} of its {len(here)} conditions are others there"
            f"{_example(here - there, there - here)}; was the manifest, config.yaml, or a file that it names changed?"
        )
    expected = {
        "study": study.name,
        "seeds": [study.seeds.start, study.seeds.stop],
        "success": sorted({str(condition.success) for condition in study.conditions}),
        "certify": study.certify,
        "record": study.record,
        "trials": study.n_trainings,
        "complete": manifest["failed"] == 0,
    }
    if isinstance(manifest["success"], dict):  # earlier versions: one rule for all, which was no part of a key
        rule = Success(**manifest["success"])
        expected["success"] = manifest["success"] if {c.success for c in study.conditions} == {rule} else [str(rule)]
    for name, value in expected.items():
        if manifest.get(name, {"certify": False, "record": "trials"}.get(name)) != value:
            raise RunError(f"{path} does not fit: {name} is {manifest.get(name)!r:.80}, but should be {value!r:.80}")


def _example(here: set[tuple[str, str]], there: set[tuple[str, str]]) -> str:
    a, b = (next((f"{key} {text:.60}" for key, text in sorted(texts)), "none") for texts in (here, there))
    return f" (config.yaml: {a}; manifest: {b})"


def check_bytes(record: Record) -> bool:
    """The file is byte for byte the one that was written; False if its version did not record that yet."""
    expected = record.manifest.get("sha256")
    if expected is None:
        return False
    try:
        found = sha256_of(record.trials)
    except OSError as error:
        raise InputError(f"{record.trials} cannot be read: {error.strerror}") from None
    if found != expected:
        raise RunError(
            f"{record.trials} is not the file that was written: its SHA-256 is {found[:12]}..., "
            f"by manifest.json {str(expected)[:12]}...; {AGAIN}"
        )
    return True


def check_table(record: Record) -> Table:
    """Every condition has a row for every seed, once and in order, and the digest is that of the values."""
    known = schema(record.study.conditions)
    digest, failed, position = Digest(), 0, 0
    empty: Counter[str] = Counter()
    with opened(record) as file:
        names = file.schema_arrow.names
        absent = [name for name in ("condition", "seed", "outcome", "status") if name not in names]
        if absent:
            raise RunError(f"{record.trials} lacks the columns {', '.join(absent)}")
        for column in known:
            if column.name in names and file.schema_arrow.field(column.name).type != column.type:
                raise RunError(f"{record.trials}: the column {column.name} is not of type {column.type}; {AGAIN}")
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            ranks = _ranks(record, table)
            if not np.array_equal(ranks, np.arange(position, position + len(table))):
                raise RunError(_disorder(record, file))
            position += len(table)
            digest.update(table)
            failed += len(table) - (pc.sum(pc.equal(table["status"].cast(pa.string()), "ok")).as_py() or 0)
            empty.update({name: len(table) - table[name].null_count for name in names})
        if position != record.study.n_trainings:
            raise RunError(_disorder(record, file))
    check_values(record, digest, failed)
    return Table(
        tuple(name for name in known.names if name in names),
        frozenset(name for name in names if not empty[name]),
        tuple(name for name in known.names if name not in names),
        tuple(name for name in names if name not in known.names),
        failed,
    )


def check_values(record: Record, digest: Digest, failed: int) -> None:
    """The digest of the values, and how many trainings failed, are those of the manifest."""
    if digest.hexdigest() != record.manifest["digest"]:
        raise RunError(
            f"{record.trials} has other values than were written: their digest is {digest.hexdigest()[:12]}..., "
            f"by manifest.json {record.manifest['digest'][:12]}...; {AGAIN}"
        )
    if failed != record.manifest["failed"]:
        raise RunError(f"{record.trials} holds {failed} failed trainings, by manifest.json {record.manifest['failed']}")


@contextmanager
def opened(record: Record) -> Iterator[pq.ParquetFile]:
    """The table's file, read with its page checksums; whatever goes wrong with it is one RunError."""
    try:
        with pq.ParquetFile(record.trials, page_checksum_verification=True) as file:
            yield file
    except (InputError, RunError):
        raise
    except Exception as error:  # a damaged file can fail in any way
        raise RunError(f"{record.trials} is damaged ({first_line(error)}); {AGAIN}") from None


def _ranks(record: Record, table: pa.Table) -> NDArray[np.int64]:
    """Which row of the study each row is; −1 where the study has no such row."""
    study = record.study
    keys = pa.array([condition.key for condition in study.conditions], pa.string())
    condition = pc.fill_null(pc.index_in(table["condition"].cast(pa.string()), keys), -1).to_numpy().astype(np.int64)
    seed = pc.fill_null(table["seed"].cast(pa.int64()), -1).to_numpy() - study.seeds.start
    inside = (condition >= 0) & (seed >= 0) & (seed < np.diff(record.starts)[condition])
    return np.where(inside, record.starts[condition] + seed, -1)


def _disorder(record: Record, file: pq.ParquetFile) -> str:
    """What is wrong with the rows, in one line."""
    study = record.study
    ranks = _ranks(record, file.read(["condition", "seed"]))
    inside = ranks[ranks >= 0]
    counts = np.bincount(inside, minlength=study.n_trainings)
    wrong = {
        "missing": np.flatnonzero(counts == 0),
        "doubled": np.flatnonzero(counts > 1),
        "out of order": inside[1:][np.diff(inside) < 0],
    }
    parts = [f"{len(ranks) - len(inside):,} not of this study"] if len(inside) < len(ranks) else []
    for name, which in wrong.items():
        if len(which):
            condition = int(np.searchsorted(record.starts, which[0], side="right")) - 1
            seed = study.seeds.start + int(which[0] - record.starts[condition])
            where = f"{record.words(study.conditions[condition])}, seed {seed}"
            parts.append(f"{len(which):,} {name} (first: {where})")
    return f"{record.trials}: of {study.n_trainings:,} rows {'; '.join(parts)}; {AGAIN}"
