"""Softplus, a smooth ReLU: log(1 + e^z), as max(z, 0) + log(1 + e^−|z|) against overflow (Dugas et al., NIPS 2000)."""

import numpy as np
import scipy

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number, absolute, maximum
from nnxor.network.entries import Activation, Settings


def second(z: Number, a: Number, k: Settings) -> Number:
    """σ(z)(1 − σ(z))."""
    y = functions.sigmoid(z)
    return y * (1.0 - y)


ENTRY = Activation(
    name="softplus",
    label="softplus",
    readable=lambda condition: (lambda x: np.logaddexp(x, 0), lambda x, y: scipy.special.expit(x)),
    value=lambda z, k: maximum(z, 0.0) + functions.log1p_unit(functions.exp_below_one(-absolute(z))),
    back=lambda z, a, g, k: g * functions.sigmoid(z),
    second=second,
)
