"""A training that repeats is found, and skipping what is left of it changes nothing that is recorded."""

from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnxor import engines
from nnxor.condition import Condition, Success
from nnxor.diagnosis import diagnose
from nnxor.draws import Weights, draw
from nnxor.engines import batched, compiled, kernels
from nnxor.engines.repeats import Search, checkpoint_epochs, same, watched
from nnxor.inits import UNIFORM, Distribution, Init
from nnxor.tasks import Task

NO_BIAS = Distribution.of({"distribution": "constant", "value": 0})
HE = Init("he", Distribution.of({"distribution": "normal", "std": "sqrt(2 / fan_in)"}), NO_BIAS)
TORCH = Init("torch", *[Distribution.of({"distribution": "uniform", "low": "-0.7", "high": "0.7"})] * 2)
AND3 = Task("and3", tuple((a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)), (0,) * 7 + (1,))
ODD_EPOCHS = (0, 1, 7, 337, 1009, 5003)


def start_of(condition, seeds):
    return draw(condition.init, condition.task.n_inputs, condition.hidden, seeds, condition.bias)


def bits(trained):
    """Everything that an engine hands back, as bytes."""
    return [array.tobytes() for array in (*trained.weights.arrays(), *astuple(trained.trace))]


def assert_same_bits(condition, seeds=range(40), tolerance=1e-3):
    start, success = start_of(condition, seeds), Success(tolerance=tolerance)
    jumped = compiled.train(condition, success, start)
    assert bits(jumped) == bits(compiled.train(condition, success, start, jump=False))
    assert bits(jumped) == bits(batched.train(condition, success, start))
    return jumped.trace


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    init=st.sampled_from([UNIFORM, HE, TORCH]),
    hidden=st.integers(1, 12),
    lr=st.floats(0.01, 0.6),
    dtype=st.sampled_from(["float32", "float64"]),
    bias=st.booleans(),
    epochs=st.sampled_from(ODD_EPOCHS[:-1]) | st.integers(0, 1500),
    first_seed=st.integers(0, 1000),
)
def test_skipping_changes_no_bit(init, hidden, lr, dtype, bias, epochs, first_seed):
    condition = Condition(init=init, hidden=hidden, lr=lr, dtype=dtype, bias=bias, epochs=epochs)
    assert_same_bits(condition, range(first_seed, first_seed + 16))


@pytest.mark.parametrize("epochs", ODD_EPOCHS)
@pytest.mark.parametrize(
    "activation, at_zero, task", [("relu", 0, "xor"), ("leaky_relu", 1, "xor"), ("relu", 0, "and3")]
)
def test_skipping_changes_no_bit_in_any_kernel(epochs, activation, at_zero, task):
    tasks = {"task": AND3} if task == "and3" else {}
    condition = Condition(activation=activation, relu_at_zero=at_zero, init=HE, lr=0.2, epochs=epochs, **tasks)
    trace = assert_same_bits(condition)
    if epochs > 5000:
        assert np.mean(trace.period > 0) > 0.3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_long_trainings_of_many_periods_agree(dtype):
    trace = assert_same_bits(Condition(hidden=4, lr=0.15, epochs=5003, dtype=dtype), range(150))
    assert {1, 2} < set(trace.period) and trace.period.max() > 64
    assert len(set(trace.settled_epoch)) > 50


def test_batch_and_lane_do_not_matter():
    condition = Condition(init=HE, lr=0.12, epochs=3001)
    together = compiled.train(condition, Success(), start_of(condition, range(200)))
    for seeds in (range(1), range(63, 130), range(130, 200)):
        alone = compiled.train(condition, Success(), start_of(condition, seeds))
        part = slice(seeds.start, seeds.stop)
        expected = [array[..., part].tobytes() for array in (*together.weights.arrays(), *astuple(together.trace))]
        assert bits(alone) == expected


def states_of(condition, start, seed):
    """The parameters at the start of each epoch and at the end, one row a state, for one training."""
    weights = start.take(slice(seed, seed + 1)).astype(condition.numpy_dtype)
    rows = []
    for _ in range(condition.epochs + 1):
        rows.append(np.concatenate([array.ravel() for array in weights.arrays()]))
        weights = batched.advance(condition, weights)
    return [row.tobytes() for row in rows]


@pytest.mark.parametrize("hidden, lr, epochs", [(2, 0.5, 300), (3, 0.25, 700), (4, 0.15, 1200)])
def test_settled_epoch_and_period_are_those_of_the_stored_trajectory(hidden, lr, epochs):
    condition = Condition(init=HE, hidden=hidden, lr=lr, epochs=epochs)
    start = start_of(condition, range(12))
    trace = compiled.train(condition, Success(), start).trace
    for seed in range(12):
        seen, first = {}, None
        for epoch, state in enumerate(states_of(condition, start, seed)):
            if state in seen:
                first = (seen[state], epoch - seen[state])
                break
            seen[state] = epoch
        found = first is not None and any(
            c >= first[0] and first[1] < watched(c) and c + first[1] < epochs for c in checkpoint_epochs(epochs)[:-1]
        )
        assert (trace.settled_epoch[seed], trace.period[seed]) == (first if found else (-1, -1))
    assert (trace.period > 0).any()


def test_a_diverged_training_never_repeats():
    condition = Condition(hidden=4, lr=30.0, epochs=2000)
    trained = compiled.train(condition, Success(), start_of(condition, range(64)))
    diverged = ~np.isfinite(trained.weights.b2)
    assert diverged.any()
    assert (trained.trace.period[diverged] == -1).all() and (trained.trace.settled_epoch[diverged] == -1).all()


def test_minus_zero_is_not_zero_and_nan_equals_nothing():
    def one(value):
        return Weights(np.full((2, 1, 1), value), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))

    assert same(one(0.0), one(0.0)).all() and same(one(-0.0), one(-0.0)).all()
    assert not same(one(0.0), one(-0.0)).any() and not same(one(np.nan), one(np.nan)).any()
    columns = np.array([[1.0, 1.0, 1.0], [0.0, -0.0, np.nan]])
    assert [kernels._difference(columns, 0, columns, j) for j in range(3)] == [2, 1, 1]
    assert kernels._difference(columns, 2, columns, 2) == 1


def test_starting_from_minus_zero_gives_the_same_bits():
    condition = Condition(hidden=3, lr=0.2, epochs=1009)
    start = start_of(condition, range(40))
    start.b1[:] = -0.0
    start.W2[1] = -0.0
    assert bits(compiled.train(condition, Success(), start)) == bits(batched.train(condition, Success(), start))


def test_the_reference_engine_finds_repeats_of_its_own_and_diagnosis_hands_them_on():
    condition = Condition(init=HE, hidden=2, lr=0.5, epochs=400)
    start, success = start_of(condition, range(4)), Success()
    for name in engines.ENGINES:
        trained = engines.load(name)(condition, success, start)
        columns = diagnose(condition, success, start, trained)
        assert (columns["period"] > 0).any()
        assert ((columns["period"] > 0) == (columns["settled_epoch"] >= 0)).all()
        assert columns["settled_epoch"].dtype == columns["period"].dtype == np.int32


def test_checkpoints_grow_and_end_with_the_training():
    epochs = checkpoint_epochs(100_000)
    assert epochs[0] == 0 and epochs[-1] == 100_000 and checkpoint_epochs(0).tolist() == [0]
    assert all(watched(a) <= b - a for a, b in pairwise(epochs[:-1]))


def test_the_search_looks_only_as_far_as_it_says():
    search = Search(1)
    weights = Weights(np.ones((2, 1, 1)), np.ones((1, 1)), np.ones((1, 1)), np.ones(1))
    other = Weights(*(2 * array for array in weights.arrays()))
    for epoch in range(64):
        search.look(epoch, weights if epoch in (0, 63) else other)
    assert search.period[0] == 63
