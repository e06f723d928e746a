"""What became of a training: the columns of a trial, from its weights and its trace.

The rules, in the order in which they are applied. G is the norm of the gradient at the final
parameters and L the final loss, both divided by the loss's error weight c (1 for half_sse), so
that one set of constants serves every loss.

- diverged: a final parameter, the loss or the gradient is not finite. No number is recorded of its
  end, nor a death: a unit whose pre-activations are no numbers is neither alive nor dead.
- solved: the success rule holds at the final parameters.
- stuck: G ≤ 1e-4 and, for XOR, L within 1e-4 of a level where gradient descent can rest: 1/4 (two
  rows share one wrong prediction), 1/3 (three do) or 1/2 (all four do). Other tasks and activations,
  outputs other than the identity, and networks without biases can rest elsewhere: there G alone
  decides and the level is the final loss. Cross-entropy comes to rest only at infinite weights, which
  a run approaches for ever: for ReLU units and tasks of up to four rows, stuck means a loss within
  1e-3 of a level (`nnxor.landscape.levels`) and G ≤ 1e-2.
- oscillating: not at rest, and over its tail (the last 1,000 epochs, or a quarter of a shorter
  training, in eight parts) the loss swings without getting lower: its mean neither falls from each
  part to the next, nor from the first half to the second by a tenth of itself or of what the
  gradient promises (lr·G²·c² an epoch).
- unsettled: everything else; it is still on its way and is never counted as stuck.

The cause of an unsolved run:

- step_too_large: it diverged or oscillates;
- not_finished: it is unsettled;
- few_alive_at_start: fewer ReLU units were alive at the start than the task needs (2 for XOR);
- died_in_training: enough were alive at the start, but not at the end;
- alive_but_linear: enough are alive, but all of those are active on every row, where they
  compute nothing that a line could not;
- alive_but_merged: enough are alive, yet their kinks leave rows of different targets together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import arrays as arithmetic
from nnxor.condition import Condition
from nnxor.engines.trace import Trace, Trained
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES
from nnxor.protocol import TAIL_PARTS, tail_part

Columns = dict[str, NDArray[Any]]

XOR_LEVELS = {"1/4": 1 / 4, "1/3": 1 / 3, "1/2": 1 / 2}
"""Levels of half the sum of squared errors at which a ReLU network can rest on XOR, by name."""

OUTCOMES = (
    "solved", "stuck_1/4", "stuck_1/3", "stuck_1/2", "stuck", "oscillating", "diverged", "unsettled",
)  # fmt: skip
"""Every outcome; `stuck` alone is that of tasks and losses whose levels have no name."""

STUCK = [place for place, name in enumerate(OUTCOMES) if name.startswith("stuck")]
"""Places in `OUTCOMES` of those that count as stuck."""

CAUSES = (
    "", "few_alive_at_start", "died_in_training", "alive_but_linear", "alive_but_merged",
    "step_too_large", "not_finished",
)  # fmt: skip
"""Every cause; the empty one is that of a solved run."""

REST_GRADIENT = 1e-4
"""Largest gradient norm, over c, of a run at rest."""

LEVEL_TOLERANCE = 1e-4
"""Largest distance of the loss, over c, from the level that it is said to sit on."""

APPROACH_GRADIENT = 1e-2
"""Largest gradient norm, over c, of a run that approaches a level of the cross-entropy."""

APPROACH_TOLERANCE = 1e-3
"""Largest distance of its loss from that level."""

MOST_LEVEL_ROWS = 4
"""Rows of the largest task whose levels of the cross-entropy are looked up: for more, that takes seconds."""

MERGE_TOLERANCE = 1e-2
"""Predictions closer than this are one; a prediction farther than this from its target is wrong."""


def diagnose(condition: Condition, start: Weights, trained: Trained) -> Columns:
    """The columns of `trials.parquet` that describe R trainings, each of shape (R,).

    A missing value is −1 in an integer column, NaN in a real one and the empty string in text.
    Everything is computed in the dtype of the training and in the protocol's order, so that equal
    weights give equal bits; the conditions' fields and the seeds are left to the caller.
    """
    with np.errstate(all="ignore"):
        return _diagnose(condition, start.astype(condition.numpy_dtype), trained)


def _diagnose(condition: Condition, start: Weights, trained: Trained) -> Columns:
    trace, end = trained.trace, _evaluate(condition, trained.weights)
    outcome, plateau = _judge(condition, end, trace)
    solved = outcome == OUTCOMES.index("solved")
    z_start = arithmetic.preactivations(condition, start)
    live_start, live = _live(condition, z_start), _live(condition, end.z)
    linear = _linear(condition, end.z)
    return {
        "outcome": np.array(OUTCOMES)[outcome],
        "final_loss": end.loss.astype(np.float64),
        "grad_norm": end.norm.astype(np.float64),
        "plateau": plateau,
        "merged": _merged(condition, end.y, np.isin(outcome, STUCK)),
        "solved_epoch": np.where(solved, trace.last_unsolved + 1, -1).astype(np.int32),
        **{
            f"y_{name}": np.where(end.finite, row, np.nan).astype(np.float64)
            for name, row in zip(condition.task.row_names, end.y, strict=True)
        },
        "dead_init": condition.hidden - live_start,
        "dead_final": np.where(end.finite, condition.hidden - live, -1),
        "linear_final": np.where(end.finite, linear, -1),
        "patterns_init": _patterns(z_start),
        "patterns_final": np.where(end.finite, _patterns(end.z), b""),
        "first_death_epoch": np.where(end.finite, trace.first_death, -1),
        "revived": np.where(end.finite, trace.revived, -1),
        "cause": _cause(condition, outcome, live_start, live, linear),
        "settled_epoch": np.where(end.finite, trace.settled_epoch, -1),
        "period": np.where(end.finite, trace.period, -1),
    }


@dataclass(frozen=True)
class _End:
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


def _evaluate(condition: Condition, weights: Weights) -> _End:
    """Forward and backward through the final parameters, in the protocol's order."""
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
    return _End(z, y, loss, norm, finite, arithmetic.solved(condition, s, error, loss))


def _judge(condition: Condition, end: _End, trace: Trace) -> tuple[NDArray[np.int_], NDArray[np.float64]]:
    """The place of each outcome in `OUTCOMES`, and the level of stuck runs (NaN for others): the rules, in order."""
    c = LOSSES[condition.loss].weight(condition.task.n_examples)
    if _approaches(condition):
        level, at_rest = _approach(condition, end.loss, end.norm / c)
    else:
        level, at_rest = _rest(condition, end.loss, end.norm, c)
    oscillating = _oscillates(condition, trace, end.norm.astype(np.float64))
    outcome = np.select(
        [~end.finite, end.holds, at_rest >= 0, oscillating],
        [OUTCOMES.index("diverged"), OUTCOMES.index("solved"), at_rest, OUTCOMES.index("oscillating")],
        OUTCOMES.index("unsettled"),
    )
    return outcome, np.where(np.isin(outcome, STUCK), level, np.nan)


def _live(condition: Condition, z: list[NDArray[Any]]) -> NDArray[np.int32]:
    """How many units of each network are alive, shape (R,)."""
    return _count(arithmetic.any_active(condition, z))


def _linear(condition: Condition, z: list[NDArray[Any]]) -> NDArray[np.int32]:
    """How many units of each network are active on every row, shape (R,); smooth units have no such side."""
    return _count(np.logical_and.reduce([row > 0 for row in z]) & (not condition.smooth))


def _count(units: NDArray[np.bool_]) -> NDArray[np.int32]:
    """How many units of each network it is true of, shape (R,)."""
    return np.asarray(np.sum(units, axis=0), np.int32)


def _gradient_norm(condition: Condition, gradient: Weights) -> NDArray[np.floating]:
    parts = gradient.arrays() if condition.bias else (gradient.W1, gradient.W2)
    squares = [part.reshape(-1, part.shape[-1]) ** 2 for part in parts]
    return np.asarray(np.sqrt(arithmetic.in_order(row for part in squares for row in part)))


def _finite(arrays: list[NDArray[Any]]) -> NDArray[np.bool_]:
    rows = [np.isfinite(array).reshape(-1, array.shape[-1]).all(axis=0) for array in arrays]
    return np.asarray(np.logical_and.reduce(rows))


def _rest(
    condition: Condition, loss: NDArray[Any], norm: NDArray[Any], c: float
) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Level and outcome of runs at rest; outcome −1 where a run is not at rest."""
    still = norm / c <= REST_GRADIENT
    stuck = np.where(still, OUTCOMES.index("stuck"), -1)
    if not condition.task.is_xor or condition.loss == "bce":
        return loss.astype(np.float64), stuck
    loss = (loss / c).astype(np.float64)
    levels = np.array(list(XOR_LEVELS.values()))
    distance = np.abs(loss[:, None] - levels)
    which = np.argmin(distance, axis=1)
    at_level = still & (distance[np.arange(len(loss)), which] <= LEVEL_TOLERANCE)
    names = np.array([OUTCOMES.index(f"stuck_{name}") for name in XOR_LEVELS])
    named = names[which] if condition.loss == "half_sse" else stuck
    only_there = condition.activation == "relu" and condition.bias and condition.output == "identity"
    elsewhere = -1 if only_there else stuck
    return np.where(at_level, levels[which], loss) * c, np.where(at_level, named, elsewhere)


def _approaches(condition: Condition) -> bool:
    """Whether levels lie at infinity and are known."""
    return condition.loss == "bce" and not condition.smooth and condition.task.n_rows <= MOST_LEVEL_ROWS


def _approach(
    condition: Condition, loss: NDArray[Any], norm: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.int_]]:
    """Level and outcome of runs that approach a level of the cross-entropy; outcome −1 for the others."""
    from nnxor.landscape.levels import levels

    slope = condition.slope if condition.activation == "leaky_relu" else 0.0
    task = condition.task
    found = levels(task, "bce", condition.hidden, condition.bias, slope)
    values = np.array([level.value for level in found if level.value > APPROACH_TOLERANCE])  # 0 is no trap
    if not len(values):
        return loss.astype(np.float64), np.full(len(loss), -1)
    distance = np.abs(loss.astype(np.float64)[:, None] - values)
    near = (distance.min(axis=1) <= APPROACH_TOLERANCE) & (norm <= APPROACH_GRADIENT)
    return values[np.argmin(distance, axis=1)], np.where(near, OUTCOMES.index("stuck"), -1)


def _oscillates(condition: Condition, trace: Trace, norm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether the losses of the tail swing without getting lower, though the gradient promises descent."""
    part = tail_part(condition.epochs)
    if part == 0:
        return np.zeros(len(norm), bool)
    mean = trace.tail / part
    half = TAIL_PARTS // 2
    earlier, later = mean[:half].mean(axis=0), mean[half:].mean(axis=0)
    promised = condition.lr * norm**2 * half * part
    descends = (np.diff(mean, axis=0) < 0).all(axis=0) | (earlier - later >= 0.1 * np.minimum(promised, later))
    return np.asarray((promised > 1e-5 * later) & ~descends)


def _merged(condition: Condition, y: list[NDArray[Any]], stuck: NDArray[np.bool_]) -> NDArray[np.str_]:
    """Groups of rows that share one wrong prediction, e.g. '00=10'; groups are set apart by blanks."""
    wrong = [np.abs(row - t) > MERGE_TOLERANCE for row, t in zip(y, condition.task.targets, strict=True)]
    group = np.tile(np.arange(len(y)), (len(stuck), 1))
    for n in range(len(y)):
        for m in range(n - 1, -1, -1):
            together = wrong[n] & wrong[m] & (np.abs(y[n] - y[m]) <= MERGE_TOLERANCE)
            group[together, n] = group[together, m]
    group[~stuck] = np.arange(len(y))
    kinds, kind = np.unique(group, axis=0, return_inverse=True)
    texts = [_group_text(labels, condition.task.row_names) for labels in kinds]
    return np.array(texts, dtype=np.str_)[kind.reshape(-1)]


def _group_text(labels: NDArray[np.int_], names: tuple[str, ...]) -> str:
    groups = [[names[n] for n in np.flatnonzero(labels == label)] for label in np.unique(labels)]
    return " ".join("=".join(group) for group in groups if len(group) > 1)


def _patterns(z: list[NDArray[Any]]) -> NDArray[np.bytes_]:
    """Activation patterns, e.g. b'1000 0110': a bit a row, a word a unit."""
    hidden, n = z[0].shape
    text = np.full((n, hidden, len(z) + 1), ord(" "), np.uint8)
    for row, values in enumerate(z):
        text[:, :, row] = np.where(values > 0, ord("1"), ord("0")).T
    flat = np.ascontiguousarray(text.reshape(n, -1)[:, :-1])
    return flat.view(f"S{flat.shape[1]}").reshape(n)


def _cause(
    condition: Condition, outcome: NDArray[Any], live_start: NDArray[Any], live: NDArray[Any], linear: NDArray[Any]
) -> NDArray[np.str_]:
    needed = condition.task.units or 1
    if condition.activation != "relu":  # a leaky unit below 0 is a line, not dead
        linear = linear + (condition.hidden - live)
        live_start = live = np.full_like(live, condition.hidden)
    code = {name: index for index, name in enumerate(OUTCOMES)}
    too_large = (outcome == code["diverged"]) | (outcome == code["oscillating"])
    names = np.array(CAUSES)
    cases = [
        (outcome == code["solved"], ""),
        (too_large, "step_too_large"),
        (outcome == code["unsettled"], "not_finished"),
        (live_start < needed, "few_alive_at_start"),
        (live < needed, "died_in_training"),
        (linear == live, "alive_but_linear"),
    ]
    which = np.select(
        [case for case, _ in cases],
        [CAUSES.index(name) for _, name in cases],
        CAUSES.index("alive_but_merged"),
    )
    return np.asarray(names[which])
