"""The logistic sigmoid, 1/(1 + e^−z)."""

import scipy

from nnxor.arithmetic import functions
from nnxor.network.entries import Activation

ENTRY = Activation(
    name="sigmoid",
    label="sigmoid",
    readable=lambda condition: (lambda x: scipy.special.expit(x), lambda x, y: y * (1 - y)),
    value=lambda z, k: functions.sigmoid(z),
    back=lambda z, a, g, k: g * (a * (1.0 - a)),
    second=lambda z, a, k: a * (1.0 - a) * (1.0 - 2.0 * a),
    output=True,
    half_at=0.0,
)
