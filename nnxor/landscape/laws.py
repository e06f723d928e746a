"""The exact law of a hidden ReLU unit at the start: how likely it is dead.

A unit's pre-activation on row n is z_n = b + x_n·w, with w drawn D times from the weights' law and b
from the biases' law. It is active where z_n > 0 and dead where z_n ≤ 0 on every row. Units are drawn
independently of one another, so the number of dead ones among H is binomial.

Where all laws are uniform, the probability is the volume of a polytope, by Qhull. Otherwise it is a mean over
the laws of all variables but one, which is left to its distribution function: for each draw of the others the last one
must lie in an interval. The mean is taken over scrambled Sobol points (Owen 1997), with its standard error.

Where a variable is constant (or its range holds one float32 number only) it is an atom: z = 0 then has
probability of its own, and z = 0 is not active. Hence a bias of exactly 0 is not the limit of biases from
ever smaller intervals: with the latter the row of zeros is active half of the time. Rows on which
only atoms act are decided in the protocol's own float32 arithmetic. Otherwise the laws are those of real
numbers: rounding draws to float32 moves a probability by the order of 1e-7 of the laws' width at most.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from nnxor.network.inits import Distribution, Init
from nnxor.network.tasks import Task

Array = NDArray[np.float64]

EXACT = "exact"
QUASI_MONTE_CARLO = "quasi-Monte Carlo (error: one standard error)"

ROUNDING = 2e-14  # error granted to rounding in an exact law

SOBOL_POINTS, SOBOL_REPEATS = 2**13, 16
"""Points of a scrambled Sobol set, and how many independent sets estimate the error."""


class Probability(NamedTuple):
    """A probability, its absolute error (a bound, or one standard error: see `method`) and how it was found."""

    value: float
    error: float
    method: str


@lru_cache(maxsize=256)
def dead_probability(task: Task, init: Init, hidden: int, bias: bool = True) -> Probability:
    """Probability that a hidden unit is dead at the start: pre-activation ≤ 0 on every row.

    `hidden` is the width H, on which laws with fan_out depend; `bias=False` leaves biases 0.
    """
    x = np.array(task.inputs, np.float64)
    drawn = [_law(init.weights, task.n_inputs, hidden)] * task.n_inputs
    laws = [_law(init.biases, task.n_inputs, hidden) if bias else np.float32(0), *drawn]
    rows = np.column_stack([np.ones(len(x)), x])
    random = np.array([not isinstance(law, np.float32) for law in laws])
    atoms = np.array([np.float32(0) if is_random else law for is_random, law in zip(random, laws, strict=True)])
    free = [law for law in laws if not isinstance(law, np.float32)]
    A, c = rows[:, random], rows[:, ~random] @ atoms[~random].astype(np.float64)
    decided = ~A.any(axis=1)
    if (_preactivations(x[decided], atoms) > 0).any():
        return Probability(0.0, 0.0, EXACT)
    A, c = A[~decided], c[~decided]
    used = np.flatnonzero(A.any(axis=0))
    if not len(used):
        return Probability(1.0, 0.0, EXACT)
    return _mass(A[:, used], c, [free[k] for k in used])


def _law(distribution: Distribution, fan_in: int, fan_out: int) -> Any:
    """A distribution for a layer's fans as SciPy knows it; an atom as a float32 number."""
    p = distribution.values(fan_in, fan_out)
    centre, width = (
        p.get("value", p.get("low", p.get("mean", 0.0))),
        p.get("std", p.get("high", 0.0) - p.get("low", 0.0)),
    )
    if not width:
        return np.float32(centre)
    law: Any
    if "low" in p:
        law = scipy.stats.uniform(centre, width)
    else:
        law = (
            scipy.stats.truncnorm(-p["cut"], p["cut"], centre, width) if "cut" in p else scipy.stats.norm(centre, width)
        )
    low, high = law.ppf([1e-17, 1 - 1e-16])
    return np.float32(low) if np.float32(low) == np.float32(high) else law


def _preactivations(x: Array, atoms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Pre-activations of a unit with these bias and weights in the protocol's float32 arithmetic, shape (N,)."""
    z = np.full(len(x), atoms[0])
    for column, weight in zip(x.T.astype(np.float32), atoms[1:], strict=True):
        z = np.where(column != 0, z + column * weight, z)
    return z


def _mass(A: Array, c: Array, laws: list[Any]) -> Probability:
    """P(A·s + c ≤ 0), s (M,) with these laws; the variable with the widest effect is integrated first."""
    order = np.argsort(np.abs(A).max(axis=0) * [law.std() for law in laws], kind="stable")
    A, laws = A[:, order], [laws[k] for k in order]
    if len(laws) == 1:
        return Probability(float(_along(A, c, laws[0], np.zeros((1, 0)))[0]), ROUNDING, EXACT)
    if all(law.dist.name == "uniform" for law in laws):
        low, high = np.array([law.support() for law in laws]).T
        return Probability(_volume(A * (high - low), A @ low + c), ROUNDING, EXACT)
    means = []
    for repeat in range(SOBOL_REPEATS):
        u = scipy.stats.qmc.Sobol(len(laws) - 1, rng=np.random.default_rng(repeat)).random(SOBOL_POINTS)
        u = np.clip(u, 1e-16, 1 - 1e-16)
        points = np.column_stack([law.ppf(u[:, k]) for k, law in enumerate(laws[:-1])])
        means.append(float(_along(A, c, laws[-1], points).mean()))
    value, least = float(np.mean(means)), 1 / (SOBOL_POINTS * SOBOL_REPEATS)
    error = float(np.std(means, ddof=1)) / SOBOL_REPEATS**0.5
    return Probability(value, error if value else least, QUASI_MONTE_CARLO)


def _along(A: Array, c: Array, law: Any, points: Array) -> Array:
    """P(every form ≤ 0) along the last variable for each value of those before it: it lies in an interval."""
    outer, slope = points @ A[:, :-1].T + c, A[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -outer / slope
    upper = roots[:, slope > 0].min(axis=1, initial=np.inf)
    lower = roots[:, slope < 0].max(axis=1, initial=-np.inf)
    possible = (outer[:, slope == 0] <= 0).all(axis=1)
    return np.where(possible, np.maximum(law.cdf(upper) - law.cdf(lower), 0.0), 0.0)


def _volume(A: Array, c: Array) -> float:
    """The volume of what A·s + c ≤ 0 leaves of the unit cube."""
    unit = np.eye(A.shape[1])
    sides = np.concatenate(
        [np.column_stack([A, c]), np.column_stack([-unit, 0 * unit[0]]), np.column_stack([unit, 0 * unit[0] - 1])]
    )
    sides = sides / np.linalg.norm(sides[:, :-1], axis=1, keepdims=True)
    ball = scipy.optimize.linprog(
        [*np.zeros(len(unit)), -1.0], np.column_stack([sides[:, :-1], np.ones(len(sides))]), -sides[:, -1]
    )
    if ball.x is None or ball.x[-1] < 1e-12:  # the largest ball within it
        return 0.0
    return float(
        scipy.spatial.ConvexHull(
            scipy.spatial.HalfspaceIntersection(np.unique(sides, axis=0), ball.x[:-1]).intersections
        ).volume
    )
