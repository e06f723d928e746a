"""The outcome of a training: solved, stuck in which trap, or what else, from where it ended and its trace.

The rules, in the order in which they are applied here, and why they are right, stand in docs/columns.md ("Outcomes").
"""

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.networks import Ending, ending
from nnxor.condition import Condition
from nnxor.engines.trace import Trace
from nnxor.landscape import regions
from nnxor.landscape.traps import traps
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.protocol import TAIL_PARTS, tail_part
from nnxor.quench import EPOCHS, calm, go_on, quench

Texts = NDArray[np.str_]
Mask = NDArray[np.bool_]
Array = NDArray[np.float64]

OUTCOMES = (
    "solved", "stuck_1/4", "stuck_1/3", "stuck_1/2", "stuck", "oscillating", "diverged", "unsettled", "unclear",
)  # fmt: skip
"""Every outcome; `stuck` alone is that of traps without a name."""

REST_GRADIENT = 1e-4  # largest gradient norm, over c, of a run at rest
LEVEL_TOLERANCE = 1e-4  # largest distance of the loss, over c, from the level that it is said to sit on
SAME = 1e-6  # A region's best this close to a trap's level is that trap's: it is found to about 1e-10


def judge(condition: Condition, weights: Weights, end: Ending, trace: Trace) -> tuple[Texts, Array]:
    """The outcome of R trainings, and the level of stuck ones (NaN for the others), both (R,)."""
    at_rest, level = resting(condition, end)
    outcome = np.select(
        [~end.finite, end.solved, at_rest != "", _descends(condition, end, trace)],
        ["diverged", "solved", at_rest, "unsettled"],
        "unclear",
    )
    doubtful = np.flatnonzero(outcome == "unclear")
    if len(doubtful):
        shaken = weights.take(doubtful), trace.tail[:, doubtful] / tail_part(condition.epochs)
        outcome[doubtful], level[doubtful] = _once_quenched(condition, *shaken)
    return outcome, np.where(np.char.startswith(outcome, "stuck"), level, np.nan)


def resting(condition: Condition, end: Ending) -> tuple[Texts, Array]:
    """The outcome of runs that are at rest, '' of the others, and the level at which each of them rests, both (R,)."""
    known = traps(condition)
    c = LOSSES[condition.loss].weight(condition.task.n_examples)
    level = end.loss.astype(np.float64)
    if regions.is_bounded(condition):
        whole = c * condition.task.n_examples
        level, loss = regions.lowest(condition, end.z), level
        rests, elsewhere = (loss - level <= regions.APPROACH * whole) & (level > regions.APPROACH * whole), "stuck"
        close = SAME * whole
    else:
        rests, elsewhere = end.norm / c <= REST_GRADIENT, "" if known else "stuck"
        close = LEVEL_TOLERANCE * c * float(np.ptp(condition.task.targets)) ** 2
    outcome = np.where(rests, elsewhere, "").astype(f"<U{max(map(len, OUTCOMES))}")
    for trap in known:
        there = rests & (np.abs(level - trap.level) <= close)
        outcome[there], level[there] = trap.outcome, trap.level
    return outcome, level


def _is_plain(condition: Condition) -> bool:
    """Whether each step follows the slope of the whole loss and nothing else."""
    return condition.batch_size is None and OPTIMIZERS[condition.optimizer].plain


def _descends(condition: Condition, end: Ending, trace: Trace) -> Mask:
    """Whether the losses of the tail get lower, (R,); without a tail the training has hardly begun."""
    part = tail_part(condition.epochs)
    if part == 0:
        return np.ones(len(end.loss), bool)
    mean, half = trace.tail / part, TAIL_PARTS // 2
    earlier, later = mean[:half].mean(axis=0), mean[half:].mean(axis=0)
    hoped = later
    if _is_plain(condition):
        hoped = np.minimum(condition.lr * end.norm.astype(np.float64) ** 2 * half * part, later)
    return np.asarray(
        (np.diff(mean, axis=0) < 0).all(axis=0) | ((earlier - later >= 0.1 * hoped) & (hoped > 1e-5 * later))
    )


def _once_quenched(condition: Condition, weights: Weights, tail: Array) -> tuple[Texts, Array]:
    """Outcome and level of runs that neither rest nor descend, by where a quench leads them; `tail` (parts, R)."""
    settled, step = quench(condition, weights)
    after = ending(calm(condition), settled)
    rest, level = resting(condition, after)
    share = level / tail[-1]
    trapped = (rest != "") & ~after.solved & (share > 0.5)
    lower = (after.loss < tail.min(axis=0)) & ~(trapped & (share >= 0.9))
    small = (condition.lr <= step) & OPTIMIZERS[condition.optimizer].plain
    slow = lower & small & _is_plain(condition)
    asked = np.flatnonzero(lower & ~slow)
    if len(asked):
        onward = go_on(condition, weights.take(asked)).tail / tail_part(EPOCHS)
        slow[asked] = onward.max(axis=0) < tail[:, asked].min(axis=0)
    return np.select([slow, trapped, lower & ~small], ["unsettled", rest, "oscillating"], "unclear"), level
