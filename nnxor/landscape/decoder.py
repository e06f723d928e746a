"""What a final loss, or final predictions, mean in words: looked up among the levels of this loss and of others."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from nnxor.arrays import Array
from nnxor.condition import Condition, fitting
from nnxor.landscape.levels import Level, Rest, fraction, levels, merged_rows, merged_text
from nnxor.network.losses import LOSSES
from nnxor.network.tasks import Task

CONVENTIONS = {
    "bce": ("bce", 1.0, False, "the mean cross-entropy in nats"),
    "sse": ("half_sse", 2.0, False, "the sum of squared errors"),
    "half_mse": ("mse", 0.5, False, "half the mean squared error"),
    "bce_sum": ("bce", 1.0, True, "the summed cross-entropy in nats"),
}
"""What a number may be: a loss, a factor, whether it is also times the examples, and its name."""


def conventions() -> dict[str, tuple[str, float, bool, str]]:
    """Each loss as it is, and `CONVENTIONS`."""
    return {name: (name, 1.0, False, loss.label) for name, loss in LOSSES.items()} | CONVENTIONS


TOLERANCE, PREDICTION_TOLERANCE = 1e-3, 2e-2
"""A loss, and predictions, this close to a level and to a rest are taken for it, where targets are 1 apart: numbers are
often told with three or four digits."""
MOST_ROWS = 8  # rows of the largest task whose levels are looked up: for more that takes minutes
WORDS = dict(enumerate(("no", "one", "two", "three", "four", "five", "six", "seven", "eight")))  # of rows


class Decoded(NamedTuple):
    """What a loss or a set of predictions means."""

    level: Level  # the nearest one
    loss: str  # the convention in which it was found: another one than was asked about where only that fits
    matches: bool  # whether the level, or the worst prediction, is within tolerance
    rests: tuple[Rest, ...]  # the ways to rest there that fit
    complete: bool  # whether all levels could be enumerated
    text: str  # all that in words


def has_levels(condition: Condition) -> bool:
    """Whether the levels of a condition can be looked up: straight pieces, few rows, a convex loss of the scores."""
    return condition.convex and not condition.smooth and condition.task.n_rows <= MOST_ROWS


def tolerance_of(condition: Condition) -> float:
    """How close to a level a loss is taken for it."""
    return TOLERANCE * (1.0 if LOSSES[condition.loss].logits else condition.task.spread**2)


def decode(value: float, condition: Condition, least: float = 0.0) -> Decoded:
    """The trap that a final loss belongs to; if none of the condition's fits, that of another convention that does.

    least: how far from a level it may be at least, if that is more than `tolerance_of` the condition. Raises ValueError
    for a negative or infinite value and as `levels` does.
    """
    if not 0 <= value < np.inf:
        raise ValueError(f"loss={value}: a finite number from 0")
    (found, complete), tolerance = levels(condition), max(tolerance_of(condition), least)
    loss, level, task = condition.loss, _nearest(value, found), condition.task
    readings, distance = _readings(value, condition, tolerance), abs(level.value - value)
    if distance > tolerance and readings:
        loss, level = readings[0]
        of, other = (f"{name} ({conventions()[name][3]})" for name in (condition.loss, loss))
        text = f"{value:.6g} is not a level of {of}, but it is one of {other}: {named(level)}. "
        text += _describe(level.rests, task)
    elif distance > tolerance:
        near = f"the nearest is {named(level)}, {distance:.3g} away"
        where = "no level of this task is that high" if value > max(each.value for each in found) else near
        text = f"{value:.6g} is not a level of {loss}: {where}, so training that shows it is still on its way, "
        text += "oscillates, rests on kinks, or has another loss."
    elif level.solves:
        text = f"{value:.6g}: {solved(level, condition)}."
    else:
        text = f"Under {loss} a loss of {value:.6g} is the trap {level.name}. {_describe(level.rests, task)}"
        for name, trap in readings:
            its, ask = conventions()[name], f"loss={value / times(name, task):.6g}"
            text += f" If it is {its[3]}, it is {named(trap)}: then ask with {ask} loss_name={its[0]}."
    return Decoded(level, loss, abs(level.value - value) <= tolerance, level.rests, complete, text)


def decode_predictions(y: tuple[float, ...] | Array, condition: Condition) -> Decoded:
    """The trap that final predictions (N,) belong to: which rows are merged, which are right.

    For a loss of logits the predictions are probabilities. Raises ValueError where y does not hold one finite number a
    row, and as `levels` does.
    """
    task, y = condition.task, np.asarray(y, np.float64)
    if y.shape != (task.n_rows,) or not np.isfinite(y).all():
        raise ValueError(f"predictions={y.tolist()} is not allowed; allowed: {task.n_rows} finite numbers, one per row")
    found, complete = levels(condition)
    distance, level, rest = min(
        ((float(np.abs(y - rest.predictions).max()), level, rest) for level in found for rest in level.rests),
        key=lambda candidate: candidate[0],
    )
    tolerance, loss, trap = PREDICTION_TOLERANCE * task.spread, condition.loss, named(level)
    matches = distance <= tolerance
    if matches and level.solves:
        text = f"These are predictions with which {solved(level, condition)}."
    elif matches:
        text = f"These predictions are those of {trap} under {loss}. {_describe((rest,), task)}"
    else:
        text = f"These predictions are at no level of {loss}: the nearest, {trap}, is {distance:.3g} away in its "
        text += "worst row, so this is not a rest."
        if groups := merged_rows([*y[:, None]], task.targets, tolerance)[0][0]:
            text += f" Rows that share a wrong prediction: {merged_text(groups, task)}."
    return Decoded(level, loss, matches, (rest,) if matches else (), complete, text)


def _nearest(value: float, found: tuple[Level, ...]) -> Level:
    return min(found, key=lambda level: abs(level.value - value))


def times(convention: str, task: Task) -> float:
    """The factor by which a convention's number exceeds the loss that it is made of."""
    _, factor, summed, _ = conventions()[convention]
    return factor * (task.n_examples if summed else 1)


def _readings(value: float, condition: Condition, tolerance: float) -> list[tuple[str, Level]]:
    """Other conventions in which the number is a level above 0, with that level in the convention's units."""
    readings = []
    for convention, (loss, *_) in conventions().items():
        other, factor = replace(condition, **fitting(loss)), times(convention, condition.task)
        if convention == condition.loss or other.refusal():
            continue
        level = _nearest(value / factor, levels(other).levels)
        level = level._replace(value=level.value * factor)
        if abs(level.value - value) <= tolerance < level.value:
            readings.append((convention, level))
    return readings


def named(level: Level) -> str:
    """A level's name with its loss: 'the trap 1/4 (loss 0.25)'."""
    kind = "the lowest level" if level.solves else "the trap"
    return f"{kind} {level.name} (loss {level.value:.6g})"


def solved(level: Level, condition: Condition) -> str:
    """That a task is solved at its lowest level, and why not better."""
    straight = condition.units.straight(condition)
    why = "its units bend nowhere" if straight else "rows of equal inputs have different targets"
    return f"the task is solved{f' as far as it can be, since {why}' if level.unavoidable else ''}"


def _describe(rests: tuple[Rest, ...], task: Task) -> str:
    """What a network at these rests gets wrong, in a sentence or two."""
    sentences: dict[str, set[str]] = {}
    for rest in rests:
        sentences.setdefault(_sentence(rest, task), set()).add(merged_text(rest.merged, task))
    shown = []
    for sentence, groups in list(sentences.items())[:4]:
        which = " or ".join(sorted(groups - {""}))
        shown.append(sentence.replace("{rows}", f" ({which})" if which else "") + ".")
    left = len(sentences) - len(shown)
    return " Or: ".join(shown) + (f" And {left} more ways." if left else "")


def _sentence(rest: Rest, task: Task) -> str:
    """One rest in words, with {rows} where the names of merged rows belong."""
    if not rest.wrong:
        return "Every row is right"
    y, alone = [fraction(each, 12, 1e-6) for each in rest.predictions], {*rest.wrong}.difference(*rest.merged)
    parts = [f"{WORDS.get(len(rows), len(rows))} rows share one wrong prediction {y[rows[0]]}" for rows in rest.merged]
    parts += [f"row {task.row_names[n]} is {y[n]} instead of {task.targets[n]:g}" for n in sorted(alone)]
    text = ", ".join(parts)
    right = task.n_rows - len(rest.wrong)
    limit = " in the limit of infinite weights" if rest.at_infinity else ""
    tail = f"; the other {WORDS.get(right, right)} {'is' if right == 1 else 'are'} right{limit}" if right else ""
    return text[0].upper() + text[1:] + ("{rows}" if rest.merged else "") + tail
