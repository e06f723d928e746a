"""Axes in short: `{geomspace: [0.003, 1, 64]}` stands for 64 numbers, `range(2,17)` for those from 2 to 16."""

import re
from collections.abc import Callable, Mapping

import numpy as np

from analysis.entry import InputError
from nnxor.condition import FIELDS

FORMS: dict[str, Callable[..., np.ndarray]] = {"geomspace": np.geomspace, "linspace": np.linspace}
DIGITS = 4  # significant digits that the numbers between the ends keep (more where two would be the same)
MOST = 4096
RANGE = re.compile(r"range\(.*\)")  # of integers, as in Python


def spell_out(key: str, name: str, listed: list[object]) -> list[object]:
    """The values of the field `name`, ranges and spaces as their numbers, both ends exact; `key` is for messages."""
    if FIELDS[name].scale == "names":
        return listed
    return [value for each in listed for value in _numbers(key, name, each)]


def _numbers(key: str, name: str, given: object) -> list[object]:
    if not isinstance(given, Mapping):
        return _range(key, given) if isinstance(given, str) and RANGE.fullmatch(given) else [given]
    form, numbers = next(iter(given.items()), ("", []))
    plain = isinstance(numbers, list) and all(type(each) in (int, float) and abs(each) <= 1e300 for each in numbers)
    if len(given) != 1 or not plain or len(numbers) != 3 or form not in FORMS:
        allowed = "numbers, {geomspace: [first, last, count]}, linspace alike, or range(START,STOP,STEP)"
        raise InputError(f"{key}={dict(given)} is not allowed; allowed: {allowed}")
    return _space(key, name, form, *numbers)


def _range(key: str, text: str) -> list[object]:
    try:
        values = range(*map(int, text[len("range(") : -1].split(",")))
        n = len(values)
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{key}={text} is not allowed; allowed: range(START,STOP,STEP) of integers") from None
    if not 1 <= n <= MOST:
        raise InputError(f"{key}={text} has {n:,} numbers; allowed: 1 to {MOST}")
    return [*values]


def _space(key: str, name: str, form: str, first: float, last: float, count: float) -> list[object]:
    if not isinstance(count, int) or not 2 <= count <= MOST:
        raise InputError(f"{key}: count={count} is not allowed; allowed: an integer from 2 to {MOST}")
    if first == last or (form == "geomspace" and min(first, last) <= 0):
        positive = ", both above 0" if form == "geomspace" else ""
        raise InputError(f"{key}: [{first}, {last}] is not allowed; allowed: two different ends{positive}")
    values = FORMS[form](float(first), float(last), count)
    if FIELDS[name].type.startswith("int"):  # of numbers that are rounded to the same, one counts
        return list(dict.fromkeys(int(value) for value in np.round(values)))
    for digits in range(DIGITS, 18):  # as few as keep them apart
        short = [float(f"{value:.{digits}g}") for value in values]
        if len(set(short)) == count:
            break
    return [first, *short[1:-1], last]
