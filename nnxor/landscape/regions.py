"""The best that a network can do without any unit changing sides on any row: a convex problem in its outputs.

While every unit keeps its activation pattern, the outputs are f_n = b2 + Σ_h s_h·c_hn·(x_n · v_h), where c is 1 on the
unit's active rows and the slope on the others. Whatever the weights, f lies in the span of the constants and of these
piecewise linear functions. No weights with these patterns have a loss below the lowest one over that span. A run whose
loss has come down to such a bound, if it is no solution, is held by its patterns: it is stuck, although its weights may
grow for ever, since rows that can be fitted are fitted ever better but never exactly.

The bound is found by Newton's method from 0; if it lies at infinity, the loss approaches it as e^−steps. Everything is
computed in float64 by the protocol's operations in one fixed order, since outcomes depend on it.
"""

import numpy as np

from nnxor.arithmetic.numbers import in_order
from nnxor.arrays import Array, Floats, Mask
from nnxor.condition import Condition
from nnxor.network.activations import OUTPUTS
from nnxor.network.losses import LOSSES

STEPS = 40  # Newton steps, of which 30 give ten digits
SQUARED_STEPS = 4  # of a squared loss: one leads there, the others mend its rounding
RIDGE = 1e-10  # added to the Hessian's diagonal, as a share of its trace: spans overlap, and fitted rows no longer bend
APPROACH = 1e-3  # largest distance of a stuck run's loss from the best of its region, for an error weight of 1
CONVERGED = 1e-7  # A bound that a further step promises to lower by more than this is not known
CHUNK = 128  # spans that are worked on at a time, which bounds the memory


@np.errstate(all="ignore")
def lowest(condition: Condition, z: list[Floats]) -> Array:
    """The infimum of the loss over each network's activation region, (R,), NaN if not known; z: (H, R) for each row."""
    there = np.ones_like(z[0], bool)  # a bit in front of a unit's pattern
    patterns = np.packbits(np.stack([there, *(row > 0 for row in z)]).transpose(2, 1, 0), axis=2)  # (R, H, 1 + N)
    keys = np.sort(np.ascontiguousarray(patterns).view(f"S{patterns.shape[2]}")[:, :, 0], axis=1)
    keys[:, 1:][keys[:, 1:] == keys[:, :-1]] = b""  # a unit that adds nothing to the span
    spans, which = np.unique(np.sort(keys, axis=1)[:, ::-1], axis=0, return_inverse=True)
    packed = np.ascontiguousarray(spans).view(np.uint8).reshape(*spans.shape, -1)
    bounds = np.full(len(spans), np.nan)
    for first in range(0, len(spans), CHUNK):
        here = slice(first, first + CHUNK)
        columns = _columns(condition, np.unpackbits(packed[here], axis=2, count=1 + len(z)).astype(bool))
        bounds[here] = infimum(condition, columns)[0]
    finite = np.logical_and.reduce([np.isfinite(row).all(axis=0) for row in z])
    return np.where(finite, bounds[which.reshape(-1)], np.nan)


def _columns(condition: Condition, patterns: Mask) -> Array:
    """A basis of the outputs, (N, columns, S); patterns (S, H, 1 + N): whether there is a unit, and its active rows."""
    below, above = condition.slopes or (0.0, 1.0)
    x = condition.task.x(np.dtype(np.float64))
    x = x / np.where(x.any(axis=0), np.abs(x).max(axis=0), 1.0)
    felt = np.column_stack([x, np.ones((len(x), int(condition.bias)))])
    there, patterns = patterns[:, :, :1], patterns[:, :, 1:]
    units = patterns.any(axis=(0, 2)) | (there.any(axis=(0, 2)) & (below != 0))
    cut = (np.where(patterns, above, below) * there)[:, units].transpose(2, 1, 0)  # (N, H, S)
    columns = (cut[:, :, None, :] * felt[:, None, :, None]).reshape(len(x), -1, len(patterns))
    return np.concatenate([columns, np.ones((len(x), int(condition.bias), len(patterns)))], axis=1)


def infimum(condition: Condition, columns: Array) -> tuple[Array, Array]:
    """The infimum (S,) of the loss over outputs spanned by columns (N, K, S), NaN where not known; scores there (N, S).

    By Newton steps, halved while they do not lower the loss; a squared loss needs one. A row that can be driven to its
    target for ever ends with a score of about 25 on that side.
    """
    a = np.zeros(columns.shape[1:])
    value, step, left = _look(condition, columns, a)
    size = np.ones_like(value)
    for _ in range(STEPS if LOSSES[condition.loss].logits else SQUARED_STEPS):
        tried = a - size * step
        there, onward, after = _look(condition, columns, tried)
        lower = there < value
        a, step = np.where(lower, tried, a), np.where(lower, onward, step)
        value, left = np.where(lower, there, value), np.where(lower, after, left)
        size = np.where(lower, 1.0, size / 2)
    return np.where(left <= CONVERGED, value, np.nan), (columns * a).sum(axis=1)


def _look(condition: Condition, columns: Array, a: Array) -> tuple[Array, Array, Array]:
    """The loss (S,) of the outputs with coefficients a (K, S), the Newton step, and the gain that it predicts."""
    task, loss = condition.task, LOSSES[condition.loss]
    function = OUTPUTS[loss.output or "identity"]
    t, c = task.t(a.dtype), loss.weight(task.n_examples) * task.times
    value, gradient = np.zeros(a.shape[1]), np.zeros_like(a)
    hessian = np.zeros((len(a), *a.shape))
    for n, column in enumerate(columns):
        f = in_order([np.zeros_like(value), *(column * a)])
        y = function.value(f, None)
        term, pull = loss.row(f, y, t[n], c[n])
        value = value + term
        gradient = gradient + pull * column
        hessian += loss.second(y, c[n]) * column[:, None, :] * column[None, :, :]
    step = _solved(hessian, gradient)
    return loss.whole(value), step, in_order([np.zeros_like(value), *(gradient * step)])


def _solved(matrix: Array, right: Array) -> Array:
    """The solution of symmetric systems (K, K, S) · x = (K, S), with a ridge, by Cholesky's factors in place."""
    size = len(matrix)
    ridge = RIDGE * in_order([np.finfo(np.float64).tiny, *(matrix[k, k] for k in range(size))])
    x = right.copy()
    for k in range(size):
        pivot = np.sqrt(np.fmax(matrix[k, k] + ridge, ridge))
        matrix[k, k] = pivot
        matrix[k + 1 :, k] = matrix[k + 1 :, k] / pivot
        x[k] = x[k] / pivot
        for i in range(k + 1, size):
            matrix[i:, i] = matrix[i:, i] - matrix[i:, k] * matrix[i, k]
            x[i] = x[i] - matrix[i, k] * x[k]
    for k in reversed(range(size)):
        x[k] = x[k] / matrix[k, k]
        x[:k] = x[:k] - matrix[k, :k] * x[k]
    return x
