"""Networks at their final parameters: forward and backward once more, in the dtype of the training."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.networks import Networks
from nnxor.arithmetic.numbers import in_order
from nnxor.condition import Condition
from nnxor.network.draws import PARAMETERS, Weights


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
    networks = Networks(condition)
    look = networks.look(weights)
    loss, norm = look.loss, _gradient_norm(condition, networks.gradients(weights, look))
    finite = _finite([*weights.arrays(), *look.y, loss, norm])
    loss, norm = np.where(finite, loss, np.nan), np.where(finite, norm, np.nan)
    return Ending(look.z, look.y, loss, norm, finite, look.solved)


def _gradient_norm(condition: Condition, gradient: Weights) -> NDArray[np.floating]:
    parts = [part for name, part in zip(PARAMETERS, gradient.arrays(), strict=True) if name not in condition.frozen]
    squares = [part.reshape(-1, part.shape[-1]) ** 2 for part in parts]
    return np.asarray(np.sqrt(in_order(row for part in squares for row in part)))


def _finite(arrays: list[NDArray[Any]]) -> NDArray[np.bool_]:
    rows = [np.isfinite(array).reshape(-1, array.shape[-1]).all(axis=0) for array in arrays]
    return np.asarray(np.logical_and.reduce(rows))
