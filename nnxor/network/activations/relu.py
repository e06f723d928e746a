"""ReLU: z above 0, and 0 below."""

import numpy as np

from nnxor.arithmetic.numbers import Number, where
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class ReLU:
    """`max(x, 0)`; the derivative at exactly 0 is `at_zero`, 0 or 1."""

    def __init__(self, at_zero: int = 0) -> None:
        self.at_zero = at_zero

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.where(x > 0, x, x.dtype.type(0))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` where the unit was active, else 0."""
        active = self.x >= 0 if self.at_zero else self.x > 0
        return np.where(active, dout, dout.dtype.type(0))


def value(z: Number, k: Settings) -> Number:
    """Z where it is above 0; not a number counts as not active."""
    return where(z > 0.0, z, 0.0)


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient where the unit is active, that is where a is above 0: kernels then need not know z."""
    return where(z >= 0.0 if k.relu_at_zero else a > 0.0, g, 0.0)


register(
    Activation(
        name="relu",
        label="ReLU",
        settings=("relu_at_zero",),
        layer=lambda condition: ReLU(condition.relu_at_zero),
        value=value,
        back=back,
        second=lambda z, a, k: 0.0 * z,
        slopes=lambda condition: (0.0, 1.0),
        can_die=True,
        dead_rest=lambda condition: not condition.relu_at_zero,
        output=True,
    )
)
