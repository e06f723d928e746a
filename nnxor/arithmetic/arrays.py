"""The protocol's arithmetic: one fixed order of operations, for R networks at a time.

Every fast engine performs these operations in this order on each training, so that all give the
same bits in the same dtype (only +, −, ×, ÷, √ and comparisons; no fused multiply-add, no BLAS).
Where tanh, exp or log take part (tanh, sigmoid, bce), engines agree within rounding instead:

- pre-activation of a row: the bias, then + x·W for each input that is not 0, in column order;
- score of a row: the output bias, then + activation·weight for each unit in order; the prediction
  is the output function of the score;
- weighted error of a row: c·(y − t), with c from `error_weights`;
- loss: ½ of the sum over rows, in order, of weighted error times error (bce: `loss`);
- each gradient: the sum over rows in order, starting from the first term; for an input's weights
  only the rows where that input is not 0;
- update: `nnxor.network.optimizers`.

Arrays hold networks along their last axis: `W1` (D, H, R), `b1` and `W2` (H, R), `b2` (R,).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES

if TYPE_CHECKING:
    from nnxor.condition import Condition

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
    """Activations from pre-activations, one array (H, R) a row; ReLU takes NaN for not active."""
    entry = ACTIVATIONS[condition.activation]
    return [entry.value(row, entry.k(condition)) for row in z]


def through_activation(condition: Condition, z: Array, a: Array, gradient: Array) -> Array:
    """Gradient with respect to z from that with respect to the activation a, same shape."""
    entry = ACTIVATIONS[condition.activation]
    return np.asarray(entry.back(z, a, gradient, entry.k(condition)))


def scores(weights: Weights, a: list[Array]) -> list[Array]:
    """What the output function is applied to, one array (R,) a row."""
    return [in_order([weights.b2, *(row * weights.W2)]) for row in a]


def predictions(condition: Condition, s: list[Array]) -> list[Array]:
    """Predictions from scores, one array (R,) a row; an output relu takes NaN for not active."""
    entry = OUTPUTS[condition.output]
    return [entry.value(row, entry.k(condition)) for row in s]


def through_output(condition: Condition, s: Array, y: Array, weighted: Array) -> Array:
    """Gradient with respect to the score, from the weighted error of a prediction; for logits they are the same."""
    entry = OUTPUTS[condition.output]
    return weighted if LOSSES[condition.loss].logits else np.asarray(entry.back(s, y, weighted, entry.k(condition)))


def error_weights(condition: Condition) -> Array:
    """The factor c of each row's error, shape (N,): the loss's, times how often the row counts."""
    task = condition.task
    dtype = condition.numpy_dtype
    return np.asarray(dtype.type(LOSSES[condition.loss].weight(task.n_examples)) * task.times.astype(dtype))


def errors(condition: Condition, y: list[Array]) -> tuple[list[Array], list[Array]]:
    """Errors y − t and weighted errors, one array (R,) a row each."""
    plain = [row - t for row, t in zip(y, condition.task.t(condition.numpy_dtype), strict=True)]
    return plain, [c * error for c, error in zip(error_weights(condition), plain, strict=True)]


def loss(condition: Condition, s: list[Array], y: list[Array]) -> Array:
    """The loss of each network, shape (R,), from scores and predictions."""
    entry, t = LOSSES[condition.loss], condition.task.t(condition.numpy_dtype)
    terms = [entry.row(s[n], y[n], t[n], c)[0] for n, c in enumerate(error_weights(condition))]
    return np.asarray(entry.whole(in_order(terms)))


def gradients(condition: Condition, weights: Weights, z: list[Array], a: list[Array], of_score: list[Array]) -> Weights:
    """Gradient of the loss with respect to every parameter, in the shapes of the parameters.

    `of_score` is the gradient with respect to each row's score, see `through_output`.
    """
    g = [
        through_activation(condition, z_row, a_row, error * weights.W2)
        for z_row, a_row, error in zip(z, a, of_score, strict=True)
    ]
    x = condition.task.x(condition.numpy_dtype)
    no_row = np.zeros_like(weights.b1)
    columns = [
        in_order(x[n, d] * g[n] for n in np.flatnonzero(x[:, d])) if x[:, d].any() else no_row
        for d in range(x.shape[1])
    ]
    dW2 = in_order(row * error for row, error in zip(a, of_score, strict=True))
    return Weights(np.stack(columns), in_order(g), dW2, in_order(of_score))


def solved(condition: Condition, s: list[Array], plain: list[Array], value: Array) -> NDArray[np.bool_]:
    """Whether the success rule holds, shape (R,), from scores, errors and loss; never where they are no numbers."""
    number, rule = condition.numpy_dtype.type, condition.success
    if rule.rule == "loss":
        return np.asarray(value <= number(rule.tolerance))
    if rule.rule == "margin":
        return reduce(np.logical_and, [np.abs(error) < number(rule.tolerance) for error in plain])
    boundary = number(0 if condition.output == "sigmoid" else 0.5)
    ties = rule.ties == "pass"
    sides = [
        (row > boundary if t > 0.5 else row < boundary) | (ties & (row == boundary))
        for row, t in zip(s, condition.task.targets, strict=True)
    ]
    return reduce(np.logical_and, sides)


def steps(condition: Condition) -> tuple[np.floating, np.floating]:
    """The learning rates of weights and of biases: biases of a network without biases stay 0."""
    number = condition.numpy_dtype.type
    return number(condition.lr), number(condition.lr if condition.bias else 0)


def any_active(condition: Condition, z: list[Array]) -> NDArray[np.bool_]:
    """Whether a unit is alive: pre-activation above 0 on some row; shape (H, R). Smooth units always are."""
    if condition.smooth:
        return np.ones(z[0].shape, np.bool_)
    return reduce(np.logical_or, [row > 0 for row in z])
