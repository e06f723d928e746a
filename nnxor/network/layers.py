"""The readable network of the article: layers that hold their forward rule and, beside it, their gradient.

A batch is a matrix with one row a point: `x` has shape (N, inputs), `dout` (N, outputs). No `backward` writes into an
array that it was given. The layers of activations and losses stand in their entries.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class Layer(Protocol):
    """What every layer can do."""

    def forward(self, x: Array) -> Array:
        """Outputs from inputs."""

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to the inputs, from that with respect to the outputs."""


class LossLayer(Protocol):
    """What the layer of every loss can do."""

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y (or logits) against targets t, both of shape (N, 1)."""

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""


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


def column(times: NDArray[np.int64] | None, y: Array) -> Array:
    """How often each row of y counts, as a column."""
    return np.ones_like(y) if times is None else np.asarray(times, y.dtype)[:, None]
