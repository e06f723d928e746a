"""What people use instead: the article's loop in NumPy and PyTorch, and many trainings at once in JAX.

Each function trains XOR networks with ReLU under plain gradient descent on half the sum of squared
errors and returns the final loss of each, so that a benchmark can check that all did the work.
"""

from typing import Any

import numpy as np

from nnxor.condition import Condition
from nnxor.engines.reference import network, train_epochs
from nnxor.network.draws import Weights


def article_numpy(condition: Condition, start: Weights) -> list[float]:
    """The article's loop over the readable layers, one training."""
    losses = [loss for _, loss, _ in train_epochs(network(condition, start), condition)]
    return losses[-1:]


def article_pytorch(condition: Condition, start: Weights) -> list[float]:
    """The article's loop, its hand-written gradients included, on PyTorch tensors and one thread; one training."""
    import torch

    torch.set_num_threads(1)
    W1, b1, W2 = (torch.from_numpy(array[..., 0].copy()) for array in start.arrays()[:3])
    W2, b2 = W2[:, None], torch.from_numpy(start.b2.copy())
    X = torch.from_numpy(condition.task.x(np.dtype(np.float32)))
    T = torch.from_numpy(condition.task.t(np.dtype(np.float32)))[:, None]
    loss = torch.tensor(0.0)
    with torch.no_grad():
        for _ in range(condition.epochs):
            z = X @ W1 + b1
            a = torch.relu(z)
            y = a @ W2 + b2
            dout = y - T
            loss = 0.5 * (dout**2).sum()
            dW2, db2 = a.T @ dout, dout.sum(0)
            dout = (dout @ W2.T) * (z > 0)
            dW1, db1 = X.T @ dout, dout.sum(0)
            W1 -= condition.lr * dW1
            b1 -= condition.lr * db1
            W2 -= condition.lr * dW2
            b2 -= condition.lr * db2
    return [float(loss)]


def vmapped_jax(condition: Condition, start: Weights) -> list[float]:
    """All trainings at once in JAX: scan over epochs, vmap over trainings, jit over both, on all cores."""
    train = _compiled_jax(condition.hidden, condition.epochs, condition.lr)
    return [float(value) for value in np.asarray(train(*(np.moveaxis(array, -1, 0) for array in start.arrays())))]


def _compiled_jax(hidden: int, epochs: int, lr: float) -> Any:
    key = (hidden, epochs, lr)
    if key not in _JAX:
        _JAX[key] = _compile_jax(epochs, lr)
    return _JAX[key]


_JAX: dict[tuple[int, int, float], Any] = {}


def _compile_jax(epochs: int, lr: float) -> Any:
    import jax
    import jax.numpy as jnp

    x = jnp.array([[0, 0], [0, 1], [1, 0], [1, 1]], jnp.float32)
    t = jnp.array([0, 1, 1, 0], jnp.float32)

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        # Broadcasting beats a matrix product for so small a matrix; relu and not maximum, whose gradient at 0 is 1/2.
        z = x[:, :1] * W1[0] + x[:, 1:] * W1[1] + b1
        return 0.5 * jnp.sum((jnp.sum(jax.nn.relu(z) * W2, axis=1) + b2 - t) ** 2)

    def step(parameters: Any, _: Any) -> Any:
        value, gradient = jax.value_and_grad(loss)(parameters)
        return tuple(p - lr * g for p, g in zip(parameters, gradient, strict=True)), value

    def one(*parameters: Any) -> Any:
        final, _ = jax.lax.scan(lambda p, _: (step(p, None)[0], None), parameters, None, length=epochs)
        return loss(final)

    return jax.jit(jax.vmap(one))
