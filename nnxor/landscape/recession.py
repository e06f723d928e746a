"""Ways to infinity, where a loss has no lowest point: rows are driven to their targets, or units saturated, for ever.

Under cross-entropy a row with target 0 or 1 costs less the farther its score goes to its side. From a network there may
lead a way on which every unit keeps its activation pattern and scores move only to their own sides: on it the loss
sinks towards an infimum that no weights attain. The sum of two such ways is another, so one drives every row that any
of them drives. A linear program finds it, for all networks with equal patterns and signs of output weights.

Saturating units have such ways under every loss. Let t_n > t_m, and let every unit add less to row n than to row m:
s_h v_h · (x_n − x_m) < 0. Activations and outputs rise, so no weights with these signs give n a larger prediction than
m, and none a lower loss than the best predictions in that order have (isotonic regression, the same for squared errors
and cross-entropy). If no slope undoes the signs, and with units that saturate on the wrong rows the loss comes down to
that bound, it is a minimum at infinity.
"""

from functools import lru_cache

import numpy as np
import scipy

from nnxor.arrays import Array, Mask
from nnxor.landscape.curvature import Local, Problem, row_losses

FAR = 30.0  # A row that is driven so far is fitted: its error is below 1e-12
MOST_PAIRS = 256  # most pairs of rows whose order is looked at
LASTING = 0.03  # A sign that loses no more than this share while the loss comes e times nearer to its bound will last
SLOW = 1e-8  # and so will one that loses no more than this share in a unit of time


def outward(problem: Problem, theta: Array, kink: Mask) -> Array:
    """Each network's way to infinity, (R, P), along which scores move by 1 or more and rows in `kink` stay; or 0."""
    way = np.zeros_like(theta)
    if not problem.has_kinks or problem.outer:
        return way
    v, s, _ = problem.split(theta)
    moved, _, _ = problem.split(way)
    least, most = problem.output.value(np.array([-np.inf, np.inf]), problem.k)
    inside = (least < problem.t) & (problem.t < most)
    goal = np.select([problem.t == least, problem.t == most, inside], [-1.0, 1.0, np.nan])
    told = (problem.felt.tobytes(), goal.tobytes(), problem.slopes, bool(problem.bias and problem.free[-1]))
    side = np.where(kink, 0, np.sign(v @ problem.x.T))
    cases = np.concatenate([side, np.sign(s)[..., None]], axis=2).astype(np.int8)
    steps = [_driven(*told, case.tobytes()) for case in cases]
    step = np.reshape(steps, (len(theta), problem.hidden * problem.x.shape[1] + 1))
    moved[:] = step[:, :-1].reshape(moved.shape) / np.where(s == 0, 1, np.abs(s))[..., None]
    if problem.bias:
        way[:, -1] = step[:, -1]
    return np.where(np.isfinite(way).all(axis=1, keepdims=True), way, 0.0)


@lru_cache(maxsize=4096)
def _driven(felt: bytes, goal: bytes, slopes: tuple[float, float], biased: bool, case: bytes) -> Array:
    """A step (H·K + 1,) of hidden weights times output weights' sizes, and of the bias.

    goal (N,): the side that a row's target is on, NaN if inside. case (H, N + 1): a unit's side on every row and the
    sign of its output weight; the same few come again and again.
    """
    sides = np.frombuffer(goal)
    x = np.frombuffer(felt).reshape(len(sides), -1)
    side, sign = np.split(np.frombuffer(case, np.int8).reshape(-1, len(sides) + 1), [len(sides)], axis=1)
    (units, rows), wide = side.shape, x.shape[1]
    moved = np.where(side > 0, slopes[1], slopes[0]) * sign * (side != 0)
    scores = (moved.T[:, :, None] * x[:, None]).reshape(rows, units * wide)
    scores = np.column_stack([scores, np.full(rows, float(biased))])
    z = np.column_stack([np.kron(np.eye(units), x), np.zeros(units * rows)])
    kept, held = -side.reshape(-1, 1) * z, side.reshape(-1) == 0
    to_target = np.nan_to_num(sides)[:, None] * scores
    still = np.concatenate([z[held], scores[np.isnan(sides)]])
    found = scipy.optimize.linprog(  # the last unknowns, up to 1, say how far each row is driven at least
        np.repeat([0.0, -1.0], [scores.shape[1], rows]),
        np.block([[kept, np.zeros((len(kept), rows))], [-to_target, np.eye(rows)]]),
        np.zeros(len(kept) + rows),
        np.column_stack([still, np.zeros((len(still), rows))]),
        np.zeros(len(still)),
        [(None, None) if any(each) else (0.0, 0.0) for each in [*z.T[:-1], scores[:, -1]]] + [(0.0, 1.0)] * rows,
        method="highs",
    )
    step = np.zeros(scores.shape[1] + rows) if found.x is None else np.asarray(found.x)
    return np.asarray(step[:-rows] * (step[-rows:].max() > 0.5))


def saturated(problem: Problem, theta: Array, near: float) -> tuple[Array, Array]:
    """Networks whose loss is within `near` of its bound, far out on a way to infinity, and that way; NaN for others."""
    ends, ways = np.full((2, *theta.shape), np.nan)
    high, low = (problem.t[:, None] > problem.t).nonzero()
    saturates = np.isfinite(problem.activation.value(np.array([-np.inf, np.inf]), problem.k)).all()
    if not (saturates and problem.free.all() and 0 < len(high) <= MOST_PAIRS):
        return ends, ways
    between, local = problem.x[high] - problem.x[low], Local(problem, theta)
    (down_v, down_s, _), sign = problem.split(-local.gradient), np.sign(local.s)
    gap = local.v @ between.T
    held = np.all(sign[..., None] * gap < 0, axis=1)
    growth, growth_s = down_v @ between.T / np.where(held[:, None], gap, 1.0), down_s / local.s
    for pairs in np.unique(held[held.any(axis=1)], axis=0):
        y, wrong, binding = _in_order(problem, high[pairs], low[pairs])
        above = local.loss - row_losses(problem, y[None])[0].sum()
        slow = np.maximum(LASTING * np.sum(local.gradient**2, axis=1) / np.maximum(above, 1e-300), SLOW)
        lasts = np.minimum(growth[:, :, pairs][:, :, binding].min(axis=(1, 2)), growth_s.min(axis=1)) >= -slow
        here = (held == pairs).all(axis=1) & lasts & (np.abs(above) <= near)
        for r in np.flatnonzero(here).tolist():
            step, outputs = _saturating(local, r, wrong, y, between[pairs])
            ends[r] = np.append(local.v[r] + FAR * step, outputs)
            ways[r] = np.append(step, 0 * outputs)
        ends[here & ~(Local(problem, ends).loss <= local.loss - above + 1e-9)] = np.nan
    return ends, ways


def _in_order(problem: Problem, high: Array, low: Array) -> tuple[Array, Mask, Mask]:
    """Scores (N,) of the best predictions with none of `high` above its partner in `low`; wrong rows; binding pairs."""
    root, rows = np.sqrt(problem.c), np.arange(len(problem.t))
    pull = (1.0 * (rows == high[:, None]) - (rows == low[:, None])) / root
    size = scipy.optimize.nnls(pull.T, root * problem.t)[0]
    best = problem.t - size @ pull / root
    least, most = np.full((2, len(best)), [[-FAR], [FAR]])  # where a prediction is to be at the end of its range
    for _ in range(60):
        y = (least + most) / 2
        below = problem.output.value(y, problem.k) < best
        least, most = np.where(below, y, least), np.where(below, most, y)
    return y, np.abs(best - problem.t) > 1e-9, size > 0


def _saturating(local: Local, r: int, wrong: Mask, y: Array, between: Array) -> tuple[Array, Array]:
    """A step of a network's hidden weights (H, K), and output weights and bias; NaN if there are none.

    The step drives units on where they are on the wrong rows, moves no other row, and takes no two rows nearer to each
    other that differ by `between`. With these outputs, each weight on its side of 0, the scores are y in the end.
    """
    problem, s, side, sign = local.problem, local.s[r], np.sign(local.z[r]), np.sign(local.v[r] @ between.T)
    x, end, block = problem.x, np.abs(y) > FAR - 1, scipy.linalg.block_diag
    features = np.where(wrong, problem.activation.value(side * np.inf, problem.k), local.a[r])
    features = np.vstack([features, np.ones((int(problem.bias), len(y)))]).T
    units = [np.vstack([at[wrong, None] * x[wrong], to[:, None] * between]) for at, to in zip(side, sign, strict=True)]
    kept = np.vstack([np.sign(y[end, None]) * features[end], np.eye(features.shape[1])[: len(s)] * np.sign(s)[:, None]])
    room = [*np.repeat([1.0, 0.0], [wrong.sum(), len(between)])] * len(s)
    found = scipy.optimize.linprog(
        np.zeros(len(s) * x.shape[1] + features.shape[1]),
        -block(*units, kept), -np.array([*room, *[FAR] * end.sum(), *np.abs(s) / 2]),
        block(*[x[~wrong]] * len(s), features[~end]), np.append(np.zeros((len(s), (~wrong).sum())), y[~end]),
        (None, None), method="highs",
    )  # fmt: skip
    answer = np.full(len(local.theta[r]), np.nan) if found.x is None else found.x
    return answer[: local.v[r].size].reshape(local.v[r].shape), answer[local.v[r].size :]
