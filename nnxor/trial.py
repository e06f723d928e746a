"""What one training is; read this first.

A training is drawn, trained and diagnosed. If it is stuck and its condition has a rescue, it is interfered with and
trained on. If a certificate is asked for, it says what kind of point a stuck run rests at. All of it is done for many
trainings of one condition at once, one for each seed: arrays hold them along their last axis.
"""

from dataclasses import dataclass

import numpy as np

from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.engines import Train
from nnxor.landscape.certificate import certify, is_far
from nnxor.network.draws import Weights, initial_weights
from nnxor.quench import EPOCHS, quench
from nnxor.rescue import is_stuck, onward_condition, rescue

LONGER = 20 * EPOCHS  # Valleys of leaky units are long
LEFT = 0.01  # What has lost this share of its loss in a quench has left its trap


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


def kinds(condition: Condition, end: Weights, columns: Columns) -> np.ndarray:
    """The kind of point that each stuck run rests at (`nnxor.landscape.certificate`), '' for the others, shape (R,).

    What is shaken about a trap, or still far from where it will rest, is certified where a quench comes to rest, and a
    longer one; but for what leaves the trap on the way.
    """
    found = np.full(end.n_networks, "", dtype="<U8")
    at, ended = np.flatnonzero(is_stuck(columns)), onward_condition(condition)
    end = end.take(at)
    for epochs in (0, EPOCHS, LONGER):
        if not len(at):
            break
        end = quench(ended, end, epochs)[0] if epochs else end
        told = certify(ended, end)
        stayed = told.loss >= (1 - LEFT) * columns["plateau"][at]
        found[at] = np.where(stayed, told.kind, "unknown")
        far = (told.kind == "minimum") & is_far(told.theta, told.problem.pack(end))
        onward = np.flatnonzero(stayed & ((told.kind == "unknown") | far))
        at, end = at[onward], end.take(onward)
    return found
