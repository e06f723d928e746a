"""The reference engine: the article's loop over the readable layers, one training at a time.

It looks for no repeats: those of its own order of operations would not be the fast engines'.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.epoch import Rules
from nnxor.condition import Condition
from nnxor.engines.batched import Moves
from nnxor.engines.cycles import memories, to_table, to_weights
from nnxor.engines.recycling import is_due, recycled
from nnxor.engines.trace import Trace, Trained
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.draws import Weights
from nnxor.network.layers import Affine, Layer
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import order_of, seeds_of, steps_of, streams
from nnxor.protocol import TAIL_PARTS, tail_part

Array = NDArray[np.floating]


def network(condition: Condition, start: Weights) -> list[Layer]:
    """`[Affine, activation, Affine, output]` with the weights of the one network in `start`."""
    W1, b1, W2, b2 = start.astype(condition.numpy_dtype).arrays()
    return [
        Affine(W1[:, :, 0], b1[:, 0] if condition.bias else None),
        ACTIVATIONS[condition.activation].layer(condition),
        Affine(W2, b2 if condition.bias else None),
        OUTPUTS[condition.output].layer(condition),
    ]


def forward(layers: list[Layer], x: Array) -> Array:
    """Predictions, shape (N, 1)."""
    for layer in layers:
        x = layer.forward(x)
    return x


def loss_and_backward(
    layers: list[Layer], condition: Condition, X: Array, T: Array, times: NDArray[np.int64]
) -> tuple[float, Array]:
    """Loss and predictions of some rows; leaves the gradients in the layers.

    Cross-entropy takes the logits, so its gradient enters below the output layer.
    """
    y_pred = forward(layers, X)
    entry = LOSSES[condition.loss]
    loss_layer = entry.layer(times)
    below = 1 if entry.logits else 0
    loss = loss_layer.forward(forward(layers[:-1], X) if below else y_pred, T)
    dout = loss_layer.backward()
    for layer in reversed(layers[: len(layers) - below]):
        dout = layer.backward(dout)
    return loss, y_pred


def train_epochs(
    layers: list[Layer], condition: Condition, seed: int | None = None, redraws: Callable[[int], object] | None = None
) -> Iterator[tuple[int, float, Array]]:
    """The article's loop: yields each epoch with its loss and predictions, before its update.

    `redraws(epoch)` is called before dead units are redrawn, where the condition wants that.
    With mini-batches an epoch is several steps: one for each batch, of the examples that `seed`
    shuffles into it.
    """
    X = condition.task.x(condition.numpy_dtype)
    T = condition.task.t(condition.numpy_dtype)[:, None]
    times = condition.task.times
    moves = Moves(condition, memories(condition, parameters(layers)))
    for epoch in range(condition.epochs):
        if is_due(condition, epoch):
            if redraws:
                redraws(epoch)
            redraw(layers, condition, moves, seed, epoch)
        loss, y_pred = loss_and_backward(layers, condition, X, T, times)
        yield epoch, loss, y_pred
        if condition.batch_size is None:
            update(layers, moves)
            continue
        for rows in mini_batches(condition, seed, epoch):
            examples = condition.task.examples
            X_batch = examples.x(condition.numpy_dtype)[rows]
            T_batch = examples.t(condition.numpy_dtype)[rows, None]
            loss_and_backward(layers, condition, X_batch, T_batch, np.ones(len(rows), np.int64))
            update(layers, moves)


def update(layers: list[Layer], moves: Moves) -> None:
    """One step of the optimizer, on the gradients that the layers hold."""
    put(moves.step(parameters(layers), parameters(layers, gradients=True)), layers)


def redraw(layers: list[Layer], condition: Condition, moves: Moves, seed: int | None, epoch: int) -> None:
    """Dead units start afresh, at the start of an epoch."""
    tables = [to_table(weights) for weights in (parameters(layers), *moves.memories)]
    state = recycled(condition, np.concatenate(tables), seeds_of(condition, None if seed is None else [seed], 1), epoch)
    weights, *moves.memories = (to_weights(part, condition.task.n_inputs) for part in np.split(state, len(tables)))
    put(weights, layers)


def put(weights: Weights, layers: list[Layer]) -> None:
    """Give the layers these weights, a batch of one."""
    first, last = affine_layers(layers)
    first.W, last.W = weights.W1[:, :, 0], weights.W2
    if first.b is not None and last.b is not None:
        first.b, last.b = weights.b1[:, 0], weights.b2


def affine_layers(layers: list[Layer]) -> tuple[Affine, Affine]:
    """The two layers that have parameters."""
    first, last = (layer for layer in layers if isinstance(layer, Affine))
    return first, last


def parameters(layers: list[Layer], gradients: bool = False) -> Weights:
    """The weights of the network as a batch of one, or their gradients; biases that it does not have are 0."""
    (W1, b1), (W2, b2) = (
        (layer.dW, layer.db) if gradients else (layer.W, np.zeros_like(layer.W[0]) if layer.b is None else layer.b)
        for layer in affine_layers(layers)
    )
    return Weights(W1[:, :, None], b1[:, None], W2, b2)


def mini_batches(condition: Condition, seed: int | None, epoch: int) -> list[NDArray[np.intp]]:
    """The examples of each step of an epoch, in the order in which it sees them."""
    sizes = steps_of(condition.task.n_examples, condition.batch_size)
    order = order_of(condition, streams(seeds_of(condition, None if seed is None else [seed], 1)), epoch)
    return np.split(order[:, 0], np.cumsum(sizes)[:-1])


def alive(condition: Condition, layers: list[Layer], X: Array) -> NDArray[np.bool_]:
    """Whether each hidden unit is active on some row, shape (H,). Smooth units always are."""
    z = layers[0].forward(X)
    if condition.smooth:
        return np.ones(z.shape[1], np.bool_)
    return np.asarray((z > 0).any(axis=0))


def is_solved(layers: list[Layer], condition: Condition, X: Array, loss: float) -> bool:
    """Whether the success rule holds at these weights, whose loss is given."""
    if condition.success.rule == "loss":
        return bool(condition.numpy_dtype.type(loss) <= condition.numpy_dtype.type(condition.success.tolerance))
    scores = forward(layers[:-1], X)
    rows = zip(scores, forward(layers[-1:], scores), condition.task.t(condition.numpy_dtype), strict=True)
    return all(bool(Rules(condition).fine(*row).all()) for row in rows)


def train_one(condition: Condition, start: Weights, seed: int | None = None) -> Trained:
    """Train the one network in `start`."""
    layers = network(condition, start)
    trace = Trace.empty(1)
    part = tail_part(condition.epochs)
    tail_start = condition.epochs - TAIL_PARTS * part
    X = condition.task.x(condition.numpy_dtype)
    alive_at_start = alive(condition, layers, X)
    was_dead, revived = ~alive_at_start, np.zeros_like(alive_at_start)

    def look(epoch: int) -> None:
        now_alive = alive(condition, layers, X)
        if trace.first_death[0] < 0 and (alive_at_start & ~now_alive).any():
            trace.first_death[0] = epoch
        revived[now_alive & was_dead] = True
        was_dead[~now_alive] = True

    for epoch, loss, _ in train_epochs(layers, condition, seed, look):
        look(epoch)
        if not is_solved(layers, condition, X, loss):
            trace.last_unsolved[0] = epoch
        if epoch >= tail_start:
            trace.tail[(epoch - tail_start) // part, 0] += loss
    look(condition.epochs)
    trace.revived[0] = revived.sum()
    return Trained(parameters(layers), trace)


def train(condition: Condition, start: Weights, seeds: NDArray[np.integer] | range | None = None) -> Trained:
    """Train every network of `start`, one after the other; `seeds` shuffle its mini-batches, if there are any."""
    seeds_of(condition, seeds, start.n_networks)  # refuses missing seeds before any work
    with np.errstate(all="ignore"):
        done = [
            train_one(condition, start.take(slice(r, r + 1)), None if seeds is None else int(seeds[r]))
            for r in range(start.n_networks)
        ]
    weights, traces = (
        [np.concatenate(arrays, axis=-1) for arrays in zip(*kind, strict=True)]
        for kind in ([d.weights.arrays() for d in done], [d.trace.arrays() for d in done])
    )
    return Trained(Weights(*weights), Trace(*traces))
