"""The article's loss: half the sum of squared errors, ½·Σ(y − t)²."""

from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import Loss


def squared(s: Number, y: Number, t: Number, c: Number) -> tuple[Number, Number]:
    """A row's c·(y − t)² and its gradient c·(y − t): the loss is half the sum."""
    error = y - t
    gradient = c * error
    return gradient * error, gradient


ENTRY = Loss(
    name="half_sse",
    label="half the sum of squared errors",
    readable=(lambda y, t: (y - t) ** 2 / 2, lambda y, t: y - t, False),
    weight=lambda n_examples: 1.0,
    row=squared,
    whole=lambda total: 0.5 * total,
    second=lambda y, c: c + 0.0 * y,
    mixed=lambda p: p * (1 - p) / 2,  # half the variance
)
