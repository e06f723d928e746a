"""Functions that are not a processor's operation. A stand-in: NumPy's, for arrays alone."""

from __future__ import annotations

import numpy as np

from nnxor.arithmetic.numbers import Number, absolute, where


def exp(x: Number) -> Number:
    """e^x."""
    return np.exp(x)


def log1p(x: Number) -> Number:
    """log(1 + x)."""
    return np.log1p(x)


def tanh(x: Number) -> Number:
    """The hyperbolic tangent."""
    return np.tanh(x)


def sigmoid(x: Number) -> Number:
    """1/(1 + e^−x)."""
    small = exp(-absolute(x))
    return where(x >= 0.0, 1.0 + 0.0 * small, small) / (1.0 + small)
