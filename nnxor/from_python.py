"""One network at a time, from Python: `nnxor.train` and `nnxor.diagnose`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike

from nnxor import engines
from nnxor.arrays import Floats, Values
from nnxor.checks import brief
from nnxor.condition import FIELDS, Condition, fitting, users
from nnxor.engines import engine_numpy
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import Init
from nnxor.network.losses import LOSSES
from nnxor.network.tasks import Task
from nnxor.registry import hint
from nnxor.trial import trials

SHIPPED = {"init": Init.of, "task": Task.of}  # fields whose values may be names of files in conf


@dataclass(frozen=True)
class Unit:
    """A hidden unit: the rows on which it is active, a 1 for each, at the start and at the end.

    state: 'dead' (active on no row; of units that cannot die, 'linear'), 'linear' (on every row), 'alive', or 'smooth'
    where units have no kink. Of a network that has diverged it is 'diverged', and the end is a - for each row.
    """

    at_start: str
    at_end: str
    state: str


@dataclass(frozen=True)
class Run:
    """A network, what it was trained from, and what became of it.

    condition: all the fields. seed: None for a network that was given. row: what is recorded of a training, by the
    names of the columns of trials.parquet (docs/columns.md), None where nothing is known.
    """

    condition: Condition
    seed: int | None
    start: dict[str, Floats]
    weights: dict[str, Floats]
    row: dict[str, Any]

    def __str__(self) -> str:
        """'stuck_1/4 (minimum), loss 0.25; units: alive, dead, alive, linear'."""
        point = f" ({self.row['minimum']})" if self.row.get("minimum") else ""
        loss = "not finite" if self.row["final_loss"] is None else f"{self.row['final_loss']:.6g}"
        return f"{self.outcome}{point}, loss {loss}; units: {', '.join(unit.state for unit in self.units)}"

    @property
    def outcome(self) -> str:
        """'solved', 'stuck_1/4', 'diverged' and so on."""
        return str(self.row["outcome"])

    @property
    def units(self) -> list[Unit]:
        """The hidden units, in order."""
        before, after, c = self.row["patterns_init"].split(), self.row["patterns_final"], self.condition
        after = after.split() if after else ["-" * c.task.n_rows] * c.hidden
        usual = "smooth" if c.smooth else "linear" if c.units.straight(c) else "alive"
        sides = {} if c.smooth else {"0": "dead" if c.units.can_die else "linear", "1": "linear"}  # of one side
        states = ["diverged" if "-" in rows else sides.get("".join(set(rows)), usual) for rows in after]
        return [Unit(*unit) for unit in zip(before, after, states, strict=True)]

    @cached_property
    def losses(self) -> Floats:
        """The loss of each epoch before its update, then the final one: shape (epochs + 1,), in the dtype.

        Worked out when first asked for, epoch by epoch: a second or two for 10,000 epochs. A rescue is left out.
        """
        start = Weights(*(array[..., None] for array in self.start.values()))
        seeds = None if self.seed is None else range(self.seed, self.seed + 1)
        found: list[np.floating] = []
        engine_numpy.train(self.condition, start, seeds, see=lambda _, look: found.append(look.loss[0]))
        return np.array(found)


def train(*, seed: int = 0, engine: str = "auto", **fields: Any) -> Run:
    """Train the network of one seed, and say what became of it; the bits are those of a sweep.

    `fields` are those of a condition: hidden, activation, init, lr, epochs, loss and so on. `init` and `task` may be
    names of those that ship, or `nnxor.network` objects. ValueError says what is not allowed, and what is.

    >>> import nnxor
    >>> run = nnxor.train(hidden=4, init="he", lr=0.1, seed=7)
    >>> run.outcome, run.row["final_loss"] < 0.001
    ('solved', True)
    >>> run.weights["W1"].shape, run.weights["W2"].shape
    ((2, 4), (4,))
    """
    condition = _condition(fields)
    if not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise ValueError(f"seed={brief(seed)} is not allowed; allowed: an integer from 0 to 2**63 - 1")
    found = trials(condition, range(seed, seed + 1), engines.load(engine))
    return Run(condition, int(seed), found.start.only(), found.end.only(), _row(found.columns))


def diagnose(W1: ArrayLike, b1: ArrayLike, W2: ArrayLike, b2: ArrayLike, **fields: Any) -> Run:
    """Say of a given network what is said of a trained one, and at which kind of point it rests if it is stuck.

    Shapes: W1 (D, H), b1 (H,), W2 (H,) or (H, 1), b2 a number or (1,): for D inputs and H units. `fields` are those of
    its condition, as in `train`; its width follows from the weights, and so does its dtype: float32 for arrays of
    that, else float64. ValueError says what does not fit.

    >>> import nnxor
    >>> what = nnxor.diagnose(W1=[[1, 1], [1, 1]], b1=[0, -1], W2=[1, -2], b2=0)
    >>> what.outcome, what.row["final_loss"], [unit.at_end for unit in what.units]
    ('solved', 0.0, ['0111', '0001'])
    >>> print(nnxor.diagnose(W1=[[-1], [-1]], b1=[0], W2=[1], b2=0.5))
    stuck_1/2 (minimum), loss 0.5; units: dead
    """
    try:
        if any(np.iscomplexobj(each) for each in (W1, b1, W2, b2)):
            raise ValueError("weights must be real")
        weights = Weights.of(*(np.asarray(each, np.float64) for each in (W1, b1, W2, b2)))
    except (ValueError, TypeError, OverflowError) as error:
        allowed = "W1 (D,H), b1 (H,), W2 (H,) or (H,1), b2 () or (1,)"
        raise ValueError(f"{error}; allowed: {allowed}") from None
    if not all(np.isfinite(each).all() for each in weights) or weights.n_networks > 1:
        raise ValueError("weights must be finite numbers, of one network")
    dtype = "float32" if all(getattr(each, "dtype", None) == np.float32 for each in (W1, b1, W2)) else "float64"
    n_inputs, hidden, _ = weights.W1.shape
    condition = _condition({"dtype": dtype, "hidden": hidden, **fields, "epochs": 0})
    if condition.hidden != hidden:
        raise ValueError(f"hidden={condition.hidden} contradicts W1, which has hidden={hidden}")
    if n_inputs != condition.task.n_inputs:
        raise ValueError(f"W1 is for {n_inputs} inputs; task={condition.task.name} has another number")
    weights = weights.astype(condition.numpy_dtype)
    if not all(np.isfinite(each).all() for each in weights):
        raise ValueError(f"weights must be finite in {condition.dtype}")
    found = trials(replace(condition, rescue=None), range(1), engine_numpy.train, certified=True, start=weights)
    return Run(condition, None, found.start.only(), found.end.only(), _row(found.columns))


def _condition(fields: Mapping[str, Any]) -> Condition:
    if unknown := [name for name in fields if name not in FIELDS]:
        raise ValueError(f"{unknown[0]} is not a field; {hint(unknown[0], FIELDS)}")
    values = {name: _shipped(name, value) if name in SHIPPED else value for name, value in fields.items()}
    loss = values.get("loss")
    condition = Condition(**{**(fitting(loss) if isinstance(loss, str) and loss in LOSSES else {}), **values})
    if why := condition.refusal():
        raise ValueError(why)
    for name, value in fields.items():
        if not condition.uses(name) and value != FIELDS[name].default:
            raise ValueError(f"{name} would do nothing without {' or '.join(users(name))}")
    return condition


def _shipped(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    folder = files("conf").joinpath(name)
    names = sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml"))
    if value not in names:
        raise ValueError(f"{name}={brief(value)} is unknown; {hint(value, names)}")
    return SHIPPED[name](value, yaml.safe_load(folder.joinpath(f"{value}.yaml").read_text(encoding="utf-8")))


def _row(columns: Mapping[str, Values]) -> dict[str, Any]:
    """The one training in a batch, in plain values."""
    row: dict[str, Any] = {}
    for name, values in columns.items():
        value = values[0].item()
        value = value.decode() if isinstance(value, bytes) else value
        missing = value != value if isinstance(value, float) else value in ("", -1)
        row[name] = None if missing else value
    return row
