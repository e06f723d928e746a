"""The fields of a condition as a user writes them: which values are allowed, and what they mean."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields

import numpy as np

from experiments.errors import InputError
from experiments.study import catalog
from nnxor.condition import SETTINGS, Condition, Success
from nnxor.interventions import INTERVENTIONS
from nnxor.network.inits import LARGEST, GivenWeights
from nnxor.registry import hint

FIELDS = tuple(field.name for field in fields(Condition) if field.name != "success")
"""Names of the fields: axis names, config keys and column names alike; `success` has a section of its own."""

SUCCESS_KEYS = ["rule", "tolerance", "ties"]

MAX_EPOCHS = 2**31 - 2
MAX_HIDDEN = 4096
LARGEST_SCALE = 1e6
"""Largest factor on initial weights: the largest draw (see nnxor.network.inits) times it is finite in float32."""

Reader = Callable[[str, object], object]


def whole(key: str, value: object, low: int, high: int | None = None) -> int:
    """An integer within bounds, or InputError."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low or (high is not None and value > high):
        span = f"an integer from {low}" if high is None else f"an integer from {low} to {high}"
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: {span}")
    return value


def positive(key: str, value: object) -> float:
    """A finite number above 0, or InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= sys.float_info.max:
        raise InputError(f"{key}={_show(value):.60} is not allowed; allowed: a finite number above 0")
    return float(value)


def bearable(key: str, value: object) -> float:
    """A number above 0 that float32 can bear, or InputError."""
    number = positive(key, value)
    if number > LARGEST:
        raise InputError(f"{key}={number:g} is not allowed; allowed: a number above 0, up to {LARGEST:g}")
    return number


def switch(key: str, value: object) -> bool:
    """True or false, or InputError."""
    if not isinstance(value, bool):
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: true, false")
    return value


def below_one(key: str, value: object) -> float:
    """A number from 0 up to but not including 1, or InputError."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: a number from 0 to below 1")
    return float(value)


def known_keys(where: str, given: Mapping[str, object], allowed: list[str]) -> None:
    """InputError for a key that is not allowed there."""
    for name in given:
        if name not in allowed:
            key = f"{where}.{name}" if where else str(name)
            raise InputError(f"{key} is no known key; {hint(str(name), allowed)}")


def _show(value: object) -> str:
    return "null" if value is None else str(value)


def _choice(*allowed: object) -> Reader:
    def read(key: str, value: object) -> object:
        if any(value == option and type(value) is type(option) for option in allowed):
            return value
        words = ", ".join(_show(option).lower() for option in allowed)
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: {words}")

    return read


def _scale(key: str, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LARGEST_SCALE:
        raise InputError(f"{key}={_show(value)} is not allowed; allowed: a number above 0, at most {LARGEST_SCALE:g}")
    return float(value)


def _batch_size(key: str, value: object) -> object:
    if value is None:
        return None
    return whole(key, value, 1)


READERS: dict[str, Reader] = {
    "task": catalog.read_task,
    "hidden": lambda key, value: whole(key, value, 1, MAX_HIDDEN),
    "activation": _choice("relu", "leaky_relu", "tanh", "sigmoid"),
    "slope": bearable,
    "relu_at_zero": _choice(0, 1),
    "output": _choice("identity", "relu", "sigmoid"),
    "bias": _choice(True, False),
    "init": catalog.read_init,
    "scale": _scale,
    "lr": positive,
    "epochs": lambda key, value: whole(key, value, 0, MAX_EPOCHS),
    "loss": _choice("half_sse", "mse", "bce"),
    "optimizer": _choice("gd", "momentum", "adam"),
    "momentum": below_one,
    "beta1": below_one,
    "beta2": below_one,
    "epsilon": bearable,
    "batch_size": _batch_size,
    "dtype": _choice("float32", "float64"),
    "rescue": _choice(None, *INTERVENTIONS),
}
"""How each field is read from a configuration."""


def read_field(where: str, name: str, value: object) -> object:
    """A field's value, checked; `where` says in the message where it stands ('base', 'grid')."""
    key = f"{where}.{name}" if where else name
    return READERS[name](key, value)


def read_success(given: Mapping[str, object], where: str = "success") -> Success:
    """A success rule from what its section holds; null stands for the default."""
    known_keys(where, given, SUCCESS_KEYS)
    rule = _choice("loss", "margin", "threshold")(
        f"{where}.rule", "loss" if given.get("rule") is None else given["rule"]
    )
    for name, users in (("tolerance", ("loss", "margin")), ("ties", ("threshold",))):
        if given.get(name) is not None and rule not in users:
            raise InputError(f"{where}.{name} would do nothing with {where}.rule={rule}; leave it out")
    tolerance, ties = given.get("tolerance"), given.get("ties")
    return Success(
        str(rule),
        Success.tolerance if tolerance is None else bearable(f"{where}.tolerance", tolerance),
        "fail" if ties is None else str(_choice("fail", "pass")(f"{where}.ties", ties)),
    )


def refuse_useless(given: Mapping[str, object] | set[str], conditions: list[Condition]) -> None:
    """InputError for a setting that none of the conditions makes use of."""
    for name, users in SETTINGS.items():
        if name in given and not any(condition.uses(name) for condition in conditions):
            wanted = " or ".join(f"{field}={value}" for field, values in users for value in values)
            raise InputError(f"{name} would do nothing, since no condition has {wanted}")


def make_condition(values: Mapping[str, object]) -> Condition:
    """A condition from checked values; InputError where they do not go together."""
    condition = Condition(**values)  # type: ignore[arg-type]
    task, init = condition.task, condition.init
    with np.errstate(all="ignore"):
        step = float(condition.numpy_dtype.type(condition.lr))
    if not 0 < step < math.inf:
        raise InputError(f"lr={condition.lr:g} is {step:g} in {condition.dtype}; allowed: a step that dtype can hold")
    if condition.loss == "bce" and condition.output != "sigmoid":
        raise InputError(f"loss=bce needs a probability; output={condition.output}; allowed: output=sigmoid")
    if condition.loss == "bce" and not all(0 <= t <= 1 for t in task.targets):
        raise InputError(f"loss=bce needs targets from 0 to 1; task={task.name} has others")
    if condition.success.rule == "threshold" and 0.5 in task.targets:
        raise InputError(f"success.rule=threshold needs targets on a side of 1/2; task={task.name} has one at 1/2")
    if condition.batch_size is not None and condition.batch_size > task.n_examples:
        raise InputError(
            f"batch_size={condition.batch_size} is more than the {task.n_examples} examples of task={task.name}; "
            f"allowed: null (all), or an integer from 1 to {task.n_examples}"
        )
    if isinstance(init, GivenWeights) and (init.n_inputs, init.hidden) != (task.n_inputs, condition.hidden):
        raise InputError(
            f"init={init.name} is for {init.n_inputs} inputs and hidden={init.hidden}; "
            f"the condition has {task.n_inputs} inputs and hidden={condition.hidden}"
        )
    _refuse_rescue(condition)
    return condition


def _refuse_rescue(condition: Condition) -> None:
    """InputError for a rescue that the condition cannot have."""
    rescue = condition.rescue
    if rescue is None:
        return
    if why := INTERVENTIONS[rescue].refused(condition):
        raise InputError(f"rescue={rescue} {why}")
    if condition.most_epochs > MAX_EPOCHS:
        raise InputError(
            f"epochs={condition.epochs} is too many with rescue={rescue}, which may train twice as long; "
            f"allowed: at most {MAX_EPOCHS // 2}"
        )
