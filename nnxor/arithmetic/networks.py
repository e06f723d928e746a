"""The arithmetic of an epoch on arrays: R networks of one condition, along the last axis.

`Weights` hold W1 (D, H, R), b1 and W2 (H, R), b2 (R,); a list over the rows of the task holds pre-activations and
activations (H, R), scores and predictions (R,).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nnxor.arithmetic.epoch import Row, Rules, gradients, preactivation, rows_of
from nnxor.arithmetic.numbers import in_order, some
from nnxor.arrays import Floats, Mask
from nnxor.network.draws import PARAMETERS, Weights

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.network.tasks import Task


@dataclass(frozen=True)
class Look:
    """What networks do on all rows."""

    z: list[Floats]  # pre-activations, row by row
    y: list[Floats]  # predictions, row by row
    loss: Floats  # (R,)
    solved: Mask  # whether the success rule holds, (R,)
    gradient: Weights  # of the loss with respect to every parameter


class Networks:
    """Computes what R networks of a condition do, on the rows of its task or of another."""

    def __init__(self, condition: Condition, task: Task | None = None) -> None:
        self.condition, self.rules, self.rows = condition, Rules(condition), rows_of(task or condition.task, condition)

    def look(self, weights: Weights, rows: list[Row] | None = None) -> Look:
        """What the networks do on the rows of the task, or on others."""
        rules, rows = self.rules, rows or self.rows
        z = [preactivation(row.inputs, weights.W1, weights.b1) for row in rows]
        a = [rules.activation.value(row, rules.k) for row in z]
        scores = [in_order([weights.b2, *(row * weights.W2)]) for row in a]
        ends = zip(*map(rules.at_output, scores, rows), strict=True)
        y, terms, of_score, fine = map(list, ends)
        loss = rules.total(terms)
        g = [rules.through_unit(x, row, weights.W2, f) for x, row, f in zip(z, a, of_score, strict=True)]
        *of_inputs, of_bias, of_out = gradients(rows, a, g, of_score, np.zeros_like(weights.b1))
        gradient = Weights(np.stack(of_inputs), of_bias, of_out, in_order(of_score))
        return Look(z, y, loss, rules.solved(loss, fine), gradient)


def preactivations(condition: Condition, weights: Weights) -> list[Floats]:
    """Pre-activation of every unit, one array (H, R) a row of the task."""
    return [preactivation(row.inputs, weights.W1, weights.b1) for row in rows_of(condition.task, condition)]


def any_active(condition: Condition, z: list[Floats]) -> Mask:
    """Whether a unit is alive: pre-activation above 0 on some row; shape (H, R). Smooth units always are."""
    return np.ones(z[0].shape, np.bool_) if condition.smooth else np.asarray(some(row > 0 for row in z))


def alive(condition: Condition, weights: Weights) -> Mask:
    """Whether each unit is alive, shape (H, R)."""
    with np.errstate(all="ignore"):
        return any_active(condition, preactivations(condition, weights))


@dataclass(frozen=True)
class Ending(Look):
    """R networks at their final parameters; loss and `norm` (of the gradient) are NaN where not all is `finite`."""

    norm: Floats
    finite: Mask


def ending(condition: Condition, weights: Weights) -> Ending:
    """What the networks with these weights are like, by the protocol's operations in the protocol's order."""
    look = Networks(condition).look(weights)
    gradient = zip(PARAMETERS, look.gradient, strict=True)
    moving = [part.reshape(-1, part.shape[-1]) ** 2 for name, part in gradient if name not in condition.frozen]
    norm = np.asarray(np.sqrt(in_order(row for squares in moving for row in squares)))
    numbers = [*weights, *look.y, look.loss, norm]
    finite = np.logical_and.reduce([np.isfinite(each).reshape(-1, each.shape[-1]).all(axis=0) for each in numbers])
    whole = {"loss": np.where(finite, look.loss, np.nan), "norm": np.where(finite, norm, np.nan), "finite": finite}
    return Ending(**{**vars(look), **whole})
