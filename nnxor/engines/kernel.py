"""The compiled engine's kernel for a kind of condition: loops around the arithmetic of an epoch, as machine code.

A kernel takes trainings, a block after the other (`nnxor.engines.block`), through some epochs. In each epoch it takes
as many of a block as fit a vector forward through every unit, over the output and back, so that scores and sums stay in
registers. Up to `WRITTEN_OUT` rows all rows are written out, zeros skipped and ones not multiplied; beyond, loops go
over groups of them. Activations are kept on the way forward and read on the way back.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from nnxor.arithmetic.epoch import Row, Rules, gradients, preactivation, rows_of, trained_rows
from nnxor.arithmetic.numbers import Number, every, in_order, some
from nnxor.condition import FIELDS, Condition
from nnxor.engines.block import DOUBLE, LANES, Block, Kind
from nnxor.engines.llvm_numbers import Cell, Machine, Value, index, value_of, vector_bytes
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import steps_of

WRITTEN_OUT, DRAWN_WRITTEN_OUT = 64, 16
"""Rows up to which all are written out, and examples of a mini-batch: at 64 rows twice as fast as loops, and compiled
in 0.2 to 0.8 s."""

GROUP = 8  # rows of a group beyond that


class Source(NamedTuple):
    """Rows to go over: how many, what makes one of its place, and whether all are written out."""

    n: int
    row: Callable[[Value | int], Row]
    at_once: bool


class Place(NamedTuple):
    """Where a number stands in memory."""

    machine: Machine
    array: Value
    at: Value

    def get(self) -> Number:
        """The number."""
        return self.machine.load(self.array, self.at)

    def set(self, number: Number) -> None:
        """Put another one there."""
        self.machine.store(self.array, self.at, number)


class Kernel:
    """What is compiled for a condition, and what it wants to be given; numbers that are given change no instruction."""

    def __init__(self, condition: Condition) -> None:
        self.condition, self.dtype = condition, np.dtype(condition.numpy_dtype)
        self.width = vector_bytes() // self.dtype.itemsize
        self.task, self.n_inputs = trained_rows(condition), condition.task.n_inputs
        self.rows, self.rules = rows_of(self.task, condition), Rules(condition)
        self.names, self.powers = list(self.rules.numbers), self.rules.optimizer.powers
        self.batch = condition.batch_size
        self.sizes = [] if self.batch is None else steps_of(self.task.n_rows, self.batch)
        self.first_row = len(self.names)
        self.first_weight = self.first_row + len(self.rows) * (self.n_inputs + 2)
        self.n_lefts = -(-len(self.powers) * max(len(self.sizes), 1) // LANES) * LANES

    def kind(self) -> Kind:
        """What is to be known of it around the arithmetic."""
        moving = next((name for name in "bwu" if self.condition.moves(name)), "b")  # what repeats last, if it moves
        watched = {"u": 0, "b": self.n_inputs, "w": self.n_inputs + 1}[moving]
        n = len(self.rows)
        return Kind(self.condition, self.width, self.names, len(self.powers), watched, n, n <= DRAWN_WRITTEN_OUT)

    def shared(self) -> NDArray[Any]:
        """What all trainings share: the settings, inputs, target and weight of each row, the weights in each batch."""
        rows = [number for row in self.rows for number in (*row.inputs, row.target, row.weight)]
        weights = np.zeros((len(self.sizes), self.batch or 0), self.dtype)
        for step, n in enumerate(self.sizes):
            weights[step, :n] = LOSSES[self.condition.loss].weight(n)
        return np.array([*self.rules.numbers.values(), *rows, *weights.ravel()]).astype(self.dtype)

    def scratch(self, hidden: int) -> int:
        """Numbers of scratch memory."""
        n = max(len(self.rows), self.batch or 0)
        return self.n_lefts + (hidden + 1) * n * self.width

    @property
    def places(self) -> int:
        """Places of examples in the mini-batches of an epoch."""
        return len(self.sizes) * (self.batch or 0)

    def examples(self) -> NDArray[Any]:
        """Inputs and target of each row that mini-batches are made of."""
        rows = [(*row.inputs, row.target) for row in self.rows] if self.batch else []
        return np.array(rows, self.dtype).reshape(len(rows), self.n_inputs + 1)

    def text(self) -> str:
        """The text of a module of LLVM with the function `epochs`, made only once a kind."""
        condition = self.condition
        names = (name for name in FIELDS if name not in ("hidden", "init", "epochs", "rescue", "success"))
        values = (getattr(condition, name) for name in names)
        kind = (condition.success.rule, condition.success.ties, *(v for v in values if not isinstance(v, float)))
        if kind not in _TEXTS:
            module = ir.Module("nnxor")
            Epochs(self, module).emit()
            _TEXTS[kind] = str(module)
        return _TEXTS[kind]


_TEXTS: dict[tuple[object, ...], str] = {}


class Epochs(Block):
    """Trains."""

    def __init__(self, kernel: Kernel, module: ir.Module) -> None:
        super().__init__(kernel.kind(), module)
        self.kernel, self.scratch = kernel, self.given["scratch"]
        self.first_score = kernel.n_lefts
        self.first_kept = self.first_score + max(len(kernel.rows), kernel.batch or 0) * kernel.width
        self.steps = max(len(kernel.sizes), 1)

    def emit(self) -> None:
        """Build the function."""
        m = self.m
        with m.loop(0, self.given["n_blocks"]) as block:
            self.enter(block)
            with m.loop(self.first, self.last) as e:
                self.begin(e)
                self.tick()
                with self.lanes() as self.r:
                    self.epoch(e)
                self.after(m.plus(e, 1))
            self.leave(self.alive)
        m.build.ret_void()

    def epoch(self, epoch: Value) -> None:
        """One epoch of a vector of trainings."""
        scores = self.forward(self.table, epoch)
        if self.kernel.batch is None:
            of_bias = self.output(self.table, scores, epoch, moved=True)
            self.backward(self.table, scores, of_bias, index(0))
            return
        self.output(self.table, scores, epoch, moved=False)
        with self.m.loop(0, self.steps) as step:
            n = self.kernel.batch
            drawn = Source(n, partial(self._drawn, step), n <= DRAWN_WRITTEN_OUT)
            scores = self.forward(drawn)
            of_bias = self.output(drawn, scores, None, moved=True)
            self.backward(drawn, scores, of_bias, step)

    @property
    def table(self) -> Source:
        """All rows of the task."""
        n = len(self.kernel.rows)
        return Source(n, self._row, n <= WRITTEN_OUT)

    def _row(self, at: Value | int) -> Row:
        if isinstance(at, int):
            row, known = self.kernel.rows[at], partial(self.m.number, dtype=self.m.dtype)
            inputs = tuple(x if type(x) is float else known(x) for x in row.inputs)
            return Row(inputs, known(row.target), known(row.weight))
        m, d = self.m, self.kernel.n_inputs
        first = m.plus(m.times(at, d + 2), self.kernel.first_row)
        *loaded, target, weight = (m.share(self.given["shared"], m.plus(first, i)) for i in range(d + 2))
        return Row(tuple(loaded), target, weight)

    def groups(self, source: Source) -> Iterator[tuple[Value | int, list[Row]]]:
        """The first place and the rows of each group; what is done with one is built for all."""
        n, row, at_once = source
        if at_once:
            yield 0, [row(j) for j in range(n)]
            return
        whole = n // GROUP * GROUP
        with self.m.loop(0, whole, GROUP) as n0:
            yield n0, [row(self.m.plus(n0, j)) for j in range(GROUP)]
        if whole < n:
            yield whole, [row(index(j)) for j in range(whole, n)]

    def alive(self, h: Value) -> Value:
        """Whether a unit is alive."""
        *u, b, _ = self.unit(h)
        found = self.m.cell(self.truth(False))
        for _, rows in self.groups(self.table):
            found.set(found.get() | some(preactivation(row.inputs, u, b) > 0.0 for row in rows))
        return value_of(found.get())

    def _drawn(self, step: Value, at: Value | int) -> Row:
        m, d, batch = self.m, self.kernel.n_inputs, self.kernel.batch
        place = m.plus(m.times(step, batch), at)
        first = m.times(place, (d + 1) * LANES)
        *inputs, target = (m.load(self.given["drawn"], m.plus(first, i * LANES, self.r)) for i in range(d + 1))
        return Row(tuple(inputs), target, m.share(self.given["shared"], m.plus(place, self.kernel.first_weight)))

    def tick(self) -> None:
        """What is left of the powers that the steps of an epoch need, into scratch memory."""
        m, build, n = self.m, self.m.build, len(self.kernel.powers)
        if n:
            with m.loop(0, self.steps) as step:
                for i in range(n):
                    power = build.fmul(*(m.read(self.given["clock"], at, DOUBLE) for at in (i, n + i)))
                    m.store(self.given["clock"], i, power)
                    left = build.fsub(DOUBLE(1.0), power)
                    left = left if m.real == DOUBLE else build.fptrunc(left, m.real)
                    m.store(self.scratch, m.plus(m.times(step, n), i), left)

    def kept(self, h: Value, n: int, at: Value) -> Place:
        """Where the activation of a unit on a row is kept."""
        row = self.m.plus(self.m.times(h, n), at)
        return Place(self.m, self.scratch, self.m.plus(self.m.times(row, self.kernel.width), self.first_kept))

    def scores(self, source: Source) -> Callable[[Value, int], Cell | Place]:
        """Where the scores stand: in registers, or in scratch memory where loops go over groups of rows."""
        m = self.m
        if source.at_once:
            cells = [m.cell(m.number(0.0, m.dtype)) for _ in range(source.n)]
            return lambda _, j: cells[j]
        return lambda n0, j: Place(m, self.scratch, m.plus(m.times(m.plus(n0, j), self.kernel.width), self.first_score))

    def forward(self, source: Source, epoch: Value | None = None) -> Callable[[Value, int], Cell | Place]:
        """The scores of all rows; deaths are noted, if that is asked with an epoch."""
        m, scores, start = self.m, self.scores(source), self.m.load(self.state, self.out)
        marked, at_once = epoch is not None and self.condition.followed, source.at_once
        lost = m.cell(self.ints_of(0))
        for n0, rows in self.groups(source):
            for j in range(len(rows)):
                scores(n0, j).set(start)
            with self.units() as h:
                *u, b, w = self.unit(h)
                z = [preactivation(row.inputs, u, b) for row in rows]
                for j, row in enumerate(z):
                    a = self.rules.activation.value(row, self.rules.k)
                    self.kept(h, source.n, m.plus(n0, j)).set(a)
                    scores(n0, j).set(scores(n0, j).get() + a * w)
                if marked and at_once:
                    self.mark(h, value_of(some(row > 0.0 for row in z)), lost)
        if marked:
            if not at_once:
                with self.units() as h:
                    self.mark(h, self.alive(h), lost)
            self.note_deaths(epoch, lost)
        return scores

    def output(
        self, source: Source, scores: Callable[[Value, int], Cell | Place], epoch: Value | None, *, moved: bool
    ) -> Number:
        """The loss and the success rule, judged at an epoch; the scores become their gradients, and move the bias."""
        m, rules = self.m, self.rules
        zero = m.number(0.0, m.dtype)
        total, of_bias, kept = m.cell(zero), m.cell(zero), m.cell(self.truth(True))
        at_once = source.at_once
        for n0, rows in self.groups(source):
            ends = [rules.at_output(scores(n0, j).get(), row) for j, row in enumerate(rows)]
            total.set(in_order([*([] if at_once else [total.get()]), *(end.term for end in ends)]))
            of_bias.set(in_order([*([] if at_once else [of_bias.get()]), *(end.gradient for end in ends)]))
            if self.condition.success.rule != "loss":
                kept.set(every([kept.get(), *(end.fine for end in ends)]))
            if moved:
                for j, end in enumerate(ends):
                    scores(n0, j).set(end.gradient)
        if epoch is not None:
            loss = rules.total([total.get()])
            self.judge(loss, rules.solved(loss, [kept.get()]), epoch)
        return of_bias.get()

    def backward(
        self, source: Source, scores: Callable[[Value, int], Cell | Place], of_bias: Number, step: Value
    ) -> None:
        """The gradients of every unit, and the steps of all parameters."""
        m, rules, n_sums = self.m, self.rules, self.kernel.n_inputs + 2
        n = len(self.kernel.powers)
        left = tuple(m.share(self.scratch, m.plus(m.times(step, n), i)) for i in range(n))
        at_once, zero = source.at_once, m.number(0.0, m.dtype)
        self.move("c", self.out, m.load(self.state, self.out), of_bias, left)
        with self.units() as h:
            *u, b, w = self.unit(h)
            sums = [m.cell(zero) for _ in range(n_sums)]
            for n0, rows in self.groups(source):
                z = [preactivation(row.inputs, u, b) for row in rows]
                a = [self.kept(h, source.n, m.plus(n0, j)).get() for j in range(len(rows))]
                of_scores = [scores(n0, j).get() for j in range(len(rows))]
                g = [rules.through_unit(x, y, w, f) for x, y, f in zip(z, a, of_scores, strict=True)]
                so_far = None if at_once else [cell.get() for cell in sums]
                for cell, found in zip(sums, gradients(rows, a, g, of_scores, zero, so_far), strict=True):
                    cell.set(found)
            for i, (p, cell) in enumerate(zip((*u, b, w), sums, strict=True)):
                self.move("u" * (i < n_sums - 2) or "bw"[i - n_sums + 2], self.at(i, h), p, cell.get(), left)

    def move(self, parameter: str, at: Value, p: Number, gradient: Number, left: tuple[Number, ...]) -> None:
        """A step of a parameter."""
        if not self.condition.moves(parameter):
            return
        places = [at]
        for _ in range(self.rules.optimizer.memory):
            places.append(self.m.plus(places[-1], self.n_parameters))
        memory = tuple(self.m.load(self.state, place) for place in places[1:])
        for place, value in zip(places, self.rules.step(p, gradient, memory, left), strict=True):
            self.m.store(self.state, place, value)
