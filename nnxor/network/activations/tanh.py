"""The hyperbolic tangent."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class Tanh:
    """`tanh(x)`."""

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.y: Array = np.tanh(x)
        return self.y

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` times 1 − tanh²."""
        return dout * (self.y.dtype.type(1) - self.y * self.y)


def value(z: Number, k: Settings) -> Number:
    """tanh(z)."""
    return functions.tanh(z)


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient times 1 − a²."""
    return g * (1.0 - a * a)


register(
    Activation(
        name="tanh",
        label="tanh",
        layer=lambda condition: Tanh(),
        value=value,
        back=back,
        second=lambda z, a, k: -2.0 * a * (1.0 - a * a),
        output=True,
    )
)
