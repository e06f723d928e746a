"""The losses: `forward(y, t)` gives the number, `backward()` its gradient with respect to y."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


class HalfSumOfSquares:
    """½·Σ(y − t)², the article's loss; its gradient is y − t."""

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.error = y - t
        return 0.5 * float(np.sum(self.error**2))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.error.copy()


class MeanSquaredError:
    """Σ(y − t)²/N; its gradient is 2(y − t)/N."""

    def forward(self, y: Array, t: Array) -> float:
        """The loss of predictions y against targets t, both of shape (N, 1)."""
        self.error = y - t
        return float(np.mean(self.error**2))

    def backward(self) -> Array:
        """Gradient with respect to y, shape (N, 1)."""
        return self.error * self.error.dtype.type(2 / len(self.error))


LOSSES: dict[str, type[HalfSumOfSquares] | type[MeanSquaredError]] = {
    "half_sse": HalfSumOfSquares,
    "mse": MeanSquaredError,
}
"""Loss layers by the names that conditions use."""


def error_weight(loss: str, n_rows: int) -> float:
    """The factor c for which a loss is ½·Σ c·(y − t)², and its gradient c·(y − t)."""
    return {"half_sse": 1.0, "mse": 2.0 / n_rows}[loss]
