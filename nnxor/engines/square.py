"""The fast kernel: inputs 00, 01, 10, 11, written out row by row, under plain gradient descent.

The arithmetic of `nnxor.arithmetic`, a block of trainings at a time. Every array of a block holds
its trainings along the last axis, `LANES` of them, and every innermost loop runs over that axis
alone: the compiler turns it into vector instructions, and the block stays in the first-level cache
for all its epochs. What this kernel cannot train, `nnxor.engines.general` can.
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
    """The kernel for one activation; compiled when first called with a dtype, and kept on disk."""

    @njit(nogil=True, cache=True, error_model="numpy")
    def kernel(
        W1, b1, W2, b2, t, c, lr, lr_bias, slope, tolerance,
        epochs, tail_part, zero, half, last_unsolved, first_death, revivals, tail,
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
        was_dead, revived = np.zeros((hidden, LANES), np.int32), np.zeros((hidden, LANES), np.int32)
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
                    was_dead[h, r] = 1 - was_alive[h, r]
                    revived[h, r] = 0
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
                        alive = 1 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else 0
                        lost[r] |= was_alive[h, r] & (1 - alive)
                        if leaky or at_zero:
                            revived[h, r] |= was_dead[h, r] & alive
                            was_dead[h, r] |= 1 - alive
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
                    alive = 1 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else 0
                    if (alive == 0) and was_alive[h, r] and death[r] < 0:
                        death[r] = epochs
                    revived[h, r] |= was_dead[h, r] & alive
                    W1[0, h, first + r] = u[h, r]
                    W1[1, h, first + r] = v[h, r]
                    b1[h, first + r] = bias[h, r]
                    W2[h, first + r] = out[h, r]
            for r in range(LANES):
                b2[first + r] = out_bias[r]
                last_unsolved[first + r] = unsolved[r]
                first_death[first + r] = death[r]
                revivals[first + r] = 0
            for h in range(hidden):
                for r in range(LANES):
                    revivals[first + r] += revived[h, r]
            tail[:, first : first + LANES] = tail_sums

    return kernel
