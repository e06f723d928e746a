"""The numba engine: blocks of trainings, in kernels that are compiled in each process and run without the GIL.

What cannot matter is left out, since it follows from the states at the checkpoints of `nnxor.engines.cycles`:
- the epochs after a training has been found to repeat: its end, tail and last unsolved epoch follow from one period;
- those after it has diverged: an output bias that is not finite never is again, and no number of it is recorded;
- units that are dead for ever. Under plain gradient descent a dead ReLU unit stays as it is and adds 0 to every sum:
  the live units of each training are moved to the front, in their order, and a kernel stops after them. That changes no
  bit, since no sum of the others is −0;
- looking in every epoch for deaths and repeats: their first epoch is searched between two checkpoints.

Trainings that are finished in this sense leave as soon as that saves more than it costs, and the others are packed
anew, sorted by their number of live units. What each part is worth: docs/speed.md.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from nnxor.arithmetic import networks
from nnxor.arrays import Array, Mask, Wholes
from nnxor.condition import Condition
from nnxor.engines import Trace, Trained, cycles, joined
from nnxor.engines.block import ALIVE, HAS_BEEN_DEAD, LANES, N_DEAD, N_NOTES, RETURNED, REVIVED, Plan
from nnxor.engines.cycles import History, Table, first_state, in_order, live_first, to_weights
from nnxor.engines.kernel import text
from nnxor.engines.recycling import is_due, recycled
from nnxor.engines.runner import Runner, padded, read_cycles
from nnxor.network.draws import Weights
from nnxor.network.minibatches import seeds_of, streams
from nnxor.protocol import TAIL_PARTS

OUTPUT = 0.75  # what the output of a network costs, in live units, about
MOVING = 300  # epochs that take about as long as packing trainings anew


def train(
    condition: Condition, start: Weights, seeds: Wholes | range | None = None, *, jump: bool = True, drop: bool = True
) -> Trained:
    """Train every network of `start`; `seeds` shuffle its mini-batches and redraw its units.

    A training that repeats or has diverged is not run to its end (`jump`), and units that are dead for ever are not
    computed (`drop`). With both off every unit goes through every epoch and no repeats are looked for; else the same
    comes out, bit for bit. Only a network that diverges may end with other parameters; it counts as diverged.
    """
    seeds, jump = seeds_of(condition, seeds, start.n_networks), jump and condition.repeats
    parts = cycles.at_once(condition, start.n_networks)
    return joined([_Run(condition, start.take(part), seeds[part], jump, drop).train() for part in parts])


def course(condition: Condition, start: Weights, epochs: Sequence[int]) -> Iterator[Weights]:
    """The networks of `start` after each of so many epochs; full batch, nothing redrawn."""
    n = start.n_networks
    states = Runner(condition)(np.tile(first_state(condition, start), len(epochs)), np.repeat(epochs, n))
    weights = to_weights(condition, states)
    return (weights.take(slice(n * i, n * (i + 1))) for i in range(len(epochs)))


def variant(condition: Condition) -> str:
    """What is compiled for a condition: equal for those that one compilation serves."""
    return text(Plan(condition))


class _Run:
    """A batch of trainings: those that still run, and what is known of the others."""

    def __init__(self, condition: Condition, start: Weights, seeds: Wholes, jump: bool, drop: bool) -> None:
        self.condition, self.seeds, self.jump = condition, seeds, jump
        self.drop = drop = drop and condition.repeats and condition.dead_stay_dead
        self.runner = Runner(condition)
        self.table: Table = padded(first_state(condition, start))
        self.stream = padded(streams(seeds))
        n, hidden = self.table.shape[1], condition.hidden
        self.trainings, self.n_filled, self.width = np.arange(n), len(seeds), np.full(n // LANES, hidden)
        self.units: Wholes = np.repeat(np.arange(hidden, dtype=np.int16)[:, None], n, axis=1)
        self.history = History(cycles.schedule(condition), self.table, self.units if drop else None)
        alive = networks.alive(condition, to_weights(condition, self.table))
        marks = np.where(alive, ALIVE, HAS_BEEN_DEAD).astype(np.int32)
        self.notes = np.concatenate([np.full((N_NOTES, n), -1, np.int32), marks])
        self.notes[N_DEAD] = (~alive).sum(axis=0)
        self.tail = np.zeros((TAIL_PARTS, n))
        self.done = [np.empty_like(each) for each in (self.table, self.units, self.notes, self.tail)]  # by training
        self.news = 0.0  # live units that packing anew could save at most, summed over trainings
        if drop:
            last = self.trainings >= self.n_filled
            self._keep(np.argsort(np.where(last, 1, -self.notes[N_DEAD]), kind="stable"))

    def train(self) -> Trained:
        """Train the networks from checkpoint to checkpoint."""
        history, n = self.history, len(self.seeds)
        for begin, end in pairwise(history.checkpoints.tolist()):
            history.keep(self.table, self.trainings, self.units)
            middle = min(begin + cycles.watched(begin), end) if self.jump else begin
            if begin < middle:
                self.go_on(begin, middle, watch=True)
            if middle < end:
                self.go_on(middle, end, watch=False)
            if is_due(self.condition, end):
                self.table[:, :n] = recycled(self.condition, self.table[:, :n], self.seeds, end)
        self.note(np.arange(len(self.trainings)))
        final, units, notes, tail = self.done
        if self.drop:
            final = in_order(final, units)
        returned, last_unsolved, first_death = notes[:3]
        self.find_deaths(first_death)
        self.finish_cycles(returned, final, last_unsolved, tail)
        revived = (notes[N_NOTES:] & REVIVED > 0).sum(axis=0, dtype=np.int32)
        settled, period = cycles.settled(history, returned, self.runner)
        trace = Trace(last_unsolved, first_death, revived, tail, settled, period)
        return Trained(to_weights(self.condition, final).take(slice(0, n)), trace.take(slice(0, n)))

    def go_on(self, first: int, last: int, *, watch: bool) -> None:
        """Train all from one epoch to another; finished ones may leave."""
        n_known, dead = np.count_nonzero(self._known()), self.notes[N_DEAD].copy()
        arrays = {"table": self.table, "notes": self.notes, "tail": self.tail, "stream": self.stream}
        self.runner.run(first, last, self.n_filled, watch=watch, width=self.width, **arrays)
        n_done = int(np.count_nonzero(self._known()) - n_known)
        n_lost = int(np.count_nonzero(self.notes[N_DEAD] > dead))
        self.news += n_done * self.jump * (OUTPUT + self.condition.hidden) + n_lost * self.drop
        if last <= self.runner.tail_start and self.condition.repeats:
            self._pack_anew(last)

    def _known(self) -> Mask:
        """Which trainings are finished: those that repeat, have diverged, or are padding."""
        over = (self.notes[RETURNED] > 0) | ~np.isfinite(self.table[self.condition.n_parameters - 1])
        return np.asarray(over | (self.trainings >= len(self.seeds)))

    def _pack_anew(self, epoch: int) -> None:
        """Let finished trainings leave, and pack the others by their number of live units, if that pays."""
        saving = _cost(self.width) * MOVING / max(self.condition.epochs - epoch, 1)
        if self.news < saving * LANES:
            return
        self.news = 0.0
        known = self._known() & self.jump
        n_live = (self.condition.hidden - self.notes[N_DEAD] * self.drop).astype(np.int16)
        order = np.argsort(n_live, kind="stable")  # by radix, of 16 bits: five times as fast
        places = np.flatnonzero(known[order])[-np.count_nonzero(~known) % LANES :]  # some stay to fill the last block
        leave, stay = order[places], np.delete(order, places)
        if _cost(self.width) - _cost(self._widest(n_live[stay])) > saving:
            self.note(leave)
            self._keep(stay)
            self.n_filled = len(stay)

    def _widest(self, n_live: Wholes) -> Wholes:
        """The most live units of any training, block by block."""
        return np.asarray(n_live.reshape(-1, LANES).max(axis=1, initial=0), np.int64)

    def note(self, columns: Wholes) -> None:
        """Note what is known of trainings."""
        for done, now in zip(self.done, (self.table, self.units, self.notes, self.tail), strict=True):
            done[:, self.trainings[columns]] = now[:, columns]

    def _keep(self, columns: Wholes) -> None:
        """Run only these on, in this order."""
        self.trainings, self.width = self.trainings[columns], self.width[: len(columns) // LANES]
        alive = self.notes[N_NOTES:] & ALIVE > 0
        self.notes, self.tail = self.notes.take(columns, axis=1), self.tail.take(columns, axis=1)
        if self.drop:
            self.table, self.units = live_first(self.table, self.units, alive, columns)
            n_live = self.condition.hidden - self.notes[N_DEAD]
            self.notes[N_NOTES:] = np.where(np.arange(self.condition.hidden)[:, None] < n_live, ALIVE, HAS_BEEN_DEAD)
            self.width = self._widest(n_live)
        else:
            self.table, self.units = self.table.take(columns, axis=1), self.units.take(columns, axis=1)
        self.stream = self.stream[columns]

    def find_deaths(self, first_death: Wholes) -> None:
        """The first epoch with more units dead than before, where only the checkpoint before it is known."""
        died = np.flatnonzero(first_death > 0)
        if len(died) and not self.condition.followed:
            (at, _), n_dead = self.history.before(first_death[died]), self.runner.n_dead
            before = n_dead(self.history.at(at, died))
            first_death[died] = cycles.first_time(
                self.history, at, died, lambda states, chosen: n_dead(states) > before[chosen], self.runner
            )

    def finish_cycles(self, returned: Wholes, final: Table, last_unsolved: Wholes, tail: Array) -> None:
        """Enter final states, last unsolved epochs and tails of those on a cycle; run even for none, to compile it."""
        runner, epochs = self.runner, self.condition.epochs
        on = np.flatnonzero((returned > 0) & (returned <= runner.tail_start))
        number, period = self.history.before(returned[on])
        since = runner.tail_start - self.history.checkpoints[number]
        at_tail = runner(self.history.at(number, on), since % period)
        _, losses, _ = runner.ahead(at_tail, period, int(period.max(initial=0)))
        unsolved, sums = last_unsolved[on], tail.take(on, axis=1)
        read_cycles(losses, period, epochs, runner.part, unsolved, sums)
        last_unsolved[on], tail[:, on] = unsolved, sums
        final[:, on] = runner(at_tail, (epochs - runner.tail_start) % period)


def _cost(width: Wholes) -> float:
    """What an epoch takes, about, in live units of a block."""
    return float((OUTPUT + width).sum())
