"""The logistic sigmoid, 1/(1 + e^−z)."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class Sigmoid:
    """`1 / (1 + exp(-x))`, written so that nothing overflows."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        z = np.exp(-np.abs(x))
        one = x.dtype.type(1)
        self.y = np.where(x >= 0, one, z) / (one + z)
        return self.y

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` times σ(1 − σ)."""
        return dout * (self.y * (self.y.dtype.type(1) - self.y))


def value(z: Number, k: Settings) -> Number:
    """σ(z)."""
    return functions.sigmoid(z)


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient times a(1 − a)."""
    return g * (a * (1.0 - a))


register(
    Activation(
        name="sigmoid",
        label="sigmoid",
        layer=lambda condition: Sigmoid(),
        value=value,
        back=back,
        second=lambda z, a, k: a * (1.0 - a) * (1.0 - 2.0 * a),
        output=True,
        half_at=0.0,
    )
)
