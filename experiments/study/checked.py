"""Values that a user gives, checked: an error names the key, the value and what is allowed."""

from collections.abc import Mapping
from typing import Any

from experiments.errors import InputError
from nnxor import checks
from nnxor.checks import Check, show
from nnxor.registry import hint


def checked(key: str, value: object, check: Check) -> Any:
    """The value if the check allows it, or InputError."""
    try:
        return check(value)
    except ValueError as error:
        raise InputError(f"{key}={show(value):.60} is not allowed; {error}") from None


def whole(key: str, value: object, low: int, high: int | None = None) -> int:
    """An integer within bounds, or InputError."""
    return int(checked(key, value, checks.whole(low, high)))


def switch(key: str, value: object) -> bool:
    """True or false, or InputError."""
    return bool(checked(key, value, checks.switch))


def known_keys(where: str, given: Mapping[str, object], allowed: list[str]) -> None:
    """InputError for a key that is not allowed there."""
    for name in given:
        if name not in allowed:
            key = f"{where}.{name}" if where else str(name)
            raise InputError(f"{key} is not a known key; {hint(str(name), allowed)}")
