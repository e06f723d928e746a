"""Minimum, saddle or kink: what kind of point a training came to rest at, in bulk and with a proof.

What the kinds mean stands in docs/columns.md. No way leads along frozen parameters.
1. Polish. A float32 end point is imprecise, so Newton's method leads from it, in float64, to the stationary point
   beside it, with rows that are on a kink held there: rows on which a unit's pre-activation is exactly 0.
2. Piecewise linear activations: the exact test of `escape`, unit by unit, at that point.
3. Smooth activations: by the eigenvalues of the Hessian; units that saturate also by `recession`.
"""

import numpy as np

from nnxor.arrays import Array, Mask, Wholes
from nnxor.condition import Condition
from nnxor.landscape.curvature import Local, Problem, derivative, rows_are_convex
from nnxor.landscape.escape import MOVING, NONZERO, ZERO, Verdict, test_units
from nnxor.landscape.recession import FAR, outward, saturated
from nnxor.landscape.regions import APPROACH
from nnxor.landscape.steps import ROUNDING, descend, hold, near_kinks, newton, polish
from nnxor.network.draws import Weights

NARROWEST = 1e-6  # A minimum proved for less than this, relative to a unit's weights, float32 hardly tells from a kink
FARTHEST = 0.02  # how far polishing may go out of the activation region, relative to 1 + the norm of the parameters
SAME_LEVEL = 4e-4  # most that polishing may change the loss
SNAP = 1e-4  # If nothing else leads to a stationary point, numbers as small as this are taken to be on their way to 0
ASLEEP = 1e-3  # A smooth unit with a smaller slope may be on its way to infinity, where everything is flat
LINE = 10.0 ** -np.arange(2, 7)  # Steps that are tried of a unit that can only move along a line
FLAT = 0.4  # Smooth units with input weights up to this are nearly constant; their saddles lie where they are constant
NOWHERE = "no stationary point nearby"  # why nothing is known of a network that is not at rest
MOST_NUMBERS = 4 * 10**6  # about how many numbers the largest array may hold of the networks worked on at a time


@np.errstate(all="ignore")
def certify(condition: Condition, weights: Weights) -> Verdict:
    """The kind of point that each of R networks of one condition rests at, from final weights of any dtype, near rest.

    Networks that are not finite are `unknown`. The verdict is given in units of the problem's own
    (`Problem.in_units`), so that none depends on the scale of inputs, targets, losses or weights. Raises ValueError if
    the shapes of the weights are not the condition's.
    """
    d, h, r = condition.task.n_inputs, condition.hidden, weights.n_networks
    expected, found = ((d, h, r), (h, r), (h, r), (r,)), tuple(array.shape for array in weights)
    if found != expected:
        raise ValueError(f"W1, b1, W2, b2 have shapes {found}; this condition's are {expected}")
    problem = Problem(condition)
    given = problem.pack(weights)
    verdict = Verdict.empty(problem, given.copy(), "not finite")
    for here in _at_once(problem, np.flatnonzero(np.isfinite(given).all(axis=1))):
        scaled, sizes = problem.in_units(given[here])
        judged = _judge(scaled, given[here] / sizes)
        judged.theta, judged.way = judged.theta * sizes, judged.way * sizes
        norm = np.linalg.norm(judged.way, axis=1, keepdims=True)
        judged.way /= np.where(norm > 0, norm, 1.0)
        judged.loss = Local(problem, judged.theta).loss
        if problem.has_kinks and condition.convex:
            judged.radius = np.where(judged.kind == "minimum", _reach(problem, judged.theta), np.nan)
        verdict.put(here, judged)
    return verdict


@np.errstate(all="ignore")
def go_down(condition: Condition, weights: Weights) -> Weights:
    """R finite networks at the ends of their ways down (`nnxor.landscape.steps`), in float64."""
    problem = Problem(condition)
    given = problem.pack(weights)
    for here in _at_once(problem, np.arange(len(given))):
        scaled, sizes = problem.in_units(given[here])
        given[here] = descend(scaled, given[here] / sizes) * sizes
    return problem.unpack(given)


def _at_once(problem: Problem, networks: Wholes) -> list[Wholes]:
    """The networks in portions whose Hessians and Jacobians fit into memory."""
    n_parameters = len(problem.free)
    most = max(1, MOST_NUMBERS // (n_parameters * max(n_parameters, len(problem.x))))
    return [networks[first : first + most] for first in range(0, len(networks), most)]


def _judge(problem: Problem, given: Array) -> Verdict:
    if not problem.has_kinks:
        return _judge_smooth(problem, given)
    verdict = _sought(problem, given)
    for _ in range(3):  # minima that are proved only very close by are judged as if they lay on the kink beside them
        narrow = np.flatnonzero((verdict.kind == "minimum") & (_reach(problem, verdict.theta) < NARROWEST))
        if not len(narrow):
            break
        theta = verdict.theta[narrow]
        kink, start = near_kinks(problem, theta, NARROWEST, distance=True), _without(problem, theta, NARROWEST)
        verdict.put(narrow, _judge_on(problem, theta, kink, start))
    else:
        verdict.put(narrow, Verdict.empty(problem, theta, "almost on a kink that leads down"))
    way = outward(problem, verdict.theta, near_kinks(problem, verdict.theta, ROUNDING))
    endless = np.flatnonzero((verdict.kind == "minimum") & way.any(axis=1))
    verdict.kind[endless], verdict.way[endless] = "infinity", way[endless]
    return verdict


def _sought(problem: Problem, given: Array) -> Verdict:
    """Verdicts on stationary points near by: as given, with small weights made 0, or with the outputs fitted anew."""
    verdict, lost = Verdict.empty(problem, given.copy(), NOWHERE), np.arange(len(given))
    for dropped, near in ((0, 0), (SNAP, 0), (0, SNAP), (SNAP, SNAP), (0, 10 * SNAP), (0, 30 * SNAP), (0, 100 * SNAP)):
        kink, start = near_kinks(problem, given[lost], near), _without(problem, given[lost], dropped)
        verdict.put(lost, _judge_on(problem, given[lost], kink, start))
        lost = np.flatnonzero(np.isin(verdict.reason, (NOWHERE, MOVING)))
        if not len(lost):
            return verdict
    if problem.scales_units:
        exact = near_kinks(problem, given[lost], ROUNDING)
        nothing_felt = np.zeros((*exact.shape, problem.x.shape[1]))
        fitted = polish(problem, _without(problem, given[lost], np.inf), exact, nothing_felt)
        verdict.put(lost, _judge_on(problem, given[lost], exact, fitted))
    return verdict


def _without(problem: Problem, theta: Array, size: float) -> Array:
    """The networks with output weights up to a size made 0; where those are frozen, whole units' input weights."""
    theta = theta.copy()
    v, s, _ = problem.split(theta)
    if problem.scales_units:
        s[np.abs(s) <= size] = 0.0
    else:
        v[np.linalg.norm(v, axis=2) <= size] *= ~problem.free[: v.shape[2]]
    return theta


def _judge_on(problem: Problem, given: Array, kink: Mask, start: Array) -> Verdict:
    """Verdicts on networks whose rows in `kink` (R, H, N) are taken to be on the kink, polished from `start`."""
    kink = kink | near_kinks(problem, start, ROUNDING)
    start, rows = hold(problem, start, kink)
    way = FAR * outward(problem, start, kink)
    if way.any():
        start, rows = hold(problem, start + way, kink)
    verdict = test_units(problem, polish(problem, start, kink, rows), kink, rows)
    _drop_distant(problem, given, way, kink, verdict)
    tired = np.flatnonzero(verdict.kind == "unknown")
    if len(tired):
        start, on, felt = start[tired], kink[tired], rows[tired]
        again = test_units(problem, polish(problem, start, on, felt, newton, steps=12), on, felt)
        _drop_distant(problem, given[tired], way[tired], on, again)
        verdict.put(tired, again)
    return verdict


def _drop_distant(problem: Problem, given: Array, way: Array | float, kink: Mask | bool, verdict: Verdict) -> None:
    """Take back verdicts on points that are not the given ones: with another loss, or far away.

    A point in the same activation region, except for rows in `kink`, does not count as far away: a valley there may be
    long and nearly flat. `way` leads from the given point to infinity: if it lowers the loss by much, that was no rest.
    """
    moved = given + way
    here, there = Local(problem, moved), Local(problem, verdict.theta)
    near = ~is_far(verdict.theta, moved)
    if problem.has_kinks:
        near |= (((here.z > 0) == (there.z > 0)) | kink).all(axis=(1, 2))
        near &= (~kink | (np.abs(there.z) <= ZERO)).all(axis=(1, 2))  # frozen weights may keep rows off their kinks
    near &= Local(problem, given).loss - here.loss <= APPROACH * problem.c.sum()
    lost = np.flatnonzero(~(near & (np.abs(there.loss - here.loss) <= SAME_LEVEL)))
    verdict.put(lost, Verdict.empty(problem, given[lost], NOWHERE))


def is_far(theta: Array, given: Array) -> Mask:
    """Whether points (R, P) lie farther away than polishing may lead, (R,)."""
    return np.asarray(np.linalg.norm(theta - given, axis=1) > FARTHEST * (1 + np.linalg.norm(given, axis=1)))


def _judge_smooth(problem: Problem, given: Array) -> Verdict:
    """Verdicts by the Hessian: of the networks as given, with nearly constant units made constant, with rows fitted."""
    verdict, constant = _by_hessian(problem, given), given.copy()
    weights = problem.split(constant)[0][:, :, : problem.x.shape[1] - problem.bias]
    weights[(np.linalg.norm(weights, axis=2) <= FLAT) & problem.free[0]] = 0.0
    for start in (constant, polish(problem, given)):
        close = np.abs(Local(problem, start).loss - Local(problem, given).loss) <= SAME_LEVEL
        lost = np.flatnonzero((verdict.kind == "unknown") & close & (np.abs(start - given).max(axis=1) <= FLAT))
        told = _by_hessian(problem, start[lost])
        told.kind[(told.kind == "minimum") & is_far(told.theta, given[lost])] = "unknown"  # not where it will rest
        verdict.put(lost, told)
    far, way = saturated(problem, given, SAME_LEVEL)
    endless = np.flatnonzero((verdict.kind == "unknown") & np.isfinite(far).all(axis=1))
    verdict.kind[endless], verdict.theta[endless], verdict.way[endless] = "infinity", far[endless], way[endless]
    return verdict


def _by_hessian(problem: Problem, given: Array) -> Verdict:
    """Verdicts on the stationary points that Newton's method leads to; flatter saddles must be met more closely."""
    theta = polish(problem, given, step_from=newton)
    verdict, local = Verdict.empty(problem, theta, MOVING), Local(problem, theta)
    values, vectors = local.modes
    slope, size, lowest = np.linalg.norm(local.gradient, axis=1), np.abs(values).max(axis=1), values[:, 0]
    still = slope <= ZERO
    twins = (problem.x[:, None] == problem.x).all(axis=2)  # rows of equal inputs, which have one prediction
    exact = np.abs(local.error @ twins) <= ZERO
    convex, fitted = rows_are_convex(problem, local.y).all(axis=1), exact.all(axis=1)
    awake = (np.abs(local.slope) >= ASLEEP) | (exact[:, None, :] | ~problem.felt.any(axis=1))
    straight = _bends_up_or_not(problem, local) & awake.all(axis=(1, 2))
    minimum = still & (convex & (fitted | straight) | (lowest > NONZERO * size))
    reached = (slope <= ROUNDING * size) | (lowest**2 > 100 * slope * size)
    saddle = still & ~minimum & reached & (lowest < -0.1 * ZERO * size)
    verdict.reason[still] = "the Hessian is singular"
    verdict.kind[minimum], verdict.kind[saddle] = "minimum", "saddle"
    ahead, behind = (Local(problem, theta + step * vectors[:, :, 0]).loss for step in (1e-3, -1e-3))
    verdict.way[saddle] = (vectors[:, :, 0] * np.where(ahead < behind, 1.0, -1.0)[:, None])[saddle]
    _drop_distant(problem, given, 0.0, False, verdict)
    return verdict


def _bends_up_or_not(problem: Problem, local: Local) -> Mask:
    """Whether no unit can lower the loss by its curvature, as ELU above 0, (R,): at rest that is a minimum.

    By the inequality of `escape`, where s_h φ_h is Σ_n s_h e_n σ''(z_n) (x_n · dv)²/2 for some z_n near by. If a unit
    can move along one line only, φ_h is tried along it.
    """
    felt, lines = problem.felt.any(axis=1), problem.felt.any(axis=0)
    error = np.where(np.abs(local.error) <= ZERO, 0.0, local.error)[:, None, :]
    beside = [local.z + room for room in (-NARROWEST, NARROWEST)]
    changes = [error * derivative(problem, z, problem.activation.value(z, problem.k), 2) * felt for z in beside]
    good = _none_helps(problem, local, np.array(changes), 0.0)
    if lines.sum() == 1:
        steps = np.outer([*LINE, *-LINE], problem.felt[:, lines])
        changes = [error * (problem.activation.value(local.z + step, problem.k) - local.a) for step in steps]
        good |= _none_helps(problem, local, np.sum(changes, axis=3, keepdims=True), 1e-15)
    return np.asarray(good.all(axis=1))


def _none_helps(problem: Problem, local: Local, changes: Array, rounding: float) -> Mask:
    """Whether no change (·, R, H, ·) of a unit's output lowers the loss, for all output weights near by, (R, H)."""
    s = local.s[..., None]
    fixed = (s != 0) | (not problem.scales_units)
    return np.asarray(np.where(fixed, s * changes >= -rounding, np.abs(changes) <= rounding).all(axis=(0, 3)))


def _reach(problem: Problem, theta: Array) -> Array:
    """How far around a minimum, in Euclidean distance, the inequality of `escape` holds in spite of kinks, (R,).

    A kink of row n bends s φ by s·error_n. A bend upwards is harmless as long as s keeps its sign, and so is a kink on
    which the point lies, since the inequality holds on both sides of it. Other bends downwards must not be reached.
    """
    local = Local(problem, theta, near_kinks(problem, theta, ROUNDING))
    s = local.s[..., None]
    felt = np.linalg.norm(problem.felt, axis=1)
    away = np.where(felt > 0, np.abs(local.z) / np.where(felt > 0, felt, 1.0), np.inf)
    bend = (problem.bend * local.error)[:, None, :]
    signed = np.abs(s) if problem.scales_units else np.inf
    harmless = np.where((s * bend > 0) | (local.kink & (s != 0)), np.maximum(away, signed), away)
    matters = np.abs(bend) > ZERO * problem.c.max()
    return np.asarray(np.where(matters, harmless, np.inf).min(axis=(1, 2)))
