"""Slopes and curvature of the loss at the parameters of R networks, in float64.

Here, unlike in `arithmetic`, the last bit does not matter and linear algebra does, so networks lie along the first axis
and a network is one vector: `theta` (R, P) holds the hidden weights v (H, K), then the output weights s (H,), then the
output bias, if there are biases. A unit's bias is its weight for a further input that is always 1, so K is D + 1, and D
without biases. A prediction is y_n = b2 + Σ_h s_h σ(x_n · v_h).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

import numpy as np

from nnxor.arithmetic.epoch import Rules
from nnxor.arrays import Array, Mask
from nnxor.condition import Condition
from nnxor.network.draws import PARAMETERS, Weights


class Problem:
    """The loss of a condition: x (N, K), t (N,), row weights c (N,), and entries with their settings.

    free (P,) tells which parameters may move, and `felt` (N, K) holds the inputs, 0 where their weights are frozen. `k`
    holds the settings of activation and output, with the derivative at a kink from below; `slopes` and `outer` are the
    slopes of activation and output below and above 0, if these are piecewise linear (`has_kinks`: the activation is).
    `bend` is by how much the slope of a unit is larger above its kink. With `scales_units` output weights may move.
    """

    def __init__(self, condition: Condition, reach: Array | float = 1.0, apart: float = 1.0, most: float = 1.0) -> None:
        """The problem that networks of a condition are trained on, with x, t and c in units of these."""
        task, rules = condition.task, Rules(replace(condition, relu_at_zero=0, dtype="float64"))
        self.condition, self.hidden, self.bias = condition, condition.hidden, condition.bias
        self.activation, self.output, self.loss, self.k = rules.activation, rules.output, rules.loss, rules.k
        self.has_kinks, self.scales_units = not condition.smooth, "W2" not in condition.frozen
        self.slopes = below, above = condition.slopes or (0.0, 0.0)
        self.bend = above - below
        self.outer = rules.output.slopes(condition) if rules.output.slopes else None
        self.x: Array = np.column_stack([task.inputs, np.ones((task.n_rows, int(self.bias)))]) / reach
        self.t, self.c = np.array(task.targets) / apart, rules.loss.weight(task.n_examples) * task.times / most
        w1, b1, w2, b2 = ([name not in condition.frozen] for name in PARAMETERS)
        unit = w1 * task.n_inputs + b1 * self.bias
        self.free = np.array(unit * self.hidden + w2 * self.hidden + b2 * self.bias)
        self.felt: Array = self.x * self.free[: self.x.shape[1]]

    def in_units(self, theta: Array) -> tuple[Problem, Array]:
        """The same problem in units of its own, and what each parameter (R, P) is measured in there.

        The largest of each input, and of the row weights, is 1, and the targets are 1 apart, unless the output bends or
        the loss is one of logits, which have a scale of their own. A unit with straight pieces can pass a factor from
        its input weights to its output weight: it is measured where those have norm 1, or this is 1 if it is frozen.
        """
        reach = np.abs(self.x).max(axis=0)
        reach = np.where(reach > 0, reach, 1.0)
        spread = float(np.ptp(self.t)) or float(np.abs(self.t).max()) or 1.0
        apart = 1.0 if self.loss.logits or self.outer is None else spread
        v, s, _ = self.split(theta)
        along = np.ones_like(s)
        if self.has_kinks:
            along = np.linalg.norm(v * reach, axis=2) if self.scales_units else apart / np.abs(s)
        along = np.where((along > 0) & np.isfinite(along), along, 1.0)
        sizes = np.full_like(theta, apart)
        sized_v, sized_s, _ = self.split(sizes)
        sized_v[:], sized_s[:] = along[:, :, None] / reach, apart / along
        return Problem(self.condition, reach, apart, self.c.max()), sizes

    def pack(self, weights: Weights) -> Array:
        """Networks as vectors (R, P), from `Weights`, whose last axis they are."""
        W1, b1, W2, b2 = (np.asarray(array, np.float64) for array in weights)
        v = np.concatenate([W1, b1[None]]) if self.bias else W1
        parts = [v.transpose(2, 1, 0).reshape(len(b2), self.hidden * self.x.shape[1]), W2.T]
        return np.concatenate([*parts, b2[:, None]] if self.bias else parts, axis=1)

    def loss_of(self, weights: Weights) -> Array:
        """The loss of R networks, (R,)."""
        return np.asarray(Local(self, self.pack(weights)).loss)

    def unpack(self, theta: Array) -> Weights:
        """`Weights` in float64 from vectors (R, P); biases are 0 where the network has none."""
        v, s, b2 = self.split(theta)
        W1 = v.transpose(2, 1, 0).copy()
        W1, b1 = (W1[:-1], W1[-1]) if self.bias else (W1, np.zeros_like(s.T))
        return Weights(W1, b1, s.T.copy(), b2.copy())

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """Views of v (R, H, K), s (R, H) and b2 (R,)."""
        first = self.hidden * self.x.shape[1]
        v = theta[:, :first].reshape(len(theta), self.hidden, self.x.shape[1])
        b2 = theta[:, -1] if self.bias else np.zeros(len(theta))
        return v, theta[:, first : first + self.hidden], b2


def derivative(problem: Problem, z: Array, a: Array, order: int = 1) -> Array:
    """The first or second derivative of the activation, which is a at z, in the shape of z; at a kink from below."""
    entry, k = problem.activation, problem.k
    return np.asarray(entry.back(z, a, np.ones_like(z), k) if order == 1 else entry.second(z, a, k) + np.zeros_like(z))


def row_losses(problem: Problem, y: Array) -> tuple[Array, Array, Array]:
    """Each row's term of the loss and its two derivatives for y, the output before its own activation; all (R, N)."""
    output, loss, k = problem.output, problem.loss, problem.k
    p = output.value(y, k)
    term, slope = loss.row(y, p, problem.t, problem.c)
    curve = loss.second(p, problem.c)
    if not loss.logits:  # the slope is that with respect to the prediction
        dp = output.back(y, p, np.ones_like(y), k)
        slope, curve = slope * dp, curve * dp**2 + slope * output.second(y, p, k)
    return loss.whole(term), slope, curve


def numbers(matrices: Array) -> Array:
    """The matrices (R, ·, ·), with 0 in place of those that are not finite, which no decomposition accepts."""
    return np.where(np.isfinite(matrices).all(axis=(1, 2), keepdims=True), matrices, 0.0)


def rows_are_convex(problem: Problem, y: Array) -> Mask:
    """Whether each row's loss is convex in a neighbourhood of y, shape (R, N)."""
    if problem.condition.convex:
        return np.ones(y.shape, bool)
    if problem.outer:  # at 0 the loss turns down from a flat piece unless the target is ≤ 0
        return np.asarray((np.abs(y) > 1e-6) | (problem.t <= 0))
    return np.asarray(row_losses(problem, y)[2] > 1e-6 * problem.c)


class Local:
    """The loss around R networks: its value, (R,), and the parts of its first two derivatives.

    Rows in `kink` (R, H, N), none if it is left out, are taken to have pre-activation exactly 0; the slope at a kink is
    that from below. `rows` (R, H, N, K) are the inputs as each unit can respond to them: whole, or only the parts that
    leave a unit's kink rows at 0.

    z, a, slope, bend: pre-activations, activations and their first two derivatives, (R, H, N); y, error, curve: outputs
    and the first two derivatives of the loss with respect to them, (R, N).
    """

    def __init__(self, problem: Problem, theta: Array, kink: Mask | None = None, rows: Array | None = None) -> None:
        self.problem, self.theta = problem, theta
        self.v, self.s, self.b2 = problem.split(theta)
        z = self.v @ problem.x.T
        self.kink = np.zeros(z.shape, bool) if kink is None else kink
        self.rows = problem.felt[None, None] if rows is None else rows
        self.z = z if kink is None else np.where(kink, 0.0, z)
        self.a = problem.activation.value(self.z, problem.k)
        self.y = self.b2[:, None] + np.einsum("rh,rhn->rn", self.s, self.a)
        losses, self.error, self.curve = row_losses(problem, self.y)
        self.loss = losses.sum(axis=1)

    slope = cached_property(lambda self: derivative(self.problem, self.z, self.a))
    bend = cached_property(lambda self: derivative(self.problem, self.z, self.a, 2))

    @cached_property
    def jacobian(self) -> Array:
        """Derivatives of the outputs with respect to the parameters, shape (R, N, P)."""
        (r, h, k), n = self.v.shape, len(self.problem.x)
        dv = ((self.s[:, :, None] * self.slope)[..., None] * self.rows).transpose(0, 2, 1, 3).reshape(r, n, h * k)
        parts = [dv, self.a.transpose(0, 2, 1), np.ones((r, n, int(self.problem.bias)))]
        return np.asarray(np.concatenate(parts, axis=2) * self.problem.free)

    @cached_property
    def gradient(self) -> Array:
        """Derivatives of the loss with respect to the parameters, shape (R, P)."""
        return np.asarray(np.einsum("rnp,rn->rp", self.jacobian, self.error))

    @cached_property
    def pulls(self) -> Array:
        """Σ_n error_n · σ'(z_n) · x_n for each unit, shape (R, H, K): its gradient for v, but for the factor s."""
        return np.asarray(np.einsum("rn,rhn,rhnk->rhk", self.error, self.slope, self.rows))

    @cached_property
    def hessian(self) -> Array:
        """Jᵀ diag(ℓ'') J, plus terms within a unit: of s with v, and of v with itself where σ is curved; (R, P, P)."""
        J, (_, units, k) = self.jacobian, self.v.shape
        full = (J * self.curve[..., None]).transpose(0, 2, 1) @ J
        bent = self.s[:, :, None] * self.error[:, None, :] * self.bend
        bend = (self.rows * bent[..., None]).transpose(0, 1, 3, 2) @ self.rows
        for h in range(units):
            block, out = slice(h * k, (h + 1) * k), units * k + h
            full[:, block, block] += bend[:, h]
            full[:, block, out] += self.pulls[:, h]
            full[:, out, block] += self.pulls[:, h]
        return full

    @cached_property
    def modes(self) -> tuple[Array, Array]:
        """Eigenvalues (R, F) and eigenvectors (R, P, F) of the Hessian of the F free parameters, 0 where no number."""
        free = np.eye(len(self.problem.free))[:, self.problem.free]
        values, vectors = np.linalg.eigh(free.T @ numbers(self.hessian) @ free)
        return values, free @ vectors
