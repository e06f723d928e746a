"""A function over numbers as machine code."""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from nnxor.arithmetic.numbers import Number
from nnxor.engines.llvm_numbers import LONG, POINTER, Machine, functions, vector_bytes


def compiled(function: Callable[[Number], Number], dtype: type) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """The function of each number of an array, a vector at a time."""
    module, width = ir.Module("program"), vector_bytes() // np.dtype(dtype).itemsize
    m = Machine(module, "program", [POINTER, POINTER, LONG], np.dtype(dtype), width)
    given, result, n = m.arguments
    with m.loop(0, n, width) as i:
        m.store(result, i, function(m.read(given, i)))
    m.build.ret_void()
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(functions(str(module))["program"])

    def of(x: NDArray[Any]) -> NDArray[Any]:
        whole = np.append(x, np.zeros(-len(x) % width, dtype))
        y = np.empty_like(whole)
        call(whole.ctypes.data, y.ctypes.data, len(whole))
        return y[: len(x)]

    return of
