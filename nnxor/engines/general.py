"""The general kernel: any task, activation, output, loss, optimizer and mini-batch, compiled.

The arithmetic of `nnxor.arithmetic.arrays`, a block of `LANES` trainings at a time along the last axis of
every array, as in `nnxor.engines.square`, but in small functions over whole arrays: what a
condition does not use costs a comparison a call and not a compilation of its own. One compilation
a dtype serves every condition.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from nnxor.condition import Condition
from nnxor.engines.square import LANES
from nnxor.network.losses import LOSSES
from nnxor.network.minibatches import GAMMA, MIX1, MIX2, steps_of
from nnxor.protocol import TAIL_PARTS, tail_part

RELU, LEAKY_RELU, TANH, SIGMOID, IDENTITY = range(5)
FUNCTIONS = {"relu": RELU, "leaky_relu": LEAKY_RELU, "tanh": TANH, "sigmoid": SIGMOID, "identity": IDENTITY}
"""Activation and output functions by number."""

GD, MOMENTUM, ADAM = range(3)
OPTIMIZERS = {"gd": GD, "momentum": MOMENTUM, "adam": ADAM}

LOSS, MARGIN, THRESHOLD = range(3)
RULES = {"loss": LOSS, "margin": MARGIN, "threshold": THRESHOLD}


class Settings(NamedTuple):
    """A condition as the kernel reads it: functions by number, numbers in the dtype of the training."""

    activation: int
    output: int
    cross_entropy: bool
    optimizer: int
    rule: int
    smooth: bool
    at_zero: bool
    ties: bool
    epochs: int
    tail_part: int
    batch_size: int
    x: np.ndarray
    t: np.ndarray
    c: np.ndarray
    c_batch: np.ndarray
    lr: np.floating
    lr_bias: np.floating
    slope: np.floating
    tolerance: np.floating
    boundary: np.floating
    zero: np.floating
    half: np.floating
    one: np.floating
    momentum: np.floating
    beta1: np.floating
    rest1: np.floating
    beta2: np.floating
    rest2: np.floating
    epsilon: np.floating
    power1: np.float64
    power2: np.float64


def settings(condition: Condition) -> Settings:
    """What the kernel needs to know of a condition; `batch_size` 0 means all rows."""
    dtype = condition.numpy_dtype
    number = dtype.type
    task = condition.task.examples if condition.batch_size else condition.task
    batches = steps_of(task.n_examples, condition.batch_size)
    return Settings(
        activation=FUNCTIONS[condition.activation],
        output=FUNCTIONS[condition.output],
        cross_entropy=condition.loss == "bce",
        optimizer=OPTIMIZERS[condition.optimizer],
        rule=RULES[condition.success.rule],
        smooth=condition.smooth,
        at_zero=bool(condition.relu_at_zero),
        ties=condition.success.ties == "pass",
        epochs=condition.epochs,
        tail_part=tail_part(condition.epochs),
        batch_size=condition.batch_size or 0,
        x=task.x(dtype),
        t=task.t(dtype),
        c=number(LOSSES[condition.loss].weight(task.n_examples)) * task.times.astype(dtype),
        c_batch=np.array([LOSSES[condition.loss].weight(size) for size in batches], dtype),
        lr=number(condition.lr),
        lr_bias=number(condition.lr if condition.bias else 0),
        slope=number(condition.slope),
        tolerance=number(condition.success.tolerance),
        boundary=number(0 if condition.output == "sigmoid" else 0.5),
        zero=number(0),
        half=number(0.5),
        one=number(1),
        momentum=number(condition.momentum),
        beta1=number(condition.beta1),
        rest1=number(1 - condition.beta1),
        beta2=number(condition.beta2),
        rest2=number(1 - condition.beta2),
        epsilon=number(condition.epsilon),
        power1=np.float64(condition.beta1),
        power2=np.float64(condition.beta2),
    )


compiled = njit(nogil=True, error_model="numpy", forceinline=True)  # calls would count references


# Every array of a block is a matrix whose last axis holds the LANES trainings: z, a and g have a row
# for each unit and table row (unit·N + n), the weights of the inputs one for each input and unit
# (d·H + h). Views and slices in the loop would cost more than the arithmetic.


@compiled
def _preactivations(z, weights, bias, x, zero):
    hidden, n_rows = bias.shape[0], x.shape[0]
    for h in range(hidden):
        for n in range(n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                z[i, r] = bias[h, r]
            for d in range(x.shape[1]):
                if x[n, d] != zero:
                    factor, j = x[n, d], d * hidden + h
                    for r in range(LANES):
                        z[i, r] += factor * weights[j, r]


@compiled
def _apply(function, z, a, slope, zero, one):
    """A = function(z), element by element."""
    for i in range(z.shape[0]):
        if function == RELU:
            for r in range(LANES):
                a[i, r] = z[i, r] if z[i, r] > zero else zero
        elif function == LEAKY_RELU:
            for r in range(LANES):
                a[i, r] = z[i, r] if z[i, r] > zero else z[i, r] * slope
        elif function == TANH:
            for r in range(LANES):
                a[i, r] = math.tanh(z[i, r])
        elif function == SIGMOID:
            for r in range(LANES):
                small = math.exp(-abs(z[i, r]))
                a[i, r] = (one if z[i, r] >= zero else small) / (one + small)
        else:
            for r in range(LANES):
                a[i, r] = z[i, r]


@compiled
def _through(function, z, a, g, at_zero, slope, zero, one):
    """g, the gradient with respect to a = function(z), becomes that with respect to z."""
    for i in range(z.shape[0]):
        if function == RELU:
            for r in range(LANES):
                passes = (z[i, r] > zero) | (at_zero & (z[i, r] == zero))
                g[i, r] = g[i, r] if passes else zero
        elif function == LEAKY_RELU:
            for r in range(LANES):
                passes = (z[i, r] > zero) | (at_zero & (z[i, r] == zero))
                g[i, r] = g[i, r] if passes else g[i, r] * slope
        elif function == TANH:
            for r in range(LANES):
                g[i, r] = g[i, r] * (one - a[i, r] * a[i, r])
        elif function == SIGMOID:
            for r in range(LANES):
                g[i, r] = g[i, r] * (a[i, r] * (one - a[i, r]))


@compiled
def _scores(s, a, out, out_bias):
    n_rows = s.shape[0]
    for n in range(n_rows):
        for r in range(LANES):
            s[n, r] = out_bias[0, r]
    for h in range(out.shape[0]):
        for n in range(n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                s[n, r] += a[i, r] * out[h, r]


@compiled
def _loss(loss, s, y, cfg):
    for n in range(s.shape[0]):
        t, c = cfg.t[n], cfg.c[n]
        for r in range(LANES):
            if cfg.cross_entropy:
                v = s[n, r]
                term = c * (((v if v > cfg.zero else cfg.zero) - v * t) + math.log1p(math.exp(-abs(v))))
            else:
                error = y[n, r] - t
                term = (c * error) * error
            loss[r] = term if n == 0 else loss[r] + term
    if not cfg.cross_entropy:
        for r in range(LANES):
            loss[r] = cfg.half * loss[r]


@compiled
def _judge(unsolved, e, loss, s, y, cfg):
    """Note the epoch in `unsolved` where the success rule does not hold."""
    if cfg.rule == LOSS:
        for r in range(LANES):
            unsolved[r] = unsolved[r] if loss[r] <= cfg.tolerance else e
    else:
        for r in range(LANES):
            fine = True
            for n in range(s.shape[0]):
                if cfg.rule == MARGIN:
                    fine &= abs(y[n, r] - cfg.t[n]) < cfg.tolerance
                else:
                    v = s[n, r]
                    side = v > cfg.boundary if cfg.t[n] > cfg.half else v < cfg.boundary
                    fine &= side | (cfg.ties & (v == cfg.boundary))
            unsolved[r] = unsolved[r] if fine else e


@compiled
def _score_gradients(f, s, y, step, drawn, cfg):
    """Gradient with respect to each score; rows that are not in the step's batch have none."""
    for n in range(f.shape[0]):
        t = cfg.t[n]
        if cfg.batch_size == 0:
            c = cfg.c[n]
            for r in range(LANES):
                f[n, r] = c * (y[n, r] - t)
        else:
            c = cfg.c_batch[step]
            for r in range(LANES):
                f[n, r] = c * (y[n, r] - t) if drawn[n, r] == step else cfg.zero
    if not cfg.cross_entropy and cfg.output != IDENTITY:
        _through(cfg.output, s, y, f, cfg.at_zero, cfg.slope, cfg.zero, cfg.one)


@compiled
def _gradients(g, g_weights, g_bias, g_out, g_out_bias, f, z, a, out, cfg):
    n_rows, hidden = f.shape[0], out.shape[0]
    for h in range(hidden):
        for n in range(n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                g[i, r] = f[n, r] * out[h, r]
        i = h * n_rows
        for r in range(LANES):
            g_out[h, r] = a[i, r] * f[0, r]
        for n in range(1, n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                g_out[h, r] += a[i, r] * f[n, r]
    _through(cfg.activation, z, a, g, cfg.at_zero, cfg.slope, cfg.zero, cfg.one)
    for h in range(hidden):
        i = h * n_rows
        for r in range(LANES):
            g_bias[h, r] = g[i, r]
        for n in range(1, n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                g_bias[h, r] += g[i, r]
        for d in range(cfg.x.shape[1]):
            j, started = d * hidden + h, False
            for n in range(n_rows):
                factor, i = cfg.x[n, d], h * n_rows + n
                if factor != cfg.zero and started:
                    for r in range(LANES):
                        g_weights[j, r] += factor * g[i, r]
                elif factor != cfg.zero:
                    for r in range(LANES):
                        g_weights[j, r] = factor * g[i, r]
                    started = True
    for r in range(LANES):
        g_out_bias[0, r] = f[0, r]
    for n in range(1, n_rows):
        for r in range(LANES):
            g_out_bias[0, r] += f[n, r]


@compiled
def _update(p, g, m, v, rate, left1, left2, cfg):
    """Move parameters; m and v are the optimizer's memory, left1 and left2 Adam's 1 − β^t."""
    for i in range(p.shape[0]):
        if cfg.optimizer == GD:
            for r in range(LANES):
                p[i, r] -= rate * g[i, r]
        elif cfg.optimizer == MOMENTUM:
            for r in range(LANES):
                v[i, r] = v[i, r] * cfg.momentum + g[i, r]
                p[i, r] -= rate * v[i, r]
        else:
            for r in range(LANES):
                m[i, r] = m[i, r] * cfg.beta1 + cfg.rest1 * g[i, r]
                v[i, r] = v[i, r] * cfg.beta2 + (cfg.rest2 * g[i, r]) * g[i, r]
                p[i, r] -= rate * ((m[i, r] / left1) / (math.sqrt(v[i, r] / left2) + cfg.epsilon))


@compiled
def _alive(alive, z, zero):
    n_rows = z.shape[0] // alive.shape[0]
    for h in range(alive.shape[0]):
        for r in range(LANES):
            alive[h, r] = 0
        for n in range(n_rows):
            i = h * n_rows + n
            for r in range(LANES):
                alive[h, r] |= 1 if z[i, r] > zero else 0


@compiled
def _look(e, alive, was_alive, was_dead, revived, death):
    """Note first deaths and revivals, at the start of epoch e."""
    for h in range(alive.shape[0]):
        for r in range(LANES):
            lost = was_alive[h, r] & (1 - alive[h, r])
            death[r] = e if (lost != 0) & (death[r] < 0) else death[r]
            revived[h, r] |= was_dead[h, r] & alive[h, r]
            was_dead[h, r] |= 1 - alive[h, r]


@compiled
def _mix(x):
    x = (x ^ (x >> np.uint64(30))) * MIX1
    x = (x ^ (x >> np.uint64(27))) * MIX2
    return x ^ (x >> np.uint64(31))


@compiled
def _draw_batches(drawn, keys, stream, epoch, batch_size):
    """`nnxor.network.minibatches.batch_of` for a block: an example's place is the number of those with smaller keys."""
    n_rows = drawn.shape[0]
    for r in range(LANES):
        of_epoch = _mix(stream[r] + np.uint64(epoch + 1) * GAMMA)
        for n in range(n_rows):
            keys[n, r] = _mix(of_epoch + np.uint64(n + 1) * GAMMA)
    for n in range(n_rows):
        for r in range(LANES):
            drawn[n, r] = 0
        for m in range(n_rows):
            for r in range(LANES):
                before = keys[m, r] < keys[n, r] or (m < n and keys[m, r] == keys[n, r])
                drawn[n, r] += 1 if before else 0
        for r in range(LANES):
            drawn[n, r] //= batch_size


@njit(nogil=True, cache=True, error_model="numpy")
def kernel(W1, b1, W2, b2, stream, cfg, last_unsolved, first_death, revivals, tail):
    """Train every block in place; W1 (D, H, R), b1 and W2 (H, R), b2 (R,), with R a multiple of LANES."""
    n_inputs, hidden, dtype = W1.shape[0], W1.shape[1], W1.dtype
    n_rows = cfg.x.shape[0]
    weights = np.empty((n_inputs * hidden, LANES), dtype)
    bias, out = np.empty((hidden, LANES), dtype), np.empty((hidden, LANES), dtype)
    out_bias, loss = np.empty((1, LANES), dtype), np.empty(LANES, dtype)
    g_weights, g_bias = np.zeros_like(weights), np.zeros_like(bias)
    g_out, g_out_bias = np.zeros_like(out), np.zeros_like(out_bias)
    m_weights, m_bias = np.zeros_like(weights), np.zeros_like(bias)
    m_out, m_out_bias = np.zeros_like(out), np.zeros_like(out_bias)
    v_weights, v_bias = np.zeros_like(weights), np.zeros_like(bias)
    v_out, v_out_bias = np.zeros_like(out), np.zeros_like(out_bias)
    z, a = np.empty((hidden * n_rows, LANES), dtype), np.empty((hidden * n_rows, LANES), dtype)
    g = np.empty((hidden * n_rows, LANES), dtype)
    s, y = np.empty((n_rows, LANES), dtype), np.empty((n_rows, LANES), dtype)
    f = np.empty((n_rows, LANES), dtype)
    drawn, keys = np.zeros((n_rows, LANES), np.int32), np.empty((n_rows, LANES), np.uint64)
    alive, was_alive = np.empty((hidden, LANES), np.int32), np.empty((hidden, LANES), np.int32)
    was_dead, revived = np.empty((hidden, LANES), np.int32), np.empty((hidden, LANES), np.int32)
    tail_sums = np.empty((TAIL_PARTS, LANES), np.float64)
    unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    tail_start = cfg.epochs - TAIL_PARTS * cfg.tail_part
    n_steps = len(cfg.c_batch)

    for first in range(0, b2.shape[0], LANES):
        for d in range(n_inputs):
            weights[d * hidden : (d + 1) * hidden] = W1[d, :, first : first + LANES]
        bias[:] = b1[:, first : first + LANES]
        out[:] = W2[:, first : first + LANES]
        out_bias[0] = b2[first : first + LANES]
        if cfg.optimizer != GD:
            m_weights[:], m_bias[:], m_out[:], m_out_bias[:] = cfg.zero, cfg.zero, cfg.zero, cfg.zero
            v_weights[:], v_bias[:], v_out[:], v_out_bias[:] = cfg.zero, cfg.zero, cfg.zero, cfg.zero
        power1, power2 = 1.0, 1.0
        unsolved[:] = -1
        death[:] = -1
        revived[:] = 0
        tail_sums[:] = 0.0
        _preactivations(z, weights, bias, cfg.x, cfg.zero)
        _alive(was_alive, z, cfg.zero)
        was_dead[:] = 1 - was_alive

        for e in range(cfg.epochs):
            if cfg.batch_size != 0:
                _draw_batches(drawn, keys, stream[first : first + LANES], e, cfg.batch_size)
            for step in range(n_steps):
                _apply(cfg.activation, z, a, cfg.slope, cfg.zero, cfg.one)
                _scores(s, a, out, out_bias)
                _apply(cfg.output, s, y, cfg.slope, cfg.zero, cfg.one)
                if step == 0:
                    _loss(loss, s, y, cfg)
                    _judge(unsolved, e, loss, s, y, cfg)
                    if e >= tail_start:
                        part = (e - tail_start) // cfg.tail_part
                        for r in range(LANES):
                            tail_sums[part, r] += loss[r]
                _score_gradients(f, s, y, step, drawn, cfg)
                _gradients(g, g_weights, g_bias, g_out, g_out_bias, f, z, a, out, cfg)
                power1 *= cfg.power1
                power2 *= cfg.power2
                left1, left2 = dtype.type(1.0 - power1), dtype.type(1.0 - power2)
                _update(weights, g_weights, m_weights, v_weights, cfg.lr, left1, left2, cfg)
                _update(bias, g_bias, m_bias, v_bias, cfg.lr_bias, left1, left2, cfg)
                _update(out, g_out, m_out, v_out, cfg.lr, left1, left2, cfg)
                _update(out_bias, g_out_bias, m_out_bias, v_out_bias, cfg.lr_bias, left1, left2, cfg)
                _preactivations(z, weights, bias, cfg.x, cfg.zero)
            if not cfg.smooth:
                _alive(alive, z, cfg.zero)
                _look(e + 1, alive, was_alive, was_dead, revived, death)

        for d in range(n_inputs):
            W1[d, :, first : first + LANES] = weights[d * hidden : (d + 1) * hidden]
        b1[:, first : first + LANES] = bias
        W2[:, first : first + LANES] = out
        b2[first : first + LANES] = out_bias[0]
        last_unsolved[first : first + LANES] = unsolved
        first_death[first : first + LANES] = death
        revivals[first : first + LANES] = revived.sum(axis=0)
        tail[:, first : first + LANES] = tail_sums
