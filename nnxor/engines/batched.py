"""The numpy engine: a batch of trainings along the last axis of every array."""

from __future__ import annotations

import numpy as np

from nnxor import arithmetic
from nnxor.arithmetic import Array
from nnxor.condition import Condition, Success
from nnxor.draws import Weights
from nnxor.engines.repeats import Search
from nnxor.engines.trace import Trace, Trained
from nnxor.protocol import TAIL_PARTS, tail_part


def train(condition: Condition, success: Success, start: Weights) -> Trained:
    """Train every network of `start` by full-batch gradient descent; every epoch is run."""
    dtype = condition.numpy_dtype
    weights = start.astype(dtype)
    trace, search = Trace.empty(weights.n_networks), Search(weights.n_networks)
    tolerance = dtype.type(success.tolerance)
    part = tail_part(condition.epochs)
    tail_start = condition.epochs - TAIL_PARTS * part
    z = arithmetic.preactivations(condition, weights)
    alive_at_start = arithmetic.any_active(z)
    with np.errstate(all="ignore"):
        for epoch in range(condition.epochs):
            search.look(epoch, weights)
            error, weighted = arithmetic.errors(condition, arithmetic.predictions(condition, weights, z))
            loss = arithmetic.loss(error, weighted)
            trace.last_unsolved[~(loss <= tolerance)] = epoch
            if epoch >= tail_start:
                trace.tail[(epoch - tail_start) // part] += loss
            _update(condition, weights, z, weighted)
            z = arithmetic.preactivations(condition, weights)
            died = (alive_at_start & ~arithmetic.any_active(z)).any(axis=0)
            trace.first_death[died & (trace.first_death < 0)] = epoch + 1
        trace.settled_epoch[:] = search.settled_epoch(start.astype(dtype), lambda at: advance(condition, at))
    trace.period[:] = search.period
    return Trained(weights, trace)


def _update(condition: Condition, weights: Weights, z: list[Array], weighted: list[Array]) -> None:
    """One step of gradient descent, in place."""
    lr, lr_bias = arithmetic.steps(condition)
    gradient = arithmetic.gradients(condition, weights, z, weighted)
    for parameter, slope, step in zip(weights.arrays(), gradient.arrays(), (lr, lr_bias, lr, lr_bias), strict=True):
        parameter -= step * slope


def advance(condition: Condition, weights: Weights) -> Weights:
    """The weights an epoch later."""
    z = arithmetic.preactivations(condition, weights)
    _, weighted = arithmetic.errors(condition, arithmetic.predictions(condition, weights, z))
    _update(condition, weights, z, weighted)
    return weights
