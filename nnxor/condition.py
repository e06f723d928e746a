"""A condition: everything that fixes a training but its seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from nnxor.interventions import INTERVENTIONS
from nnxor.network.inits import UNIFORM, GivenWeights, Init
from nnxor.network.tasks import XOR, Task
from nnxor.protocol import PROTOCOL_VERSION


@dataclass(frozen=True)
class Success:
    """When a training counts as solved.

    rule `loss`: loss ≤ tolerance. rule `margin`: |y − t| < tolerance on every row. rule
    `threshold`: every row on its side of ½ (for a sigmoid output: its logit on its side of 0),
    where `ties` says whether a row that lies exactly there is on its side (`pass`) or not
    (`fail`). A setting that its rule does not use is the default.
    """

    rule: str = "loss"
    tolerance: float = 1e-3
    ties: str = "fail"

    def __post_init__(self) -> None:
        """Forget what the rule does not use."""
        if self.rule == "threshold":
            object.__setattr__(self, "tolerance", Success.tolerance)
        else:
            object.__setattr__(self, "ties", Success.ties)

    def __str__(self) -> str:
        """The rule in a word or two: 'loss 0.001', 'margin 0.1', 'threshold', 'threshold (ties pass)'."""
        if self.rule == "threshold":
            return "threshold (ties pass)" if self.ties == "pass" else "threshold"
        return f"{self.rule} {self.tolerance!r}"


@dataclass(frozen=True)
class Condition:
    """The fields of a condition; their names are axis names, config keys and column names alike.

    A setting that no other field uses (see `SETTINGS`) is the default, so that it tells no two
    equal trainings apart.
    """

    task: Task = XOR
    hidden: int = 4
    activation: str = "relu"
    slope: float = 0.01
    relu_at_zero: int = 0
    output: str = "identity"
    bias: bool = True
    init: Init | GivenWeights = UNIFORM
    scale: float = 1.0
    lr: float = 0.1
    epochs: int = 10_000
    loss: str = "half_sse"
    optimizer: str = "gd"
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    batch_size: int | None = None
    dtype: str = "float32"
    rescue: str | None = None
    success: Success = Success()

    def __post_init__(self) -> None:
        """Forget the settings that nothing uses."""
        for setting in SETTINGS:
            if not self.uses(setting):
                object.__setattr__(self, setting, getattr(Condition, setting))

    def uses(self, setting: str) -> bool:
        """Whether a field is one that some other field of this condition makes use of."""
        return any(getattr(self, field) in values for field, values in SETTINGS.get(setting, ())) or (
            setting not in SETTINGS
        )

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype of parameters and of every operation."""
        return np.dtype(self.dtype)

    @property
    def smooth(self) -> bool:
        """Whether the hidden units have no kink: none of them is dead or linear."""
        return self.activation in ("tanh", "sigmoid")

    @property
    def exact(self) -> bool:
        """Whether every fast engine gives the same bits: neither exp, nor log, nor tanh takes part."""
        return not self.smooth and self.output != "sigmoid"

    @property
    def most_epochs(self) -> int:
        """The epochs that a training has at most: twice its own where those that get stuck are trained on."""
        return self.epochs if self.rescue is None else 2 * self.epochs

    @property
    def dead_stay_dead(self) -> bool:
        """Whether a unit that is dead never changes again: its gradient is exactly 0, and nothing else moves it."""
        return self.activation == "relu" and self.relu_at_zero == 0 and self.optimizer == "gd"

    def values(self) -> dict[str, object]:
        """The fields by name, with task, init and success in words."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "task": self.task.name, "init": self.init.name, "success": str(self.success)}

    def text(self) -> str:
        """Canonical text: the protocol's version, then each field that is not the default.

        A task counts with its whole table and an initialization with its distributions, so that
        another table under an old name is another condition.
        """
        parts = [f"protocol={PROTOCOL_VERSION}"]
        for field in fields(self):
            value = getattr(self, field.name)
            if value != field.default:
                parts.append(f"{field.name}={_text(value)}")
        return ";".join(parts)

    @cached_property
    def key(self) -> str:
        """The first 16 hexadecimal digits of the SHA-256 of the canonical text."""
        return hashlib.sha256(self.text().encode()).hexdigest()[:16]


SETTINGS: dict[str, tuple[tuple[str, tuple[object, ...]], ...]] = {
    "slope": (
        ("activation", ("leaky_relu",)),
        ("rescue", tuple(name for name, entry in INTERVENTIONS.items() if "slope" in entry.settings)),
    ),
    "relu_at_zero": (("activation", ("relu", "leaky_relu")), ("output", ("relu",))),
    "momentum": (("optimizer", ("momentum",)),),
    "beta1": (("optimizer", ("adam",)),),
    "beta2": (("optimizer", ("adam",)),),
    "epsilon": (("optimizer", ("adam",)),),
}
"""Fields that are settings of others, and the values of those that use them."""


def _text(value: object) -> str:
    if isinstance(value, Task):
        rows = zip(value.inputs, value.targets, strict=True)
        table = "|".join(_numbers((*x, t)) for x, t in rows)
        times = f";times={_numbers(value.multiplicities)}" if value.multiplicities else ""
        # the cause of a failure depends on the units
        return f"{value.name}:{table};units={value.units}{times}"
    if isinstance(value, Init):
        laws = (value.weights, value.biases)
        return value.name + ":" + "|".join(f"{law.name}{_parameters(law.parameters)}" for law in laws)
    if isinstance(value, GivenWeights):
        return f"{value.name}:{value.digest}"
    return str(value) if isinstance(value, Success) else repr(value)


def _parameters(parameters: tuple[tuple[str, float | str], ...]) -> str:
    return "(" + ",".join(f"{key}={str(value).replace(' ', '')}" for key, value in parameters) + ")"


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(repr(float(value)) for value in values)
