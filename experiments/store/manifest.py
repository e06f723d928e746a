"""What a result folder says of itself: manifest.json and, for other programs, datapackage.json.

The shape of the manifest is defined in `analysis.data.door`. The other one is a Frictionless Data Package, version 2:
https://datapackage.org/standard/data-package/ and .../table-schema/.
"""

import json
import platform
import re
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from subprocess import DEVNULL, SubprocessError, check_output
from typing import Any

from pyarrow import types

from analysis.data.door import COUNTS, TRIALS, beside
from experiments.store import rows_and_counts as tables
from experiments.store.columns import RESULTS, schema
from experiments.store.counts import SCHEMA
from experiments.study.study import Study
from nnxor.condition import FIELDS, labelled, plain
from nnxor.landscape.levels import known_traps
from nnxor.protocol import PROTOCOL_VERSION

LIBRARIES = ("numpy", "scipy", "llvmlite", "pandas", "pyarrow", "joblib", "hydra-core")
PROFILE = "https://datapackage.org/profiles/2.0/{}.json"

MEANINGS = {  # of columns, but for y_…, the predictions
    **{name: meaning for name, (_, meaning) in RESULTS.items()},
    **{name: f"of the condition: {field.label}" for name, field in FIELDS.items()},
    "condition": "key of the condition: a hash of its canonical text",
    "kind": "what is counted: runs, epochs (solved_epoch, first_death_epoch), or which seeds",
    "epoch": "of rows that count epochs: which",
    "count": "how many trainings; of rows of kind seeds, how many consecutive seeds from seed on",
    "solved": "of rows of kind seeds: which of them were solved, a bit a seed, the first one the highest bit",
}

KINDS = {"boolean": types.is_boolean, "integer": types.is_integer, "number": types.is_floating, "any": types.is_binary}
WHAT = {
    TRIALS: "One row per training, sorted by condition and seed.",
    COUNTS: "Exact counts of the trainings of each condition.",
}


def described(study: Study) -> dict[str, Any]:
    """What a manifest says of a study: all that a reader of its results must know."""
    conditions = study.conditions
    fields = {name: field.about() for name, field in FIELDS.items()}
    for name in ("task", "init"):
        chosen = (getattr(condition, name) for condition in conditions)
        fields[name]["words"] = {each.name: labelled(each) for each in chosen}
    named = {"study": study.name, "question": study.question, "record": study.record, "protocol": PROTOCOL_VERSION}
    success = sorted({str(condition.success) for condition in conditions})
    rules = {"certify": study.certify, "published": list(study.published), "success": success}
    asked = {"seeds": [study.seeds.start, study.seeds.stop], "given": study.given, "fields": fields}
    texts = {condition.key: condition.text() for condition in conditions}
    return {**named, **rules, **asked, "traps": known_traps(conditions), "conditions": texts}


def only_in(some: Collection[str], others: Collection[str]) -> str:
    """What only some conditions have, by canonical texts: 'lr=1.0, hidden=3'; else the first such condition."""
    usual = {name: str(plain(field.default)) for name, field in FIELDS.items()}

    def settings(texts: Iterable[str]) -> dict[tuple[str, str], None]:
        """Fields and the values that they take; a text leaves out a field with its default."""
        given = (dict(part.partition("=")[::2] for part in text.split(";")[1:]) for text in texts)
        return dict.fromkeys(pair for each in given for pair in (usual | each).items())

    known = settings(others)
    new = [f"{name}={value.partition(':')[0]}" for name, value in settings(some) if (name, value) not in known]
    first = next((text for text in some if text not in others), None)
    combined = "none" if first is None else first.partition(";")[2].replace(";", ", ") or "the default condition"
    return ", ".join(new).replace("'", "") or combined


def describe(manifest: Mapping[str, Any], folder: Path, study: Study) -> str:
    """The text of datapackage.json, for tables that are in their place or still beside it."""
    named = {"$schema": PROFILE.format("datapackage"), "name": study.name.lower(), "title": study.name}
    about = {"description": study.question, "created": manifest["runs"][-1]["end"]}
    files = [_resource(folder / name, manifest["files"][name], study) for name in tables.names(study.record)]
    return json.dumps({**named, **about, "resources": files}, indent=1, ensure_ascii=False) + "\n"


def _resource(path: Path, sha256: str, study: Study) -> dict[str, Any]:
    there = next(place for place in (beside(path), path) if place.exists())
    rows, fields = path.name == TRIALS, []
    for column in schema(study.conditions) if rows else SCHEMA:
        meaning = MEANINGS.get(column.name, f"final prediction for row {column.name.removeprefix('y_')}")
        kind = next((name for name, fits in KINDS.items() if fits(column.type)), "string")
        fields.append({"name": column.name, "type": kind, "description": meaning})
    key = {"primaryKey": ["condition", "seed"]} if rows else {}
    named = {"$schema": PROFILE.format("dataresource"), "name": path.stem, "path": path.name, "type": "table"}
    about = {"title": WHAT[path.name], "format": "parquet", "mediatype": "application/vnd.apache.parquet"}
    held = {"bytes": there.stat().st_size, "hash": f"sha256:{sha256}"}
    return {**named, **about, **held, "schema": {"$schema": PROFILE.format("tableschema"), "fields": fields, **key}}


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def provenance() -> dict[str, object]:
    """Versions of everything that takes part, the machine, and the command line."""
    libraries = {name: _version(name) for name in LIBRARIES}
    code = {"package": _version("nnxor"), "git": _git(), "python": platform.python_version(), "libraries": libraries}
    return {**code, "platform": platform.platform(), "cpu": _cpu(), "command": _command()}


def _command() -> list[str]:
    """The command line as it was typed, without the paths of this machine."""
    module = sys.modules["__main__"].__spec__  # of python -m MODULE, whatever flags of Python's own stand between
    name = ["python", "-m", module.name.removesuffix(".__main__")] if module else [Path(sys.argv[0]).name]
    return [*name, *sys.argv[1:]]


def _version(package: str) -> str | None:
    with suppress(PackageNotFoundError):
        return version(package)
    return None


def _git() -> dict[str, object] | None:
    """Commit of the code and whether it was changed since; None outside a repository."""

    def git(*arguments: str) -> str:
        here = Path(__file__).parent
        return check_output(["git", *arguments], cwd=here, text=True, stderr=DEVNULL, timeout=10).strip()

    with suppress(OSError, SubprocessError):
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not a repository that merely holds an installation
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:(.*)", info.read_text(errors="replace")) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
