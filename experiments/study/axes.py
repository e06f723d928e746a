"""Axes in short: `{geomspace: [0.003, 1, 64]}` stands for 64 numbers, `{range: [2, 16]}` for those from 2 to 16."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.errors import InputError
from nnxor.condition import FIELDS

FORMS = {"geomspace": (3,), "linspace": (3,), "range": (2, 3)}  # of an axis, and how many numbers each may have
DIGITS = 4  # significant digits that the numbers between the ends keep (more where two would be the same)
MOST = 4096


def spell_out(key: str, name: str, listed: list[object]) -> list[object]:
    """The values of a field, each `{geomspace: [first, last, count]}` among them as the numbers that it stands for.

    `key` stands in messages, `name` is the field. Both ends are exactly those given.
    """
    if FIELDS[name].scale == "names":
        return listed
    return [value for each in listed for value in (_numbers(key, name, each) if isinstance(each, Mapping) else [each])]


def _numbers(key: str, name: str, given: Mapping[str, Any]) -> list[object]:
    form, numbers = next(iter(given.items()), ("", []))
    plain = isinstance(numbers, list) and all(type(each) in (int, float) and abs(each) <= 1e300 for each in numbers)
    if len(given) != 1 or not plain or len(numbers) not in FORMS.get(form, ()):
        raise InputError(
            f"{key}={dict(given)} is not allowed; allowed: numbers, {{geomspace: [first, last, count]}}, linspace "
            "alike, or {range: [first, last]}, perhaps with a step"
        )
    return _range(key, *numbers) if form == "range" else _space(key, name, form, *numbers)


def _range(key: str, first: float, last: float, step: float = 1) -> list[object]:
    """From first to last, both of them, unless no step ends there."""
    if step == 0 or not 0 <= (last - first) / step < MOST:
        raise InputError(f"{key}: range [{first}, {last}, {step}] is not allowed; allowed: 1 to {MOST} numbers")
    values = [first + n * step for n in range(int((last - first) / step * (1 + 1e-12)) + 1)]
    return [value if isinstance(value, int) else float(f"{value:.12g}") for value in values]


def _space(key: str, name: str, form: str, first: float, last: float, count: float) -> list[object]:
    if not isinstance(count, int) or not 2 <= count <= MOST:
        raise InputError(f"{key}: count={count} is not allowed; allowed: an integer from 2 to {MOST}")
    if first == last or (form == "geomspace" and min(first, last) <= 0):
        positive = ", both above 0" if form == "geomspace" else ""
        raise InputError(f"{key}: [{first}, {last}] is not allowed; allowed: two different ends{positive}")
    values = (np.geomspace if form == "geomspace" else np.linspace)(float(first), float(last), count)
    if FIELDS[name].type.startswith("int"):  # of numbers that are rounded to the same, one counts
        return list(dict.fromkeys(int(value) for value in np.round(values)))
    for digits in range(DIGITS, 18):  # as few as keep them apart
        short = [float(f"{value:.{digits}g}") for value in values]
        if len(set(short)) == count:
            break
    return [first, *short[1:-1], last]
