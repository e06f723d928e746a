"""The fields of a condition as a user writes them: checked, and put into words where they are not allowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from experiments.errors import InputError
from experiments.study import catalog
from nnxor import checks
from nnxor.checks import Check, show
from nnxor.condition import FIELDS as ALL
from nnxor.condition import Condition, Success, users
from nnxor.network.inits import LARGEST
from nnxor.registry import hint

FIELDS = tuple(name for name in ALL if name != "success")
"""Names of the fields: axis names, config keys and column names alike; `success` has a section of its own."""

SUCCESS_KEYS = ["rule", "tolerance", "ties"]

FILES = {"task": catalog.read_task, "init": catalog.read_init}
"""Fields whose values are names of files, or whole tables."""


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
            raise InputError(f"{key} is no known key; {hint(str(name), allowed)}")


def read_field(where: str, name: str, value: object) -> object:
    """A field's value, checked; `where` says in the message where it stands ('base', 'grid')."""
    key = f"{where}.{name}" if where else name
    return FILES[name](key, value) if name in FILES else checked(key, value, ALL[name].check)


def read_success(given: Mapping[str, object], where: str = "success") -> Success:
    """A success rule from what its section holds; null stands for the default."""
    known_keys(where, given, SUCCESS_KEYS)
    told = {name: value for name, value in given.items() if value is not None}
    rule = checked(f"{where}.rule", told.get("rule", Success.rule), checks.choice(("loss", "margin", "threshold")))
    for name, rules in (("tolerance", ("loss", "margin")), ("ties", ("threshold",))):
        if name in told and rule not in rules:
            raise InputError(f"{where}.{name} would do nothing with {where}.rule={rule}; leave it out")
    tolerance = checked(f"{where}.tolerance", told.get("tolerance", Success.tolerance), checks.up_to(LARGEST))
    ties = checked(f"{where}.ties", told.get("ties", Success.ties), checks.choice(("fail", "pass")))
    return Success(rule, tolerance, ties)


def refuse_useless(given: Mapping[str, object] | set[str], conditions: list[Condition]) -> None:
    """InputError for a setting that none of the conditions makes use of."""
    for name in FIELDS:
        if name in given and not any(condition.uses(name) for condition in conditions):
            raise InputError(f"{name} would do nothing, since no condition has {' or '.join(users(name))}")


def make_condition(values: Mapping[str, object]) -> Condition:
    """A condition from checked values; InputError where they do not go together."""
    condition = Condition(**values)  # type: ignore[arg-type]
    if why := condition.refusal():
        raise InputError(why)
    return condition
