"""The numba engine: blocks of trainings, compiled once a machine, outside the GIL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnxor import arithmetic
from nnxor.condition import Condition, Success
from nnxor.draws import Weights
from nnxor.engines.kernels import search_kernel, settling_kernels
from nnxor.engines.repeats import checkpoint_epochs, watched
from nnxor.engines.trace import Trace, Trained
from nnxor.losses import error_weight
from nnxor.protocol import tail_part


def train(condition: Condition, success: Success, start: Weights, *, jump: bool = True) -> Trained:
    """Train every network of `start` by full-batch gradient descent.

    A training whose parameters repeat exactly is not run to its end: what is left follows from
    one period. `jump=False` runs every epoch instead; what comes out is the same, bit for bit.
    """
    dtype = condition.numpy_dtype
    number = dtype.type
    square, leaky, at_zero = condition.task.is_square, condition.activation == "leaky_relu", condition.relu_at_zero == 1
    search, (locate, around, chase) = search_kernel(square, leaky, at_zero), settling_kernels(square)
    lr, lr_bias = arithmetic.steps(condition)
    task = (condition.task.x(dtype), condition.task.t(dtype))
    numbers = (
        number(error_weight(condition.loss, condition.task.n_rows)),
        lr, lr_bias, number(condition.slope), number(0), number(0.5),
    )  # fmt: skip
    tolerance, epochs, part = number(success.tolerance), condition.epochs, tail_part(condition.epochs)

    was_alive = _alive(condition, start.astype(dtype))
    checkpoints = checkpoint_epochs(epochs)
    periods_below = np.array([watched(c) for c in checkpoints])
    table = _table(start.astype(dtype))
    states = np.empty((len(checkpoints), *table.shape), dtype)
    states[0] = table
    trace = Trace.empty(start.n_networks)
    found_at, jumped = np.zeros_like(trace.period), np.zeros(start.n_networks, bool)
    search(
        states, checkpoints, periods_below, np.where(was_alive, number(0), number(1)), task, numbers,
        tolerance, epochs, part, jump,
        trace.last_unsolved, trace.first_death, trace.tail, trace.period, found_at, jumped,
    )  # fmt: skip
    final = states[-1].copy()  # a view would keep all of them

    found = np.flatnonzero(trace.period > 0)
    origin = np.maximum(found_at - 1, 0)
    hare = np.empty_like(table)
    # A period too long for the checkpoint before may have begun long before it.
    far = found[trace.period[found] >= periods_below[origin[found]]]
    period, kind = trace.period, (leaky, at_zero)
    locate(states, checkpoints, _sorted(far, period), found_at, period, kind, task, numbers, origin)
    around(
        states, checkpoints, _sorted(found, period), found_at, origin, period, kind, task, numbers,
        tolerance, epochs, part, jumped, trace.last_unsolved, trace.tail, final, hare,
    )  # fmt: skip
    chase(states, checkpoints, hare, _sorted(found, origin), origin, kind, task, numbers, trace.settled_epoch)

    weights = _weights(final, condition)
    died = (was_alive & ~_alive(condition, weights)).any(axis=0)
    trace.first_death[died & (trace.first_death < 0)] = epochs
    return Trained(weights, trace)


def _sorted(trainings: NDArray[np.intp], by: NDArray[np.int32]) -> NDArray[np.intp]:
    """The trainings by a number of theirs, so that those of a block take about as many epochs."""
    return trainings[np.argsort(by[trainings], kind="stable")]


def _table(weights: Weights) -> NDArray[np.floating]:
    """All parameters of a training as one column: the rows of W1, then b1, W2 and b2."""
    return np.concatenate([array.reshape(-1, weights.n_networks) for array in weights.arrays()])


def _weights(table: NDArray[np.floating], condition: Condition) -> Weights:
    """The inverse of `_table`."""
    D, H = condition.task.n_inputs, condition.hidden
    first, b1, W2, b2 = np.split(table, [D * H, (D + 1) * H, (D + 2) * H])
    return Weights(first.reshape(D, H, -1), b1, W2, b2[0])


def _alive(condition: Condition, weights: Weights) -> NDArray[np.bool_]:
    """Whether each unit is alive, shape (H, R)."""
    with np.errstate(all="ignore"):
        return arithmetic.any_active(arithmetic.preactivations(condition, weights))
