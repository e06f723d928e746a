"""Networks whose fate is known, or that trainings got stuck at; their losses by definition, and ways from them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from scipy.special import expit

from experiments.study import catalog
from nnxor import engines
from nnxor.condition import Condition
from nnxor.diagnosis import diagnose
from nnxor.landscape.certificate import certify
from nnxor.landscape.curvature import Local, Problem
from nnxor.landscape.escape import Verdict
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import Distribution, Init
from nnxor.trial import trials

rng = np.random.default_rng(4)


def network(W1: object, b1: object, W2: object, b2: float, dtype: type = np.float32) -> Weights:
    """One network from nested lists."""
    return Weights(*(np.array(a, dtype)[..., None] for a in (W1, b1, W2, b2)))


def one(weights: Weights, **fields: object) -> Verdict:
    return certify(Condition(hidden=weights.W2.shape[0], **fields), weights)  # type: ignore[arg-type]


def points(found: Verdict) -> Weights:
    """The polished parameters, in float64."""
    return found.problem.unpack(found.theta)


def ways(found: Verdict) -> Weights:
    """The way down."""
    return found.problem.unpack(found.way)


def loss_of(condition: Condition, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray) -> np.ndarray:
    """The loss in float64 by its definition, networks along the last axis."""
    x, t = np.array(condition.task.inputs, float), np.array(condition.task.targets, float)
    z = np.einsum("nd,dhr->nhr", x, W1) + b1
    bent = {
        "relu": lambda: np.maximum(z, 0),
        "leaky_relu": lambda: np.where(z > 0, z, condition.slope * z),
        "tanh": lambda: np.tanh(z),
        "sigmoid": lambda: expit(z),
    }
    y = np.einsum("nhr,hr->nr", bent[condition.activation](), W2) + b2
    if condition.loss == "bce":
        return np.asarray((np.logaddexp(0, y) - t[:, None] * y).mean(axis=0))
    p = {"identity": y, "relu": np.maximum(y, 0), "sigmoid": expit(y)}[condition.output]
    return np.asarray({"half_sse": 0.5, "mse": 1 / len(t)}[condition.loss] * ((p - t[:, None]) ** 2).sum(axis=0))


def along(weights: Weights, direction: Weights, step: float | np.ndarray) -> list[np.ndarray]:
    return [w + step * d for w, d in zip(weights, direction, strict=True)]


def lowers(condition: Condition, found: Verdict, steps: tuple[float, ...] = (1e-3, 1e-4, 1e-5)) -> np.ndarray:
    """Whether every one of these small steps along each direction lowers the loss."""
    start = loss_of(condition, *points(found))
    return np.logical_and.reduce([loss_of(condition, *along(points(found), ways(found), t)) < start for t in steps])


def stays_lowest(
    condition: Condition, far: Weights, way: Weights, floor: float | np.ndarray, largest: float, slack: float
) -> None:
    """Check that a loss is all but at its infimum along a way to infinity, and nothing near the way below it.

    Each parameter is shaken by a share of itself, from 1e-9 to 10 to the power `largest`.
    """
    for step in (0.0, 1.0, 100.0, 1e4):
        there = along(far, way, step)
        assert np.allclose(loss_of(condition, *there), floor, rtol=0, atol=100 * slack)
        near = [shaken(array, shares(50, largest)) for array in there]
        assert (loss_of(condition, *near) >= np.tile(np.broadcast_to(floor, way.n_networks), 50) - slack).all()


def shares(times: int, largest: float) -> np.ndarray:
    """Sizes from 1e-9 to 10 to the power `largest`."""
    return np.asarray(10.0 ** rng.uniform(-9, largest, times))


def shaken(array: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Networks' parameters once for each size, shaken by such a share of themselves; networks along the last axis."""
    many = np.tile(array, len(sizes))
    return np.asarray(many * (1 + np.repeat(sizes, array.shape[-1]) * rng.standard_normal(many.shape)))


def moved(weights: Weights, found: Verdict) -> float:
    """How far polishing went."""
    pairs = zip(weights, points(found), strict=True)
    return float(np.sqrt(sum(((after - before) ** 2).sum() for before, after in pairs)))


def slope(condition: Condition, weights: Weights) -> np.ndarray:
    """The norm of the gradient, a kink counting as below it, (R,)."""
    problem = Problem(condition)
    return np.asarray(np.linalg.norm(Local(problem, problem.pack(weights)).gradient, axis=1))


DEAD = [[-1.0, -0.5], [-0.5, -1.0]]


@cache
def stuck(**fields: object) -> tuple[Condition, Weights, np.ndarray]:
    """Stuck runs of 300 seeds of a condition: final weights and levels."""
    named = {"init": catalog.init, "task": catalog.task}
    condition = Condition(**{key: named.get(key, lambda v: v)(value) for key, value in fields.items()})
    start = initial_weights(condition, range(300))
    trained = engines.load("numba")(condition, start)
    columns = diagnose(condition, start, trained)
    at_rest = np.flatnonzero(np.char.startswith(columns["outcome"], "stuck") & (columns["grad_norm"] <= 1e-4))
    return condition, trained.weights.take(at_rest), columns["plateau"][at_rest]


def descended(condition: Condition, weights: Sequence[np.ndarray], lr: float, steps: int) -> Iterator[Weights]:
    """Networks after each of some steps of gradient descent in float64."""
    problem = Problem(condition)
    theta = problem.pack(Weights(*weights))
    for _ in range(steps):
        theta = theta - lr * Local(problem, theta).gradient
        yield problem.unpack(theta)


@cache
def stuck_at_infinity(seeds: int = 300, **fields: object) -> tuple[Condition, Weights, np.ndarray, np.ndarray]:
    """Stuck runs of cross-entropy, which rest nowhere: weights, levels that they come down to, and certificates."""
    named = {"init": catalog.init("he"), **fields}
    condition = Condition(lr=0.5, loss="bce", output="sigmoid", **named)  # type: ignore[arg-type]
    _, end, columns = trials(condition, range(seeds), engines.load("numba"), certified=True)
    at = np.flatnonzero(np.char.startswith(columns["outcome"], "stuck"))
    return condition, end.take(at), columns["plateau"][at], columns["minimum"][at]


LEAKY = {"hidden": 2, "activation": "leaky_relu"}


def stays(condition: Condition, weights: Weights, level: np.ndarray) -> np.ndarray:
    """Which runs are still in their trap after many more epochs."""
    longer = engines.load("numba")(replace(condition, epochs=300_000), weights, range(weights.n_networks)).weights
    return loss_of(condition, *longer) > 0.99 * level


def uniform(low: float) -> Init:
    law = Distribution.of({"distribution": "uniform", "low": low, "high": 1})
    return Init("broad", law, law)
