"""Minimum, saddle or kink: what kind of point a training came to rest at, in bulk and with a proof.

1. Polish. A float32 end point is blurred, so Newton's method carries it in float64 to the stationary point
   beside it, with the rows on a kink held there. A unit is on the kink at a row where its pre-activation is exactly 0.
2. Piecewise linear activations: the exact test of `escape`, unit by unit, at that point.
   - `minimum`: no nearby point has a lower loss;
   - `kink`: the loss gets lower along a direction that takes a unit across a kink;
   - `saddle`: it gets lower along a direction that no kink takes part in;
   - `unknown`: there is no stationary point close by, or a number is neither clearly 0 nor clearly not.
3. Smooth activations: by the eigenvalues of the Hessian; `unknown` where it is singular, unless every row's loss is
   as low as it can be.

A minimum comes with the distance for which it is proved. Where that is no more than float32 can resolve, a
pre-activation is almost but not exactly 0 and beyond it the loss gets lower: that is `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.landscape.curvature import Array, Local, Mask, Problem, hessian, jacobian, look, pulls, rows_are_convex
from nnxor.landscape.escape import slopes
from nnxor.network.draws import Weights

KINDS = ("minimum", "saddle", "kink", "unknown")
"""Every kind of point."""

ROUNDING = 1e-14
"""Pre-activations closer to 0 than this, relative to Σ|x·w| + |b|, are 0: their terms cancel exactly."""

NARROWEST = 1e-6
"""A minimum that is proved for less than this distance is not claimed: float32 could not tell it from a kink."""

ZERO = 1e-9
"""Slopes and errors up to this, relative to the weight of a row in the loss, are 0."""

NONZERO = 1e-6
"""Slopes from this on, relative to the same weight, are not 0; between the two nothing is claimed."""

FARTHEST = 0.02
"""Longest way that polishing may go, relative to 1 + the norm of the parameters."""

SAME_LEVEL = 1e-3
"""Most that polishing may change the loss, relative to the weight of a row in it."""

SNAP = 1e-4
"""Where nothing else leads to a stationary point: pre-activations (relative, as above) and output weights up to this
are taken to be on their way to 0."""

RANK = 1e-9
"""Eigenvalues of the Hessian up to this, relative to the largest, count as 0."""

NOWHERE, MOVING = "no stationary point nearby", "not stationary"
"""Reasons to know nothing that the code itself looks at."""

CHUNK = 1024
"""Networks that are worked on at a time, which bounds the memory."""


@dataclass(frozen=True)
class Certificates:
    """What kind of point each of R networks rests at, and the numbers behind it.

    kind: one of `KINDS`, (R,). reason: why, in a few words, (R,).
    weights: the polished parameters, in float64. loss, gradient_norm: there, by the training's own derivative at 0,
    (R,). moved: distance from the parameters that were given, (R,).
    radius: a minimum is proved to be the lowest among all parameters closer than this (inf: among all); NaN for other
    kinds, and where the loss is not convex in the outputs everywhere, (R,).
    rank, smallest_eigenvalue: of the Hessian within the activation region, a row on a kink counting as below it, (R,).
    unit, row: the hidden unit by which the loss gets lower and the kink row that it crosses; −1 for none, (R,).
    direction: of norm 1 where kind is `saddle` or `kink`, else 0: small steps along it lower the loss.
    """

    kind: NDArray[np.str_]
    reason: NDArray[np.str_]
    weights: Weights
    loss: Array
    gradient_norm: Array
    moved: Array
    radius: Array
    rank: NDArray[np.int_]
    smallest_eigenvalue: Array
    unit: NDArray[np.int_]
    row: NDArray[np.int_]
    direction: Weights


@dataclass
class _Verdict:
    """Certificates in the making: kind as an index of KINDS, and parameters as vectors (R, P)."""

    kind: NDArray[np.int_]
    reason: NDArray[np.str_]
    theta: Array
    direction: Array
    unit: NDArray[np.int_]
    row: NDArray[np.int_]

    @classmethod
    def empty(cls, theta: Array, reason: str) -> _Verdict:
        """Nothing known yet, for this reason."""
        none = np.full(len(theta), -1)
        unknown = np.full(len(theta), KINDS.index("unknown"))
        return cls(unknown, np.full(len(theta), reason, "U40"), theta, np.zeros_like(theta), none, none.copy())

    def put(self, where: NDArray[np.int_], other: _Verdict) -> None:
        """Replace the verdicts on some networks."""
        for field in fields(self):
            getattr(self, field.name)[where] = getattr(other, field.name)


def certify(condition: Condition, weights: Weights) -> Certificates:
    """Certificates of R networks of one condition, at or near rest, from their final weights of any dtype.

    Networks that are not finite, and conditions whose activation, output or loss is not among those of
    `curvature`, are `unknown`. Raises ValueError if the shapes of the weights are not the condition's.
    """
    _check_shapes(condition, weights)
    problem = Problem.of(condition)
    given = problem.pack(weights)
    verdict = _Verdict.empty(given.copy(), "not finite")
    numbers = [np.full(len(given), np.nan) for _ in range(5)]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore", under="ignore"):
        finite = np.flatnonzero(np.isfinite(given).all(axis=1))
        for first in range(0, len(finite), CHUNK):
            here = finite[first : first + CHUNK]
            judged = _judge(problem, given[here]) if problem.is_known else _unfamiliar(problem, given[here])
            verdict.put(here, judged)
            if problem.is_known:
                for number, value in zip(numbers, _numbers(problem, judged.theta), strict=True):
                    number[here] = value
    loss, norm, radius, rank, smallest = numbers
    return Certificates(
        kind=np.array(KINDS)[verdict.kind],
        reason=verdict.reason,
        weights=problem.unpack(verdict.theta),
        loss=loss,
        gradient_norm=norm,
        moved=np.linalg.norm(verdict.theta - given, axis=1),
        radius=np.where(verdict.kind == KINDS.index("minimum"), radius, np.nan),
        rank=np.where(np.isnan(rank), -1, rank).astype(np.int_),
        smallest_eigenvalue=smallest,
        unit=verdict.unit,
        row=verdict.row,
        direction=problem.unpack(verdict.direction),
    )


def _check_shapes(condition: Condition, weights: Weights) -> None:
    d, h, r = condition.task.n_inputs, condition.hidden, weights.n_networks
    expected = ((d, h, r), (h, r), (h, r), (r,))
    found = tuple(array.shape for array in weights.arrays())
    if found != expected:
        raise ValueError(f"W1, b1, W2, b2 have shapes {found}; this condition's are {expected}")


def _unfamiliar(problem: Problem, theta: Array) -> _Verdict:
    return _Verdict.empty(theta, f"no rule for {problem.activation}, {problem.output}, {problem.loss}"[:40])


def _judge(problem: Problem, given: Array) -> _Verdict:
    """Verdicts on finite networks."""
    if not problem.has_kinks:
        return _judge_smooth(problem, given)
    exact = _near_kinks(problem, given, ROUNDING)
    verdict = _judge_on(problem, given, exact)
    _retry(problem, given, exact, verdict)
    narrow = np.flatnonzero((verdict.kind == KINDS.index("minimum")) & (_reach(problem, verdict.theta) < NARROWEST))
    verdict.put(narrow, _Verdict.empty(verdict.theta[narrow], "almost on a kink that leads down"))
    return verdict


def _retry(problem: Problem, given: Array, exact: Mask, verdict: _Verdict) -> None:
    """Look once more for a stationary point, where there was none, with what is small taken to be 0."""
    without = problem.split(given)[1]
    small = np.abs(without) <= SNAP
    dropped = given.copy()
    problem.split(dropped)[1][small] = 0.0
    almost = _near_kinks(problem, given, SNAP)
    for start, kink, hope in (
        (dropped, exact, small.any(axis=1)),
        (given, almost, (almost & ~exact).any(axis=(1, 2))),
        (dropped, almost, small.any(axis=1) & (almost & ~exact).any(axis=(1, 2))),
    ):
        lost = np.flatnonzero(np.isin(verdict.reason, (NOWHERE, MOVING)) & hope)
        if len(lost):
            verdict.put(lost, _judge_on(problem, given[lost], kink[lost], start[lost]))


def _near_kinks(problem: Problem, theta: Array, tolerance: float) -> Mask:
    """Rows at which a unit's pre-activation is 0 within the tolerance though its weights could change it, (R, H, N)."""
    v = problem.split(theta)[0]
    z, scale = np.abs(v @ problem.x.T), np.abs(v) @ np.abs(problem.x).T
    return np.asarray((z <= tolerance * scale) & problem.x.any(axis=1))


def _judge_on(problem: Problem, given: Array, kink: Mask, start: Array | None = None) -> _Verdict:
    """Verdicts on networks whose rows in `kink` (R, H, N) are taken to be on the kink, polished from `start`."""
    start, rows = _hold(problem, given if start is None else start, kink)
    theta = _polish(problem, start, kink, rows)
    verdict = _test(problem, theta, kink, rows)
    _drop_distant(problem, given, verdict)
    tired = np.flatnonzero(verdict.kind == KINDS.index("unknown"))
    if len(tired):
        again = _test(problem, _newton(problem, start[tired], kink[tired], rows[tired]), kink[tired], rows[tired])
        _drop_distant(problem, given[tired], again)
        verdict.put(tired, again)
    return verdict


def _drop_distant(problem: Problem, given: Array, verdict: _Verdict) -> None:
    """Take back what was said of points that are not those that were given: far away, or of another loss."""
    way = np.linalg.norm(verdict.theta - given, axis=1)
    kink, rows = _no_kinks(problem, given)
    change = look(problem, verdict.theta, kink, rows).loss - look(problem, given, kink, rows).loss
    close = (way <= FARTHEST * (1 + np.linalg.norm(given, axis=1))) & (np.abs(change) <= SAME_LEVEL * problem.c.max())
    lost = np.flatnonzero(~close)
    verdict.put(lost, _Verdict.empty(given[lost], NOWHERE))


def _hold(problem: Problem, given: Array, kink: Mask) -> tuple[Array, Array]:
    """Networks put on their kinks, and the inputs as units feel them that must stay there, (R, H, N, K)."""
    theta = given.copy()
    v = problem.split(theta)[0]
    rows = np.broadcast_to(problem.x, (*kink.shape, problem.x.shape[1]))
    held = np.flatnonzero(kink.any(axis=(0, 1)))
    if not len(held):
        return theta, rows
    rows = rows.copy()
    patterns, which = np.unique(kink.reshape(-1, kink.shape[2]), axis=0, return_inverse=True)
    which = which.reshape(kink.shape[:2])
    for number, pattern in enumerate(patterns):
        if pattern.any():
            x = problem.x[pattern]
            free = np.eye(x.shape[1]) - np.linalg.pinv(x) @ x
            free[np.abs(free) < 1e-12] = 0  # a bias that is free of a kink stays exactly so
            rows[which == number] = problem.x @ free
            v[which == number] = v[which == number] @ free
    return theta, rows


def _polish(problem: Problem, start: Array, kink: Mask, rows: Array, steps: int = 30) -> Array:
    """Gauss–Newton steps of least length to where no output that the parameters can move is worth moving."""
    theta = start.copy()
    moving = np.arange(len(theta))
    for _ in range(steps):
        local = look(problem, theta[moving], kink[moving], rows[moving])
        J = jacobian(problem, theta[moving], local)
        step = _limited(_gauss_newton(local, J))
        theta[moving] += step
        size = np.linalg.norm(step, axis=1)
        lively = (size > 1e-14 * (1 + np.linalg.norm(theta[moving], axis=1))) & np.isfinite(size)
        moving = moving[lively]
        if not len(moving):
            break
    return theta


def _gauss_newton(local: Local, J: Array) -> Array:
    """The step −(Jᵀ C J)⁺ Jᵀ e, shape (R, P), by way of the smaller matrix of the rows; C = diag(ℓ'')."""
    root = np.sqrt(np.maximum(local.curve, 0.0))
    scaled = J * root[..., None]
    values, vectors = np.linalg.eigh(scaled @ scaled.transpose(0, 2, 1))
    wanted = np.divide(local.error, root, out=np.zeros_like(root), where=root > 0)
    along = np.einsum("rnm,rn->rm", vectors, wanted)
    kept = values > 1e-12 * values[:, -1:]
    along = np.divide(along, values, out=np.zeros_like(values), where=kept)
    return np.asarray(-np.einsum("rnp,rnm,rm->rp", scaled, vectors, along, optimize=True))


def _limited(step: Array) -> Array:
    """Steps no longer than 1; none where there is no number."""
    size = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(np.where(np.isfinite(size), step / np.maximum(size, 1.0), 0.0))


def _newton(problem: Problem, start: Array, kink: Mask, rows: Array, steps: int = 12) -> Array:
    """Newton steps to the stationary point nearby, be it a saddle: with every second derivative."""
    theta = start.copy()
    for _ in range(steps):
        local = look(problem, theta, kink, rows)
        J = jacobian(problem, theta, local)
        values, vectors = np.linalg.eigh(_finite(hessian(problem, theta, local, J)))
        gradient = np.einsum("rnp,rn->rp", J, local.error)
        along = np.einsum("rpq,rp->rq", vectors, gradient)
        kept = np.abs(values) > 1e-8 * np.abs(values).max(axis=1, keepdims=True)
        along = np.divide(along, values, out=np.zeros_like(along), where=kept)
        theta = theta - _limited(np.einsum("rpq,rq->rp", vectors, along))
    return theta


def _finite(matrices: Array) -> Array:
    """The matrices, with 0 in place of those that are no numbers."""
    good = np.isfinite(matrices).all(axis=(1, 2), keepdims=True)
    return np.asarray(np.where(good, matrices, 0.0))


def _test(problem: Problem, theta: Array, kink: Mask, rows: Array) -> _Verdict:
    """Verdicts on polished networks, unit by unit."""
    theta = _settled_weights(problem, theta)
    local = look(problem, theta, kink, rows)
    verdict = _Verdict.empty(theta, MOVING)
    scale = problem.scale
    still = _stationarity(problem, theta, local) <= ZERO * scale
    units = _ways_down(problem, theta, kink, local)
    slope = units.slope / scale
    doubtful = ((slope < -ZERO) & (slope > -NONZERO)) | ~units.certain
    down, best = slope.min(axis=1), _plainest(problem, theta, slope, units)
    convex = rows_are_convex(problem, local.y).all(axis=1)
    minimum = still & (down >= -ZERO) & ~doubtful.any(axis=1)
    escape = still & (down <= -NONZERO)
    verdict.reason[still] = "neither clearly 0 nor clearly not"
    verdict.reason[minimum & ~convex] = "a row's loss is not convex there"
    verdict.kind[minimum & convex] = KINDS.index("minimum")
    verdict.reason[minimum & convex] = "no unit has a way down"
    networks = np.flatnonzero(escape)
    verdict.put(networks, _escapes(problem, theta[networks], local, networks, best[networks], units))
    return verdict


def _plainest(problem: Problem, theta: Array, slope: Array, ways: _Ways) -> NDArray[np.int_]:
    """The unit whose way down is told, (R,): one of first order, else one without a kink, else any; the steepest."""
    s = problem.split(theta)[1]
    order = np.select([slope > -NONZERO, s != 0, ways.row < 0], [3, 0, 1], 2)
    return np.asarray(np.lexsort((slope, order), axis=1)[:, 0])


def _settled_weights(problem: Problem, theta: Array) -> Array:
    """Output weights that polishing took to 0 made exactly 0."""
    theta = theta.copy()
    s = problem.split(theta)[1]
    s[np.abs(s) <= ZERO * (1 + np.abs(s).max(axis=1, keepdims=True))] = 0.0
    return theta


def _stationarity(problem: Problem, theta: Array, local: Local) -> Array:
    """Largest slope of the loss that no kink and no vanishing output weight excuses, (R,); 0 at a stationary point.

    The slope for v is taken without its factor s, so that a small output weight hides nothing.
    """
    s = problem.split(theta)[1]
    pull = pulls(local)
    parts = [
        np.where(s != 0, np.linalg.norm(pull, axis=2), 0.0).max(axis=1),
        np.abs(np.einsum("rn,rhn->rh", local.error, local.a)).max(axis=1),
    ]
    if problem.bias:
        parts.append(np.abs(local.error.sum(axis=1)))
    return np.asarray(np.max(parts, axis=0))


@dataclass(frozen=True)
class _Ways:
    """The steepest way down of every unit: its slope (R, H), ≤ 0; dv (R, H, K); whether s must follow; the kink row."""

    slope: Array
    dv: Array
    ds: Array
    row: NDArray[np.int_]
    certain: Mask


def _ways_down(problem: Problem, theta: Array, kink: Mask, local: Local) -> _Ways:
    """The steepest way down of every unit at a stationary point, by the test of `escape`."""
    s = problem.split(theta)[1]
    pull = np.einsum("rn,rhn,nk->rhk", local.error, local.slope, problem.x)
    within = pulls(local)
    length = np.linalg.norm(within, axis=2)
    ways = _Ways(
        slope=np.where(s == 0, -length, 0.0),
        dv=np.divide(within, length[..., None], out=np.zeros_like(within), where=length[..., None] > 0),
        ds=np.where(s == 0, -1.0, 0.0),
        row=np.full(s.shape, -1),
        certain=np.ones(s.shape, bool),
    )
    on_kink = kink.any(axis=2)
    patterns, which = np.unique(kink[on_kink], axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        units = tuple(index[which.reshape(-1) == number] for index in np.nonzero(on_kink))
        _cross(problem, np.flatnonzero(pattern), units, s[units], pull[units], local.error[units[0]], ways)
    return ways


def _cross(
    problem: Problem, held: NDArray[np.int_], units: tuple[NDArray[np.int_], ...],
    s: Array, pull: Array, error: Array, ways: _Ways,
) -> None:  # fmt: skip
    """Enter the ways down of units that share their kink rows `held`, where crossing is steeper than staying."""
    x = problem.x[held]
    bend = (1 - problem.slope) * error[:, held]
    for sign in (1.0, -1.0):
        chosen = np.flatnonzero((np.sign(s) == sign) | (s == 0))
        at = tuple(index[chosen] for index in units)
        slope, dv, certain = slopes(x, sign * pull[chosen], sign * bend[chosen])
        crossed = _crossed(x, dv, bend[chosen])
        plain = (ways.row[at] < 0) & (ways.slope[at] <= -NONZERO * problem.scale)
        better = (crossed >= 0) & (slope < ways.slope[at]) & ~plain
        ways.certain[at] &= certain
        at = tuple(index[better] for index in at)
        ways.slope[at], ways.dv[at], ways.row[at] = slope[better], dv[better], held[crossed[better]]
        ways.ds[at] = np.where(s[chosen][better] == 0, sign, 0.0)


def _crossed(x: Array, dv: Array, bend: Array) -> NDArray[np.int_]:
    """Which of the kink rows x (k, K) a step dv (U, K) changes most, weighed by its bend; −1 if none."""
    change = np.abs(dv @ x.T) * np.where(np.abs(bend) > 0, 1 + np.abs(bend), 1e-3)
    return np.where(change.max(axis=1) > 1e-12, change.argmax(axis=1), -1)


def _escapes(
    problem: Problem, theta: Array, local: Local, networks: NDArray[np.int_], unit: NDArray[np.int_], ways: _Ways
) -> _Verdict:
    """Verdicts on networks of which a unit has a way down, with the direction.

    Where s = 0, moving v alone changes nothing and s must move along: by so little that what it does to the rows
    that are active costs less than half of what the two gain together.
    """
    at = (networks, unit)
    verdict = _Verdict.empty(theta, "")
    dv, ds = problem.split(verdict.direction)[:2]
    here = np.arange(len(networks))
    cost = np.einsum("rn,rn->r", np.abs(local.curve[networks]), local.a[at] ** 2)
    gain = np.abs(ways.slope[at])
    dv[here, unit] = ways.dv[at]
    ds[here, unit] = ways.ds[at] * np.minimum(1.0, gain / np.maximum(cost, 1e-300))
    verdict.direction /= np.maximum(np.linalg.norm(verdict.direction, axis=1, keepdims=True), 1e-300)
    verdict.unit, verdict.row = unit, ways.row[at]
    crossing = verdict.row >= 0
    verdict.kind = np.where(crossing, KINDS.index("kink"), KINDS.index("saddle"))
    verdict.reason[crossing] = "a unit's kink hides a way down"
    verdict.reason[~crossing] = "a unit with output weight 0 escapes"
    return verdict


def _judge_smooth(problem: Problem, given: Array) -> _Verdict:
    """Verdicts by the Hessian, for activations without kinks."""
    kink, rows = _no_kinks(problem, given)
    theta = _newton(problem, given, kink, rows, steps=30)
    verdict = _Verdict.empty(theta, MOVING)
    local = look(problem, theta, kink, rows)
    J = jacobian(problem, theta, local)
    values, vectors = np.linalg.eigh(_finite(hessian(problem, theta, local, J)))
    scale = problem.c.max()
    norm = np.linalg.norm(np.einsum("rnp,rn->rp", J, local.error), axis=1)
    still = norm <= ZERO * scale
    size = np.abs(values).max(axis=1)
    lowest = values[:, 0]
    fitted = (np.abs(local.error) <= ZERO * scale).all(axis=1) & rows_are_convex(problem, local.y).all(axis=1)
    minimum = still & (fitted | (lowest > NONZERO * size))
    saddle = still & ~fitted & (lowest < -NONZERO * size)
    verdict.reason[still] = "the Hessian is singular"
    verdict.kind[minimum], verdict.reason[minimum] = KINDS.index("minimum"), "the Hessian is positive definite"
    verdict.reason[fitted & still] = "every row is fitted"
    verdict.kind[saddle], verdict.reason[saddle] = KINDS.index("saddle"), "the Hessian has a negative eigenvalue"
    verdict.direction[saddle] = vectors[saddle, :, 0]
    _drop_distant(problem, given, verdict)
    return verdict


def _no_kinks(problem: Problem, theta: Array) -> tuple[Mask, Array]:
    shape = (len(theta), problem.hidden, len(problem.x))
    return np.zeros(shape, bool), np.broadcast_to(problem.x, (*shape, problem.x.shape[1]))


def _reach(problem: Problem, theta: Array) -> Array:
    """How far, in Euclidean distance, no kink upsets the inequality of `escape` around a minimum, (R,).

    A kink of row n bends s φ by s·error_n. Upwards does no harm, as long as s keeps its sign; downwards must
    not be reached.
    """
    kink = _near_kinks(problem, theta, ROUNDING)
    local = look(problem, theta, kink, _no_kinks(problem, theta)[1])
    s = problem.split(theta)[1][..., None]
    felt = np.linalg.norm(problem.x, axis=1)
    away = np.where(felt > 0, np.abs(local.z) / np.where(felt > 0, felt, 1.0), np.inf)
    bend = ((1 - problem.slope) * local.error)[:, None, :]
    harmless = np.where(s * bend > 0, np.maximum(away, np.abs(s)), away)
    matters = np.abs(bend) > ZERO * problem.c.max()
    return np.asarray(np.where(matters, harmless, np.inf).min(axis=(1, 2)))


def _numbers(problem: Problem, theta: Array) -> tuple[Array, Array, Array, Array, Array]:
    """Loss, gradient norm, radius, and rank and smallest eigenvalue of the Hessian, each (R,)."""
    kink, rows = _no_kinks(problem, theta)
    if problem.has_kinks:
        kink = _near_kinks(problem, theta, ROUNDING)
    felt = look(problem, theta, kink, rows, inside=False)
    norm = np.linalg.norm(np.einsum("rnp,rn->rp", jacobian(problem, theta, felt), felt.error), axis=1)
    local = look(problem, theta, kink, rows)
    J = jacobian(problem, theta, local)
    everywhere = problem.has_kinks and (problem.loss == "bce" or problem.output == "identity")
    reach = _reach(problem, theta) if everywhere else np.full(len(theta), np.nan)
    values = np.zeros((len(theta), J.shape[2]))
    crossed = np.abs(pulls(local)).max(axis=(1, 2)) > ZERO * problem.c.max()
    plain = ~crossed & (local.bend == 0).all(axis=(1, 2)) & (local.curve >= 0).all(axis=1)
    scaled = J * np.sqrt(np.maximum(local.curve, 0.0))[..., None]
    few = min(J.shape[1:])
    values[plain, :few] = np.linalg.eigvalsh(scaled[plain] @ scaled[plain].transpose(0, 2, 1))[:, -few:]
    full = ~plain
    values[full] = np.linalg.eigvalsh(_finite(hessian(problem, theta[full], _pick(local, full), J[full])))
    rank = (np.abs(values) > RANK * np.abs(values).max(axis=1, keepdims=True)).sum(axis=1)
    return local.loss, norm, reach, rank.astype(np.float64), values.min(axis=1)


def _pick(local: Local, which: Mask) -> Local:
    """The loss around some of the networks."""
    return replace(local, **{field.name: getattr(local, field.name)[which] for field in fields(local)})
