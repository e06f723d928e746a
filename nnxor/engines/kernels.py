"""The compiled kernels: the arithmetic of `nnxor.arithmetic`, a block of trainings at a time.

Every array of a block holds its trainings along the last axis, `LANES` of them, and every
innermost loop runs over that axis alone: the compiler turns it into vector instructions, and the
block stays in the first-level cache. An epoch is written twice: for inputs 00, 01, 10, 11, row by
row (`_square_…`), and for every other task (`_general_…`, about eight times slower on the same
task). Kernels are compiled when first needed, for one dtype, and kept on disk.

`search` runs all trainings from one checkpoint to the next before any goes further, keeps their
parameters there, and looks for exact repeats (`nnxor.engines.repeats`). A training that has been
found to repeat may leave at the next checkpoint; the others close ranks, so that blocks stay full.
What is then left to know about such trainings comes from their period alone:

- `locate`: the last checkpoint before they settled, where it may lie far back;
- `around`: what the epochs that were skipped would have given;
- `chase`: the epoch from which they repeat. A training runs in two lanes, one a multiple of the
  period ahead of the other, until both are equal.

All parameters of a training are one column of a table: the rows of W1, then b1, W2 and b2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

LANES = 64
"""Trainings in a block: 32 and 128 measured 10 % slower to equal."""

EARLY = 4
"""Stretches between checkpoints, from the start, in which deaths of units are common."""

PAIRS = LANES // 2
"""Trainings in a block of `chase`, where each takes two lanes."""

Kernel = Callable[..., Any]


class Settling(NamedTuple):
    """The kernels for trainings that have been found to repeat."""

    locate: Kernel
    around: Kernel
    chase: Kernel


@njit(inline="always")
def _square_forward(leaky, deaths, net, spare, task, numbers, scratch):
    """Into scratch: weighted errors, steps of the output bias, losses; `low` ≤ 0 where a unit died.

    Deaths are looked for if `deaths`. Without, the epoch is 10 % faster.
    """
    weights, bias, out, out_bias = net
    _, t = task
    c, _, lr_bias, slope, zero, half = numbers
    f, _, step, low, loss = scratch
    t0, t1, t2, t3 = t[0], t[1], t[2], t[3]
    for r in range(LANES):
        f[0, r] = out_bias[r]
        f[1, r] = out_bias[r]
        f[2, r] = out_bias[r]
        f[3, r] = out_bias[r]
        low[r] = half
    for h in range(bias.shape[0]):
        for r in range(LANES):
            w = out[h, r]
            p0 = bias[h, r]
            p1 = p0 + weights[1, h, r]
            p2 = p0 + weights[0, h, r]
            p3 = p2 + weights[1, h, r]
            a0 = p0 if p0 > zero else zero
            a1 = p1 if p1 > zero else zero
            a2 = p2 if p2 > zero else zero
            a3 = p3 if p3 > zero else zero
            if deaths:
                top = a0 if a0 > a1 else a1
                other = a2 if a2 > a3 else a3
                top = top if top > other else other
                top = top if top > spare[h, r] else spare[h, r]
                low[r] = top if top < low[r] else low[r]
            if leaky:
                a0 = p0 if p0 > zero else p0 * slope
                a1 = p1 if p1 > zero else p1 * slope
                a2 = p2 if p2 > zero else p2 * slope
                a3 = p3 if p3 > zero else p3 * slope
            f[0, r] += a0 * w
            f[1, r] += a1 * w
            f[2, r] += a2 * w
            f[3, r] += a3 * w
    for r in range(LANES):
        e0 = f[0, r] - t0
        e1 = f[1, r] - t1
        e2 = f[2, r] - t2
        e3 = f[3, r] - t3
        f0 = c * e0
        f1 = c * e1
        f2 = c * e2
        f3 = c * e3
        loss[r] = half * (((f0 * e0 + f1 * e1) + f2 * e2) + f3 * e3)
        step[r] = lr_bias * (((f0 + f1) + f2) + f3)
        f[0, r] = f0
        f[1, r] = f1
        f[2, r] = f2
        f[3, r] = f3


@njit(inline="always")
def _square_backward(leaky, at_zero, net, task, numbers, scratch):
    """The update of every parameter, from what `_square_forward` left in scratch."""
    weights, bias, out, out_bias = net
    _, lr, lr_bias, slope, zero, _ = numbers
    f, _, step, _, _ = scratch
    for r in range(LANES):
        out_bias[r] -= step[r]
    for h in range(bias.shape[0]):
        for r in range(LANES):
            w = out[h, r]
            p0 = bias[h, r]
            p1 = p0 + weights[1, h, r]
            p2 = p0 + weights[0, h, r]
            p3 = p2 + weights[1, h, r]
            f0 = f[0, r]
            f1 = f[1, r]
            f2 = f[2, r]
            f3 = f[3, r]
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
            weights[0, h, r] -= lr * (g2 + g3)
            weights[1, h, r] -= lr * (g1 + g3)


@njit(inline="always")
def _preactivation(z, x, n, weights, bias, h, zero):
    """Pre-activations of unit h on row n into z."""
    for r in range(LANES):
        z[r] = bias[h, r]
    for d in range(x.shape[1]):
        if x[n, d] != zero:
            for r in range(LANES):
                z[r] += x[n, d] * weights[d, h, r]


@njit(inline="always")
def _general_forward(leaky, deaths, net, spare, task, numbers, scratch):
    """As `_square_forward`, for any inputs and any number of rows."""
    weights, bias, out, out_bias = net
    x, t = task
    c, _, lr_bias, slope, zero, half = numbers
    f, more, step, low, loss = scratch
    n_rows, z, top = x.shape[0], more[0], more[1]
    for n in range(n_rows):
        for r in range(LANES):
            f[n, r] = out_bias[r]
    for r in range(LANES):
        low[r] = half
    for h in range(bias.shape[0]):
        for r in range(LANES):
            top[r] = spare[h, r]
        for n in range(n_rows):
            _preactivation(z, x, n, weights, bias, h, zero)
            for r in range(LANES):
                p = z[r]
                top[r] = p if p > top[r] else top[r]
                if leaky:
                    f[n, r] += (p if p > zero else p * slope) * out[h, r]
                else:
                    f[n, r] += (p if p > zero else zero) * out[h, r]
        for r in range(LANES):
            low[r] = top[r] if top[r] < low[r] else low[r]
    for n in range(n_rows):
        for r in range(LANES):
            error = f[n, r] - t[n]
            f[n, r] = c * error
            term = f[n, r] * error
            if n == 0:
                loss[r] = term
                step[r] = f[n, r]
            else:
                loss[r] += term
                step[r] += f[n, r]
    for r in range(LANES):
        loss[r] = half * loss[r]
        step[r] = lr_bias * step[r]


@njit(inline="always")
def _general_backward(leaky, at_zero, net, task, numbers, scratch):
    """As `_square_backward`, for any inputs and any number of rows."""
    weights, bias, out, out_bias = net
    x, _ = task
    _, lr, lr_bias, slope, zero, _ = numbers
    f, more, step, _, _ = scratch
    n_rows, n_inputs = x.shape
    z, sum_out, sum_bias, sum_weight, g = more[0], more[1], more[2], more[3], more[4:]
    for r in range(LANES):
        out_bias[r] -= step[r]
    for h in range(bias.shape[0]):
        for n in range(n_rows):
            _preactivation(z, x, n, weights, bias, h, zero)
            for r in range(LANES):
                p = z[r]
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
                    sum_out[r] = a * f[n, r]
                    sum_bias[r] = g[n, r]
                else:
                    sum_out[r] += a * f[n, r]
                    sum_bias[r] += g[n, r]
        for r in range(LANES):
            out[h, r] -= lr * sum_out[r]
            bias[h, r] -= lr_bias * sum_bias[r]
        for d in range(n_inputs):
            started = False
            for n in range(n_rows):
                if x[n, d] != zero:
                    for r in range(LANES):
                        term = x[n, d] * g[n, r]
                        sum_weight[r] = sum_weight[r] + term if started else term
                    started = True
            if started:
                for r in range(LANES):
                    weights[d, h, r] -= lr * sum_weight[r]


@njit(inline="always")
def _forward(square, leaky, deaths, net, spare, task, numbers, scratch):
    if square:
        _square_forward(leaky, deaths, net, spare, task, numbers, scratch)
    else:
        _general_forward(leaky, deaths, net, spare, task, numbers, scratch)


@njit(inline="always")
def _backward(square, leaky, at_zero, net, task, numbers, scratch):
    if square:
        _square_backward(leaky, at_zero, net, task, numbers, scratch)
    else:
        _general_backward(leaky, at_zero, net, task, numbers, scratch)


@njit(inline="always")
def _block(n_inputs, hidden, n_rows, like):
    """Room for a block: all parameters as one table, W1, b1, W2 and b2 as views of it, and scratch."""
    dtype = like.dtype
    table = np.empty(((n_inputs + 2) * hidden + 1, LANES), dtype)
    net = (
        table[: n_inputs * hidden].reshape((n_inputs, hidden, LANES)),
        table[n_inputs * hidden : (n_inputs + 1) * hidden],
        table[(n_inputs + 1) * hidden : (n_inputs + 2) * hidden],
        table[(n_inputs + 2) * hidden],
    )
    scratch = (
        np.empty((n_rows, LANES), dtype), np.empty((n_rows + 4, LANES), dtype),
        np.empty(LANES, dtype), np.empty(LANES, dtype), np.empty(LANES, dtype),
    )  # fmt: skip
    return table, net, scratch


@njit(error_model="numpy")
def _square_epoch(kind, net, task, numbers, scratch):
    """An epoch as a function of its own: slower than inlined, but compiled once for all kernels but `search`."""
    leaky, at_zero = kind
    _square_forward(leaky, False, net, net[1], task, numbers, scratch)
    _square_backward(leaky, at_zero, net, task, numbers, scratch)


@njit(error_model="numpy")
def _general_epoch(kind, net, task, numbers, scratch):
    """As `_square_epoch`, for any inputs and any number of rows."""
    leaky, at_zero = kind
    _general_forward(leaky, False, net, net[1], task, numbers, scratch)
    _general_backward(leaky, at_zero, net, task, numbers, scratch)


@njit(inline="always")
def _epoch(square, kind, net, task, numbers, scratch):
    if square:
        _square_epoch(kind, net, task, numbers, scratch)
    else:
        _general_epoch(kind, net, task, numbers, scratch)


@njit
def _difference(one, i, other, j):
    """The first parameter whose bits differ (or that is NaN) between two columns; their number if none."""
    for p in range(one.shape[0]):
        a, b = one[p, i], other[p, j]
        if a != b or np.signbit(a) != np.signbit(b):
            return p
    return one.shape[0]


@cache
def search_kernel(square: bool, leaky: bool, at_zero: bool) -> Kernel:
    """`search` for tasks whose inputs are 00, 01, 10, 11 (`square`), or for every other task."""
    may_revive = leaky or at_zero

    @njit(nogil=True, cache=True, error_model="numpy")
    def search(
        states, checkpoints, watched, spares, task, numbers, tolerance, epochs, tail_part, jump,
        last_unsolved, first_death, tail, period, found_at, jumped,
    ):  # fmt: skip
        """Run to the end or to a jump; states[k] receives the parameters at checkpoint k.

        spares (H, n) are above 0 for units that were dead at epoch 0, so that they do not count as dying.
        period and found_at (the number of the checkpoint) are set for trainings that repeat.
        """
        n_parameters, n = states.shape[1:]
        state, net, scratch = _block(task[0].shape[1], spares.shape[0], task[0].shape[0], states)
        low, loss = scratch[3], scratch[4]
        spare, target = np.empty((spares.shape[0], LANES), states.dtype), np.empty(LANES, states.dtype)
        unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
        sums = np.empty((len(tail), LANES), np.float64)
        lane, witness, hits = np.empty(LANES, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
        order, tail_start = np.arange(n), epochs - len(tail) * tail_part

        for k in range(len(checkpoints) - 1):
            first, last, watch_end = checkpoints[k], checkpoints[k + 1], checkpoints[k] + watched[k]
            for block in range(0, len(order), LANES):
                deaths = may_revive or k < EARLY
                while True:
                    for r in range(LANES):
                        i = order[min(block + r, len(order) - 1)]
                        lane[r] = i
                        unsolved[r] = last_unsolved[i]
                        death[r] = first_death[i]
                        sums[:, r] = tail[:, i]
                        witness[r] = 0
                    for p in range(n_parameters):
                        for r in range(LANES):
                            state[p, r] = states[k, p, lane[r]]
                    for h in range(spares.shape[0]):
                        for r in range(LANES):
                            spare[h, r] = spares[h, lane[r]]

                    for e in range(first, last):
                        _forward(square, leaky, deaths or e == last - 1, net, spare, task, numbers, scratch)
                        for r in range(LANES):
                            unsolved[r] = unsolved[r] if loss[r] <= tolerance else e
                            death[r] = e if (low[r] <= 0) & (death[r] < 0) else death[r]
                        if e >= tail_start:
                            part = (e - tail_start) // tail_part
                            for r in range(LANES):
                                sums[part, r] += loss[r]
                        if e == first:
                            for r in range(LANES):
                                target[r] = loss[r] if period[lane[r]] < 0 else np.nan
                        elif e < watch_end:
                            hit = 0
                            for r in range(LANES):
                                hit |= 1 if loss[r] == target[r] else 0
                            if hit != 0:
                                n_hits = 0
                                for r in range(LANES):
                                    hits[n_hits] = r
                                    n_hits += 1 if loss[r] == target[r] else 0
                                for j in range(n_hits):
                                    r = hits[j]
                                    # Losses are often equal long before all parameters are, while some small
                                    # weight still drifts: the one that differed last is looked at first.
                                    if state[witness[r], r] == states[k, witness[r], lane[r]]:
                                        witness[r] = _difference(state, r, states[k], lane[r])
                                        if witness[r] == n_parameters:
                                            witness[r] = 0
                                            target[r] = np.nan
                                            period[lane[r]] = e - first
                                            found_at[lane[r]] = k
                        _backward(square, leaky, at_zero, net, task, numbers, scratch)
                    if deaths or not np.any(death == last - 1):
                        break
                    deaths = True  # some unit has died, which is rare: run again and see when

                for p in range(n_parameters):
                    for r in range(LANES):
                        states[k + 1, p, lane[r]] = state[p, r]
                for r in range(LANES):
                    i = lane[r]
                    last_unsolved[i] = unsolved[r]
                    first_death[i] = death[r]
                    tail[:, i] = sums[:, r]

            left = 0
            for j in range(len(order)):
                i = order[j]
                jumped[i] = jump and 0 < period[i] <= len(tail) * tail_part and last <= tail_start
                if not jumped[i]:
                    order[left] = i
                    left += 1
            order = order[:left]

    return search


@cache
def settling_kernels(square: bool) -> Settling:
    """The other kernels, likewise; their `kind` is (leaky, at_zero)."""

    @njit(nogil=True, cache=True, error_model="numpy")
    def locate(states, checkpoints, order, found_at, period, kind, task, numbers, origin):
        """Into origin: the last checkpoint that is not on the cycle, or the first one."""
        n_rows, n_inputs = task[0].shape
        n_parameters = states.shape[1]
        state, net, scratch = _block(n_inputs, (n_parameters - 1) // (n_inputs + 2), n_rows, states)
        phase = np.empty((LANES, len(checkpoints)), np.int64)
        for block in range(0, len(order), LANES):
            lanes = order[block : block + LANES]
            steps = 0
            for r in range(LANES):
                i = lanes[min(r, len(lanes) - 1)]
                state[:, r] = states[found_at[i], :, i]
                steps = max(steps, period[i])
                for j in range(found_at[i]):
                    phase[r, j] = (checkpoints[j] - checkpoints[found_at[i]]) % period[i]
                origin[i] = found_at[i]
            for e in range(steps):
                for r in range(len(lanes)):
                    i = lanes[r]
                    for j in range(origin[i]):
                        if phase[r, j] == e and _difference(state, r, states[j], i) == n_parameters:
                            origin[i] = j
                            break
                _epoch(square, kind, net, task, numbers, scratch)
            for r in range(len(lanes)):
                origin[lanes[r]] = max(origin[lanes[r]] - 1, 0)

    @njit(nogil=True, cache=True, error_model="numpy")
    def around(
        states, checkpoints, order, found_at, origin, period, kind, task, numbers, tolerance, epochs, tail_part,
        jumped, last_unsolved, tail, final, hare,
    ):  # fmt: skip
        """The rest of the trainings that jumped, and every training's state a multiple of its period after origin.

        The tail begins `lead` epochs into the cycle; a period of losses, read in turn, gives its sums in
        the order in which the full run adds them.
        """
        n_rows, n_inputs = task[0].shape
        n_parameters, tail_start = states.shape[1], epochs - len(tail) * tail_part
        state, net, scratch = _block(n_inputs, (n_parameters - 1) // (n_inputs + 2), n_rows, states)
        loss = scratch[4]
        losses = np.empty((2 * (epochs - tail_start), LANES), states.dtype)
        ahead, lead, end = np.empty(LANES, np.int64), np.empty(LANES, np.int64), np.empty(LANES, np.int64)
        at, unsolved, total = np.empty(LANES, np.int64), np.empty(LANES, np.int32), np.empty(LANES, np.float64)
        for block in range(0, len(order), LANES):
            lanes = order[block : block + LANES]
            steps = 0
            for r in range(LANES):
                i = lanes[min(r, len(lanes) - 1)]
                state[:, r] = states[found_at[i], :, i]
                here = checkpoints[found_at[i]]
                ahead[r] = (checkpoints[origin[i]] - here) % period[i]
                lead[r] = (tail_start - here) % period[i]
                if not jumped[i]:
                    lead[r] = 0
                end[r] = lead[r] + period[i] if jumped[i] else 1
                unsolved[r] = last_unsolved[i]
                steps = max(steps, ahead[r], end[r])
            for e in range(steps + 1):
                for r in range(len(lanes)):
                    i = lanes[r]
                    if e == ahead[r]:
                        hare[:, i] = state[:, r]
                    if jumped[i] and e == lead[r] + (epochs - tail_start) % period[i]:
                        final[:, i] = state[:, r]
                _epoch(square, kind, net, task, numbers, scratch)
                if e < len(losses):
                    losses[e] = loss
            for r in range(len(lanes)):
                at[r] = lead[r]
            for part in range(len(tail)):
                total[:] = 0.0
                for e in range(tail_start + part * tail_part, tail_start + (part + 1) * tail_part):
                    for r in range(len(lanes)):
                        this = losses[at[r], r]
                        total[r] += this
                        unsolved[r] = unsolved[r] if this <= tolerance else e
                        at[r] = at[r] + 1 if at[r] + 1 < end[r] else lead[r]
                for r in range(len(lanes)):
                    if jumped[lanes[r]]:
                        tail[part, lanes[r]] = total[r]
                        last_unsolved[lanes[r]] = unsolved[r]

    @njit(nogil=True, cache=True, error_model="numpy")
    def chase(states, checkpoints, hare, order, origin, kind, task, numbers, settled_epoch):
        """Into settled_epoch: the first epoch whose parameters come back."""
        n_rows, n_inputs = task[0].shape
        n_parameters = states.shape[1]
        state, net, scratch = _block(n_inputs, (n_parameters - 1) // (n_inputs + 2), n_rows, states)
        witness = np.empty(PAIRS, np.int64)
        for block in range(0, len(order), PAIRS):
            lanes = order[block : block + PAIRS]
            for r in range(PAIRS):
                i = lanes[min(r, len(lanes) - 1)]
                state[:, r] = states[origin[i], :, i]
                state[:, PAIRS + r] = hare[:, i]
            witness[:] = 0
            running, e = len(lanes), 0
            while True:
                for r in range(len(lanes)):
                    if witness[r] < n_parameters and state[witness[r], r] == state[witness[r], PAIRS + r]:
                        witness[r] = _difference(state, r, state, PAIRS + r)
                        if witness[r] == n_parameters:
                            settled_epoch[lanes[r]] = checkpoints[origin[lanes[r]]] + e
                            running -= 1
                if running == 0:
                    break
                _epoch(square, kind, net, task, numbers, scratch)
                e += 1

    return Settling(locate, around, chase)
