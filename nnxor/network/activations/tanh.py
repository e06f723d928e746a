"""The hyperbolic tangent."""

import numpy as np

from nnxor.arithmetic import functions
from nnxor.network.entries import Activation

ENTRY = Activation(
    name="tanh",
    label="tanh",
    readable=lambda condition: (np.tanh, lambda x, y: 1 - y * y),
    value=lambda z, k: functions.tanh(z),
    back=lambda z, a, g, k: g * (1.0 - a * a),
    second=lambda z, a, k: -2.0 * a * (1.0 - a * a),
    output=True,
)
