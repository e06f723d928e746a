"""Softplus: log(1 + e^z), a smooth ReLU (Dugas et al., NIPS 2000)."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number, absolute, maximum
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class Softplus:
    """`log(1 + exp(x))`, written so that nothing overflows."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.logaddexp(x, x.dtype.type(0))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` times the sigmoid of x."""
        z: Array = np.exp(-np.abs(self.x))
        one = z.dtype.type(1)
        return dout * (np.where(self.x >= 0, one, z) / (one + z))


def value(z: Number, k: Settings) -> Number:
    """max(z, 0) + log(1 + e^−|z|)."""
    return maximum(z, 0.0) + functions.log1p_unit(functions.exp_below_one(-absolute(z)))


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient times σ(z)."""
    return g * functions.sigmoid(z)


def second(z: Number, a: Number, k: Settings) -> Number:
    """σ(z)(1 − σ(z))."""
    y = functions.sigmoid(z)
    return y * (1.0 - y)


register(
    Activation(
        name="softplus", label="softplus", layer=lambda condition: Softplus(), value=value, back=back, second=second
    )
)
