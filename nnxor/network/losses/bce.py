"""The binary cross-entropy of a sigmoid output: the mean of −t·log y − (1 − t)·log(1 − y) with y = σ(s), in nats.

Written as max(s, 0) − s·t + log(1 + e^−|s|), which no logit overflows; its gradient with respect to s is (σ(s) − t)/N.
"""

from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import scipy

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number, absolute, maximum
from nnxor.network.entries import Loss


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


ENTRY = Loss(
    name="bce",
    label="the binary cross-entropy",
    readable=(lambda s, t: np.logaddexp(s, 0) - s * t, lambda s, t: scipy.special.expit(s) - t, True),
    weight=lambda n_examples: 1.0 / n_examples,
    row=row,
    whole=lambda total: total,
    second=lambda y, c: c * (y * (1.0 - y)),
    mixed=entropy,
    output="sigmoid",
    elsewhere=("BCEWithLogitsLoss", "BCELoss", "BinaryCrossentropy", "binary_crossentropy", "log_loss"),
)
