"""Dead units out of the way: each training's live units first, in their order, so that a kernel need not go further.

Under plain gradient descent with ReLU a unit that is dead (no pre-activation above 0) stays as it is for ever, and
its part in every sum is 0. Leaving it out changes no bit: the others keep their order, and no sum of theirs is −0.

A table is one of `nnxor.engines.cycles`, for two inputs: (4H + 1, R). `units` (H, R) says which unit of the training
stands at each place of its column.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from nnxor.engines.cycles import History, Numbers, Table


@njit(nogil=True, cache=True, error_model="numpy")
def live_first(table, units, columns):
    """The chosen columns with their live units first: the table, its units, and how many live each has."""
    hidden, n = len(units), len(columns)
    packed, packed_units = np.empty((len(table), n), table.dtype), np.empty((hidden, n), units.dtype)
    place, n_live = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for wanted in (True, False):
        for h in range(hidden):
            for j in range(n):
                r = columns[j]
                p0 = table[2 * hidden + h, r]
                p1 = p0 + table[hidden + h, r]
                p2 = p0 + table[h, r]
                p3 = p2 + table[hidden + h, r]
                if ((p0 > 0) | (p1 > 0) | (p2 > 0) | (p3 > 0)) == wanted:
                    for first in range(0, 4 * hidden, hidden):
                        packed[first + place[j], j] = table[first + h, r]
                    packed_units[place[j], j] = units[h, r]
                    place[j] += 1
                    n_live[j] += wanted
    for j in range(n):
        packed[4 * hidden, j] = table[4 * hidden, columns[j]]
    return packed, packed_units, n_live


@njit(nogil=True, cache=True, error_model="numpy")
def in_order(tables, units, number, columns):
    """A table whose column j is column columns[j] of tables[number[j]], with its units in the training's order.

    tables (N, 4H + 1, R), units (N, H, R).
    """
    hidden = units.shape[1]
    table = np.empty((tables.shape[1], len(columns)), tables.dtype)
    for h in range(hidden):
        for j in range(len(columns)):
            for first in range(0, 4 * hidden, hidden):
                there = first + units[number[j], h, columns[j]]
                table[there, j] = tables[number[j], first + h, columns[j]]
    for j in range(len(columns)):
        table[4 * hidden, j] = tables[number[j], 4 * hidden, columns[j]]
    return table


class PackedHistory(History):
    """States whose units are in any order; they come back in that of the training."""

    def __init__(self, epochs: int, start: Table, units: Numbers) -> None:
        """Room for the states of a training of that many epochs, from table and units that it starts with."""
        super().__init__(epochs, start)
        self._units = np.empty((len(self.checkpoints) - 1, *units.shape), units.dtype)

    def keep_packed(self, states: Table, trainings: Numbers, units: Numbers) -> None:
        """Keep the states of the next checkpoint and the order of their units: column j is that of trainings[j]."""
        self.keep(states, trainings)
        self._units[self.latest, :, : len(trainings)] = units

    def at(self, number: Numbers, trainings: Numbers) -> Table:
        """The states of trainings, each at a checkpoint of its own (the number of it)."""
        columns = self._column[number, trainings].astype(np.int64)  # other integers would be compiled for again
        states: Table = in_order(self._states, self._units, number.astype(np.int64), columns)
        return states
