"""The numpy engine: a batch of trainings along the last axis of every array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice

import numpy as np

from nnxor.arithmetic.epoch import Row, trained_rows
from nnxor.arithmetic.networks import Look, Networks, any_active
from nnxor.arrays import Wholes
from nnxor.condition import Condition
from nnxor.engines import Trace, Trained, cycles, joined
from nnxor.engines.cycles import History, Table, first_state, to_table, to_weights
from nnxor.engines.recycling import is_due, recycled
from nnxor.network.draws import PARAMETERS, Weights
from nnxor.network.minibatches import order_of, seeds_of, steps_of, streams
from nnxor.protocol import TAIL_PARTS, tail_part

See = Callable[[int, Look], None]  # is shown an epoch and what some networks do, before each update and at the end


def train(condition: Condition, start: Weights, seeds: Wholes | range | None = None, see: See | None = None) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches and redraw its units. Every epoch is run."""
    state, seeds = first_state(condition, start), seeds_of(condition, seeds, start.n_networks)
    with np.errstate(all="ignore"):
        parts = cycles.at_once(condition, start.n_networks)
        return joined([run(Training(condition, state[:, part], seeds[part]), see=see) for part in parts])


def run(training: Training, repeats: bool = True, see: See | None = None) -> Trained:
    """Run all epochs of a training, and look for repeats if that is asked for and there can be any."""
    condition = training.condition
    watch = _Watch(training, repeats and condition.repeats)
    for epoch in range(condition.epochs):
        if training.begin(epoch):
            watch.at_end(epoch - 1, training.look)
        watch.at_start(epoch, training)
        if see:
            see(epoch, training.look)
        training.epoch(epoch)
        watch.at_end(epoch, training.look)
    if see:
        see(condition.epochs, training.look)
    if watch.history:
        settled, period = cycles.settled(watch.history, watch.returned, partial(advance, condition))
        watch.trace.settled_epoch[:], watch.trace.period[:] = settled, period
    return Trained(training.weights, watch.trace)


class _Watch:
    """Notes what happens during a training, and whether it repeats, if that is asked for."""

    def __init__(self, training: Training, repeats: bool) -> None:
        self.condition, self.trace = training.condition, Trace.empty(len(training.look.loss))
        self.part = tail_part(self.condition.epochs)
        self.tail_start = self.condition.epochs - TAIL_PARTS * self.part
        self.alive = any_active(self.condition, training.look.z)
        self.was_dead, self.revived = ~self.alive, np.zeros_like(self.alive)
        self.kept = training.table() if repeats else np.empty((0, 0))  # the states at the last checkpoint
        self.history = History(cycles.schedule(self.condition), self.kept) if repeats else None
        self.returned = np.full_like(self.trace.period, -1)

    def at_start(self, epoch: int, training: Training) -> None:
        """Note the loss of an epoch, whether it is solved, and which trainings are back in the checkpoint's state."""
        self.trace.last_unsolved[~training.look.solved] = epoch
        if epoch >= self.tail_start:
            self.trace.tail[(epoch - self.tail_start) // self.part] += training.look.loss
        if not self.history:
            return
        state, checkpoints, latest = training.table(), self.history.checkpoints, self.history.latest
        if epoch == checkpoints[latest + 1]:
            self.kept = state
            self.history.keep(state, np.arange(len(self.returned)))
        elif epoch < checkpoints[latest] + cycles.watched(int(checkpoints[latest])):
            maybe = np.flatnonzero((self.returned < 0) & (state[-1] == self.kept[-1]))
            self.returned[maybe[cycles.same(state[:, maybe], self.kept[:, maybe])]] = epoch

    def at_end(self, epoch: int, look: Look) -> None:
        """Note which units have died and which have come back."""
        before, self.alive = self.alive, any_active(self.condition, look.z)
        if np.array_equal(alive := self.alive, before):
            return  # as nearly always
        died = ~(alive | self.was_dead).all(axis=0)
        self.trace.first_death[died & (self.trace.first_death < 0)] = epoch + 1
        self.revived |= alive & self.was_dead
        self.was_dead |= ~alive
        self.trace.revived[:] = self.revived.sum(axis=0)


class Training:
    """Networks in training, with their optimizer's memory; `look` is what they do at the present weights."""

    def __init__(self, condition: Condition, table: Table, seeds: Wholes, networks: Networks | None = None) -> None:
        """From a table of all parameters, and what is remembered of them below."""
        self.condition, self._seeds, self._stream = condition, seeds, streams(seeds)
        self._networks = networks or Networks(condition, trained_rows(condition))
        self._rules = self._networks.rules
        self._powers = [1.0 for _ in self._rules.optimizer.powers]
        self._put(table)

    def begin(self, epoch: int) -> bool:
        """Redraw the dead units, if that is due at the start of this epoch."""
        if due := is_due(self.condition, epoch):
            self._put(recycled(self.condition, self.table(), self._seeds, epoch))
        return due

    def _put(self, table: Table) -> None:
        parts = np.split(table, 1 + self._rules.optimizer.memory)
        self.weights, *self._memories = (to_weights(self.condition, part) for part in parts)
        self.look = self._networks.look(self.weights)

    def table(self) -> Table:
        """All parameters and what is remembered of them, a column each."""
        return np.concatenate([to_table(weights) for weights in (self.weights, *self._memories)])

    def epoch(self, epoch: int) -> None:
        """Train for one epoch."""
        if self.condition.batch_size is None:
            self.step(self.look.gradient)
        else:
            for rows in self._batches(epoch):
                self.step(self._networks.look(self.weights, rows).gradient)
        self.look = self._networks.look(self.weights)

    def _batches(self, epoch: int) -> Iterator[list[Row]]:
        """The rows of each step: of a mini-batch every network's own, in the order in which they were drawn."""
        condition, dtype = self.condition, self.condition.numpy_dtype
        examples, order = condition.task.examples, order_of(condition, self._stream, epoch)
        drawn = zip(examples.x(dtype)[order], examples.t(dtype)[order], strict=True)
        for size in steps_of(examples.n_rows, condition.batch_size):
            weight = dtype.type(self._rules.loss.weight(size))
            yield [Row(tuple(inputs.T), targets, weight) for inputs, targets in islice(drawn, size)]

    def step(self, gradient: Weights) -> None:
        """One step of the optimizer."""
        rules, condition, frozen = self._rules, self.condition, self.condition.frozen
        betas = [getattr(condition, name) for name in rules.optimizer.powers]
        self._powers = [power * beta for power, beta in zip(self._powers, betas, strict=True)]
        left = tuple(condition.numpy_dtype.type(1.0 - power) for power in self._powers)
        moved = [
            [p, *memory] if name in frozen else rules.step(p, g, tuple(memory), left)
            for name, g, p, *memory in zip(PARAMETERS, gradient, self.weights, *self._memories, strict=True)
        ]
        self.weights, *self._memories = (Weights(*parts) for parts in zip(*moved, strict=True))


def advance(condition: Condition, table: Table, steps: Wholes) -> Table:
    """The states that many epochs later, under full-batch training by an optimizer that needs no clock."""
    table, done = table.copy(), 0
    with np.errstate(all="ignore"):
        for stop in np.unique(steps[steps > 0]).tolist():
            running = np.flatnonzero(steps >= stop)
            training = Training(condition, table[:, running], np.empty(0, int))
            for epoch in range(done, stop):
                training.epoch(epoch)
            table[:, running], done = training.table(), stop
    return table
