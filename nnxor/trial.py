"""What one training is; read this first.

A training is drawn, trained and diagnosed. If it is stuck and its condition has a rescue, it is interfered with and
trained on. If a certificate is asked for, it says what kind of point a stuck run rests at. All of it is done for many
trainings of one condition at once, one for each seed: arrays hold them along their last axis.
"""

from typing import NamedTuple

import numpy as np

from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.engines import Train
from nnxor.landscape.certificate import certify, go_down, is_far
from nnxor.landscape.curvature import Problem
from nnxor.landscape.escape import Verdict
from nnxor.landscape.steps import LEFT
from nnxor.network.draws import Weights, initial_weights
from nnxor.quench import quench
from nnxor.rescue import is_stuck, onward_condition, rescue

AT_REST = 1e-9  # A run whose loss exceeds that of its minimum by no more than this share has arrived there
LONGER = 20  # times as long as a quench: valleys of leaky units are long


class Trials(NamedTuple):
    """R trainings: the weights where they started and where they ended, and what is recorded of each."""

    start: Weights
    end: Weights
    columns: Columns


def trials(
    condition: Condition, seeds: range, train: Train, certified: bool = False, start: Weights | None = None
) -> Trials:
    """Train networks with an engine and say what became of them: of each seed, the one that it draws or that is given.

    `start`: the networks to start from, in place of those that the seeds draw. Seeds shuffle and redraw all the same.
    """
    start = initial_weights(condition, seeds) if start is None else start
    trained = train(condition, start, seeds)
    end, columns = trained.weights, diagnose(condition, start, trained)
    if condition.rescue is not None:
        end, columns = rescue(condition, seeds, start, trained, columns, train)
    if certified:
        columns = {**columns, "minimum": kinds(condition, end, columns)}
    return Trials(start, end, columns)


def kinds(condition: Condition, end: Weights, columns: Columns) -> np.ndarray:
    """The kind of point that each stuck run rests at (`nnxor.landscape.certificate`), '' for the others, shape (R,)."""
    found = np.full(end.n_networks, "", "<U8")
    stuck = np.flatnonzero(is_stuck(columns))
    found[stuck] = resting_points(onward_condition(condition), end.take(stuck), columns["plateau"][stuck]).kind
    return found


@np.errstate(all="ignore")
def resting_points(condition: Condition, end: Weights, plateau: np.ndarray) -> Verdict:
    """The kind of point at which each of R networks rests that are stuck at losses `plateau` (R,).

    A network that is disturbed about a trap, far from its minimum, or above one that it can still leave, is certified
    where a quench ends, then a longer one, a way down and another; if it leaves its trap there, it is on a shoulder.
    """
    problem, at = Problem(condition), np.arange(end.n_networks)
    verdict = Verdict.empty(problem, problem.pack(end), "")
    for n, times in enumerate((0, 1, LONGER, 0, 0)):  # as it is, after quenches so many times as long, after ways down
        if n:
            end = quench(condition, end, times)[0] if times else go_down(condition, end)
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
