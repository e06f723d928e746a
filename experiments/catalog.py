"""The tasks and initializations that conf/ names: a YAML file each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

import yaml

from experiments.errors import InputError
from experiments.words import CONF, hint, names
from nnxor.inits import Distribution, Init
from nnxor.tasks import Task


def _read(group: str, name: str, key: str) -> dict[str, object]:
    if name not in names(group):
        raise InputError(f"{key}={name} is unknown; {hint(name, names(group))}")
    path = CONF / group / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"conf/{group}/{name}.yaml is not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(content, dict):
        raise InputError(f"conf/{group}/{name}.yaml must hold keys and values")
    return content


@cache
def init(name: str, key: str = "init") -> Init:
    """The initialization in conf/init/NAME.yaml; InputError says what is wrong with it."""
    return parse_init(name, _read("init", name, key), f"conf/init/{name}.yaml")


@cache
def task(name: str, key: str = "task") -> Task:
    """The task in conf/task/NAME.yaml; InputError says what is wrong with it."""
    return parse_task(name, _read("task", name, key), f"conf/task/{name}.yaml")


def parse_init(name: str, content: Mapping[str, object], where: str) -> Init:
    """An initialization from what its file holds; `where` stands in messages."""
    if set(content) != {"weights", "biases"}:
        raise InputError(f"{where} must hold weights and biases, and nothing else; it holds {', '.join(content)}")
    laws = {}
    for part in ("weights", "biases"):
        try:
            laws[part] = Distribution.of(content[part])
        except ValueError as error:
            raise InputError(f"{where}: {part}: {error}") from None
    return Init(name, **laws)


def parse_task(name: str, content: Mapping[str, object], where: str) -> Task:
    """A task from what its file holds; `where` stands in messages."""
    rows, units = content.get("rows"), content.get("units")
    if set(content) - {"rows", "units"} or not isinstance(rows, list) or not rows:
        raise InputError(f"{where} must hold rows (a list of lists) and may hold units (an integer)")
    if units is not None and (type(units) is not int or units < 1):
        raise InputError(f"{where}: units={units}: an integer from 1")
    for n, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) < 2 or len(row) != len(rows[0]):
            raise InputError(f"{where}: row {n} must hold the same number of inputs as row 1, then the target")
        if any(type(v) not in (int, float) or not math.isfinite(v) for v in row):
            raise InputError(f"{where}: row {n} must hold finite numbers; it holds {row}")
    return Task(
        name,
        tuple(tuple(float(v) for v in row[:-1]) for row in rows),
        tuple(float(row[-1]) for row in rows),
        units,
    )
