"""The fast kernel: inputs 00, 01, 10, 11, written out row by row, under plain gradient descent.

The arithmetic of `nnxor.arithmetic.arrays`, a block of trainings at a time. Every array of a block holds
its trainings along the last axis, `LANES` of them, and every innermost loop runs over that axis
alone: the compiler turns it into vector instructions, and the block stays in the first-level cache.
What this kernel cannot train, `nnxor.engines.general` can. docs/speed.md says how far it is from
what a processor can do.

All trainings of a batch go from one checkpoint of `nnxor.engines.cycles` to the next before any
goes further (`nnxor.engines.jumps`). Dead units that cannot come back are counted only there:
without a look in each epoch the kernel is a tenth faster.

What a unit adds where it is not active is 0 here whatever the error, and not 0 times the error:
that is one comparison less, and differs only where the error is no number any more.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nnxor.protocol import TAIL_PARTS

LANES = 64
"""Trainings in a block: 32 and 128 measured 10 % slower to equal."""

ALIVE, HAS_BEEN_DEAD, REVIVED = 1, 2, 4
"""Marks of a unit, where dead units can come back: alive at epoch 0, dead at some epoch, alive at a later one."""

Kernel = Callable[..., Any]


class Constants(NamedTuple):
    """Numbers of a condition in its dtype: targets (4,), the error's weight, steps, slope, tolerance, 0 and 1/2."""

    t: NDArray[np.floating]
    c: np.floating
    lr: np.floating
    lr_bias: np.floating
    slope: np.floating
    tolerance: np.floating
    zero: np.floating
    half: np.floating


class Aim(NamedTuple):
    """What a call is for.

    first, last: the epochs to run, without `last`.
    watch: whether trainings that return to the parameters of `first` get their `period`, if that is negative.
    pairs: whether each training in the first half of a block gets as its `period` the epochs after which its
        parameters equal those of its partner in the second half; a block ends when all have met.
    tail_start, tail_part: where the tail begins, and the length of its parts.
    """

    first: int
    last: int
    watch: bool
    pairs: bool
    tail_start: int
    tail_part: int


class Seen(NamedTuple):
    """What a call goes on with and changes, by block and lane.

    period, last_unsolved, first_death, n_dead: (B, LANES), int32; n_dead is of the end, and first_death is
        kept only where dead units can come back.
    marks: (H, B, LANES), int32; kept where dead units can come back.
    tail: (TAIL_PARTS, B, LANES), float64, if a tail is run.
    losses: (any number, B, LANES): losses of the first epochs.
    """

    period: NDArray[np.int32]
    last_unsolved: NDArray[np.int32]
    first_death: NDArray[np.int32]
    n_dead: NDArray[np.int32]
    marks: NDArray[np.int32]
    tail: NDArray[np.float64]
    losses: NDArray[np.floating]


@cache
def square_kernel(leaky: bool, at_zero: bool) -> Kernel:
    """The kernel for one activation; compiled when first called with a dtype, and kept on disk.

    It trains the columns of `table` (4H + 1, B, LANES), the first `width` (B,) units of each; the others must be
    dead. Returned are the numbers of trainings that got a period or diverged, and of those of which a unit died that
    cannot come back.

    If `steps` (B, LANES) is not empty, each column becomes that of so many epochs later instead; `aim.first` is 0,
    `aim.last` the largest step, and of `seen` only the losses are kept.
    """
    may_revive = leaky or at_zero

    @njit(nogil=True, cache=True, error_model="numpy")
    def kernel(table, width, steps, constants, aim, seen):
        t, c, lr, lr_bias, slope, tolerance, zero, half = constants
        first, last, watch, pairs, tail_start, tail_part = aim
        period, last_unsolved, first_death, n_dead, marks, tail, losses = seen
        hidden, dtype = table.shape[0] // 4, table.dtype
        state, kept = np.empty((table.shape[0], LANES), dtype), np.empty((table.shape[0], LANES), dtype)
        u, v = state[:hidden], state[hidden : 2 * hidden]
        bias, out, out_bias = state[2 * hidden : 3 * hidden], state[3 * hidden : 4 * hidden], state[4 * hidden]
        loss = np.empty(LANES, dtype)
        d0, d1 = np.empty(LANES, dtype), np.empty(LANES, dtype)
        d2, d3 = np.empty(LANES, dtype), np.empty(LANES, dtype)
        target, alike = np.empty(LANES, dtype), np.empty(LANES, np.int32)
        flat, flat_kept, witness = state.reshape(-1), kept.reshape(-1), np.empty(LANES, np.uint64)
        row, size = np.uint64(LANES), np.uint64(len(state) * LANES)
        other, offset = (flat, row // np.uint64(2)) if pairs else (flat_kept, np.uint64(0))
        unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
        lost, dead = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
        mark = np.zeros((hidden, LANES), np.int32)
        tail_sums = np.empty((TAIL_PARTS, LANES), np.float64)
        t0, t1, t2, t3 = t[0], t[1], t[2], t[3]
        together, n_done, n_lost, n_suspects = len(steps) == 0, 0, 0, 0
        lanes = table.shape[2]  # LANES: a constant would have plain copies unrolled to single moves

        for block in range(table.shape[1]):
            n_units = width[block]
            for p in range(len(state)):
                for r in range(lanes):
                    state[p, r] = table[p, block, r]
            if may_revive:
                for h in range(hidden):
                    for r in range(lanes):
                        mark[h, r] = marks[h, block, r]
            if watch:
                n_suspects = 0
                for p in range(len(state)):
                    for r in range(lanes):
                        kept[p, r] = state[p, r]
            if pairs:
                n_suspects = LANES // 2
                for r in range(n_suspects):
                    witness[r] = r
            end = stop = last
            if not together:
                end = 0
            for r in range(lanes):
                unsolved[r] = last_unsolved[block, r]
                if not together and steps[block, r] > 0:
                    stop, end = min(stop, steps[block, r]), max(end, steps[block, r])
                if may_revive:
                    death[r] = first_death[block, r]
            if last > tail_start:
                for part in range(TAIL_PARTS):
                    for r in range(lanes):
                        tail_sums[part, r] = tail[part, block, r]

            for e in range(first, end):
                for r in range(LANES):
                    d0[r] = out_bias[r]
                    d1[r] = out_bias[r]
                    d2[r] = out_bias[r]
                    d3[r] = out_bias[r]
                    lost[r] = 0
                for h in range(n_units):
                    for r in range(LANES):
                        w = out[h, r]
                        p0 = bias[h, r]
                        p1 = p0 + v[h, r]
                        p2 = p0 + u[h, r]
                        p3 = p2 + v[h, r]
                        if may_revive:
                            alive = 1 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else 0
                            lost[r] |= mark[h, r] & ALIVE & (1 - alive)
                            mark[h, r] |= (mark[h, r] & HAS_BEEN_DEAD) * alive * 2
                            mark[h, r] |= (1 - alive) * HAS_BEEN_DEAD
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
                if watch and e == first:
                    for r in range(LANES):
                        target[r] = d3[r] if period[block, r] < 0 else np.nan
                elif watch:
                    # The output is often the same long before all is, while the biases still drift. What needs a look
                    # at a single training, one parameter after the other, is a suspect for the rest of the stretch.
                    hit = 0
                    for r in range(LANES):
                        equal = (d3[r] == target[r]) & (out_bias[r] == kept[4 * hidden, r])
                        equal &= bias[0, r] == kept[2 * hidden, r]
                        alike[r] = 1 if equal else 0
                        hit |= alike[r]
                    h = 1
                    while hit != 0 and h < n_units:
                        hit = 0
                        for r in range(LANES):
                            alike[r] &= 1 if bias[h, r] == kept[2 * hidden + h, r] else 0
                            hit |= alike[r]
                        h += 1
                    if hit != 0:
                        for r in range(LANES):
                            if alike[r] != 0:
                                target[r] = np.nan
                                witness[n_suspects] = r
                                n_suspects += 1
                if n_suspects > 0:
                    i = 0
                    while i < n_suspects:
                        place = looked = witness[i]
                        while flat[place] == other[place + offset]:
                            place = place + row if place + row < size else place % row
                            if place == looked:
                                break
                        witness[i] = place
                        i += 1
                        if flat[place] == other[place + offset]:
                            period[block, place % row] = e - first
                            n_done += 1
                            i -= 1
                            n_suspects -= 1
                            witness[i] = witness[n_suspects]
                    if pairs and n_suspects == 0:
                        break
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
                    if may_revive:
                        death[r] = e if (lost[r] != 0) & (death[r] < 0) else death[r]
                    out_bias[r] -= lr_bias * (((f0 + f1) + f2) + f3)
                    d0[r] = f0
                    d1[r] = f1
                    d2[r] = f2
                    d3[r] = f3
                for h in range(n_units):
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
                            a0 = (p0 if p0 > zero else p0 * slope) * f0
                            a1 = (p1 if p1 > zero else p1 * slope) * f1
                            a2 = (p2 if p2 > zero else p2 * slope) * f2
                            a3 = (p3 if p3 > zero else p3 * slope) * f3
                            n0 = g0 * slope
                            n1 = g1 * slope
                            n2 = g2 * slope
                            n3 = g3 * slope
                        else:
                            a0 = p0 * f0 if p0 > zero else zero
                            a1 = p1 * f1 if p1 > zero else zero
                            a2 = p2 * f2 if p2 > zero else zero
                            a3 = p3 * f3 if p3 > zero else zero
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
                        out[h, r] = w - lr * (((a0 + a1) + a2) + a3)
                        bias[h, r] = p0 - lr_bias * (((g0 + g1) + g2) + g3)
                        u[h, r] -= lr * (g2 + g3)
                        v[h, r] -= lr * (g1 + g3)

                if e >= tail_start:
                    part = (e - tail_start) // tail_part
                    for r in range(LANES):
                        tail_sums[part, r] += loss[r]
                if e < len(losses):
                    for r in range(LANES):
                        losses[e, block, r] = loss[r]
                if e + 1 == stop and not together:  # some training of the block has come to its end
                    stop = last
                    for r in range(LANES):
                        if steps[block, r] > e + 1:
                            stop = min(stop, steps[block, r])
                        elif steps[block, r] == e + 1:
                            for p in range(len(state)):
                                table[p, block, r] = state[p, r]

            if not together:
                continue
            for r in range(lanes):  # x − x is 0 for numbers alone
                before, after = table[4 * hidden, block, r], out_bias[r]
                n_done += 1 if (before - before == zero) & (after - after != zero) else 0
            for p in range(len(state)):
                for r in range(lanes):
                    table[p, block, r] = state[p, r]
            for r in range(LANES):
                lost[r] = 0
                dead[r] = hidden - n_units
            for h in range(n_units):
                for r in range(LANES):
                    p0 = bias[h, r]
                    p1 = p0 + v[h, r]
                    p2 = p0 + u[h, r]
                    p3 = p2 + v[h, r]
                    alive = 1 if (p0 > zero) | (p1 > zero) | (p2 > zero) | (p3 > zero) else 0
                    dead[r] += 1 - alive
                    if may_revive:
                        lost[r] |= mark[h, r] & ALIVE & (1 - alive)
                        mark[h, r] |= (mark[h, r] & HAS_BEEN_DEAD) * alive * 2
                        mark[h, r] |= (1 - alive) * HAS_BEEN_DEAD
                        marks[h, block, r] = mark[h, r]
            for r in range(LANES):
                last_unsolved[block, r] = unsolved[r]
                if may_revive:
                    first_death[block, r] = last if (lost[r] != 0) & (death[r] < 0) else death[r]
                else:
                    n_lost += 1 if dead[r] > n_dead[block, r] else 0
                n_dead[block, r] = dead[r]
            if last > tail_start:
                for part in range(TAIL_PARTS):
                    for r in range(LANES):
                        tail[part, block, r] = tail_sums[part, r]
        return n_done, n_lost

    return kernel


@njit(nogil=True, cache=True, error_model="numpy")
def read_cycles(losses, period, tolerance, epochs, tail_part, last_unsolved, tail):
    """Sums of the tails and last unsolved epochs of trainings on their cycles.

    losses (P, n): those of the epochs from the start of the tail on, of which each training repeats the first
    period[r]. Each sum adds the losses in the order in which a training run to its end meets them.
    """
    tail_start = epochs - TAIL_PARTS * tail_part
    phase = np.empty(TAIL_PARTS, np.int64)
    for r in range(len(period)):
        for part in range(TAIL_PARTS):
            phase[part] = part * tail_part % period[r]
            known = part
            for earlier in range(part):  # most periods are 1 or 2, and all parts begin alike
                known = min(known, earlier) if phase[earlier] == phase[part] else known
            if known < part:
                tail[part, r] = tail[known, r]
                continue
            total, at = 0.0, phase[part]
            for _ in range(tail_part):
                total += losses[at, r]
                at = at + 1 if at + 1 < period[r] else 0
            tail[part, r] = total
        for e in range(epochs - period[r], epochs):
            if not losses[(e - tail_start) % period[r], r] <= tolerance:
                last_unsolved[r] = e
