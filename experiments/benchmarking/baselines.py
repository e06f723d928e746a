"""What people use instead: the article's loop in NumPy and PyTorch, and many trainings at once in JAX.

Each function trains and returns the final loss of each network, so that a benchmark can check that all did the work.
The article's loops train XOR networks with ReLU under plain gradient descent on half the sum of squared errors.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from nnxor.condition import Condition
from nnxor.engines.engine_reference import network, train_epochs
from nnxor.network.draws import Weights


def article_numpy(condition: Condition, start: Weights) -> list[float]:
    """The article's loop over the readable layers, one training."""
    return [loss for _, loss, _ in train_epochs(network(condition, start), condition)][-1:]


def article_pytorch(condition: Condition, start: Weights) -> list[float]:
    """The article's loop, its hand-written gradients included, on PyTorch tensors and one thread; one training."""
    import torch

    torch.set_num_threads(1)
    W1, b1, W2 = (torch.from_numpy(array[..., 0].copy()) for array in start[:3])
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


def autograd_pytorch(condition: Condition, start: Weights) -> list[float]:
    """One training as people write it in PyTorch, on one thread: its functions, gradients and optimizers."""
    import torch

    torch.set_num_threads(1)
    W1, b1, W2, b2 = (torch.tensor(array[..., 0], requires_grad=True) for array in start)
    x, t = (torch.tensor(array) for array in (condition.task.x(np.dtype("f4")), condition.task.t(np.dtype("f4"))))
    activation: Callable[..., Any] = {
        "relu": torch.relu,
        "leaky_relu": lambda z: torch.nn.functional.leaky_relu(z, condition.slope),
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
    }[condition.activation]
    of_scores: Callable[..., Any] = {
        "half_sse": lambda s, t: 0.5 * torch.sum((s - t) ** 2),
        "mse": torch.nn.functional.mse_loss,
        "bce": torch.nn.functional.binary_cross_entropy_with_logits,
    }[condition.loss]
    parameters, lr = (W1, b1, W2, b2), condition.lr
    optimizer = {
        "gd": lambda: torch.optim.SGD(parameters, lr),
        "momentum": lambda: torch.optim.SGD(parameters, lr, condition.momentum),
        "adam": lambda: torch.optim.Adam(parameters, lr, (condition.beta1, condition.beta2), condition.epsilon),
    }[condition.optimizer]()
    loss = torch.tensor(0.0)
    for _ in range(condition.epochs):
        order = torch.arange(len(x)) if condition.batch_size is None else torch.randperm(len(x))
        for rows in order.split(condition.batch_size or len(x)):
            optimizer.zero_grad()
            loss = of_scores(activation(x[rows] @ W1 + b1) @ W2 + b2, t[rows])
            loss.backward()
            optimizer.step()
    return [loss.item()]


def vmapped_jax(condition: Condition, start: Weights) -> list[float]:
    """All trainings at once in JAX, on all cores, with its own functions and gradients; full batches only."""
    losses = _compiled_jax(condition)(*(np.moveaxis(array, -1, 0) for array in start))
    return [float(loss) for loss in np.asarray(losses)]


@cache
def _compiled_jax(condition: Condition) -> Callable[..., Any]:
    """Parameters of trainings, along the first axis, to their final losses: scan over epochs, vmap over trainings."""
    import jax
    from jax.example_libraries import optimizers

    jnp = jax.numpy
    x, t = (jnp.array(array) for array in (condition.task.x(np.dtype("f4")), condition.task.t(np.dtype("f4"))))
    activation: Callable[..., Any] = {
        "relu": jax.nn.relu,  # and not maximum, whose gradient at 0 is 1/2
        "leaky_relu": lambda z: jax.nn.leaky_relu(z, condition.slope),
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
    }[condition.activation]
    of_scores: Callable[..., Any] = {
        "half_sse": lambda s: 0.5 * jnp.sum((s - t) ** 2),
        "mse": lambda s: jnp.mean((s - t) ** 2),
        "bce": lambda s: jnp.mean(jax.nn.softplus(s) - s * t),
    }[condition.loss]
    start, update, parameters_of = {
        "gd": lambda: optimizers.sgd(condition.lr),
        "momentum": lambda: optimizers.momentum(condition.lr, condition.momentum),
        "adam": lambda: optimizers.adam(condition.lr, condition.beta1, condition.beta2, condition.epsilon),
    }[condition.optimizer]()

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        # Broadcasting beats a matrix product for so small a matrix.
        z = sum(x[:, d : d + 1] * W1[d] for d in range(condition.task.n_inputs)) + b1
        return of_scores(jnp.sum(activation(z) * W2, axis=1) + b2)

    def step(state: Any, epoch: Any) -> Any:
        return update(epoch, jax.grad(loss)(parameters_of(state)), state), None

    def train(*parameters: Any) -> Any:
        return loss(parameters_of(jax.lax.scan(step, start(parameters), jnp.arange(condition.epochs))[0]))

    compiled: Callable[..., Any] = jax.jit(jax.vmap(train))
    return compiled
