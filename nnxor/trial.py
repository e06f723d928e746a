"""What one training is; read this first.

A training is drawn, trained and diagnosed. If it is stuck and its condition has a rescue, it is interfered with and
trained on. If a certificate is asked for, it says what kind of point a stuck run rests at. All of it is done for many
trainings of one condition at once, one for each seed: arrays hold them along their last axis.

The rescue is an experiment on causes: stuck runs are interfered with (`nnxor.interventions`) and train on for as many
epochs again, and some get free; the others stay as they are. The second start is a start: momentum and Adam begin with
no memory, and mini-batches are shuffled as in the first epochs. So only under plain full-batch gradient descent is the
placebo the same, bit for bit, as a training of twice the epochs.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.engines import Train
from nnxor.engines.trace import Trace, Trained
from nnxor.interventions import INTERVENTIONS
from nnxor.landscape.certificate import certify, go_down, is_far
from nnxor.landscape.curvature import Problem
from nnxor.landscape.escape import Verdict
from nnxor.landscape.steps import LEFT
from nnxor.network.draws import Weights, initial_weights
from nnxor.quench import quench

AT_REST = 1e-9  # A run whose loss exceeds that of its minimum by no more than this share has arrived there
LONGER = 20  # times as long as a quench: valleys of leaky units are long


@dataclass(frozen=True)
class Trials:
    """R trainings: the weights where they started and where they ended, and what is recorded of each."""

    start: Weights
    end: Weights
    columns: Columns


def trials(condition: Condition, seeds: range, train: Train, certified: bool = False) -> Trials:
    """Train the networks of consecutive seeds with an engine, and say what became of them."""
    start = initial_weights(condition, seeds)
    trained = train(condition, start, seeds)
    end, columns = trained.weights, diagnose(condition, start, trained)
    if condition.rescue is not None:
        end, columns = rescue(condition, seeds, start, trained, columns, train)
    if certified:
        columns = {**columns, "minimum": kinds(condition, end, columns)}
    return Trials(start, end, columns)


def rescue(
    condition: Condition, seeds: range, start: Weights, trained: Trained, columns: Columns, train: Train
) -> tuple[Weights, Columns]:
    """Interfere with the stuck ones of these trainings and train them on; final weights and columns of all.

    The column `outcome_before` is the outcome before the intervention. Epochs are counted from the first start, and
    columns about the start describe the first one.
    """
    columns = {**columns, "outcome_before": columns["outcome"]}
    stuck = np.flatnonzero(is_stuck(columns))
    if not len(stuck):
        return trained.weights, columns
    onward = onward_condition(condition)
    second = train(onward, intervene(condition, trained.weights, seeds).take(stuck), np.asarray(seeds)[stuck])
    trace = _one_after_the_other(condition.epochs, trained.trace.take(stuck), second.trace)
    for name, values in diagnose(onward, start.take(stuck), Trained(second.weights, trace)).items():
        columns[name] = columns[name].astype(np.result_type(columns[name], values))  # a type that holds both
        columns[name][stuck] = values
    end = trained.weights.take(slice(None))
    end.put(stuck, second.weights)
    return end, columns


def is_stuck(columns: Columns) -> NDArray[np.bool_]:
    """Which trainings are stuck, shape (R,)."""
    return np.char.startswith(columns["outcome"], "stuck")


def onward_condition(condition: Condition) -> Condition:
    """The condition under which stuck runs of a condition train on, and end; itself if it has no rescue."""
    if condition.rescue is None:
        return condition
    return replace(condition, rescue=None, **INTERVENTIONS[condition.rescue].then(condition))  # type: ignore[arg-type]


def intervene(condition: Condition, weights: Weights, seeds: range) -> Weights:
    """The networks after the condition's intervention; `seeds` are theirs, consecutive."""
    with np.errstate(invalid="ignore"):  # a diverged network is not rescued, but stands among the others
        return INTERVENTIONS[str(condition.rescue)].change(condition, weights, seeds)


def _one_after_the_other(epochs: int, first: Trace, second: Trace) -> Trace:
    """The trace of two trainings as one; units that the intervention itself brought to life are not `revived`."""
    died_later = np.where(second.first_death < 0, -1, second.first_death + epochs)
    return second._replace(
        last_unsolved=second.last_unsolved + np.int32(epochs),
        first_death=np.where(first.first_death < 0, died_later, first.first_death).astype(np.int32),
        revived=first.revived + second.revived,
        settled_epoch=np.where(second.settled_epoch < 0, -1, second.settled_epoch + epochs).astype(np.int32),
    )


def kinds(condition: Condition, end: Weights, columns: Columns) -> np.ndarray:
    """The kind of point that each stuck run rests at (`nnxor.landscape.certificate`), '' for the others, shape (R,)."""
    found = np.full(end.n_networks, "", dtype="<U8")
    stuck = np.flatnonzero(is_stuck(columns))
    found[stuck] = resting_points(onward_condition(condition), end.take(stuck), columns["plateau"][stuck]).kind
    return found


@np.errstate(all="ignore")
def resting_points(condition: Condition, end: Weights, plateau: np.ndarray) -> Verdict:
    """The kind of point at which each of R networks rests that are stuck at losses `plateau` (R,).

    A network that is disturbed about a trap, far from its minimum, or above one that it can still leave, is certified
    where a quench comes to rest, then a longer one, then at the end of a way down, then of another. One that leaves its
    trap on the way is on a shoulder.
    """
    problem, at = Problem.of(condition), np.arange(end.n_networks)
    verdict = Verdict.empty(problem, problem.pack(end), "")
    ways_on: tuple[Callable[[Weights], Weights], ...] = (
        lambda here: here, lambda here: quench(condition, here)[0], lambda here: quench(condition, here, LONGER)[0],
        lambda here: go_down(condition, here), lambda here: go_down(condition, here),
    )  # fmt: skip
    for n, further in enumerate(ways_on):
        end = further(end)
        told, loss, trap = certify(condition, end), problem.loss_of(end), (1 - LEFT) * plateau[at]
        minimum, left = told.kind == "minimum", np.flatnonzero(loss < trap)
        going_on = (told.kind == "unknown") | minimum & is_far(told.theta, problem.pack(end))
        above = np.flatnonzero(minimum & ~going_on & (loss - told.loss > AT_REST * loss))
        going_on[above] = problem.loss_of(go_down(condition, end.take(above))) < trap[above]
        told.put(left, Verdict.empty(problem, problem.pack(end.take(left)), ""))
        told.kind[left], told.loss[left], going_on[left] = "shoulder", loss[left], n == 0
        verdict.put(at, told)
        at, end = at[going_on], end.take(going_on.nonzero()[0])
        if not len(at):
            break
    return verdict
