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
    """The chosen columns with their live units first: the table and its units."""
    hidden, n_parameters = units.shape[0], len(table)
    packed, packed_units = np.empty((n_parameters, len(columns)), table.dtype), np.empty_like(units[:, : len(columns)])
    place = np.zeros(len(columns), np.int64)
    for wanted in (True, False):
        for h in range(hidden):
            for j in range(len(columns)):
                r = columns[j]
                if (alive[h, r] != 0) == wanted:
                    for first in range(0, n_parameters - 1, hidden):
                        packed[first + place[j], j] = table[first + h, r]
                    packed_units[place[j], j] = units[h, r]
                    place[j] += 1
    packed[n_parameters - 1] = table[n_parameters - 1, columns]
    return packed, packed_units


def in_order(table: Table, units: Numbers) -> Table:
    """The table with its units in the training's order."""
    result, order, hidden = table.copy(), np.argsort(units, axis=0), len(units)
    for first in range(0, len(table) - 1, hidden):
        result[first : first + hidden] = np.take_along_axis(table[first : first + hidden], order, axis=0)
    return result


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
        states = super().at(number, trainings)
        if not self._packed:
            return states
        return in_order(states, self._units[number, :, self._column[number, trainings]].T)
