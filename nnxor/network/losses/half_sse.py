"""The article's loss: half the sum of squared errors."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import LOSSES, Loss
from nnxor.network.layers import Array, column


class HalfSumOfSquares:
    """½·Σ(y − t)²; its gradient is y − t."""

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.weights = column(self.times, y)
        self.error = y - t
        return 0.5 * float(np.sum(self.weights * self.error**2))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.weights * self.error


def squared(s: Number, y: Number, t: Number, c: Number) -> tuple[Number, Number]:
    """A row's c·(y − t)² and its gradient c·(y − t): the loss is half the sum."""
    error = y - t
    gradient = c * error
    return gradient * error, gradient


def variance(p: Fraction) -> Fraction:
    """Half the squared distance from the mean of targets of which a share p is 1 and the others 0."""
    return p * (1 - p) / 2


LOSSES.register(
    Loss(
        name="half_sse",
        label="half the sum of squared errors",
        layer=HalfSumOfSquares,
        weight=lambda n_examples: 1.0,
        row=squared,
        whole=lambda total: 0.5 * total,
        second=lambda y, c: c + 0.0 * y,
        mixed=variance,
    )
)
