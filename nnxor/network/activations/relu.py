"""ReLU: z above 0, and 0 below; what is not a number counts as not active."""

import numpy as np

from nnxor.arithmetic.numbers import where
from nnxor.network.entries import Activation

ENTRY = Activation(
    name="relu",
    label="ReLU",
    settings=("relu_at_zero",),
    readable=lambda condition: (
        lambda x: np.where(x > 0, x, 0),
        lambda x, y: x >= 0 if condition.relu_at_zero else x > 0,
    ),
    value=lambda z, k: where(z > 0.0, z, 0.0),
    # where a is above 0 rather than z: then kernels need not know z
    back=lambda z, a, g, k: where(z >= 0.0 if k.relu_at_zero else a > 0.0, g, 0.0),
    second=lambda z, a, k: 0.0 * z,
    slopes=lambda condition: (0.0, 1.0),
    can_die=True,
    dead_rest=lambda condition: not condition.relu_at_zero,
    output=True,
)
