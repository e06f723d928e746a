"""A training that repeats is found, and skipping what is left of it changes nothing that is recorded."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, settings, strategies as st

from experiments.study import catalog
from nnxor import engines
from nnxor.condition import Condition, Success
from nnxor.diagnosis import diagnose
from nnxor.engines import Trained, cycles as repeats, engine_numba, engine_numpy, llvm_numbers
from nnxor.engines.cycles import History, first_state, first_time, same, schedule, stretch, watched
from nnxor.engines.runner import read_cycles
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.tasks import Task

REPEATS = 2
"""The last arrays of a trace: settled epochs and periods."""


def start_of(condition: Condition, seeds: range) -> Weights:
    return initial_weights(condition, seeds)


def bits(trained: Trained, chosen: np.ndarray | slice = slice(None)) -> list[bytes]:
    """Everything that an engine hands back of the chosen trainings."""
    return [array[..., chosen].tobytes() for array in (*trained.weights, *trained.trace)]


def agreed(condition: Condition, start: Weights) -> Trained:
    """What the compiled engine gives, once it is found equal to what comes of running every epoch."""
    jumped = engine_numba.train(condition, start)
    by_numpy = engine_numpy.train(condition, start)
    finite = np.isfinite(by_numpy.weights.b2)  # of a network that diverged no number is recorded
    assert bits(jumped, finite) == bits(by_numpy, finite)
    for options in ({"jump": False}, {"drop": False}, {"jump": False, "drop": False}):
        other = engine_numba.train(condition, start, **options)
        assert np.array_equal(np.isfinite(other.weights.b2), finite)
        assert bits(other, finite)[:-REPEATS] == bits(jumped, finite)[:-REPEATS]
        assert options.get("jump", True) or (other.trace.period == -1).all()
    assert not any((np.signbit(array) & (array == 0)).any() for array in jumped.weights)
    return jumped


@settings(max_examples=20, deadline=None)
@given(
    init=st.sampled_from(["uniform", "he", "torch", "uniform01"]),
    hidden=st.integers(1, 12),
    lr=st.floats(0.01, 0.6),
    dtype=st.sampled_from(["float32", "float64"]),
    bias=st.booleans(),
    epochs=st.integers(0, 1200),
    first_seed=st.integers(0, 1000),
    tolerance=st.sampled_from([1e-3, 0.2, 0.4]),
)
def test_skipping_changes_no_bit(
    init: str, hidden: int, lr: float, dtype: str, bias: bool, epochs: int, first_seed: int, tolerance: float
) -> None:
    condition = Condition(
        init=catalog.init(init), hidden=hidden, lr=lr, dtype=dtype, bias=bias, epochs=epochs,
        success=Success(tolerance=tolerance),
    )  # fmt: skip
    agreed(condition, start_of(condition, range(first_seed, first_seed + 70)))


@pytest.mark.parametrize("epochs", [63, 337, 1009])
@pytest.mark.parametrize(("activation", "at_zero", "lr"), [("relu", 0, 0.3), ("relu", 1, 0.3), ("leaky_relu", 0, 0.1)])
def test_skipping_changes_no_bit_for_any_activation(epochs: int, activation: str, at_zero: int, lr: float) -> None:
    condition = Condition(
        activation=activation, slope=0.5, relu_at_zero=at_zero, init=catalog.init("he"), hidden=3, lr=lr, epochs=epochs
    )
    trained = agreed(condition, start_of(condition, range(200)))
    if epochs > 1000:
        assert (trained.trace.period > 0).mean() > 0.3
    if at_zero:
        assert trained.trace.revived.any()


@pytest.mark.parametrize("success", [Success("threshold", ties="pass"), Success("margin", 0.4)], ids=str)
def test_whether_an_epoch_on_a_cycle_is_solved_is_asked_of_the_rule(success: Success) -> None:
    condition = Condition(hidden=2, lr=0.2, epochs=1009, success=success)
    trace = agreed(condition, start_of(condition, range(150))).trace
    assert (trace.period > 0).any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_trainings_of_many_periods_agree(dtype: str) -> None:
    condition = Condition(lr=0.15, epochs=5003, dtype=dtype)
    trace = agreed(condition, start_of(condition, range(150))).trace
    assert {1, 2} < set(trace.period)
    assert trace.period.max() >= 32  # which the checkpoints from epoch 1024 to 3840 do not find
    assert len(set(trace.settled_epoch)) > (50 if dtype == "float32" else 20)


def test_trainings_really_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, widths, go_on = [], [], engine_numba._Run.go_on

    def counted(run: engine_numba._Run, first: int, last: int, **how: bool) -> None:
        sizes.append(len(run.trainings))
        widths.append(run.width.tolist())
        go_on(run, first, last, **how)

    monkeypatch.setattr(engine_numba._Run, "go_on", counted)
    condition = Condition(init=catalog.init("he"), lr=0.2, epochs=3001)
    trace = engine_numba.train(condition, start_of(condition, range(640))).trace
    assert sizes[0] == 640
    assert sizes[-1] < 200
    assert (trace.period > 0).mean() > 0.7
    assert widths[0] == sorted(widths[0])  # blocks of few live units first
    assert widths[0][0] < widths[0][-1] <= 4


def test_who_diverged_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls, go_on = [], engine_numba._Run.go_on

    def counted(run: engine_numba._Run, first: int, last: int, **how: bool) -> None:
        calls.append((first, len(run.trainings)))
        go_on(run, first, last, **how)

    monkeypatch.setattr(engine_numba._Run, "go_on", counted)
    for activation in ("relu", "leaky_relu"):
        calls.clear()
        condition = Condition(lr=30.0, epochs=700, activation=activation, slope=0.5)
        start = start_of(condition, range(128))
        trained = engine_numba.train(condition, start)
        diverged = ~np.isfinite(trained.weights.b2)
        assert diverged.sum() > 64
        assert all(n <= 64 for first, n in calls if first > 64)
        by_numpy = engine_numpy.train(condition, start)
        for ours, theirs in zip(
            diagnose(condition, start, trained).values(), diagnose(condition, start, by_numpy).values(), strict=True
        ):
            assert np.array_equal(ours, theirs, equal_nan=ours.dtype.kind == "f")


def test_a_training_of_one_epoch_compiles_all_that_longer_ones_need() -> None:
    """Else what was to be estimated, or timed, would be a compilation."""
    short = Condition(epochs=1)
    llvm_numbers.compiled.cache_clear()
    engine_numba.train(short, start_of(short, range(1)))
    before = llvm_numbers.compiled.cache_info().misses
    assert before == 2  # epochs, and tails
    for lr, epochs in ((0.2, 3001), (0.15, 1009), (30.0, 500)):
        condition = Condition(init=catalog.init("he"), lr=lr, epochs=epochs)
        for options in ({}, {"jump": False}, {"drop": False}):
            engine_numba.train(condition, start_of(condition, range(300)), **options)
    assert llvm_numbers.compiled.cache_info().misses == before


def test_batch_and_lane_do_not_matter() -> None:
    condition = Condition(init=catalog.init("he"), lr=0.12, epochs=3001)
    together = engine_numba.train(condition, start_of(condition, range(200)))
    for seeds in (range(1), range(63, 130), range(130, 200)):
        alone = engine_numba.train(condition, start_of(condition, seeds))
        part = slice(seeds.start, seeds.stop)
        assert bits(alone) == bits(together, part)


@pytest.mark.parametrize("train", [engine_numba.train, engine_numpy.train])
def test_what_has_no_room_at_once_goes_in_parts(train: engines.Train, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Condition(hidden=3, lr=0.2, epochs=700)
    start = start_of(condition, range(150))
    together = train(condition, start)
    monkeypatch.setattr(repeats, "ROOM", 100)
    assert len(repeats.at_once(condition, 150)) == 3
    assert bits(train(condition, start)) == bits(together)
    assert (together.trace.period > 0).any()


def states_of(condition: Condition, start: Weights, epochs: int) -> np.ndarray:
    """The states of networks at the start of each of so many epochs and after the last, (epochs + 1, P, R)."""
    states = [first_state(condition, start)]
    for _ in range(epochs):
        states.append(engine_numpy.advance(condition, states[-1], np.ones(start.n_networks, int)))
    return np.array(states)


@pytest.mark.parametrize(("hidden", "lr", "epochs"), [(2, 0.5, 300), (3, 0.25, 700)])
def test_both_numbers_are_those_of_the_stored_states_where_the_schedule_finds_them(
    hidden: int, lr: float, epochs: int
) -> None:
    condition = Condition(init=catalog.init("he"), hidden=hidden, lr=lr, epochs=epochs)
    start = start_of(condition, range(12))
    trace, states = engine_numba.train(condition, start).trace, states_of(condition, start, epochs)
    for seed in range(12):
        seen: dict[bytes, int] = {}
        expected = (-1, -1)
        for epoch, state in enumerate(each.tobytes() for each in states[:, :, seed]):
            if state in seen:
                settled, period = seen[state], epoch - seen[state]
                checkpoints = schedule(condition)[:-1].tolist()
                if any(c >= settled and period < watched(c) and c + period < epochs for c in checkpoints):
                    expected = (settled, period)
                break
            seen[state] = epoch
        assert (trace.settled_epoch[seed], trace.period[seed]) == expected
    assert (trace.period > 0).any()


def test_a_diverged_training_does_not_count_as_settled() -> None:
    condition = Condition(lr=30.0, epochs=2000)
    start = start_of(condition, range(64))
    for train in (engine_numba.train, engine_numpy.train):
        trained = train(condition, start)
        diverged = ~np.isfinite(trained.weights.b2)
        assert diverged.any()
        assert (trained.trace.period[diverged] == -1).all()
        assert (diagnose(condition, start, trained)["settled_epoch"][diverged] == -1).all()


def test_nan_equals_nothing() -> None:
    zero, nan = np.array([[0.0]]), np.array([[np.nan]])
    assert same(zero, zero).all()
    assert not same(nan, nan).any()


@pytest.mark.parametrize("hidden", [1, 3])
def test_minus_zero_starts_as_zero(hidden: int) -> None:
    condition = Condition(hidden=hidden, lr=0.2, epochs=1009)
    start = start_of(condition, range(40))
    start.b1[:] = -0.0
    start.W1[:, :, ::2] = -0.0
    start.W2[0] = -0.0
    start.b2[::3] = 0.5  # at rest from the start where every weight is 0
    trace = agreed(condition, start).trace
    assert (trace.period > 0).any()


def test_minus_zero_does_not_hide_that_a_training_is_at_rest() -> None:
    """At b2 = 1/4 every gradient is 0 here, but that of W1 is −0, and −0 − (−0) would be 0."""
    nor = Task("nor", ((0, 0), (0, 1), (1, 0), (1, 1)), (1, 0, 0, 0))
    condition = Condition(task=nor, hidden=1, epochs=300)
    start = Weights(np.full((2, 1, 2), -0.0), np.ones((1, 2)), np.full((1, 2), -0.0), np.full(2, 0.25))
    trace = agreed(condition, start).trace
    assert (trace.settled_epoch == 0).all()
    assert (trace.period == 1).all()


def test_a_training_at_rest_from_the_start_settled_at_0() -> None:
    condition = Condition(hidden=2, epochs=100)
    start = Weights(np.zeros((2, 2, 3)), np.zeros((2, 3)), np.zeros((2, 3)), np.full(3, 0.5))
    trace = agreed(condition, start).trace
    assert (trace.settled_epoch == 0).all()
    assert (trace.period == 1).all()


def test_nothing_is_looked_for_where_the_next_state_depends_on_the_epoch() -> None:
    condition = Condition(hidden=2, epochs=80)
    start = start_of(condition, range(2))
    assert (engines.load("reference")(condition, start).trace.period == -1).all()
    for other in (replace(condition, optimizer="adam"), replace(condition, batch_size=2)):
        for name in ("numpy", "numba"):
            assert (engines.load(name)(other, start, range(2)).trace.settled_epoch == -1).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "momentum", "lr": 0.05},
        {"task": catalog.task("parity3"), "lr": 0.2},
    ],
    ids=["momentum", "parity3"],
)
def test_repeats_are_found_wherever_the_next_state_follows_from_the_last(fields: dict[str, Any]) -> None:
    """With momentum the state is the velocities too: the first repeat is that of the whole state."""
    condition = Condition(**{"hidden": 3, "epochs": 3001, **fields})
    trained = agreed(condition, draw(condition.init, condition.task.n_inputs, 3, range(70)))
    repeating = np.flatnonzero(trained.trace.period > 0)[:3]
    assert len(repeating)
    found = trained.trace.settled_epoch[repeating], trained.trace.period[repeating]
    begin = draw(condition.init, condition.task.n_inputs, 3, range(70)).take(repeating)
    states = states_of(condition, begin, int(np.add(*found).max()))
    for r, (settled, period) in enumerate(zip(*found, strict=True)):
        mine = states[:, :, [r]]
        assert same(mine[settled], mine[settled + period])
        assert settled == 0 or not same(mine[settled - 1], mine[settled + period - 1])


def test_checkpoints_grow_and_end_with_the_training() -> None:
    epochs = schedule(Condition(epochs=100_000))
    assert epochs[0] == 0
    assert epochs[-1] == 100_000
    assert schedule(Condition(epochs=0)).tolist() == [0]
    for a, b in pairwise(epochs[:-1].tolist()):
        assert b - a == stretch(a) >= watched(a)
        assert stretch(a).bit_count() == 1
        assert stretch(a) == 64 or a / 16 < stretch(a) <= a / 8


class Back(engine_numpy.Training):
    """A network that is where it began after so many epochs, and nowhere twice else."""

    def __init__(self, epochs: int) -> None:
        condition = Condition(hidden=1, epochs=1000)
        self.epochs, self.first = epochs, first_state(condition, start_of(condition, range(1)))
        super().__init__(condition, self.first, np.zeros(1, int))

    def epoch(self, epoch: int) -> None:
        self._put(self.first + (0 if epoch + 1 == self.epochs else epoch + 1))


def test_the_search_looks_only_as_far_as_it_says() -> None:
    last = watched(0) - 1
    for back, found in ((last, last), (last + 1, -1)):
        assert engine_numpy.run(Back(back)).trace.period[0] == found


@given(st.lists(st.integers(1, 330), min_size=1, max_size=20))
def test_the_first_time_is_found_by_halving(times: list[int]) -> None:
    """Each training from the last checkpoint before its time, and as far as the next: spans of 1, 9, 120 and 200."""
    first, trainings = np.array(times), np.arange(len(times))
    history = History(np.array([0, 1, 10, 130, 330]), np.zeros((1, len(times))))
    for epoch in history.checkpoints[:-1]:
        history.keep(np.full((1, len(times)), float(epoch)), trainings)
    found = first_time(
        history,
        history.before(first)[0],
        trainings,
        lambda states, chosen: states[0] >= first[chosen],
        lambda states, steps: states + steps,
    )
    assert found.tolist() == times


def test_a_cycle_longer_than_the_tail_is_read_from_its_own_losses() -> None:
    """In trainings of 65,536 epochs and more; other memory was read instead, and the process could end there."""
    epochs, part, periods = 200_000, 125, np.array([3000, 1001, 2], np.int32)
    told, unsolved, tail = np.zeros((3000, 2, 3)), np.zeros(3, np.int32), np.zeros((8, 3))
    told[1500, :, 0] = told[1000, :, 1] = told[1, :, 2] = 1
    losses = told[:, 0]
    read_cycles(told, periods, epochs, part, unsolved, tail)
    begin = epochs - 8 * part
    expected = [
        max(e for e in range(epochs - period, epochs) if losses[(e - begin) % period, r] > 0.5)
        for r, period in enumerate(periods)
    ]
    assert unsolved.tolist() == expected
    assert tail.sum(axis=0).tolist() == [0, 0, 4 * part]
