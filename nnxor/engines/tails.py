"""Tails and last unsolved epochs that trainings on cycles would have had at their end, as machine code."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.numbers import where
from nnxor.engines.cycles import Numbers, Table
from nnxor.engines.llvm_numbers import DOUBLE, INT, LONG, Machine, compiled
from nnxor.protocol import TAIL_PARTS


@cache
def _text(dtype: np.dtype) -> str:
    """The function as text, for losses of a dtype."""
    m = Machine(5, 4, dtype, 1)
    losses, periods, tolerance, unsolved, sums, n, begin, part, epochs = m.arguments
    bound = m.read(tolerance, 0, m.real)
    with m.loop(0, n) as r:
        period = m.cast("sext", m.read(periods, r, INT), LONG)
        with m.loop(0, TAIL_PARTS) as number:
            phase = number * part % period
            total, at = m.cell(m.read(sums, r, DOUBLE)), m.cell(phase)
            with m.when(~((phase == 0) & (number > 0))):  # most periods are 1 or 2, and all parts alike
                total.set(total.get().like(0.0))
                with m.loop(0, part):
                    loss = m.read(losses, at.get() * n + r, m.real)
                    total.set(total.get() + m.cast("fpext", loss, DOUBLE))
                    after = at.get() + 1
                    at.set(where(after < period, after, 0))
            m.store(sums, number * n + r, total.get())
        with m.loop(epochs - period, epochs) as e:
            place = (e - begin + period) % period  # a period may be longer than the tail
            with m.when(~(m.read(losses, place * n + r, m.real) <= bound)):
                m.store(unsolved, r, m.cast("trunc", e, INT))
    return m.text()


def read_cycles(
    losses: Table,
    period: NDArray[np.int32],
    tolerance: np.floating,
    epochs: int,
    part: int,
    last_unsolved: Numbers,
    tail: NDArray[np.float64],
) -> None:
    """Put in the sums of the tails (in parts of `part` epochs) and last unsolved epochs of trainings on their cycles.

    losses (P, n): those of the epochs from the start of the tail on, of which each training repeats the first
    period[r]. Each sum adds the losses in the order in which a training run to its end meets them.
    """
    arrays = (losses, period, np.array([tolerance], losses.dtype), last_unsolved, tail)
    assert all(array.flags.c_contiguous for array in arrays)
    addresses = (array.ctypes.data for array in arrays)
    compiled(_text(losses.dtype))(*addresses, losses.shape[1], epochs - TAIL_PARTS * part, part, epochs)
