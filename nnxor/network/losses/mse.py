"""The mean squared error."""

import numpy as np
from numpy.typing import NDArray

from nnxor.network.entries import LOSSES, Loss
from nnxor.network.layers import Array, column
from nnxor.network.losses.half_sse import squared, variance


class MeanSquaredError:
    """Σ(y − t)²/N; its gradient is 2(y − t)/N."""

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.weights = column(self.times, y)
        self.error = y - t
        return float(np.sum(self.weights * self.error**2) / np.sum(self.weights))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.weights * self.error * self.error.dtype.type(2 / self.weights.sum())


LOSSES.register(
    Loss(
        name="mse",
        label="the mean squared error",
        layer=MeanSquaredError,
        weight=lambda n_examples: 2.0 / n_examples,
        row=squared,
        whole=lambda total: 0.5 * total,
        second=lambda y, c: c + 0.0 * y,
        mixed=variance,
        elsewhere=("MSELoss", "MeanSquaredError", "mean_squared_error"),
    )
)
