"""The fast kernel for one condition: its constants, and what it can tell of states apart from a training's course.

A state is a column of a table of all parameters, as in `nnxor.engines.cycles`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import arrays as arithmetic
from nnxor.condition import Condition
from nnxor.engines.cycles import Numbers, Table
from nnxor.engines.square import LANES, Aim, Constants, Seen, square_kernel
from nnxor.network.losses import LOSSES

NO_STEPS = np.empty((0, LANES), np.int64)
NO_TAIL = np.empty((0, 0, LANES))


class Walk:
    """The kernel and the constants of a condition; also an `Advance` of `nnxor.engines.cycles`."""

    def __init__(self, condition: Condition) -> None:
        """Compiles nothing yet."""
        dtype = condition.numpy_dtype
        number = dtype.type
        lr, lr_bias = arithmetic.steps(condition)
        self.constants = Constants(
            t=condition.task.t(dtype),
            c=number(LOSSES[condition.loss].weight(condition.task.n_rows)),
            lr=lr,
            lr_bias=lr_bias,
            slope=number(condition.slope),
            tolerance=number(condition.success.tolerance),
            zero=number(0),
            half=number(0.5),
        )
        self.no_losses = np.empty((0, 0, LANES), dtype)
        self.kernel = square_kernel(condition.activation == "leaky_relu", bool(condition.relu_at_zero))

    def __call__(self, table: Table, steps: Numbers) -> Table:
        """The states that many epochs later."""
        return self._run(table, steps, 0)[0]

    def losses(self, table: Table, steps: Numbers) -> Table:
        """The losses of that many epochs, shape (epochs, R); those of a column's further epochs are not defined."""
        return self._run(table, steps, int(steps.max(initial=0)))[1]

    def n_dead(self, table: Table) -> Numbers:
        """Dead units of each state."""
        columns = blocks(padded(table))
        n_dead = np.zeros(columns.shape[1:], np.int32)
        self._call(columns, NO_STEPS, 0, self.no_losses, n_dead=n_dead)
        return n_dead.ravel()[: table.shape[1]]

    def meet(self, behind: Table, ahead: Table, span: Numbers) -> Numbers:
        """Epochs after which the states of each pair are the same, at most `span`."""
        half = LANES // 2
        by_span = np.argsort(span, kind="stable")
        columns = np.zeros((len(behind), -(-len(span) // half), LANES), behind.dtype)
        for start, states in ((0, behind), (half, ahead)):
            columns[:, :, start : start + half] = padded(states[:, by_span], half).reshape(len(behind), -1, half)
        met = np.full(columns.shape[1:], -1, np.int32)
        self._call(columns, NO_STEPS, int(span.max()) + 1, self.no_losses, met=met)
        epochs = np.empty(len(span), np.int32)
        epochs[by_span] = met[:, :half].ravel()[: len(span)]
        return epochs

    def _run(self, table: Table, steps: Numbers, n_losses: int) -> tuple[Table, Table]:
        n = table.shape[1]
        shortest, longest = (int(steps.min()), int(steps.max())) if n else (0, 0)
        by_length = None if shortest >= longest else np.argsort(steps, kind="stable")  # a block takes about as long
        columns = padded(table if by_length is None else table[:, by_length])
        lengths = NO_STEPS if by_length is None else blocks(padded(steps[by_length].astype(np.int64)))
        losses = np.empty((n_losses, columns.shape[1]), table.dtype)
        self._call(blocks(columns), lengths, longest, blocks(losses))
        if by_length is None:
            return columns[:, :n], np.ascontiguousarray(losses[:, :n])
        back = np.empty(n, np.intp)
        back[by_length] = np.arange(n)
        return columns.take(back, axis=1), losses.take(back, axis=1)

    def _call(
        self,
        columns: NDArray[Any],
        steps: Numbers,
        last: int,
        losses: NDArray[Any],
        n_dead: NDArray[np.int32] | None = None,
        met: NDArray[np.int32] | None = None,
    ) -> None:
        hidden, n_blocks = len(columns) // 4, columns.shape[1]
        ints, marks = np.zeros(columns.shape[1:], np.int32), np.zeros((hidden, *columns.shape[1:]), np.int32)
        seen = Seen(
            period=ints if met is None else met,
            last_unsolved=ints,
            first_death=ints,
            n_dead=ints if n_dead is None else n_dead,
            marks=marks,
            tail=NO_TAIL,
            losses=losses,
        )
        aim = Aim(first=0, last=last, watch=False, pairs=met is not None, tail_start=last, tail_part=1)
        self.kernel(columns, np.full(n_blocks, hidden), steps, self.constants, aim, seen)


def blocks(array: NDArray[Any]) -> NDArray[Any]:
    """The last axis, a multiple of LANES, cut into blocks."""
    return array.reshape(*array.shape[:-1], array.shape[-1] // LANES, LANES)


def padded(array: NDArray[Any], multiple: int = LANES) -> NDArray[Any]:
    """A copy with zeros at the end of its last axis, up to a multiple of `multiple`."""
    n = array.shape[-1]
    longer = np.zeros((*array.shape[:-1], -(-n // multiple) * multiple), array.dtype)
    longer[..., :n] = array
    return longer
