"""What happens around a kernel: blocks of trainings are taken through epochs, and repeats are looked for.

A kernel (`nnxor.engines.kernel`) trains one block for some epochs. All trainings of a batch go from one checkpoint of
`nnxor.engines.cycles` to the next before any goes further (`nnxor.engines.engine_numba`). Dead units that cannot come
back are counted only there.

All of it stands in one file, since Numba takes what it compiled before for current until the caller's file changes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic
from numpy.typing import NDArray

from nnxor.engines.kernel import LANES, NOTES
from nnxor.network import minibatches
from nnxor.network.minibatches import GAMMA
from nnxor.protocol import TAIL_PARTS

FEW = 32  # so many examples are put in order by comparing all pairs of them; with more, sorting is faster


def compiled(function: Callable[..., Any]) -> Any:
    """A function as Numba compiles it: once a machine, or for this process where nothing can be kept."""
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written to
        return njit(**options)(function)


class Plan(NamedTuple):
    """What a call is for: the epochs from `first` on, without `last`, and what is asked on the way.

    watch: whether trainings that return to the state of `first` get their `period`, if that is negative.
    counting: whether units that died and trainings that diverged are counted at the end.
    tail_start, tail_part: where the tail begins, and the length of its parts.
    """

    first: int
    last: int
    watch: bool
    counting: bool
    tail_start: int
    tail_part: int


class Record(NamedTuple):
    """What a call goes on with and changes, by block and lane.

    period, last_unsolved, first_death (where units are followed), n_dead (of the end): (B, LANES).
    marks: (H, B, LANES), nothing where units are smooth: the marks of `nnxor.engines.kernel` where units are followed
        in each epoch, else whether each is alive at the end.
    tail: (TAIL_PARTS, B, LANES), if a tail is run; losses: (any number, B, LANES), those of the first epochs.
    """

    period: NDArray[np.int32]
    last_unsolved: NDArray[np.int32]
    first_death: NDArray[np.int32]
    n_dead: NDArray[np.int32]
    marks: NDArray[np.int32]
    tail: NDArray[np.float64]
    losses: NDArray[Any]


class Work(NamedTuple):
    """A kernel and the memory that it works on, for one block.

    epochs, look: addresses of its functions.
    watched: the row of the state at which the parameters stand that are compared first, when repeats are looked for.
    shuffled: whether each epoch has an order of its own.
    hidden, n_parameters: of a network.
    state, scratch, shared, clock, drawn, notes: what the functions are given (`nnxor.engines.kernel`).
    kept, bait: (P, LANES), a state of before; (2, LANES), what the kernel compares with it (NaN: it does not).
    examples: (N, D + 1), inputs and target of the examples of mini-batches.
    place: (N, LANES), where each example stands in an epoch.
    keys: (N + 1, LANES), the hashes that decide it, and the hash of the epoch.
    """

    epochs: int
    look: int
    watched: int
    shuffled: bool
    hidden: int
    n_parameters: int
    state: NDArray[Any]
    kept: NDArray[Any]
    bait: NDArray[Any]
    scratch: NDArray[Any]
    shared: NDArray[Any]
    clock: NDArray[np.float64]
    drawn: NDArray[Any]
    notes: NDArray[np.int32]
    examples: NDArray[Any]
    place: NDArray[np.int32]
    keys: NDArray[np.uint64]


def _call(_, address, arguments):  # noqa: ARG001
    """Call the function at an address with whole numbers, addresses among them."""

    def build(_, builder, __, values):
        word = ir.IntType(64)
        function = builder.inttoptr(values[0], ir.FunctionType(word, [word] * arguments.count).as_pointer())
        return builder.call(function, [builder.extract_value(values[1], i) for i in range(arguments.count)])

    return types.int64(types.int64, types.UniTuple(types.int64, arguments.count)), build


call: Any = intrinsic(_call)


@compiled
def address(array):
    """Where an array begins."""
    return np.int64(array.ctypes.data)


mix = compiled(minibatches.mix)


@compiled
def draw(work, stream, epoch):
    """The examples of an epoch in the order in which each training of a block sees them."""
    keys, of_epoch, n_examples = work.keys, work.keys[-1], len(work.examples)
    for n in range(n_examples):
        for r in range(LANES):
            work.place[n, r] = n
    if work.shuffled:
        for r in range(LANES):
            of_epoch[r] = mix(stream[r] + np.uint64(epoch + 1) * GAMMA)
        for n in range(n_examples):
            for r in range(LANES):
                keys[n, r] = mix(of_epoch[r] + np.uint64(n + 1) * GAMMA)
        if n_examples <= FEW:
            compare(keys, work.place)
        else:
            sort(keys, work.place)
    put(work.examples, work.place, work.drawn)


@compiled
def compare(keys, place):
    """The places of few examples by their keys: each is compared with each, for all trainings of a block at once."""
    for n in range(len(place)):
        for r in range(LANES):
            place[n, r] = 0
        for m in range(n):
            for r in range(LANES):
                after = np.int32(1) if keys[m, r] <= keys[n, r] else np.int32(0)
                place[n, r] += after
                place[m, r] += 1 - after


@compiled
def sort(keys, place):
    """The same for many: into buckets by the first bits of the keys, then each to its place among its neighbours."""
    n_examples, bits = len(place), 1
    while 1 << bits < n_examples:
        bits += 1
    shift, order = np.uint64(64 - bits), np.empty(n_examples, np.int32)
    for r in range(LANES):
        first = np.zeros((1 << bits) + 1, np.int32)
        for n in range(n_examples):
            first[(keys[n, r] >> shift) + np.uint64(1)] += 1
        for i in range(1 << bits):
            first[i + 1] += first[i]
        for n in range(n_examples):
            bucket = keys[n, r] >> shift
            order[first[bucket]] = n
            first[bucket] += 1
        for p in range(1, n_examples):
            n, to = order[p], p
            while to > 0 and keys[order[to - 1], r] > keys[n, r]:
                order[to] = order[to - 1]
                to -= 1
            order[to] = n
        for p in range(n_examples):
            place[order[p], r] = p


@compiled
def put(examples, place, drawn):
    """Put the examples into their places: few by choosing, which vectors can do."""
    n_examples, n_numbers = examples.shape
    for n in range(n_examples):
        for d in range(n_numbers):
            x = examples[n, d]
            if n_examples > FEW:
                for r in range(LANES):
                    drawn[place[n, r], d, r] = x
            else:
                for p in range(n_examples):
                    for r in range(LANES):
                        drawn[p, d, r] = x if place[n, r] == p else drawn[p, d, r]


@compiled
def suspects(work, n_units, alike, witness, n_suspects):
    """Trainings whose biases are as they were join the suspects; how many these are.

    Biases often drift long after the output has come to rest. What needs a look at a single training, one parameter
    after the other, is a suspect for the rest of the stretch.
    """
    state, kept, bait, first, last = work.state, work.kept, work.bait, work.watched, work.n_parameters - 1
    hit = 0
    for r in range(LANES):
        alike[r] = 1 if (state[last, r] == bait[0, r]) & (state[first, r] == bait[1, r]) else 0
        hit |= alike[r]
    h = 1
    while hit != 0 and h < n_units:
        hit = 0
        for r in range(LANES):
            alike[r] &= 1 if state[first + h, r] == kept[first + h, r] else 0
            hit |= alike[r]
        h += 1
    if hit != 0:
        for r in range(LANES):
            if alike[r] != 0:
                bait[0, r] = np.nan
                witness[n_suspects] = r
                n_suspects += 1
    return n_suspects


@compiled
def judge(state, other, witness, n_suspects, period, after):
    """Suspects whose state is that of `other` get their period; how many are left.

    A witness is a place where a suspect was found to differ: it is looked at first.
    """
    row, size = LANES, len(state)
    i = 0
    while i < n_suspects:
        place = looked = witness[i]
        while state[place] == other[place]:
            place = place + row if place + row < size else place % row
            if place == looked:
                break
        witness[i] = place
        i += 1
        if state[place] == other[place]:
            period[place % row] = after
            i -= 1
            n_suspects -= 1
            witness[i] = witness[n_suspects]
    return n_suspects


@compiled
def copy(source, target):
    """Copy rows of a block: with slices in place of it Numba took twice as long to compile what is here."""
    for i in range(len(source)):
        for r in range(LANES):
            target[i, r] = source[i, r]


@compiled
def run(table, width, steps, work, stream, watching, rest, record):
    """Train the columns of `table`: see `nnxor.engines.runner.Runner.run`."""
    watched, n_done, n_lost = watching.first < watching.last, 0, 0
    if watched:
        n_done, n_lost = go_through(table, width, steps, work, stream, watching, record)
    on = not watched or (n_done == 0 and rest.first < rest.last)
    if on:
        n_done, n_lost = go_through(table, width, steps, work, stream, rest, record)
    return n_done, n_lost, on or rest.first == rest.last


@compiled
def go_through(table, width, steps, work, stream, plan, record):
    """Train the columns of `table` by one plan; how many got a period or diverged, and how many lost a unit."""
    marks, tail, notes = work.notes[NOTES : NOTES + len(record.marks)], np.zeros((TAIL_PARTS, LANES)), work.notes
    powers = work.clock.copy()
    n_done, n_lost, tailed = 0, 0, plan.last > plan.tail_start
    for block in range(table.shape[1]):
        copy(table[:, block], work.state)
        copy(record.marks[:, block], marks)
        for i in range(len(powers)):
            work.clock[i] = powers[i]
        for r in range(LANES):
            notes[0, r], notes[1, r] = record.last_unsolved[block, r], record.first_death[block, r]
        if tailed:
            copy(record.tail[:, block], tail)
        if len(work.examples) and not work.shuffled:
            draw(work, stream[block], plan.first)
        if len(steps):
            train_until(table[:, block], width[block], steps[block], work, block, plan, record)
            continue
        n_done += train(width[block], work, stream[block], block, plan, record, tail)
        if plan.counting:
            lost, diverged = count(table[work.n_parameters - 1, block], width[block], work, block, plan, record)
            n_lost, n_done = n_lost + lost, n_done + diverged
        copy(work.state, table[:, block])
        copy(marks, record.marks[:, block])
        for r in range(LANES):
            record.last_unsolved[block, r], record.first_death[block, r] = notes[0, r], notes[1, r]
        if tailed:
            copy(tail, record.tail[:, block])
    return n_done, n_lost


@compiled
def epochs(work, n_units, first, last, sums, bait):
    """Run the kernel; `sums`: where losses are added up, or 0; `bait`: what it stops for, or 0. The next epoch."""
    return call(work.epochs, (
        address(work.state), address(work.scratch), address(work.shared), address(work.clock), address(work.drawn),
        address(work.notes), sums, bait, work.hidden, n_units, first, last,
    ))  # fmt: skip


@compiled
def train(n_units, work, stream, block, plan, record, tail):
    """Take a block through all epochs; how many of its trainings got a period."""
    state, kept, period, n_suspects, n_done = work.state.reshape(-1), work.kept.reshape(-1), record.period[block], 0, 0
    alike, witness, bait = np.empty(LANES, np.int32), np.empty(LANES, np.int64), 0
    if plan.watch:
        copy(work.state, work.kept)
        for r in range(LANES):
            work.bait[0, r] = work.state[work.n_parameters - 1, r] if period[r] < 0 else np.nan
            work.bait[1, r] = work.state[work.watched, r]
        bait = address(work.bait)
    e = plan.first
    while e < plan.last:
        if plan.watch and e > plan.first:
            n_suspects = suspects(work, n_units, alike, witness, n_suspects)
        if n_suspects > 0:
            left = judge(state, kept, witness, n_suspects, period, e - plan.first)
            n_done, n_suspects = n_done + n_suspects - left, left
        until, sums = min(plan.last, plan.tail_start) if e < plan.tail_start else plan.last, 0
        if e >= plan.tail_start:
            part = (e - plan.tail_start) // plan.tail_part
            until, sums = min(until, plan.tail_start + (part + 1) * plan.tail_part), address(tail[part])
        if n_suspects > 0 or work.shuffled or e < len(record.losses):
            until = e + 1
        if work.shuffled:
            draw(work, stream, e)
        until = epochs(work, n_units, e, until, sums, bait)
        if e < len(record.losses):
            for r in range(LANES):
                record.losses[e, block, r] = work.scratch[r]
        e = until
    return n_done


@compiled
def train_until(columns, n_units, steps, work, block, plan, record):
    """Take each training of a block through epochs of its own number, and note the losses of the first epochs."""
    e, end = 0, min(steps.max(), plan.last)
    while e < end:
        until = end
        for r in range(LANES):
            until = min(until, steps[r]) if steps[r] > e else until
        until = e + 1 if e < len(record.losses) else until
        epochs(work, n_units, e, until, 0, 0)
        if e < len(record.losses):
            for r in range(LANES):
                record.losses[e, block, r] = work.scratch[r]
        e = until
        for r in range(LANES):
            if steps[r] == e:
                for i in range(len(columns)):
                    columns[i, r] = work.state[i, r]


@compiled
def count(before, n_units, work, block, plan, record):
    """How many trainings of a block have lost a unit, and how many have diverged; notes who lives."""
    call(work.look, (
        address(work.state), address(work.shared), address(work.notes), work.hidden, n_units, plan.last
    ))  # fmt: skip
    n_lost, n_diverged, hidden = 0, 0, work.hidden
    for r in range(LANES):  # x − x is 0 for numbers alone
        after = work.state[work.n_parameters - 1, r]
        n_diverged += 1 if (before[r] - before[r] == 0) & (after - after != 0) else 0
        dead = 0
        if len(record.marks):
            dead = hidden - n_units
            for h in range(n_units):
                dead += 1 - work.notes[NOTES + hidden + h, r]
        n_lost += 1 if dead > record.n_dead[block, r] else 0
        record.n_dead[block, r] = dead
    return n_lost, n_diverged


@compiled
def live_first(table, units, alive, columns):
    """The chosen columns with their live units first: the table and its units."""
    hidden, n_parameters = units.shape[0], len(table)
    packed = np.empty((n_parameters, len(columns)), table.dtype)
    packed_units = np.empty((hidden, len(columns)), units.dtype)
    place = np.zeros(len(columns), np.int64)
    for wanted in (True, False):
        for h in range(hidden):
            for j in range(len(columns)):
                r = columns[j]
                if (alive[h, r] != 0) == wanted:
                    for first in range(0, n_parameters - 1, hidden):
                        packed[first + place[j], j] = table[first + h, r]
                    packed_units[place[j], j] = units[h, r]
                    place[j] += 1
    for j in range(len(columns)):
        packed[n_parameters - 1, j] = table[n_parameters - 1, columns[j]]
    return packed, packed_units


@compiled
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
