"""Values that a user gives, checked: an error names the key, the value and what is allowed."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from analysis.data.door import is_regular
from analysis.entry import InputError, turning
from nnxor import checks
from nnxor.registry import hint

path = checks.allowing(  # it may look like a number
    lambda value: type(value) in (str, int, float) and str(value).isprintable() and str(value).strip() != "",
    "a path",
    lambda value: Path(str(value)),
)


def checked(key: str, value: object, check: checks.Check) -> Any:
    """The value if the check allows it, or InputError."""
    with turning(ValueError, InputError, f"{key}={checks.brief(value)} is not allowed; "):
        return check(value)


def section(where: str, given: object, allowed: Mapping[str, checks.Check]) -> dict[str, Any]:
    """The values of a section, each checked; one that is left out counts as null. InputError says what is wrong."""
    values, before = known_keys(where, given, allowed), f"{where}." if where else ""
    return {name: checked(f"{before}{name}", values.get(name), check) for name, check in allowed.items()}


def mapping(where: str, given: object) -> dict[str, Any]:
    """What a section holds, null an empty one; InputError for what is none."""
    keys = checks.instance(dict, f"keys and values, such as {where}.NAME=VALUE")
    return dict(checked(where, {} if given is None else given, keys))


def known_keys(where: str, given: object, allowed: Collection[str]) -> dict[str, Any]:
    """What a section holds, null an empty one; InputError for what is none, and for a key that is not allowed there."""
    values = mapping(where, given)
    for name in values:
        if name not in allowed:
            key = f"{where}.{name}" if where else str(name)
            raise InputError(f"{key} is not a known key; {hint(str(name), allowed)}")
    return values


def check_writable(file: Path, key: str = "save") -> None:
    """InputError, before any work, if the file could not be written."""
    odd = os.path.lexists(file) and not is_regular(file)
    if odd or not file.parent.is_dir() or not os.access(file.parent, os.W_OK):
        raise InputError(f"{key}={file} cannot be written; allowed: a regular file in a folder that is there")
