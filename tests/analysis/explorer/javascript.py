"""The arithmetic of an epoch as JavaScript: the same bits in a browser as in every engine.

`programs(dtype)` prints every rule of every entry as a straight-line program. Programs have fixed names for what they
are given (z, a, g of a unit; s, y, t, c of a row; p, g, m0 …, left0 … of a step; `k_slope` … for settings), so that
the browser writes a network's loop around them, whatever the choice of entries. What is summed up over inputs, units
and rows is printed a term at a time, as expressions.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from nnxor.arithmetic.epoch import Row, gradients, preactivation
from nnxor.arithmetic.functions import normal_quantile
from nnxor.arithmetic.numbers import Number, Symbol, in_order
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.entries import Activation, Loss, Optimizer, Uses
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS

DOUBLE = np.dtype(np.float64)
FLAGS = {"relu_at_zero": (0, 1)}
"""Settings that choose between rules, and their values: such a rule is printed for each."""

FORMS = {
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
"""Operations in JavaScript; the others are signs between two numbers, rounded to float32 by `fr` where they must be."""

Programs = dict[str, Any]


class Operation(NamedTuple):
    """What a symbol stands for: the result of an operation on others, an input's name, or a constant."""

    name: str
    arguments: tuple[Any, ...]


class Tape:
    """A straight-line program: operations in the order in which they were asked for, each only once."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = np.dtype(dtype)
        self.results: list[Symbol] = []
        self._known: dict[tuple[Any, ...], Symbol] = {}

    def input(self, name: str) -> Symbol:
        """A number that the program is given under a name."""
        return self._once(name, Operation("input", (name,)))

    def constant(self, value: Any, _: Symbol) -> Symbol:
        """A value that is known, rounded to the dtype."""
        known = self.dtype.type(value).item()
        return self._once(repr(known), Operation("constant", (known,)))

    def result(self, operation: str, arguments: tuple[Symbol, ...]) -> Symbol:
        """The result of an operation."""
        return self._once(tuple(map(id, arguments)), Operation(operation, arguments))

    def _once(self, key: object, operation: Operation) -> Symbol:
        if (operation.name, key) not in self._known:
            symbol = self._known[operation.name, key] = Symbol(self, operation)
            if operation.name not in ("input", "constant"):
                self.results.append(symbol)
        return self._known[operation.name, key]


def programs(dtype: np.dtype) -> Programs:
    """All rules in one dtype: `activations`, `outputs`, `losses`, `optimizers`, `sums`, and their `prelude`."""
    return {
        "sums": _sums(dtype),
        "prelude": "\n".join(prelude(dtype)),
        "activations": {name: _activation(entry, dtype) for name, entry in ACTIVATIONS.items()},
        "outputs": {name: _activation(entry, dtype) for name, entry in OUTPUTS.items()},
        "losses": {name: _loss(entry, dtype) for name, entry in LOSSES.items()},
        "optimizers": {name: _optimizer(entry, dtype) for name, entry in OPTIMIZERS.items()},
    }


def quantile() -> Programs:
    """The quantile of the normal distribution at p, in float64."""
    return program([normal_quantile(Tape(DOUBLE).input("p"))], DOUBLE)


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


def program(results: Sequence[Symbol | float], dtype: np.dtype) -> Programs:
    """The lines that compute some results, and each result as an expression."""
    tape, names = next((result.tape for result in results if isinstance(result, Symbol)), Tape(dtype)), {}
    needed, todo = set(), [result for result in results if isinstance(result, Symbol)]
    while todo:
        symbol = todo.pop()
        if symbol.node.name not in ("input", "constant") and id(symbol) not in needed:
            needed.add(id(symbol))
            todo.extend(symbol.node.arguments)
    lines = []
    for symbol in tape.results:
        if id(symbol) in needed:
            arguments = [expression(argument, names) for argument in symbol.node.arguments]
            names[id(symbol)] = f"x{len(names)}"
            lines.append(f"const {names[id(symbol)]} = {operation(symbol, arguments, dtype)};")
    return {"lines": "\n".join(lines), "results": [expression(result, names) for result in results]}


def expression(number: Number, names: dict[int, str]) -> str:
    """A number as an expression: a constant, what the program is given, or the name of a result."""
    if not isinstance(number, Symbol) or number.node.name == "constant":
        return repr(number.node.arguments[0] if isinstance(number, Symbol) else float(number))
    return str(number.node.arguments[0] if number.node.name == "input" else names[id(number)])


def operation(symbol: Symbol, arguments: list[str], dtype: np.dtype) -> str:
    """An operation on arguments that are names or constants."""
    fr = "fr" if dtype == np.float32 else ""
    name = symbol.node.name
    form = FORMS.get(name, ("{fr}" if name in "+-*/" else "") + f"({{0}} {name} {{1}})")
    return form.format(*arguments, fr=fr)


def _sums(dtype: np.dtype) -> Programs:
    """A term more of each sum; where an input takes part, for an input that is 0, 1, or any number x."""
    tape = Tape(dtype)
    z, u, x, s, a, w, g, f, total, term = map(tape.input, (*"zuxsawgf", "total", "term"))
    kinds = {"0": 0.0, "1": 1.0, "x": x}

    def text(number: Number) -> str:
        if not isinstance(number, Symbol) or number.node.name in ("input", "constant"):
            return expression(number, {})
        return operation(number, [text(argument) for argument in number.node.arguments], dtype)

    of_input = {name: gradients([Row((value,), term, term)], [a], [g], [f], 0.0) for name, value in kinds.items()}
    return {
        "preactivation": {name: text(preactivation([value], [u], z)) for name, value in kinds.items()},
        "score": text(in_order([s, a * w])),
        "of_input": {name: text(each[0]) for name, each in of_input.items()},
        "of_output": text(of_input["x"][2]),
        "of_activation": text(f * w),
        "total": text(in_order([total, term])),
    }


def _variants(entry: Uses) -> Iterator[tuple[str, dict[str, int]]]:
    """The flags of an entry in all combinations, each with a name: '' without flags, else 'relu_at_zero=1'."""
    names = [name for name in entry.settings if name in FLAGS]
    for values in product(*(FLAGS[name] for name in names)):
        flags = dict(zip(names, values, strict=True))
        yield ",".join(f"{name}={value}" for name, value in flags.items()), flags


def _k(entry: Uses, tape: Tape, flags: dict[str, int]) -> SimpleNamespace:
    names = [*(name for name in entry.settings if name not in flags), *_derived(entry)]
    return SimpleNamespace(**{name: tape.input(f"k_{name}") for name in names}, **flags)


def _derived(entry: Uses) -> dict[str, Number]:
    """Numbers that follow from an entry's settings, over symbols of these, in double precision."""
    tape = Tape(DOUBLE)
    settings = SimpleNamespace(**{name: tape.input(f"k_{name}") for name in entry.settings})
    return entry.derived(settings)


def _about(entry: Uses) -> Programs:
    derived = {name: program([value], DOUBLE) for name, value in _derived(entry).items()}
    return {"settings": [*entry.settings], "derived": derived}


def _activation(entry: Activation, dtype: np.dtype) -> Programs:
    """Rules `value` (of z), `back` (of z, a, g) and `second` (of z, a), by the variant of the flags; its slopes."""
    found: Programs = {"value": {}, "back": {}, "second": {}}
    for name, flags in _variants(entry):
        tape = Tape(dtype)
        k, (z, a, g) = _k(entry, tape, flags), (tape.input(each) for each in "zag")
        found["value"][name] = program([entry.value(z, k)], dtype)
        found["back"][name] = program([entry.back(z, a, g, k)], dtype)
        found["second"][name] = program([entry.second(z, a, k)], dtype)
    slopes = [] if entry.slopes is None else [*entry.slopes(SimpleNamespace(slope="slope"))]
    return {**_about(entry), **entry.about(), **found, "half_at": entry.half_at, "slopes": slopes}


def _loss(entry: Loss, dtype: np.dtype) -> Programs:
    """Rules `row` (term, gradient, of s, y, t, c), `whole` (of total), `second` (of y, c), `weight` (of n, double)."""
    tape = Tape(dtype)
    s, y, t, c = (tape.input(each) for each in "sytc")
    return {
        **_about(entry),
        "row": program(entry.row(s, y, t, c), dtype),
        "whole": program([entry.whole(tape.input("total"))], dtype),
        "second": program([entry.second(y, c)], dtype),
        "weight": program([entry.weight(Tape(DOUBLE).input("n"))], DOUBLE),  # type: ignore[arg-type]
        "logits": entry.logits,
    }


def _optimizer(entry: Optimizer, dtype: np.dtype) -> Programs:
    """The rule `step` (of p, g, m0 …, left0 …, k_lr), and `start`, what is remembered first (of k_lr, in double)."""
    tape = Tape(dtype)
    memory = tuple(tape.input(f"m{j}") for j in range(entry.memory))
    left = tuple(tape.input(f"left{j}") for j in range(len(entry.powers)))
    k = _k(entry, tape, {})
    moved, remembered = entry.step(tape.input("p"), tape.input("g"), memory, tape.input("k_lr"), k, left)
    return {
        **_about(entry),
        "step": program([moved, *remembered], dtype),
        "start": program(list(entry.start(Tape(DOUBLE).input("k_lr"))), DOUBLE)["results"],  # type: ignore[arg-type]
        "powers": [*entry.powers],
        "autonomous": not entry.powers,
        "rests": entry.rests,
        "plain": entry.plain,
    }
