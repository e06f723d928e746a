"""A function over numbers as a program of scalars, for Numba."""

from collections.abc import Callable

import numpy as np

from nnxor.arithmetic.numbers import Number, Symbol, Tape


def printed(function: Callable[[Number], Number], dtype: type) -> Callable[[float], float]:
    """The function as a program of scalars: what its tape says, a line an operation."""
    tape = Tape(np.dtype(dtype))
    result = function(tape.input("x"))
    names: dict[int, str] = {}

    def name(symbol: Symbol) -> str:
        if symbol.operation == "constant":
            return f"number({symbol.arguments[0]!r})"
        return "x" if symbol.operation == "input" else names[id(symbol)]

    lines = []
    for i, symbol in enumerate(tape.results):
        a = [name(argument) for argument in symbol.arguments]
        forms = {"neg": "-{}", "where": "{1} if {0} else {2}", "abs": "abs({})", "sqrt": "np.sqrt({})"}
        forms |= {"power_of_two": "number(ldexp(1.0, int({})))", "exponent": "number(frexp({})[1] - 1)"}
        names[id(symbol)] = f"t{i}"
        lines.append(f"    t{i} = " + forms.get(symbol.operation, f"{{}} {symbol.operation} {{}}").format(*a))
    scope: dict[str, Callable[[float], float]] = {}
    head = "from math import frexp, ldexp, inf, nan\nimport numpy as np\n"
    source = f"{head}number = np.{np.dtype(dtype).name}\ndef program(x):\n" + "\n".join(lines)
    exec(f"{source}\n    return {names[id(result)]}", scope)
    return scope["program"]
