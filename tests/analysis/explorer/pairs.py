"""Trainings by nnxor as the explorer should repeat them: addresses, final weights and recorded columns."""

import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import yaml

from experiments.study.explorer_address import address
from nnxor import diagnosis, engines, quench
from nnxor.condition import Condition, Success
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.inits_in_yaml import Init
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.network.tasks import XOR, Task
from nnxor.trial import trials

CONF = Path(__file__).parents[3] / "conf"
OWN = (
    Task("own", ((0.5, -1.25), (2, 1), (0, 0.3), (1, 1), (3, 0)), (0, 1, 1, 0.25, 0)),
    Task("own", ((-1, -1), (-1, 1), (1, -1), (1, 1)), (0, 1, 1, 0)),
)
SHORT = 500
"""Epochs of a quench in the sample."""

SUCCESS = [Success(), Success("margin", 0.1), Success("threshold"), Success("threshold", ties="pass")]


def shipped(kind: str, make: Any) -> list[Any]:
    """The inits or the tasks of conf."""
    paths = sorted((CONF / kind).glob("*.yaml"))
    return [make.of(path.stem, yaml.safe_load(path.read_text(encoding="utf-8"))) for path in paths]


def choices() -> dict[str, list[Any]]:
    """The values of each field that pairs are made of: every entry of a registry, every init and task that ships."""
    inits = shipped("init", Init)
    tasks = [task for task in shipped("task", Task) if not task.multiplicities]  # the page counts each row once
    return {
        "task": [*tasks, *OWN, XOR, XOR, XOR], "init": inits, "loss": [*LOSSES],
        "hidden": [1, 2, 3, 4, 4, 4, 5, 10, 16],
        "activation": [*ACTIVATIONS, "relu", "relu", "relu"], "slope": [0.01, 1.0, -0.7], "relu_at_zero": [0, 1],
        "output": [*OUTPUTS, "identity", "identity"], "bias": [True, True, False], "scale": [1.0, 1.0, 0.5],
        "lr": [0.01, 0.1, 0.2, 0.7, 2.0], "epochs": [400, 700, 1000, 1000, 1000, 0, 10],
        "optimizer": [*OPTIMIZERS, "gd"],
        "freeze": [None, None, None, "W1+b1", "W2", "b2"], "momentum": [0.5, 0.9], "beta1": [0.9, 0.5],
        "beta2": [0.999, 0.9], "rho": [0.9, 0.5], "epsilon": [1e-8, 1e-3], "dtype": ["float32", "float32", "float64"],
        "batch_size": [None, None, None, 1, 2, 3], "order": ["shuffled", "fixed"],
        "recycle_every": [None, None, 7, 100], "success": SUCCESS,
    }  # fmt: skip


def conditions(n: int) -> list[Condition]:
    """So many conditions, always the same; from 40 on every value of every field is in use in one of them.

    Each field deals its values out in turn, shuffled anew for each round, so that all come up equally often.
    """
    choose, found = random.Random(1), []
    decks: dict[str, list[Any]] = {name: [] for name in choices()}
    while len(found) < n:
        values = {}
        for name, all_of_them in choices().items():
            if not decks[name]:
                decks[name] = choose.sample(all_of_them, len(all_of_them))
            values[name] = decks[name].pop()
        if LOSSES[values["loss"]].logits:
            values["output"] = "sigmoid"
        if not ACTIVATIONS[values["activation"]].can_die:
            values["recycle_every"] = None
        if values["init"].margin is not None:  # which only some tasks can keep
            values |= {"task": OWN[1], "hidden": 5, "scale": 1.0}
        condition = Condition(**values)
        if not condition.refusal():
            found.append(condition)
    return found


def expected(condition: Condition, seeds: range, engine: str) -> list[dict[str, Any]]:
    """What the explorer should find for each seed."""
    found = trials(condition, seeds, engines.load(engine))
    kind = ">f4" if condition.dtype == "float32" else ">f8"
    rows = []
    for n, seed in enumerate(seeds):
        words = [array[..., n].astype(kind).tobytes().hex() for array in found.end]
        columns = {name: plain(values[n]) for name, values in found.columns.items() if not name.startswith("y_")}
        columns["y"] = [plain(found.columns[f"y_{name}"][n]) for name in condition.task.row_names]
        rows.append({"address": address(condition, seed), "weights": "".join(words), "columns": columns})
    return rows


def plain(value: Any) -> Any:
    """A value for JSON; what is no number is None."""
    value = value.item() if isinstance(value, np.generic) else value
    value = value.decode() if isinstance(value, bytes) else value
    return None if value != value else value


def pairs(n: int, seeds: int) -> list[dict[str, Any]]:
    """At least n pairs of a condition and a seed, so many seeds of each condition."""
    found: list[dict[str, Any]] = []
    for number, condition in enumerate(conditions(-(-n // seeds))):
        first = (number * 37) % 1000
        found += expected(condition, range(first, first + seeds), "numba")
    return found


@contextmanager
def short_quenches() -> Iterator[None]:
    """Quenches in here are short."""
    with patch.object(quench, "EPOCHS", SHORT), patch.object(diagnosis, "EPOCHS", SHORT):
        yield


@cache
def sample() -> str:
    """Some pairs as JSON; a quench of theirs is short."""
    with short_quenches():
        return json.dumps(pairs(24, seeds=2))
