"""Training by the fast kernel, without the epochs that would only repeat.

The kernel leaves out what can be had from the states at the checkpoints of `nnxor.engines.repeats`:

- the epochs after a training has been found to repeat: its final parameters, the losses of its tail
  and its last unsolved epoch follow from one period;
- the epoch in which a unit died: it is looked for between two checkpoints, where one died;
- the epoch from which a training repeats, likewise.

Trainings that repeat leave as soon as that saves a block, and the others close ranks. Over the default
study, in batches of 1,000 and weighted by what an epoch costs, 57 % of the epochs are left so: 54 % if
every training could stop by itself, 55 % with blocks of 32 (whose epochs take longer), and 100 % if
each block waited for its slowest training (94 % with blocks of 16).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor import arithmetic
from nnxor.condition import Condition
from nnxor.draws import Weights
from nnxor.engines.repeats import (
    History,
    Numbers,
    Table,
    at_once,
    first_time,
    same,
    settled_epochs,
    to_table,
    to_weights,
    watched,
)  # fmt: skip
from nnxor.engines.square import ALIVE, HAS_BEEN_DEAD, LANES, REVIVED, read_cycles, square_kernel
from nnxor.engines.trace import Trace
from nnxor.losses import error_weight
from nnxor.protocol import TAIL_PARTS, tail_part


def train_square(condition: Condition, start: Weights, trace: Trace, jump: bool) -> Weights:
    """Train networks, a multiple of LANES, by the fast kernel: into `trace`, and the final weights.

    With `jump` off no repeats are looked for.
    """
    parts = at_once(condition, start.n_networks, LANES)
    final = [_train(condition, start.take(part), trace.take(part), jump) for part in parts]  # `trace` is written into
    return to_weights(final[0] if len(final) == 1 else np.concatenate(final, axis=1), 2)


def _train(condition: Condition, start: Weights, trace: Trace, jump: bool) -> Table:
    run = _Run(condition, start, trace)
    for begin, end in pairwise(run.history.checkpoints.tolist()):
        run.history.keep(run.table, run.trainings)
        middle = min(begin + watched(begin), end) if jump else begin
        if begin < middle:
            run.go_on(begin, middle, watch=True)
        if middle < end:
            run.go_on(middle, end, watch=False)
    run.leave(np.arange(len(run.trainings)))
    run.find_deaths()
    run.finish_jumped()
    meet = None if run.signs_matter else run.walk.meet
    trace.settled_epoch[:] = settled_epochs(run.history, run.found_at, trace.period, run.walk, meet)
    return run.final


class _Run:
    """Trainings on their way: those that are still run, and what is known of the others."""

    def __init__(self, condition: Condition, start: Weights, trace: Trace) -> None:
        self.condition, self.trace, self.walk = condition, trace, Walk(condition)
        self.part = tail_part(condition.epochs)
        self.tail_start = condition.epochs - TAIL_PARTS * self.part
        n = start.n_networks
        self.table, self.trainings = to_table(start), np.arange(n)
        self.history, self.final = History(condition.epochs, self.table), np.empty_like(self.table)
        self.found_at, self.died_at = np.full(n, -1, np.int32), np.full(n, -1, np.int32)
        self.jumped = np.zeros(n, np.bool_)
        # x − y is −0 only if x is: where no parameter is −0 at the start, none ever is
        self.signs_matter = bool((np.signbit(self.table) & (self.table == 0)).any())
        alive = _alive(condition, self.table)
        self.n_dead_at_start = np.asarray((~alive).sum(axis=0), np.int32)
        # of the trainings that are still run: their periods, last unsolved epochs, first deaths and dead units
        self.counts = np.full((4, n), -1, np.int32)
        self.counts[3] = self.n_dead_at_start
        self.tail = np.zeros((TAIL_PARTS, n))
        self.marks = np.where(alive, ALIVE, HAS_BEEN_DEAD).astype(np.int32)

    def go_on(self, first: int, last: int, watch: bool) -> None:
        """Train all from one epoch to another; those that repeat may leave."""
        period, unsolved, death, n_dead = _blocks(self.counts)
        n_found, n_lost = self.walk.kernel(
            _blocks(self.table), first, last, NO_STEPS, *self.walk.numbers, watch, False, self.tail_start,
            max(self.part, 1), period, unsolved, death, n_dead, _blocks(self.marks), _blocks(self.tail),
            self.walk.no_losses,
        )  # fmt: skip
        if n_lost:
            died = self.trainings[self.counts[3] > self.n_dead_at_start[self.trainings]]
            self.died_at[died[self.died_at[died] < 0]] = self.history.latest
        if n_found:
            self._note_found()
            if last <= self.tail_start:
                self._close_ranks()

    def _note_found(self) -> None:
        period = self.counts[0]
        new = np.flatnonzero((period > 0) & (self.found_at[self.trainings] < 0))
        if self.signs_matter:
            states = self.history.at(np.full(len(new), self.history.latest), self.trainings[new])
            really = same(states, self.walk(states, period[new]))
            period[new[~really]] = -1  # a zero has lost its sign: it will not come back
            new = new[really]
        self.found_at[self.trainings[new]] = self.history.latest

    def _close_ranks(self) -> None:
        """Let those leave that repeat, if it saves a block; some stay to fill the last one."""
        repeating = np.flatnonzero(self.counts[0] > 0)
        leaving = repeating[: len(repeating) // LANES * LANES]
        if len(leaving):
            self.jumped[self.trainings[leaving]] = True
            self.leave(leaving)

    def leave(self, columns: Numbers) -> None:
        """Note what is known of trainings, and run them no further."""
        trace, trainings = self.trace, self.trainings[columns]
        trace.period[trainings], trace.last_unsolved[trainings], trace.first_death[trainings] = self.counts[:3, columns]
        self.final[:, trainings], trace.tail[:, trainings] = self.table[:, columns], self.tail[:, columns]
        if not self.condition.dead_stay_dead:
            trace.revived[trainings] = (self.marks[:, columns] & REVIVED > 0).sum(axis=0)
        stay = np.delete(np.arange(len(self.trainings)), columns)
        self.trainings = self.trainings[stay]
        self.table, self.counts = self.table.take(stay, axis=1), self.counts.take(stay, axis=1)
        self.tail, self.marks = self.tail.take(stay, axis=1), self.marks.take(stay, axis=1)

    def find_deaths(self) -> None:
        """The first epoch after the checkpoint with more units dead than at the start."""
        died = np.flatnonzero(self.died_at >= 0)
        if len(died):
            at, n_dead = self.died_at[died], self.n_dead_at_start[died]
            self.trace.first_death[died] = self.history.checkpoints[at] + first_time(
                self.history.at(at, died),
                self.history.span(at),
                lambda states, chosen: self.walk.n_dead(states) > n_dead[chosen],
                lambda states, step, chosen: self.walk(states, np.full(len(chosen), step)),
            )

    def finish_jumped(self) -> None:
        """What trainings that left on their cycles would have come to."""
        trainings = np.flatnonzero(self.jumped)
        if not len(trainings):
            return
        trace, epochs, found_at = self.trace, self.condition.epochs, self.found_at[trainings]
        period = trace.period[trainings]
        states = self.history.at(found_at, trainings)
        at_tail = self.walk(states, (self.tail_start - self.history.checkpoints[found_at]) % period)
        last_unsolved, tail = trace.last_unsolved[trainings], trace.tail[:, trainings]
        read_cycles(
            self.walk.losses(at_tail, period), period, self.walk.tolerance, epochs, self.part, last_unsolved, tail,
        )  # fmt: skip
        trace.last_unsolved[trainings], trace.tail[:, trainings] = last_unsolved, tail
        self.final[:, trainings] = self.walk(at_tail, (epochs - self.tail_start) % period)


NO_STEPS = np.empty((0, LANES), np.int64)
NO_TAIL = np.empty((0, 0, LANES))


def _blocks(array: NDArray[Any]) -> NDArray[Any]:
    """The last axis cut into blocks."""
    return array.reshape(*array.shape[:-1], array.shape[-1] // LANES, LANES)


class Walk:
    """The fast kernel for one condition, as `repeats.Advance`."""

    def __init__(self, condition: Condition) -> None:
        """Compiles nothing yet."""
        dtype = condition.numpy_dtype
        number = dtype.type
        self.tolerance = number(condition.success.tolerance)
        self.numbers = (
            condition.task.t(dtype),
            number(error_weight(condition.loss, condition.task.n_rows)),
            *arithmetic.steps(condition), number(condition.slope), self.tolerance, number(0), number(0.5),
        )  # fmt: skip
        self.no_losses = np.empty((0, 0, LANES), dtype)
        self.kernel = square_kernel(condition.activation == "leaky_relu", bool(condition.relu_at_zero))

    def __call__(self, table: Table, steps: Numbers) -> Table:
        """The states that many epochs later."""
        return self._run(table, steps, 0)[0]

    def losses(self, table: Table, steps: Numbers) -> Table:
        """The losses of that many epochs, shape (epochs, R); those of a column's further epochs are not defined."""
        return self._run(table, steps, int(steps.max()))[1]

    def n_dead(self, table: Table) -> Numbers:
        """Dead units of each state."""
        n_dead = np.zeros(-(-table.shape[1] // LANES) * LANES, np.int32)
        self._call(_padded(table), 0, 0, NO_STEPS, self.no_losses, n_dead)
        return n_dead[: table.shape[1]]

    def meet(self, behind: Table, ahead: Table, span: Numbers) -> Numbers:
        """Epochs after which the states of each pair are the same, at most `span`; 0 and −0 count as equal."""
        half = LANES // 2
        by_span = np.argsort(span, kind="stable")
        columns = np.zeros((len(behind), -(-len(span) // half), LANES), behind.dtype)
        for start, states in ((0, behind), (half, ahead)):
            columns[:, :, start : start + half] = _padded(states[:, by_span], half).reshape(len(behind), -1, half)
        met, ints = np.full(columns.shape[1:], -1, np.int32), np.zeros(columns.shape[1:], np.int32)
        marks = np.zeros((len(behind) // 4, *met.shape), np.int32)
        longest = int(span.max())
        self.kernel(
            columns, 0, longest + 1, NO_STEPS, *self.numbers, False, True, longest + 1, 1,
            met, ints, ints, ints, marks, NO_TAIL, self.no_losses,
        )  # fmt: skip
        epochs = np.empty(len(span), np.int32)
        epochs[by_span] = met[:, :half].ravel()[: len(span)]
        return epochs

    def _run(self, table: Table, steps: Numbers, n_losses: int) -> tuple[Table, Table]:
        n = table.shape[1]
        shortest, longest = (int(steps.min()), int(steps.max())) if n else (0, 0)
        by_length = None if shortest >= longest else np.argsort(steps, kind="stable")  # a block takes about as long
        columns = _padded(table if by_length is None else table[:, by_length])
        lengths = NO_STEPS if by_length is None else _blocks(_padded(steps[by_length].astype(np.int64)))
        losses = np.empty((n_losses, *columns.shape[1:]), table.dtype)
        self._call(columns, 0, longest, lengths, _blocks(losses), np.zeros(columns.shape[1], np.int32))
        if by_length is None:
            return columns[:, :n], losses[:, :n]
        back = np.empty(n, np.intp)
        back[by_length] = np.arange(n)
        return columns[:, back], losses[:, back]

    def _call(
        self, table: Table, first: int, last: int, lengths: Numbers, losses: Table, n_dead: NDArray[np.int32]
    ) -> None:
        ints, marks = _blocks(np.zeros_like(n_dead)), np.zeros((len(table) // 4, len(n_dead)), np.int32)
        self.kernel(
            _blocks(table), first, last, lengths, *self.numbers, False, False, last, 1,
            ints, ints, ints, _blocks(n_dead), _blocks(marks), NO_TAIL, losses,
        )  # fmt: skip


def _padded(array: NDArray[Any], multiple: int = LANES) -> NDArray[Any]:
    """A copy with zeros at the end of its last axis, up to a multiple of `multiple`."""
    n = array.shape[-1]
    padded = np.zeros((*array.shape[:-1], -(-n // multiple) * multiple), array.dtype)
    padded[..., :n] = array
    return padded


def _alive(condition: Condition, table: Table) -> NDArray[np.bool_]:
    """Whether each unit of each column is alive, shape (H, R)."""
    with np.errstate(all="ignore"):
        return arithmetic.any_active(condition, arithmetic.preactivations(condition, to_weights(table, 2)))
