"""Traps at infinity: where cross-entropy or saturation leaves no lowest point."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from networks_at_rest import (
    descended,
    loss_of,
    lowers,
    points,
    rng,
    stays_lowest,
    stuck_at_infinity,
    uniform,
    ways,
)
from scipy.optimize import isotonic_regression

from nnxor import engines
from nnxor.condition import Condition
from nnxor.landscape.certificate import certify
from nnxor.landscape.curvature import Problem
from nnxor.landscape.recession import _in_order
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import Distribution, Init
from nnxor.network.tasks import Task
from nnxor.trial import trials


@pytest.mark.parametrize(
    "fields",
    [
        {"hidden": 2},
        {"hidden": 4},
        {"hidden": 4, "bias": False},
        {"hidden": 2, "activation": "leaky_relu", "slope": 0.2},
    ],
    ids=str,
)
def test_traps_of_cross_entropy_are_told_and_nothing_near_gets_below_those_at_infinity(
    fields: dict[str, object],
) -> None:
    """Of 125 stuck runs of four units 97 were unknown, and a few were called minima although they sink for ever."""
    condition, weights, level, told = stuck_at_infinity(**fields)
    found = certify(condition, weights)
    assert weights.n_networks > 25
    assert (told == "unknown").mean() <= 0.02
    assert lowers(condition, found, (1e-4, 1e-5))[np.isin(found.kind, ("saddle", "kink"))].all()
    at = np.flatnonzero(found.kind == "infinity")
    if "activation" in fields:
        assert not len(at)  # where nothing is cut off, two straight lines fit the rows no better for being steep
        return
    assert len(at) > 20
    polished, way, floor = points(found).take(at), ways(found).take(at), level[at]
    first, then = loss_of(condition, *weights.take(at)), loss_of(condition, *polished)
    assert (first - then > 1e-6).all()
    assert np.allclose(then, floor, rtol=0, atol=1e-11)
    stays_lowest(condition, polished, way, floor, largest=-6, slack=1e-13)
    near = [array * (1 + 1e-7 * rng.standard_normal(array.shape)) for array in weights.take(at)]
    for below in descended(condition, near, 0.5, 200):  # nor does descent from where the runs ended
        assert (loss_of(condition, *below) > floor).all()


def test_cross_entropy_that_is_still_far_from_its_bound_is_unknown() -> None:
    condition, weights, _, kinds = stuck_at_infinity(hidden=4)
    early = Weights(weights.W1, weights.b1, weights.W2 / 8, weights.b2 / 8)
    assert set(certify(condition, early.take(np.flatnonzero(kinds == "infinity"))).kind) == {"unknown"}


def test_soft_targets_are_driven_nowhere() -> None:
    """Rows of targets 0.1 and 0.9 have a best score, so that their traps are minima."""
    soft = Task("soft", ((0, 0), (0, 1), (1, 0), (1, 1)), (0.1, 0.9, 0.9, 0.1), units=2)
    _, _, _, kinds = stuck_at_infinity(hidden=3, task=soft)
    assert len(kinds) > 25
    assert "infinity" not in kinds
    assert (kinds == "unknown").mean() <= 0.02


RUMELHART = {"hidden": 2, "init": uniform(-1), "optimizer": "momentum", "momentum": 0.9, "lr": 0.5}


@pytest.mark.parametrize(
    ("fields", "seeds", "level"),
    [
        (RUMELHART, 500, 0.25),
        ({"hidden": 2, "init": uniform(0), "lr": 1.0, "epochs": 20_000}, 200, 0.25),
        ({"hidden": 3, "init": uniform(0), "loss": "mse", "optimizer": "rprop", "epochs": 400}, 300, 0.125),
    ],
    ids=["momentum", "gd", "rprop"],
)
def test_saturating_units_are_told_where_they_are_on_their_way_to_infinity(
    fields: dict[str, object], seeds: int, level: float
) -> None:
    """All were unknown. Nothing near the way is below the trap, and no run gets there that goes on from its end."""
    condition = Condition(activation="sigmoid", output="sigmoid", **fields)  # type: ignore[arg-type]
    ended = trials(condition, range(seeds), engines.load("numba"), certified=True)
    trap = np.flatnonzero(np.abs(ended.columns["plateau"] - level) < 1e-3)
    assert len(trap) > 15
    assert set(ended.columns["minimum"][trap]) == {"infinity"}
    end = Weights(*(array.astype(float) for array in ended.end.take(trap)))
    found = certify(condition, end)
    told = np.flatnonzero(found.kind == "infinity")
    assert len(told) > 10
    far, way, end = points(found).take(told), ways(found).take(told), end.take(told)
    stays_lowest(condition, far, way, level, largest=-2, slack=1e-12)
    for _ in range(50):
        near = [array + 0.01 * rng.standard_normal(array.shape) for array in end]
        assert (loss_of(condition, *near) >= level - 1e-12).all()
    onward = replace(condition, optimizer="gd", lr=4.0, epochs=200_000, dtype="float64", momentum=Condition.momentum)
    longer = loss_of(condition, *engines.load("numba")(onward, end, range(len(told))).weights)
    assert ((level - 1e-12 < longer) & (longer <= loss_of(condition, *end) + 1e-12)).all()


def test_a_unit_that_gives_up_its_side_is_not_on_its_way_to_infinity() -> None:
    """Where the smaller output weight sinks to 0, and through it, a run gets out below 1/3: 2 of these do by then."""
    condition = Condition(activation="sigmoid", output="sigmoid", **RUMELHART)  # type: ignore[arg-type]
    ended = trials(condition, range(1000), engines.load("numba"), certified=True)
    trap = np.flatnonzero(np.abs(ended.columns["plateau"] - 1 / 3) < 1e-3)
    longer = engines.load("numba")(replace(condition, epochs=300_000), ended.end.take(trap), range(len(trap))).weights
    out = loss_of(condition, *longer) < 0.3
    assert out.sum() > 1
    assert set(ended.columns["minimum"][trap][out]) == {"shoulder"}
    assert "infinity" in ended.columns["minimum"][trap]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=3, max_size=9), st.integers(0, 99))
def test_the_best_predictions_in_an_order_are_those_of_isotonic_regression(targets: list[float], seed: int) -> None:
    """Of a chain of rows that scipy can order too."""
    weights = np.random.default_rng(seed).integers(1, 4, len(targets))
    rows = np.arange(len(targets))
    inputs = tuple((float(n), 0.0) for n in rows)
    task = Task("chain", inputs, tuple(targets), multiplicities=tuple(weights.tolist()))
    problem = Problem(Condition(task=task, hidden=2))
    y, wrong, binding = _in_order(problem, rows[:-1], rows[1:])
    known = isotonic_regression(targets, weights=weights).x
    assert np.allclose(y, known, atol=1e-8)
    assert np.array_equal(wrong, np.abs(known - targets) > 1e-9)
    assert np.allclose(known[:-1][binding], known[1:][binding])


def test_saturated_units_are_at_no_minimum_however_flat_it_is_there() -> None:
    """Rprop drives sigmoids so far that float64 sees no slope: 33 of 89 stuck runs seemed to be level."""
    law = Distribution.of({"distribution": "uniform", "low": 0, "high": 1})
    condition = Condition(
        hidden=3, activation="sigmoid", output="sigmoid", loss="mse",
        optimizer="rprop", lr=0.1, epochs=400, init=Init("unit", law, law),
    )  # fmt: skip
    told = trials(condition, range(500), engines.load("numba"), certified=True).columns["minimum"]
    assert (told != "").sum() > 20
    assert "minimum" not in told
    assert "unknown" not in told, "ways down go level for up to 29 steps before they fall"
