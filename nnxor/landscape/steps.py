"""Steps of networks: to the stationary point beside them, and down a way on which the loss never rises.

Gradient descent takes for ever where slopes are tiny: on rows whose output is saturated, through saturated units, along
valleys. A step of `descend` moves each row's output as far as its own loss suggests, however flat, by the shortest step
of the parameters that does so; rows with larger weights come first, and others get what those leave free. The step is
examined along its whole length, and taken only if the loss rises nowhere on it.
"""

from collections.abc import Callable, Iterable

import numpy as np

from nnxor.arrays import Array, Mask
from nnxor.landscape.curvature import Local, Problem, derivative, numbers

ROUNDING = 1e-14  # Pre-activations nearer to 0 than this, relative to Σ|x·w| + |b|, are 0: their terms cancel exactly
LEFT = 0.01  # A network that has lost this share of its loss has left its trap
LEVEL = 1e-12  # A way that rises by no more than this share of the loss does not count as rising: that is rounding
MOST_STEPS, PATIENCE = 500, 100  # of a way; and without a fall: no way that led lower went level for more than 31
SHARES = 0.25 ** np.arange(6)  # of a step, that are tried one after the other
PARTS = np.array([0.01, 0.05, 0.15, 0.3, 0.5, 0.75, 1.0])  # of what is tried, at which the loss is looked at
SHORTEST, LONGEST = 1e-6, 1.0  # how far a step may go, in each direction that outputs ask for
FITTED = 1e-3  # Rows that curve by more than this, in units of their weight, and have a smaller error, are fitted
FAINTEST = 1e-40  # Rows that are saturated even more, and wrong, weigh this much, however little their slope is
HEAVIER = 1e-6  # Rows that weigh this share of the heaviest are moved together with it
EXACT = 1e-13  # Numbers smaller than this, relative to others of their kind, are rounding errors
SATURATED, TAIL = 1e-8, 15.0  # Smooth units of less slope on every row are moved by themselves, to where tails begin


def near_kinks(problem: Problem, theta: Array, tolerance: float, *, distance: bool = False) -> Mask:
    """Rows at which a unit's pre-activation is 0 within the tolerance though its weights could change it, (R, H, N).

    The tolerance is relative to what is summed; that of a kink's distance from a unit's weights, to their norm.
    """
    v, norm = problem.split(theta)[0], np.linalg.norm
    if distance:
        room = tolerance * norm(v, axis=2, keepdims=True) * norm(problem.felt, axis=1)
    else:
        room = tolerance * (np.abs(v) @ np.abs(problem.x).T)
    return np.asarray((np.abs(v @ problem.x.T) <= room) & problem.felt.any(axis=1))


def hold(problem: Problem, given: Array, kink: Mask) -> tuple[Array, Array]:
    """Networks moved onto their kinks, and the inputs to which units may respond so as to stay there, (R, H, N, K)."""
    theta = given.copy()
    v = problem.split(theta)[0]
    rows = np.broadcast_to(problem.felt, (*kink.shape, problem.x.shape[1])).copy()
    for pattern in {each.tobytes(): each for each in kink[kink.any(axis=2)]}.values():
        here, x = (kink == pattern).all(axis=2), problem.felt[pattern]
        back = np.linalg.pinv(x)
        back[np.abs(back) < 1e-12] = 0  # a bias that is free of a kink stays exactly so
        rows[here] = problem.felt - problem.felt @ (back @ x)
        v[here] -= v[here] @ problem.x[pattern].T @ back.T
    return theta, rows


def gauss_newton(local: Local) -> Array:
    """The step −(Jᵀ C J)⁺ Jᵀ e of least length, shape (R, P), by the smaller matrix of the rows; C = diag(ℓ'')."""
    root = np.sqrt(np.maximum(local.curve, 0.0))
    scaled = local.jacobian * root[..., None]
    values, vectors = np.linalg.eigh(numbers(scaled @ scaled.transpose(0, 2, 1)))
    wanted = np.divide(local.error, root, out=np.zeros_like(root), where=root > 0)
    along = np.einsum("rnm,rn->rm", vectors, wanted)
    kept = values > 1e-12 * values[:, -1:]
    along = np.divide(along, values, out=np.zeros_like(values), where=kept)
    return np.asarray(-(scaled.transpose(0, 2, 1) @ (vectors @ along[..., None]))[..., 0])


def newton(local: Local) -> Array:
    """The step −H⁺ g to the stationary point nearby, be it a saddle, shape (R, P): with every second derivative."""
    values, vectors = local.modes
    along = np.einsum("rpq,rp->rq", vectors, local.gradient)
    kept = np.abs(values) > 1e-8 * np.abs(values).max(axis=1, keepdims=True)
    along = np.divide(along, values, out=np.zeros_like(along), where=kept)
    return np.asarray(-np.einsum("rpq,rq->rp", vectors, along))


def polish(
    problem: Problem, start: Array, kink: Mask | None = None, rows: Array | None = None,
    step_from: Callable[[Local], Array] = gauss_newton, steps: int = 30,
) -> Array:  # fmt: skip
    """Networks after such steps, none longer than 1 and at most so many; each goes on until its steps are tiny."""
    theta, moving = start.copy(), np.arange(len(start))
    for _ in range(steps):
        here, felt = kink if kink is None else kink[moving], rows if rows is None else rows[moving]
        step = step_from(Local(problem, theta[moving], here, felt))
        size = np.linalg.norm(step, axis=1, keepdims=True)
        step = np.where(np.isfinite(size), step / np.maximum(size, 1.0), 0.0)
        theta[moving] += step
        moving = moving[np.linalg.norm(step, axis=1) > 1e-14 * (1 + np.linalg.norm(theta[moving], axis=1))]
        if not len(moving):
            break
    return theta


def descend(problem: Problem, start: Array) -> Array:
    """Networks at the ends of ways that never rise (R, P): the loss has fallen by `LEFT`, or falls no more."""
    theta, far, moving = start.copy(), np.full(len(start), LONGEST / 2), np.arange(len(start))
    first = (here := Local(problem, start)).loss
    before = first.copy()
    for n in range(1, MOST_STEPS + 1):
        most = far[moving]
        allowed = np.minimum(here.loss + LEVEL * first[moving] / MOST_STEPS, (1 + LEVEL) * first[moving])
        taken, there = np.zeros(len(moving)), here.theta.copy()
        step = _outputs_down(here, most)
        _stride(here, step, allowed, SHARES[:1], taken, there)
        if problem.has_kinks and not taken.all():  # units do not respond to what would take them across their kinks
            ahead = Local(problem, here.theta + np.nan_to_num(step))
            held = Local(problem, here.theta, rows=hold(problem, here.theta, (ahead.z > 0) != (here.z > 0))[1])
            _stride(here, _outputs_down(held, most), allowed, SHARES, taken, there)
        if not taken.all():
            _stride(here, step, allowed, SHARES[1:], taken, there)
        theta[moving] = there
        far[moving] = np.clip(np.where(taken == 1, 1.5, 2 * taken) * most, SHORTEST, LONGEST)
        here = Local(problem, there)
        onward = (taken > 0) & (here.loss > (1 - LEFT) * first[moving])
        if n % PATIENCE == 0:
            onward &= here.loss < before[moving] - LEVEL * first[moving]
            before[moving] = here.loss
        if not onward.any():
            break
        moving, here = moving[onward], here if onward.all() else Local(problem, there[onward])
    return theta


def _stride(here: Local, step: Array, allowed: Array, shares: Iterable[float], taken: Array, there: Array) -> None:
    """Enter the largest share of each step along which the loss stays as low as allowed, if any, and its end."""
    problem, worth = here.problem, np.isfinite(step).all(axis=1) & (np.linalg.norm(step, axis=1) > ROUNDING)
    fitted = (np.abs(here.curve) > FITTED * problem.c) & (np.abs(here.error) < FITTED * np.abs(here.curve))
    for share in shares:
        at = np.flatnonzero(worth & (taken == 0))
        if not len(at):
            break
        points = (here.theta[at, None] + (share * PARTS)[:, None] * step[at, None]).reshape(-1, step.shape[1])
        y, rows = (each[at].repeat(len(PARTS), axis=0) for each in (here.y, fitted))
        for _ in range(2 * rows.any()):  # fitted rows are brought back to their outputs, so that others may go far
            local = Local(problem, points)
            back = np.linalg.pinv(numbers(local.jacobian * rows[:, :, None]), rcond=HEAVIER)
            points = points + np.einsum("rpn,rn->rp", back, (y - local.y) * rows)
        low = (Local(problem, points).loss.reshape(len(at), -1) <= allowed[at, None]).all(axis=1)
        taken[at[low]], there[at[low]] = share, points[len(PARTS) - 1 :: len(PARTS)][low]


def _outputs_down(here: Local, most: Array) -> Array:
    """Steps (R, P) that take each row's output towards the lowest point of its loss, by at most 1.

    A row's own step is its slope over the size of its curvature: Newton's where its loss curves upwards, and no
    shorter where it is saturated. In each direction that outputs ask for, parameters move by at most `most`.
    """
    problem, slope, curve = here.problem, here.error, np.abs(here.curve)
    wanted = np.divide(-slope, curve, out=np.zeros_like(slope), where=(slope != 0) & (curve > 0))
    weight = np.maximum(np.abs(slope), curve)
    if problem.outer is None:
        missed = problem.t - problem.output.value(here.y, problem.k)
        flat = (weight < FAINTEST) & (np.abs(missed) > ROUNDING)
        wanted[flat], weight[flat] = np.sign(missed[flat]), FAINTEST
    wanted = np.clip(wanted, -1, 1)
    weight = weight / np.maximum(weight.max(axis=1, keepdims=True), FAINTEST)
    step, free = np.zeros_like(here.theta), np.tile(np.eye(here.theta.shape[1]), (len(here.theta), 1, 1))
    for heaviest in HEAVIER ** np.arange(8):
        now = (weight <= heaviest) & (weight > HEAVIER * heaviest)
        at = np.flatnonzero(now.any(axis=1))
        if not len(at):
            continue
        scale = now[at] * np.sqrt(weight[at] / heaviest)
        felt = scale[..., None] * here.jacobian[at] @ free[at]
        missing = scale * (wanted[at] - np.einsum("rnp,rp->rn", here.jacobian[at], step[at]))
        left, size, right = np.linalg.svd(numbers(felt), full_matrices=False)
        asked, able = np.einsum("rni,rn->ri", left, missing), size > EXACT * size[:, :1]
        asked[np.abs(asked) <= EXACT * np.linalg.norm(missing, axis=1, keepdims=True)] = 0.0
        asked, right = asked / np.where(able, size, 1.0), right * able[..., None]
        step[at] += np.einsum("ri,rip->rp", np.clip(asked, -most[at, None], most[at, None]), right)
        if (weight > HEAVIER * heaviest).all():
            break
        free[at] -= right.transpose(0, 2, 1) @ right
    if not problem.has_kinks:
        _awaken(here, most, step)
    return step


def _awaken(here: Local, most: Array, step: Array) -> None:
    """Enter steps for units that are saturated on every row: down their own slope, as far as they stay saturated."""
    problem, away = here.problem, np.abs(here.z).min(axis=2)
    r, h = ((here.slope.max(axis=2) < SATURATED) & (away > TAIL)).nonzero()
    if not len(r):
        return
    # only the ratios of the slope's parts count, and all tails are exponential: so they are computed nearer to 0
    z = here.z[r, h] - np.sign(here.z[r, h]) * (away[r, h] - TAIL)[:, None]
    error = np.where(np.abs(here.error[r]) > ROUNDING, here.error[r], 0.0)
    slope = derivative(problem, z, problem.activation.value(z, problem.k))
    down = -here.s[r, h, None] * (error * slope) @ problem.felt
    size = np.linalg.norm(down, axis=1, keepdims=True)
    down /= np.where(size > 0, size, 1.0)
    speed = np.abs(down @ problem.x.T).max(axis=1)
    until = (away[r, h] - TAIL) / np.where(speed > 0, speed, 1.0)
    problem.split(step)[0][r, h] = down * np.maximum(most[r], until)[:, None]
