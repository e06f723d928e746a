"""Kinds of condition, each trained by the numba engine and by JAX: CPU time of one thread against that of the other.

JAX does the same work: scan over epochs, vmap over trainings, jit over both, with its own functions and gradients.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from experiments.study import catalog
from nnxor.condition import Condition
from nnxor.engines import compiled
from nnxor.network.draws import Weights, draw

KINDS: dict[str, dict[str, Any]] = {
    "gd": {},
    "mse": {"loss": "mse"},
    "leaky_relu": {"activation": "leaky_relu"},
    "momentum": {"optimizer": "momentum"},
    "adam": {"optimizer": "adam"},
    "tanh": {"activation": "tanh"},
    "sigmoid": {"activation": "sigmoid"},
    "bce": {"output": "sigmoid", "loss": "bce"},
    "adam, bce, tanh": {"optimizer": "adam", "output": "sigmoid", "loss": "bce", "activation": "tanh"},
    "parity3": {"task": "parity3"},
    "batches of 1": {"batch_size": 1},
    "batches of 2": {"batch_size": 2},
    "batches of 3": {"batch_size": 3},
}
"""Names and fields; beside them lr 0.01 and weights from U(−1, 1)."""

TRAININGS, OF_JAX = 4096, 1024
"""Trainings of a timing."""

Row = dict[str, Any]


def time_kinds(hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a kind: µs of CPU that a training takes, and how many times longer JAX takes where it is installed."""
    has_jax = importlib.util.find_spec("jax") is not None
    rows = []
    for name, fields in KINDS.items():
        condition = _condition(fields, hidden, epochs)
        ours = _microseconds(partial(_ours, condition), condition, TRAININGS, repeats)
        row: Row = {"hidden": hidden, "epochs": epochs, "kind": name, "us": ours, "us_jax": float("nan")}
        if has_jax and condition.batch_size is None:
            part = _condition(fields, hidden, max(1, epochs // 5))
            row["us_jax"] = _microseconds(by_jax(part), part, OF_JAX, repeats) * epochs / part.epochs
        rows.append({**row, "times_jax": row["us_jax"] / ours})
    return rows


def _condition(fields: dict[str, Any], hidden: int, epochs: int) -> Condition:
    task = catalog.task(fields.get("task", "xor"))
    return Condition(**{"lr": 0.01, **fields, "task": task, "hidden": hidden, "epochs": epochs})


def _ours(condition: Condition, weights: Weights) -> object:
    return compiled.train(condition, weights, range(weights.n_networks))


def _microseconds(train: Callable[[Weights], object], condition: Condition, trainings: int, repeats: int) -> float:
    weights = draw(condition.init, condition.task.n_inputs, condition.hidden, range(trainings))
    seconds = []
    for _ in range(repeats + 1):  # the first one compiles
        began = time.process_time()
        train(weights)
        seconds.append(time.process_time() - began)
    return statistics.median(seconds[1:]) / trainings * 1e6


def by_jax(condition: Condition) -> Callable[[Weights], list[float]]:
    """Trains in JAX, all at once; gives the final losses."""
    import jax
    import jax.numpy as jnp

    x, t = jnp.array(condition.task.x(np.dtype(np.float32))), jnp.array(condition.task.t(np.dtype(np.float32)))
    activation: Callable[..., Any] = {
        "relu": jax.nn.relu,
        "leaky_relu": lambda z: jax.nn.leaky_relu(z, condition.slope),
        "tanh": jnp.tanh,
        "sigmoid": jax.nn.sigmoid,
    }[condition.activation]
    of_scores: Callable[..., Any] = {
        "half_sse": lambda s: 0.5 * jnp.sum((s - t) ** 2),
        "mse": lambda s: jnp.mean((s - t) ** 2),
        "bce": lambda s: jnp.mean(jax.nn.softplus(s) - s * t),
    }[condition.loss]

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        # Broadcasting beats a matrix product for so small a matrix.
        z = sum(x[:, d : d + 1] * W1[d] for d in range(condition.task.n_inputs)) + b1
        return of_scores(jnp.sum(activation(z) * W2, axis=1) + b2)

    lr, mu, b1, b2 = condition.lr, condition.momentum, condition.beta1, condition.beta2

    def adam(p: Any, g: Any, m: Any, v: Any, e: Any) -> tuple[Any, Any, Any]:
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        return p - lr * (m / (1 - b1**e)) / (jnp.sqrt(v / (1 - b2**e)) + condition.epsilon), m, v

    moved: Callable[..., Any] = {
        "gd": lambda p, g, m, v, _: (p - lr * g, m, v),
        "momentum": lambda p, g, m, v, _: (p - lr * (mu * m + g), mu * m + g, v),
        "adam": adam,
    }[condition.optimizer]

    def step(state: Any, e: Any) -> Any:
        parameters, *memory = state
        gradient = jax.grad(loss)(parameters)
        each = [moved(*all_of, e) for all_of in zip(parameters, gradient, *memory, strict=True)]
        return tuple(zip(*each, strict=True)), None

    def one(*parameters: Any) -> Any:
        zeros = tuple(jnp.zeros_like(p) for p in parameters)
        epochs = jnp.arange(1, condition.epochs + 1, dtype=jnp.float32)
        return loss(jax.lax.scan(step, (parameters, zeros, zeros), epochs)[0][0])

    train = jax.jit(jax.vmap(one))
    return lambda weights: [float(v) for v in np.asarray(train(*(np.moveaxis(a, -1, 0) for a in weights.arrays())))]


def kinds_table(rows: list[Row]) -> list[str]:
    """The rows of one width as lines of text."""
    lines = ["", f"{rows[0]['hidden']} hidden units, {rows[0]['epochs']:,} epochs, lr 0.01: µs of CPU a training"]
    lines.append(f"{'':<18}{'numba':>10}{'JAX':>10}{'x JAX':>8}")
    for row in rows:
        columns = (("us_jax", 10), ("times_jax", 8)) if row["us_jax"] > 0 else ()
        jax = "".join(f"{row[name]:>{n}.3g}" for name, n in columns)
        lines.append(f"{row['kind']:<18}{row['us']:>10.4g}{jax}")
    return lines
