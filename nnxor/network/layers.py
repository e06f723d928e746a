"""The layers of the article: each holds its forward rule and, beside it, its gradient.

A batch is a matrix with one row a point: `x` has shape (N, inputs), `dout` (N, outputs). No
`backward` writes into an array that it was given.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnxor.network.losses import sigmoid

Array = NDArray[np.floating]


class Layer(Protocol):
    """What every layer can do."""

    def forward(self, x: Array) -> Array:
        """Outputs from inputs."""

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to the inputs, from that with respect to the outputs."""


class Affine:
    """`x @ W + b`, with W of shape (inputs, outputs) and b of shape (outputs,), or no b at all."""

    def __init__(self, W: Array, b: Array | None) -> None:
        self.W = W.copy()
        self.b = None if b is None else b.copy()

    def forward(self, x: Array) -> Array:
        """Outputs, shape (N, outputs)."""
        self.x = x
        return x @ self.W if self.b is None else x @ self.W + self.b

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x; leaves those of the parameters in `dW` and `db`."""
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T

    def parameters(self) -> list[tuple[Array, Array]]:
        """Each parameter with its gradient, as `backward` left it."""
        return [(self.W, self.dW)] if self.b is None else [(self.W, self.dW), (self.b, self.db)]


class ReLU:
    """`max(x, 0)`; the derivative at exactly 0 is `at_zero`, 0 or 1."""

    def __init__(self, at_zero: int = 0) -> None:
        self.at_zero = at_zero

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.where(x > 0, x, x.dtype.type(0))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` where the unit was active, else 0."""
        active = self.x >= 0 if self.at_zero else self.x > 0
        return np.where(active, dout, dout.dtype.type(0))


class LeakyReLU:
    """`x` above 0 and `slope * x` below; the derivative at exactly 0 is `slope`, or 1 if `at_zero`."""

    def __init__(self, slope: float, at_zero: int = 0) -> None:
        self.slope = slope
        self.at_zero = at_zero

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.where(x > 0, x, x * x.dtype.type(self.slope))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` where the unit was active, else `slope * dout`."""
        active = self.x >= 0 if self.at_zero else self.x > 0
        return np.where(active, dout, dout * dout.dtype.type(self.slope))


class Tanh:
    """`tanh(x)`."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.y: Array = np.tanh(x)
        return self.y

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` times 1 − tanh²."""
        return dout * (self.y.dtype.type(1) - self.y * self.y)


class Sigmoid:
    """`1 / (1 + exp(-x))`."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.y = sigmoid(x)
        return self.y

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` times σ(1 − σ)."""
        return dout * (self.y * (self.y.dtype.type(1) - self.y))


class Identity:
    """`x` itself: the output of a network that predicts numbers."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        return x

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout`."""
        return dout
