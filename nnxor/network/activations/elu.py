"""The exponential linear unit with α = 1: z above 0, e^z − 1 below (Clevert, Unterthiner & Hochreiter, ICLR 2016)."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.arithmetic.numbers import minimum, where
from nnxor.network.entries import Activation

ENTRY = Activation(
    name="elu",
    label="ELU",
    readable=lambda condition: (
        lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
        lambda x, y: np.exp(np.minimum(x, 0)),
    ),
    value=lambda z, k: where(z > 0.0, z, functions.expm1(minimum(0.0, z))),
    back=lambda z, a, g, k: where(z > 0.0, g, g * (a + 1.0)),
    second=lambda z, a, k: where(z > 0.0, 0.0 * z, a + 1.0),
)
