"""Leaky ReLU: z above 0, and a fraction of it below (Maas, Hannun & Ng, ICML workshop, 2013)."""

import numpy as np

from nnxor.arithmetic.numbers import where
from nnxor.network.entries import Activation

ENTRY = Activation(
    name="leaky_relu",
    label="leaky ReLU",
    settings=("slope", "relu_at_zero"),
    readable=lambda condition: (
        lambda x: np.where(x > 0, x, x * condition.slope),
        lambda x, y: np.where(x >= 0 if condition.relu_at_zero else x > 0, 1, condition.slope),
    ),
    value=lambda z, k: where(z > 0.0, z, z * k.slope),
    back=lambda z, a, g, k: where(z >= 0.0 if k.relu_at_zero else z > 0.0, g, g * k.slope),
    second=lambda z, a, k: 0.0 * z,
    slopes=lambda condition: (condition.slope, 1.0),
)
