"""The numpy engine: a batch of trainings along the last axis of every array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic import arrays as arithmetic
from nnxor.condition import Condition
from nnxor.engines.cycles import Numbers, Search, Table, at_once, looked_for, to_table, to_weights
from nnxor.engines.trace import Trace, Trained
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import batch_of, steps_of, streams
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.protocol import TAIL_PARTS, tail_part

Array = NDArray[np.floating]


def train(condition: Condition, start: Weights, seeds: NDArray[np.integer] | range | None = None) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches, if there are any. Every epoch is run."""
    if not looked_for(condition):
        return _train(condition, start, seeds)
    parts = [_train(condition, start.take(part), None) for part in at_once(condition, start.n_networks, 64)]
    if len(parts) == 1:
        return parts[0]
    weights, traces = (
        [np.concatenate(arrays, axis=-1) for arrays in zip(*kind, strict=True)]
        for kind in ([part.weights.arrays() for part in parts], [part.trace.arrays() for part in parts])
    )
    return Trained(Weights(*weights), Trace(*traces))


def _train(condition: Condition, start: Weights, seeds: NDArray[np.integer] | range | None) -> Trained:
    stream = streams(condition, seeds, start.n_networks)
    if condition.batch_size is not None:
        condition = replace(condition, task=condition.task.examples)
    weights = start.astype(condition.numpy_dtype)
    trace = Trace.empty(weights.n_networks)
    search = Search(weights, condition.epochs) if looked_for(condition) else None
    lr, lr_bias = arithmetic.steps(condition)
    move = Moves(condition)
    part = tail_part(condition.epochs)
    tail_start = condition.epochs - TAIL_PARTS * part
    batches = steps_of(condition.task.n_examples, condition.batch_size)
    with np.errstate(all="ignore"):
        z = arithmetic.preactivations(condition, weights)
        alive_at_start = arithmetic.any_active(condition, z)
        was_dead, revived = ~alive_at_start, np.zeros_like(alive_at_start)
        for epoch in range(condition.epochs):
            if search:
                search.look(epoch, weights)
            for step in range(len(batches)):
                a = arithmetic.activations(condition, z)
                s = arithmetic.scores(weights, a)
                y = arithmetic.predictions(condition, s)
                error, weighted = arithmetic.errors(condition, y)
                if step == 0:
                    loss = arithmetic.loss(condition, s, y)
                    trace.last_unsolved[~arithmetic.solved(condition, s, error, loss)] = epoch
                    if epoch >= tail_start:
                        trace.tail[(epoch - tail_start) // part] += loss
                if condition.batch_size is not None:
                    if step == 0:
                        drawn = batch_of(stream, epoch, condition.task.n_examples, condition.batch_size)
                    weighted = _of_batch(condition, error, drawn == step, batches[step])
                of_score = [arithmetic.through_output(condition, *row) for row in zip(s, y, weighted, strict=True)]
                gradient = arithmetic.gradients(condition, weights, z, a, of_score)
                move.step(weights.arrays(), gradient.arrays(), (lr, lr_bias, lr, lr_bias))
                z = arithmetic.preactivations(condition, weights)
            alive = arithmetic.any_active(condition, z)
            died = (alive_at_start & ~alive).any(axis=0)
            trace.first_death[died & (trace.first_death < 0)] = epoch + 1
            revived |= alive & was_dead
            was_dead |= ~alive
    trace.revived[:] = revived.sum(axis=0)
    if search:
        trace.period[:] = search.period
        trace.settled_epoch[:] = search.settled_epochs(lambda table, steps: advance(condition, table, steps))
    return Trained(weights, trace)


class Moves:
    """An optimizer at work on a list of parameters, which it changes in place."""

    def __init__(self, condition: Condition) -> None:
        self._entry, self._number = OPTIMIZERS[condition.optimizer], condition.numpy_dtype.type
        self._k, self._lr = self._entry.k(condition, self._number), condition.lr
        self._betas = [getattr(condition, name) for name in self._entry.powers]
        self._powers = [1.0 for _ in self._betas]
        self._memory: list[tuple[Array, ...]] = []

    def step(self, parameters: Sequence[Array], gradients: Sequence[Array], rates: Sequence[np.floating]) -> None:
        """Move each parameter by its gradient, at its learning rate."""
        self._memory = self._memory or [
            tuple(np.full_like(p, value) for value in self._entry.start(self._lr)) for p in parameters
        ]
        self._powers = [power * beta for power, beta in zip(self._powers, self._betas, strict=True)]
        left = tuple(self._number(1 - power) for power in self._powers)
        for i, (p, g, rate) in enumerate(zip(parameters, gradients, rates, strict=True)):
            p[...], self._memory[i] = self._entry.step(p, g, self._memory[i], rate, self._k, left)


def _of_batch(condition: Condition, error: list[Array], members: NDArray[np.bool_], size: int) -> list[Array]:
    """Weighted errors of a mini-batch: those of other rows are 0."""
    number = condition.numpy_dtype.type
    c = number(LOSSES[condition.loss].weight(size))
    return [np.where(inside, c * row, number(0)) for row, inside in zip(error, members, strict=True)]


def advance(condition: Condition, table: Table, steps: Numbers) -> Table:
    """The states (columns of all parameters) that many epochs of plain gradient descent later."""
    table = table.copy()
    lr, lr_bias = arithmetic.steps(condition)
    with np.errstate(all="ignore"):
        for epoch in range(int(np.max(steps, initial=0))):
            running = np.flatnonzero(steps > epoch)
            weights = to_weights(table[:, running], condition.task.n_inputs)
            z = arithmetic.preactivations(condition, weights)
            a = arithmetic.activations(condition, z)
            _, weighted = arithmetic.errors(condition, arithmetic.scores(weights, a))
            gradient = arithmetic.gradients(condition, weights, z, a, weighted)
            Moves(condition).step(weights.arrays(), gradient.arrays(), (lr, lr_bias, lr, lr_bias))
            table[:, running] = to_table(weights)
    return table
