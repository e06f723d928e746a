"""Leaky ReLU: z above 0, and a fraction of it below (Maas, Hannun & Ng, ICML workshop, 2013)."""

import numpy as np

from nnxor.arithmetic.numbers import Number, where
from nnxor.network.entries import Activation, Settings, register
from nnxor.network.layers import Array


class LeakyReLU:
    """`x` above 0 and `slope * x` below; the derivative at exactly 0 is `slope`, or 1 if `at_zero`."""

    def __init__(self, slope: float, at_zero: int = 0) -> None:
        self.slope = slope
        self.at_zero = at_zero

    def forward(self, x: Array) -> Array:
        """Activations, shape of x."""
        self.x = x
        return np.where(x > 0, x, x * x.dtype.type(self.slope))

    def backward(self, dout: Array) -> Array:
        """Gradient with respect to x: `dout` where the unit was active, else `slope * dout`."""
        active = self.x >= 0 if self.at_zero else self.x > 0
        return np.where(active, dout, dout * dout.dtype.type(self.slope))


def value(z: Number, k: Settings) -> Number:
    """Z where it is above 0, else z times the slope."""
    return where(z > 0.0, z, z * k.slope)


def back(z: Number, a: Number, g: Number, k: Settings) -> Number:
    """The gradient where the unit is active, else the gradient times the slope."""
    return where(z >= 0.0 if k.relu_at_zero else z > 0.0, g, g * k.slope)


register(
    Activation(
        name="leaky_relu",
        label="leaky ReLU",
        settings=("slope", "relu_at_zero"),
        layer=lambda condition: LeakyReLU(condition.slope, condition.relu_at_zero),
        value=value,
        back=back,
        second=lambda z, a, k: 0.0 * z,
        slopes=lambda condition: (condition.slope, 1.0),
    )
)
