"""A condition: everything that fixes a training but its seed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from nnxor.inits import UNIFORM, Init
from nnxor.protocol import PROTOCOL_VERSION
from nnxor.tasks import XOR, Task


@dataclass(frozen=True)
class Condition:
    """The fields of a condition; their names are axis names, config keys and column names alike.

    `slope` is the slope of leaky_relu below 0 and is the default for every other activation, so
    that it tells no two equal trainings apart.
    """

    task: Task = XOR
    hidden: int = 4
    activation: str = "relu"
    slope: float = 0.01
    relu_at_zero: int = 0
    output: str = "identity"
    bias: bool = True
    init: Init = UNIFORM
    lr: float = 0.1
    epochs: int = 10_000
    loss: str = "half_sse"
    optimizer: str = "gd"
    batch_size: int | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        """Forget a slope that nothing uses."""
        if self.activation != "leaky_relu" and self.slope != Condition.slope:
            object.__setattr__(self, "slope", Condition.slope)

    @property
    def numpy_dtype(self) -> np.dtype:
        """The dtype of parameters and of every operation."""
        return np.dtype(self.dtype)

    @property
    def dead_stay_dead(self) -> bool:
        """Whether a unit that is dead can never change again: its gradient is exactly 0."""
        return self.activation == "relu" and self.relu_at_zero == 0

    def values(self) -> dict[str, object]:
        """The fields by name, with task and init as their names."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "task": self.task.name, "init": self.init.name}

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

    def with_(self, **changes: object) -> Condition:
        """A copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def _text(value: object) -> str:
    if isinstance(value, Task):
        rows = zip(value.inputs, value.targets, strict=True)
        table = "|".join(_numbers((*x, t)) for x, t in rows)
        return f"{value.name}:{table};units={value.units}"  # the cause of a failure depends on the units
    if isinstance(value, Init):
        laws = (value.weights, value.biases)
        return value.name + ":" + "|".join(f"{law.name}{_parameters(law.parameters)}" for law in laws)
    return repr(value)


def _parameters(parameters: tuple[tuple[str, float | str], ...]) -> str:
    return "(" + ",".join(f"{key}={str(value).replace(' ', '')}" for key, value in parameters) + ")"


def _numbers(values: tuple[float, ...]) -> str:
    return ",".join(repr(float(value)) for value in values)


@dataclass(frozen=True)
class Success:
    """When a training counts as solved: `loss` means final loss ≤ tolerance."""

    rule: str = "loss"
    tolerance: float = 1e-3
