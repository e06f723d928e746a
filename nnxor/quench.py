"""The quench: where a run goes once nothing disturbs it any more.

From the end of a training its networks go on by plain gradient descent over all rows, in float64, with a step below
the limit of stability: no batches, no memory, no rounding that matters, and no step that overshoots. Descent with so
small a step follows the slope of the loss and cannot leave a trap. So a run that comes to rest in a trap was in that
trap, whatever disturbed it; if it gets out or lower, the disturbance had kept it there.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from nnxor import engines
from nnxor.arithmetic.epoch import Rules
from nnxor.arithmetic.networks import ending
from nnxor.arrays import Array
from nnxor.condition import Condition
from nnxor.network.draws import Weights

EPOCHS = 10_000  # how long a quench lasts: the default training's length


def calm(condition: Condition) -> Condition:
    """The condition under which a quench trains, except for its step and its length."""
    return replace(condition, rescue=None, recycle_every=None, optimizer="gd", batch_size=None, dtype="float64")


def quench(condition: Condition, weights: Weights, times: int = 1) -> tuple[Weights, Array]:
    """The weights of R networks of a condition after a quench, so many times as long, and each one's step, (R,)."""
    onward = replace(calm(condition), epochs=times * EPOCHS)
    start = weights.astype(onward.numpy_dtype)
    step = stable_step(onward, start)
    for size in np.unique(step):
        here = np.flatnonzero(step == size)
        start.put(here, engines.load("auto")(replace(onward, lr=float(size)), start.take(here)).weights)
    return start, step


def stable_step(condition: Condition, weights: Weights) -> Array:
    """A power of two at most 1 over a bound on the largest eigenvalue of each network's Hessian, shape (R,).

    The bound sums, over the rows, the squared gradients of the output (the trace of the Gauss–Newton matrix) and bounds
    on what products of parameters and the activation's curvature add. A row's loss curves by at most its weight.
    """
    rules = Rules(condition)
    entry, k = rules.activation, rules.k
    end = ending(condition, weights)
    weight = rules.loss.weight(condition.task.n_examples) * condition.task.times
    bound: Any = np.zeros(weights.n_networks)
    for n, x in enumerate(condition.task.x(condition.numpy_dtype)):
        z = end.z[n]
        a = entry.value(z, k)
        slope = entry.back(z, a, np.ones_like(z), k)
        felt = float(x @ x) + condition.bias
        error = np.abs(end.y[n] - condition.task.targets[n])
        of_gradients = weight[n] * (a * a + felt * (weights.W2 * slope) * (weights.W2 * slope))
        of_curvature = weight[n] * error * felt * np.abs(weights.W2 * entry.second(z, a, k))
        for h in range(len(z)):
            bound = bound + of_gradients[h] + of_curvature[h]
        bound = bound + weight[n] * (float(condition.bias) + error * np.sqrt(felt))
    _, exponent = np.frexp(np.where(np.isfinite(bound), bound, 1.0))
    return np.ldexp(1.0, -np.maximum(exponent, 0))
