"""The losses: `forward(y, t)` gives the number, `backward()` its gradient with respect to y.

Every loss may count its rows with weights: row n then stands for `times[n]` equal rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class HalfSumOfSquares:
    """½·Σ(y − t)², the article's loss; its gradient is y − t."""

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.weights = _column(self.times, y)
        self.error = y - t
        return 0.5 * float(np.sum(self.weights * self.error**2))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.weights * self.error


class MeanSquaredError:
    """Σ(y − t)²/N; its gradient is 2(y − t)/N."""

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.weights = _column(self.times, y)
        self.error = y - t
        return float(np.sum(self.weights * self.error**2) / np.sum(self.weights))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.weights * self.error * self.error.dtype.type(2 / self.weights.sum())


class SigmoidCrossEntropy:
    """Mean of −t·log y − (1 − t)·log(1 − y) with y = σ(s), in nats; the layer takes the logits s.

    Written as max(s, 0) − s·t + log(1 + e^−|s|), which no logit overflows; its gradient with
    respect to s is (σ(s) − t)/N.
    """

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, s: Array, t: Array) -> float:
        """The loss of logits s against targets t, both of shape (N, 1)."""
        self.weights = _column(self.times, s)
        self.error = sigmoid(s) - t
        terms = np.maximum(s, 0) - s * t + np.log1p(np.exp(-np.abs(s)))
        return float(np.sum(self.weights * terms) / np.sum(self.weights))

    def backward(self) -> Array:
        """Gradient with respect to s, shape (N, 1)."""
        return self.weights * self.error * self.error.dtype.type(1 / self.weights.sum())


def _column(times: NDArray[np.int64] | None, y: Array) -> Array:
    return np.ones_like(y) if times is None else np.asarray(times, y.dtype)[:, None]


def sigmoid(s: Array) -> Array:
    """σ(s) = 1/(1 + e^−s), without overflow, in the dtype of s."""
    z = np.exp(-np.abs(s))
    one = s.dtype.type(1)
    return np.where(s >= 0, one, z) / (one + z)


LOSSES: dict[str, type[HalfSumOfSquares] | type[MeanSquaredError] | type[SigmoidCrossEntropy]] = {
    "half_sse": HalfSumOfSquares,
    "mse": MeanSquaredError,
    "bce": SigmoidCrossEntropy,
}
"""Loss layers by the names that conditions use."""


def error_weight(loss: str, n_examples: int) -> float:
    """The factor c of a loss over so many examples: its gradient is c·(y − t) for each.

    half_sse and mse are ½·Σ c·(y − t)²; for bce the gradient is that with respect to the logit.
    """
    return {"half_sse": 1.0, "mse": 2.0 / n_examples, "bce": 1.0 / n_examples}[loss]
