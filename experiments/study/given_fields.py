"""The fields of a condition as a user writes them: checked, and put into words where they are not allowed."""

import re
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from analysis.entry import InputError, turning
from experiments.study.catalog import names, read_init, read_task
from experiments.study.checked import checked, known_keys, path, section
from experiments.study.weight_files import Network, read_network
from nnxor import checks
from nnxor.condition import FIELDS, Condition, Success, plain, users
from nnxor.network.inits_in_yaml import LARGEST

AXES = tuple(name for name in FIELDS if name != "success")  # axis names, config keys and column names alike
SUCCESS: dict[str, checks.Check] = {
    "rule": checks.optional(checks.choice(("loss", "margin", "threshold"))),
    "tolerance": checks.optional(checks.up_to(LARGEST)),
    "ties": checks.optional(checks.choice(("fail", "pass"))),
}
FILES = {"task": read_task, "init": read_init}  # fields whose values are names of files, or tables
TRAINED = tuple(name for name in AXES if name != "rescue")  # of `experiments.train`, where nothing interferes

TAKEN = {"run": AXES, "train": TRAINED, "diagnose": tuple(name for name in TRAINED if name != "loss")}
"""Fields that each command takes; to `experiments.diagnose`, loss is a number, and its name has another key."""

SCHEMAS: dict[str, dict[str, object]] = {  # what `schema: NAME` means in conf/NAME.yaml; null: the default, or no sweep
    "run": {part: dict.fromkeys(AXES) for part in ("base", "grid")},
    **{name: dict.fromkeys(field for field in TAKEN[name] if field not in FILES) for name in ("train", "diagnose")},
}

FORMS: dict[str, Callable[..., np.ndarray]] = {"geomspace": np.geomspace, "linspace": np.linspace}
DIGITS = 4  # significant digits that the numbers between the ends keep (more where two would be the same)
MOST = 4096
RANGE = re.compile(r"range\(.*\)")  # of integers, as in Python


def told(command: str, indent: int) -> str:
    """The fields that a command takes, each with its default and what is allowed, in lines for its --help."""
    lines = []
    for name in TAKEN[command]:
        try:
            FIELDS[name].check(object())
        except ValueError as error:
            allowed = str(error).removeprefix("allowed: ")
        if name in FILES:
            allowed = ", ".join([*names(name), "or a file" if name == "task" else "a file, or {NAME: {parameter: X}}"])
        head = f"{name}={checks.show(plain(FIELDS[name].default))}"
        lines += textwrap.wrap(allowed, 80 - indent, initial_indent=f"{head:<19} ", subsequent_indent=" " * 20)
    return ("\n" + " " * indent).join(lines)


def files_of(group: str, indent: int = 0, ours: bool = True) -> str:
    """The names of a group's files in conf and in the user's folder (--config-dir), or in that alone, for --help."""
    return ("\n" + " " * indent).join(textwrap.wrap(", ".join(names(group, ours)) or "none", 80 - indent))


def read_field(where: str, name: str, value: object) -> object:
    """A field's value, checked; `where` says in the message where it stands ('base', 'grid')."""
    key = f"{where}.{name}" if where else name
    return FILES[name](key, value) if name in FILES else checked(key, value, FIELDS[name].check)


def of_section(where: str, given: object) -> dict[str, object]:
    """The fields of a section that are not null; InputError for other keys."""
    return {name: value for name, value in known_keys(where, given, AXES).items() if value is not None}


def read_fields(where: str, given: object) -> dict[str, object]:
    """The fields of a section that are not null, each checked."""
    return {name: read_field(where, name, value) for name, value in of_section(where, given).items()}


def read_success(given: object, where: str = "success") -> Success:
    """A success rule from what its section holds; null stands for the default."""
    told = {name: value for name, value in section(where, given, SUCCESS).items() if value is not None}
    rule = told.get("rule", Success.rule)
    for name, rules in (("tolerance", ("loss", "margin")), ("ties", ("threshold",))):
        if name in told and rule not in rules:
            raise InputError(f"{where}.{name} would do nothing with {where}.rule={rule}; leave it out")
    return Success(**told)


def refuse_useless(given: Mapping[str, object] | set[str], conditions: list[Condition]) -> None:
    """InputError for a setting that none of the conditions makes use of."""
    for name in AXES:
        if name in given and not any(condition.uses(name) for condition in conditions):
            raise InputError(f"{name} would do nothing, since no condition has {' or '.join(users(name))}")


def make_condition(values: Mapping[str, object]) -> Condition:
    """A condition from checked values; InputError where they do not go together."""
    condition = Condition(**values)  # type: ignore[arg-type]
    if why := condition.refusal():
        raise InputError(why)
    return condition


def network_of(file: object, values: Mapping[str, Any]) -> tuple[Network, Condition]:
    """A network in a file, rounded to its condition's dtype, and that condition; InputError if they do not fit."""
    found = read_network(checked("weights", file, path), values.get("task", Condition.task).n_inputs)
    weights, hidden = found.weights, found.weights.W1.shape[1]
    with turning(ValueError, InputError, f"weights={file} has {hidden} units; "):
        FIELDS["hidden"].check(hidden)
    if values.get("hidden", hidden) != hidden:
        raise InputError(f"hidden={values['hidden']} contradicts weights={file}, which has {hidden} units")
    condition = make_condition({**read_fields("", found.fields), **values, "hidden": hidden})
    if not condition.bias and (weights.b1.any() or weights.b2.any()):
        raise InputError(f"bias=false contradicts weights={file}, which has biases other than 0")
    weights = weights.astype(condition.numpy_dtype)
    if not all(np.isfinite(array).all() for array in weights):
        raise InputError(f"weights={file} must hold real numbers, finite in {condition.dtype}")
    return found._replace(weights=weights), condition


def spell_out(key: str, name: str, listed: list[object]) -> list[object]:
    """The values of a field, `key` in messages: `{geomspace: [0.01, 1, 64]}` is 64 numbers, `range(2,5)` is 2, 3, 4."""
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
        raise InputError(f"{key}={checks.show(dict(given))} is not allowed; allowed: {allowed}")
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
    checked(f"{key}: count", count, checks.whole(2, MOST))
    if first == last or (form == "geomspace" and min(first, last) <= 0):
        positive = ", both above 0" if form == "geomspace" else ""
        raise InputError(f"{key}: [{first}, {last}] is not allowed; allowed: two different ends{positive}")
    values = FORMS[form](float(first), float(last), int(count))
    if FIELDS[name].type.startswith("int"):  # of numbers that are rounded to the same, one counts
        return list(dict.fromkeys(int(value) for value in np.round(values)))
    for digits in range(DIGITS, 18):  # as few as keep them apart
        short = [float(f"{value:.{digits}g}") for value in values]
        if len(set(short)) == count:
            break
    return [first, *short[1:-1], last]  # both ends exactly as they are given
