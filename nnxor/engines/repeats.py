"""Exact repeats: when a training has come back to parameters that it has had before.

Plain gradient descent is a deterministic map of finitely many floating-point states. Once all
parameters of an epoch equal those of an earlier one, bit for bit, the training is periodic for
ever. In terms of the parameters s_e at the start of epoch e:

- period: the smallest p > 0 for which some s_{e+p} equals s_e;
- settled epoch: the smallest such e. From there on the parameters repeat with that period.

Repeats are looked for as in Brent's cycle search ("An improved Monte Carlo factorization
algorithm", BIT 20, 1980): the parameters of a checkpoint are kept and those of later epochs are
compared with them, until the next checkpoint or for as long as `watched` says. The checkpoints
are fixed epochs (0, 64, 128, …, from 512 on each 1/8 later than the last), so that what is found
depends on the training alone: a training of E epochs counts as settled if its settled epoch is
no later than some checkpoint c, its period p is below watched(c), and c + p < E. The two numbers
are then exact; otherwise both are −1, which does not say that the training never repeats.

Equal means equal bits. 0 and −0 differ, since they can end as different bits of a prediction, and
NaN equals nothing, so that a diverged training does not count as settled.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from nnxor.draws import Weights

SHORTEST = 64
"""Epochs between the first checkpoints, and for which they are watched."""


def next_checkpoint(epoch: int) -> int:
    """The checkpoint that follows the one at `epoch`."""
    return epoch + max(SHORTEST, epoch // 8)


def checkpoint_epochs(epochs: int) -> NDArray[np.int64]:
    """All checkpoints before the end of a training, and the end."""
    epoch, found = 0, []
    while epoch < epochs:
        found.append(epoch)
        epoch = next_checkpoint(epoch)
    return np.array([*found, epochs])


def watched(epoch: int) -> int:
    """Periods below this are found at the checkpoint `epoch`: a quarter of the way to the next one, mostly.

    Most periods are short: watching all the way would find few more of them and cost most
    trainings, those that do not repeat, 6 % more.
    """
    return max(SHORTEST, epoch // 32)


def same(one: Weights, other: Weights) -> NDArray[np.bool_]:
    """Whether all parameters of each network are the same bits, and none is NaN; shape (R,)."""
    equal = [
        ((a == b) & (np.signbit(a) == np.signbit(b))).reshape(-1, a.shape[-1]).all(axis=0)
        for a, b in zip(one.arrays(), other.arrays(), strict=True)
    ]
    return np.asarray(np.logical_and.reduce(equal))


class Search:
    """The search for repeats of R trainings, epoch by epoch: for engines without a kernel of their own."""

    def __init__(self, n_networks: int) -> None:
        self.period = np.full(n_networks, -1, np.int32)
        self._checkpoint, self._next = 0, 0

    def look(self, epoch: int, weights: Weights) -> None:
        """Compare the parameters at the start of an epoch; to be called for every epoch from 0 on."""
        if epoch == self._next:
            self._checkpoint, self._next = epoch, next_checkpoint(epoch)
            self._kept = weights.take(slice(None))
        elif epoch < self._checkpoint + watched(self._checkpoint):
            maybe = (self.period < 0) & (weights.b2 == self._kept.b2)
            if maybe.any():
                self.period[maybe & same(weights, self._kept)] = epoch - self._checkpoint

    def settled_epoch(self, start: Weights, advance: Callable[[Weights], Weights]) -> NDArray[np.int32]:
        """The settled epochs, by training again from `start`; `advance` gives the weights an epoch later."""
        settled = np.full(len(self.period), -1, np.int32)
        running = np.flatnonzero(self.period > 0)
        slow = start.take(running)
        fast, ahead = slow.take(slice(None)), slow.take(slice(None))
        for epoch in range(1, int(self.period.max(initial=0)) + 1):
            ahead = advance(ahead)
            due = self.period[running] == epoch
            for kept, new in zip(fast.arrays(), ahead.arrays(), strict=True):
                kept[..., due] = new[..., due]
        epoch = 0
        while len(running):
            equal = same(slow, fast)
            settled[running[equal]] = epoch
            running, slow, fast = running[~equal], advance(slow.take(~equal)), advance(fast.take(~equal))
            epoch += 1
        return settled
