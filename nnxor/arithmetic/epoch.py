"""The arithmetic of an epoch, written once: the order of operations that every fast engine follows.

Functions over numbers (`nnxor.arithmetic.numbers`), which give the same bits in the same dtype wherever they run: only
correctly rounded operations take part, in the order written here; no fused multiply-add, no BLAS.

- pre-activation of a row: the bias, then + x·w for each input that is not 0, in column order;
- score of a row: the output bias, then + activation·weight for each unit in order; the prediction is the output
  function of the score;
- loss: the rows' terms, summed in order;
- each gradient: its rows' terms, summed in order; for an input's weights only rows where that input is not 0;
- a parameter's step: its optimizer's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

from nnxor.arithmetic.numbers import Number, absolute, every, in_order
from nnxor.network.activations import OUTPUTS
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.network.tasks import Task

Numbers = Sequence[Number]


class Row(NamedTuple):
    """A row of the table that is learnt."""

    inputs: tuple[Number, ...]  # the Python float 0 is skipped, and 1 is not multiplied; others are numbers
    target: Number
    weight: Number  # the factor of its term in the loss


def rows_of(task: Task, condition: Condition) -> list[Row]:
    """The rows of a table, for arrays of a condition's dtype and with the weights of its loss."""
    dtype = condition.numpy_dtype
    weights = dtype.type(LOSSES[condition.loss].weight(task.n_examples)) * task.times.astype(dtype)
    rows = zip(task.x(dtype), task.t(dtype), weights, strict=True)
    return [Row(tuple(float(x) if x in (0, 1) else x for x in inputs), t, c) for inputs, t, c in rows]


def trained_rows(condition: Condition) -> Task:
    """The table that is trained on: for mini-batches that of examples, a row for each time that a row counts."""
    return condition.task if condition.batch_size is None else condition.task.examples


class Rules:
    """The entries of a condition, and the arithmetic that they make up."""

    def __init__(self, condition: Condition, number: Callable[[str, float], Number] | None = None) -> None:
        """`number` makes a number of each setting, from its name and value: by default one of the condition's dtype."""
        self.activation, self.output = condition.units, OUTPUTS[condition.output]
        self.loss, self.optimizer = LOSSES[condition.loss], OPTIMIZERS[condition.optimizer]
        self.success = condition.success
        values: dict[str, Any] = {}
        for entry in (self.activation, self.output, self.loss, self.optimizer):
            values |= entry.values(condition)
        middle = condition.task.middle
        self.asks_score = self.output.half_at is not None and middle == 0.5
        self.numbers = {name: value for name, value in values.items() if isinstance(value, float)}
        self.numbers |= {"lr": condition.lr, "tolerance": condition.success.tolerance, "middle": middle}
        make = number or (lambda _, value: condition.numpy_dtype.type(value))
        self.k = SimpleNamespace(**values | {name: make(name, value) for name, value in self.numbers.items()})

    def at_output(self, s: Number, row: Row) -> tuple[Number, Number, Number, Number]:
        """From a row's score: its prediction, term of the loss, gradient for the score, and whether it is `fine`."""
        y = self.output.value(s, self.k)
        term, gradient = self.loss.row(s, y, row.target, row.weight)
        of_score = gradient if self.loss.logits else self.output.back(s, y, gradient, self.k)
        return y, term, of_score, self.fine(s, y, row.target)

    def fine(self, s: Number, y: Number, t: Number) -> Number:
        """Whether a row fulfils the success rule, from score, prediction and target; None if it asks the loss."""
        if self.success.rule == "loss":
            return None
        if self.success.rule == "margin":
            return absolute(y - t) < self.k.tolerance
        value, middle = (s, self.output.half_at) if self.asks_score else (y, self.k.middle)
        above = value >= middle if self.success.ties == "pass" else value > middle
        below = value <= middle if self.success.ties == "pass" else value < middle
        return ((t > self.k.middle) & above) | ((t <= self.k.middle) & below)

    def total(self, terms: Numbers) -> Number:
        """The loss, from the rows' terms."""
        return self.loss.whole(in_order(terms))

    def solved(self, loss: Number, fine: Numbers) -> Number:
        """Whether the success rule holds; never where it is asked of something that is not a number."""
        return loss <= self.k.tolerance if self.success.rule == "loss" else every(fine)

    def through_unit(self, z: Number, a: Number, w: Number, of_score: Number) -> Number:
        """The gradient with respect to a pre-activation."""
        return self.activation.back(z, a, of_score * w, self.k)

    def step(self, p: Number, g: Number, memory: tuple[Number, ...], left: tuple[Number, ...]) -> list[Number]:
        """A parameter and its memory after a step."""
        moved, remembered = self.optimizer.step(p, g, memory, self.k.lr, self.k, left)
        return [moved, *remembered]


def preactivation(inputs: Numbers, u: Iterable[Number], b: Number) -> Number:
    """The pre-activation of a row, from a unit's input weights u and bias b."""
    z = b
    for x, w in zip(inputs, u, strict=True):
        if not _is(x, 0.0):
            z = z + _times(x, w)
    return z


def gradients(
    rows: Sequence[Row], a: Numbers, g: Numbers, of_score: Numbers, zero: Number, so_far: Numbers | None = None
) -> list[Number]:
    """The gradients of a unit's input weights, bias and output weight.

    a, g, of_score: each row's activation and gradients for pre-activation and score; so_far: sums over rows before.
    """
    columns = zip(*(row.inputs for row in rows), strict=True)
    terms = [[_times(x, f) for x, f in zip(column, g, strict=True) if not _is(x, 0.0)] for column in columns]
    terms += [list(g), [x * f for x, f in zip(a, of_score, strict=True)]]
    before = [[]] * len(terms) if so_far is None else [[x] for x in so_far]
    return [in_order([*x, *more]) if x or more else zero for x, more in zip(before, terms, strict=True)]


def _times(x: Number, other: Number) -> Number:
    return other if _is(x, 1.0) else x * other


def _is(x: Number, value: float) -> bool:
    return type(x) is float and x == value
