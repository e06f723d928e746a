"""Runs the kernel of one condition, also on states (`nnxor.engines.cycles`) apart from the course of a training."""

import ctypes
from functools import cache

import numpy as np

from nnxor.arithmetic.numbers import where
from nnxor.arrays import Ints, Values, Wholes
from nnxor.condition import Condition
from nnxor.engines.block import ARRAYS, LANES, N_DEAD, N_NOTES, Plan
from nnxor.engines.cycles import Table
from nnxor.engines.kernel import text
from nnxor.engines.llvm_numbers import DOUBLE, INT, LONG, Machine, compiled
from nnxor.protocol import TAIL_PARTS, tail_part


class Runner:
    """The kernel and the numbers of a condition; also an `Advance` of `nnxor.engines.cycles`."""

    def __init__(self, condition: Condition) -> None:
        """Compiles the kernel of the condition, unless one that serves it is there."""
        plan = Plan(condition)
        self.hidden, self._steps, self.part = condition.hidden, len(plan.sizes), tail_part(condition.epochs)
        self.tail_start = condition.epochs - TAIL_PARTS * self.part
        self._call, self._own = compiled(text(plan)), plan.arrays()
        self._places = [_place(array) for array in self._own.values()]

    def run(self, first: int, ends: int | Wholes, n_filled: int, *, watch: bool, **given: Values) -> None:
        """Train the first `n_filled` columns of a table from an epoch on, up to one for all or one of each block.

        given: arrays by their names in `nnxor.engines.block.ARRAYS`; a table and notes, of a multiple of `LANES`
        columns, at least. All units are run where no `width` is given.
        """
        assert {"table", "notes"} <= given.keys() <= {*ARRAYS}, given.keys()
        n = given["table"].shape[1]
        n_blocks, (betas, powers) = n // LANES, self._own["clock"]
        powers[:] = [np.cumprod([1.0, *[beta] * (first * self._steps)])[-1] for beta in betas]
        arrays = {"width": np.full(n_blocks, self.hidden), **given, "ends": np.full(n_blocks, ends, np.int64)}
        self._call(
            *(_place(arrays.get(name)) for name in ARRAYS), *self._places,
            n, n_filled, n_blocks, self.hidden, first, len(given.get("losses", ())),
            self.tail_start if "tail" in given else 2**62, max(self.part, 1), watch,
        )  # fmt: skip

    def __call__(self, table: Table, steps: Wholes) -> Table:
        """The states that many epochs later."""
        return self.ahead(table, steps, 0)[0] if steps.any() else table

    def n_dead(self, table: Table) -> Wholes:
        """Dead units of each state."""
        *_, notes = self.ahead(table, np.zeros(table.shape[1], int), 0)
        return np.asarray(notes[N_DEAD])

    def ahead(self, table: Table, steps: Wholes, n_losses: int) -> tuple[Table, Table, Ints]:
        """States that many epochs later, the first losses on the way, and notes, as far as `n_dead` asks for them.

        losses (n_losses, 2, R): those of the steps, and whether each is unsolved; later ones are not defined.
        """
        n = table.shape[1]
        alike = not n or bool((steps == steps[0]).all())
        by_length = slice(None) if alike else np.argsort(steps, kind="stable")  # a block takes about as long
        columns, lengths = (padded(each) for each in (table[:, by_length], steps[by_length].astype(np.int32)))
        losses = np.empty((n_losses, 2, columns.shape[1]), table.dtype)
        notes = np.zeros((N_NOTES + self.hidden, columns.shape[1]), np.int32)
        longest = lengths.reshape(-1, LANES).max(axis=1, initial=0)
        handed_out = {} if alike else {"steps": lengths}
        self.run(0, longest, n, watch=False, table=columns, notes=notes, losses=losses, **handed_out)
        if alike:
            return columns[:, :n], losses[..., :n], notes[:, :n]
        back = np.empty(n, np.intp)
        back[by_length] = np.arange(n)
        return columns.take(back, axis=1), losses.take(back, axis=-1), notes


def _place(array: Values | None) -> ctypes.Array[ctypes.c_char] | None:
    """Where an array begins, null for none; the array must be contiguous."""
    return None if array is None else (ctypes.c_char * 0).from_buffer(array.data)


def padded(array: Values) -> Values:
    """A copy with zeros at the end of its last axis, up to a multiple of `LANES`."""
    n = array.shape[-1]
    longer = np.zeros((*array.shape[:-1], -(-n // LANES) * LANES), array.dtype)
    longer[..., :n] = array
    return longer


@cache
def _reading(dtype: np.dtype) -> str:
    """The code of `read_cycles`, for losses of a dtype."""
    m = Machine(4, 4, dtype, 1)
    losses, periods, unsolved, sums, n, begin, part, epochs = m.arguments
    with m.loop(0, n) as r:
        period = m.cast("sext", m.read(periods, r, INT), LONG)
        with m.loop(0, TAIL_PARTS) as number:
            phase = number * part % period
            total, at = m.cell(m.read(sums, r, DOUBLE)), m.cell(phase)
            with m.when(~((phase == 0) & (number > 0))):  # most periods are 1 or 2, and all parts alike
                total.set(total.get().like(0.0))
                with m.loop(0, part):
                    loss = m.read(losses, at.get() * 2 * n + r, m.real)
                    total.set(total.get() + m.cast("fpext", loss, DOUBLE))
                    after = at.get() + 1
                    at.set(where(after < period, after, 0))
            m.store(sums, number * n + r, total.get())
        with m.loop(epochs - period, epochs) as e:
            place = (e - begin + period) % period  # a period may be longer than the tail
            with m.when(m.read(losses, (place * 2 + 1) * n + r, m.real) > 0.0):
                m.store(unsolved, r, m.cast("trunc", e, INT))
    return m.text()


def read_cycles(losses: Table, period: Wholes, epochs: int, part: int, last_unsolved: Wholes, tail: Values) -> None:
    """Put in the sums of the tails (in parts of `part` epochs) and last unsolved epochs of trainings on their cycles.

    losses (P, 2, n): as `Runner.ahead` gives them of the epochs from the start of the tail on, of which each training
    repeats the first period[r]. Sums (float64) add losses in the order of a whole training. Whole numbers have 32 bits.
    """
    places = map(_place, (np.ascontiguousarray(losses), period, last_unsolved, tail))
    compiled(_reading(losses.dtype))(*places, losses.shape[-1], epochs - TAIL_PARTS * part, part, epochs)
