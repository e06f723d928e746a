"""The rescue: an experiment on causes. Stuck runs are interfered with, train on, and some get free.

A training under `rescue=X` trains its epochs as always. If it then is stuck (`nnxor.diagnosis`),
the intervention X is made in its final weights and it trains on for as many epochs again; else it
stays as it is. What frees a run that `nothing` leaves stuck has removed a cause:

- nothing: train on, and no more: the placebo;
- redraw_dead: every dead unit gets a fresh bias, input weights and output weight from the init;
- redraw_alive: as many live units get them instead (all of them where fewer live), chosen by the
  seed: the control;
- redraw_all: every parameter is drawn afresh, the output bias too;
- leaky: ReLU becomes a leaky ReLU with the condition's slope; no parameter changes;
- nudge_bias: the bias of every dead unit is lifted until one row is active (`nudged`).

Fresh weights are the second draw of the same seed, so that all interventions of a seed share them.
The second start is a start: momentum and Adam begin with no memory, and mini-batches are shuffled
as in the first epochs. So only under plain full-batch gradient descent is the placebo the same, bit
for bit, as a training of twice the epochs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import arrays as arithmetic
from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.engines.trace import Trace, Trained
from nnxor.network.draws import Weights, initial_weights, uniforms

if TYPE_CHECKING:
    from nnxor.engines import Engine

Units = NDArray[np.bool_]

FRESH, CHOICE = 1, 2
"""Numbers of the draws (`nnxor.network.draws`) that fresh weights come from and that choose live units; 0 is the
start's."""

LIFT = 0.1
"""Where a dead unit's largest pre-activation is lifted to if its rows cannot be parted."""


def train_and_diagnose(train: Engine, condition: Condition, start: Weights, seeds: range) -> tuple[Weights, Columns]:
    """Train and diagnose the networks of consecutive seeds, those that get stuck a second time under a rescue.

    Final weights, and the columns of `nnxor.diagnosis.diagnose`; with a rescue also
    `outcome_before`, the outcome at the end of the first epochs. Epochs are counted from the first
    start; what is said of the start is said of the first.
    """
    trained = train(condition, start, seeds)
    columns = diagnose(condition, start, trained)
    if condition.rescue is None:
        return trained.weights, columns
    columns["outcome_before"] = columns["outcome"]
    stuck = np.flatnonzero(np.char.startswith(columns["outcome"], "stuck"))
    if not len(stuck):
        return trained.weights, columns
    onward = onward_condition(condition)
    second = train(onward, intervene(condition, trained.weights, seeds).take(stuck), np.asarray(seeds)[stuck])
    trace = _one_after_the_other(condition.epochs, trained.trace.take(stuck), second.trace)
    rescued = Trained(second.weights, trace)
    for name, values in diagnose(onward, start.take(stuck), rescued).items():
        columns[name] = _with(columns[name], stuck, values)
    arrays = zip(trained.weights.arrays(), second.weights.arrays(), strict=True)
    return Weights(*(_with(whole, stuck, part) for whole, part in arrays)), columns


def onward_condition(condition: Condition) -> Condition:
    """What the stuck runs of a condition train on under, and end under."""
    activation = "leaky_relu" if condition.rescue == "leaky" else condition.activation
    return replace(condition, activation=activation, rescue=None)


def _one_after_the_other(epochs: int, first: Trace, second: Trace) -> Trace:
    """The trace of two trainings as one; units that the intervention itself brought to life are not `revived`."""
    died_later = np.where(second.first_death < 0, -1, second.first_death + epochs)
    return replace(
        second,
        last_unsolved=second.last_unsolved + np.int32(epochs),
        first_death=np.where(first.first_death < 0, died_later, first.first_death).astype(np.int32),
        revived=first.revived + second.revived,
        settled_epoch=np.where(second.settled_epoch < 0, -1, second.settled_epoch + epochs).astype(np.int32),
    )


def _with(whole: NDArray[Any], places: NDArray[np.intp], part: NDArray[Any]) -> NDArray[Any]:
    """A copy with other values at some places of the last axis, in a type that holds both."""
    result = whole.astype(np.result_type(whole, part))
    result[..., places] = part
    return result


def intervene(condition: Condition, weights: Weights, seeds: range) -> Weights:
    """The networks after the condition's intervention; `seeds` are theirs, consecutive."""
    with np.errstate(invalid="ignore"):  # a diverged network is not rescued, but stands among the others
        match condition.rescue:
            case "redraw_dead":
                return redrawn(condition, weights, seeds, ~alive(condition, weights))
            case "redraw_alive":
                return redrawn(condition, weights, seeds, as_many_alive(condition, weights, seeds))
            case "redraw_all":
                return fresh(condition, seeds)
            case "nudge_bias":
                return nudged(condition, weights)
            case _:
                return weights


def alive(condition: Condition, weights: Weights) -> Units:
    """Whether each unit is active on some row, shape (H, R)."""
    return arithmetic.any_active(condition, arithmetic.preactivations(condition, weights))


def as_many_alive(condition: Condition, weights: Weights, seeds: range) -> Units:
    """As many live units as the network has dead ones, or all of them if they are fewer, shape (H, R)."""
    live = alive(condition, weights)
    lot = np.stack([uniforms(h + 1, 0, seeds, CHOICE)[:, 0] for h in range(condition.hidden)])
    place = np.argsort(np.argsort(np.where(live, lot, 1.0), axis=0, kind="stable"), axis=0)
    return np.asarray(live & (place < (~live).sum(axis=0)))


def fresh(condition: Condition, seeds: range) -> Weights:
    """The second draw of these seeds, in the condition's dtype."""
    return initial_weights(condition, seeds, FRESH).astype(condition.numpy_dtype)


def redrawn(condition: Condition, weights: Weights, seeds: range, units: Units) -> Weights:
    """The networks with fresh input weights, bias and output weight in these units, shape (H, R)."""
    new = fresh(condition, seeds)
    return Weights(
        np.where(units, new.W1, weights.W1),
        np.where(units, new.b1, weights.b1),
        np.where(units, new.W2, weights.W2),
        weights.b2,
    )


def nudged(condition: Condition, weights: Weights) -> Weights:
    """The networks with the bias of every dead unit lifted until one row is active.

    Zero comes to lie midway between the unit's largest pre-activation and the next one that is
    another number: the row of the largest (or the rows that tie for it) is active, the others are
    not. Where that leaves the unit dead (all rows equal, or closer than rounding can part), its
    largest pre-activation is lifted to `LIFT`.
    """
    number = condition.numpy_dtype.type
    dead = ~alive(condition, weights)
    z = np.stack(arithmetic.preactivations(condition, weights))
    largest = z.max(axis=0)
    following = np.where(z < largest, z, -np.inf).max(axis=0)
    middle = number(0.5) * (largest + following)
    lifted = replace(weights, b1=np.where(dead & np.isfinite(middle), weights.b1 - middle, weights.b1))
    still = ~alive(condition, lifted)
    return replace(lifted, b1=np.where(still, weights.b1 - largest + number(LIFT), lifted.b1))
