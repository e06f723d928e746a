"""The compiled kernels: the arithmetic of `nnxor.arithmetic`, a block of trainings at a time.

Every array of a block holds its trainings along the last axis, `LANES` of them, and every
innermost loop runs over that axis alone: the compiler turns it into vector instructions, and the
block stays in the first-level cache for all its epochs. There is one kernel for inputs 00, 01,
10, 11, written out row by row (`square_kernel`), and one for every other task
(`general_kernel`, about eight times slower on the same task). Each is compiled when first needed, for one
activation and one dtype, and kept on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit

from nnxor.protocol import TAIL_PARTS

LANES = 64
"""Trainings in a block: 32 and 128 measured 10 % slower to equal."""

Kernel = Callable[..., Any]


@cache
def square_kernel(leaky: bool, at_zero: bool) -> Kernel:
    """The kernel for tasks whose inputs are 00, 01, 10, 11."""

    @njit(nogil=True, cache=True, error_model="numpy")
    def kernel(
        W1, b1, W2, b2, x, t, c, lr, lr_bias, slope, tolerance,
        epochs, tail_part, zero, half, last_unsolved, first_death, tail,
    ):  # fmt: skip
        hidden, dtype = W1.shape[1], W1.dtype
        u, v = np.empty((hidden, LANES), dtype), np.empty((hidden, LANES), dtype)
        bias, out = np.empty((hidden, LANES), dtype), np.empty((hidden, LANES), dtype)
        was_alive = np.empty((hidden, LANES), np.int32)
        out_bias, loss = np.empty(LANES, dtype), np.empty(LANES, dtype)
        d0, d1 = np.empty(LANES, dtype), np.empty(LANES, dtype)
        d2, d3 = np.empty(LANES, dtype), np.empty(LANES, dtype)
        tail_sums = np.empty((TAIL_PARTS, LANES), np.float64)
        tail_start = epochs - TAIL_PARTS * tail_part
        unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
        lost = np.empty(LANES, np.int32)
        t0, t1, t2, t3 = t[0], t[1], t[2], t[3]

        for first in range(0, b2.shape[0], LANES):
            for h in range(hidden):
                for r in range(LANES):
                    u[h, r] = W1[0, h, first + r]
                    v[h, r] = W1[1, h, first + r]
                    bias[h, r] = b1[h, first + r]
                    out[h, r] = W2[h, first + r]
                    p0 = bias[h, r]
                    p1 = p0 + v[h, r]
                    p2 = p0 + u[h, r]
                    p3 = p2 + v[h, r]
                    was_alive[h, r] = 1 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else 0
            for r in range(LANES):
                out_bias[r] = b2[first + r]
                unsolved[r] = -1
                death[r] = -1
            tail_sums[:] = 0.0

            for e in range(epochs):
                for r in range(LANES):
                    d0[r] = out_bias[r]
                    d1[r] = out_bias[r]
                    d2[r] = out_bias[r]
                    d3[r] = out_bias[r]
                    lost[r] = 0
                for h in range(hidden):
                    for r in range(LANES):
                        w = out[h, r]
                        p0 = bias[h, r]
                        p1 = p0 + v[h, r]
                        p2 = p0 + u[h, r]
                        p3 = p2 + v[h, r]
                        lost[r] |= 0 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else was_alive[h, r]
                        if leaky:
                            d0[r] += (p0 if p0 > zero else p0 * slope) * w
                            d1[r] += (p1 if p1 > zero else p1 * slope) * w
                            d2[r] += (p2 if p2 > zero else p2 * slope) * w
                            d3[r] += (p3 if p3 > zero else p3 * slope) * w
                        else:
                            d0[r] += (p0 if p0 > zero else zero) * w
                            d1[r] += (p1 if p1 > zero else zero) * w
                            d2[r] += (p2 if p2 > zero else zero) * w
                            d3[r] += (p3 if p3 > zero else zero) * w
                for r in range(LANES):
                    e0 = d0[r] - t0
                    e1 = d1[r] - t1
                    e2 = d2[r] - t2
                    e3 = d3[r] - t3
                    f0 = c * e0
                    f1 = c * e1
                    f2 = c * e2
                    f3 = c * e3
                    loss[r] = half * (((f0 * e0 + f1 * e1) + f2 * e2) + f3 * e3)
                    unsolved[r] = unsolved[r] if loss[r] <= tolerance else e
                    death[r] = e if (lost[r] != 0) & (death[r] < 0) else death[r]
                    out_bias[r] -= lr_bias * (((f0 + f1) + f2) + f3)
                    d0[r] = f0
                    d1[r] = f1
                    d2[r] = f2
                    d3[r] = f3
                if e >= tail_start:
                    part = (e - tail_start) // tail_part
                    for r in range(LANES):
                        tail_sums[part, r] += loss[r]
                for h in range(hidden):
                    for r in range(LANES):
                        w = out[h, r]
                        p0 = bias[h, r]
                        p1 = p0 + v[h, r]
                        p2 = p0 + u[h, r]
                        p3 = p2 + v[h, r]
                        f0 = d0[r]
                        f1 = d1[r]
                        f2 = d2[r]
                        f3 = d3[r]
                        g0 = f0 * w
                        g1 = f1 * w
                        g2 = f2 * w
                        g3 = f3 * w
                        if leaky:
                            a0 = p0 if p0 > zero else p0 * slope
                            a1 = p1 if p1 > zero else p1 * slope
                            a2 = p2 if p2 > zero else p2 * slope
                            a3 = p3 if p3 > zero else p3 * slope
                            n0 = g0 * slope
                            n1 = g1 * slope
                            n2 = g2 * slope
                            n3 = g3 * slope
                        else:
                            a0 = p0 if p0 > zero else zero
                            a1 = p1 if p1 > zero else zero
                            a2 = p2 if p2 > zero else zero
                            a3 = p3 if p3 > zero else zero
                            n0 = n1 = n2 = n3 = zero
                        if at_zero:
                            g0 = g0 if p0 >= zero else n0
                            g1 = g1 if p1 >= zero else n1
                            g2 = g2 if p2 >= zero else n2
                            g3 = g3 if p3 >= zero else n3
                        else:
                            g0 = g0 if p0 > zero else n0
                            g1 = g1 if p1 > zero else n1
                            g2 = g2 if p2 > zero else n2
                            g3 = g3 if p3 > zero else n3
                        out[h, r] = w - lr * (((a0 * f0 + a1 * f1) + a2 * f2) + a3 * f3)
                        bias[h, r] = p0 - lr_bias * (((g0 + g1) + g2) + g3)
                        u[h, r] -= lr * (g2 + g3)
                        v[h, r] -= lr * (g1 + g3)

            for h in range(hidden):
                for r in range(LANES):
                    p0 = bias[h, r]
                    p1 = p0 + v[h, r]
                    p2 = p0 + u[h, r]
                    p3 = p2 + v[h, r]
                    alive = (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero)
                    if (not alive) and was_alive[h, r] and death[r] < 0:
                        death[r] = epochs
                    W1[0, h, first + r] = u[h, r]
                    W1[1, h, first + r] = v[h, r]
                    b1[h, first + r] = bias[h, r]
                    W2[h, first + r] = out[h, r]
            for r in range(LANES):
                b2[first + r] = out_bias[r]
                last_unsolved[first + r] = unsolved[r]
                first_death[first + r] = death[r]
            tail[:, first : first + LANES] = tail_sums

    return kernel


@njit(inline="always")
def _preactivation(z, x, n, weights, bias, h, zero):
    for r in range(LANES):
        z[n, r] = bias[h, r]
    for d in range(x.shape[1]):
        if x[n, d] != zero:
            for r in range(LANES):
                z[n, r] += x[n, d] * weights[d, h, r]


@cache
def general_kernel(leaky: bool, at_zero: bool) -> Kernel:
    """The kernel for tasks with any inputs and any number of rows."""

    @njit(nogil=True, cache=True, error_model="numpy")
    def kernel(
        W1, b1, W2, b2, x, t, c, lr, lr_bias, slope, tolerance,
        epochs, tail_part, zero, half, last_unsolved, first_death, tail,
    ):  # fmt: skip
        n_inputs, hidden, dtype = W1.shape[0], W1.shape[1], W1.dtype
        n_rows = x.shape[0]
        weights = np.empty((n_inputs, hidden, LANES), dtype)
        bias, out = np.empty((hidden, LANES), dtype), np.empty((hidden, LANES), dtype)
        z, g = np.empty((n_rows, LANES), dtype), np.empty((n_rows, LANES), dtype)
        f = np.empty((n_rows, LANES), dtype)
        slope_out, slope_bias = np.empty(LANES, dtype), np.empty(LANES, dtype)
        slope_weight = np.empty(LANES, dtype)
        was_alive = np.zeros((hidden, LANES), np.int32)
        alive, lost = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
        out_bias, loss = np.empty(LANES, dtype), np.empty(LANES, dtype)
        tail_sums = np.empty((TAIL_PARTS, LANES), np.float64)
        tail_start = epochs - TAIL_PARTS * tail_part
        unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)

        for first in range(0, b2.shape[0], LANES):
            weights[:] = W1[:, :, first : first + LANES]
            bias[:] = b1[:, first : first + LANES]
            out[:] = W2[:, first : first + LANES]
            out_bias[:] = b2[first : first + LANES]
            unsolved[:] = -1
            death[:] = -1
            tail_sums[:] = 0.0

            for e in range(epochs + 1):
                for n in range(n_rows):
                    f[n] = out_bias
                lost[:] = 0
                for h in range(hidden):
                    alive[:] = 0
                    for n in range(n_rows):
                        _preactivation(z, x, n, weights, bias, h, zero)
                        for r in range(LANES):
                            p = z[n, r]
                            alive[r] |= 1 if p > zero else 0
                            if leaky:
                                f[n, r] += (p if p > zero else p * slope) * out[h, r]
                            else:
                                f[n, r] += (p if p > zero else zero) * out[h, r]
                    if e == 0:
                        was_alive[h] = alive
                    for r in range(LANES):
                        lost[r] |= was_alive[h, r] & (1 - alive[r])
                for r in range(LANES):
                    death[r] = e if (lost[r] != 0) & (death[r] < 0) else death[r]
                if e == epochs:
                    break
                for n in range(n_rows):
                    for r in range(LANES):
                        error = f[n, r] - t[n]
                        f[n, r] = c * error
                        term = f[n, r] * error
                        if n == 0:
                            loss[r] = term
                            slope_bias[r] = f[n, r]
                        else:
                            loss[r] += term
                            slope_bias[r] += f[n, r]
                for r in range(LANES):
                    loss[r] = half * loss[r]
                    unsolved[r] = unsolved[r] if loss[r] <= tolerance else e
                    out_bias[r] -= lr_bias * slope_bias[r]
                if e >= tail_start:
                    part = (e - tail_start) // tail_part
                    for r in range(LANES):
                        tail_sums[part, r] += loss[r]
                for h in range(hidden):
                    for n in range(n_rows):
                        _preactivation(z, x, n, weights, bias, h, zero)
                        for r in range(LANES):
                            p = z[n, r]
                            through = f[n, r] * out[h, r]
                            if leaky:
                                a = p if p > zero else p * slope
                                blocked = through * slope
                            else:
                                a = p if p > zero else zero
                                blocked = zero
                            if at_zero:
                                g[n, r] = through if p >= zero else blocked
                            else:
                                g[n, r] = through if p > zero else blocked
                            if n == 0:
                                slope_out[r] = a * f[n, r]
                                slope_bias[r] = g[n, r]
                            else:
                                slope_out[r] += a * f[n, r]
                                slope_bias[r] += g[n, r]
                    for r in range(LANES):
                        out[h, r] -= lr * slope_out[r]
                        bias[h, r] -= lr_bias * slope_bias[r]
                    for d in range(n_inputs):
                        started = False
                        for n in range(n_rows):
                            if x[n, d] != zero:
                                for r in range(LANES):
                                    term = x[n, d] * g[n, r]
                                    slope_weight[r] = slope_weight[r] + term if started else term
                                started = True
                        if started:
                            for r in range(LANES):
                                weights[d, h, r] -= lr * slope_weight[r]

            W1[:, :, first : first + LANES] = weights
            b1[:, first : first + LANES] = bias
            W2[:, first : first + LANES] = out
            b2[first : first + LANES] = out_bias
            last_unsolved[first : first + LANES] = unsolved
            first_death[first : first + LANES] = death
            tail[:, first : first + LANES] = tail_sums

    return kernel
