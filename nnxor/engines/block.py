"""What happens to a block of trainings around the arithmetic of an epoch (`nnxor.engines.kernel`), as machine code.

Its columns are carried to memory of its own and back. On the way it is noted what only the training itself can tell,
mini-batches are drawn, and repeats are looked for (`nnxor.engines.cycles`): after an epoch the output bias and one
parameter of the first unit are compared with those of before; only where both are alike in some training, all others.
"""

import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import NamedTuple

import numpy as np
from llvmlite import ir

from nnxor.arithmetic.epoch import Rules
from nnxor.arithmetic.numbers import Number
from nnxor.condition import Condition
from nnxor.engines.llvm_numbers import LONG, POINTER, Cell, Machine, Value, Word, index, value_of
from nnxor.network.minibatches import GAMMA, mix

LANES = 64  # trainings in a block

ALIVE, HAS_BEEN_DEAD, REVIVED = 1, 2, 4
"""Marks of a unit, where dead units can come back: alive at epoch 0, dead at some epoch, alive at a later one."""

PERIOD, UNSOLVED, DEATH, N_DEAD = range(4)
"""Rows of what is noted of each training: period, last unsolved epoch, first death, dead units; then marks of units."""

N_NOTES = 4

INT, DOUBLE = ir.IntType(32), ir.DoubleType()
ARRAYS = (
    "table", "counts", "marks", "tail", "losses", "steps", "stream", "width", "ends", "shared", "clock", "examples",
    "drawn", "keys", "place", "state", "before", "scratch", "notes",
)  # fmt: skip
NUMBERS = ("n", "n_blocks", "hidden", "first", "n_losses", "tail_start", "tail_part", "watch", "counting")
"""What a kernel is given: addresses of arrays, then whole numbers. Of all n trainings, a column each:

table (P, n): the parameters, and what the optimizer remembers of them.
counts (N_NOTES, n), marks (H, n; none where units are smooth): what is noted, whole numbers of 32 bits.
tail (TAIL_PARTS, n): sums of the losses in double precision, of parts of `tail_part` epochs from `tail_start` on.
losses (n_losses, n): those of the first epochs.
steps (n,), or null: each column becomes that of so many epochs later, and nothing else is carried back.
stream (n,): what shuffles the mini-batches of each.
width, ends (n_blocks,): the units of each block that are run (the others are dead), the epoch before which it ends.

Of one block, in the condition's dtype where nothing else is said: `shared` (`Kernel.shared`); `clock`, in double
precision; `examples` (N, D + 1), inputs and target of those of mini-batches; `drawn` (places, D + 1, LANES), in the
order in which each training sees them; `keys`, `place` (N, LANES), the hashes that decide it and where each stands;
`state`, `before` (P, LANES), the present state and that of `first`; `scratch` (`Kernel.scratch`); `notes`.

With `watch`, trainings without a period that return to the state of `first` get one. With `counting`, it is noted at
the end which units live."""


class Kind(NamedTuple):
    """What is to be known of a condition to build what stands around its arithmetic."""

    condition: Condition
    width: int  # trainings in a vector
    settings: list[str]  # names of the numbers that `shared` begins with
    powers: int  # numbers of the clock
    watched: int  # which parameter of the first unit is compared first, when repeats are looked for
    n_examples: int
    written_out: bool  # whether these are few enough to be drawn without loops


class Block:
    """Builds the function, but for the arithmetic."""

    def __init__(self, kind: Kind, module: ir.Module) -> None:
        self.kind, self.condition = kind, kind.condition
        kinds = [POINTER] * len(ARRAYS) + [LONG] * len(NUMBERS)
        self.m = m = Machine(module, "epochs", kinds, np.dtype(self.condition.numpy_dtype), kind.width)
        self.given: dict[str, Value] = dict(zip((*ARRAYS, *NUMBERS), m.function.args, strict=True))
        self.state, self.hidden, self.first = (self.given[name] for name in ("state", "hidden", "first"))
        self.rules = Rules(self.condition, lambda name, _: m.share(self.given["shared"], kind.settings.index(name)))
        self.n_inputs, memory = self.condition.task.n_inputs, self.rules.optimizer.memory
        row = m.times(self.hidden, LANES)
        self.starts = [m.times(row, i) for i in range(self.n_inputs + 3)]
        self.n_parameters = m.plus(self.starts[-1], LANES)
        self.n_rows = m.times(m.plus(m.times(self.hidden, self.n_inputs + 2), 1), 1 + memory)
        self.ints = ir.VectorType(INT, kind.width)
        self.column = self.n_units = self.last = self.r = LONG(0)
        self.tail_at, self.witness = m.cell(LONG(0)), m.cell(LONG(0))

    # places

    def lanes(self) -> AbstractContextManager[Value]:
        """The loop over the trainings of a block."""
        return self.m.loop(0, LANES, self.kind.width)

    def units(self) -> AbstractContextManager[Value]:
        """The loop over units."""
        return self.m.loop(0, self.n_units)

    @property
    def out(self) -> Value:
        """Where the output bias stands."""
        return self.m.plus(self.starts[-1], self.r)

    def at(self, parameter: int, h: Value) -> Value:
        """Where a unit's parameter stands: its input weights, bias and output weight by their numbers."""
        return self.m.plus(self.starts[parameter], self.m.times(h, LANES), self.r)

    def unit(self, h: Value) -> list[Number]:
        """The input weights, bias and output weight of a unit."""
        return [self.m.load(self.state, self.at(i, h)) for i in range(self.n_inputs + 2)]

    def of_all(self, row: Value | int) -> Value:
        """Where the present vector stands in a row of an array of all trainings."""
        return self.m.plus(self.m.times(index(row), self.given["n"]), self.column, self.r)

    def note_at(self, row: Value | int) -> Value:
        """Where a row of the notes stands."""
        return self.m.plus(self.m.times(index(row), LANES), self.r)

    def note(self, row: Value | int, value: Value | None = None) -> Value:
        """What a row of the notes holds; or let it hold something else."""
        if value is None:
            return self.m.read(self.given["notes"], self.note_at(row), self.ints)
        return self.m.store(self.given["notes"], self.note_at(row), value)

    def ints_of(self, value: int) -> Value:
        """A whole number for all."""
        return ir.Constant(self.ints, [value] * self.kind.width)

    def now(self, epoch: Value) -> Value:
        """An epoch as a number of each training."""
        return self.m.everywhere(self.m.build.trunc(epoch, INT))

    def truth(self, value: bool) -> Number:
        """The same condition of all."""
        return self.m.wrap(ir.Constant(ir.VectorType(ir.IntType(1), self.kind.width), [value] * self.kind.width))

    # a block comes and goes

    def enter(self, block: Value) -> None:
        """Carry a block in."""
        m, given = self.m, self.given
        self.column = m.times(block, LANES)
        self.n_units, self.last = (m.read(given[name], block, LONG) for name in ("width", "ends"))
        self.carry(outward=False)
        for i in range(self.kind.powers):  # the clock goes on from where it stood for all blocks
            m.store(given["clock"], i, m.read(given["clock"], m.plus(2 * self.kind.powers, i), DOUBLE))
        if self.condition.repeats:
            with m.build.if_then(self.holds("watch")), m.loop(0, self.n_rows) as row, self.lanes() as r:
                at = m.plus(m.times(row, LANES), r)
                m.store(given["before"], at, m.load(self.state, at))

    def carry(self, outward: bool) -> None:
        """Carry everything in, or back."""
        m, given = self.m, self.given
        parts = [("table", self.n_rows, self.state, 0, m.vector), ("counts", N_NOTES, given["notes"], 0, self.ints)]
        parts += [] if self.condition.smooth else [("marks", self.hidden, given["notes"], N_NOTES, self.ints)]
        for name, n_rows, own, first, kind in parts:
            with m.loop(0, n_rows) as row, self.lanes() as self.r:
                there, here = self.of_all(row), self.note_at(m.plus(row, first))
                if outward:
                    m.store(given[name], there, m.read(own, here, kind))
                else:
                    m.store(own, here, m.read(given[name], there, kind))

    def leave(self, alive: Callable[[Value], Value]) -> None:
        """Note which units live, if that is wanted, and carry the block back, unless its trainings were handed out."""
        build = self.m.build
        if not self.condition.smooth:
            with build.if_then(self.holds("counting")), self.lanes() as self.r:
                self.count(alive)
        with build.if_then(build.not_(self.m.is_there(self.given["steps"]))):
            self.carry(outward=True)

    def holds(self, name: str) -> Value:
        """Whether something is wanted."""
        return self.m.build.icmp_signed("!=", self.given[name], LONG(0))

    # notes

    def count(self, alive: Callable[[Value], Value]) -> None:
        """Note the dead units."""
        m, build = self.m, self.m.build
        dead = m.cell(m.everywhere(build.trunc(build.sub(self.hidden, self.n_units), INT)))
        lost = m.cell(self.ints_of(0))
        with self.units() as h:
            lives = alive(h)
            self.mark(h, lives, lost)
            dead.set(build.add(dead.get(), build.zext(build.not_(lives), self.ints)))
        if self.condition.followed:
            self.note_deaths(self.last, lost)
        self.note(N_DEAD, dead.get())

    def mark(self, h: Value, alive: Value, lost: Cell) -> None:
        """Note of a unit whether it lives; `lost` gathers whether one has died that lived at epoch 0."""
        build, row = self.m.build, self.m.plus(h, N_NOTES)
        if not self.condition.followed:
            self.note(row, build.zext(alive, self.ints))
            return
        mark, none = self.note(row), self.ints_of(0)
        lost.set(build.or_(lost.get(), build.select(alive, none, build.and_(mark, self.ints_of(ALIVE)))))
        back = build.shl(build.and_(mark, self.ints_of(HAS_BEEN_DEAD)), self.ints_of(1))  # REVIVED
        self.note(row, build.or_(mark, build.select(alive, back, self.ints_of(HAS_BEEN_DEAD))))

    def note_deaths(self, epoch: Value, lost: Cell) -> None:
        """Note the epoch as that of the first death, where there was none before."""
        build, death = self.m.build, self.note(DEATH)
        first = build.icmp_signed("<", death, self.ints_of(0))
        died = build.and_(build.icmp_signed("!=", lost.get(), self.ints_of(0)), first)
        self.note(DEATH, build.select(died, self.now(epoch), death))

    def judge(self, loss: Number, solved: Number, epoch: Value) -> None:
        """Note the loss of an epoch, and whether it was solved."""
        m, build, given = self.m, self.m.build, self.given
        self.note(UNSOLVED, build.select(value_of(solved), self.note(UNSOLVED), self.now(epoch)))
        with build.if_then(build.icmp_signed("<", epoch, given["n_losses"])):
            m.store(given["losses"], self.of_all(epoch), loss)
        with build.if_then(build.icmp_signed(">=", epoch, given["tail_start"])):
            doubles, at = ir.VectorType(DOUBLE, self.kind.width), m.plus(self.tail_at.get(), self.r)
            added = value_of(loss) if m.real == DOUBLE else build.fpext(value_of(loss), doubles)
            m.store(given["tail"], at, build.fadd(m.read(given["tail"], at, doubles), added))

    # before and after an epoch

    def begin(self, epoch: Value) -> None:
        """Draw what the epoch sees, and find the part of the tail that it is in."""
        m, build, given = self.m, self.m.build, self.given
        if self.condition.batch_size is not None and self.condition.order == "shuffled":
            with self.lanes() as self.r:
                self.draw(epoch)
        with build.if_then(build.icmp_signed(">=", epoch, given["tail_start"])):
            part = build.sdiv(build.sub(epoch, given["tail_start"]), given["tail_part"])
            self.tail_at.set(m.plus(m.times(part, given["n"]), self.column))

    def after(self, epoch: Value) -> None:
        """Hand out the trainings that are wanted as they are now, and look for those that are as they were."""
        m, build = self.m, self.m.build
        with build.if_then(m.is_there(self.given["steps"])), self.lanes() as self.r:
            steps = m.read(self.given["steps"], m.plus(self.column, self.r), self.ints)
            due = build.icmp_signed("==", steps, self.now(epoch))
            with build.if_then(m.some(due)), m.loop(0, self.n_rows) as row:
                there = self.of_all(row)
                here = m.read(self.state, self.note_at(row), m.vector)
                m.store(
                    self.given["table"], there, build.select(due, here, m.read(self.given["table"], there, m.vector))
                )
        if self.condition.repeats:
            going_on = build.icmp_signed("<", epoch, self.last)
            with build.if_then(build.and_(self.holds("watch"), going_on)), self.lanes() as self.r:
                self.look_for_repeats(epoch)

    def look_for_repeats(self, epoch: Value) -> None:
        """Trainings without a period whose state is that of before get one."""
        m, build, period = self.m, self.m.build, self.note(PERIOD)
        alike = m.cell(build.icmp_signed("<", period, self.ints_of(0)))
        for at in (self.out, self.at(self.kind.watched, index(0))):
            alike.set(build.and_(alike.get(), self.as_before(at)))
        with build.if_then(m.some(alike.get())):
            began = self.witness.get()  # the row at which others differed: most often these do as well
            with m.loop(0, self.n_rows, going=lambda: m.some(alike.get())) as k:
                row = m.plus(began, k)
                row = build.select(build.icmp_signed("<", row, self.n_rows), row, build.sub(row, self.n_rows))
                alike.set(build.and_(alike.get(), self.as_before(self.note_at(row))))
                self.witness.set(row)
            self.note(PERIOD, build.select(alike.get(), self.now(build.sub(epoch, self.first)), period))

    def as_before(self, at: Value) -> Value:
        """Which trainings have the same number there as before."""
        one, other = (self.m.read(array, at, self.m.vector) for array in (self.state, self.given["before"]))
        return self.m.build.fcmp_ordered("==", one, other)

    # mini-batches

    def draw(self, epoch: Value) -> None:
        """Put the examples of an epoch into their order, that of their hashes."""
        m, build, words = self.m, self.m.build, ir.VectorType(LONG, self.kind.width)
        stream = m.read(self.given["stream"], m.plus(self.column, self.r), words)

        def hashed(word: Value, number: Value) -> Value:
            mixed: Word = mix(Word(m, build.add(word, m.everywhere(build.mul(number, LONG(int(GAMMA)))))))
            return mixed.value

        of_epoch = hashed(stream, m.plus(epoch, 1))
        if self.kind.written_out:
            self.put([hashed(of_epoch, LONG(n + 1)) for n in range(self.kind.n_examples)])
            return
        with m.loop(0, self.kind.n_examples) as n:
            m.store(self.given["keys"], self.note_at(n), hashed(of_epoch, m.plus(n, 1)))
            m.store(self.given["place"], self.note_at(n), self.now(n))
        self.sort()
        with m.loop(0, self.kind.n_examples) as p:
            example = m.read(self.given["place"], self.note_at(p), self.ints)
            lanes = [build.sext(build.extract_element(example, INT(i)), LONG) for i in range(self.kind.width)]
            for d in range(self.n_inputs + 1):
                found = ir.Constant(m.vector, ir.Undefined)
                for i, lane in enumerate(lanes):
                    x = m.read(self.given["examples"], m.plus(m.times(lane, self.n_inputs + 1), d), m.real)
                    found = build.insert_element(found, x, INT(i))
                m.store(self.given["drawn"], self.drawn_at(p, d), found)

    def drawn_at(self, place: Value | int, number: int) -> Value:
        """Where a number of the example at a place stands."""
        row = self.m.plus(self.m.times(index(place), self.n_inputs + 1), number)
        return self.m.plus(self.m.times(row, LANES), self.r)

    def put(self, keys: list[Value]) -> None:
        """Few examples: each is compared with each, and every place chooses among all."""
        m, build = self.m, self.m.build
        places = [self.ints_of(0) for _ in keys]
        for b, a in itertools.combinations(range(len(keys)), 2):
            after = build.zext(build.icmp_unsigned("<=", keys[b], keys[a]), self.ints)
            places[a] = build.add(places[a], after)
            places[b] = build.add(places[b], build.sub(self.ints_of(1), after))
        for d in range(self.n_inputs + 1):
            x = [m.read(self.given["examples"], n * (self.n_inputs + 1) + d, m.real) for n in range(len(keys))]
            spread = [m.everywhere(each) for each in x]
            for p in range(len(keys)):
                found = spread[0]
                for place, each in zip(places[1:], spread[1:], strict=True):
                    found = build.select(build.icmp_signed("==", place, self.ints_of(p)), each, found)
                m.store(self.given["drawn"], self.drawn_at(p, d), found)

    def sort(self) -> None:
        """Many examples, in all lanes at once: K. E. Batcher's merge exchange (Knuth, TAOCP 3, 5.2.2, Algorithm M)."""
        m, n = self.m, self.kind.n_examples
        top = 1 << (n - 1).bit_length() - 1
        p = top
        while p:
            q, r, d = top, 0, p
            while True:
                with m.loop(0, n - d) as i:
                    mine = m.build.icmp_signed("==", m.build.and_(i, LONG(p)), LONG(r))
                    with m.build.if_then(mine):
                        self.exchange(i, m.plus(i, d))
                if q == p:
                    break
                d, q, r = q - p, q // 2, p
            p //= 2

    def exchange(self, low: Value, high: Value) -> None:
        """Exchange two examples where the key of the first is larger, or the same and it comes later."""
        m, build, given = self.m, self.m.build, self.given
        at, words = [self.note_at(low), self.note_at(high)], ir.VectorType(LONG, self.kind.width)
        (a, b), (x, y) = (
            [m.read(given[name], each, kind) for each in at] for name, kind in (("keys", words), ("place", self.ints))
        )
        same = build.and_(build.icmp_unsigned("==", a, b), build.icmp_signed(">", x, y))
        swap = build.or_(build.icmp_unsigned(">", a, b), same)
        for name, one, other in (("keys", a, b), ("place", x, y)):
            m.store(given[name], at[0], build.select(swap, other, one))
            m.store(given[name], at[1], build.select(swap, one, other))
