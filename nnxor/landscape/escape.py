"""Ways down from a stationary point, unit by unit: minimum, saddle or kink, by an exact test of first order.

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

from dataclasses import dataclass, fields
from itertools import product
from typing import Self

import numpy as np
import scipy

from nnxor.arrays import Array, Mask, Texts, Wholes
from nnxor.landscape.curvature import Local, Problem, numbers, row_losses, rows_are_convex

KINDS = ("minimum", "infinity", "saddle", "kink", "shoulder", "unknown")  # every verdict on a point
ZERO = 1e-9  # slopes and errors up to this are 0, in units in which inputs, targets and row weights are at most 1
NONZERO = 1e-6  # slopes from this on are not 0; between the two nothing is claimed
MOVING = "not stationary"  # why nothing is known of a point at which the loss has a slope
MOST_BENDS = 8  # most downward bends whose combinations are tried where kink rows depend on each other


@dataclass
class Verdict:
    """What kind of point each of R networks rests at, and the evidence; parameters are vectors (R, P) of a problem.

    way: of norm 1 where kind is `saddle`, `kink` or `infinity`, else 0: small steps along it lower the loss, and in
    the last case steps of any size.
    radius: a minimum is proved to be the lowest among all parameters closer than this (inf: among all); NaN for other
    kinds, and where the loss is not convex in the outputs everywhere, (R,).
    """

    problem: Problem
    kind: Texts  # one of `KINDS`, (R,)
    reason: Texts  # why it is unknown, in a few words, (R,)
    theta: Array  # the polished parameters, far out where the kind is `infinity`, and unpolished where it is `shoulder`
    way: Array
    unit: Wholes  # the hidden unit by which the loss gets lower, −1 for none, (R,)
    row: Wholes  # the kink row that it crosses, −1 for none, (R,)
    loss: Array  # at theta, (R,)
    radius: Array

    @classmethod
    def empty(cls, problem: Problem, theta: Array, reason: str) -> Self:
        """Nothing known yet, for this reason."""
        n, (unit, row), (loss, radius) = len(theta), np.full((2, len(theta)), -1), np.full((2, len(theta)), np.nan)
        kinds, reasons = np.full(n, "unknown", "U8"), np.full(n, reason, "U40")
        return cls(problem, kinds, reasons, theta, np.zeros_like(theta), unit, row, loss, radius)

    def put(self, where: Wholes, other: Self) -> None:
        """Replace the verdicts on some networks."""
        for field in fields(self)[1:]:
            getattr(self, field.name)[where] = getattr(other, field.name)


def test_units(problem: Problem, theta: Array, kink: Mask, rows: Array) -> Verdict:
    """Verdicts on polished networks, unit by unit."""
    theta = theta.copy()
    s = problem.split(theta)[1]
    s[(np.abs(s) <= ZERO * (1 + np.abs(s).max(axis=1, keepdims=True))) & problem.scales_units] = 0.0  # polished to 0
    local = Local(problem, theta, kink, rows)
    verdict = Verdict.empty(problem, theta, MOVING)
    still = _stationarity(local) <= ZERO
    slope, dv, ds, row, certain = _ways_down(local)
    doubtful = ((slope < -ZERO) & (slope > -NONZERO)) | ~certain
    convex = np.asarray(rows_are_convex(problem, local.y).all(axis=1))
    minimum = still & (slope.min(axis=1) >= -ZERO) & ~doubtful.any(axis=1)
    unsure = np.flatnonzero(minimum & ~convex)
    convex[unsure] = _curves_up(Local(problem, theta[unsure], kink[unsure]))
    verdict.reason[still] = "neither clearly 0 nor clearly not"
    verdict.reason[minimum & ~convex] = "a row's loss is not convex there"
    verdict.kind[minimum & convex] = "minimum"
    # told is a unit's way down of first order, else one without a kink, else any; the steepest of them
    order = np.select([slope > -NONZERO, s != 0, row < 0], [3, 0, 1], 2)
    networks = np.flatnonzero(still & (slope.min(axis=1) <= -NONZERO))
    at = networks, np.lexsort((slope, order), axis=1)[networks, 0]
    # where s = 0, moving v alone changes nothing and s must move along: by so little that what it does to the rows
    # that are active costs less than half of what the two gain together
    cost = np.einsum("rn,rn->r", np.abs(local.curve[networks]), local.a[at] ** 2)
    v_way, s_way, _ = problem.split(verdict.way)
    v_way[at], s_way[at] = dv[at], ds[at] * np.minimum(1.0, np.abs(slope[at]) / np.maximum(cost, 1e-300))
    verdict.unit[networks], verdict.row[networks], verdict.reason[networks] = at[1], row[at], ""
    verdict.kind[networks] = np.where(row[at] >= 0, "kink", "saddle")
    _over_the_outputs_kink(local, verdict)
    return verdict


def _over_the_outputs_kink(local: Local, verdict: Verdict) -> None:
    """Enter ways down that raise rows whose prediction is on the kink of the output, where the loss seems flat.

    Above it a row has the slope of the row's error. Where descent along these raises every such row with a target above
    0, and the loss falls, counting those with lower targets that rise too, it is a way down.
    """
    problem = local.problem
    if not problem.outer:
        return
    on = np.abs(local.y) <= ZERO
    raised = on & (problem.t > 0)
    error = np.where(on, -problem.c * problem.t, local.error)
    way = -np.einsum("rnp,rn->rp", local.jacobian, error)
    change = np.einsum("rnp,rp->rn", local.jacobian, way)
    up = np.where(raised, change, np.inf).min(axis=1)
    falls = -np.sum(error * np.where(on, np.maximum(change, 0), change), axis=1) > NONZERO
    at = np.flatnonzero(raised.any(axis=1) & (up > NONZERO) & falls & (verdict.kind == "unknown"))
    verdict.kind[at], verdict.way[at], verdict.row[at] = "kink", way[at], raised[at].argmax(axis=1)


def _curves_up(local: Local) -> Mask:
    """Whether the loss curves upwards along every change of the outputs that is possible near by, (R,).

    While no unit crosses a kink, outputs stay in the linear span of what single units can add to them, whatever the
    parameters. So a stationary point is a minimum if the loss is convex on that span, even where that of single rows
    is not, and rises at once where a kink is crossed. Rows that cost nothing can only rise.
    """
    problem, (r, h, k), n = local.problem, local.v.shape, len(local.problem.x)
    costs = row_losses(problem, local.y)[0] > ZERO**2
    acts = local.slope * ((local.s != 0) | problem.scales_units)[..., None]
    moved = (acts[..., None] * local.rows).transpose(0, 2, 1, 3).reshape(r, n, h * k)
    parts = [moved, local.a.transpose(0, 2, 1) * problem.scales_units, np.ones((r, n, int(problem.bias)))]
    can = np.concatenate(parts, axis=2) * costs[..., None]
    still = np.abs(np.einsum("rn,rnp->rp", local.error, can)).max(axis=1) <= ZERO
    rises = problem.bend * local.s[..., None] * local.error[:, None] > NONZERO
    span, size, _ = np.linalg.svd(numbers(can), full_matrices=False)
    unused = size <= ZERO * size[:, :1]
    span = span * ~unused[:, None]
    curve = (span * local.curve[..., None]).transpose(0, 2, 1) @ span + unused[:, None] * np.eye(size.shape[1])
    safe = (~local.kink | rises | ~costs[:, None]).all(axis=(1, 2))
    return np.asarray(still & safe & (np.linalg.eigvalsh(numbers(curve))[:, 0] > NONZERO))


def _stationarity(local: Local) -> Array:
    """The largest slope that neither a kink nor a vanishing output weight explains, (R,); 0 for stationary ones."""
    parts = [  # that for v is without its factor s, so that a small output weight hides nothing
        np.where(local.s != 0, np.linalg.norm(local.pulls, axis=2), 0.0).max(axis=1),
        np.abs(np.einsum("rn,rhn->rh", local.error, local.a)).max(axis=1) * local.problem.scales_units,
        np.abs(local.error.sum(axis=1)) * (local.problem.bias and local.problem.free[-1]),
    ]
    return np.asarray(np.max(parts, axis=0))


def _ways_down(local: Local) -> tuple[Array, Array, Array, Wholes, Mask]:
    """The steepest way down of every unit, across kinks where that is steeper than staying on them.

    Slope (R, H), ≤ 0; dv (R, H, K); how s must follow; the kink row crossed, −1 for none; whether all that is certain.
    """
    problem, s, within = local.problem, local.s, local.pulls
    pull = np.einsum("rn,rhn,nk->rhk", local.error, local.slope, problem.felt)
    length = np.linalg.norm(within, axis=2)
    slope = np.where((s == 0) & problem.scales_units, -length, 0.0)
    dv = np.divide(within, length[..., None], out=np.zeros_like(within), where=length[..., None] > 0)
    ds, row, certain = np.where(s == 0, -1.0, 0.0), np.full(s.shape, -1), np.ones(s.shape, bool)
    patterns = {each.tobytes(): each for each in local.kink[local.kink.any(axis=2)]}.values()
    for pattern, sign in product(patterns, (1.0, -1.0)):
        signed = (np.sign(s) == sign) | ((s == 0) & problem.scales_units)
        at = np.nonzero((local.kink == pattern).all(axis=2) & signed)
        held, x = np.flatnonzero(pattern), problem.felt[pattern]
        bend = problem.bend * local.error[at[0]][:, held]
        steepest, way, sure = slopes(x, sign * pull[at], sign * bend)
        # the row that a step changes most, weighed by its bend; −1 if it changes none
        change = np.abs(way @ x.T) * np.where(np.abs(bend) > 0, 1 + np.abs(bend), 1e-3)
        crossed = np.where(change.max(axis=1) > 1e-12, change.argmax(axis=1), -1)
        plain = (row[at] < 0) & (slope[at] <= -NONZERO)
        better = (crossed >= 0) & (steepest < slope[at]) & ~plain
        certain[at] &= sure
        at = (at[0][better], at[1][better])
        slope[at], dv[at], row[at] = steepest[better], way[better], held[crossed[better]]
        ds[at] = np.where(s[at] == 0, sign, 0.0)
    return slope, dv, ds, row, certain


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
    """Steepest descent of one function, the least of 2^m convex ones: a bend down is the lesser of 0 and its slope."""
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
            best, direction = -length, -shortest / length  # against the shortest subgradient of a convex function
    return best, direction, certain or best < -1e-6
