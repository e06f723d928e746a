"""The numba engine: blocks of trainings, compiled once a machine, outside the GIL."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.engines import general
from nnxor.engines.cycles import looked_for as fits_square
from nnxor.engines.jumps import train_square
from nnxor.engines.square import LANES
from nnxor.engines.trace import Trace, Trained
from nnxor.network.draws import Weights
from nnxor.network.minibatches import streams


def train(
    condition: Condition,
    start: Weights,
    seeds: NDArray[np.integer] | range | None = None,
    *,
    jump: bool = True,
    drop: bool = True,
) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches, if there are any.

    Where the fast kernel trains, what cannot matter is left out: a training whose parameters repeat, or which has
    diverged, is not run to its end (`jump`), and units that are dead for ever are not computed (`drop`). With both off
    every unit goes through every epoch and no repeats are looked for; else the same comes out, bit for bit. Only a
    network that diverges may end with other parameters; it counts as diverged either way.
    """
    n = start.n_networks
    padding = -n % LANES
    stream = np.pad(streams(condition, seeds, n), (0, padding))
    weights = Weights(
        *(
            np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, padding)])
            for array in start.astype(condition.numpy_dtype).arrays()
        )
    )
    trace = Trace.empty(n + padding)
    if fits_square(condition):
        weights = train_square(condition, weights, trace, jump, drop)
    else:
        general.kernel(*weights.arrays(), stream, general.settings(condition), *trace.of_every_kernel())
    return Trained(weights.take(slice(0, n)), trace.take(slice(0, n)))


def variant(condition: Condition) -> tuple[object, ...]:
    """What is compiled for a condition: equal for those that one compilation serves."""
    if fits_square(condition):
        return ("square", condition.activation, condition.relu_at_zero, condition.dtype)
    return ("general", condition.dtype)
