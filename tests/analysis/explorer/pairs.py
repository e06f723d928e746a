"""Trainings by nnxor as the explorer should repeat them: addresses, final weights and recorded columns."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from nnxor import engines
from nnxor.condition import Condition, Success
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.inits import Init
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.network.tasks import Task
from nnxor.trial import trials

CONF = Path(__file__).parents[3] / "conf"
OWN = (
    Task("own", ((0.5, -1.25), (2, 1), (0, 0.3), (1, 1), (3, 0)), (0, 1, 1, 0.25, 0)),
    Task("own", ((-1, -1), (-1, 1), (1, -1), (1, 1)), (0, 1, 1, 0)),
)
SUCCESS = (Success(), Success("margin", 0.1), Success("threshold"), Success("threshold", ties="pass"))


def shipped(kind: str, make: Any) -> list[Any]:
    """The inits or the tasks of conf."""
    paths = sorted((CONF / kind).glob("*.yaml"))
    return [make.of(path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))) for path in paths]


def conditions(n: int) -> list[Condition]:
    """So many conditions over all fields, always the same."""
    choose = random.Random(15)
    inits, tasks = shipped("init", Init), shipped("task", Task)
    tasks += OWN
    found: list[Condition] = []
    while len(found) < n:
        loss, task = choose.choice([*LOSSES]), choose.choice(tasks)
        values = {
            "task": task, "init": choose.choice(inits), "loss": loss,
            "hidden": choose.choice((1, 2, 3, 4, 4, 5, 10, 16)),
            "activation": choose.choice(["relu", *ACTIVATIONS]), "slope": choose.choice((0.01, 0.3, -0.7)),
            "relu_at_zero": choose.choice((0, 1)), "output": choose.choice(["identity", *OUTPUTS]),
            "bias": choose.random() < 0.8, "scale": choose.choice((1.0, 0.5)),
            "lr": choose.choice((0.01, 0.1, 0.2, 0.7)),
            "epochs": choose.choice((0, 10, 100, 200, 400)), "optimizer": choose.choice(["gd", *OPTIMIZERS]),
            "freeze": choose.choice((None, None, None, "W1+b1", "W2", "b2")),
            "momentum": choose.choice((0.5, 0.9)), "dtype": choose.choice(("float32", "float32", "float64")),
            "batch_size": choose.choice((None, None, None, 1, 2, 3)), "success": choose.choice(SUCCESS),
        }  # fmt: skip
        if LOSSES[loss].logits:
            values["output"] = "sigmoid"
        condition = Condition(**values)
        centred = condition.task == OWN[1] and condition.hidden >= 4 and condition.scale == 1
        if (condition.init.margin is None or centred) and not condition.refusal():
            found.append(condition)
    return found


def address(condition: Condition, seed: int) -> str:
    """The explorer's address of a training."""
    usual = Condition().values()
    values: dict[str, Any] = {name: value for name, value in condition.values().items() if value != usual[name]}
    task, success = condition.task, condition.success
    values.pop("success", None)
    values |= {f"success.{name}": getattr(success, name) for name in ("rule", "tolerance", "ties")}
    values["seed"] = seed
    if task.name == "own":
        del values["task"]
        rows = zip(task.inputs, task.targets, strict=True)
        values["rows"] = ";".join(",".join(str(float(value)) for value in (*x, t)) for x, t in rows)
    words = {"None": "null", "True": "true", "False": "false"}
    return "#" + "&".join(f"{name}={words.get(str(value), value)}" for name, value in values.items())


def expected(condition: Condition, seeds: range, engine: str) -> list[dict[str, Any]]:
    """What the explorer should find for each seed."""
    found = trials(condition, seeds, engines.load(engine))
    kind = ">f4" if condition.dtype == "float32" else ">f8"
    rows = []
    for n, seed in enumerate(seeds):
        words = [array[..., n].astype(kind).tobytes().hex() for array in found.end.arrays()]
        columns = {name: plain(values[n]) for name, values in found.columns.items() if not name.startswith("y_")}
        columns["y"] = [plain(found.columns[f"y_{name}"][n]) for name in condition.task.row_names]
        rows.append({"address": address(condition, seed), "weights": "".join(words), "columns": columns})
    return rows


def plain(value: Any) -> Any:
    """A value for JSON; what is no number is None."""
    value = value.item() if isinstance(value, np.generic) else value
    value = value.decode() if isinstance(value, bytes) else value
    return None if value != value else value


def pairs(n: int, seeds: int, engine: str = "numpy") -> list[dict[str, Any]]:
    """At least n pairs of a condition and a seed, so many seeds of each condition."""
    found: list[dict[str, Any]] = []
    for number, condition in enumerate(conditions(-(-n // seeds))):
        first = (number * 37) % 1000
        found += expected(condition, range(first, first + seeds), engine)
    return found
