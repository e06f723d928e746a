"""What runs rest at that are shaken, that slide, or whose parameters are frozen; and ways out."""

from dataclasses import replace

import numpy as np
import pytest
from networks_at_rest import (
    LEAKY,
    loss_of,
    network,
    points,
    rng,
    stays,
    stays_lowest,
    stuck,
    stuck_at_infinity,
    ways,
)

from experiments.study import catalog
from nnxor import engines
from nnxor.condition import Condition
from nnxor.landscape.certificate import certify, go_down
from nnxor.landscape.curvature import Local, Problem
from nnxor.network.draws import Weights
from nnxor.quench import quench
from nnxor.trial import kinds, resting_points, trials


def test_leaky_units_under_cross_entropy_are_told_where_a_step_would_take_them_across_their_kinks() -> None:
    """Four of He's runs were unknown, and 7 from PyTorch's draw; then six others seemed to be at minima."""
    for name in ("torch", "he"):
        condition, weights, level, kinds = stuck_at_infinity(500, init=catalog.init(name), **LEAKY)
        assert len(kinds) > 50
        stayed = stays(condition, weights, level)
        assert "unknown" not in kinds[stayed]
        assert ((kinds == "minimum") & ~stayed).sum() <= 1


def test_what_slides_along_a_valley_and_gets_out_at_its_end_is_at_no_minimum() -> None:
    """Of large weights the valleys are long: a run 0.0002 above the level of its region left it after 10,000 epochs."""
    condition, weights, level, kinds = stuck_at_infinity(600, init=catalog.init("uniform"), scale=10.0, **LEAKY)
    at = np.flatnonzero(kinds == "minimum")
    minima = weights.take(at)
    assert minima.n_networks > 20
    longer = engines.load("numba")(replace(condition, epochs=200_000), minima, range(minima.n_networks))
    assert (loss_of(condition, *longer.weights) > 0.99 * level[at]).all()


def test_what_leaves_its_trap_in_a_quench_is_on_a_shoulder() -> None:
    """One run was said to be on its way to infinity, which is where its quench had been after it had solved the task.

    Of 58 runs at larger weights 18 slide along valleys, whose ends all but one reach in a longer quench.
    """
    *_, kinds = stuck_at_infinity(600, init=catalog.init("uniform"), scale=5.0, **LEAKY)
    assert len(kinds) > 40
    assert "infinity" not in kinds
    for name in ("uniform", "torch"):
        condition, weights, level, kinds = stuck_at_infinity(600, init=catalog.init(name), scale=10.0, **LEAKY)
        stayed = stays(condition, weights, level)
        assert stayed.sum() > 50
        assert "unknown" not in kinds
        assert set(kinds[~stayed]) == {"shoulder"}


def test_a_run_that_is_far_from_the_minimum_of_its_region_is_told_where_a_quench_takes_it() -> None:
    """It slid out of the region before it got there, and was solved."""
    condition = Condition(hidden=2, activation="leaky_relu", init=catalog.init("torch"), optimizer="momentum", lr=0.05)
    ended = trials(condition, range(41, 42), engines.load("numba"), certified=True)
    assert certify(condition, ended.end).kind[0] == "minimum"
    assert (ended.columns["outcome"][0], ended.columns["minimum"][0]) == ("stuck", "shoulder")
    quenched, _ = quench(condition, ended.end, 20)
    assert loss_of(condition, *quenched)[0] < 1e-9


def test_a_minimum_beside_which_a_run_goes_by_is_not_where_it_rests() -> None:
    """With constant units all are straight, and the point beside this run is a minimum; it got out below 0.4."""
    condition = Condition(
        hidden=2, init=catalog.init("torch"), activation="elu", freeze="W2", loss="bce", output="sigmoid", lr=0.5
    )
    ended = trials(condition, range(37, 38), engines.load("numba"), certified=True)
    assert ended.columns["minimum"][0] == "shoulder"
    longer = engines.load("numba")(replace(condition, epochs=100_000), ended.end, range(1)).weights
    assert Local(Problem(condition), Problem(condition).pack(longer)).loss[0] < 0.4


RECTIFIED = {"hidden": 4, "init": "he"}


SOFT = {"hidden": 3, "init": "torch"}


@pytest.mark.parametrize(
    ("freeze", "fields"),
    [
        *((freeze, RECTIFIED) for freeze in ("b1", "W2", "b2", "W1+b1", "b1+W2", "W2+b2", "W1+b1+W2", "b1+W2+b2")),
        *(
            (freeze, {**RECTIFIED, "loss": "bce", "output": "sigmoid", "lr": 0.5})
            for freeze in ("W2", "W1+b1", "b1+b2")
        ),
        ("W2+b2", {**SOFT, "activation": "leaky_relu", "slope": -0.5}),
        ("W1", {**SOFT, "activation": "leaky_relu", "slope": 0.2}),
        ("W1+b1+b2", {**SOFT, "activation": "tanh"}),
        ("b1+W2+b2", {**SOFT, "activation": "softplus"}),
        ("b1+W2", {**SOFT, "activation": "elu"}),
        *((freeze, {"hidden": 2, "init": "torch", "activation": "elu"}) for freeze in ("W1", "W1+W2", "W1+b2")),
        ("W1", {**RECTIFIED, "bias": False}),
    ],
    ids=str,
)
def test_what_is_frozen_only_takes_directions_away(freeze: str, fields: dict[str, object]) -> None:
    """All were unknown. Nothing frozen moves, ways lead down, and no descent from near a minimum gets below it."""
    condition, weights, level = stuck(**fields, freeze=freeze)
    found, problem = certify(condition, weights), Problem(condition)
    assert weights.n_networks > 10
    told = kinds(condition, weights, {"outcome": np.full(weights.n_networks, "stuck"), "plateau": level})
    assert (told == "unknown").mean() <= 0.02
    for name in freeze.split("+"):
        before, after, way = (getattr(w, name) for w in (weights, points(found), ways(found)))
        assert np.allclose(after, before, rtol=1e-14, atol=0)
        assert not way.any()
    for kind in ("saddle", "kink"):
        theta, way = (array[found.kind == kind] for array in (found.theta, found.way))
        assert (Local(problem, theta + 1e-5 * way).loss < Local(problem, theta).loss).all()
    at = found.kind == "minimum"
    assert at.any()
    floor = Local(problem, found.theta[at]).loss
    near = []
    for trial in range(30):
        share = 10.0 ** rng.uniform(-9, -6)
        size = np.abs(found.theta[at]) if trial % 2 else np.maximum(np.abs(found.theta[at]), 1e-3)
        near.append(found.theta[at] + share * size * rng.standard_normal(size.shape) * problem.free)
    descent = np.concatenate(near)
    for _ in range(20):
        descent = descent - 0.02 * Local(problem, descent).gradient
    assert (Local(problem, descent).loss >= np.tile(floor, len(near)) * (1 - 1e-14)).all()


@pytest.mark.parametrize(
    ("activation", "output", "loss", "hidden", "init"),
    [
        ("relu", "identity", "half_sse", 3, "torch"),
        ("relu", "sigmoid", "bce", 3, "torch"),
        ("leaky_relu", "sigmoid", "bce", 2, "torch"),
        ("tanh", "sigmoid", "half_sse", 4, "he"),
        ("elu", "identity", "half_sse", 3, "torch"),
        ("softplus", "identity", "half_sse", 4, "he"),
    ],
)
def test_hardly_a_run_is_unknown_at_any_scale(activation: str, output: str, loss: str, hidden: int, init: str) -> None:
    """From ten times the usual weights nearly all stuck runs of smooth units were."""
    usual = Condition(hidden=hidden, activation=activation, output=output, loss=loss, init=catalog.init(init))
    ended = [trials(replace(usual, scale=scale), range(50), engines.load("numba")) for scale in (0.1, 1.0, 5.0, 10.0)]
    columns = {name: np.concatenate([each.columns[name] for each in ended]) for name in ("outcome", "plateau")}
    told = kinds(usual, Weights.joined(each.end for each in ended), columns)  # where they started does not matter
    stuck = told[told != ""]
    assert len(stuck) > 15
    assert (stuck == "unknown").mean() <= 0.02


@pytest.mark.parametrize(
    "fields",
    [RECTIFIED, {**SOFT, "activation": "leaky_relu"}, {**SOFT, "activation": "elu"}, {**RECTIFIED, "output": "tanh"}],
    ids=str,
)
def test_no_way_leads_out_of_a_minimum(fields: dict[str, object]) -> None:
    condition, weights, _ = stuck(**fields)
    found = certify(condition, weights)
    minima = points(found).take(np.flatnonzero(found.kind == "minimum"))
    assert minima.n_networks > 5
    floor = found.problem.loss_of(minima)
    near = Weights(*(array * (1 + 1e-8 * rng.standard_normal(array.shape)) for array in minima))
    for start in (minima, near):
        assert (found.problem.loss_of(go_down(condition, start)) >= floor * (1 - 1e-11)).all()


def test_a_way_down_never_rises_and_only_what_has_left_the_trap_is_on_a_shoulder() -> None:
    """Sigmoid units from large weights: gradient descent would take millions of epochs from where these runs ended."""
    law = {"init": catalog.init("he"), "scale": 10.0}
    condition = Condition(hidden=4, activation="sigmoid", output="sigmoid", lr=0.5, **law)  # type: ignore[arg-type]
    _, end, columns = trials(condition, range(200), engines.load("numba"), certified=True)
    shoulders = np.flatnonzero(columns["minimum"] == "shoulder")
    assert len(shoulders) > 20
    problem, start = Problem(condition), end.take(shoulders).astype(np.dtype("float64"))
    before, after = problem.loss_of(start), problem.loss_of(go_down(condition, start))
    assert (after <= before * (1 + 1e-12)).all()
    assert (after < 0.99 * before).mean() > 0.9


@pytest.mark.parametrize(("activation", "kind"), [("softplus", "shoulder"), ("elu", "shoulder"), ("relu", "minimum")])
def test_a_unit_that_sleeps_is_not_dead(activation: str, kind: str) -> None:
    """Its slope is e to the -500, and not 0: one unit wakes up by itself, on the row that it can improve."""
    asleep = network([[1, 1], [1, 1]], [-500, -400], [1, -1], 0.5, float)
    condition = Condition(hidden=2, activation=activation)
    if activation == "elu":  # which is -1 there
        asleep.b2[:] += asleep.W2.sum(axis=0)
    assert resting_points(condition, asleep, np.array([0.5])).kind[0] == kind


def test_weights_that_have_exploded_are_judged_without_a_warning() -> None:
    """Their norms overflow in float64."""
    huge = network([[1e200, 1], [1, -1e200]], [-1e250, -400], [1, -1], 0.5, float)
    for activation in ("relu", "softplus"):
        assert resting_points(Condition(hidden=2, activation=activation), huge, np.array([0.5])).kind[0] != ""


def test_a_row_that_is_saturated_on_the_wrong_side_is_on_a_shoulder() -> None:
    """Behind a sigmoid a score of 40 has no slope that float32 could see."""
    condition = Condition(hidden=2, activation="leaky_relu", slope=0.5, output="sigmoid")
    weights = network([[1, 1], [1, 0.9]], [-0.5, 1], [30, 10], 35, float)
    loss = Problem(condition).loss_of(weights)
    assert loss > 0.999
    found = resting_points(condition, weights, loss)
    assert (found.kind[0], found.unit[0], found.row[0]) == ("shoulder", -1, -1)
    assert found.loss[0] < 0.99 * loss[0]
    assert not found.way.any()


def test_rows_may_be_driven_to_their_targets_behind_a_bounded_output_as_under_cross_entropy() -> None:
    """Of 135 stuck runs 86 were unknown. Nothing near the way is below what is claimed to be the infimum."""
    condition, weights, level = stuck(**RECTIFIED, output="sigmoid", lr=0.5)
    found = certify(condition, weights)
    at = np.flatnonzero(found.kind == "infinity")
    assert len(at) > 10
    far, way, floor = points(found).take(at), ways(found).take(at), found.loss[at]
    assert np.allclose(floor, level[at], rtol=0, atol=1e-4)
    stays_lowest(condition, far, way, floor, largest=-6, slack=1e-13)
