"""The output of a network that predicts numbers: the score itself."""

import numpy as np

from nnxor.network.entries import Activation

ENTRY = Activation(
    name="identity",
    label="identity",
    readable=lambda condition: (lambda x: x, lambda x, y: np.ones_like(x)),
    value=lambda z, k: z,
    back=lambda z, a, g, k: g,
    second=lambda z, a, k: 0.0 * z,
    slopes=lambda condition: (1.0, 1.0),
    hidden=False,
    output=True,
)
