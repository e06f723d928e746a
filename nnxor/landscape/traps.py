"""The traps of XOR that have names, and their levels in the loss that a condition trains on.

A ReLU network with biases that is stuck on XOR gives one prediction to rows of different targets: to two of them,
to three, or to all four, and fits the others. Half the sum of squared errors is then 1/4, 1/3 or 1/2, and so the traps
are called, whatever the loss: under another one the same rows share the best constant for them, at another level.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.network.activations import OUTPUTS
from nnxor.network.losses import LOSSES
from nnxor.network.tasks import Task

Groups = tuple[tuple[int, ...], ...]

MERGED = {"stuck_1/4": 2, "stuck_1/3": 3, "stuck_1/2": 4}
"""The outcomes of runs that are stuck at a named trap, and how many rows share one wrong prediction there."""


@lru_cache
def traps(condition: Condition) -> dict[str, float]:
    """The levels of the named traps by their outcomes, the lowest first; none where levels have no names.

    The task may have any inputs and targets as long as its four rows are the corners of a parallelogram with one
    target at either end of each diagonal. Activations other than relu, networks without biases or with frozen
    parameters, and a squared loss behind an output function rest at levels of their own, which have no names.
    """
    loss, task = LOSSES[condition.loss], condition.task
    plain = condition.rectified and condition.bias and condition.freeze is None
    convex = loss.seen_through(OUTPUTS[condition.output], condition)
    if not plain or not convex or (loss.logits and {*task.targets} != {0, 1}) or not is_xor_shaped(task):
        return {}
    apart = Fraction(max(task.targets)) - Fraction(min(task.targets))
    weight = int(task.times[0]) * Fraction(loss.weight(task.n_examples))
    return {trap: float(k * weight * loss.mixed(Fraction(k // 2, k)) * apart**2) for trap, k in MERGED.items()}


def known_traps(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """The levels of the named traps, a {task, loss, levels: {outcome: level}} for each task and loss there is."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for condition in conditions:
        which = condition.task.name, condition.loss
        if levels := found.get(which) or traps(condition):
            found[which] = levels
    return [{"task": task, "loss": loss, "levels": levels} for (task, loss), levels in found.items()]


@lru_cache
def is_xor_shaped(task: Task) -> bool:
    """Whether the task is XOR but for an affine map of inputs and targets and for the order of its rows."""
    if (task.n_rows, task.n_inputs, len({*task.times.tolist()}), len({*task.targets})) != (4, 2, 1, 2):
        return False
    rows = sorted(zip(task.targets, task.inputs, strict=True))
    a, b, c, d = np.array([[Fraction(value) for value in inputs] for _, inputs in rows])
    (right, up), (across, along) = c - a, d - a
    return rows[1][0] < rows[2][0] and bool((a + b == c + d).all()) and right * along != up * across


def merged_rows(
    y: Sequence[NDArray[Any]] | NDArray[Any], targets: Iterable[float], tolerance: float
) -> tuple[list[Groups], NDArray[np.intp]]:
    """The groups of two rows or more that share one wrong prediction, for each kind of network, and its kind, (R,).

    y: predictions row by row, (R,) each. What is within the tolerance is one number.
    """
    wrong = [np.abs(row - t) > tolerance for row, t in zip(y, targets, strict=True)]
    group = np.tile(np.arange(len(y)), (len(y[0]), 1))
    for n in range(len(y)):
        for m in range(n - 1, -1, -1):
            together = wrong[n] & wrong[m] & (np.abs(y[n] - y[m]) <= tolerance)
            group[together, n] = group[together, m]
    kinds, kind = np.unique(group, axis=0, return_inverse=True)
    rows = [[tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)] for labels in kinds]
    return [tuple(each for each in groups if len(each) > 1) for groups in rows], kind.reshape(-1)


def merged_text(groups: Groups, task: Task) -> str:
    """Groups of rows in words: '00=10', set apart by blanks."""
    return " ".join("=".join(task.row_names[n] for n in group) for group in groups)
