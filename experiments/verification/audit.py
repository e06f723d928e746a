"""A finished result folder and what it says of itself, without training: manifest, hashes, what follows from them.

Each check raises RunError with one line that says what is wrong; InputError is for what cannot be audited at all.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from analysis.data.door import CONFIG, FolderError, read_bytes, read_finished, sha256_of
from analysis.findings.findings import Findings
from analysis.findings.published import write_published
from analysis.findings.summary import write_summary
from experiments.conf_files import read_yaml
from experiments.errors import InputError, RunError, in_a_line
from experiments.store import rows_and_counts as tables
from experiments.store.manifest import describe, described
from experiments.study.study import KEYS, Study, read_study
from nnxor.condition import Condition
from nnxor.protocol import PROTOCOL_VERSION

AGAIN = "run its study again with overwrite=true"


@dataclass(frozen=True)
class Record:
    """A finished result folder: what its manifest says and the study that its config.yaml describes."""

    path: Path
    manifest: dict[str, Any]
    study: Study

    @property
    def has_rows(self) -> bool:
        """Whether it kept a row a training."""
        return self.study.record == "trials"

    @property
    def main(self) -> Path:
        """The table whose digest the manifest holds."""
        return self.path / tables.names(self.study.record)[0]

    @cached_property
    def engines(self) -> list[str]:
        """The engines that trained it, by name."""
        return sorted({run["engine"] for run in self.manifest["runs"] if run["trained"]})

    def words(self, condition: Condition) -> str:
        """A condition in words: the fields that tell it from the others of the study."""
        values = condition.values()
        return ", ".join(f"{name} {values[name]}" for name in self.study.swept or ("hidden", "init", "lr"))


def read_record(path: Path) -> Record:
    """The finished result folder at a path; InputError says why it cannot be audited."""
    try:
        manifest = read_finished(path, PROTOCOL_VERSION, f"verify it with the version that made it, or {AGAIN}")
    except FolderError as error:
        raise InputError(str(error)) from None
    return Record(path, manifest, _read_config(path / CONFIG))


def _read_config(path: Path) -> Study:
    try:
        config = read_yaml(path)
        if not isinstance(config, dict) or set(config) != set(KEYS):
            raise InputError(f"it must hold {', '.join(KEYS)}, and nothing else")
        return read_study(config)
    except FileNotFoundError:
        raise InputError(f"{path} is missing; without it, what was trained is unknown; {AGAIN}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read ({in_a_line(error):.120}); {AGAIN}") from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def check_manifest(record: Record) -> None:
    """The manifest says what follows from config.yaml."""
    manifest, study, path = record.manifest, record.study, record.path / "manifest.json"
    counted = {"trials": study.n_trainings, "complete": manifest["failed"] == 0}
    expected = json.loads(json.dumps({**described(study), **counted}))
    here, there = (set(each["conditions"].items()) for each in (expected, manifest))
    if here != there:
        a, b = (next((f"{key} {text:.60}" for key, text in sorted(x)), "none") for x in (here - there, there - here))
        raise RunError(
            f"{path} does not fit config.yaml: {len(here - there)} of its {len(here)} conditions are others there "
            f"(config.yaml: {a}; manifest: {b}); was the manifest, config.yaml, or a file that it names changed?"
        )
    for name in (name for name, value in expected.items() if manifest[name] != value):
        said = f"is {manifest[name]!r:.80}, but should be {expected[name]!r:.80}"
        said = "is not what this version writes" if name in ("fields", "traps") else said
        raise RunError(f"{path} does not fit: {name} {said}")


def check_bytes(record: Record) -> None:
    """config.yaml and the tables are byte for byte those that were written, and datapackage.json tells of them."""
    wanted, files = (CONFIG, *tables.names(record.study.record)), record.manifest["files"]
    for name in wanted:
        path = record.path / name
        try:
            found = sha256_of(path)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}; {AGAIN}") from None
        if found != files.get(name):
            raise RunError(
                f"{path} is not the file that was written: its SHA-256 is {found[:12]}..., "
                f"by manifest.json {str(files.get(name))[:12]}...; {AGAIN}"
            )
    if set(files) != set(wanted):
        raise RunError(f"{record.path / 'manifest.json'} does not fit: files are {', '.join(files)}; {AGAIN}")
    package = describe(record.manifest, record.path, record.study).encode()
    _check_content(record.path / "datapackage.json", package, f"config.yaml and the tables; {AGAIN}")


def check_derived(record: Record) -> list[str]:
    """What is worked out from the counts for a reader, where it is there, is what follows from them; returns which."""
    there = [name for name in ("summary.csv", "published.csv") if (record.path / name).exists()]
    with TemporaryDirectory() as folder:
        try:
            found = Findings.of(record.path)
            write_summary(found.every_summary, Path(folder))
            write_published(found.published, Path(folder))
        except FolderError as error:
            raise RunError(str(error)) from None
        for name in there:
            expected = (Path(folder) / name).read_bytes()
            _check_content(record.path / name, expected, "the counts; remove it and run its study again")
    return there


def _check_content(path: Path, expected: bytes, source: str) -> None:
    """RunError unless a file holds what follows from its source."""
    try:
        same = read_bytes(path) == expected
    except OSError:
        same = False
    if not same:
        raise RunError(f"{path} is not what follows from {source}")
