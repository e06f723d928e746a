"""The kernel of one condition: its numbers, and what it can tell of states apart from a training's course.

A state is a column of a table of all parameters and memories, as in `nnxor.engines.cycles`.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.engines.cycles import Numbers, Table
from nnxor.engines.kernel import LANES, NOTES, Kernel
from nnxor.engines.llvm_numbers import functions
from nnxor.engines.loops import Plan, Record, Work, run

NO_STEPS = np.empty((0, LANES), np.int64)
NO_TAIL = np.empty((0, 0, LANES))
LINE = 64  # bytes of a line of the cache


class Runner:
    """The kernel and the numbers of a condition; also an `Advance` of `nnxor.engines.cycles`."""

    def __init__(self, condition: Condition) -> None:
        """Compiles the kernel of the condition, unless one that serves it is there."""
        kernel, dtype, hidden = Kernel(condition), condition.numpy_dtype, condition.hidden
        self.hidden, self.marked, self.tolerance = hidden, not condition.smooth, kernel.rules.k.tolerance
        self.no_losses = np.empty((0, 0, LANES), dtype)
        self._betas = np.array([getattr(condition, name) for name in kernel.powers])
        self._steps = max(len(kernel.sizes), 1)
        d, n_states = condition.task.n_inputs, 1 + kernel.rules.optimizer.memory
        state = aligned((n_states * condition.n_parameters, LANES), dtype)
        examples = kernel.examples()
        self._work = Work(
            **functions(kernel.text()),
            watched=kernel.watched * hidden,
            shuffled=len(examples) > 0 and condition.order == "shuffled",
            hidden=hidden,
            n_parameters=condition.n_parameters,
            state=state,
            kept=aligned(state.shape, dtype),
            bait=aligned((2, LANES), dtype),
            scratch=aligned((kernel.scratch(hidden),), dtype),
            shared=kernel.shared(),
            clock=np.concatenate([np.ones_like(self._betas), self._betas]),
            drawn=aligned((kernel.places, d + 1, LANES), dtype),
            notes=aligned((NOTES + 2 * hidden, LANES), np.dtype(np.int32)),
            examples=examples,
            place=aligned((len(examples), LANES), np.dtype(np.int32)),
            keys=aligned((len(examples) + 1, LANES), np.dtype(np.uint64)),
        )

    def run(
        self,
        table: NDArray[Any],
        width: Numbers,
        steps: Numbers,
        stream: NDArray[np.uint64],
        plans: tuple[Plan, Plan],
        record: Record,
    ) -> tuple[int, int, bool]:
        """Train the columns of `table` (P, B, LANES), the first `width` (B,) units of each; the others must be dead.

        The first plan is watched, and may be empty; the second follows unless a training got a period under the first.
        Returned are the numbers of trainings that got a period or diverged, and of those of which a unit died, and
        whether the second plan's end is reached. If `steps` (B, LANES) is not empty, each column becomes that of so
        many epochs later instead; the second plan begins at 0 and ends at the largest step, and `record` keeps only
        the losses. `stream` (B, LANES) shuffles mini-batches.
        """
        n = plans[1].first * self._steps
        self._work.clock[: len(self._betas)] = [np.cumprod(np.full(n, beta))[-1] if n else 1.0 for beta in self._betas]
        done: tuple[int, int, bool] = run(table, width, steps, self._work, stream, *plans, record)
        return done

    def __call__(self, table: Table, steps: Numbers) -> Table:
        """The states that many epochs later."""
        return self._run(table, steps, 0)[0] if steps.any() else table

    def losses(self, table: Table, steps: Numbers) -> Table:
        """The losses of that many epochs, shape (epochs, R); those of a column's further epochs are not defined."""
        return self._run(table, steps, int(steps.max(initial=0)))[1]

    def n_dead(self, table: Table) -> Numbers:
        """Dead units of each state."""
        columns = blocks(padded(table))
        n_dead = np.zeros(columns.shape[1:], np.int32)
        self._call(columns, NO_STEPS, 0, self.no_losses, n_dead=n_dead)
        return n_dead.ravel()[: table.shape[1]]

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
    ) -> None:
        n_blocks, ints = columns.shape[1], np.zeros(columns.shape[1:], np.int32)
        marks = np.zeros((self.hidden * self.marked, *columns.shape[1:]), np.int32)
        record = Record(
            period=ints,
            last_unsolved=ints,
            first_death=ints,
            n_dead=ints if n_dead is None else n_dead,
            marks=marks,
            tail=NO_TAIL,
            losses=losses,
        )
        plans = Plan(0, 0, True, False, last, 1), Plan(0, last, False, True, last, 1)
        self.run(columns, np.full(n_blocks, self.hidden), steps, np.zeros(columns.shape[1:], np.uint64), plans, record)


def blocks(array: NDArray[Any]) -> NDArray[Any]:
    """The last axis, a multiple of LANES, cut into blocks."""
    return array.reshape(*array.shape[:-1], array.shape[-1] // LANES, LANES)


def padded(array: NDArray[Any], multiple: int = LANES) -> NDArray[Any]:
    """A copy with zeros at the end of its last axis, up to a multiple of `multiple`."""
    n = array.shape[-1]
    longer = np.zeros((*array.shape[:-1], -(-n // multiple) * multiple), array.dtype)
    longer[..., :n] = array
    return longer


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> NDArray[Any]:
    """Zeros that begin where a line of the cache does."""
    size = int(np.prod(shape)) * dtype.itemsize
    memory = np.zeros(size + LINE, np.uint8)
    first = -memory.ctypes.data % LINE
    return memory[first : first + size].view(dtype).reshape(shape)
