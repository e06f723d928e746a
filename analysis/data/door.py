"""What a result folder is, for its writer (`experiments.store`) and its readers: one shape, hashes, safe files."""

import errno
import functools
import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from analysis.entry import InputError

PROTOCOL = 2  # the numerical protocol whose results this code can read and explain
MOST_TEXT = 2**28  # bytes of a text file that is read: manifest.json of a million conditions has fewer
CONFIG, TRIALS, COUNTS = FILES = ("config.yaml", "trials.parquet", "counts.parquet")  # whose hashes a manifest holds

COUNTED = (  # by which counts tell trainings of a condition apart: all that summary, figures and verdicts ask about
    "status", "error", "outcome", "cause", "merged", "dead_init", "dead_final", "linear_final", "revived", "minimum",
    "outcome_before", "period",
)  # fmt: skip

Shape = Any  # a type, or several (`int | None`); [shape] of a list's entries; {name: shape}, `str` for any names
SHAPE: Shape = {  # what a manifest holds; of a field of a condition see `analysis.data.conditions.Field`
    "study": str, "question": str, "record": str, "protocol": int, "complete": bool, "trials": int | None,
    "failed": int | None, "digest": str | None, "files": {str: str}, "certify": bool, "published": [dict],
    "success": [str], "seeds": [int], "given": {str: dict},
    "fields": {str: {"default": object, "symbol": str, "label": str, "scale": str, "phrase": str, "setting": bool,
                     "words": {str: str}, "entries": {str: dict}}},
    "traps": [dict], "conditions": {str: str},
    "runs": [{"start": str, "end": str | None, "trained": int, "engine": str}],
}  # fmt: skip


ANEW = "run its study again, which writes it anew"  # a file that follows from the rest


class FolderError(InputError):
    """A folder that cannot be read as results: one line that says why and what to do."""


def is_regular(path: Path) -> bool:
    """Whether there is a regular file at a path, and no link to one."""
    with suppress(OSError, ValueError):
        return stat.S_ISREG(path.lstat().st_mode)
    return False


def read_bytes(path: Path, most: int = MOST_TEXT) -> bytes:
    """The content of a regular file of at most so many bytes; OSError for anything else, without waiting for it."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # opening a FIFO would wait for a writer
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, f"it has {status.st_size:,} bytes; allowed: at most {most:,}", str(path))
        return file.read(most)


def read_text(path: Path, most: int = MOST_TEXT) -> str:
    """The text of a regular file; OSError as `read_bytes`, UnicodeDecodeError (a ValueError) if it is not UTF-8."""
    return read_bytes(path, most).decode("utf-8")


def read_json(path: Path) -> Any:
    """What a regular file of JSON holds; OSError as `read_bytes`, ValueError if it is none, or nested too deeply."""
    try:
        return json.loads(read_text(path))
    except RecursionError:
        raise ValueError("nested too deeply") from None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that replaces `path`, flushed to disk, if all goes well; OSError if that is no regular file."""
    if os.path.lexists(path) and not is_regular(path):
        raise OSError(errno.EINVAL, "it is not a regular file, so it is left as it is", str(path))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        flush(path.parent)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def flush(path: Path) -> None:
    """Flush a file's content, or a folder's list of names, to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def own_folder(path: Path) -> Path:
    """Make a folder in a result folder, if it is not there; OSError if it is a link, which leads to files of others."""
    if path.is_symlink():
        raise OSError(errno.EINVAL, "it is a link, so it is left as it is", str(path))
    path.mkdir(exist_ok=True)
    return path


def sha256_of(path: Path) -> str:
    """SHA-256 of a regular file's bytes, computed once while its size and time of change stay the same."""
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return _sha256(path, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=64)
def _sha256(path: Path, *_: int) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def beside(path: Path) -> Path:
    """Where a table is written before it takes its place."""
    return path.with_name(f".{path.name}.next")


def read_finished(folder: Path, ways_out: str) -> dict[str, Any]:
    """What manifest.json of a finished result folder holds; FolderError, as `read_manifest`, for any other folder."""
    name = "name a result folder that experiments.run made"
    if not os.path.isdir(folder):  # a name may be too long for a file
        raise FolderError(f"{folder} is not a folder; {name}")
    manifest = read_manifest(folder, ways_out)
    if manifest is None:
        raise FolderError(f"{folder} is not a result folder: it has no manifest.json; {name}")
    if manifest["trials"] is None or any(beside(folder / name).exists() for name in (TRIALS, COUNTS)):
        raise FolderError(f"{folder} is not finished; run its study again with output={folder} to finish it")
    return manifest


def read_manifest(folder: Path, ways_out: str) -> dict[str, Any] | None:
    """What manifest.json holds; None if there is none, FolderError with the ways out if its protocol is another."""
    path = folder / "manifest.json"
    try:
        content: dict[str, Any] = read_json(path)
        if not fits(content, {"protocol": int}):
            raise ValueError("it names no protocol")
        if content["protocol"] != PROTOCOL:
            raise FolderError(f"{folder} was made by protocol {content['protocol']}, this is {PROTOCOL}; {ways_out}")
        wrong = [name for name, shape in SHAPE.items() if name not in content or not fits(content[name], shape)]
        if not wrong:
            seeds: list[int] = content["seeds"]
            wrong += [] if len(seeds) == 2 and 0 <= seeds[0] < seeds[1] <= 2**63 else ["seeds"]
            wrong += [] if content["runs"] else ["runs"]
        if wrong:
            told = json.dumps(content[wrong[0]])[:60] if wrong[0] in content else "missing"
            raise ValueError(f"{wrong[0]} is {told}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise FolderError(f"{path} is damaged or cannot be read ({why:.200}); {ways_out}") from None
    return content


def fits(value: Any, shape: Shape) -> bool:
    """Whether a value of a JSON file has a shape."""
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, dict) and str in shape:
        return isinstance(value, dict) and all(fits(each, shape[str]) for each in value.values())
    if isinstance(shape, dict):
        return isinstance(value, dict) and all(name in value and fits(value[name], shape[name]) for name in shape)
    return isinstance(value, shape) and (shape in (bool, object) or not isinstance(value, bool))
