"""Networks at their final parameters: forward and backward once more, in the dtype of the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import arrays as arithmetic
from nnxor.condition import Condition
from nnxor.network.draws import Weights


@dataclass(frozen=True)
class Ending:
    """R networks at their final parameters.

    Row by row pre-activations `z` (H, R) and predictions `y` (R,); `loss`, `norm` (of the gradient), whether all is
    `finite` (loss and norm are NaN where it is not) and whether the success rule `holds`, of shape (R,).
    """

    z: list[NDArray[Any]]
    y: list[NDArray[Any]]
    loss: NDArray[Any]
    norm: NDArray[Any]
    finite: NDArray[np.bool_]
    holds: NDArray[np.bool_]


def ending(condition: Condition, weights: Weights) -> Ending:
    """What the networks with these weights are like, by the protocol's operations in the protocol's order."""
    z = arithmetic.preactivations(condition, weights)
    a = arithmetic.activations(condition, z)
    s = arithmetic.scores(weights, a)
    y = arithmetic.predictions(condition, s)
    error, weighted = arithmetic.errors(condition, y)
    loss = arithmetic.loss(condition, s, y)
    of_score = [arithmetic.through_output(condition, *row) for row in zip(s, y, weighted, strict=True)]
    norm = _gradient_norm(condition, arithmetic.gradients(condition, weights, z, a, of_score))
    finite = _finite([*weights.arrays(), *y, loss, norm])
    loss, norm = np.where(finite, loss, np.nan), np.where(finite, norm, np.nan)
    return Ending(z, y, loss, norm, finite, arithmetic.solved(condition, s, error, loss))


def _gradient_norm(condition: Condition, gradient: Weights) -> NDArray[np.floating]:
    parts = gradient.arrays() if condition.bias else (gradient.W1, gradient.W2)
    squares = [part.reshape(-1, part.shape[-1]) ** 2 for part in parts]
    return np.asarray(np.sqrt(arithmetic.in_order(row for part in squares for row in part)))


def _finite(arrays: list[NDArray[Any]]) -> NDArray[np.bool_]:
    rows = [np.isfinite(array).reshape(-1, array.shape[-1]).all(axis=0) for array in arrays]
    return np.asarray(np.logical_and.reduce(rows))
