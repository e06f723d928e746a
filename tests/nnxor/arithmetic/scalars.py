"""A function over numbers as machine code."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.numbers import Number
from nnxor.engines.llvm_numbers import Machine, compiled as machine_code, vector_bytes


def compiled(function: Callable[[Number], Number], dtype: type) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The function of each number of an array, a vector at a time."""
    width = vector_bytes(1) // np.dtype(dtype).itemsize
    m = Machine(2, 1, np.dtype(dtype), width)
    given, result, n = m.arguments
    with m.loop(0, n, width) as i:
        m.store(result, i, function(m.read(given, i)))
    call = machine_code(m.text())

    def of(x: NDArray[Any]) -> NDArray[Any]:
        whole = np.append(x, np.zeros(-len(x) % width, dtype))
        y = np.empty_like(whole)
        call(whole.ctypes.data, y.ctypes.data, len(whole))
        return y[: len(x)]

    return of
