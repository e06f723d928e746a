"""The reference engine: the readable layers, one training at a time, and the article's loop.

Everything around the layers is that of the numpy engine. It looks for no repeats: those of its own order of operations
would not be the fast engines'.
"""

from collections.abc import Iterator
from itertools import accumulate

import numpy as np

from nnxor.arithmetic.epoch import Row, trained_rows
from nnxor.arithmetic.networks import Look, Networks
from nnxor.arrays import Floats, Wholes
from nnxor.condition import Condition
from nnxor.engines import Trained, joined
from nnxor.engines.cycles import first_state
from nnxor.engines.engine_numpy import Training, run
from nnxor.network.activations import OUTPUTS
from nnxor.network.draws import Weights
from nnxor.network.layers import Affine, Elementwise, Layer, RowLoss
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import seeds_of


def network(condition: Condition, start: Weights) -> list[Layer]:
    """`[Affine, activation, Affine, output]` with the weights of the one network in `start`."""
    W1, b1, W2, b2 = start.astype(condition.numpy_dtype)
    return [
        Affine(W1[:, :, 0], b1[:, 0] if condition.bias else None),
        Elementwise(*condition.units.readable(condition)),
        Affine(W2, b2 if condition.bias else None),
        Elementwise(*OUTPUTS[condition.output].readable(condition)),
    ]


def forward(layers: list[Layer], x: Floats) -> Floats:
    """Predictions, shape (N, 1)."""
    for layer in layers:
        x = layer.forward(x)
    return x


def loss_and_backward(
    layers: list[Layer], condition: Condition, X: Floats, T: Floats, times: Wholes | None
) -> tuple[float, list[Floats]]:
    """The loss of some rows, and what each layer makes of them; leaves the gradients in the layers."""
    _, *outputs = accumulate(layers, lambda x, layer: layer.forward(x), initial=X)
    entry = LOSSES[condition.loss]
    loss_layer = RowLoss(*entry.readable, times)
    n = len(layers) - entry.logits  # the gradient for logits enters below the output
    loss, dout = loss_layer.forward(outputs[n - 1], T), loss_layer.backward()
    for layer in reversed(layers[:n]):
        dout = layer.backward(dout)
    return loss, outputs


def train_epochs(layers: list[Layer], condition: Condition) -> Iterator[tuple[int, float, Floats]]:
    """The article's loop, gradient descent over all rows: each epoch, its loss and predictions before its update."""
    dtype = condition.numpy_dtype
    X, T = condition.task.x(dtype), condition.task.t(dtype)[:, None]
    for epoch in range(condition.epochs):
        loss, outputs = loss_and_backward(layers, condition, X, T, condition.task.times)
        yield epoch, loss, outputs[-1]
        for layer in layers:
            if isinstance(layer, Affine):
                layer.W -= dtype.type(condition.lr) * layer.dW
                if layer.b is not None:
                    layer.b -= dtype.type(condition.lr) * layer.db


class Readable(Networks):
    """What one network does, by the readable layers."""

    def look(self, weights: Weights, rows: list[Row] | None = None) -> Look:
        """What the network does on the rows of the task, or on those of a mini-batch."""
        dtype, given, layers = self.condition.numpy_dtype, rows or self.rows, network(self.condition, weights)
        X = np.array([row.inputs for row in given], dtype).reshape(len(given), -1)
        T = np.array([row.target for row in given], dtype).reshape(-1, 1)
        times = trained_rows(self.condition).times if rows is None else None
        loss, outputs = loss_and_backward(layers, self.condition, X, T, times)
        first, last = (layer for layer in layers if isinstance(layer, Affine))
        gradient = Weights(first.dW[:, :, None], first.db[:, None], last.dW, last.db)
        z, _, scores, y = outputs
        fine = [self.rules.fine(*row) for row in zip(scores, y, T, strict=True)]
        losses = np.array([loss], dtype)
        return Look([*z[:, :, None]], [*y], losses, self.rules.solved(losses, fine), gradient)


def train(condition: Condition, start: Weights, seeds: Wholes | range | None = None) -> Trained:
    """Train every network of `start`, one after the other; `seeds` shuffle its mini-batches, if there are any."""
    state, seeds = first_state(condition, start), seeds_of(condition, seeds, start.n_networks)
    each, readable = range(start.n_networks), Readable(condition, trained_rows(condition))
    with np.errstate(all="ignore"):
        trainings = (Training(condition, state[:, [r]], seeds[r : r + 1], readable) for r in each)
        return joined([run(training, repeats=False) for training in trainings])
