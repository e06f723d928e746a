"""The numpy engine: a batch of trainings along the last axis of every array."""

from __future__ import annotations

import numpy as np

from nnxor import arithmetic
from nnxor.condition import Condition, Success
from nnxor.draws import Weights
from nnxor.engines.trace import Trace, Trained
from nnxor.protocol import TAIL_PARTS, tail_part


def train(condition: Condition, success: Success, start: Weights) -> Trained:
    """Train every network of `start` by full-batch gradient descent."""
    dtype = condition.numpy_dtype
    weights = start.astype(dtype)
    trace = Trace.empty(weights.n_networks)
    lr, lr_bias = arithmetic.steps(condition)
    tolerance = dtype.type(success.tolerance)
    part = tail_part(condition.epochs)
    tail_start = condition.epochs - TAIL_PARTS * part
    z = arithmetic.preactivations(condition, weights)
    alive_at_start = arithmetic.any_active(z)
    with np.errstate(all="ignore"):
        for epoch in range(condition.epochs):
            a = arithmetic.activations(condition, z)
            error, weighted = arithmetic.errors(condition, arithmetic.predictions(weights, a))
            loss = arithmetic.loss(error, weighted)
            trace.last_unsolved[~(loss <= tolerance)] = epoch
            if epoch >= tail_start:
                trace.tail[(epoch - tail_start) // part] += loss
            gradient = arithmetic.gradients(condition, weights, z, a, weighted)
            for parameter, slope, step in zip(
                weights.arrays(), gradient.arrays(), (lr, lr_bias, lr, lr_bias), strict=True
            ):
                parameter -= step * slope
            z = arithmetic.preactivations(condition, weights)
            died = (alive_at_start & ~arithmetic.any_active(z)).any(axis=0)
            trace.first_death[died & (trace.first_death < 0)] = epoch + 1
    return Trained(weights, trace)
