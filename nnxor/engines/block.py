"""What happens to a block of trainings around the arithmetic of an epoch (`nnxor.engines.kernel`), as machine code.

The states of a block are copied to its own memory and back. In between, events that only the training itself can see
are noted, mini-batches are drawn, and repeats are looked for (`nnxor.engines.cycles`).
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from nnxor.arithmetic.epoch import Rules, rows_of, trained_rows
from nnxor.arithmetic.numbers import where
from nnxor.arrays import Values
from nnxor.condition import Condition
from nnxor.engines.llvm_numbers import DOUBLE, INT, LONG, Cell, Machine, Value, vector_bytes
from nnxor.network.minibatches import GAMMA, mix, steps_of

LANES = 64  # trainings in a block
LINE = 64  # bytes of a line of the cache
DRAWN_WRITTEN_OUT = 16  # examples of an epoch up to which they are drawn without loops
ALIVE, HAS_BEEN_DEAD, REVIVED = 1, 2, 4
"""Marks of a unit: alive when last looked at, dead at some epoch, alive at a later one."""
RETURNED, UNSOLVED, DEATH, N_DEAD, N_NOTES = range(5)
"""Rows of what is noted of each training: the epoch at which it was back in an earlier state, its last unsolved epoch,
its first death (seen at the end of a call only, unless units are `followed`), its dead units; then marks of units."""

ARRAYS = ("table", "notes", "tail", "losses", "steps", "stream", "width", "ends")
NUMBERS = ("n", "n_filled", "n_blocks", "hidden", "first", "n_losses", "tail_start", "tail_part", "watch")
"""What a kernel is given: addresses of arrays, then whole numbers. Of all n trainings, a column each (those from
`n_filled` on only fill the last block and are not run):

table (P, n): the parameters, and what the optimizer remembers of them.
notes (N_NOTES + H, n): what is noted, whole numbers of 32 bits.
tail (TAIL_PARTS, n): sums of the losses in double precision, of parts of `tail_part` epochs from `tail_start` on.
losses (n_losses, 2, n): those of the first epochs, and 1 where an epoch was unsolved, else 0.
steps (n,), or null: each column of the table becomes that of so many epochs later; notes are then not to be read.
stream (n,): what shuffles the mini-batches of each.
width, ends (n_blocks,): the units of each block that are run (the others are dead), the epoch before which it ends.

Between the arrays of all and the numbers come those of `Plan.arrays`. With `watch` it is noted which trainings return
to the state of `first`, if they had not returned to any before. At the end it is noted which units live, unless states
are handed out."""


class Plan:
    """What the kernel of a condition works with. Its numbers are data: they change no instruction."""

    def __init__(self, condition: Condition) -> None:
        self.condition, self.dtype = condition, condition.numpy_dtype
        self.task, self.n_inputs = trained_rows(condition), condition.task.n_inputs
        self.rows, self.rules = rows_of(self.task, condition), Rules(condition)
        self.width = vector_bytes(len(self.rows)) // self.dtype.itemsize  # trainings in a vector
        self.betas = [getattr(condition, name) for name in self.rules.optimizer.powers]
        self.batch, self.sizes = condition.batch_size or 0, steps_of(self.task.n_rows, condition.batch_size)

    def arrays(self) -> dict[str, Values]:
        """Arrays that a kernel keeps for itself, in the condition's dtype where no other is said."""
        condition, n, steps = self.condition, len(self.rows), len(self.sizes)
        units, state = condition.hidden, (condition.n_parameters * (1 + self.rules.optimizer.memory), LANES)
        examples = np.array([(*row.inputs, row.target, row.weight) for row in self.rows], self.dtype)
        weights = np.zeros((steps, self.batch), self.dtype)
        for step, size in enumerate(self.sizes):
            weights[step, :size] = self.rules.loss.weight(size)
        drawn = self._aligned(steps * self.batch, self.n_inputs + 1, LANES)
        drawn[:n] = examples[: len(drawn), :-1, None]  # their order where it is fixed
        return {
            "settings": np.array([*self.rules.numbers.values()], self.dtype),
            "examples": examples,  # inputs, target and weight of each row
            "weights": weights,  # of the examples in each mini-batch
            "clock": np.array([self.betas, np.ones(len(self.betas))]),  # and the powers at `first`; float64
            "left": np.empty((steps, len(self.betas)), self.dtype),  # 1 less each power, at each step of the epoch
            "drawn": drawn,  # inputs and targets, in the order in which each training of a block sees the examples
            "keys": self._aligned(n, LANES, dtype=np.uint64),  # the hashes that decide it
            "place": self._aligned(n, LANES, dtype=np.int32),  # where each example stands
            "state": self._aligned(*state),  # of a block, as it is
            "before": self._aligned(*state),  # and at `first`
            "lives": self._aligned(units, LANES, dtype=np.int64),  # bits, of each vector whose unit lives, at its first
            "scratch": self._aligned(units + 1, n, self.width),  # scores, and activations of each unit
        }

    def _aligned(self, *shape: int, dtype: Any = None) -> Values:
        """Zeros that begin where a line of the cache does."""
        kind = np.dtype(dtype or self.dtype)
        size = int(np.prod(shape)) * kind.itemsize
        memory = np.zeros(size + LINE, np.uint8)
        first = -memory.ctypes.data % LINE
        return memory[first : first + size].view(kind).reshape(shape)


class Block:
    """Builds all but the arithmetic: places, blocks that come and go, notes, what frames an epoch, mini-batches."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.condition, self.n_inputs = plan, plan.condition, plan.n_inputs
        arrays = (*ARRAYS, *plan.arrays())
        self.m = m = Machine(len(arrays), len(NUMBERS), plan.dtype, plan.width)
        self.given = dict(zip((*arrays, *NUMBERS), m.arguments, strict=True))
        self.state, self.hidden, self.first = (self.given[name] for name in ("state", "hidden", "first"))
        names = list(plan.rules.numbers)
        self.rules = Rules(self.condition, lambda name, _: m.share(self.given["settings"], names.index(name)))
        self.starts = [self.hidden * (i * LANES) for i in range(self.n_inputs + 3)]
        self.n_parameters = self.starts[-1] + LANES
        self.n_rows = (self.hidden * (self.n_inputs + 2) + 1) * (1 + self.rules.optimizer.memory)
        self.column = self.n_lanes = self.n_units = self.last = self.r = m.long(0)
        self.powers = [m.cell(m.constant(1.0, DOUBLE)) for _ in plan.betas]

    @contextmanager
    def lanes(self) -> Iterator[Value]:
        """The loop over the trainings of a block, without the padding."""
        with self.m.loop(0, LANES, self.plan.width) as r, self.m.when(r < self.n_lanes):
            yield r

    @property
    def out(self) -> Value:
        """Where the output bias stands."""
        return self.starts[-1] + self.r

    def at(self, parameter: int, h: Value | int) -> Value:
        """Where a unit's parameter stands: its input weights, bias and output weight by their numbers."""
        return self.starts[parameter] + h * LANES + self.r

    def unit(self, h: Value) -> list[Value]:
        """The input weights, bias and output weight of a unit."""
        return [self.m.read(self.state, self.at(i, h)) for i in range(self.n_inputs + 2)]

    def of_all(self, row: Value | int) -> Value:
        """Where the present vector stands in a row of an array of all trainings."""
        return self.given["n"] * row + self.column + self.r

    def of_block(self, row: Value | int) -> Value:
        """Where it stands in a row of an array of the block."""
        return row * LANES + self.r

    def note(self, row: Value | int) -> Cell:
        """A row of the notes."""
        return Cell(self.m, self.given["notes"], self.of_all(row), self.m.ints)

    def now(self, epoch: Value) -> Value:
        """An epoch as a number of each training."""
        return self.m.everywhere(self.m.cast("trunc", epoch, INT))

    def enter(self, block: Value) -> None:
        """Carry the states of a block in, and set the clock to where it stands for all."""
        m, given = self.m, self.given
        self.column = block * LANES
        self.n_lanes = given["n_filled"] - self.column
        self.n_units, self.last = (m.read(given[name], block, LONG) for name in ("width", "ends"))
        for i, power in enumerate(self.powers):
            power.set(m.read(given["clock"], len(self.powers) + i, DOUBLE))
        with m.loop(0, self.hidden) as h, self.lanes() as self.r:
            m.store(given["lives"], self.of_block(h), m.constant(-1, LONG))
        with m.loop(0, self.n_rows) as row, self.lanes() as self.r:
            start = m.read(given["table"], self.of_all(row))
            m.store(self.state, self.of_block(row), start)
            m.store(given["before"], self.of_block(row), start)

    def leave(self, alive: Callable[[Value], Value]) -> None:
        """Note which units live and how many are dead, and carry the states back, unless they were handed out."""
        m, table = self.m, self.given["table"]
        with m.when(~m.is_there(self.given["steps"])):
            if not self.condition.smooth:
                with self.lanes() as self.r:
                    dead = m.cell(self.now(self.hidden - self.n_units))
                    with m.loop(0, self.n_units) as h:
                        lives = alive(h)
                        self.mark(h, lives, self.last)
                        dead.set(dead.get() + m.cast("zext", ~lives, m.ints))
                    self.note(N_DEAD).set(dead.get())
            with m.loop(0, self.n_rows) as row, self.lanes() as self.r:
                m.store(table, self.of_all(row), m.read(self.state, self.of_block(row)))

    def mark(self, h: Value, alive: Value, epoch: Value) -> None:
        """Note whether a unit lives, and the epoch if it is the first to die; most often nothing has changed."""
        m, note, first = self.m, self.note(h + N_NOTES), self.note(DEATH)
        lives = m.cast("zext", m.cast("bitcast", alive, ir.IntType(m.width)), LONG)
        lived = Cell(m, self.given["lives"], self.of_block(h), LONG)
        with m.when(lives != lived.get()):
            lived.set(lives)
            mark, death = note.get(), first.get()
            been_dead = mark & HAS_BEEN_DEAD
            living = mark | (been_dead << 1) | ALIVE  # REVIVED, if it has been dead
            note.set(where(alive, living, (mark | HAS_BEEN_DEAD) & ~ALIVE))
            first.set(where(~alive & (been_dead == 0) & (death < 0), self.now(epoch), death))

    def judge(self, loss: Value, solved: Value, epoch: Value) -> None:
        """Note the loss of an epoch, and whether it was solved."""
        m, given, unsolved = self.m, self.given, self.note(UNSOLVED)
        unsolved.set(where(solved, unsolved.get(), self.now(epoch)))
        with m.when(epoch < given["n_losses"]):
            m.store(given["losses"], self.of_all(epoch * 2), loss)
            m.store(given["losses"], self.of_all(epoch * 2 + 1), where(solved, 0.0, m.constant(1.0)))
        with m.when(epoch >= given["tail_start"]):
            doubles = ir.VectorType(DOUBLE, self.plan.width)
            part = (epoch - given["tail_start"]) // given["tail_part"]
            tail = Cell(m, given["tail"], self.of_all(part), doubles)
            tail.set(tail.get() + m.cast("fpext", loss, doubles))

    def tick(self) -> None:
        """Put 1 − β^t, for all steps of an epoch, into memory."""
        m, given, n = self.m, self.given, len(self.powers)
        if n:
            with m.loop(0, len(self.plan.sizes)) as step:
                for i, power in enumerate(self.powers):
                    power.set(power.get() * m.read(given["clock"], i, DOUBLE))
                    m.store(given["left"], step * n + i, m.cast("fptrunc", 1.0 - power.get(), m.real))

    def after(self, epoch: Value) -> None:
        """Hand out the states that are wanted after this epoch, and note which are back for the first time."""
        m, given = self.m, self.given
        with m.when(m.is_there(given["steps"])), self.lanes() as self.r:
            due = m.read(given["steps"], self.column + self.r, m.ints) == self.now(epoch)
            with m.when(m.some(due)), m.loop(0, self.n_rows) as row:
                there = Cell(m, given["table"], self.of_all(row), m.vector)
                there.set(where(due, m.read(self.state, self.of_block(row)), there.get()))
        if self.condition.repeats:
            with m.when((given["watch"] != 0) & (epoch < self.last)), self.lanes() as self.r:
                returned = self.note(RETURNED).get()
                alike = m.cell(returned < 0)
                for at in (self.out, self.at(self.n_inputs, 0)):  # most often two parameters show that none is back
                    alike.set(alike.get() & self.as_before(at))
                with m.when(m.some(alike.get())):
                    with m.loop(0, self.n_rows, going=lambda: m.some(alike.get())) as row:
                        alike.set(alike.get() & self.as_before(self.of_block(row)))
                    self.note(RETURNED).set(where(alike.get(), self.now(epoch), returned))

    def as_before(self, at: Value) -> Value:
        """Which trainings have the same number there as in the earlier state."""
        return self.m.read(self.state, at) == self.m.read(self.given["before"], at)

    def draw(self, epoch: Value) -> None:
        """Put the examples of an epoch into their order, that of their hashes, unless it is fixed."""
        m, given, n = self.m, self.given, len(self.plan.rows)
        if not self.plan.batch or self.condition.order == "fixed":
            return

        def hashed(word: Value, number: Value) -> Value:
            return mix(word + m.everywhere(number * int(GAMMA)))

        of_epoch = hashed(m.read(given["stream"], self.column + self.r, m.words), epoch + 1)
        if n <= DRAWN_WRITTEN_OUT:
            self.put([hashed(of_epoch, m.long(k + 1)) for k in range(n)])
            return
        with m.loop(0, n) as k:
            m.store(given["keys"], self.of_block(k), hashed(of_epoch, k + 1))
            m.store(given["place"], self.of_block(k), self.now(k))
        self.sort(n)
        with m.loop(0, n) as p:
            example = m.read(given["place"], self.of_block(p), m.ints).node
            lanes = [m.wrap(m.build.sext(m.build.extract_element(example, INT(i)), LONG)) for i in range(m.width)]
            for d in range(self.n_inputs + 1):
                found = ir.Constant(m.vector, ir.Undefined)
                for i, lane in enumerate(lanes):
                    found = m.build.insert_element(found, m.read(*self.example(lane, d), m.real).node, INT(i))
                m.store(given["drawn"], self.drawn_at(p, d), m.wrap(found))

    def example(self, n: Value | int, d: int) -> tuple[Value, Value | int]:
        """The array and the place where a number of an example stands: its inputs, then its target."""
        return self.given["examples"], n * (self.n_inputs + 2) + d

    def drawn_at(self, place: Value | int, d: int) -> Value:
        """Where a number of the example at a place stands."""
        return self.of_block(place * (self.n_inputs + 1) + d)

    def put(self, keys: list[Value]) -> None:
        """Sort few examples: each key is compared with each, and every place selects its example."""
        m = self.m
        places = [m.constant(0, m.ints) for _ in keys]
        for b, a in itertools.combinations(range(len(keys)), 2):
            before = m.wrap(m.build.icmp_unsigned("<=", keys[b].node, keys[a].node))
            after = m.cast("zext", before, m.ints)
            places[a], places[b] = places[a] + after, places[b] + (1 - after)
        for d in range(self.n_inputs + 1):
            first, *others = (m.share(*self.example(n, d)) for n in range(len(keys)))
            for p in range(len(keys)):
                found = first
                for place, each in zip(places[1:], others, strict=True):
                    found = where(place == p, each, found)
                m.store(self.given["drawn"], self.drawn_at(p, d), found)

    def sort(self, n: int) -> None:
        """Sort many examples in all lanes by K. E. Batcher's merge exchange (Knuth, TAOCP 3, 5.2.2, Algorithm M)."""
        m, arrays = self.m, ((self.given["keys"], self.m.words), (self.given["place"], self.m.ints))
        powers = [1 << k for k in reversed(range((n - 1).bit_length()))]
        for p in powers:
            for d, r in [(p, 0), *((q - p, p) for q in powers if q > p)]:
                with m.loop(0, n - d) as i, m.when((i & p) == r):
                    rows = i, i + d
                    pairs = [[Cell(m, array, self.of_block(row), kind) for row in rows] for array, kind in arrays]
                    keys = (cell.get().node for cell in pairs[0])  # no two are the same, for `mix` is a bijection
                    swap = m.wrap(m.build.icmp_unsigned(">", *keys))
                    for one, other in pairs:
                        a, b = one.get(), other.get()
                        one.set(where(swap, b, a))
                        other.set(where(swap, a, b))
