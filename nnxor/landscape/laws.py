"""The exact law of a hidden ReLU unit at the start: how likely it is dead.

A unit's pre-activation on row n is z_n = b + x_n·w, with w drawn D times from the weights' law and b
from the biases' law. It is active where z_n > 0 and dead where z_n ≤ 0 on every row. Units are drawn
independently of one another, so the number of dead ones among H is binomial.

How the probability is found, in this order:

- closed form: no more than one random variable matters (distribution functions alone); or the dead
  region is a product of intervals (as with biases 0 on a truth table: both weights ≤ 0); or the
  law is a centred normal in two variables (angles);
- quadrature: the last variable by its distribution function, the others by Gauss-Legendre rules on
  pieces between all points where the integrand has a kink: those where hyperplanes z_n = 0 and ends of
  the laws' ranges meet, found by eliminating one variable after another. Within a piece the
  integrand is a polynomial (uniform laws: the rule is exact) or analytic (normal ones);
- quasi-Monte Carlo where that would take too many pieces: scrambled Sobol points (Owen 1997),
  with a standard error. It says so.

Where a variable is constant (or its range holds one float32 number only) it is an atom: z = 0 then has
probability of its own, and z = 0 is not active. Hence a bias of exactly 0 is not the limit of biases from
ever smaller intervals: with the latter the row of zeros is active half of the time. Rows on which
only atoms act are decided in the protocol's own float32 arithmetic. Otherwise the laws are those of real
numbers: rounding draws to float32 moves a probability by the order of 1e-7 of the laws' width at most,
and a continuous law around 0 underflows only near 1e-38.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls
from scipy.special import ndtr, ndtri
from scipy.stats import qmc

from nnxor.network.inits import Distribution, Init
from nnxor.network.tasks import Task

Array = NDArray[np.float64]

CLOSED_FORM = "closed form"
QUADRATURE = "quadrature"
QUASI_MONTE_CARLO = "quasi-Monte Carlo (error: one standard error)"

SOFT_END = 8.5
"""Standard deviations at which a normal law is cut for quadrature; 2e-17 lies beyond."""

ROUNDING = 2e-14
"""Error granted to rounding, and to pieces too narrow to count, in every quadrature."""

NARROW = 1e-13
"""Relative width of a piece that two breakpoints leave between them by rounding alone."""

POINTS = 6_000_000
"""Most innermost pieces of a quadrature; beyond them it is quasi-Monte Carlo."""

PLANES = 4000
"""Most hyperplanes that an elimination may leave."""

SOBOL_POINTS, SOBOL_REPEATS = 2**14, 32
"""Points of a scrambled Sobol set, and how many independent sets estimate the error."""


@dataclass(frozen=True)
class Probability:
    """A probability, its absolute error (see `method`) and how it was found.

    For a closed form and a quadrature the error is a bound as far as two rules of different order
    can tell; for quasi-Monte Carlo it is one standard error.
    """

    value: float
    error: float
    method: str


def dead_probability(task: Task, init: Init, hidden: int, bias: bool = True) -> Probability:
    """Probability that a hidden unit is dead at the start: pre-activation ≤ 0 on every row.

    `hidden` is the width H, on which laws with fan_out depend; `bias=False` leaves biases 0.
    """
    return _dead(task.inputs, init, hidden, bias)


@dataclass(frozen=True)
class _Law:
    """A law of one number: centre + scale·s, with s standard: uniform on (−1, 1) or (cut) normal.

    `end` is where |s| ends; `sharp` is False where the density is 0 there to machine precision. An atom has scale 0.
    """

    centre: float
    scale: float
    normal: bool
    end: float
    sharp: bool

    @classmethod
    def of(cls, distribution: Distribution, fan_in: int, fan_out: int) -> _Law:
        """The law of a distribution for a layer's fans."""
        p = distribution.values(fan_in, fan_out)
        if distribution.name == "constant":
            return cls(p["value"], 0.0, False, 0.0, True)
        if distribution.name == "uniform":
            law = cls((p["low"] + p["high"]) / 2, (p["high"] - p["low"]) / 2, False, 1.0, True)
            ends = p["low"], p["high"]
        else:
            cut = p.get("cut", np.inf)
            law = cls(p["mean"], p["std"], True, min(cut, SOFT_END), cut < SOFT_END)
            ends = law.centre - law.scale * law.end, law.centre + law.scale * law.end
        if np.float32(ends[0]) == np.float32(ends[1]):
            return cls(float(np.float32(ends[0])), 0.0, False, 0.0, True)
        return law

    def cdf(self, s: Array) -> Array:
        """Distribution function of the standard variable, same shape."""
        if not self.normal:
            return np.asarray(np.clip((s + 1) / 2, 0, 1))
        if not self.sharp:
            return np.asarray(ndtr(s))
        below = ndtr(-self.end)
        return np.asarray(np.clip((ndtr(s) - below) / (1 - 2 * below), 0, 1))

    def density(self, s: Array) -> Array:
        """Density of the standard variable within its ends, same shape."""
        if not self.normal:
            return np.full_like(s, 0.5)
        inside = 1 - 2 * ndtr(-self.end) if self.sharp else 1.0
        return np.asarray(np.exp(-(s**2) / 2) / np.sqrt(2 * np.pi) / inside)

    def quantile(self, u: Array) -> Array:
        """Standard variable at u in (0, 1), same shape."""
        if not self.normal:
            return 2 * u - 1
        below = ndtr(-self.end) if self.sharp else 0.0
        return np.asarray(ndtri(below + (1 - 2 * below) * u))


@dataclass(frozen=True)
class _Forms:
    """Pre-activations as affine forms of the random variables: z = A @ s + c, one form a distinct row.

    `A` (F, M), `c` (F,), `laws` the M laws of s; `active` says whether some row is, by atoms alone.
    """

    A: Array
    c: Array
    laws: tuple[_Law, ...]
    active: bool


def _forms(inputs: tuple[tuple[float, ...], ...], init: Init, hidden: int, bias: bool) -> _Forms:
    """The rows' forms in standard variables, narrowest first: the widest is left to its distribution function."""
    x = np.array(inputs, np.float64)
    fans = x.shape[1], hidden
    zero = _Law(0.0, 0.0, False, 0.0, True)
    laws = [_Law.of(init.biases, *fans) if bias else zero] + [_Law.of(init.weights, *fans)] * x.shape[1]
    rows = np.column_stack([np.ones(len(x)), x])
    A = rows * [law.scale for law in laws]
    c = rows @ np.array([law.centre for law in laws])
    matters = np.abs(A).max(axis=0) > 0
    order = np.argsort(np.where(matters, np.abs(A).max(axis=0), np.inf), kind="stable")[: matters.sum()]
    A = A[:, order]
    random = A.any(axis=1)
    forms = np.unique(np.column_stack([A, c])[random], axis=0)
    active = bool((_atoms(x, laws)[~random] > 0).any())
    return _Forms(forms[:, :-1], forms[:, -1], tuple(laws[i] for i in order), active)


def _atoms(x: Array, laws: list[_Law]) -> NDArray[np.float32]:
    """Pre-activations at the laws' centres in the protocol's float32 arithmetic, shape (N,)."""
    z = np.full(len(x), np.float32(laws[0].centre))
    for column, law in zip(x.T.astype(np.float32), laws[1:], strict=True):
        z = np.where(column != 0, z + column * np.float32(law.centre), z)
    return z


@lru_cache(maxsize=256)
def _dead(inputs: tuple[tuple[float, ...], ...], init: Init, hidden: int, bias: bool) -> Probability:
    forms = _forms(inputs, init, hidden, bias)
    if forms.active:
        return Probability(0.0, 0.0, CLOSED_FORM)
    keep = _needed(forms)
    A, c = forms.A[keep], forms.c[keep]
    if ((A != 0).sum(axis=1) <= 1).all():
        return Probability(_box(A, c, forms.laws), 1e-15, CLOSED_FORM)
    used = np.flatnonzero(A.any(axis=0))
    return _mass(A[:, used], c, tuple(forms.laws[k] for k in used))


def _box(A: Array, c: Array, laws: tuple[_Law, ...]) -> float:
    """P(every form ≤ 0) where each form has one variable: each variable lies in an interval."""
    result = 1.0
    for k, law in enumerate(laws):
        mine = A[:, k] != 0
        ends = -c[mine] / A[mine, k]
        upper = ends[A[mine, k] > 0].min(initial=np.inf)
        lower = ends[A[mine, k] < 0].max(initial=-np.inf)
        mass = law.cdf(np.array([lower, upper]))
        result *= max(float(mass[1] - mass[0]), 0.0)
    return result


def _needed(forms: _Forms) -> list[int]:
    """Forms that must be checked for death: the others are ≤ 0 wherever these and the laws' ranges say so.

    By Farkas' lemma such a form is a non-negative combination of the others, of the ranges' ends and of −1.
    """
    n_forms, n_laws = forms.A.shape
    rows = np.column_stack([forms.A, forms.c])
    sharp = [k for k, law in enumerate(forms.laws) if law.sharp]
    ends = np.zeros((2 * len(sharp), n_laws + 1))
    for i, k in enumerate(sharp):
        ends[2 * i, [k, -1]] = 1, -forms.laws[k].end
        ends[2 * i + 1, [k, -1]] = -1, -forms.laws[k].end
    below = np.zeros((1, n_laws + 1))
    below[0, -1] = -1
    keep = list(range(n_forms))
    # Forms of many variables go first, so that those of one variable stay: they give closed forms.
    for n in sorted(range(n_forms), key=lambda n: -int((forms.A[n] != 0).sum())):
        others = [m for m in keep if m != n]
        generators = np.concatenate([rows[others], ends, below])
        _, residual = nnls(generators.T, rows[n], maxiter=50 * len(generators))
        if residual <= 1e-13 * np.abs(rows[n]).max():
            keep = others
    return keep


def _mass(A: Array, c: Array, laws: tuple[_Law, ...]) -> Probability:
    """P(every form ≤ 0), of two variables or more."""
    if len(laws) == 2 and not c.any() and all(law.normal and not law.sharp for law in laws):
        return Probability(_angle(A), 1e-15, CLOSED_FORM)
    planes = _eliminate(A, c, laws)
    rules = [] if planes is None else _affordable(planes, laws, len(c))
    if planes is None or not rules:
        return _quasi_monte_carlo(A, c, laws)
    coarse, fine = (_integrate(A, c, laws, planes, order, panel) for order, panel in rules)
    return Probability(min(fine, 1.0), abs(fine - coarse) + ROUNDING, QUADRATURE)


def _angle(A: Array) -> float:
    """P(every form ≤ 0) under two centred normal variables of the same standard scale: an angle over 2π."""
    normal = np.arctan2(A[:, 1], A[:, 0])
    edges = np.sort(np.mod(np.concatenate([normal + np.pi / 2, normal - np.pi / 2]), 2 * np.pi))
    width = np.diff(np.append(edges, edges[0] + 2 * np.pi))
    inside = (np.cos(edges + width / 2 - normal[:, None]) <= 0).all(axis=0)
    return float(width[inside].sum() / (2 * np.pi))


def _eliminate(A: Array, c: Array, laws: tuple[_Law, ...]) -> list[Array] | None:
    """For each variable k < M the hyperplanes in variables 0 … k where an inner integral has a kink.

    A hyperplane is a row (a_0, …, a_k, constant). What depends on variable k alone is left to the next one;
    pairs that share it meet in a hyperplane of the variables before it. None if there are too many.
    """
    planes = _distinct(np.column_stack([A, c]))
    levels = []
    for k in range(len(laws) - 1, -1, -1):
        if laws[k].sharp:
            ends = np.zeros((2, k + 2))
            ends[:, k], ends[:, -1] = 1, (-laws[k].end, laws[k].end)
            planes = np.concatenate([planes, ends])
        levels.append(planes[planes[:, k] != 0])
        crossing = levels[-1] / levels[-1][:, k : k + 1]
        if len(crossing) ** 2 > 2 * PLANES * 50:
            return None
        pairs = [crossing[i] - crossing[j] for i, j in combinations(range(len(crossing)), 2)]
        rest = [*planes[planes[:, k] == 0], *pairs]
        planes = _distinct(np.delete(np.array(rest).reshape(-1, k + 2), k, axis=1))
        if len(planes) > PLANES:
            return None
    return levels[::-1]


def _distinct(planes: Array) -> Array:
    """Hyperplanes scaled to a largest coefficient of 1, without copies and without those that hold no variable."""
    planes = np.where(np.abs(planes) < NARROW * np.abs(planes).max(axis=1, keepdims=True, initial=0), 0.0, planes)
    planes = planes[planes[:, :-1].any(axis=1)]
    if not len(planes):
        return planes
    first = np.take_along_axis(planes, np.argmax(planes[:, :-1] != 0, axis=1)[:, None], axis=1)
    scaled = planes / first
    scaled = scaled / np.abs(scaled[:, :-1]).max(axis=1, keepdims=True)
    _, index = np.unique(np.round(scaled, 11), axis=0, return_index=True)
    return np.asarray(scaled[np.sort(index)])


def _affordable(planes: list[Array], laws: tuple[_Law, ...], n_forms: int) -> list[tuple[int, float]]:
    """Order and panel width (in standard deviations) of the rules to use, the most accurate last."""
    n_outer = len(laws) - 1
    if not any(law.normal for law in laws):
        # Piecewise polynomials of degree ≤ M: a rule of this order is exact.
        candidates = [[(len(laws) // 2 + 1, 20.0), (len(laws) // 2 + 2, 20.0)]]
    else:
        candidates = [[(14, 1.5), (18, 1.0)], [(8, 1.7), (10, 1.7)], [(6, 2.5), (8, 2.5)]]

    def cost(order: int, panel: float) -> float:
        sizes = [
            (len(planes[k]) + (2 * laws[k].end / panel if laws[k].normal else 0) + 1) * order for k in range(n_outer)
        ]
        return float(np.prod(sizes)) * (n_forms + 1)

    for rules in candidates:
        if sum(cost(*rule) for rule in rules) <= POINTS * (10 if n_outer > 2 else 2):
            return rules
    return []


def _integrate(A: Array, c: Array, laws: tuple[_Law, ...], planes: list[Array], order: int, panel: float) -> float:
    """P(every form ≤ 0) by nested Gauss-Legendre rules, the last variable by its distribution function."""
    nodes = _nodes(np.zeros((1, 0)), np.ones(1), laws, planes, order, panel)
    return sum(float(weights @ _innermost(A, c, laws[-1], points)) for points, weights in nodes)


def _nodes(
    points: Array, weights: Array, laws: tuple[_Law, ...], planes: list[Array], order: int, panel: float
) -> Iterator[tuple[Array, Array]]:
    """Nodes (P, M−1) and weights (P,) of the nested rule, in chunks that fit the cache."""
    k = points.shape[1]
    if k == len(laws) - 1:
        yield points, weights
        return
    size = max(1, 20_000 // ((len(planes[k]) + 8) * order))
    for start in range(0, len(points), size):
        chunk = slice(start, start + size)
        deeper = _pieces(points[chunk], weights[chunk], laws[k], planes[k], order, panel)
        yield from _nodes(*deeper, laws, planes, order, panel)


def _pieces(points: Array, weights: Array, law: _Law, planes: Array, order: int, panel: float) -> tuple[Array, Array]:
    """Each point continued by a variable's nodes on the pieces between its breakpoints there."""
    k = points.shape[1]
    roots = -(points @ planes[:, :k].T + planes[:, -1]) / planes[:, k]
    n_panels = int(np.ceil(2 * law.end / panel)) if law.normal else 1
    fixed = np.broadcast_to(np.linspace(-law.end, law.end, n_panels + 1), (len(points), n_panels + 1))
    edges = np.sort(np.concatenate([np.clip(roots, -law.end, law.end), fixed], axis=1), axis=1)
    half = np.diff(edges, axis=1) / 2
    row, piece = np.nonzero(half > NARROW * law.end)
    half_, middle = half[row, piece], edges[row, piece] + half[row, piece]
    node, gauss = np.polynomial.legendre.leggauss(order)
    s = middle[:, None] + half_[:, None] * node
    weight = weights[row, None] * half_[:, None] * gauss * law.density(s)
    continued = np.column_stack([np.repeat(points[row], order, axis=0), s.reshape(-1)])
    return continued, weight.reshape(-1)


def _innermost(A: Array, c: Array, law: _Law, points: Array) -> Array:
    """P(every form ≤ 0) along the last variable, exactly, for every point before it: it lies in an interval."""
    outer, slope = points @ A[:, :-1].T + c, A[:, -1]
    with np.errstate(divide="ignore", invalid="ignore"):
        roots = -outer / slope
    upper = roots[:, slope > 0].min(axis=1, initial=np.inf)
    lower = roots[:, slope < 0].max(axis=1, initial=-np.inf)
    possible = (outer[:, slope == 0] <= 0).all(axis=1)
    return np.where(possible, np.maximum(law.cdf(upper) - law.cdf(lower), 0.0), 0.0)


def _quasi_monte_carlo(A: Array, c: Array, laws: tuple[_Law, ...]) -> Probability:
    """P(every form ≤ 0) from randomised Sobol sets, and the standard error of their mean."""
    shares = []
    for repeat in range(SOBOL_REPEATS):
        u = qmc.Sobol(len(laws), rng=np.random.default_rng(repeat)).random(SOBOL_POINTS)
        u = np.clip(u, 1e-16, 1 - 1e-16)
        s = np.column_stack([law.quantile(u[:, k]) for k, law in enumerate(laws)])
        shares.append(float((s @ A.T + c <= 0).all(axis=1).mean()))
    error = np.std(shares, ddof=1) / np.sqrt(SOBOL_REPEATS)
    least = 1 / (SOBOL_POINTS * SOBOL_REPEATS)
    return Probability(float(np.mean(shares)), max(float(error), least), QUASI_MONTE_CARLO)
