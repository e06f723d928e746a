"""The fields of a condition as a user writes them: which values are allowed, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields

import numpy as np

from experiments import catalog
from experiments.errors import InputError
from experiments.words import hint
from nnxor.condition import Condition

FIELDS = tuple(field.name for field in fields(Condition))
"""Names of the fields: axis names, config keys and column names alike."""

MAX_EPOCHS = 2**31 - 2
MAX_HIDDEN = 4096

Reader = Callable[[str, object], object]


def whole(key: str, value: object, low: int, high: int | None = None) -> int:
    """An integer within bounds, or InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        span = f"an integer from {low}" if high is None else f"an integer from {low} to {high}"
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: {span}")
    return value


def positive(key: str, value: object) -> float:
    """A finite number above 0, or InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: a finite number above 0")
    return float(value)


def known_keys(where: str, given: Mapping[str, object], allowed: list[str]) -> None:
    """InputError for a key that is not allowed there."""
    for name in given:
        if name not in allowed:
            key = f"{where}.{name}" if where else str(name)
            raise InputError(f"{key} is no known key; {hint(str(name), allowed)}")


def _show(value: object) -> str:
    return "null" if value is None else str(value)


def _choice(allowed: tuple[object, ...], later: tuple[object, ...] = ()) -> Reader:
    def read(key: str, value: object) -> object:
        if any(value == option and type(value) is type(option) for option in allowed):
            return value
        words = ", ".join(_show(option).lower() for option in allowed)
        if value in later:
            raise InputError(f"{key}={value} is not supported yet; allowed: {words}")
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: {words}")

    return read


def _batch_size(key: str, value: object) -> object:
    if value is None:
        return None
    whole(key, value, 1)
    raise InputError(f"{key}={value} is not supported yet; allowed: null (all rows)")


def _named(load: Callable[[str, str], object]) -> Reader:
    def read(key: str, value: object) -> object:
        if not isinstance(value, str):
            raise InputError(f"{key}={_show(value)} is not allowed; allowed: a name")
        return load(value, key)

    return read


READERS: dict[str, Reader] = {
    "task": _named(catalog.task),
    "hidden": lambda key, value: whole(key, value, 1, MAX_HIDDEN),
    "activation": _choice(("relu", "leaky_relu"), ("tanh", "sigmoid")),
    "slope": positive,
    "relu_at_zero": _choice((0, 1)),
    "output": _choice(("identity",), ("relu", "sigmoid")),
    "bias": _choice((True, False)),
    "init": _named(catalog.init),
    "lr": positive,
    "epochs": lambda key, value: whole(key, value, 0, MAX_EPOCHS),
    "loss": _choice(("half_sse", "mse"), ("bce",)),
    "optimizer": _choice(("gd",), ("momentum", "adam")),
    "batch_size": _batch_size,
    "dtype": _choice(("float32", "float64")),
}
"""How each field is read from a configuration."""


def read_field(where: str, name: str, value: object) -> object:
    """A field's value, checked; `where` says in the message where it stands ('base', 'grid')."""
    key = f"{where}.{name}" if where else name
    return READERS[name](key, value)


def make_condition(values: Mapping[str, object]) -> Condition:
    """A condition from checked values; InputError where they do not go together."""
    condition = Condition(**values)  # type: ignore[arg-type]
    with np.errstate(all="ignore"):
        step = float(condition.numpy_dtype.type(condition.lr))
    if not 0 < step < math.inf:
        raise InputError(f"lr={condition.lr:g} is {step:g} in {condition.dtype}; allowed: a step that dtype can hold")
    return condition
