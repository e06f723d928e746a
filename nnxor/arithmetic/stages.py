"""The stages of an epoch, traced: what a printer makes loops around.

An epoch goes forward through every unit, over the output, and back through every unit, each time over a group of rows
(all of a small table, some of a long one). A stage is a straight-line program over one training; its inputs have fixed
names, which the printed source gives their values: u0, u1 … b, w of a unit; x0_1 … t0, c0 of row 0; s0, f0, z0, a0, g0
of row 0; p, g, m0 …, left0 … of a step; k_lr … of the settings; `total`, `sum`, `g_b` … of sums that go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nnxor.arithmetic.epoch import AtOutput, Row, Rules, gradients, preactivation, trained_rows
from nnxor.arithmetic.numbers import Number, Symbol, Tape, in_order, some
from nnxor.arithmetic.printers import size

if TYPE_CHECKING:
    from nnxor.condition import Condition

Pattern = tuple[tuple[float | None, ...], ...]
"""The inputs of the rows of a group: 0 and 1 as they are, None for what is only known when the program runs."""

CHEAP = 8
"""Operations up to which a function is computed where it is needed; others get a loop of their own, for all rows."""


class Stages:
    """The programs of one condition over one group of rows."""

    def __init__(self, condition: Condition, pattern: Pattern) -> None:
        self.condition, self.pattern, self.dtype = condition, pattern, condition.numpy_dtype
        self.n_inputs = condition.task.n_inputs

    def _begin(self) -> tuple[Tape, Rules, list[Row]]:
        tape = Tape(self.dtype)
        rows = [
            Row(
                tuple(tape.input(f"x{n}_{d}") if x is None else x for d, x in enumerate(inputs)),
                tape.input(f"t{n}"),
                tape.input(f"c{n}"),
            )
            for n, inputs in enumerate(self.pattern)
        ]
        return tape, Rules(self.condition, lambda name, _: tape.input(f"k_{name}")), rows

    def _of_rows(self, tape: Tape, name: str) -> list[Symbol]:
        return [tape.input(f"{name}{n}") for n in range(len(self.pattern))]

    def _preactivations(self, tape: Tape, rows: list[Row]) -> list[Number]:
        u = [tape.input(f"u{d}") for d in range(self.n_inputs)]
        return [preactivation(row.inputs, u, tape.input("b")) for row in rows]

    def preactivations(self) -> list[Number]:
        """Z of each row."""
        tape, _, rows = self._begin()
        return self._preactivations(tape, rows)

    def value(self) -> Number:
        """The activation at z0."""
        tape, rules, _ = self._begin()
        return rules.activation.value(tape.input("z0"), rules.k)

    def through(self) -> Number:
        """The gradient with respect to z0, from a0 and the gradient g0 with respect to a0."""
        tape, rules, _ = self._begin()
        return rules.activation.back(tape.input("z0"), tape.input("a0"), tape.input("g0"), rules.k)

    def contributions(self, apart: bool) -> list[Number]:
        """What a unit adds to each score; `apart` says that activations are at hand."""
        tape, rules, rows = self._begin()
        if apart:
            a: Sequence[Number] = self._of_rows(tape, "a")
        else:
            a = [rules.activation.value(z, rules.k) for z in self._preactivations(tape, rows)]
        return [x * tape.input("w") for x in a]

    def activations_and_contributions(self) -> tuple[list[Number], list[Number]]:
        """Activations of all rows, and what a unit adds to each score."""
        tape, rules, rows = self._begin()
        a = [rules.activation.value(z, rules.k) for z in self._preactivations(tape, rows)]
        return a, [x * tape.input("w") for x in a]

    def predictions(self) -> list[Number]:
        """Predictions from scores."""
        tape, rules, _ = self._begin()
        return [rules.output.value(s, rules.k) for s in self._of_rows(tape, "s")]

    def alive(self) -> Number:
        """Whether the unit is above 0 on one of the rows."""
        tape, _, rows = self._begin()
        return some(z > 0.0 for z in self._preactivations(tape, rows))

    def output(self, going_on: bool) -> tuple[Number, list[Number], Number, Number]:
        """The loss, each row's gradient with respect to its score, their sum, and whether the rule is kept.

        `going_on`: the group is one of several: the loss is `total` and the terms so far, the sum is `sum` and those so
        far, and what is returned last is whether these rows are fine (None if the rule asks the loss).
        """
        tape, rules, rows = self._begin()
        ends: list[AtOutput] = [rules.at_output(s, row) for s, row in zip(self._of_rows(tape, "s"), rows, strict=True)]
        terms, of_scores, fine = (
            [end.term for end in ends],
            [end.gradient for end in ends],
            [end.fine for end in ends],
        )
        if not going_on:
            loss = rules.total(terms)
            return loss, of_scores, in_order(of_scores), rules.solved(loss, fine)
        kept = None if fine[0] is None else rules.solved(terms[0], fine)
        return in_order([tape.input("total"), *terms]), of_scores, in_order([tape.input("sum"), *of_scores]), kept

    def whole(self) -> tuple[Number, Number]:
        """The loss from the `total` of all terms, and whether the rule is kept, if it asks the loss."""
        tape, rules, _ = self._begin()
        loss = rules.total([tape.input("total")])
        return loss, rules.solved(loss, []) if rules.success.rule == "loss" else None

    def unit(self, apart: bool, through_apart: bool, going_on: bool) -> list[Number]:
        """The gradients of a unit's input weights, bias and output weight; `going_on`: each adds to its sum so far.

        `apart`, `through_apart`: activations a, and gradients g with respect to pre-activations, are at hand.
        """
        tape, rules, rows = self._begin()
        of_score, w, z = self._of_rows(tape, "f"), tape.input("w"), self._preactivations(tape, rows)
        a = self._of_rows(tape, "a") if apart else [rules.activation.value(row, rules.k) for row in z]
        if through_apart:
            g: Sequence[Number] = self._of_rows(tape, "g")
        else:
            g = [rules.through_unit(*row) for row in zip(z, a, [w] * len(z), of_score, strict=True)]
        if not going_on:
            return gradients(rows, a, g, of_score, tape.number(0.0, self.dtype))
        so_far = [tape.input(f"g_{name}") for name in self.sums]
        of_inputs = [[row.inputs[d] * g[n] for n, row in enumerate(rows)] for d in range(self.n_inputs)]
        terms = [*of_inputs, list(g), [x * f for x, f in zip(a, of_score, strict=True)]]
        return [in_order([start, *more]) for start, more in zip(so_far, terms, strict=True)]

    @property
    def sums(self) -> list[str]:
        """The parameters of a unit by the names of its inputs."""
        return [*(f"u{d}" for d in range(self.n_inputs)), "b", "w"]

    def step(self, parameter: str, gradient: str) -> list[Number]:
        """A parameter and its memory after a step."""
        tape, rules, _ = self._begin()
        memory = tuple(tape.input(f"m{j}") for j in range(rules.optimizer.memory))
        left = tuple(tape.input(f"left{i}") for i in range(len(rules.optimizer.powers)))
        return rules.step(tape.input(parameter), tape.input(gradient), memory, left)

    @property
    def apart(self) -> bool:
        """Whether activations get a loop of their own."""
        return size([self.value()]) > CHEAP

    @property
    def through_apart(self) -> bool:
        """Whether gradients with respect to pre-activations get a loop of their own."""
        return size([self.through()]) > CHEAP

    @property
    def output_apart(self) -> bool:
        """Whether the output goes through the rows one by one."""
        return len(self.pattern) > 1 and size([*self.output(False)[1], self.output(False)[0]]) > 3 * CHEAP * len(
            self.pattern
        )


def written_out(condition: Condition, n_rows: int) -> Pattern:
    """The inputs of the first rows, as far as they are 0 or 1."""
    inputs = trained_rows(condition).x(np.dtype(np.float64))[:n_rows]
    return tuple(tuple(float(x) if x in (0, 1) else None for x in row) for row in inputs)
