"""What an engine returns: final weights, and what can only be seen while it trains."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnxor.network.draws import Weights
from nnxor.protocol import TAIL_PARTS


class Trace(NamedTuple):
    """What happened on the way, for each of R trainings, exact to the epoch.

    last_unsolved: last epoch whose loss, measured before its update, broke the success rule; −1
        if none did. Shape (R,), int32.
    first_death: first epoch at which a unit that was alive at epoch 0 was dead (pre-activation ≤ 0 on every row), the
        state after the last update counting as epoch `epochs`; −1 if none died. Shape (R,), int32.
    revived: number of units that were dead at the start of some epoch and alive at that of a later
        one, or at the end. Shape (R,), int32.
    tail: sums of the losses over the last epochs, in `nnxor.protocol.TAIL_PARTS` parts of `nnxor.protocol.tail_part`
        epochs each, the earliest first. Shape (parts, R), float64 whatever the dtype.
    settled_epoch, period: from which epoch on the parameters repeat exactly, and after how many
        epochs they do (`nnxor.engines.cycles`); −1 where that is not known. Shape (R,), int32.
    """

    last_unsolved: NDArray[np.int32]
    first_death: NDArray[np.int32]
    revived: NDArray[np.int32]
    tail: NDArray[np.float64]
    settled_epoch: NDArray[np.int32]
    period: NDArray[np.int32]

    def take(self, networks: NDArray[np.integer] | slice) -> Trace:
        """The trainings chosen along the last axis."""
        return Trace._make(array[..., networks] for array in self)

    @classmethod
    def empty(cls, n_networks: int) -> Trace:
        """A trace in which nothing has happened yet."""
        unsolved, death, settled, period = (np.full(n_networks, -1, np.int32) for _ in range(4))
        revived, tail = np.zeros(n_networks, np.int32), np.zeros((TAIL_PARTS, n_networks))
        return cls(unsolved, death, revived, tail, settled, period)


class Trained(NamedTuple):
    """The weights after the last update, and the trace."""

    weights: Weights
    trace: Trace


def joined(parts: list[Trained]) -> Trained:
    """Trainings that were run in parts, as one."""
    if len(parts) == 1:
        return parts[0]
    traces = (np.concatenate(arrays, axis=-1) for arrays in zip(*(part.trace for part in parts), strict=True))
    return Trained(Weights.joined(part.weights for part in parts), Trace(*traces))
