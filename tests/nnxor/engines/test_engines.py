"""All engines train alike: the fast ones to the bit, the readable one within rounding."""

import itertools
import re
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, strategies as st

from experiments.study import catalog
from nnxor import engines
from nnxor.arithmetic import networks as arithmetic
from nnxor.condition import Condition
from nnxor.diagnosis import diagnose
from nnxor.engines import Trained, engine_numba, kernel
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import Distribution, Init

numpy_engine, numba_engine, reference = (engines.load(name) for name in ("numpy", "numba", "reference"))


def start(condition: Condition, seeds: range) -> Weights:
    return initial_weights(condition, seeds)


def everything(trained: Trained) -> list[np.ndarray]:
    trace = trained.trace
    return [*trained.weights, *trace]


def same_bits(a: Trained, b: Trained) -> bool:
    """Whether the same trainings diverge, and the others agree in every bit."""
    finite = np.isfinite(a.weights.b2)
    return np.array_equal(finite, np.isfinite(b.weights.b2)) and all(
        x.dtype == y.dtype and x[..., finite].tobytes() == y[..., finite].tobytes()
        for x, y in zip(everything(a), everything(b), strict=True)
    )


FIELDS = (
    ("relu", 0, True, "half_sse", "uniform", 0.1),
    ("relu", 0, False, "mse", "he", 0.7),
    ("relu", 1, True, "half_sse", "he", 0.2),
    ("leaky_relu", 0, True, "mse", "torch", 0.5),
)
"""Activation, relu_at_zero, bias, loss, init and lr of conditions that take every branch of the kernels."""

CASES = [
    (dtype, task, *fields)
    for dtype, task, fields in itertools.product(("float32", "float64"), ("xor", "parity3"), FIELDS)
    if not (dtype == "float64" and fields[1])  # each variant takes seconds to compile
]


@pytest.mark.parametrize(("dtype", "task", "activation", "relu_at_zero", "bias", "loss", "init", "lr"), CASES)
def test_numpy_and_numba_agree_to_the_bit(
    dtype: str, task: str, activation: str, relu_at_zero: int, bias: bool, loss: str, init: str, lr: float
) -> None:
    condition = Condition(
        task=catalog.task(task),
        hidden=5,
        activation=activation,
        relu_at_zero=relu_at_zero,
        bias=bias,
        loss=loss,
        init=catalog.init(init),
        lr=lr,
        epochs=231,
        dtype=dtype,
    )
    weights = start(condition, range(70))
    assert same_bits(numpy_engine(condition, weights), numba_engine(condition, weights))


@given(
    hidden=st.integers(1, 12),
    lr=st.floats(0.003, 1.0),
    epochs=st.integers(0, 60),
    task=st.sampled_from(["xor", "and", "parity3"]),
    init=st.sampled_from(["uniform", "he", "torch", "uniform01"]),
    count=st.integers(1, 70),
)
def test_they_agree_for_any_width_step_and_length(
    hidden: int, lr: float, epochs: int, task: str, init: str, count: int
) -> None:
    condition = Condition(task=catalog.task(task), hidden=hidden, lr=lr, epochs=epochs, init=catalog.init(init))
    weights = start(condition, range(count))
    assert same_bits(numpy_engine(condition, weights), numba_engine(condition, weights))


def test_diverging_runs_agree_too() -> None:
    condition = Condition(lr=3.0, epochs=200, activation="leaky_relu", slope=0.5)
    weights = start(condition, range(70))
    a, b = numpy_engine(condition, weights), numba_engine(condition, weights)
    assert not np.isfinite(a.weights.b2).all()
    for x, y in zip(
        diagnose(condition, weights, a).values(),
        diagnose(condition, weights, b).values(),
        strict=True,
    ):
        assert np.array_equal(x, y, equal_nan=x.dtype.kind == "f")


@pytest.mark.parametrize("engine", ["numpy", "numba", "reference"])
def test_weights_near_the_largest_number_diverge_without_a_warning(engine: str) -> None:
    condition = Condition(hidden=3, epochs=2)
    huge = np.float32(3e38)
    start = Weights(np.full((2, 3, 2), huge), np.full((3, 2), huge), np.ones((3, 2), np.float32), np.zeros(2))
    trained = engines.load(engine)(condition, start)
    assert (diagnose(condition, start, trained)["outcome"] == "diverged").all()


@cache
def of_all(engine: str) -> tuple[Condition, Weights, list[np.ndarray]]:
    """130 trainings at once: their condition, where they start, and everything that comes of them."""
    condition = Condition(hidden=3, epochs=40, lr=0.3)
    weights = start(condition, range(130))
    return condition, weights, everything(engines.load(engine)(condition, weights))


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@given(cut=st.integers(1, 129))
def test_a_training_does_not_depend_on_its_batch(engine: str, cut: int) -> None:
    condition, weights, whole = of_all(engine)
    train = engines.load(engine)
    parts = [everything(train(condition, weights.take(part))) for part in (slice(0, cut), slice(cut, None))]
    for together, first, second in zip(whole, *parts, strict=True):
        assert np.array_equal(together, np.concatenate([first, second], axis=-1))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_loops_over_rows_are_the_rows_written_out(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    condition = Condition(task=catalog.task("parity3"), activation=activation, hidden=3, epochs=300, lr=0.3)
    weights = start(condition, range(64))
    written_out, text = numba_engine(condition, weights), engine_numba.variant(condition)
    monkeypatch.setattr(kernel, "WRITTEN_OUT", 4)
    monkeypatch.setattr(kernel, "_TEXTS", {})
    assert engine_numba.variant(condition) != text
    assert same_bits(written_out, numba_engine(condition, weights))


def test_an_engine_leaves_the_weights_that_it_was_given() -> None:
    condition = Condition(epochs=5)
    weights = start(condition, range(3))
    kept = [array.copy() for array in weights]
    for train in (numpy_engine, numba_engine, reference):
        train(condition, weights)
        assert all(np.array_equal(a, b) for a, b in zip(weights, kept, strict=True))


@pytest.mark.parametrize("init", ["uniform", "he"])
def test_the_reference_agrees_within_rounding_over_the_first_epochs(init: str) -> None:
    condition = Condition(init=catalog.init(init), epochs=300)
    weights = start(condition, range(20))
    readable, fast = reference(condition, weights), numba_engine(condition, weights)
    for a, b in zip(readable.weights, fast.weights, strict=True):
        assert np.allclose(a, b, rtol=1e-4, atol=1e-5)


def test_the_reference_ends_like_the_fast_engines() -> None:
    """At 10,000 epochs all of 1,000 trainings over five conditions agree; here fewer epochs, to be quick."""
    condition = Condition(epochs=300, lr=0.3)
    weights = start(condition, range(25))
    columns = [diagnose(condition, weights, train(condition, weights)) for train in (reference, numba_engine)]
    for name in ("outcome", "solved_epoch", "first_death_epoch"):
        assert (columns[0][name] == columns[1][name]).all(), name


def walk(condition: Condition, weights: Weights) -> list[Weights]:
    """The weights at every epoch, by training one epoch at a time."""
    states = [weights.astype(condition.numpy_dtype)]
    one = replace(condition, epochs=1)
    for _ in range(condition.epochs):
        states.append(numba_engine(one, states[-1]).weights)
    return states


def alive(condition: Condition, weights: Weights) -> np.ndarray:
    return arithmetic.any_active(condition, arithmetic.preactivations(condition, weights))


def test_training_is_a_walk_of_single_epochs_and_the_trace_tells_it_exactly() -> None:
    condition = Condition(hidden=4, lr=0.2, init=catalog.init("he"), epochs=90)
    weights = start(condition, range(64))
    states = walk(condition, weights)
    trained = numba_engine(condition, weights)
    assert all(np.array_equal(a, b) for a, b in zip(states[-1], trained.weights, strict=True))

    was_alive = alive(condition, states[0])
    died = np.array([(was_alive & ~alive(condition, state)).any(axis=0) for state in states])
    first = np.where(died.any(axis=0), died.argmax(axis=0), -1)
    assert np.array_equal(trained.trace.first_death, first)
    assert (first > 0).sum() > 5

    losses = np.array([loss(condition, state) for state in states[:-1]])
    unsolved = ~(losses <= np.float32(condition.success.tolerance))
    last = np.where(unsolved.any(axis=0), 89 - unsolved[::-1].argmax(axis=0), -1)
    assert np.array_equal(trained.trace.last_unsolved, last)
    assert (last < 89).any()
    parts = losses[90 - 8 * 2 :].astype(float).reshape(8, 2, -1).sum(axis=1)  # a quarter of 90 epochs, in 8 even parts
    assert np.array_equal(trained.trace.tail, parts)


def loss(condition: Condition, weights: Weights) -> np.ndarray:
    return arithmetic.Networks(condition).look(weights).loss


def test_the_parameters_of_a_dead_unit_never_change_again_and_the_dead_only_grow() -> None:
    condition = Condition(hidden=6, lr=0.3, init=catalog.init("he"), epochs=60)
    states = walk(condition, start(condition, range(64)))
    deaths = 0
    for now, then in itertools.pairwise(states):
        dead = ~alive(condition, now)
        assert not (dead & alive(condition, then)).any()
        assert np.array_equal(now.W1[:, dead], then.W1[:, dead])
        assert np.array_equal(now.b1[dead], then.b1[dead])
        assert np.array_equal(now.W2[dead], then.W2[dead])
        deaths += int((~alive(condition, then) & ~dead).sum())
    assert deaths > 20


def test_a_gradient_at_0_can_bring_units_back() -> None:
    """With relu_at_zero=1 a silent unit with z = 0 on row 00 still learns: nothing may assume it dead."""
    condition = Condition(hidden=6, lr=0.1, relu_at_zero=1, epochs=30)
    states = walk(condition, start(condition, range(64)))
    revived = sum(int((~alive(condition, a) & alive(condition, b)).sum()) for a, b in itertools.pairwise(states))
    assert revived > 0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_units_that_come_back_in_all_trainings_at_once_are_counted(dtype: str) -> None:
    """All dead at first, and all redrawn alive: a vector whose trainings are all alive is as good as another."""
    law = Distribution.of({"distribution": "uniform", "low": 0.5, "high": 1.0})
    init = Init("positive", law, law)
    condition = Condition(hidden=3, init=init, optimizer="momentum", dtype=dtype, epochs=60, recycle_every=20, lr=0.001)
    seeds = range(128)
    dead = start(condition, seeds)._replace(b1=np.full((3, 128), -9.0))
    trained = numba_engine(condition, dead, seeds)
    assert (trained.trace.revived == 3).all()
    assert same_bits(numpy_engine(condition, dead, seeds), trained)


def test_balancedness_changes_by_the_square_of_the_step() -> None:
    """‖w_in‖² − w_out² of a unit changes by lr²(‖g_in‖² − g_out²) a step (Du, Hu & Lee 2018, theorem 2.1)."""
    condition = Condition(hidden=4, lr=0.05, dtype="float64", epochs=50)
    states = walk(condition, start(condition, range(64)))
    for now, then in itertools.pairwise(states):
        g = arithmetic.Networks(condition).look(now).gradient
        change = balancedness(then) - balancedness(now)
        predicted = condition.lr**2 * ((g.W1**2).sum(axis=0) + g.b1**2 - g.W2**2)
        assert np.allclose(change, predicted, rtol=1e-6, atol=1e-13)


def balancedness(w: Weights) -> np.ndarray:
    return np.asarray((w.W1**2).sum(axis=0) + w.b1**2 - w.W2**2)


def test_float64_starts_from_the_same_rounded_weights() -> None:
    condition = Condition(epochs=0, dtype="float64")
    trained = numba_engine(condition, start(condition, range(5)))
    assert trained.weights.W1.dtype == np.float64
    assert np.array_equal(trained.weights.W1, start(condition, range(5)).W1)


def test_without_biases_they_stay_0() -> None:
    condition = Condition(bias=False, epochs=50, init=catalog.init("torch"))
    for train in (numpy_engine, numba_engine, reference):
        trained = train(condition, start(condition, range(5)))
        assert not trained.weights.b1.any()
        assert not trained.weights.b2.any()


def test_auto_picks_numba_else_numpy_with_a_word_about_why(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engines.fastest() == ("numba", "")
    monkeypatch.setitem(sys.modules, "nnxor.engines.engine_numba", None)
    name, why = engines.fastest()
    assert name == "numpy"
    assert re.fullmatch(r"numba cannot be loaded: .*engine_numba.*; about \d+ times slower", why)
