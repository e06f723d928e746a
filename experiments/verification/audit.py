"""An audit of what a result folder says of itself, without training: its manifest, its hashes, what follows from them.

Each check raises RunError with one line that says what is wrong; InputError is for what cannot be audited at all.
"""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

from analysis.data.door import CONFIG, FolderError, read_bytes, read_text, sha256_of
from analysis.findings.findings import Findings
from analysis.findings.published import write_published
from analysis.findings.summary import write_summary
from experiments.errors import InputError, RunError
from experiments.store import rows_and_counts as tables
from experiments.store.datapackage import describe
from experiments.store.manifest import described
from experiments.verification.record import AGAIN, Record


def check_manifest(record: Record) -> None:
    """The manifest says what follows from config.yaml."""
    manifest, study, path = record.manifest, record.study, record.path / "manifest.json"
    counted = {"trials": study.n_trainings, "complete": manifest["failed"] == 0}
    expected = json.loads(json.dumps({**described(study), **counted}))
    here, there = (set(each["conditions"].items()) for each in (expected, manifest))
    if here != there:
        both = (here - there, there - here)
        a, b = (next((f"{key} {text:.60}" for key, text in sorted(only)), "none") for only in both)
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
    path = record.path / "datapackage.json"
    try:
        same = read_text(path) == describe(record.manifest, record.path, record.study)
    except (OSError, ValueError):
        same = False
    if not same:
        raise RunError(f"{path} is not what follows from config.yaml and the tables; {AGAIN}")


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
        for path in (record.path / name for name in there):
            try:
                same = read_bytes(path) == (Path(folder) / path.name).read_bytes()
            except OSError:
                same = False
            if not same:
                raise RunError(f"{path} is not what follows from the counts; remove it and run its study again")
    return there
