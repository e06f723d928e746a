"""Polishing: from the imprecise end of a training to the stationary point beside it, by Newton's method in float64."""

from collections.abc import Callable

import numpy as np

from nnxor.landscape.curvature import Array, Local, Mask, Problem, numbers

ROUNDING = 1e-14  # Pre-activations nearer to 0 than this, relative to Σ|x·w| + |b|, are 0: their terms cancel exactly


def near_kinks(problem: Problem, theta: Array, tolerance: float) -> Mask:
    """Rows at which a unit's pre-activation is 0 within the tolerance though its weights could change it, (R, H, N)."""
    v = problem.split(theta)[0]
    return _at_zero(problem, v, tolerance * (np.abs(v) @ np.abs(problem.x).T))


def beside_kinks(problem: Problem, theta: Array, tolerance: float) -> Mask:
    """Rows whose kink lies within a distance of a unit's weights, relative to their norm, (R, H, N)."""
    v, norm = problem.split(theta)[0], np.linalg.norm
    return _at_zero(problem, v, tolerance * norm(v, axis=2, keepdims=True) * norm(problem.felt, axis=1))


def _at_zero(problem: Problem, v: Array, room: Array) -> Mask:
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


def _limited(step: Array) -> Array:
    """Steps no longer than 1; none where there is no number."""
    size = np.linalg.norm(step, axis=1, keepdims=True)
    return np.asarray(np.where(np.isfinite(size), step / np.maximum(size, 1.0), 0.0))


def polish(
    problem: Problem, start: Array, kink: Mask | None = None, rows: Array | None = None,
    step_from: Callable[[Local], Array] = gauss_newton, steps: int = 30,
) -> Array:  # fmt: skip
    """Networks after such steps, at most so many; each goes on until its steps are tiny."""
    theta, moving = start.copy(), np.arange(len(start))
    for _ in range(steps):
        here, felt = kink if kink is None else kink[moving], rows if rows is None else rows[moving]
        step = _limited(step_from(Local(problem, theta[moving], here, felt)))
        theta[moving] += step
        moving = moving[np.linalg.norm(step, axis=1) > 1e-14 * (1 + np.linalg.norm(theta[moving], axis=1))]
        if not len(moving):
            break
    return theta
