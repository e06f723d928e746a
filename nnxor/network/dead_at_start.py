"""The exact law of a hidden ReLU unit at the start: how likely it is dead.

A unit's pre-activation on row n is z_n = b + x_n·w, with w drawn D times from the weights' law and b from the biases'
law. It is active where z_n > 0 and dead where z_n ≤ 0 on every row. Units are drawn independently of one another, so
the number of dead ones among H is binomial.

Where all laws are uniform and the rows few, the probability is the volume of a polytope, exact but for rounding.
Otherwise it is a mean over the laws of all variables but one, which is left to its distribution function: for each draw
of the others the last one must lie in an interval. The mean is taken by stratified sampling (S. Haber, "A modified
Monte-Carlo quadrature", Mathematics of Computation 20, 1966): a draw in each cell of a grid, with its standard error.
NumPy does both: SciPy's Qhull and Sobol points would take longer to import than the default study to train.

Where a variable is constant (or its range holds one float32 number only) it is an atom: z = 0 then has probability of
its own, and is not active. Hence a bias of exactly 0 is not the limit of biases from ever smaller intervals: with these
the row of zeros is active half of the time. Rows on which only atoms act are decided in the protocol's float32
arithmetic. Elsewhere real numbers are assumed: rounding draws to float32 changes a probability by at most about 1e-7 of
the laws' width.
"""

import itertools
import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from nnxor.arithmetic.epoch import preactivation
from nnxor.arrays import Array
from nnxor.network.inits_in_yaml import Init, Law
from nnxor.network.tasks import Task

EXACT, SAMPLED = "exact", "stratified sampling (error: one standard error)"
ROUNDING = 2e-14  # error granted to rounding in an exact law
MOST_CORNERS = 2_000  # corners that are looked for to find a volume; with more, as of many rows, sampling is faster
CELLS, REPEATS = 2**13, 16  # of a grid, a draw in each, and how many such samples estimate the error
NEAR, PARALLEL = 1e-9, 1e-12  # how far out rounding may put a corner; determinant below which normals are parallel


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
    laws = [each.at(task.n_inputs, hidden) for each in (init.biases, *[init.weights] * task.n_inputs)]
    rows = np.array([(1, *x) for x in task.inputs], np.float64)
    ends = [law.quantile(np.array([1e-17, 1 - 1e-16])).astype(np.float32) for law in laws]
    atoms = np.array([low if low == high else np.nan for low, high in ends], np.float32)  # the only numbers drawn
    if not bias:
        atoms[0] = 0
    random = np.isnan(atoms)
    A, c = rows * random, rows[:, ~random] @ atoms[~random].astype(np.float64)
    decided = ~A.any(axis=1)
    b, *u = np.where(random, np.float32(0), atoms)
    if any(preactivation(row, u, b) > 0 for row in rows[decided, 1:].tolist()):
        return Probability(0.0, 0.0, EXACT)
    A, c = A[~decided], c[~decided]
    used = np.flatnonzero(A.any(axis=0))
    if not len(used):
        return Probability(1.0, 0.0, EXACT)
    return _mass(A[:, used], c, [laws[k] for k in used])


def _mass(A: Array, c: Array, laws: list[Law]) -> Probability:
    """P(A·s + c ≤ 0), s (M,) with these laws; the variable with the widest effect is integrated first."""
    spreads = [np.diff(law.quantile(np.array([0.25, 0.75])))[0] for law in laws]
    order = np.argsort(np.abs(A).max(axis=0) * spreads, kind="stable")
    A, laws = A[:, order], [laws[k] for k in order]
    if len(laws) == 1:
        return Probability(float(_along(A, c, laws[0], np.zeros((1, 0)))[0]), ROUNDING, EXACT)
    if all(law.flat for law in laws) and math.comb(len(A) + 2 * len(laws), len(laws)) <= MOST_CORNERS:
        low, high = np.array([law.quantile(np.array([0.0, 1.0])) for law in laws]).T
        return Probability(_volume(A * (high - low), -(A @ low + c)), ROUNDING, EXACT)
    sides = [2 ** len(part) for part in np.array_split(range(CELLS.bit_length() - 1), len(laws) - 1)]
    cut = sum(side > 1 for side in sides)  # the first of them; an array cannot have as many dimensions as a task
    cells, means = np.zeros((len(sides), CELLS), np.int64), []
    cells[:cut] = np.indices(sides[:cut]).reshape(cut, CELLS)
    for repeat in range(REPEATS):
        within = np.random.default_rng(repeat).random(cells.shape)
        u = np.clip((cells + within) / np.array(sides)[:, None], 1e-16, 1 - 1e-16)
        points = np.column_stack([law.quantile(each) for law, each in zip(laws[:-1], u, strict=True)])
        means.append(float(_along(A, c, laws[-1], points).mean()))
    value, error = float(np.mean(means)), float(np.std(means, ddof=1)) / REPEATS**0.5
    return Probability(value, error if value else 1 / (CELLS * REPEATS), SAMPLED)


def _along(A: Array, c: Array, law: Law, points: Array) -> Array:
    """P(every form ≤ 0) along the last variable for each value of those before it: it lies in an interval."""
    outer, slope = points @ A[:, :-1].T + c, A[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -outer / slope
    upper = roots[:, slope > 0].min(axis=1, initial=np.inf)
    lower = roots[:, slope < 0].max(axis=1, initial=-np.inf)
    possible = (outer[:, slope == 0] <= 0).all(axis=1)
    return np.where(possible, np.maximum(law.below(upper) - law.below(lower), 0.0), 0.0)


def _volume(A: Array, b: Array) -> float:
    """The volume of the part of the unit cube where A·s ≤ b."""
    n = A.shape[1]
    normals, ends = np.concatenate([A, -np.eye(n), np.eye(n)]), np.concatenate([b, np.zeros(n), np.ones(n)])
    size = np.linalg.norm(normals, axis=1)
    if (ends[size == 0] < 0).any():
        return 0.0
    normals, ends = normals[size > 0] / size[size > 0, None], ends[size > 0] / size[size > 0]
    chosen = np.array([*itertools.combinations(range(len(ends)), n)])
    chosen = chosen[np.abs(np.linalg.det(normals[chosen])) > PARALLEL]
    corners = np.linalg.solve(normals[chosen], ends[chosen][..., None])[..., 0]
    corners = corners[(corners @ normals.T <= ends + NEAR).all(axis=1)]
    cuts = np.unique(np.clip(corners[:, 0], 0, 1))
    if n == 1 or len(cuts) < 2:
        return float(np.ptp(cuts)) if len(cuts) else 0.0
    at, weights = np.polynomial.legendre.leggauss((n + 1) // 2)  # exact: a slice's is a polynomial between corners
    parts = [
        (high - low) / 2 * weight * _volume(A[:, 1:], b - A[:, 0] * (low + (high - low) * (1 + x) / 2))
        for low, high in itertools.pairwise(cuts.tolist())
        for x, weight in zip(at.tolist(), weights.tolist(), strict=True)
    ]
    return float(sum(parts))
