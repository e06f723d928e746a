"""The traps of XOR that have names, and their levels in the loss that a condition trains on.

A ReLU network with biases that is stuck on XOR gives one prediction to rows of different targets: to two of them,
to three, or to all four, and fits the others. Half the sum of squared errors is then 1/4, 1/3 or 1/2, and so the traps
are called, whatever the loss: under another one the same rows share the best constant for them, at another level.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from nnxor.condition import Condition
from nnxor.network.activations import OUTPUTS
from nnxor.network.losses import LOSSES
from nnxor.network.tasks import Task


@dataclass(frozen=True)
class Trap:
    """A trap: its name ('1/4', the same under every loss), its level in the loss, and how many rows it merges."""

    name: str
    level: float
    rows: int

    @property
    def outcome(self) -> str:
        """The outcome of runs that are stuck there: 'stuck_1/4'."""
        return f"stuck_{self.name}"


MERGED = {"1/4": 2, "1/3": 3, "1/2": 4}  # the named traps, and how many rows share one wrong prediction there


def traps(condition: Condition) -> tuple[Trap, ...]:
    """The named traps of a condition, the lowest first; none where the task is no XOR or its levels are others.

    The task may have any inputs and targets as long as its four rows are the corners of a parallelogram with one
    target at either end of each diagonal. Activations other than relu, networks without biases or with frozen
    parameters, and a squared loss behind an output function rest at levels of their own, which have no names.
    """
    loss, targets = LOSSES[condition.loss], set(condition.task.targets)
    plain = condition.rectified and condition.bias and condition.freeze is None
    if not plain or not loss.seen_through(OUTPUTS[condition.output], condition) or not is_xor_shaped(condition.task):
        return ()
    times = int(condition.task.times[0])
    return _traps(condition.loss, tuple(targets), times) if not loss.logits or targets == {0, 1} else ()


@lru_cache
def _traps(name: str, targets: tuple[float, float], times: int) -> tuple[Trap, ...]:
    """What k merged rows of two targets cost, of which k // 2 have one of them, if each counts so often."""
    loss, apart = LOSSES[name], Fraction(targets[0]) - Fraction(targets[1])
    weight = times * Fraction(loss.weight(4 * times))
    return tuple(
        Trap(trap, float(k * weight * loss.mixed(Fraction(k // 2, k)) * apart**2), k) for trap, k in MERGED.items()
    )


def known_traps(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """The levels of the named traps, a {task, loss, levels: {outcome: level}} for each task and loss there is."""
    levels = {(c.task.name, c.loss): {trap.outcome: trap.level for trap in traps(c)} for c in conditions if traps(c)}
    return [{"task": task, "loss": loss, "levels": found} for (task, loss), found in levels.items()]


@lru_cache
def is_xor_shaped(task: Task) -> bool:
    """Whether the task is XOR but for an affine map of inputs and targets and for the order of its rows."""
    if (task.n_rows, task.n_inputs, len({*task.times.tolist()}), len({*task.targets})) != (4, 2, 1, 2):
        return False
    low = [x for x, t in zip(task.inputs, task.targets, strict=True) if t == min(task.targets)]
    high = [x for x, t in zip(task.inputs, task.targets, strict=True) if t == max(task.targets)]
    if len(low) != 2:
        return False
    (a, b), (c, d) = low, high
    sides = [[Fraction(corner[i]) - Fraction(a[i]) for i in (0, 1)] for corner in (c, d, b)]
    is_closed = all(sides[0][i] + sides[1][i] == sides[2][i] for i in (0, 1))
    return is_closed and sides[0][0] * sides[1][1] != sides[0][1] * sides[1][0]
