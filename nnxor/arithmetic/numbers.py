"""Numbers: what the arithmetic of an epoch is written in.

A number is a NumPy array (or scalar) of float32 or float64, or a `Symbol` that stands for one. Rules are ordinary
functions over numbers. Called with arrays they compute; called with symbols they leave a straight-line program, which
`make printed` writes as JavaScript, or which `nnxor.engines.llvm_numbers` makes machine code.

Allowed are +, −, ×, ÷, comparisons, `&`, `|`, `~` of comparisons, and the functions of this module. Each gives one
correctly rounded or exact result in the number's dtype, so that a rule gives the same bits wherever it runs. Python
floats are rounded to the dtype of the other operand. A rule may ask a number for its `dtype`, and never for its value:
there is no `if` over numbers, only `where`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import reduce
from typing import Any

import numpy as np

Number = Any  # an array, a scalar of NumPy, or a `Symbol`; also the booleans that comparisons of them give


def _binary(operation: str, *, swapped: bool = False) -> Any:
    """A method: the result of an operation with another number."""

    def method(self: Symbol, other: object) -> Number:
        number = self.like(other)
        return self.tape.result(operation, (number, self) if swapped else (self, number))

    return method


class Symbol:
    """A number that is not known yet; `node` is what its tape, which made it, knows it by.

    A tape is whatever has a `dtype`, makes the `result(operation, symbols)` of an operation, and a
    `constant(value, like)` of the kind of another symbol. The operators that rules may not use are for what only one
    tape knows, such as whole numbers.
    """

    __slots__ = ("node", "tape")

    def __init__(self, tape: Any, node: Any) -> None:
        self.tape, self.node = tape, node

    __add__, __radd__ = _binary("+"), _binary("+", swapped=True)
    __sub__, __rsub__ = _binary("-"), _binary("-", swapped=True)
    __mul__, __rmul__ = _binary("*"), _binary("*", swapped=True)
    __truediv__, __rtruediv__ = _binary("/"), _binary("/", swapped=True)
    __gt__, __ge__, __lt__, __le__ = map(_binary, (">", ">=", "<", "<="))
    __and__, __or__ = _binary("&"), _binary("|")
    __floordiv__, __mod__, __xor__, __lshift__, __rshift__ = map(_binary, ("//", "%", "^", "<<", ">>"))
    __eq__, __ne__, __hash__ = _binary("=="), _binary("!="), object.__hash__

    def __invert__(self) -> Number:
        return _operation("~", self)

    def __neg__(self) -> Number:
        return _operation("neg", self)

    @property
    def dtype(self) -> Any:
        """That of all real numbers of its tape."""
        return self.tape.dtype

    def like(self, value: object) -> Number:
        """A symbol as it is; another value as a constant of this kind."""
        return value if isinstance(value, Symbol) else self.tape.constant(value, self)

    def __bool__(self) -> bool:
        raise TypeError("a symbol has no value: use where(condition, a, b)")


def where(condition: Number, yes: Number, no: Number) -> Number:
    """`yes` where the condition holds and `no` elsewhere; one of both may be a Python float."""
    if isinstance(condition, Symbol):
        one = yes if isinstance(yes, Symbol) else no
        return condition.tape.result("where", (condition, one.like(yes), one.like(no)))
    return np.where(condition, yes, no)


def sqrt(x: Number) -> Number:
    """The square root, correctly rounded."""
    return _operation("sqrt", x) if isinstance(x, Symbol) else np.sqrt(x)


def absolute(x: Number) -> Number:
    """|x|, exact; the sign of zero and of NaN is cleared."""
    return _operation("abs", x) if isinstance(x, Symbol) else np.abs(x)


def maximum(x: Number, y: Number) -> Number:
    """The larger of both, that is x if x > y, else y: y also where one of them is not a number."""
    return where(x > y, x, y)


def minimum(x: Number, y: Number) -> Number:
    """The smaller of both, that is x if x < y, else y: y also where one of them is not a number."""
    return where(x < y, x, y)


def rounded(x: Number) -> Number:
    """The nearest whole number, ties to even, for |x| < 2^22 (float32) or 2^51 (float64)."""
    magic = 1.5 * 2.0 ** np.finfo(x.dtype).nmant
    return (x + magic) - magic


def power_of_two(n: Number) -> Number:
    """2^n, exact, for whole n from −126 to 127, or −1022 to 1023 in float64; the caller keeps out all others."""
    if isinstance(n, Symbol):
        return _operation("power_of_two", n)
    about = np.finfo(n.dtype)
    with np.errstate(invalid="ignore"):
        return ((n + (about.maxexp - 1)).astype(f"int{about.bits}") << about.nmant).view(n.dtype)


def exponent(x: Number) -> Number:
    """The whole number n with 2^n ≤ x < 2^(n+1), for a positive normal x (0 and subnormal ones give −127 or −1023)."""
    if isinstance(x, Symbol):
        return _operation("exponent", x)
    about = np.finfo(x.dtype)
    return (x.view(f"int{about.bits}") >> about.nmant).astype(x.dtype) - (about.maxexp - 1)


def in_order(terms: Iterable[Number]) -> Number:
    """The sum of the terms from the first to the last."""
    return reduce(operator.add, terms)


def every(conditions: Iterable[Number]) -> Number:
    """Whether all conditions hold."""
    return reduce(operator.and_, conditions)


def some(conditions: Iterable[Number]) -> Number:
    """Whether one of the conditions holds."""
    return reduce(operator.or_, conditions)


def _operation(name: str, x: Symbol) -> Number:
    return x.tape.result(name, (x,))
