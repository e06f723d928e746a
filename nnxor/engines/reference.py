"""The reference engine: the article's loop over the readable layers, one training at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition, Success
from nnxor.draws import Weights
from nnxor.engines.repeats import Search
from nnxor.engines.trace import Trace, Trained
from nnxor.layers import Affine, Layer, LeakyReLU, ReLU
from nnxor.losses import LOSSES
from nnxor.protocol import TAIL_PARTS, tail_part

Array = NDArray[np.floating]
Watch = Callable[[int, float, Array, NDArray[np.bool_]], None]


def network(condition: Condition, start: Weights) -> list[Layer]:
    """`[Affine, ReLU, Affine]` with the weights of the one network in `start`."""
    W1, b1, W2, b2 = start.astype(condition.numpy_dtype).arrays()
    activation: Layer = ReLU(condition.relu_at_zero)
    if condition.activation == "leaky_relu":
        activation = LeakyReLU(condition.slope, condition.relu_at_zero)
    return [
        Affine(W1[:, :, 0], b1[:, 0] if condition.bias else None),
        activation,
        Affine(W2, b2 if condition.bias else None),
    ]


def forward(layers: list[Layer], x: Array) -> Array:
    """Predictions, shape (N, 1)."""
    for layer in layers:
        x = layer.forward(x)
    return x


def train_epochs(layers: list[Layer], condition: Condition) -> Iterator[tuple[int, float, Array]]:
    """The article's loop: yields each epoch with its loss and predictions, before its update."""
    X = condition.task.x(condition.numpy_dtype)
    T = condition.task.t(condition.numpy_dtype)[:, None]
    loss_layer = LOSSES[condition.loss]()
    learning_rate = condition.numpy_dtype.type(condition.lr)
    for epoch in range(condition.epochs):
        y_pred = forward(layers, X)
        loss = loss_layer.forward(y_pred, T)
        yield epoch, loss, y_pred
        dout = loss_layer.backward()
        for layer in reversed(layers):
            dout = layer.backward(dout)
        for layer in layers:
            if isinstance(layer, Affine):
                layer.W -= learning_rate * layer.dW
                if layer.b is not None:
                    layer.b -= learning_rate * layer.db


def final_weights(layers: list[Layer]) -> Weights:
    """The weights of the network as a batch of one."""
    first, last = layers[0], layers[-1]
    assert isinstance(first, Affine) and isinstance(last, Affine)
    b1 = np.zeros_like(first.W[0]) if first.b is None else first.b
    b2 = np.zeros_like(last.W[0]) if last.b is None else last.b
    return Weights(first.W[:, :, None], b1[:, None], last.W, b2)


def alive(layers: list[Layer], X: Array) -> NDArray[np.bool_]:
    """Whether each hidden unit is active on some row, shape (H,)."""
    return np.asarray((layers[0].forward(X) > 0).any(axis=0))


def train_one(condition: Condition, success: Success, start: Weights, watch: Watch | None = None) -> Trained:
    """Train the one network in `start`; `watch(epoch, loss, predictions, alive)` sees every epoch before its update.

    Its repeats are those of its own arithmetic, whose bits may differ from the fast engines'.
    """
    layers = network(condition, start)
    trace, search = Trace.empty(1), Search(1)
    part = tail_part(condition.epochs)
    tail_start = condition.epochs - TAIL_PARTS * part
    X = condition.task.x(condition.numpy_dtype)
    alive_at_start = alive(layers, X)
    for epoch, loss, y_pred in train_epochs(layers, condition):
        search.look(epoch, final_weights(layers))
        now_alive = alive(layers, X)
        if watch:
            watch(epoch, loss, y_pred, now_alive)
        if not loss <= success.tolerance:
            trace.last_unsolved[0] = epoch
        if epoch >= tail_start:
            trace.tail[(epoch - tail_start) // part, 0] += loss
        if trace.first_death[0] < 0 and (alive_at_start & ~now_alive).any():
            trace.first_death[0] = epoch
    if trace.first_death[0] < 0 and (alive_at_start & ~alive(layers, X)).any():
        trace.first_death[0] = condition.epochs
    trace.settled_epoch[:] = search.settled_epoch(start, lambda weights: advance(condition, weights))
    trace.period[:] = search.period
    return Trained(final_weights(layers), trace)


def advance(condition: Condition, weights: Weights) -> Weights:
    """The weights of one network, or of none, an epoch later."""
    if weights.n_networks == 0:
        return weights
    layers = network(condition, weights)
    for _ in train_epochs(layers, condition.with_(epochs=1)):
        pass
    return final_weights(layers)


def train(condition: Condition, success: Success, start: Weights) -> Trained:
    """Train every network of `start`, one after the other."""
    with np.errstate(all="ignore"):
        done = [train_one(condition, success, start.take(slice(r, r + 1))) for r in range(start.n_networks)]
    weights = Weights(
        *(np.concatenate(arrays, axis=-1) for arrays in zip(*(d.weights.arrays() for d in done), strict=True))
    )
    return Trained(
        weights,
        Trace(
            np.concatenate([d.trace.last_unsolved for d in done]),
            np.concatenate([d.trace.first_death for d in done]),
            np.concatenate([d.trace.tail for d in done], axis=1),
            np.concatenate([d.trace.settled_epoch for d in done]),
            np.concatenate([d.trace.period for d in done]),
        ),
    )
