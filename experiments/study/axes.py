"""Axes in short: `{geomspace: [0.003, 1, 64]}` stands for 64 numbers, `{range: [2, 16]}` for those from 2 to 16."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.errors import InputError
from nnxor.condition import FIELDS

FORMS = ("geomspace", "linspace", "range")

WHOLE = {name for name, about in FIELDS.items() if about.type.startswith("int")}
"""Fields whose numbers are rounded to integers; those that come twice then count once."""

NUMBERS = {name for name, about in FIELDS.items() if about.scale != "names"}

DIGITS = 4
"""Significant digits that the numbers between the ends keep (more where two would be the same)."""

MOST = 4096


def spell_out(key: str, name: str, listed: list[object]) -> list[object]:
    """The values of a field, each `{geomspace: [first, last, count]}` among them as the numbers that it stands for.

    `key` stands in messages, `name` is the field. Both ends are exactly those given.
    """
    if name not in NUMBERS:
        return listed
    return [value for each in listed for value in (_numbers(key, name, each) if isinstance(each, Mapping) else [each])]


def _numbers(key: str, name: str, given: Mapping[str, object]) -> list[object]:
    form, numbers = next(iter(given.items()), ("", None))
    lengths = (2, 3) if form == "range" else (3,)
    if len(given) != 1 or form not in FORMS or not isinstance(numbers, list) or not _are_numbers(numbers, lengths):
        raise InputError(
            f"{key}={dict(given)} is not allowed; allowed: numbers, {{geomspace: [first, last, count]}}, linspace "
            "alike, or {range: [first, last]}, perhaps with a step"
        )
    return _range(key, *numbers) if form == "range" else _space(key, name, form, *numbers)


def _range(key: str, first: float, last: float, step: float = 1) -> list[object]:
    """From first to last, both of them, unless no step ends there."""
    if step == 0 or (last - first) / step < 0 or (last - first) / step >= MOST:
        raise InputError(f"{key}: range [{first}, {last}, {step}] is not allowed; allowed: 1 to {MOST} numbers")
    count = int((last - first) / step * (1 + 1e-12)) + 1
    if all(isinstance(each, int) for each in (first, last, step)):
        return [first + n * step for n in range(count)]
    return [float(f"{first + n * step:.12g}") for n in range(count)]


def _space(key: str, name: str, form: str, first: float, last: float, count: Any) -> list[object]:
    if not isinstance(count, int) or not 2 <= count <= MOST:
        raise InputError(f"{key}: count={count} is not allowed; allowed: an integer from 2 to {MOST}")
    if first == last or (form == "geomspace" and min(first, last) <= 0):
        positive = ", both above 0" if form == "geomspace" else ""
        raise InputError(f"{key}: [{first}, {last}] is not allowed; allowed: two different ends{positive}")
    between = np.geomspace if form == "geomspace" else np.linspace
    values = between(float(first), float(last), count)
    if name in WHOLE:
        return list(dict.fromkeys(int(value) for value in np.round(values)))
    return [first, *_rounded(values)[1:-1], last]


def _are_numbers(given: list[object], lengths: tuple[int, ...]) -> bool:
    return len(given) in lengths and all(
        isinstance(x, int | float) and not isinstance(x, bool) and abs(x) <= 1e300 for x in given
    )


def _rounded(values: np.ndarray) -> list[float]:
    """The values to as few digits as keep them apart, from `DIGITS` on."""
    for digits in range(DIGITS, 17):
        short = [float(f"{value:.{digits}g}") for value in values]
        if len(set(short)) == len(short):
            break
    return short
