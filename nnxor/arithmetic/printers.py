"""The straight-line program on a tape as JavaScript source.

An input of a tape is printed as its name. `program` gives the lines that compute some results, and the expressions that
stand for these afterwards.
"""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nnxor.arithmetic.numbers import Symbol


class JavaScript:
    """JavaScript: `fr` rounds to float32; `powerOfTwo` and `exponent` look at bits (`PRELUDE`)."""

    FORMS: ClassVar = {
        "neg": "(-{0})",
        "abs": "Math.abs({0})",
        "sqrt": "{fr}(Math.sqrt({0}))",
        "where": "({0} ? {1} : {2})",
        "~": "(!{0})",
        "&": "({0} && {1})",
        "|": "({0} || {1})",
        "power_of_two": "powerOfTwo({0})",
        "exponent": "exponent({0})",
    }

    def __init__(self, dtype: np.dtype) -> None:
        """Every arithmetic result is rounded to the dtype: JavaScript's own numbers are float64."""
        self._round = "fr" if dtype == np.float32 else ""

    def constant(self, value: float) -> str:
        """A constant."""
        return repr(value)

    def assignment(self, name: str, expression: str) -> str:
        """A line that gives a result its name."""
        return f"const {name} = {expression};"

    def operation(self, symbol: Symbol, arguments: list[str]) -> str:
        """An operation on arguments that are names or constants."""
        boolean = symbol.dtype == np.bool_
        form = self.FORMS.get(symbol.operation, ("" if boolean else "{fr}") + f"({{0}} {symbol.operation} {{1}})")
        return form.format(*arguments, fr=self._round)


def prelude(dtype: np.dtype) -> list[str]:
    """JavaScript that every program needs first."""
    if dtype == np.float32:
        return [
            "const fr = Math.fround, real = new Float32Array(1), bits = new Int32Array(real.buffer);",
            "function powerOfTwo(n) { bits[0] = (n + 127) << 23; return real[0]; }",
            "function exponent(x) { real[0] = x; return (bits[0] >> 23) - 127; }",
        ]
    return [
        "const fr = (x) => x, real = new Float64Array(1), bits = new Int32Array(real.buffer); // little-endian",
        "function powerOfTwo(n) { bits[0] = 0; bits[1] = (n + 1023) << 20; return real[0]; }",
        "function exponent(x) { real[0] = x; return (bits[1] >> 20) - 1023; }",
    ]


def program(results: Sequence[Symbol | float], language: JavaScript, prefix: str) -> tuple[list[str], list[str]]:
    """The lines that compute some results, and each result as an expression; `prefix` begins the names."""
    symbols = [result for result in results if isinstance(result, Symbol)]
    needed = _needed(symbols)
    names: dict[int, str] = {}
    lines = []

    def expression(symbol: Symbol | float) -> str:
        if not isinstance(symbol, Symbol):
            return language.constant(float(symbol))
        if symbol.operation == "constant":
            return language.constant(symbol.arguments[0])
        return symbol.arguments[0] if symbol.operation == "input" else names[id(symbol)]

    for symbol in symbols[0].tape.results if symbols else []:
        if id(symbol) in needed:
            names[id(symbol)] = f"{prefix}{len(names)}"
            operation = language.operation(symbol, [expression(argument) for argument in symbol.arguments])
            lines.append(language.assignment(names[id(symbol)], operation))
    return lines, [expression(result) for result in results]


def _needed(results: Sequence[Symbol]) -> set[int]:
    needed: set[int] = set()
    todo = [symbol for symbol in results if isinstance(symbol, Symbol)]
    while todo:
        symbol = todo.pop()
        if symbol.operation not in ("input", "constant") and id(symbol) not in needed:
            needed.add(id(symbol))
            todo.extend(symbol.arguments)
    return needed
