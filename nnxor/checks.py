"""Which values are allowed: a check returns the value in its field's type; ValueError says what is allowed."""

import math
import sys
from collections.abc import Callable, Iterable
from typing import Any

from nnxor.registry import hint

LONGEST = 60  # characters of a value that a message holds
Check = Callable[[object], Any]


def allowing(allows: Callable[[Any], bool], allowed: str, to: Callable[[Any], Any] = lambda value: value) -> Check:
    """What `allows` holds for, which `allowed` puts into words; `to` makes a value of the field's type of it."""

    def check(value: object) -> Any:
        if allows(value):
            return to(value)
        raise ValueError(f"allowed: {allowed}")

    return check


def whole(low: int, high: float = math.inf) -> Check:
    """An integer from `low`, up to `high` if given."""
    span = f"an integer from {low}" + (f" to {high}" if high < math.inf else "")
    return allowing(lambda value: isinstance(value, int) and type(value) is not bool and low <= value <= high, span)


def number(allows: Callable[[float], bool], allowed: str) -> Check:
    """A finite number that `allows` holds for, which `allowed` puts into words."""

    def finite(value: Any) -> bool:
        plain = isinstance(value, int | float) and not isinstance(value, bool)
        return plain and abs(value) <= sys.float_info.max and allows(value)

    return allowing(finite, allowed, float)


def up_to(most: float) -> Check:
    """A number above 0, at most `most`."""
    return number(lambda value: 0 < value <= most, f"a number above 0, up to {most:g}")


def not_zero(most: float) -> Check:
    """A number of either sign, at most `most` from 0."""
    return number(lambda value: 0 < abs(value) <= most, f"a number other than 0, from -{most:g} to {most:g}")


def choice(allowed: Iterable[object]) -> Check:
    """One of these; an iterable that grows, such as a registry, is read anew each time."""

    def check(value: object) -> object:
        options = list(allowed)
        if any(type(value) is type(option) and value == option for option in options):
            return value
        raise ValueError(hint(show(value), map(show, options)))

    return check


positive = number(lambda value: value > 0, "a finite number above 0")
below_one = number(lambda value: 0 <= value < 1, "a number from 0 to below 1")
switch = choice((True, False))


def some_of(names: tuple[str, ...]) -> Check:
    """Some of these names, at least one, with + between them; returned in the order of `names`."""

    def allows(value: object) -> bool:
        given = str(value).split("+")
        return isinstance(value, str) and {*given} <= {*names} and len({*given}) == len(given)

    words = f"one of {', '.join(names)}, or several: {'+'.join(names[:2])}"
    return allowing(allows, words, lambda value: "+".join(name for name in names if name in value.split("+")))


def optional(check: Check, none: object = None) -> Check:
    """None, which a user may spell otherwise, or what the check allows."""

    def optionally(value: object) -> object:
        try:
            return None if type(value) is type(none) and value == none else check(value)
        except ValueError as error:
            raise ValueError(str(error).replace("allowed: ", f"allowed: {show(none)}, ", 1)) from None

    return optionally


def instance(kinds: type | tuple[type, ...], allowed: str) -> Check:
    """A value of these classes, which `allowed` puts into words."""
    return allowing(lambda value: isinstance(value, kinds), allowed)


def brief(value: object) -> str:
    """A value in a message: in one line, and not all of a long one."""
    line = " ".join(show(value).split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def show(value: object) -> str:
    """A value as configurations write it: null, true, false, {name:value}, or as it is."""
    if isinstance(value, dict):
        return f"{{{','.join(f'{name}:{show(each)}' for name, each in value.items())}}}"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
