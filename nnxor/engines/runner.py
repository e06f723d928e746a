"""Runs the kernel of one condition, also on states apart from the course of a training.

A state is a column of a table of all parameters and memories, as in `nnxor.engines.cycles`.
"""

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.engines.block import LANES, N_DEAD, N_NOTES, Plan
from nnxor.engines.cycles import Numbers, Table
from nnxor.engines.kernel import text
from nnxor.engines.llvm_numbers import compiled

LINE = 64  # bytes of a line of the cache
BYTES = ctypes.c_char * 0


class Runner:
    """The kernel and the numbers of a condition; also an `Advance` of `nnxor.engines.cycles`."""

    def __init__(self, condition: Condition) -> None:
        """Compiles the kernel of the condition, unless one that serves it is there."""
        plan = Plan(condition)
        dtype, self.hidden, self.tolerance = plan.dtype, condition.hidden, plan.rules.k.tolerance
        self.n_notes = N_NOTES + (0 if condition.smooth else condition.hidden)
        betas = np.array([getattr(condition, name) for name in plan.powers])
        self._betas, self._steps, n = betas, plan.steps, len(plan.rows)
        parameters = (1 + plan.rules.optimizer.memory) * condition.n_parameters
        drawn = aligned((len(plan.sizes) * plan.batch, condition.task.n_inputs + 1, LANES), dtype)
        if plan.batch:  # their order where it is fixed
            drawn[:n] = np.array([(*row.inputs, row.target) for row in plan.rows])[:, :, None]
        self._call = compiled(text(plan))
        self._own = {  # the arrays of one block, as `nnxor.engines.block.ARRAYS` has them after those of all
            "shared": plan.shared(),
            "clock": np.concatenate([np.ones_like(betas), betas, np.ones_like(betas)]),
            "drawn": drawn,
            "keys": aligned((n, LANES), np.dtype(np.uint64)),
            "place": aligned((n, LANES), np.dtype(np.int32)),
            "state": aligned((parameters, LANES), dtype),
            "before": aligned((parameters, LANES), dtype),
            "scratch": aligned((plan.scratch(),), dtype),
            "noted": aligned((self.n_notes, LANES), np.dtype(np.int32)),
        }
        self._places = [_place(array) for array in self._own.values()]

    def run(
        self,
        table: NDArray[Any],
        first: int,
        ends: int | Numbers,
        *,
        notes: NDArray[np.int32],
        n_filled: int,
        width: Numbers | None = None,
        tail: tuple[NDArray[np.float64], int, int] | None = None,
        losses: NDArray[Any] | None = None,
        steps: NDArray[np.int32] | None = None,
        stream: NDArray[np.uint64] | None = None,
        watch: bool = False,
    ) -> None:
        """Train the columns of `table` (P, n) from an epoch on, a multiple of `LANES`: see `nnxor.engines.block`.

        Only the first `n_filled` are trained. `ends` is one for all or of each block; `width` the units that are run,
        all if it is not given; `tail` comes with where it begins and the length of its parts.
        """
        n_blocks = table.shape[1] // LANES
        if powers := len(self._betas):
            n = first * self._steps
            self._own["clock"][2 * powers :] = [np.cumprod(np.full(n, beta))[-1] if n else 1.0 for beta in self._betas]
        sums, tail_start, tail_part = tail or (None, 2**62, 1)
        width = np.full(n_blocks, self.hidden) if width is None else width
        ends = np.full(n_blocks, ends, np.int64)
        self._call(
            *map(_place, (table, notes, sums, losses, steps, stream, width, ends)), *self._places,
            table.shape[1], n_filled, n_blocks, self.hidden, first, 0 if losses is None else len(losses), tail_start,
            tail_part, watch,
        )  # fmt: skip

    def __call__(self, table: Table, steps: Numbers) -> Table:
        """The states that many epochs later."""
        return self._run(table, steps, 0)[0] if steps.any() else table

    def losses(self, table: Table, steps: Numbers) -> Table:
        """The losses of that many epochs, shape (epochs, R); those of a column's further epochs are not defined."""
        return self._run(table, steps, int(steps.max(initial=0)))[1]

    def n_dead(self, table: Table) -> Numbers:
        """Dead units of each state."""
        columns = padded(table)
        notes = self._nothing(columns)
        self.run(columns, 0, 0, notes=notes, n_filled=table.shape[1])
        return notes[N_DEAD, : table.shape[1]]

    def _nothing(self, columns: Table) -> NDArray[np.int32]:
        """Notes for trainings whose notes nobody reads."""
        return np.zeros((self.n_notes, columns.shape[1]), np.int32)

    def _run(self, table: Table, steps: Numbers, n_losses: int) -> tuple[Table, Table]:
        n = table.shape[1]
        alike = not n or bool((steps == steps[0]).all())
        by_length = slice(None) if alike else np.argsort(steps, kind="stable")  # a block takes about as long
        columns, lengths = (padded(each) for each in (table[:, by_length], steps[by_length].astype(np.int32)))
        losses = np.empty((n_losses, columns.shape[1]), table.dtype)
        longest = lengths.reshape(-1, LANES).max(axis=1, initial=0)
        self.run(
            columns, 0, longest, notes=self._nothing(columns), n_filled=n, losses=losses,
            steps=None if alike else lengths,
        )  # fmt: skip
        if alike:
            return columns[:, :n], np.ascontiguousarray(losses[:, :n])
        back = np.empty(n, np.intp)
        back[by_length] = np.arange(n)
        return columns.take(back, axis=1), losses.take(back, axis=1)


def _place(array: NDArray[Any] | None) -> ctypes.Array[ctypes.c_char] | None:
    """Where an array begins, null for none; the array must be contiguous."""
    return None if array is None else BYTES.from_buffer(array.data)


def padded(array: NDArray[Any]) -> NDArray[Any]:
    """A copy with zeros at the end of its last axis, up to a multiple of `LANES`."""
    n = array.shape[-1]
    longer = np.zeros((*array.shape[:-1], -(-n // LANES) * LANES), array.dtype)
    longer[..., :n] = array
    return longer


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    """Zeros that begin where a line of the cache does."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)
