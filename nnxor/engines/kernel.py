"""The compiled engine's kernel for a kind of condition: loops around the arithmetic of an epoch, as machine code.

A kernel trains a block of `LANES` networks through some epochs. In each epoch it takes as many of them as fit a vector
forward through every unit, over the output and back, so that scores and sums stay in registers. Up to `WRITTEN_OUT`
rows all rows are written out, zeros skipped and ones not multiplied; beyond, loops go over groups of them. Activations
are kept on the way forward and read on the way back.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from nnxor.arithmetic.epoch import Row, Rules, gradients, preactivation, rows_of, trained_rows
from nnxor.arithmetic.numbers import Number, every, in_order, some
from nnxor.condition import FIELDS, Condition
from nnxor.engines.llvm_numbers import LONG, POINTER, Cell, Machine, Value, index, value_of, vector_bytes
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import steps_of

LANES = 64  # trainings in a block

WRITTEN_OUT, DRAWN_WRITTEN_OUT = 64, 16
"""Rows up to which all are written out, and examples of a mini-batch: at 64 rows twice as fast as loops, and compiled
in 0.2 to 0.8 s."""

GROUP = 8  # rows of a group beyond that

ALIVE, HAS_BEEN_DEAD, REVIVED = 1, 2, 4
"""Marks of a unit, where dead units can come back: alive at epoch 0, dead at some epoch, alive at a later one."""

NOTES = 2  # rows of notes before those of the units: last unsolved epochs and first deaths

INT = ir.IntType(32)
EPOCHS = ("state", "scratch", "shared", "clock", "drawn", "notes", "tail", "bait", "hidden", "n_units", "first", "last")
"""Arguments: arrays, then whole numbers. Of the condition's dtype: `state` (P, LANES), `scratch`, whose first LANES are
the losses of the last epoch, `shared` (`Kernel.shared`), and `drawn` (places, D + 1, LANES), the examples of each
training in the order in which it sees them. In double precision: `clock`, and the sums `tail` (LANES,) of losses, or
null. `notes` are whole numbers (NOTES + 2·hidden, LANES): last unsolved epochs, first deaths, marks, and who lives.
`bait` (2, LANES) or null: after an epoch in which the output bias and the parameter `Kernel.watched` of the first unit
become what stands there in any training, no more are run. Returned is the number of the epoch that would be next."""
LOOK = ("state", "shared", "notes", "hidden", "n_units", "epoch")  # Likewise: notes which units live, at some epoch


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
        moving = next((name for name in "bwu" if condition.moves(name)), "b")  # what repeats last, if it moves
        self.watched = {"u": 0, "b": self.n_inputs, "w": self.n_inputs + 1}[moving]
        self.n_lefts = -(-len(self.powers) * max(len(self.sizes), 1) // LANES) * LANES

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
        return LANES + self.n_lefts + (hidden + 1) * n * self.width

    @property
    def places(self) -> int:
        """Places of examples in the mini-batches of an epoch."""
        return len(self.sizes) * (self.batch or 0)

    def examples(self) -> NDArray[Any]:
        """Inputs and target of each row that mini-batches are made of."""
        rows = [(*row.inputs, row.target) for row in self.rows] if self.batch else []
        return np.array(rows, self.dtype).reshape(len(rows), self.n_inputs + 1)

    def text(self) -> str:
        """The text of a module of LLVM with the functions `epochs` and `look`, made only once a kind."""
        condition = self.condition
        names = (name for name in FIELDS if name not in ("hidden", "init", "epochs", "rescue", "success"))
        values = (getattr(condition, name) for name in names)
        kind = (condition.success.rule, condition.success.ties, *(v for v in values if not isinstance(v, float)))
        if kind not in _TEXTS:
            module = ir.Module("nnxor")
            Epochs(self, module).emit()
            Look(self, module).emit()
            _TEXTS[kind] = str(module)
        return _TEXTS[kind]


_TEXTS: dict[tuple[object, ...], str] = {}


class Function:
    """What both functions are made of."""

    name: ClassVar[str]
    arguments: ClassVar[tuple[str, ...]]

    def __init__(self, kernel: Kernel, module: ir.Module) -> None:
        self.kernel, self.condition = kernel, kernel.condition
        whole = ("hidden", "n_units", "first", "last", "epoch")
        kinds = [LONG if argument in whole else POINTER for argument in self.arguments]
        self.m = m = Machine(module, self.name, kinds, kernel.dtype, kernel.width)
        self.given: dict[str, Value] = dict(zip(self.arguments, m.function.args, strict=True))
        self.state, self.hidden = self.given["state"], self.given["hidden"]
        self.rules = Rules(kernel.condition, lambda name, _: m.share(self.given["shared"], kernel.names.index(name)))
        row = m.times(self.hidden, LANES)
        self.starts = [m.times(row, i) for i in range(kernel.n_inputs + 3)]
        self.n_parameters = m.plus(self.starts[-1], LANES)
        self.r: Value = None

    def lanes(self) -> Any:
        """The loop over the trainings of a block."""
        return self.m.loop(0, LANES, self.kernel.width)

    @property
    def out(self) -> Value:
        """Where the output bias stands."""
        return self.m.plus(self.starts[-1], self.r)

    def units(self) -> Any:
        """The loop over units."""
        return self.m.loop(0, self.given["n_units"])

    def at(self, parameter: int, h: Value) -> Value:
        """Where a unit's parameter stands: its input weights, bias and output weight by their numbers."""
        return self.m.plus(self.starts[parameter], self.m.times(h, LANES), self.r)

    def unit(self, h: Value) -> list[Number]:
        """The input weights, bias and output weight of a unit."""
        return [self.m.load(self.state, self.at(i, h)) for i in range(self.kernel.n_inputs + 2)]

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
        return found.get().arguments[0]

    def truth(self, value: bool) -> Number:
        """The same condition of all."""
        return self.m.wrap(ir.Constant(ir.VectorType(ir.IntType(1), self.kernel.width), [value] * self.kernel.width))

    @property
    def ints(self) -> ir.VectorType:
        """Whole numbers of all trainings of a vector."""
        return ir.VectorType(INT, self.kernel.width)

    def ints_of(self, value: int) -> Value:
        """A whole number for all."""
        return ir.Constant(self.ints, [value] * self.kernel.width)

    def note_at(self, row: Value | int) -> Value:
        """Where a row of the notes stands."""
        return self.m.plus(self.m.times(index(row), LANES), self.r)

    def mark(self, h: Value, alive: Value, lost: Cell) -> None:
        """Note of a unit whether it lives; `lost` gathers whether one has died that lived at epoch 0."""
        build, notes = self.m.build, self.given["notes"]
        at = self.note_at(self.m.plus(h, NOTES))
        if not self.condition.followed:
            self.m.store(notes, at, build.zext(alive, self.ints))
            return
        mark, none = self.m.read(notes, at, self.ints), self.ints_of(0)
        lost.set(build.or_(lost.get(), build.select(alive, none, build.and_(mark, self.ints_of(ALIVE)))))
        back = build.shl(build.and_(mark, self.ints_of(HAS_BEEN_DEAD)), self.ints_of(1))  # REVIVED
        now = build.select(alive, back, self.ints_of(HAS_BEEN_DEAD))
        self.m.store(notes, at, build.or_(mark, now))

    def note_deaths(self, epoch: Value, lost: Cell) -> None:
        """Note the epoch as that of the first death, where there was none before."""
        build, notes, at = self.m.build, self.given["notes"], self.note_at(1)
        death = self.m.read(notes, at, self.ints)
        now = build.and_(
            build.icmp_signed("!=", lost.get(), self.ints_of(0)), build.icmp_signed("<", death, self.ints_of(0))
        )
        self.m.store(notes, at, build.select(now, self.m.everywhere(build.trunc(epoch, INT)), death))


class Look(Function):
    """Notes which units live."""

    name, arguments = "look", LOOK

    def emit(self) -> None:
        """Build the function."""
        if not self.condition.smooth:
            with self.lanes() as self.r:
                lost = self.m.cell(self.ints_of(0))
                with self.units() as h:
                    alive = self.alive(h)
                    at = self.note_at(self.m.plus(h, NOTES, self.hidden))
                    self.m.store(self.given["notes"], at, self.m.build.zext(alive, self.ints))
                    self.mark(h, alive, lost)
                if self.condition.followed:
                    self.note_deaths(self.given["epoch"], lost)
        self.m.build.ret(self.given["epoch"])


class Epochs(Function):
    """Trains."""

    name, arguments = "epochs", EPOCHS

    def __init__(self, kernel: Kernel, module: ir.Module) -> None:
        super().__init__(kernel, module)
        self.scratch = self.given["scratch"]
        self.first_score = LANES + kernel.n_lefts
        self.first_kept = self.first_score + max(len(kernel.rows), kernel.batch or 0) * kernel.width
        self.steps = max(len(kernel.sizes), 1)

    def emit(self) -> None:
        """Build the function."""
        m = self.m
        with m.loop(self.given["first"], self.given["last"]) as e:
            self.tick()
            with self.lanes() as self.r:
                scores = self.forward(self.table, e)
                if self.kernel.batch is None:
                    of_bias = self.output(self.table, scores, e, moved=True)
                    self.backward(self.table, scores, of_bias, index(0))
                else:
                    self.output(self.table, scores, e, moved=False)
                    with m.loop(0, self.steps) as step:
                        n = self.kernel.batch
                        drawn = Source(n, partial(self._drawn, step), n <= DRAWN_WRITTEN_OUT)
                        scores = self.forward(drawn)
                        of_bias = self.output(drawn, scores, None, moved=True)
                        self.backward(drawn, scores, of_bias, step)
            if self.condition.repeats:
                self.stop_if_caught(m.plus(e, 1))
        m.build.ret(self.given["last"])

    def stop_if_caught(self, epoch: Value) -> None:
        """Return if a training has come back to what the bait shows of its state."""
        m, build, bait = self.m, self.m.build, self.given["bait"]
        with build.if_then(build.icmp_unsigned("!=", build.ptrtoint(bait, LONG), LONG(0))):
            caught = m.cell(self.truth(False))
            with self.lanes() as self.r:
                places = (self.out, self.at(self.kernel.watched, index(0)))
                one, other = (
                    build.fcmp_ordered("==", *(x.arguments[0] for x in (m.load(self.state, at), m.load(bait, shown))))
                    for at, shown in zip(places, (self.r, m.plus(self.r, LANES)), strict=True)
                )
                caught.set(caught.get() | m.wrap(build.and_(one, other)))
            bits = ir.IntType(self.kernel.width)
            with build.if_then(build.icmp_unsigned("!=", build.bitcast(value_of(caught.get()), bits), bits(0))):
                build.ret(epoch)

    def _drawn(self, step: Value, at: Value | int) -> Row:
        m, d, batch = self.m, self.kernel.n_inputs, self.kernel.batch
        place = m.plus(m.times(step, batch), at)
        first = m.times(place, (d + 1) * LANES)
        *inputs, target = (m.load(self.given["drawn"], m.plus(first, i * LANES, self.r)) for i in range(d + 1))
        return Row(tuple(inputs), target, m.share(self.given["shared"], m.plus(place, self.kernel.first_weight)))

    def tick(self) -> None:
        """What is left of the powers that the steps of an epoch need, into scratch memory."""
        m, build, double, n = self.m, self.m.build, ir.DoubleType(), len(self.kernel.powers)
        if n:
            with m.loop(0, self.steps) as step:
                for i in range(n):
                    power = build.fmul(
                        m.read(self.given["clock"], i, double), m.read(self.given["clock"], n + i, double)
                    )
                    m.store(self.given["clock"], i, power)
                    left = build.fsub(double(1.0), power)
                    left = left if m.real == double else build.fptrunc(left, m.real)
                    m.store(self.scratch, m.plus(m.times(step, n), LANES + i), left)

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
                    self.mark(h, some(row > 0.0 for row in z).arguments[0], lost)
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

    def judge(self, loss: Number, solved: Number, epoch: Value) -> None:
        """Note the loss of an epoch, and whether it was solved."""
        m, build, double = self.m, self.m.build, ir.DoubleType()
        m.store(self.scratch, self.r, loss)
        before = m.read(self.given["notes"], self.r, self.ints)
        now = m.everywhere(build.trunc(epoch, INT))
        m.store(self.given["notes"], self.r, build.select(solved.arguments[0], before, now))
        with build.if_then(build.icmp_unsigned("!=", build.ptrtoint(self.given["tail"], LONG), LONG(0))):
            doubles = ir.VectorType(double, self.kernel.width)
            added = loss.arguments[0] if m.real == double else build.fpext(loss.arguments[0], doubles)
            m.store(self.given["tail"], self.r, build.fadd(m.read(self.given["tail"], self.r, doubles), added))

    def backward(
        self, source: Source, scores: Callable[[Value, int], Cell | Place], of_bias: Number, step: Value
    ) -> None:
        """The gradients of every unit, and the steps of all parameters."""
        m, rules, n_sums = self.m, self.rules, self.kernel.n_inputs + 2
        n = len(self.kernel.powers)
        left = tuple(m.share(self.scratch, m.plus(m.times(step, n), LANES + i)) for i in range(n))
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
