"""Dead units out of the way: each training's live units first, in their order, so that a kernel need not go further.

Under plain gradient descent with ReLU a unit that is dead (no pre-activation above 0) stays as it is for ever, and
its part in every sum is 0. Leaving it out changes no bit: the others keep their order, and no sum of theirs is −0.

A table is one of `nnxor.engines.cycles`, without any memory: ((D + 2)·H + 1, R). `units` (H, R) says which unit of the
training stands at each place of its column.
"""

import numpy as np

from nnxor.engines.cycles import History, Numbers, Table
from nnxor.engines.skeleton import compiled


@compiled
def live_first(table, units, alive, columns):
    """The chosen columns with their live units first: the table, its units, and how many live each has."""
    hidden, n, n_parameters = len(units), len(columns), len(table)
    packed, packed_units = np.empty((n_parameters, n), table.dtype), np.empty((hidden, n), units.dtype)
    place, n_live = np.zeros(n, np.int64), np.zeros(n, np.int64)
    for wanted in (True, False):
        for h in range(hidden):
            for j in range(n):
                r = columns[j]
                if (alive[h, r] != 0) == wanted:
                    for first in range(0, n_parameters - 1, hidden):
                        packed[first + place[j], j] = table[first + h, r]
                    packed_units[place[j], j] = units[h, r]
                    place[j] += 1
                    n_live[j] += wanted
    for j in range(n):
        packed[n_parameters - 1, j] = table[n_parameters - 1, columns[j]]
    return packed, packed_units, n_live


@compiled
def in_order(tables, units, number, columns):
    """A table whose column j is column columns[j] of tables[number[j]], with its units in the training's order.

    tables (N, P, R), units (N, H, R).
    """
    hidden, n_parameters = units.shape[1], tables.shape[1]
    table = np.empty((n_parameters, len(columns)), tables.dtype)
    for h in range(hidden):
        for j in range(len(columns)):
            for first in range(0, n_parameters - 1, hidden):
                there = first + units[number[j], h, columns[j]]
                table[there, j] = tables[number[j], first + h, columns[j]]
    for j in range(len(columns)):
        table[n_parameters - 1, j] = tables[number[j], n_parameters - 1, columns[j]]
    return table


class PackedHistory(History):
    """States whose units are in any order; they come back in that of the training."""

    def __init__(self, checkpoints: Numbers, start: Table, units: Numbers, packed: bool = True) -> None:
        """Room for the states at the checkpoints, from table and units that the trainings start with."""
        super().__init__(checkpoints, start)
        self._packed = packed
        self._units = np.empty((len(self.checkpoints) - 1, *units.shape), units.dtype)

    def keep_packed(self, states: Table, trainings: Numbers, units: Numbers) -> None:
        """Keep the states of the next checkpoint and the order of their units: column j is that of trainings[j]."""
        self.keep(states, trainings)
        self._units[self.latest, :, : len(trainings)] = units

    def at(self, number: Numbers, trainings: Numbers) -> Table:
        """The states of trainings, each at a checkpoint of its own (the number of it)."""
        if not self._packed:
            return super().at(number, trainings)
        columns = self._column[number, trainings].astype(np.int64)  # other integers would be compiled for again
        states: Table = in_order(self._states, self._units, number.astype(np.int64), columns)
        return states
