"""The numba engine: blocks of trainings, by kernels that are compiled once a machine and run outside the GIL."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.engines.cycles import first_state, to_weights
from nnxor.engines.jumps import train_blocks
from nnxor.engines.kernel import LANES, Kernel
from nnxor.engines.trace import Trace, Trained
from nnxor.engines.walk import Walk
from nnxor.network.draws import Weights
from nnxor.network.minibatches import seeds_of


def train(
    condition: Condition,
    start: Weights,
    seeds: NDArray[np.integer] | range | None = None,
    *,
    jump: bool = True,
    drop: bool = True,
) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches and redraw its units.

    What cannot matter is left out: a training that repeats, or which has diverged, is not run to its end (`jump`), and
    units that are dead for ever are not computed (`drop`). With both off every unit goes through every epoch and no
    repeats are looked for; else the same comes out, bit for bit. Only a network that diverges may end with other
    parameters; it counts as diverged either way.
    """
    n = start.n_networks
    padding = -n % LANES
    table = np.pad(first_state(condition, start), [(0, 0), (0, padding)])
    trace = Trace.empty(n + padding)
    final = train_blocks(condition, table, seeds_of(condition, seeds, n), trace, jump, drop)
    weights = to_weights(final[: condition.n_parameters], condition.task.n_inputs)
    return Trained(weights.take(slice(0, n)), trace.take(slice(0, n)))


def course(condition: Condition, start: Weights, epochs: Sequence[int]) -> Iterator[Weights]:
    """The networks of `start` after each of so many epochs; full batch, nothing redrawn."""
    n = start.n_networks
    states = Walk(condition)(np.tile(first_state(condition, start), len(epochs)), np.repeat(epochs, n))
    weights = to_weights(states[: condition.n_parameters], condition.task.n_inputs)
    return (weights.take(slice(n * i, n * (i + 1))) for i in range(len(epochs)))


def variant(condition: Condition) -> str:
    """What is compiled for a condition: equal for those that one compilation serves."""
    return Kernel(condition).text()
