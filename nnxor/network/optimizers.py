"""The optimizers: how parameters move, given their gradients.

Each works element by element on arrays of any shape, in the order of operations written here, so
that the readable loop and the fast engines move alike. `step` changes the parameters in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition

Array = NDArray[np.floating]


class Optimizer(Protocol):
    """What every optimizer can do."""

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rates: Sequence[np.floating]) -> None:
        """Move each parameter by its gradient, at its learning rate."""


class GradientDescent:
    """p ← p − lr·g."""

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rates: Sequence[np.floating]) -> None:
        """Move each parameter by its gradient, at its learning rate."""
        for p, g, rate in zip(parameters, gradients, rates, strict=True):
            p -= rate * g


class Momentum:
    """v ← μ·v + g, p ← p − lr·v (Polyak 1964; Rumelhart, Hinton & Williams 1986, for a constant lr)."""

    def __init__(self, momentum: float) -> None:
        self.momentum = momentum
        self.velocity: list[Array] = []

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rates: Sequence[np.floating]) -> None:
        """Move each parameter by its gradient, at its learning rate."""
        if not self.velocity:
            self.velocity = [np.zeros_like(p) for p in parameters]
        for p, g, v, rate in zip(parameters, gradients, self.velocity, rates, strict=True):
            v *= p.dtype.type(self.momentum)
            v += g
            p -= rate * v


class Adam:
    """Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    m ← β1·m + (1 − β1)·g, v ← β2·v + (1 − β2)·g·g, p ← p − lr·(m/(1 − β1^t))/(√(v/(1 − β2^t)) + ε)
    """

    def __init__(self, beta1: float, beta2: float, epsilon: float) -> None:
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon
        self.power1, self.power2 = 1.0, 1.0
        self.moments: list[tuple[Array, Array]] = []

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rates: Sequence[np.floating]) -> None:
        """Move each parameter by its gradient, at its learning rate."""
        if not self.moments:
            self.moments = [(np.zeros_like(p), np.zeros_like(p)) for p in parameters]
        self.power1 *= self.beta1
        self.power2 *= self.beta2
        for p, g, (m, v), rate in zip(parameters, gradients, self.moments, rates, strict=True):
            number = p.dtype.type
            m *= number(self.beta1)
            m += number(1 - self.beta1) * g
            v *= number(self.beta2)
            v += (number(1 - self.beta2) * g) * g
            scale = np.sqrt(v / number(1 - self.power2)) + number(self.epsilon)
            p -= rate * ((m / number(1 - self.power1)) / scale)


def optimizer(condition: Condition) -> Optimizer:
    """The optimizer of a condition, at the start of a training."""
    if condition.optimizer == "momentum":
        return Momentum(condition.momentum)
    if condition.optimizer == "adam":
        return Adam(condition.beta1, condition.beta2, condition.epsilon)
    return GradientDescent()
