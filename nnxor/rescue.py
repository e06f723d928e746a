"""The rescue: an experiment on causes. Stuck runs are interfered with, train on, and some get free.

A training under `rescue=X` trains its epochs as always. If it then is stuck (`nnxor.diagnosis`), the intervention X
(`nnxor.interventions`) is made in its final weights and it trains on for as many epochs again; else it stays as it is.

The second start is a start: momentum and Adam begin with no memory, and mini-batches are shuffled as at first. So only
under plain full-batch gradient descent is the placebo the same, bit for bit, as a training of twice the epochs.
"""

from dataclasses import replace

import numpy as np

from nnxor.arrays import Mask
from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.engines import Train, Trained
from nnxor.interventions import INTERVENTIONS
from nnxor.network.draws import Weights


def rescue(
    condition: Condition, seeds: range, start: Weights, trained: Trained, columns: Columns, train: Train
) -> tuple[Weights, Columns]:
    """Interfere with the stuck ones of these trainings and train them on; final weights and columns of all.

    `outcome_before` is the outcome before. Epochs count from the first start, and columns about the start describe it.
    """
    columns = {**columns, "outcome_before": columns["outcome"]}
    stuck = np.flatnonzero(is_stuck(columns))
    if not len(stuck):
        return trained.weights, columns
    onward = onward_condition(condition)
    second = train(onward, intervene(condition, trained.weights, seeds).take(stuck), np.asarray(seeds)[stuck])
    before, after, epochs = trained.trace.take(stuck), second.trace, np.int32(condition.epochs)
    death, settled = (np.where(each < 0, each, each + epochs) for each in (after.first_death, after.settled_epoch))
    death = np.where(before.first_death < 0, death, before.first_death)
    unsolved, revived = after.last_unsolved + epochs, before.revived + after.revived  # not by the intervention itself
    trace = after._replace(last_unsolved=unsolved, first_death=death, revived=revived, settled_epoch=settled)
    for name, values in diagnose(onward, start.take(stuck), Trained(second.weights, trace)).items():
        columns[name] = columns[name].astype(np.result_type(columns[name], values))  # a type that holds both
        columns[name][stuck] = values
    end = trained.weights.take(slice(None))
    end.put(stuck, second.weights)
    return end, columns


def is_stuck(columns: Columns) -> Mask:
    """Which trainings are stuck, shape (R,)."""
    return np.char.startswith(columns["outcome"], "stuck")


def onward_condition(condition: Condition) -> Condition:
    """The condition under which stuck runs of a condition train on, and end; itself if it has no rescue."""
    if condition.rescue is None:
        return condition
    return replace(condition, rescue=None, **INTERVENTIONS[condition.rescue].then(condition))  # type: ignore[arg-type]


def intervene(condition: Condition, weights: Weights, seeds: range) -> Weights:
    """The networks after the condition's intervention, which keeps what is frozen; `seeds` are theirs, consecutive."""
    with np.errstate(invalid="ignore"):  # a diverged network is not rescued, but stands among the others
        changed = INTERVENTIONS[str(condition.rescue)].change(condition, weights, seeds)
    kept = condition.frozen
    return Weights(*(getattr(weights if name in kept else changed, name) for name in Weights._fields))
