"""What lets a result folder in: a manifest of the right shape, and tables that have the hashes that it names."""

from __future__ import annotations

import errno
import functools
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

MOST_TEXT = 2**28
"""Bytes of a text file that is read."""

FILES = ("config.yaml", "trials.parquet", "counts.parquet")

FIELD: Any = {
    "default": object, "symbol": str, "label": str, "scale": str, "phrase": str, "setting": bool,
    "words": {str: str}, "entries": {str: dict},
}  # fmt: skip
"""What a manifest tells of a field of a condition, see `analysis.data.field_labels.Field`."""

SHAPE: Any = {
    "study": str,
    "complete": bool,
    "trials": (int, None),
    "files": {str: str},
    "seeds": [int],
    "given": {str: dict},
    "conditions": {str: str},
    "fields": {str: FIELD},
    "published": [dict],
    "success": [str],
    "runs": [{"start": str, "trained": int, "engine": str}],
}
"""What the analysis reads of a manifest: a type, [of a list's entries], {str: of all values}, a tuple of choices."""


def read_text(path: Path) -> str:
    """The text of a regular file of at most `MOST_TEXT` bytes; OSError for anything else, without waiting for it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a FIFO would wait for a writer
    with open(handle, encoding="utf-8") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_TEXT:
            raise OSError(errno.EINVAL, "it is not a regular file, or is too large", str(path))
        return file.read()


def read_json(path: Path) -> dict[str, Any]:
    """A manifest that names its protocol; ValueError or OSError says what is wrong with it."""
    try:
        content = json.loads(read_text(path))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if not isinstance(content, dict) or not fits(content.get("protocol"), int):
        raise ValueError("it names no protocol")
    return content


def check_shape(content: dict[str, Any]) -> None:
    """ValueError unless a manifest of this protocol holds what the analysis reads of it."""
    for name, shape in SHAPE.items():
        if not fits(content.get(name), shape):
            raise ValueError(f"{name} is missing or not what it should be")
    seeds = content["seeds"]
    if len(seeds) != 2 or not 0 <= seeds[0] < seeds[1] <= 2**63:
        raise ValueError("seeds are not what they should be")


def fits(value: Any, shape: Any) -> bool:
    """Whether a value of a JSON file has a shape (see `SHAPE`)."""
    if isinstance(shape, tuple):
        return any(fits(value, each) for each in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, dict) and str in shape:
        return isinstance(value, dict) and all(fits(each, shape[str]) for each in value.values())
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(
            name in value and fits(value[name], each) for name, each in shape.items()
        )
    if shape is None:
        return value is None
    return isinstance(value, shape) and (shape in (bool, object) or not isinstance(value, bool))


def check_files(folder: Path, files: dict[str, str]) -> None:
    """ValueError or OSError unless the files that a manifest names are there and have their hashes."""
    if not files or set(files) - set(FILES):
        raise ValueError("its manifest names no files, or others")
    for name, sha256 in files.items():
        if not (folder / name).is_file():
            raise ValueError(f"{name} is missing")
        status = (folder / name).stat()
        if _sha256(folder / name, status.st_size, status.st_mtime_ns) != sha256:
            raise ValueError(f"{name} is not what manifest.json says: python -m experiments.verify looks closer")


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, *_: int) -> str:
    """A file's SHA-256, computed once while its size and time of change stay the same."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
