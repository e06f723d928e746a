"""The protocol's arithmetic: one fixed order of operations, for R networks at a time.

Every fast engine performs these operations in this order on each training, so that all give the
same bits in the same dtype (only +, −, × and comparisons; no fused multiply-add, no BLAS):

- pre-activation of a row: the bias, then + x·W for each input that is not 0, in column order;
- prediction of a row: the output bias, then + activation·weight for each unit in order;
- weighted error of a row: c·(y − t), with `nnxor.losses.error_weight`;
- loss: ½ of the sum over rows, in order, of weighted error times error;
- each gradient: the sum over rows in order, starting from the first term; for an input's weights
  only the rows where that input is not 0;
- update: parameter − lr·gradient.

Arrays hold networks along their last axis: `W1` (D, H, R), `b1` and `W2` (H, R), `b2` (R,).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.draws import Weights
from nnxor.losses import error_weight

Array = NDArray[np.floating]


def in_order(terms: Iterable[Array]) -> Array:
    """Sum of the terms from the first to the last."""
    return reduce(np.add, terms)


def preactivations(condition: Condition, weights: Weights) -> list[Array]:
    """Pre-activation of every unit, one array (H, R) a row."""
    rows = []
    for row in condition.task.x(condition.numpy_dtype):
        z = weights.b1
        for d, x in enumerate(row):
            if x != 0:
                z = z + x * weights.W1[d]
        rows.append(z)
    return rows


def activations(condition: Condition, z: list[Array]) -> list[Array]:
    """Activations from pre-activations, one array (H, R) a row; NaN counts as not active."""
    if condition.activation == "relu":
        return [np.fmax(row, row.dtype.type(0)) for row in z]
    slope = condition.numpy_dtype.type(condition.slope)
    return [np.where(row > 0, row, row * slope) for row in z]


def through_activation(condition: Condition, z: Array, gradient: Array) -> Array:
    """Gradient with respect to z from that with respect to the activation, same shape."""
    active = z >= 0 if condition.relu_at_zero else z > 0
    if condition.activation == "relu":
        return np.where(active, gradient, gradient.dtype.type(0))
    return np.where(active, gradient, gradient * gradient.dtype.type(condition.slope))


def predictions(weights: Weights, a: list[Array]) -> list[Array]:
    """Predictions from activations, one array (R,) a row."""
    return [in_order([weights.b2, *(row * weights.W2)]) for row in a]


def errors(condition: Condition, y: list[Array]) -> tuple[list[Array], list[Array]]:
    """Errors y − t and weighted errors, one array (R,) a row each."""
    c = condition.numpy_dtype.type(error_weight(condition.loss, condition.task.n_rows))
    plain = [row - t for row, t in zip(y, condition.task.t(condition.numpy_dtype), strict=True)]
    return plain, [c * error for error in plain]


def loss(plain: list[Array], weighted: list[Array]) -> Array:
    """The loss of each network, shape (R,)."""
    half = plain[0].dtype.type(0.5)
    return half * in_order(w * e for w, e in zip(weighted, plain, strict=True))


def gradients(condition: Condition, weights: Weights, z: list[Array], a: list[Array], weighted: list[Array]) -> Weights:
    """Gradient of the loss with respect to every parameter, in the shapes of the parameters."""
    g = [through_activation(condition, row, error * weights.W2) for row, error in zip(z, weighted, strict=True)]
    x = condition.task.x(condition.numpy_dtype)
    no_row = np.zeros_like(weights.b1)
    columns = [
        in_order(x[n, d] * g[n] for n in np.flatnonzero(x[:, d])) if x[:, d].any() else no_row
        for d in range(x.shape[1])
    ]
    dW2 = in_order(row * error for row, error in zip(a, weighted, strict=True))
    return Weights(np.stack(columns), in_order(g), dW2, in_order(weighted))


def steps(condition: Condition) -> tuple[np.floating, np.floating]:
    """The learning rates of weights and of biases: biases of a network without biases stay 0."""
    number = condition.numpy_dtype.type
    return number(condition.lr), number(condition.lr if condition.bias else 0)


def any_active(z: list[Array]) -> NDArray[np.bool_]:
    """Whether a unit is alive: pre-activation above 0 on some row; shape (H, R)."""
    return reduce(np.logical_or, [row > 0 for row in z])
