"""The kernel of the numba engine for a kind of condition: loops around the arithmetic of an epoch, as machine code.

A kernel takes trainings, a block after the other (`nnxor.engines.block`), through some epochs. In each epoch it takes
as many of a block as fit a vector forward through every unit, over the output and back, so that scores and sums stay in
registers. Activations are kept on the way forward and read on the way back.
"""

from collections.abc import Iterator
from functools import cached_property, partial

from llvmlite import ir

from nnxor.arithmetic.epoch import Row, gradients, preactivation
from nnxor.arithmetic.numbers import every, in_order, some
from nnxor.condition import FIELDS
from nnxor.engines.block import DRAWN_WRITTEN_OUT, Block, Plan
from nnxor.engines.llvm_numbers import Cell, Value

WRITTEN_OUT = 64  # rows up to which all are written out, zeros skipped and ones not multiplied (docs/speed.md)
GROUP = 8  # rows of a group that a loop takes beyond that
NOTHING = -0.0  # where sums begin: adding a number to it gives that number, also for -0


def text(plan: Plan) -> str:
    """The kernel as text, made once for each kind of condition."""
    condition = plan.condition
    names = (name for name in FIELDS if name not in ("hidden", "init", "epochs", "rescue", "success"))
    values = (getattr(condition, name) for name in names)
    kind = (condition.success.rule, condition.success.ties, *(v for v in values if not isinstance(v, float)))
    if kind not in _TEXTS:
        _TEXTS[kind] = Epochs(plan).text()
    return _TEXTS[kind]


_TEXTS: dict[tuple[object, ...], str] = {}


class Epochs(Block):
    """Builds the kernel: all epochs of all blocks."""

    def text(self) -> str:
        """The whole function."""
        m = self.m
        with m.loop(0, self.given["n_blocks"]) as block:
            self.enter(block)
            with m.loop(self.first, self.last) as e:
                self.tick()
                with self.lanes() as self.r:
                    self.draw(e)
                    self.epoch(e)
                self.after(e + 1)
            self.leave(self.alive)
        return m.text()

    def epoch(self, epoch: Value) -> None:
        """One epoch of a vector of trainings: over all rows, then a step of each mini-batch, if there are any."""
        self.forward(None, epoch)
        of_bias = self.output(None, epoch)
        if not self.plan.batch:
            self.backward(None, of_bias)
            return
        with self.m.loop(0, len(self.plan.sizes)) as step:
            self.forward(step, epoch)
            self.backward(step, self.output(step, epoch))

    def _row(self, at: Value | int) -> Row:
        if isinstance(at, int):
            row, known = self.plan.rows[at], self.m.constant
            whole = tuple(x if type(x) is float else known(x) for x in row.inputs)
            return Row(whole, known(row.target), known(row.weight))
        *inputs, target, weight = (self.m.share(*self.example(at, i)) for i in range(self.n_inputs + 2))
        return Row(tuple(inputs), target, weight)

    def _drawn(self, step: Value, at: Value | int) -> Row:
        m, place = self.m, step * self.plan.batch + at
        *inputs, target = (m.read(self.given["drawn"], self.drawn_at(place, i)) for i in range(self.n_inputs + 1))
        return Row(tuple(inputs), target, m.share(self.given["weights"], place))

    def groups(self, step: Value | None) -> Iterator[tuple[Value | int, list[Row]]]:
        """The first place and the rows of each group, of all rows or of a step's mini-batch; code is built for each."""
        n, most, row = len(self.plan.rows), WRITTEN_OUT, self._row
        if step is not None:
            n, most, row = self.plan.batch, DRAWN_WRITTEN_OUT, partial(self._drawn, step)
        if n <= most:
            yield 0, [row(j) for j in range(n)]
            return
        whole = n // GROUP * GROUP
        with self.m.loop(0, whole, GROUP) as n0:
            yield n0, [row(n0 + j) for j in range(GROUP)]
        if whole < n:
            yield self.m.long(whole), [row(self.m.long(j)) for j in range(whole, n)]

    def alive(self, h: Value) -> Value:
        """Whether a unit is alive."""
        *u, b, _ = self.unit(h)
        found = self.m.cell(self.m.constant(False, ir.VectorType(ir.IntType(1), self.m.width)))
        for _, rows in self.groups(None):
            found.set(found.get() | some(preactivation(row.inputs, u, b) > 0.0 for row in rows))
        return found.get()

    def kept(self, h: Value | int, at: Value | int) -> Cell:
        """Where the activation of a unit on a row is kept; of unit −1, its score where loops go over groups of rows."""
        place = ((h + 1) * len(self.plan.rows) + at) * self.plan.width
        return Cell(self.m, self.given["scratch"], place, self.m.vector)

    @cached_property
    def registers(self) -> list[Cell]:
        """Where the scores of rows stand that are written out."""
        return [self.m.cell(self.m.constant(0.0)) for _ in range(min(len(self.plan.rows), WRITTEN_OUT))]

    def score(self, at: Value | int) -> Cell:
        """Where the score of a row stands: in registers if its place is a number of Python's, else in memory."""
        return self.registers[at] if isinstance(at, int) else self.kept(-1, at)

    def forward(self, step: Value | None, epoch: Value) -> None:
        """Find the scores; where all rows are looked at, deaths are noted."""
        start = self.m.read(self.state, self.out)
        marked, at_once = step is None and self.condition.followed, len(self.plan.rows) <= WRITTEN_OUT
        for n0, rows in self.groups(step):
            for j in range(len(rows)):
                self.score(n0 + j).set(start)
            with self.m.loop(0, self.n_units) as h:
                *u, b, w = self.unit(h)
                z = [preactivation(row.inputs, u, b) for row in rows]
                for j, row in enumerate(z):
                    a = self.rules.activation.value(row, self.rules.k)
                    self.kept(h, n0 + j).set(a)
                    score = self.score(n0 + j)
                    score.set(score.get() + a * w)
                if marked and at_once:
                    self.mark(h, some(row > 0.0 for row in z), epoch)
        if marked and not at_once:
            with self.m.loop(0, self.n_units) as h:
                self.mark(h, self.alive(h), epoch)

    def output(self, step: Value | None, epoch: Value) -> Value:
        """The gradient of the output bias; scores become their gradients where a step follows; else it is judged."""
        m, rules = self.m, self.rules
        total, of_bias = m.cell(m.constant(NOTHING)), m.cell(m.constant(NOTHING))
        kept = m.cell(m.constant(True, ir.VectorType(ir.IntType(1), m.width)))
        for n0, rows in self.groups(step):
            ends = [rules.at_output(self.score(n0 + j).get(), row) for j, row in enumerate(rows)]
            _, terms, of_scores, fine = zip(*ends, strict=True)
            total.set(in_order([total.get(), *terms]))
            of_bias.set(in_order([of_bias.get(), *of_scores]))
            if self.condition.success.rule != "loss":
                kept.set(every([kept.get(), *fine]))
            if step is not None or not self.plan.batch:
                for j, gradient in enumerate(of_scores):
                    self.score(n0 + j).set(gradient)
        if step is None:
            loss = rules.total([total.get()])
            self.judge(loss, rules.solved(loss, [kept.get()]), epoch)
        return of_bias.get()

    def backward(self, step: Value | None, of_bias: Value) -> None:
        """The gradients of every unit, and the steps of all parameters."""
        m, rules, n = self.m, self.rules, len(self.powers)
        parameters = [*["W1"] * self.n_inputs, "b1", "W2"]
        left = tuple(m.share(self.given["left"], (0 if step is None else step) * n + i) for i in range(n))
        self.move("b2", self.out, self.m.read(self.state, self.out), of_bias, left)
        with self.m.loop(0, self.n_units) as h:
            *u, b, w = self.unit(h)
            sums = [m.cell(m.constant(NOTHING)) for _ in parameters]
            for n0, rows in self.groups(step):
                z = [preactivation(row.inputs, u, b) for row in rows]
                a = [self.kept(h, n0 + j).get() for j in range(len(rows))]
                of_scores = [self.score(n0 + j).get() for j in range(len(rows))]
                g = [rules.through_unit(x, y, w, f) for x, y, f in zip(z, a, of_scores, strict=True)]
                so_far = [cell.get() for cell in sums]
                for cell, found in zip(sums, gradients(rows, a, g, of_scores, None, so_far), strict=True):
                    cell.set(found)
            for i, (parameter, p, gradient) in enumerate(zip(parameters, (*u, b, w), sums, strict=True)):
                self.move(parameter, self.at(i, h), p, gradient.get(), left)

    def move(self, parameter: str, at: Value, p: Value, gradient: Value, left: tuple[Value, ...]) -> None:
        """A step of a parameter, unless it is frozen."""
        if parameter in self.condition.frozen:
            return
        places = (at + self.n_parameters * i for i in range(1 + self.rules.optimizer.memory))
        cells = [Cell(self.m, self.state, place, self.m.vector) for place in places]
        memory = tuple(cell.get() for cell in cells[1:])
        for cell, value in zip(cells, self.rules.step(p, gradient, memory, left), strict=True):
            cell.set(value)
