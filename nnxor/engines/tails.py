"""What trainings on their cycles would have come to, as machine code: sums of their tails, and last unsolved epochs."""

import ctypes
from functools import cache

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from nnxor.engines.block import DOUBLE, INT
from nnxor.engines.cycles import Numbers, Table
from nnxor.engines.llvm_numbers import LONG, POINTER, Machine, functions
from nnxor.protocol import TAIL_PARTS

CALL = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 5, *[ctypes.c_int64] * 4)


@cache
def _text(dtype: np.dtype) -> str:
    """The text of a module of LLVM with the function `tails`, for losses of a dtype."""
    module = ir.Module("nnxor")
    m = Machine(module, "tails", [*[POINTER] * 5, *[LONG] * 4], dtype, 1)
    losses, periods, tolerance, unsolved, sums, n, begin, part, epochs = m.function.args
    build, bound = m.build, m.read(tolerance, 0, m.real)
    with m.loop(0, n) as r:
        period = build.sext(m.read(periods, r, INT), LONG)
        with m.loop(0, TAIL_PARTS) as number:
            phase = build.srem(m.times(number, part), period)
            alike = build.and_(build.icmp_signed("==", phase, LONG(0)), build.icmp_signed(">", number, LONG(0)))
            total, at = m.cell(m.read(sums, r, DOUBLE)), m.cell(phase)  # most periods are 1 or 2, and all parts alike
            with build.if_then(build.not_(alike)):
                total.set(DOUBLE(0.0))
                with m.loop(0, part):
                    loss = m.read(losses, m.plus(m.times(at.get(), n), r), m.real)
                    total.set(build.fadd(total.get(), loss if m.real == DOUBLE else build.fpext(loss, DOUBLE)))
                    after = m.plus(at.get(), 1)
                    at.set(build.select(build.icmp_signed("<", after, period), after, LONG(0)))
            m.store(sums, m.plus(m.times(number, n), r), total.get())
        with m.loop(build.sub(epochs, period), epochs) as e:
            place = build.srem(m.plus(build.sub(e, begin), period), period)  # a period may be longer than the tail
            loss = m.read(losses, m.plus(m.times(place, n), r), m.real)
            with build.if_then(build.not_(build.fcmp_ordered("<=", loss, bound))):
                m.store(unsolved, r, build.trunc(e, INT))
    build.ret_void()
    return str(module)


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
    call = CALL(functions(_text(losses.dtype))["tails"])
    call(*(array.ctypes.data for array in arrays), losses.shape[1], epochs - TAIL_PARTS * part, part, epochs)
