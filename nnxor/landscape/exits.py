"""Ways down from a stationary point, unit by unit: minimum, saddle or kink, by the exact test of `escape`."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from nnxor.landscape.curvature import Array, Local, Mask, Problem, numbers, row_losses, rows_are_convex
from nnxor.landscape.escape import slopes

KINDS = ("minimum", "infinity", "saddle", "kink", "shoulder", "unknown")  # every verdict on a point

ZERO = 1e-9
"""Slopes and errors up to this are 0, in units in which inputs, targets and the weights of rows are at most 1."""

NONZERO = 1e-6  # slopes from this on are not 0; between the two nothing is claimed
MOVING = "not stationary"  # why nothing is known of a point at which the loss has a slope


@dataclass
class Verdict:
    """What kind of point each of R networks rests at, and the evidence; parameters are vectors (R, P) of a problem.

    kind: one of `KINDS`, (R,). reason: why it is unknown, in a few words, (R,).
    theta: the polished parameters, far out where the kind is `infinity`, and unpolished where it is `shoulder`.
    loss: there, (R,).
    way: of norm 1 where kind is `saddle`, `kink` or `infinity`, else 0: small steps along it lower the loss, and in
    the last case steps of any size.
    unit, row: the hidden unit by which the loss gets lower and the kink row that it crosses; −1 for none, (R,).
    radius: a minimum is proved to be the lowest among all parameters closer than this (inf: among all); NaN for other
    kinds, and where the loss is not convex in the outputs everywhere, (R,).
    """

    problem: Problem
    kind: NDArray[np.str_]
    reason: NDArray[np.str_]
    theta: Array
    way: Array
    unit: NDArray[np.int_]
    row: NDArray[np.int_]
    loss: Array
    radius: Array

    @classmethod
    def empty(cls, problem: Problem, theta: Array, reason: str) -> Self:
        """Nothing known yet, for this reason."""
        n, (unit, row), (loss, radius) = len(theta), np.full((2, len(theta)), -1), np.full((2, len(theta)), np.nan)
        kinds, reasons = np.full(n, "unknown", "U8"), np.full(n, reason, "U40")
        return cls(problem, kinds, reasons, theta, np.zeros_like(theta), unit, row, loss, radius)

    def put(self, where: NDArray[np.int_], other: Self) -> None:
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
    units = _ways_down(local)
    slope = units.slope
    doubtful = ((slope < -ZERO) & (slope > -NONZERO)) | ~units.certain
    down = slope.min(axis=1)
    convex = np.asarray(rows_are_convex(problem, local.y).all(axis=1))
    minimum = still & (down >= -ZERO) & ~doubtful.any(axis=1)
    unsure = np.flatnonzero(minimum & ~convex)
    convex[unsure] = _curves_up(Local(problem, theta[unsure], kink[unsure]))
    escape = still & (down <= -NONZERO)
    verdict.reason[still] = "neither clearly 0 nor clearly not"
    verdict.reason[minimum & ~convex] = "a row's loss is not convex there"
    verdict.kind[minimum & convex] = "minimum"
    networks = np.flatnonzero(escape)
    # told is a unit's way down of first order, else one without a kink, else any; the steepest of them
    order = np.select([slope > -NONZERO, s != 0, units.row < 0], [3, 0, 1], 2)
    best = np.lexsort((slope, order), axis=1)[:, 0]
    verdict.put(networks, _escapes(local, networks, best[networks], units))
    _over_the_outputs_kink(local, verdict)
    return verdict


def _over_the_outputs_kink(local: Local, verdict: Verdict) -> None:
    """Enter ways down that raise rows whose prediction is on the kink of the output, where the loss seems flat.

    Above it a row has the slope of the row's error; where descent along these raises all such rows, it is a way down.
    """
    problem = local.problem
    if not problem.outer:
        return
    raised = (np.abs(local.y) <= ZERO) & (problem.t > 0)
    error = np.where(raised, -problem.c * problem.t, local.error)
    way = -np.einsum("rnp,rn->rp", local.jacobian, error)
    up = np.where(raised, np.einsum("rnp,rp->rn", local.jacobian, way), np.inf).min(axis=1)
    at = np.flatnonzero(raised.any(axis=1) & (up > NONZERO) & (verdict.kind == "unknown"))
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
    """The largest slope that neither a kink nor a vanishing output weight explains, (R,); 0 for stationary ones.

    The slope for v is taken without its factor s, so that a small output weight hides nothing.
    """
    parts = [
        np.where(local.s != 0, np.linalg.norm(local.pulls, axis=2), 0.0).max(axis=1),
        np.abs(np.einsum("rn,rhn->rh", local.error, local.a)).max(axis=1) * local.problem.scales_units,
        np.abs(local.error.sum(axis=1)) * (local.problem.bias and local.problem.free[-1]),
    ]
    return np.asarray(np.max(parts, axis=0))


@dataclass(frozen=True)
class Ways:
    """The steepest way down of every unit: its slope (R, H), ≤ 0; dv (R, H, K); whether s must follow; the kink row."""

    slope: Array
    dv: Array
    ds: Array
    row: NDArray[np.int_]
    certain: Mask


def _ways_down(local: Local) -> Ways:
    """The steepest way down of every unit at a stationary point, by the test of `escape`."""
    problem, s, kink, within = local.problem, local.s, local.kink, local.pulls
    pull = np.einsum("rn,rhn,nk->rhk", local.error, local.slope, problem.felt)
    length = np.linalg.norm(within, axis=2)
    ways = Ways(
        slope=np.where((s == 0) & problem.scales_units, -length, 0.0),
        dv=np.divide(within, length[..., None], out=np.zeros_like(within), where=length[..., None] > 0),
        ds=np.where(s == 0, -1.0, 0.0),
        row=np.full(s.shape, -1),
        certain=np.ones(s.shape, bool),
    )
    for pattern in {each.tobytes(): each for each in kink[kink.any(axis=2)]}.values():
        units = np.nonzero((kink == pattern).all(axis=2))
        _cross(problem, np.flatnonzero(pattern), units, s[units], pull[units], local.error[units[0]], ways)
    return ways


def _cross(
    problem: Problem, held: NDArray[np.int_], units: tuple[NDArray[np.int_], ...],
    s: Array, pull: Array, error: Array, ways: Ways,
) -> None:  # fmt: skip
    """Enter the ways down of units that share their kink rows `held`, where crossing is steeper than staying."""
    x = problem.felt[held]
    bend = problem.bend * error[:, held]
    for sign in (1.0, -1.0):
        chosen = np.flatnonzero((np.sign(s) == sign) | ((s == 0) & problem.scales_units))
        at = tuple(index[chosen] for index in units)
        slope, dv, certain = slopes(x, sign * pull[chosen], sign * bend[chosen])
        # the row that a step changes most, weighed by its bend; −1 if it changes none
        change = np.abs(dv @ x.T) * np.where(np.abs(bend[chosen]) > 0, 1 + np.abs(bend[chosen]), 1e-3)
        crossed = np.where(change.max(axis=1) > 1e-12, change.argmax(axis=1), -1)
        plain = (ways.row[at] < 0) & (ways.slope[at] <= -NONZERO)
        better = (crossed >= 0) & (slope < ways.slope[at]) & ~plain
        ways.certain[at] &= certain
        at = tuple(index[better] for index in at)
        ways.slope[at], ways.dv[at], ways.row[at] = slope[better], dv[better], held[crossed[better]]
        ways.ds[at] = np.where(s[chosen][better] == 0, sign, 0.0)


def _escapes(local: Local, networks: NDArray[np.int_], unit: NDArray[np.int_], ways: Ways) -> Verdict:
    """Verdicts on networks of which a unit has a way down, with the direction.

    Where s = 0, moving v alone changes nothing and s must move along: by so little that what it does to the rows
    that are active costs less than half of what the two gain together.
    """
    at = (networks, unit)
    verdict = Verdict.empty(local.problem, local.theta[networks], "")
    dv, ds = local.problem.split(verdict.way)[:2]
    here = np.arange(len(networks))
    cost = np.einsum("rn,rn->r", np.abs(local.curve[networks]), local.a[at] ** 2)
    gain = np.abs(ways.slope[at])
    dv[here, unit] = ways.dv[at]
    ds[here, unit] = ways.ds[at] * np.minimum(1.0, gain / np.maximum(cost, 1e-300))
    verdict.unit, verdict.row = unit, ways.row[at]
    verdict.kind = np.where(verdict.row >= 0, "kink", "saddle")
    return verdict
