"""The numba engine: blocks of trainings, compiled once a machine, outside the GIL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnxor import arithmetic
from nnxor.condition import Condition
from nnxor.draws import Weights
from nnxor.engines import general
from nnxor.engines.square import LANES, square_kernel
from nnxor.engines.trace import Trace, Trained
from nnxor.losses import error_weight
from nnxor.protocol import tail_part
from nnxor.shuffles import streams


def train(condition: Condition, start: Weights, seeds: NDArray[np.integer] | range | None = None) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches, if there are any."""
    n = start.n_networks
    padding = -n % LANES
    stream = np.pad(streams(condition, seeds, n), (0, padding))
    weights = Weights(
        *(
            np.pad(array.astype(condition.numpy_dtype), [(0, 0)] * (array.ndim - 1) + [(0, padding)])
            for array in start.arrays()
        )
    )
    trace = Trace.empty(n + padding)
    if fits_square(condition):
        _train_square(condition, weights, trace)
    else:
        general.kernel(*weights.arrays(), stream, general.settings(condition), *trace.arrays())
    return Trained(weights.take(slice(0, n)), trace.take(slice(0, n)))


def fits_square(condition: Condition) -> bool:
    """Whether the fast kernel can train this condition."""
    return (
        condition.task.is_square
        and condition.task.multiplicities is None
        and not condition.smooth
        and condition.output == "identity"
        and condition.loss != "bce"
        and condition.optimizer == "gd"
        and condition.batch_size is None
        and condition.success.rule == "loss"
    )


def variant(condition: Condition) -> tuple[object, ...]:
    """What is compiled for a condition: equal for those that one compilation serves."""
    if fits_square(condition):
        return ("square", condition.activation, condition.relu_at_zero, condition.dtype)
    return ("general", condition.dtype)


def _train_square(condition: Condition, weights: Weights, trace: Trace) -> None:
    dtype = condition.numpy_dtype
    number = dtype.type
    kernel = square_kernel(leaky=condition.activation == "leaky_relu", at_zero=bool(condition.relu_at_zero))
    kernel(
        *weights.arrays(),
        condition.task.t(dtype),
        number(error_weight(condition.loss, condition.task.n_rows)),
        *arithmetic.steps(condition), number(condition.slope), number(condition.success.tolerance),
        condition.epochs, tail_part(condition.epochs), number(0), number(0.5),
        *trace.arrays(),
    )  # fmt: skip
