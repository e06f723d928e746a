"""Which way down is open to a unit: the exact first-order test at a stationary point.

Let a loss be convex in the outputs, ℓ_n(y_n), and y_n = b2 + Σ_h s_h σ(x_n · v_h) with a piecewise linear σ.
With e_n = ℓ_n'(y_n) at the point in question and φ_h(v) = Σ_n e_n σ(x_n · v), convexity gives

    L(θ') − L(θ) ≥ Σ_n e_n (y'_n − y_n) = (b2' − b2) Σ_n e_n + Σ_h [s'_h φ_h(v'_h) − s_h φ_h(v_h)],

a sum in which every unit stands alone. Near v, φ is φ(v) + Dφ(dv), where Dφ is linear but for one bend
a kink row (a row with x_n · v = 0). So the point is a local minimum if Σ e = 0, φ_h(v_h) = 0, and

- s_h ≠ 0: s_h Dφ_h(dv) ≥ 0 for every dv;
- s_h = 0: Dφ_h(dv) = 0 for every dv;

and if one of these fails the loss gets lower nearby: along dv to first order, or, where s_h = 0, along dv and
an s that rises or falls with it, to second order. The test is both necessary and sufficient, whatever
directions are flat. Wu, Simsek & Ged (arXiv 2402.05626, ICLR 2025) call a unit that fails the second
an escape neuron; their theorem is this one for the squared loss.
"""

from itertools import product

import numpy as np
import scipy

from nnxor.landscape.regions import Array, Mask

MOST_BENDS = 8  # most downward bends whose combinations are tried where kink rows depend on each other


def slopes(x: Array, pull: Array, bend: Array) -> tuple[Array, Array, Mask]:
    """The steepest descent found of U functions f(dv) = pull · dv + Σ_n bend_n · max(0, x_n · dv).

    x (k, K) are the kink rows that all share, pull (U, K) and bend (U, k). Returns the slope (U,), ≤ 0, and 0 only
    where f is nowhere negative (up to rounding); the unit vector dv (U, K) that has it, and whether it is certain (U,).
    """
    return (_independent if np.linalg.matrix_rank(x) == len(x) else _dependent)(x, pull, bend)


def _independent(x: Array, pull: Array, bend: Array) -> tuple[Array, Array, Mask]:
    """Every x_n · dv can be chosen freely, so each row is a question of its own."""
    edges = np.linalg.pinv(x)  # column n moves x_n · dv alone
    within = pull - (pull @ edges) @ x
    down = np.concatenate([-(within**2).sum(1, keepdims=True), pull @ edges + bend, -(pull @ edges)], axis=1)
    length = np.linalg.norm(edges, axis=0)
    tall = np.linalg.norm(within, axis=1, keepdims=True)
    value = down / np.concatenate([np.where(tall > 0, tall, 1), np.tile(length, (len(pull), 2))], axis=1)
    best = np.argmin(value, axis=1)
    units = np.arange(len(pull))
    ways = np.stack([*(edges / length).T, *-(edges / length).T])
    flat = -within / np.where(tall > 0, tall, 1)
    direction = np.where((best == 0)[:, None], flat, ways[best - 1])
    return np.minimum(value[units, best], 0.0), direction, np.ones(len(pull), bool)


def _dependent(x: Array, pull: Array, bend: Array) -> tuple[Array, Array, Mask]:
    """The general case, once for each function that differs from the others."""
    if not len(pull):
        return np.zeros(0), pull, np.zeros(0, bool)
    table, which = np.unique(np.round(np.column_stack([pull, bend]), 12), axis=0, return_inverse=True)
    found = [_steepest(x, row[: x.shape[1]], row[x.shape[1] :]) for row in table]
    slope, direction, certain = (np.array(part)[which.reshape(-1)] for part in zip(*found, strict=True))
    return slope, direction, certain


def _steepest(x: Array, pull: Array, bend: Array) -> tuple[float, Array, bool]:
    """Steepest descent of one function.

    A downward bend is the smaller of 0 and its slope, so f is the least of 2^m convex functions; the steepest
    descent of a convex one is against its shortest subgradient.
    """
    up, downs = bend > 0, np.flatnonzero(bend < 0)
    certain = len(downs) <= MOST_BENDS
    best, direction = 0.0, np.zeros(x.shape[1])
    for chosen in product((0.0, 1.0), repeat=min(len(downs), MOST_BENDS)):
        kept = downs[: len(chosen)]
        shortest = pull + np.array(chosen) @ (bend[kept, None] * x[kept])
        if up.any():
            box = (bend[up, None] * x[up]).T
            nearest = scipy.optimize.lsq_linear(box, -shortest, bounds=(0, 1), method="bvls", tol=1e-15)
            shortest = shortest + box @ nearest.x
        length = float(np.linalg.norm(shortest))
        if -length < best:
            best, direction = -length, -shortest / length
    return best, direction, certain or best < -1e-6
