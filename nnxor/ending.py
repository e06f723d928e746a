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
    gradient = zip(PARAMETERS, networks.gradients(weights, look).arrays(), strict=True)
    moving = [part.reshape(-1, part.shape[-1]) ** 2 for name, part in gradient if name not in condition.frozen]
    norm = np.asarray(np.sqrt(in_order(row for squares in moving for row in squares)))
    numbers = [*weights.arrays(), *look.y, look.loss, norm]
    finite = np.logical_and.reduce([np.isfinite(each).reshape(-1, each.shape[-1]).all(axis=0) for each in numbers])
    loss, norm = np.where(finite, look.loss, np.nan), np.where(finite, norm, np.nan)
    return Ending(look.z, look.y, loss, norm, finite, look.solved)
