"""The loops around the arithmetic, by hand: blocks of trainings, epochs, what is noted of them, exact repeats.

`nnxor.engines.kernel_text` puts the arithmetic of one kind of condition into these templates. All trainings of a batch
go from one checkpoint of `nnxor.engines.cycles` to the next before any goes further (`nnxor.engines.jumps`). Dead units
that cannot come back are counted only there: without a look in each epoch the kernel is a tenth faster.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnxor.network.minibatches import GAMMA, MIX1, MIX2
from nnxor.protocol import TAIL_PARTS

LANES = 64
"""Trainings in a block: 32 and 128 measured 10 % slower to equal."""

ALIVE, HAS_BEEN_DEAD, REVIVED = 1, 2, 4
"""Marks of a unit, where dead units can come back: alive at epoch 0, dead at some epoch, alive at a later one."""


class Aim(NamedTuple):
    """What a call is for.

    first, last: the epochs to run, without `last`.
    watch: whether trainings that return to the state of `first` get their `period`, if that is negative.
    pairs: whether each training in the first half of a block gets as its `period` the epochs after which its
        state equals that of its partner in the second half; a block ends when all have met.
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
    marks: (H, B, LANES), int32, nothing where units are smooth: those of `MARKS` where units are followed in each
        epoch, else whether each is alive at the end.
    tail: (TAIL_PARTS, B, LANES), float64, if a tail is run.
    losses: (any number, B, LANES): losses of the first epochs.
    """

    period: NDArray[np.int32]
    last_unsolved: NDArray[np.int32]
    first_death: NDArray[np.int32]
    n_dead: NDArray[np.int32]
    marks: NDArray[np.int32]
    tail: NDArray[np.float64]
    losses: NDArray[Any]


HEAD = f'''"""Printed by nnxor for one kind of condition, and overwritten without a question."""

import math

import numpy as np
from numba import njit

num, integer = np.{{num}}, np.{{integer}}
LANES, TAIL_PARTS = {LANES}, {TAIL_PARTS}
'''

MIX = f"""
GAMMA, MIX1, MIX2 = np.uint64({GAMMA}), np.uint64({MIX1}), np.uint64({MIX2})


@njit(nogil=True, error_model="numpy", inline="always")
def mix(x):
    x = (x ^ (x >> np.uint64(30))) * MIX1
    x = (x ^ (x >> np.uint64(27))) * MIX2
    return x ^ (x >> np.uint64(31))
"""

KERNEL = """

@njit(nogil=True, cache=True, error_model="numpy")
def kernel(table, width, steps, numbers, rows, batch_weights, powers, stream, aim, seen):
    first, last, watch, pairs, tail_start, tail_part = aim
    period, last_unsolved, first_death, n_dead, marks, tail, losses = seen
    n_parameters = table.shape[0] // {remembered}
    hidden = (n_parameters - 1) // {parts}
    state = np.empty((table.shape[0], LANES), num)
    kept = np.empty((table.shape[0], LANES), num)
    loss, target, alike = np.empty(LANES, num), np.empty(LANES, num), np.empty(LANES, np.int32)
    flat, flat_kept, witness = state.reshape(-1), kept.reshape(-1), np.empty(LANES, np.uint64)
    row, size = np.uint64(LANES), np.uint64(len(state) * LANES)
    other, offset = (flat, row // np.uint64(2)) if pairs else (flat_kept, np.uint64(0))
{before}
    unsolved, death = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    lost, dead, live = np.empty(LANES, np.int32), np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    mark = np.zeros((hidden, LANES), np.int32)
    tail_sums = np.empty((TAIL_PARTS, LANES), np.float64)
    together, n_done, n_lost, n_suspects = len(steps) == 0, 0, 0, 0
    lanes = table.shape[2]  # LANES: a constant would have plain copies unrolled to single moves

    for block in range(table.shape[1]):
        n_units = width[block]
        for p in range(len(state)):
            for r in range(lanes):
                state[p, r] = table[p, block, r]
        for h in range(len(marks)):
            for r in range(lanes):
                mark[h, r] = {mark}
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
            unsolved[r], death[r] = last_unsolved[block, r], first_death[block, r]
            if not together and steps[block, r] > 0:
                stop, end = min(stop, steps[block, r]), max(end, steps[block, r])
        if last > tail_start:
            for part in range(TAIL_PARTS):
                for r in range(lanes):
                    tail_sums[part, r] = tail[part, block, r]
{clock}

        for e in range(first, end):
{epoch}
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
            before, after = table[n_parameters - 1, block, r], out_bias[r]
            n_done += 1 if (before - before == num(0)) & (after - after != num(0)) else 0
        for p in range(len(state)):
            for r in range(lanes):
                table[p, block, r] = state[p, r]
        for r in range(LANES):
            lost[r] = 0
            dead[r] = hidden - n_units
{dead}
        for h in range(len(marks)):
            for r in range(lanes):
                marks[h, block, r] = mark[h, r]
        for r in range(LANES):
            last_unsolved[block, r] = unsolved[r]
            first_death[block, r] = last if (lost[r] != 0) & (death[r] < 0) else death[r]
            n_lost += 1 if dead[r] > n_dead[block, r] else 0
            n_dead[block, r] = dead[r]
        if last > tail_start:
            for part in range(TAIL_PARTS):
                for r in range(lanes):
                    tail[part, block, r] = tail_sums[part, r]
    return n_done, n_lost
"""

MARKS = f"""lost[r] |= mark[h, r] & {ALIVE} & (1 - alive)
mark[h, r] |= (mark[h, r] & {HAS_BEEN_DEAD}) * alive * {REVIVED // HAS_BEEN_DEAD}
mark[h, r] |= (1 - alive) * {HAS_BEEN_DEAD}""".splitlines()

WATCH = """if watch and e == first:
    for r in range(LANES):
        target[r] = {last} if period[block, r] < 0 else np.nan
elif watch:
    # The output is often the same long before all is, while the biases still drift. What needs a look
    # at a single training, one parameter after the other, is a suspect for the rest of the stretch.
    hit = 0
    for r in range(LANES):
        equal = ({last} == target[r]) & (out_bias[r] == kept[n_parameters - 1, r])
        equal &= bias[0, r] == kept[{inputs} * hidden, r]
        alike[r] = 1 if equal else 0
        hit |= alike[r]
    h = 1
    while hit != 0 and h < n_units:
        hit = 0
        for r in range(LANES):
            alike[r] &= 1 if bias[h, r] == kept[{inputs} * hidden + h, r] else 0
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
"""

SHUFFLE = """for r in range(LANES):
    of_epoch[r] = mix(stream[block, r] + np.uint64(e + 1) * GAMMA)
for n in range({n}):
    for r in range(LANES):
        keys[n, r] = mix(of_epoch[r] + np.uint64(n + 1) * GAMMA)
for n in range({n}):
    for r in range(LANES):
        place[r] = 0
    for m in range({n}):
        for r in range(LANES):
            before = keys[m, r] < keys[n, r] if m >= n else keys[m, r] <= keys[n, r]
            place[r] += 1 if before else 0
    for r in range(LANES):
        order[place[r], r] = n
"""
