"""The numba engine: blocks of trainings, compiled once a machine, outside the GIL."""

from __future__ import annotations

import numpy as np

from nnxor import arithmetic
from nnxor.condition import Condition, Success
from nnxor.draws import Weights
from nnxor.engines.kernels import LANES, general_kernel, square_kernel
from nnxor.engines.trace import Trace, Trained
from nnxor.losses import error_weight
from nnxor.protocol import tail_part


def train(condition: Condition, success: Success, start: Weights) -> Trained:
    """Train every network of `start` by full-batch gradient descent."""
    dtype = condition.numpy_dtype
    number = dtype.type
    n = start.n_networks
    padding = -n % LANES
    W1, b1, W2, b2 = (
        np.pad(array.astype(dtype), [(0, 0)] * (array.ndim - 1) + [(0, padding)]) for array in start.arrays()
    )
    trace = Trace.empty(n + padding)
    lr, lr_bias = arithmetic.steps(condition)
    make = square_kernel if condition.task.is_square else general_kernel
    kernel = make(leaky=condition.activation == "leaky_relu", at_zero=bool(condition.relu_at_zero))
    kernel(
        W1, b1, W2, b2,
        condition.task.x(dtype), condition.task.t(dtype),
        number(error_weight(condition.loss, condition.task.n_rows)),
        lr, lr_bias, number(condition.slope), number(success.tolerance),
        condition.epochs, tail_part(condition.epochs), number(0), number(0.5),
        trace.last_unsolved, trace.first_death, trace.tail,
    )  # fmt: skip
    return Trained(
        Weights(W1[..., :n], b1[..., :n], W2[..., :n], b2[:n]),
        Trace(trace.last_unsolved[:n], trace.first_death[:n], trace.tail[:, :n]),
    )
