"""The binary cross-entropy of a sigmoid output."""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number, absolute, maximum
from nnxor.network.entries import LOSSES, Loss
from nnxor.network.layers import Array, column


class SigmoidCrossEntropy:
    """Mean of −t·log y − (1 − t)·log(1 − y) with y = σ(s), in nats; the layer takes the logits s.

    Written as max(s, 0) − s·t + log(1 + e^−|s|), which no logit overflows; its gradient with
    respect to s is (σ(s) − t)/N.
    """

    def __init__(self, times: NDArray[np.int64] | None = None) -> None:
        self.times = times

    def forward(self, s: Array, t: Array) -> float:
        """The loss of logits s against targets t, both of shape (N, 1)."""
        self.weights = column(self.times, s)
        small = np.exp(-np.abs(s))
        one = s.dtype.type(1)
        self.error = np.where(s >= 0, one, small) / (one + small) - t
        terms = np.maximum(s, 0) - s * t + np.log1p(small)
        return float(np.sum(self.weights * terms) / np.sum(self.weights))

    def backward(self) -> Array:
        """Gradient with respect to s, shape (N, 1)."""
        return self.weights * self.error * self.error.dtype.type(1 / self.weights.sum())


def row(s: Number, y: Number, t: Number, c: Number) -> tuple[Number, Number]:
    """A row's cross-entropy, and its gradient with respect to the logit."""
    term = (maximum(s, 0.0) - s * t) + functions.log1p_unit(functions.exp_below_one(-absolute(s)))
    return c * term, c * (y - t)


def entropy(p: Fraction) -> Fraction:
    """−p·log p − (1 − p)·log(1 − p), 0 < p < 1, to 40 digits."""
    with localcontext() as context:
        context.prec = 40
        parts = [Decimal(part.numerator) / part.denominator for part in (p, 1 - p)]
        return Fraction(-sum(part * part.ln() for part in parts))


LOSSES.register(
    Loss(
        name="bce",
        label="the binary cross-entropy",
        layer=SigmoidCrossEntropy,
        weight=lambda n_examples: 1.0 / n_examples,
        row=row,
        whole=lambda total: total,
        second=lambda y, c: c * (y * (1.0 - y)),
        mixed=entropy,
        output="sigmoid",
        elsewhere=("BCEWithLogitsLoss", "BCELoss", "BinaryCrossentropy", "binary_crossentropy", "log_loss"),
    )
)
