"""Dead units redrawn in training: every so many epochs each unit that is dead starts afresh.

Its input weights, bias and output weight come from the next draw of the same seed, and the optimizer forgets what it
knew of them. Frozen parameters keep their initial values. A unit that is redrawn alive counts as one that came back.
"""

import numpy as np

from nnxor.arithmetic.networks import alive
from nnxor.arrays import Wholes
from nnxor.condition import Condition
from nnxor.engines.cycles import Table, first_state, to_weights
from nnxor.network.draws import Weights, initial_weights

FIRST_DRAW = 3  # the draw that the first redrawn units come from: a start and a rescue take those before
NEAR = 20  # A draw takes as long as this many seeds more, at least


def is_due(condition: Condition, epoch: int) -> bool:
    """Whether dead units are redrawn at the start of an epoch."""
    every = condition.recycle_every
    return every is not None and 0 < epoch < condition.epochs and epoch % every == 0


def recycled(condition: Condition, state: Table, seeds: Wholes, epoch: int) -> Table:
    """The states with dead units redrawn, at the start of an epoch."""
    assert condition.recycle_every is not None
    dead = ~alive(condition, to_weights(condition, state))
    chosen = np.flatnonzero(dead.any(axis=0))
    if not len(chosen):
        return state
    number = FIRST_DRAW + epoch // condition.recycle_every - 1
    own = seeds[chosen]  # those that are near are drawn at once, with what lies between
    runs = np.split(own, np.flatnonzero((np.diff(own) < 1) | (np.diff(own) > NEAR)) + 1)
    spans = [(run - run[0], range(int(run[0]), int(run[-1]) + 1)) for run in runs]
    drawn = [initial_weights(condition, span, number).take(places) for places, span in spans]
    fresh = first_state(condition, Weights.joined(drawn))
    of_units = [dead & (name not in condition.frozen) for name in (*["W1"] * condition.task.n_inputs, "b1", "W2")]
    redrawn = np.concatenate([*of_units, np.zeros_like(dead[:1])])  # not the output bias
    state = state.copy()
    masks = np.tile(redrawn, (len(state) // len(redrawn), 1))[:, chosen]
    state[:, chosen] = np.where(masks, fresh, state[:, chosen])
    return state
