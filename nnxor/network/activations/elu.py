"""The exponential linear unit with α = 1 (Clevert, Unterthiner & Hochreiter, ICLR 2016)."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number, minimum, where
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class ELU:
    """`x` above 0 and `exp(x) - 1` below."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` above 0, and times exp(x) below."""
        return dout * np.exp(np.minimum(self.x, 0))


def value(z: Number, k: Settings) -> Number:
    """Z where it is above 0, else e^z − 1."""
    return where(z > 0.0, z, functions.expm1(minimum(0.0, z)))


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient where z is above 0, else the gradient times e^z."""
    return where(z > 0.0, g, g * (a + 1.0))


register(
    Activation(
        name="elu",
        label="ELU",
        layer=lambda condition: ELU(),
        value=value,
        back=back,
        second=lambda z, a, k: where(z > 0.0, 0.0 * z, a + 1.0),
    )
)
