"""Ways to infinity: cross-entropy has no lowest point where rows can be driven to their targets for ever.

A row with target 0 or 1 costs ever less the farther its score goes to its side. From a network there may be a direction
along which every unit keeps its activation pattern and no score moves but to its side: on the way the loss sinks
towards an infimum that no weights have. The sum of two such directions is another, so one drives every row that any of
them drives. A linear program finds it, the same for all networks of equal patterns and signs of output weights.
"""

import numpy as np
import scipy

from nnxor.landscape.curvature import Array, Mask, Problem

FAR = 30.0  # A row that is driven so far is fitted: its error is below 1e-12


def outward(problem: Problem, theta: Array, kink: Mask) -> Array:
    """The way to infinity of each network, (R, P), which moves scores by at least 1; 0 where there is none.

    It keeps rows in `kink` (R, H, N) on their kinks.
    """
    way = np.zeros_like(theta)
    if not (problem.loss.logits and problem.has_kinks):
        return way
    v, s, _ = problem.split(theta)
    moved, _, _ = problem.split(way)
    side = np.where(kink, 0, np.sign(v @ problem.x.T))
    cases, which = np.unique(np.concatenate([side, np.sign(s)[..., None]], axis=2), axis=0, return_inverse=True)
    for number, case in enumerate(cases):
        here = np.flatnonzero(which.reshape(-1) == number)
        step = _driven(problem, case[:, :-1], case[:, -1])
        moved[here] = step[:-1].reshape(case.shape[0], -1) / np.where(s[here] == 0, 1, np.abs(s[here]))[..., None]
        if problem.bias:
            way[here, -1] = step[-1]
    return way


def _driven(problem: Problem, side: Array, sign: Array) -> Array:
    """A step (H·K + 1,) of the hidden weights, times the sizes of their units' output weights, and of the output bias.

    side (H, N): on which side of its kink a unit is on a row. sign (H,): that of its output weight.
    """
    (units, rows), wide = side.shape, problem.x.shape[1]
    below, above = problem.slopes or (0.0, 1.0)
    felt = np.where(side > 0, above, below) * sign[:, None] * (side != 0)
    scores = (felt.T[:, :, None] * problem.felt[:, None, :]).reshape(rows, units * wide)
    scores = np.column_stack([scores, np.full(rows, float(problem.bias and problem.free[-1]))])
    z = np.column_stack([np.kron(np.eye(units), problem.felt), np.zeros(units * rows)])
    kept, held = -side.reshape(-1, 1) * z, side.reshape(-1) == 0
    to_target = np.select([problem.t == 1, problem.t == 0], [1.0, -1.0])[:, None] * scores
    soft = (problem.t > 0) & (problem.t < 1)
    still = np.concatenate([z[held], scores[soft]])
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
