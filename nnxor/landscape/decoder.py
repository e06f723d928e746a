"""The decoder: what a final loss, or final predictions, mean, in words.

The numbers are looked up among the levels at which training can rest (`nnxor.landscape.levels`), in the loss that they
are said to be of and in the other conventions that are in use.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from nnxor.landscape.levels import MOST_SETS, Level, Rest, levels, merged_rows, reachable_units
from nnxor.landscape.levels import scaled as scale_level
from nnxor.network.tasks import Task

Array = NDArray[np.float64]

CONVENTIONS = {
    "half_sse": "half the sum of squared errors",
    "mse": "the mean squared error",
    "bce": "the mean cross-entropy in nats",
    "sse": "the sum of squared errors",
    "half_mse": "half the mean squared error",
    "bce_sum": "the summed cross-entropy in nats",
}
"""Losses that a number may belong to: those of this package, then what else is in use."""

TOLERANCE = 1e-3
"""A loss this close to a level is taken for it: numbers are often told with three or four digits."""

PREDICTION_TOLERANCE = 2e-2
"""Predictions this close to those of a rest are taken for it."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

FEW_SETS = 2000
"""Most sets that the decoder examines for bce, where each may cost a linear programme."""


@dataclass(frozen=True)
class Decoded:
    """What a loss or a set of predictions means.

    `level` is the nearest level, `loss` the convention in which it was found (another one than was asked
    about where only that fits), `distance` how far away it is, in that loss or in the worst prediction,
    `matches` whether that is within tolerance, `rests` the ways to rest there that fit, `complete`
    whether all levels could be enumerated, `text` all that in words.
    """

    level: Level
    loss: str
    distance: float
    matches: bool
    rests: tuple[Rest, ...]
    complete: bool
    text: str


def decode(
    value: float,
    task: Task,
    loss: str = "half_sse",
    hidden: int = 4,
    bias: bool = True,
    slope: float = 0.0,
    tolerance: float = TOLERANCE,
) -> Decoded:
    """The trap that a final loss belongs to; if none of `loss` fits, that of another convention where one does.

    `value` is in the units of `loss`; other arguments are those of `levels`, of which as many are
    compared as can be enumerated (`complete` says whether all). Raises ValueError for a negative or
    infinite value and as `levels` does.
    """
    if not 0 <= value < np.inf:
        raise ValueError(f"loss={value}: a finite number from 0")
    found, complete = _within_reach(task, loss, hidden, bias, slope)
    level, distance = _nearest(value, found)
    readings = _readings(value, task, loss, (hidden, bias, slope), tolerance)
    if distance <= tolerance or not readings:
        matches = distance <= tolerance
        text = _loss_text(value, loss, level, distance, matches, task)
        also = "".join(f" As {CONVENTIONS[c]} it would be the trap {_trap(other)}." for c, other in readings)
        return Decoded(
            level, loss, distance, matches, level.rests, complete, text + (also if value > tolerance else "")
        )
    convention, other = readings[0]
    text = (
        f"{value:.6g} is no level of {loss} ({CONVENTIONS[loss]}), but it is one of {convention} "
        f"({CONVENTIONS[convention]}): the trap {_trap(other)}. {_describe(other.rests, task)}"
    )
    return Decoded(other, convention, abs(value - other.value), True, other.rests, complete, text)


def decode_predictions(
    y: tuple[float, ...] | Array,
    task: Task,
    loss: str = "half_sse",
    hidden: int = 4,
    bias: bool = True,
    slope: float = 0.0,
    tolerance: float = PREDICTION_TOLERANCE,
) -> Decoded:
    """The trap that final predictions (N,) belong to: which rows are merged, which are right.

    For bce the predictions are probabilities. `distance` is the largest difference of a prediction. Raises ValueError
    where y does not hold one finite number a row, and as `levels` does.
    """
    y = np.asarray(y, np.float64)
    if y.shape != (task.n_rows,) or not np.isfinite(y).all():
        raise ValueError(f"predictions {y.tolist()}: {task.n_rows} finite numbers, one per row")
    found, complete = _within_reach(task, loss, hidden, bias, slope)
    distance, level, rest = min(
        ((float(np.abs(y - rest.predictions).max()), level, rest) for level in found for rest in level.rests),
        key=lambda candidate: candidate[0],
    )
    matches = distance <= tolerance
    if matches:
        text = f"These predictions are those of the trap {_trap(level)} of {loss}. {_describe((rest,), task)}"
        if level.value == 0:
            text = "These predictions solve the task."
        return Decoded(level, loss, distance, True, (rest,), complete, text)
    groups = merged_rows(y, np.array(task.targets), tolerance)
    together = f" Rows that share a wrong prediction: {_groups_text(groups, task)}." if groups else ""
    text = (
        f"These predictions are those of no trap of {loss}: the nearest, {_trap(level)}, is {distance:.3g} away "
        f"in its worst row, so this is not a rest.{together}"
    )
    return Decoded(level, loss, distance, False, (), complete, text)


def _within_reach(task: Task, loss: str, hidden: int, bias: bool, slope: float) -> tuple[tuple[Level, ...], bool]:
    """The levels, or as many as can be enumerated, and whether these are all."""
    reach = reachable_units(task, hidden, bias, slope, FEW_SETS if loss == "bce" else MOST_SETS)
    found = levels(task, loss, hidden, bias, slope, max_units=reach)
    return found, reach >= min(hidden, task.n_rows)


def _nearest(value: float, found: tuple[Level, ...]) -> tuple[Level, float]:
    level = min(found, key=lambda level: abs(level.value - value))
    return level, abs(level.value - value)


def _readings(
    value: float,
    task: Task,
    loss: str,
    network: tuple[int, bool, float],
    tolerance: float,
) -> list[tuple[str, Level]]:
    """Other conventions in which the number is a level above 0, with that level in the convention's units."""
    n = task.n_examples
    of = {"half_sse": ("half_sse", 1.0), "mse": ("mse", 1.0), "sse": ("half_sse", 2.0), "half_mse": ("mse", 0.5)}
    if all(0 <= t <= 1 for t in task.targets):
        of |= {"bce": ("bce", 1.0), "bce_sum": ("bce", float(n))}
    readings = []
    for convention in CONVENTIONS:
        if convention == loss or convention not in of:
            continue
        base, factor = of[convention]
        found, _ = _within_reach(task, base, *network)
        in_units = tuple(scale_level(level, factor) for level in found)
        level, distance = _nearest(value, in_units)
        if distance <= tolerance and level.value > tolerance:
            readings.append((convention, level))
    return readings


def _trap(level: Level) -> str:
    return f"{level.name} ({level.value:.6g})" if level.name != f"{level.value:.6g}" else level.name


def _loss_text(value: float, loss: str, level: Level, distance: float, matches: bool, task: Task) -> str:
    if not matches:
        return (
            f"{value:.6g} is no level of {loss}: the nearest is {_trap(level)}, {distance:.3g} away, so "
            "training that shows it is still on its way, oscillates or has another loss."
        )
    if level.value == 0:
        return f"{value:.6g}: the task is solved."
    return f"{value:.6g} is the trap {_trap(level)} of {loss}. {_describe(level.rests, task)}"


def _describe(rests: tuple[Rest, ...], task: Task) -> str:
    """What a network at these rests gets wrong, in a sentence or two."""
    sentences: dict[str, list[str]] = {}
    for rest in rests:
        sentence = _sentence(rest, task)
        sentences.setdefault(sentence, []).append(_groups_text(rest.merged, task))
    shown = []
    for sentence, groups in list(sentences.items())[:4]:
        which = " or ".join(sorted({group for group in groups if group}))
        shown.append(sentence.replace("{rows}", f" ({which})" if which else "") + ".")
    left = len(sentences) - len(shown)
    return " Or: ".join(shown) + (f" And {left} more ways." if left else "")


def _sentence(rest: Rest, task: Task) -> str:
    """One rest in words, with {rows} where the names of merged rows belong."""
    if not rest.wrong:
        return "Every row is right"
    parts = [
        f"{_count(len(group))} rows share one wrong prediction {_number(rest.predictions[group[0]])}"
        for group in rest.merged
    ]
    alone = [n for n in rest.wrong if not any(n in group for group in rest.merged)]
    parts += [
        f"row {task.row_names[n]} is {_number(rest.predictions[n])} instead of {task.targets[n]:g}" for n in alone
    ]
    text = ", ".join(parts)
    right = task.n_rows - len(rest.wrong)
    limit = " in the limit of infinite weights" if rest.at_infinity else ""
    tail = f"; the other {_count(right)} {'is' if right == 1 else 'are'} right{limit}" if right else ""
    return text[0].upper() + text[1:] + ("{rows}" if rest.merged else "") + tail


def _groups_text(groups: tuple[tuple[int, ...], ...], task: Task) -> str:
    return " ".join("=".join(task.row_names[n] for n in group) for group in groups)


def _count(n: int) -> str:
    return _NUMBERS[n] if n < len(_NUMBERS) else str(n)


def _number(value: float) -> str:
    fraction = Fraction(value).limit_denominator(12)
    return str(fraction) if abs(float(fraction) - value) < 1e-6 else f"{value:.4g}"
