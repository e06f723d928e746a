"""The arithmetic of an epoch as JavaScript: the same bits in a browser as in every engine here.

`programs(dtype)` prints every rule of every entry as a straight-line program. Programs have fixed names for what they
are given (z, a, g of a unit; s, y, t, c of a row; p, g, m0 …, left0 … of a step; `k_slope` … for settings), so that
the browser writes a network's loop around them, whatever the choice of entries. What is summed up over inputs, units
and rows is printed a term at a time, as expressions.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np

from nnxor.arithmetic.epoch import Row, gradients, preactivation
from nnxor.arithmetic.normal import normal_quantile
from nnxor.arithmetic.numbers import Number, Symbol, Tape, in_order
from nnxor.arithmetic.printers import JavaScript, prelude, program
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.entries import Activation, Loss, Optimizer, Uses
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS

DOUBLE = np.dtype(np.float64)
FLAGS = {"relu_at_zero": (0, 1)}
"""Settings that choose between rules, and their values: such a rule is printed for each."""

Programs = dict[str, Any]


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
    return _printed([normal_quantile(Tape(DOUBLE).input("p"))], DOUBLE)


def _sums(dtype: np.dtype) -> Programs:
    """A term more of each sum; where an input takes part, for an input that is 0, 1, or any number x."""
    tape, language = Tape(dtype), JavaScript(dtype)
    z, u, x, s, a, w, g, f, total, term = map(tape.input, (*"zuxsawgf", "total", "term"))
    kinds = {"0": 0.0, "1": 1.0, "x": x}

    def text(number: Number) -> str:
        if not isinstance(number, Symbol):
            return language.constant(float(number))
        return str(
            number.arguments[0]
            if number.operation == "input"
            else language.operation(number, [text(argument) for argument in number.arguments])
        )

    of_input = {name: gradients([Row((value,), term, term)], [a], [g], [f], 0.0) for name, value in kinds.items()}
    return {
        "preactivation": {name: text(preactivation([value], [u], z)) for name, value in kinds.items()},
        "score": text(in_order([s, a * w])),
        "of_input": {name: text(each[0]) for name, each in of_input.items()},
        "of_output": text(of_input["x"][2]),
        "of_activation": text(f * w),
        "total": text(in_order([total, term])),
    }


def _printed(results: Sequence[Number], dtype: np.dtype) -> Programs:
    lines, found = program(results, JavaScript(dtype), "x")
    return {"lines": "\n".join(lines), "results": found}


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
    derived = {name: _printed([value], DOUBLE) for name, value in _derived(entry).items()}
    return {"settings": [*entry.settings], "derived": derived}


def _activation(entry: Activation, dtype: np.dtype) -> Programs:
    """Rules `value` (of z), `back` (of z, a, g) and `second` (of z, a), by the variant of the flags; its slopes."""
    found: Programs = {"value": {}, "back": {}, "second": {}}
    for name, flags in _variants(entry):
        tape = Tape(dtype)
        k, (z, a, g) = _k(entry, tape, flags), (tape.input(each) for each in "zag")
        found["value"][name] = _printed([entry.value(z, k)], dtype)
        found["back"][name] = _printed([entry.back(z, a, g, k)], dtype)
        found["second"][name] = _printed([entry.second(z, a, k)], dtype)
    slopes = [] if entry.slopes is None else [*entry.slopes(SimpleNamespace(slope="slope"))]
    return {**_about(entry), **entry.about(), **found, "half_at": entry.half_at, "slopes": slopes}


def _loss(entry: Loss, dtype: np.dtype) -> Programs:
    """Rules `row` (term, gradient, of s, y, t, c), `whole` (of total), `second` (of y, c), `weight` (of n, double)."""
    tape = Tape(dtype)
    s, y, t, c = (tape.input(each) for each in "sytc")
    return {
        **_about(entry),
        "row": _printed(entry.row(s, y, t, c), dtype),
        "whole": _printed([entry.whole(tape.input("total"))], dtype),
        "second": _printed([entry.second(y, c)], dtype),
        "weight": _printed([entry.weight(Tape(DOUBLE).input("n"))], DOUBLE),  # type: ignore[arg-type]
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
        "step": _printed([moved, *remembered], dtype),
        "start": _printed(list(entry.start(Tape(DOUBLE).input("k_lr"))), DOUBLE)["results"],  # type: ignore[arg-type]
        "powers": [*entry.powers],
        "autonomous": entry.autonomous,
        "rests": entry.rests,
    }
