"""Exact repeats: when a training has come back to a state that it has had before.

Training over all rows by an optimizer that needs no clock is a deterministic map of finitely many states: all
parameters, and what the optimizer remembers of them. Once a state s_e, at the start of epoch e, equals that of an
earlier epoch, the training is periodic for ever (s_E is the state after the last update):

- period: the smallest p > 0 for which some s_{e+p} equals s_e;
- settled epoch: the smallest such e. From there on the states repeat with that period.

Repeats are looked for as in Brent's cycle search ("An improved Monte Carlo factorization algorithm", BIT 20, 1980): the
state at a checkpoint c is kept, and those of the `watched(c)` epochs after it are compared with them. The checkpoints
are fixed epochs, `stretch(c)` apart, so that what is found depends on the training alone: a training of E epochs counts
as settled if, for some checkpoint c, its settled epoch is at most c and its period p below watched(c), and c + p < E.
Both numbers are then exact; otherwise they are unknown, which does not say that the training never repeats.

NaN equals nothing, so that a training that ends in NaN does not count as settled. No parameter is ever −0: engines
start with 0 instead, and no difference of other numbers is −0. (A memory may be −0, which acts like 0.)

Here a state is a column of a table, (P, R): the rows of W1, then b1, W2 and b2, then the memories in this order. Cycles
are not left and dead ReLU units stay dead, so the first epoch of either is found by bisection between two checkpoints.
"""

from collections.abc import Callable

import numpy as np

from nnxor.arrays import Floats, Ints, Mask, Wholes
from nnxor.condition import Condition
from nnxor.network.draws import Weights
from nnxor.network.optimizers import OPTIMIZERS

Table = Floats
Advance = Callable[[Table, Wholes], Table]  # the states that many epochs later, a number for each column
Holds = Callable[[Table, Wholes], Mask]  # of states, and of their places among the trainings asked about
ROOM = 2**25  # bytes, about, for states at the checkpoints; more trainings go in parts: more would be mapped anew
SHORTEST = 64  # epochs between the first checkpoints, and for which they are watched


def stretch(checkpoint: int) -> int:
    """Epochs to the next checkpoint: the largest power of two up to an eighth of the way here, at least 64."""
    return max(SHORTEST, 1 << max((checkpoint // 8).bit_length() - 1, 0))


def watched(checkpoint: int) -> int:
    """Periods below this are found at a checkpoint: up to the next one, later up to an eighth of it (docs/speed.md)."""
    return stretch(checkpoint) if checkpoint < 1024 else stretch(checkpoint) // 8


def schedule(condition: Condition) -> Wholes:
    """All checkpoints of a training, and its end; where nothing repeats, those at which units are redrawn."""
    checkpoint, found = 0, []
    while checkpoint < condition.epochs:
        found.append(checkpoint)
        checkpoint += stretch(checkpoint) if condition.repeats else condition.recycle_every or condition.epochs
    return np.array([*found, condition.epochs])


def at_once(condition: Condition, n: int) -> list[slice]:
    """Parts of n trainings, a multiple of 64 each, so small that their states at the checkpoints have room."""
    numbers = len(schedule(condition)) * condition.n_parameters * (1 + OPTIMIZERS[condition.optimizer].memory)
    size = max(ROOM // (numbers * condition.numpy_dtype.itemsize) // 64, 1) * 64
    return [slice(first, first + size) for first in range(0, max(n, 1), size)]


def first_state(condition: Condition, start: Weights) -> Table:
    """All parameters of each network and what is remembered of them before the first step, as one column."""
    table, memories = to_table(start.astype(condition.numpy_dtype)), OPTIMIZERS[condition.optimizer].start(condition.lr)
    return np.concatenate([table, *(np.full_like(table, x) for x in memories)])


def to_table(weights: Weights) -> Table:
    """All parameters of each network as one column."""
    return np.concatenate([array.reshape(-1, weights.n_networks) for array in weights])


def to_weights(condition: Condition, table: Table) -> Weights:
    """The networks of a table of states; their arrays are views of it."""
    d, hidden = condition.task.n_inputs, condition.hidden
    W1, b1, W2, b2, _ = np.split(table, [d * hidden, (d + 1) * hidden, (d + 2) * hidden, (d + 2) * hidden + 1])
    return Weights(W1.reshape(d, hidden, -1), b1, W2, b2[0])


def same(one: Table, other: Table) -> Mask:
    """Whether all numbers of a column are the same, and none is NaN; shape (R,)."""
    return np.asarray((one == other).all(axis=0))


def in_order(table: Table, units: Wholes) -> Table:
    """The table with units put back into the training's order; column r holds unit `units[h, r]` at place h."""
    result, parts = table.copy(), ((len(table) - 1) // len(units), *units.shape)
    np.put_along_axis(result[:-1].reshape(parts), units[None].astype(np.intp), table[:-1].reshape(parts), axis=1)
    return result


def live_first(table: Table, units: Wholes, alive: Mask, columns: Wholes) -> tuple[Table, Wholes]:
    """The chosen columns with their live units first: the table and its units (see `in_order`)."""
    (hidden, n), alive = units.shape, alive.take(columns, axis=1)
    place = np.where(alive, alive.cumsum(axis=0), alive.sum(axis=0) + (~alive).cumsum(axis=0)) - 1
    source = np.empty(place.shape, np.intp)  # where each unit stood, in rows of all units
    np.put_along_axis(source, place, np.arange(hidden)[:, None] * n + columns, axis=0)
    flat = (each.reshape(-1, hidden * n).take(source.ravel(), axis=1) for each in (table[:-1], units))
    packed, packed_units = (each.reshape(len(each) * hidden, len(columns)) for each in flat)
    return np.concatenate([packed, table[-1:].take(columns, axis=1)]), packed_units.astype(units.dtype, copy=False)


class History:
    """States of trainings at the checkpoints, as far as they were run; units come back in the training's order."""

    def __init__(self, checkpoints: Wholes, start: Table, units: Wholes | None = None) -> None:
        """Room for the states at the checkpoints (the last is the end), from table and units of the start."""
        self.checkpoints = checkpoints
        n_checkpoints, n = len(self.checkpoints) - 1, start.shape[1]
        self._states = np.empty((n_checkpoints, *start.shape), start.dtype)
        self._units = None if units is None else np.empty((n_checkpoints, *units.shape), units.dtype)
        self._column = np.zeros((n_checkpoints, n), np.int32)
        self.latest = -1  # the number of the checkpoint whose states were kept last

    def keep(self, states: Table, trainings: Wholes, units: Wholes | None = None) -> None:
        """Keep the states of the next checkpoint, with the order of their units: column j is that of trainings[j]."""
        self.latest += 1
        self._states[self.latest, :, : len(trainings)] = states
        self._column[self.latest, trainings] = np.arange(len(trainings))
        if self._units is not None and units is not None:
            self._units[self.latest, :, : len(trainings)] = units

    def at(self, number: Wholes, trainings: Wholes) -> Table:
        """The states of trainings, each at a checkpoint of its own (the number of it)."""
        columns = self._column[number, trainings]
        states = np.ascontiguousarray(self._states[number, :, columns].T)
        return states if self._units is None else in_order(states, self._units[number, :, columns].T)

    def before(self, epochs: Wholes) -> tuple[Wholes, Ints]:
        """The number of the last checkpoint before each epoch, and how long before it is."""
        number = np.searchsorted(self.checkpoints, epochs) - 1
        return number, (epochs - self.checkpoints[number]).astype(np.int32)


def settled(history: History, returned: Wholes, advance: Advance) -> tuple[Ints, Ints]:
    """Since when trainings repeat, and periods, from when each first `returned` to a checkpoint's state; or −1."""
    first, period = np.full((2, len(returned)), -1, np.int32)
    trainings = np.flatnonzero(returned > 0)
    on, p = history.before(returned[trainings])  # a checkpoint on the cycle; `off` is one that is not, or −1
    period[trainings] = p
    longest = np.array([watched(int(checkpoint)) for checkpoint in history.checkpoints])
    off = np.where((on > 0) & (p < longest[on - 1]), on - 1, -1)
    while len(wide := np.flatnonzero(on - off > 1)):
        middle = (on[wide] + off[wide]) // 2
        states = history.at(middle, trainings[wide])
        back = same(states, advance(states, p[wide]))
        on[wide[back]], off[wide[~back]] = middle[back], middle[~back]
    first[trainings[on == 0]] = 0
    later = on > 0
    trainings, p, off = trainings[later], p[later], off[later]
    first[trainings] = first_time(
        history, off, trainings, lambda states, chosen: same(states, advance(states, p[chosen])), advance
    )
    return first, period


def first_time(history: History, number: Wholes, trainings: Wholes, holds: Holds, advance: Advance) -> Wholes:
    """The epoch from which on something holds for good: not yet at checkpoint `number`, but at the next."""
    states, begin = history.at(number, trainings), history.checkpoints[number]
    span = history.checkpoints[number + 1] - begin
    before = np.zeros(len(span), np.int64)  # epochs for which it does not hold
    step = 1 << int(np.max(span, initial=1) - 1).bit_length()
    while step := step // 2:
        chosen = np.flatnonzero(before + step < span)
        ahead = advance(states.take(chosen, axis=1), np.full(len(chosen), step))
        not_yet = np.flatnonzero(~holds(ahead, chosen))
        states[:, chosen[not_yet]] = ahead.take(not_yet, axis=1)
        before[chosen[not_yet]] += step
    return np.asarray(begin + before + 1)
