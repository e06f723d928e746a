"""The fields beyond the article's: every engine trains them alike, and each does what its name says."""

import itertools
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, strategies as st

from experiments.study import catalog
from nnxor import engines
from nnxor.arithmetic.networks import ending
from nnxor.condition import Condition, Success
from nnxor.diagnosis import diagnose
from nnxor.engines import Trained, kernel
from nnxor.engines.cycles import first_state
from nnxor.engines.engine_numpy import Training
from nnxor.network.draws import PARAMETERS, Weights, initial_weights
from nnxor.network.inits_in_yaml import GivenWeights
from nnxor.network.minibatches import order_of, steps_of, streams
from nnxor.network.tasks import XOR, Task

numpy_engine, numba_engine, reference = (engines.load(name) for name in ("numpy", "numba", "reference"))
COUNTED = Task("counted", XOR.inputs, XOR.targets, 2, (1, 2, 1, 3))
ROWS = np.repeat(np.arange(4), COUNTED.multiplicities)
WRITTEN = Task("written", tuple(XOR.inputs[n] for n in ROWS), tuple(XOR.targets[n] for n in ROWS), 2)


def start(condition: Condition, seeds: range) -> Weights:
    return initial_weights(condition, seeds)


def arrays(trained: Trained) -> list[np.ndarray]:
    return [*trained.weights, *trained.trace]


EXACT: list[dict[str, Any]] = [
    {"optimizer": "momentum", "lr": 0.05},
    {"optimizer": "momentum", "momentum": 0.5, "bias": False, "activation": "leaky_relu"},
    {"optimizer": "adam", "lr": 0.01},
    {"optimizer": "adam", "lr": 0.05, "beta1": 0.5, "beta2": 0.9, "epsilon": 1e-3, "dtype": "float64"},
    {"batch_size": 2},
    {"batch_size": 3, "loss": "mse", "lr": 0.3, "task": COUNTED},
    {"batch_size": 1, "optimizer": "adam", "lr": 0.02},
    {"task": COUNTED},
    {"task": COUNTED, "loss": "mse", "lr": 0.3},
    {"output": "relu"},
    {"output": "relu", "relu_at_zero": 1, "bias": False},
    {"success": Success("margin", 0.1)},
    {"success": Success("threshold")},
    {"success": Success("threshold", ties="pass"), "bias": False},
    {"task": catalog.task("parity3"), "hidden": 6, "batch_size": 3, "optimizer": "momentum", "lr": 0.02},
]
"""Fields under which the fast engines promise the same bits."""

ROUNDED: list[dict[str, Any]] = [
    {"activation": "tanh"},
    {"activation": "sigmoid", "output": "sigmoid", "optimizer": "momentum", "lr": 0.5},
    {"output": "sigmoid", "loss": "bce", "lr": 0.5},
    {"output": "sigmoid", "loss": "bce", "lr": 0.5, "task": COUNTED, "batch_size": 2, "success": Success("threshold")},
    {"output": "sigmoid", "loss": "mse"},
]
"""Fields where exp, log or tanh take part: engines agree within rounding."""


@pytest.mark.parametrize("fields", EXACT, ids=str)
def test_the_fast_engines_agree_to_the_bit(fields: dict[str, Any]) -> None:
    condition = Condition(**{"epochs": 150, **fields})
    seeds = range(5, 75)
    weights = start(condition, seeds)
    for a, b in zip(
        arrays(numpy_engine(condition, weights, seeds)), arrays(numba_engine(condition, weights, seeds)), strict=True
    ):
        assert np.array_equal(a, b, equal_nan=True)
        assert np.array_equal(np.signbit(a), np.signbit(b))


@pytest.mark.parametrize("fields", [*EXACT, *ROUNDED], ids=str)
def test_all_engines_agree_within_rounding(fields: dict[str, Any]) -> None:
    condition = Condition(**{"epochs": 60, **fields, "dtype": "float64"})
    seeds = range(5)
    weights = start(condition, seeds)
    fast = arrays(numba_engine(condition, weights, seeds))
    for engine in (numpy_engine, reference):
        known = -2 if engine is reference else None  # it looks for no repeats, whose two arrays come last
        for a, b in zip(arrays(engine(condition, weights, seeds))[:known], fast[:known], strict=True):
            assert np.allclose(a, b, rtol=1e-9, atol=1e-9, equal_nan=True)


@cache
def of_all(engine: engines.Train) -> tuple[Condition, range, Weights, list[np.ndarray]]:
    """80 trainings at once: their condition, seeds and starts, and what comes of them."""
    condition, seeds = Condition(batch_size=3, epochs=20, lr=0.3, optimizer="momentum"), range(40, 120)
    weights = start(condition, seeds)
    return condition, seeds, weights, arrays(engine(condition, weights, seeds))


@pytest.mark.parametrize("engine", [numpy_engine, numba_engine])
@given(cut=st.integers(1, 79))
def test_mini_batches_do_not_depend_on_who_trains_together(engine: engines.Train, cut: int) -> None:
    condition, seeds, weights, whole = of_all(engine)
    parts = [arrays(engine(condition, weights.take(part), seeds[part])) for part in (slice(0, cut), slice(cut, None))]
    for together, first, second in zip(whole, *parts, strict=True):
        assert np.array_equal(together, np.concatenate([first, second], axis=-1))


def test_a_batch_of_all_rows_is_no_batch_at_all() -> None:
    whole, batch = Condition(epochs=50, lr=0.2), Condition(epochs=50, lr=0.2, batch_size=4, order="fixed")
    weights = start(whole, range(64))
    for engine in (numpy_engine, numba_engine):
        full, one = engine(whole, weights).weights, engine(batch, weights, range(64)).weights
        for a, b in zip(full, one, strict=True):
            assert np.array_equal(a, b)


@given(seed=st.integers(0, 2**63 - 1), epoch=st.integers(0, 10**6), n=st.integers(1, 9), size=st.integers(1, 9))
def test_an_epoch_sees_every_example_once(seed: int, epoch: int, n: int, size: int) -> None:
    task = Task("line", tuple((float(row),) for row in range(n)), (0.0,) * n)
    condition = Condition(task=task, batch_size=min(n, size))
    order = order_of(condition, streams(np.array([seed])), epoch)[:, 0]
    assert sorted(order) == list(range(n))
    assert sum(steps_of(n, size)) == n


def test_shuffles_are_even_and_differ_between_epochs_and_seeds() -> None:
    condition = Condition(batch_size=1)
    stream = streams(np.arange(1000))
    orders = np.array([order_of(condition, stream, epoch) for epoch in range(24)])  # (epoch, place, seed)
    codes = (orders * np.array([1, 4, 16, 64])[None, :, None]).sum(axis=1).ravel()
    counts = np.unique(codes, return_counts=True)[1]
    assert len(counts) == 24
    assert ((counts - 1000) ** 2 / 1000).sum() < 50  # chi-square with 23 degrees of freedom: p = 0.001
    assert (orders[0] != orders[1]).any(axis=0).mean() > 0.9
    assert (orders[:, :, 0] != orders[:, :, 1]).any(axis=1).mean() > 0.7


@pytest.mark.parametrize("n", [8, kernel.DRAWN_WRITTEN_OUT, kernel.DRAWN_WRITTEN_OUT + 1, 200])
@pytest.mark.parametrize("order", ["shuffled", "fixed"])
def test_few_examples_and_many_are_put_in_the_same_order_by_every_engine(n: int, order: str) -> None:
    x = np.random.default_rng(n).normal(size=(n, 2)).round(3)
    task = Task("points", tuple(map(tuple, x.tolist())), tuple(float(each) for each in x[:, 0] > 0))
    condition = Condition(task=task, hidden=2, epochs=7, batch_size=5, order=order)
    weights = start(condition, range(20))
    found = (arrays(engine(condition, weights, range(20))) for engine in (numpy_engine, numba_engine))
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_mini_batch_without_seeds_is_refused() -> None:
    condition = Condition(batch_size=2, epochs=1)
    for engine in (numpy_engine, numba_engine, reference):
        with pytest.raises(ValueError, match="shuffled by the seed"):
            engine(condition, start(condition, range(3)))


def test_an_epoch_of_batches_is_that_many_steps() -> None:
    """Batches of two examples are two steps: each is a full-batch step on those two rows alone."""
    condition = Condition(batch_size=2, epochs=1, lr=0.3, dtype="float64", hidden=3)
    weights = start(condition, range(20))
    trained = numba_engine(condition, weights, range(20)).weights
    order = order_of(condition, streams(np.arange(20)), 0)
    for seed in range(20):
        now = weights.take(slice(seed, seed + 1)).astype(np.dtype(np.float64))
        for step in range(2):
            rows = order[2 * step : 2 * step + 2, seed]
            task = Task("two", tuple(XOR.inputs[n] for n in rows), tuple(XOR.targets[n] for n in rows))
            now = numpy_engine(replace(condition, task=task, batch_size=None), now).weights
        for a, b in zip(now, trained, strict=True):
            assert np.allclose(a[..., 0], b[..., seed], rtol=1e-12)


@pytest.mark.parametrize("loss", ["half_sse", "mse", "bce"])
def test_a_row_that_counts_more_often_is_that_many_rows(loss: str) -> None:
    output = "sigmoid" if loss == "bce" else "identity"
    counted = Condition(task=COUNTED, loss=loss, output=output, epochs=80, dtype="float64")
    written = replace(counted, task=WRITTEN)
    weights = start(counted, range(30))
    a, b = (numba_engine(condition, weights) for condition in (counted, written))
    for x, y in zip(a.weights, b.weights, strict=True):
        assert np.allclose(x, y, rtol=1e-9, atol=1e-12)
    assert np.allclose(a.trace.tail, b.trace.tail)


REVIVING: list[dict[str, Any]] = [
    {"optimizer": "momentum", "momentum": 0.99, "lr": 0.02},
    {"optimizer": "adam", "lr": 0.2, "init": catalog.init("torch")},
]


@pytest.mark.parametrize("fields", REVIVING, ids=str)
def test_what_an_optimizer_remembers_moves_the_dead_and_may_bring_them_back(fields: dict[str, Any]) -> None:
    condition = Condition(hidden=8, epochs=400, **fields)
    plain = replace(condition, optimizer="gd", lr=0.1)
    weights = start(condition, range(512))
    revived = [diagnose(c, weights, numba_engine(c, weights))["revived"].sum() for c in (condition, plain)]
    assert revived[0] > 1
    assert revived[1] == 0
    assert (condition.dead_stay_dead, plain.dead_stay_dead) == (False, True)


def test_revived_units_are_those_that_were_dead_and_lived_again() -> None:
    condition = Condition(optimizer="momentum", momentum=0.99, lr=0.05, hidden=8, epochs=120)
    weights = start(condition, range(512))
    alive = np.array([units_alive(replace(condition, epochs=e), weights) for e in range(121)])  # (epoch, unit, seed)
    was_dead = np.logical_or.accumulate(~alive, axis=0)
    revived = (alive[1:] & was_dead[:-1]).any(axis=0).sum(axis=0)
    assert revived.sum() > 1
    assert np.array_equal(numba_engine(condition, weights).trace.revived, revived)


def units_alive(condition: Condition, weights: Weights) -> np.ndarray:
    from nnxor.arithmetic import networks as arithmetic

    final = numba_engine(condition, weights).weights
    return arithmetic.any_active(condition, arithmetic.preactivations(condition, final))


def plain_adam(gradients: list[float], lr: float, b1: float, b2: float, eps: float) -> float:
    """Algorithm 1 of Kingma & Ba, on one parameter that starts at 0, in plain Python."""
    p = m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
        p -= lr * (m / (1 - b1**t)) / ((v / (1 - b2**t)) ** 0.5 + eps)
    return p


@given(gradients=st.lists(st.floats(-10, 10), min_size=1, max_size=20))
def test_adam_and_momentum_are_what_their_papers_say(gradients: list[float]) -> None:
    moved = {name: walked(gradients, name) for name in ("adam", "momentum")}
    p = velocity = 0.0
    for g in gradients:
        velocity = 0.9 * velocity + g
        p -= 0.1 * velocity
    assert moved["adam"] == pytest.approx(plain_adam(gradients, 0.1, 0.9, 0.999, 1e-8), rel=1e-9, abs=1e-12)
    assert moved["momentum"] == pytest.approx(p, rel=1e-9, abs=1e-12)


def walked(gradients: list[float], optimizer: str) -> float:
    """Where the output bias of a network comes to from 0 by these gradients."""
    condition = Condition(hidden=1, optimizer=optimizer, dtype="float64")
    weights = Weights(np.zeros((2, 1, 1)), np.zeros((1, 1)), np.zeros((1, 1)), np.zeros(1))
    training = Training(condition, first_state(condition, weights), np.zeros(1, int))
    for g in gradients:
        training.step(weights._replace(b2=np.array([g])))
    return float(training.weights.b2[0])


RULES = [Success(), Success("margin", 0.3), Success("threshold"), Success("threshold", ties="pass")]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("output", ["identity", "sigmoid"])
def test_a_training_is_solved_from_the_epoch_on_from_which_its_rule_holds(rule: Success, output: str) -> None:
    condition = Condition(success=rule, output=output, lr=0.3, epochs=120, dtype="float64", hidden=3)
    weights = start(condition, range(64))
    trained = numba_engine(condition, weights)
    ends = engines.course("numba", condition, weights, range(64), range(121))
    holds = np.array([rule_holds(condition, end) for end in ends])
    assert all(np.array_equal(a, b) for a, b in zip(ends[-1], trained.weights, strict=True))
    columns = diagnose(condition, weights, trained)
    assert np.array_equal(columns["outcome"] == "solved", holds[-1])
    last = np.where(~holds[:-1].all(axis=0), 119 - np.argmax(~holds[:-1][::-1], axis=0), -1)
    assert np.array_equal(trained.trace.last_unsolved, last)
    assert holds[-1].any() or rule.rule == "loss"


def rule_holds(condition: Condition, weights: Weights) -> np.ndarray:
    """The success rule by its words, from the predictions."""
    end = ending(condition, weights)
    y = np.array(end.y)
    t = np.array(condition.task.targets)[:, None]
    rule = condition.success
    if rule.rule == "loss":
        return end.loss <= rule.tolerance
    if rule.rule == "margin":
        return (np.abs(y - t) < rule.tolerance).all(axis=0)
    side = np.where(t > 0.5, y > 0.5, y < 0.5)
    return (side | ((y == 0.5) & (rule.ties == "pass"))).all(axis=0)


def test_a_tie_fails_unless_it_passes() -> None:
    """Without biases the row 00 of a sigmoid network has logit 0: exactly on the threshold, for ever."""
    fields: dict[str, Any] = {"bias": False, "output": "sigmoid", "loss": "bce", "lr": 1.0, "hidden": 8, "epochs": 500}
    solved = {}
    for ties in ("fail", "pass"):
        condition = Condition(**fields, success=Success("threshold", ties=ties))
        weights = start(condition, range(64))
        solved[ties] = (diagnose(condition, weights, numba_engine(condition, weights))["outcome"] == "solved").mean()
    assert solved["fail"] == 0
    assert solved["pass"] > 0.8


def test_cross_entropy_is_stuck_at_the_levels_of_its_own_units() -> None:
    condition = Condition(output="sigmoid", loss="bce", lr=0.5)
    weights = start(condition, range(300))
    columns = diagnose(condition, weights, numba_engine(condition, weights))
    levels = dict(zip(columns["outcome"], np.round(columns["plateau"], 4), strict=True))
    assert (columns["outcome"] != "solved").sum() > 60
    assert levels.pop("solved") is not None
    assert levels == {"stuck_1/4": 0.3466, "stuck_1/3": 0.4774, "stuck_1/2": 0.6931}


def test_a_cross_entropy_of_hundreds_is_a_number() -> None:
    """Logits of ±800 would overflow e^x, even in float64."""
    far = GivenWeights("far", "0", tuple(np.float32(a)[..., None] for a in ([[1], [1]], [0], [800], -400.0)))
    condition = Condition(init=far, hidden=1, output="sigmoid", loss="bce", epochs=0)
    weights = start(condition, range(1))
    for engine in (numpy_engine, numba_engine, reference):
        loss = diagnose(condition, weights, engine(condition, weights))["final_loss"][0]
        assert loss == pytest.approx((0 + 0 + 0 + 1200) / 4)


def test_smooth_units_are_never_dead_nor_linear() -> None:
    condition = Condition(activation="tanh", epochs=50)
    weights = start(condition, range(64))
    columns = diagnose(condition, weights, numba_engine(condition, weights))
    for name in ("dead_init", "dead_final", "linear_final", "revived"):
        assert not columns[name].any()
    assert (columns["first_death_epoch"] == -1).all()


def test_given_weights_are_taken_seed_by_seed() -> None:
    drawn = draw(Condition().init, 2, 4, range(20))
    given_sets = GivenWeights("sets", "1", drawn)  # type: ignore[arg-type]
    assert all(np.array_equal(a, b[..., 5:9]) for a, b in zip(draw(given_sets, 2, 4, range(5, 9)), drawn, strict=True))
    with pytest.raises(ValueError, match="holds 20 sets"):
        draw(given_sets, 2, 4, range(15, 21))


AXES: dict[str, list[Any]] = {
    "activation": ["relu", "leaky_relu", "tanh", "sigmoid"],
    "output": ["identity", "relu", "sigmoid"],
    "loss": ["half_sse", "mse", "bce"],
    "optimizer": ["gd", "momentum", "adam"],
    "batch_size": [None, 3],
    "bias": [True, False],
}
ALL = [dict(zip(AXES, values, strict=True)) for values in itertools.product(*AXES.values())]
ALLOWED = [fields for fields in ALL if fields["loss"] != "bce" or fields["output"] == "sigmoid"]


def pairs(fields: dict[str, Any]) -> set[tuple[Any, ...]]:
    return set(itertools.combinations(fields.items(), 2))


def covering(chosen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Few of them that have each pair of values that any of them has: the next is the one with most new pairs."""
    wanted, found = set().union(*map(pairs, chosen)), []
    while wanted:
        found.append(max(chosen, key=lambda fields: len(pairs(fields) & wanted)))
        wanted -= pairs(found[-1])
    return found


def test_every_pair_of_fields_trains_in_every_engine() -> None:
    """All combinations by readable layers and arrays; the compiled engine all pairs, for each kind is compiled."""
    compiled = covering(ALLOWED)
    assert len(compiled) < 25
    for fields in ALLOWED:
        condition, seeds = Condition(**fields, epochs=4, dtype="float64", hidden=3, lr=0.02), range(2)
        weights = start(condition, seeds)
        others = [reference, numba_engine] if fields in compiled else [reference]
        expected = arrays(numpy_engine(condition, weights, seeds))
        for engine in others:
            known = -2 if engine is reference else None  # it looks for no repeats, whose two arrays come last
            for a, b in zip(expected[:known], arrays(engine(condition, weights, seeds))[:known], strict=True):
                assert np.allclose(a, b, rtol=1e-8, atol=1e-10), fields


@pytest.mark.parametrize("freeze", ["W2", "b1", "W1+b2"])
def test_what_is_frozen_keeps_its_initial_values_and_the_rest_moves(freeze: str) -> None:
    condition = Condition(init=catalog.init("torch"), epochs=50, freeze=freeze)
    begin = draw(condition.init, 2, 4, range(64))
    ends = [engines.load(name)(condition, begin).weights for name in ("reference", "numpy", "numba")]
    for name in PARAMETERS:
        before, (reference, numpy_end, numba_end) = getattr(begin, name), (getattr(end, name) for end in ends)
        assert np.array_equal(numpy_end, numba_end)
        assert np.allclose(reference, numpy_end, atol=1e-4)
        assert np.array_equal(before, numpy_end) == (name in freeze.split("+"))


def test_few_rows_at_a_time_of_a_long_table_leave_every_other_number_alone() -> None:
    """A kernel that loops over the table but not over a batch once wrote beyond its activations."""
    condition = Condition(
        task=replace(XOR, multiplicities=(25,) * 4), hidden=6, activation="sigmoid", batch_size=4, epochs=20
    )
    weights = draw(condition.init, 2, 6, range(9))
    ends = [engines.load(name)(condition, weights, range(9)).weights for name in ("numba", "numpy")]
    assert all(np.array_equal(a, b) for a, b in zip(*(end for end in ends), strict=True))


def test_where_rmsprop_leaves_the_readable_layers_it_leaves_itself_from_a_start_one_rounding_away() -> None:
    """Near a minimum its steps keep their length and turn: a difference in the last digit grows in any engine."""
    condition = Condition(hidden=3, lr=0.01, optimizer="rmsprop", epochs=150, dtype="float64")
    weights = start(condition, range(12)).astype(np.dtype(np.float64))
    nearby = weights._replace(W1=weights.W1 * (1 + 2**-52))
    ours, layers, moved = (
        e(condition, w).weights for e, w in ((numba_engine, weights), (reference, weights), (numba_engine, nearby))
    )
    far = [
        np.max(
            [np.abs(a - b).reshape(-1, 12).max(axis=0) for a, b in zip(ours, other, strict=True)],
            axis=0,
        )
        for other in (layers, moved)
    ]
    assert ((far[0] > 1e-12) == (far[1] > 1e-12)).all()
    assert 0 < (far[0] > 1e-12).sum() < 6
