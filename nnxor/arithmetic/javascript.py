"""The arithmetic of an epoch as JavaScript: the same bits in a browser as in every engine here.

`source(condition)` prints an expression whose value is an object with two functions, for one network at a time:

    const trainer = <source>;
    trainer.epoch(state, hidden, k, rows, clock)   // one epoch in place; the loss before its update
    trainer.look(state, hidden, k, rows)           // {loss, solved, y: a prediction a row, z: [row][unit]}

`state` is a Float32Array (Float64Array in float64): all parameters in the order W1[0][unit 0], W1[0][unit 1] …,
W1[1][…] …, b1, W2, b2, and then as much again for each number that the optimizer remembers of a parameter.
`constants(condition)` gives what else is needed, ready for JSON: `k`, `rows`, the `clock` at the start, and `memory`,
the numbers that fill the memories before the first epoch. Conditions that differ only in `constants` share one source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nnxor.arithmetic.epoch import Rules, rows_of
from nnxor.arithmetic.printers import JavaScript, prelude, program
from nnxor.arithmetic.stages import Stages, written_out

if TYPE_CHECKING:
    from nnxor.condition import Condition

MOST_ROWS = 64
"""Rows that are written out at most."""


def constants(condition: Condition) -> dict[str, Any]:
    """The numbers of a condition: `k`, `rows`, `clock`, `memory` and `inputs` (how many)."""
    rules, dtype = Rules(condition), condition.numpy_dtype
    rows = [[*row.inputs, row.target, row.weight] for row in rows_of(condition.task, condition)]
    betas = [float(getattr(condition, name)) for name in rules.optimizer.powers]
    return {
        "k": {name: float(dtype.type(value)) for name, value in rules.numbers.items()} | {"betas": betas},
        "rows": [[float(value) for value in row] for row in rows],
        "clock": [1.0] * len(betas),
        "memory": [float(dtype.type(value)) for value in rules.optimizer.start(condition.lr)],
        "inputs": condition.task.n_inputs,
    }


def source(condition: Condition) -> str:
    """The trainer of a kind of condition (full batch, at most `MOST_ROWS` rows), as an expression."""
    if condition.batch_size is not None or condition.task.n_rows > MOST_ROWS:
        raise ValueError(f"the browser trains on all of at most {MOST_ROWS} rows at once")
    return _Printer(condition).source()


class _Printer:
    def __init__(self, condition: Condition) -> None:
        self.condition, self.rules = condition, Rules(condition)
        self.n, self.d = condition.task.n_rows, condition.task.n_inputs
        self.stages = Stages(condition, written_out(condition, self.n))
        self.dtype = np.dtype(condition.numpy_dtype)
        self.language = JavaScript(self.dtype)
        self.round = "fr" if self.dtype == np.float32 else ""

    def source(self) -> str:
        """The whole expression."""
        array = "Float32Array" if self.dtype == np.float32 else "Float64Array"
        body = [
            *prelude(self.dtype),
            f"let a = new {array}(0);",
            "function epoch(s, H, k, rows, clock) {",
            *self._begin(),
            f"if (a.length < H * {self.n}) a = new {array}(H * {self.n});",
            *(f"clock[{i}] *= k.betas[{i}]; const left{i} = {self.round}(1 - clock[{i}]);" for i in self._powers()),
            *self._forward(kept=True),
            *self._output(moved=True),
            *self._backward(),
            "return loss; }",
            "function look(s, H, k, rows) {",
            *self._begin(),
            *self._forward(kept=False),
            *self._output(moved=False),
            *self._seen(),
            "}",
            "return {epoch, look};",
        ]
        return "(() => {\n" + "\n".join(body) + "\n})()"

    def _powers(self) -> range:
        return range(len(self.rules.optimizer.powers))

    def _begin(self) -> list[str]:
        lines = [f"const P = {self.d + 2} * H + 1;", *(f"const k_{name} = k.{name};" for name in self.rules.numbers)]
        for n, inputs in enumerate(self.stages.pattern):
            lines += [f"const x{n}_{i} = rows[{n}][{i}];" for i, x in enumerate(inputs) if x is None]
            lines += [f"const t{n} = rows[{n}][{self.d}], c{n} = rows[{n}][{self.d + 1}];"]
        return lines

    def _unit(self) -> list[str]:
        inputs = [f"const u{i} = s[{i} * H + h];" for i in range(self.d)]
        return [*inputs, f"const b = s[{self.d} * H + h], w = s[{self.d + 1} * H + h];"]

    def _forward(self, kept: bool) -> list[str]:
        a, added = self.stages.activations_and_contributions()
        lines, values = program([*a, *added], self.language, "x")
        return [
            f"let {', '.join(f's{n} = s[P - 1]' for n in range(self.n))};",
            "for (let h = 0; h < H; h++) {",
            *self._unit(),
            *lines,
            *(f"a[{self.n} * h + {n}] = {values[n]};" for n in range(self.n) if kept),
            *(f"s{n} = {self.round}(s{n} + {values[self.n + n]});" for n in range(self.n)),
            "}",
        ]

    def _output(self, moved: bool) -> list[str]:
        loss, of_scores, total, solved = self.stages.output(going_on=False)
        predictions = self.stages.predictions()
        if not moved:
            lines, values = program([loss, solved], self.language, "e")
            more, y = program(predictions, self.language, "y")
            return [*lines, *more, f"const loss = {values[0]}, solved = {values[1]}, y = [{', '.join(y)}];"]
        lines, values = program([loss, total, *of_scores], self.language, "e")
        scores = [f"const f{n} = {value};" for n, value in enumerate(values[2:])]
        return [*lines, f"const loss = {values[0]};", *scores, *self._move("c", "P - 1", values[1])]

    def _backward(self) -> list[str]:
        lines, found = program(self.stages.unit(apart=True, through_apart=False, going_on=False), self.language, "q")
        places = [*(f"{i} * H + h" for i in range(self.d)), f"{self.d} * H + h", f"{self.d + 1} * H + h"]
        moves = zip(self.stages.sums, places, found, strict=True)
        return [
            "for (let h = 0; h < H; h++) {",
            *self._unit(),
            *(f"const a{n} = a[{self.n} * h + {n}];" for n in range(self.n)),
            *lines,
            *(line for move in moves for line in self._move(*move)),
            "}",
        ]

    def _move(self, parameter: str, place: str, gradient: str) -> list[str]:
        if not self.condition.moves(parameter):
            return []
        lines, (moved, *remembered) = program(self.stages.step("p", "g"), self.language, "o")
        return [
            f"{{ const i = {place}, p = s[i], g = {gradient};",
            *(f"const m{j} = s[P * {j + 1} + i];" for j in range(len(remembered))),
            *lines,
            f"s[i] = {moved};",
            *(f"s[P * {j + 1} + i] = {value};" for j, value in enumerate(remembered)),
            "}",
        ]

    def _seen(self) -> list[str]:
        lines, z = program(self.stages.preactivations(), self.language, "z")
        return [
            f"const z = [{', '.join('[]' for _ in z)}];",
            "for (let h = 0; h < H; h++) {",
            *self._unit(),
            *lines,
            *(f"z[{n}].push({value});" for n, value in enumerate(z)),
            "}",
            "return {loss, solved, y, z};",
        ]
