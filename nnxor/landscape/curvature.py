"""Slopes and curvature of the loss at the parameters of R networks, in float64.

Here, unlike in `arithmetic`, the last bit does not matter and linear algebra does, so networks lie
along the first axis and a network is one vector: `theta` (R, P) holds the hidden weights v
(H, K), then the output weights s (H,), then the output bias, if there are biases. A unit's bias is its
weight for a further input that is always 1, so K is D + 1, and D without biases. A prediction
is y_n = b2 + Σ_h s_h σ(x_n · v_h).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from nnxor.condition import Condition
from nnxor.network.draws import Weights
from nnxor.network.losses import LOSSES

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

PIECEWISE_LINEAR = ("relu", "leaky_relu")
"""Activations with a kink at 0 and straight pieces on either side."""

SMOOTH = ("tanh", "sigmoid")
"""Activations with two derivatives everywhere."""


@dataclass(frozen=True)
class Problem:
    """What a condition says of its loss: x (N, K), t (N,), row weights c (N,), and the rest by name."""

    x: Array
    t: Array
    c: Array
    hidden: int
    bias: bool
    activation: str
    slope: float
    at_zero: bool
    output: str
    loss: str

    @classmethod
    def of(cls, condition: Condition) -> Problem:
        """The problem that networks of this condition are trained on."""
        x = np.asarray(condition.task.x(np.dtype(np.float64)), np.float64)
        return cls(
            x=np.column_stack([x, np.ones(len(x))]) if condition.bias else x,
            t=np.asarray(condition.task.t(np.dtype(np.float64)), np.float64),
            c=row_weights(condition),
            hidden=condition.hidden,
            bias=condition.bias,
            activation=condition.activation,
            slope=condition.slope if condition.activation == "leaky_relu" else 0.0,
            at_zero=bool(condition.relu_at_zero),
            output=condition.output,
            loss=condition.loss,
        )

    @property
    def is_known(self) -> bool:
        """Whether activation, output and loss are among those that this module can differentiate."""
        outputs = ("identity", "sigmoid") if self.loss == "bce" else ("identity", "relu", "sigmoid")
        return self.activation in PIECEWISE_LINEAR + SMOOTH and self.output in outputs

    @property
    def scale(self) -> float:
        """The size of a slope of the loss where a row is wrong by 1: largest row weight times largest input."""
        return float(self.c.max() * max(1.0, np.abs(self.x).max()))

    @property
    def has_kinks(self) -> bool:
        """Whether the activation has a kink at 0."""
        return self.activation in PIECEWISE_LINEAR

    def pack(self, weights: Weights) -> Array:
        """Networks as vectors (R, P), from `Weights`, whose last axis they are."""
        W1, b1, W2, b2 = (np.asarray(array, np.float64) for array in weights.arrays())
        v = np.concatenate([W1, b1[None]]) if self.bias else W1
        parts = [v.transpose(2, 1, 0).reshape(len(b2), self.hidden * self.x.shape[1]), W2.T]
        return np.concatenate([*parts, b2[:, None]] if self.bias else parts, axis=1)

    def unpack(self, theta: Array) -> Weights:
        """`Weights` in float64 from vectors (R, P); biases are 0 where the network has none."""
        v, s, b2 = self.split(theta)
        W1 = v.transpose(2, 1, 0).copy()
        if self.bias:
            return Weights(W1[:-1], W1[-1], s.T.copy(), b2.copy())
        return Weights(W1, np.zeros_like(s.T), s.T.copy(), b2)

    def split(self, theta: Array) -> tuple[Array, Array, Array]:
        """Views of v (R, H, K), s (R, H) and b2 (R,)."""
        first = self.hidden * self.x.shape[1]
        v = theta[:, :first].reshape(len(theta), self.hidden, self.x.shape[1])
        b2 = theta[:, -1] if self.bias else np.zeros(len(theta))
        return v, theta[:, first : first + self.hidden], b2


def row_weights(condition: Condition) -> Array:
    """The factor of each row's term in the loss, shape (N,).

    A squared loss is ½·Σ c·(p − t)² and cross-entropy −Σ c·(t log p + (1 − t) log(1 − p)).
    """
    return LOSSES[condition.loss].weight(condition.task.n_examples) * condition.task.times.astype(np.float64)


def activate(problem: Problem, z: Array) -> tuple[Array, Array, Array]:
    """The activation and its two derivatives at z, each in the shape of z; at a kink those from below."""
    if problem.has_kinks:
        slope = np.where(z > 0, 1.0, problem.slope)
        return z * slope, slope, np.zeros_like(z)
    if problem.activation == "tanh":
        a = np.tanh(z)
        return a, 1 - a**2, -2 * a * (1 - a**2)
    a = expit(z)
    return a, a * (1 - a), a * (1 - a) * (1 - 2 * a)


def row_losses(problem: Problem, y: Array) -> tuple[Array, Array, Array]:
    """Each row's term of the loss and its two derivatives with respect to y, all of shape (R, N).

    y is what the output layer gives before the output's own activation.
    """
    t, c = problem.t, problem.c
    if problem.loss == "bce":
        p = expit(y)
        return c * (np.logaddexp(0, y) - t * y), c * (p - t), c * p * (1 - p)
    if problem.output == "sigmoid":
        p = expit(y)
        dp = p * (1 - p)
        return 0.5 * c * (p - t) ** 2, c * (p - t) * dp, c * (dp**2 + (p - t) * dp * (1 - 2 * p))
    passes = np.where(y > 0, 1.0, 0.0) if problem.output == "relu" else np.ones_like(y)
    error = y * passes - t
    return 0.5 * c * error**2, c * error * passes, c * passes


def rows_are_convex(problem: Problem, y: Array) -> Mask:
    """Whether each row's loss is convex in a neighbourhood of y, shape (R, N)."""
    if problem.loss == "bce" or problem.output == "identity":
        return np.ones(y.shape, bool)
    if problem.output == "relu":  # at 0 the loss turns down from a flat piece unless the target is ≤ 0
        return np.asarray((np.abs(y) > 1e-6) | (problem.t <= 0))
    return np.asarray(row_losses(problem, y)[2] > 1e-6 * problem.c)


@dataclass(frozen=True)
class Local:
    """The loss around R networks: all that its first two derivatives are made of.

    z, a, slope, bend: pre-activations, activations and their first two derivatives, (R, H, N); rows: inputs as
    each unit can feel them, (R, H, N, K); y, error, curve: outputs and the first two derivatives of the loss
    with respect to them, (R, N); loss (R,).
    """

    z: Array
    a: Array
    slope: Array
    bend: Array
    rows: Array
    y: Array
    error: Array
    curve: Array
    loss: Array


def look(problem: Problem, theta: Array, kink: Mask, rows: Array, inside: bool = True) -> Local:
    """The loss around `theta`; rows in `kink` (R, H, N) are taken to have pre-activation exactly 0.

    `rows` (R, H, N, K) are the inputs, or their parts that leave a unit's kink rows at 0. The slope at a
    kink is that from below if `inside`, else the one by which the training goes.
    """
    v, s, b2 = problem.split(theta)
    z = np.where(kink, 0.0, v @ problem.x.T)
    a, slope, bend = activate(problem, z)
    if problem.at_zero and not inside:
        slope = np.where(z == 0, 1.0, slope)
    y = b2[:, None] + np.einsum("rh,rhn->rn", s, a)
    loss, error, curve = row_losses(problem, y)
    return Local(z, a, slope, bend, rows, y, error, curve, loss.sum(axis=1))


def jacobian(problem: Problem, theta: Array, local: Local) -> Array:
    """Derivatives of the outputs with respect to the parameters, shape (R, N, P)."""
    s = problem.split(theta)[1]
    r, h, n, k = local.rows.shape
    dv = ((s[:, :, None] * local.slope)[..., None] * local.rows).transpose(0, 2, 1, 3).reshape(r, n, h * k)
    parts = [dv, local.a.transpose(0, 2, 1)]
    return np.concatenate([*parts, np.ones((r, n, 1))] if problem.bias else parts, axis=2)


def pulls(local: Local) -> Array:
    """Σ_n error_n · σ'(z_n) · x_n for each unit, shape (R, H, K): its gradient for v, but for the factor s."""
    return np.asarray(np.einsum("rn,rhn,rhnk->rhk", local.error, local.slope, local.rows))


def hessian(problem: Problem, theta: Array, local: Local, J: Array) -> Array:
    """Second derivatives of the loss with respect to the parameters, shape (R, P, P).

    Jᵀ diag(ℓ'') J, and what comes of the parameters' products: within a unit, s with v, and v with itself
    where the activation bends.
    """
    s = problem.split(theta)[1]
    _, units, _, k = local.rows.shape
    full = (J * local.curve[..., None]).transpose(0, 2, 1) @ J
    pull = pulls(local)
    bend = np.einsum("rh,rn,rhn,rhnk,rhnl->rhkl", s, local.error, local.bend, local.rows, local.rows, optimize=True)
    for h in range(units):
        block, out = slice(h * k, (h + 1) * k), units * k + h
        full[:, block, block] += bend[:, h]
        full[:, block, out] += pull[:, h]
        full[:, out, block] += pull[:, h]
    return full
