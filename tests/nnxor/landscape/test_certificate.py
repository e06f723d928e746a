"""Minimum, saddle or kink: on networks whose fate is known, and against perturbations of trained ones."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from drawn import draw
from networks_at_rest import (
    DEAD,
    along,
    descended,
    loss_of,
    lowers,
    moved,
    network,
    one,
    points,
    rng,
    shaken,
    shares,
    slope,
    stuck,
    ways,
)
from scipy.optimize import minimize

from experiments.study import catalog
from nnxor import engines
from nnxor.condition import Condition
from nnxor.diagnosis import diagnose
from nnxor.landscape.certificate import certify
from nnxor.landscape.curvature import Local, Problem
from nnxor.landscape.escape import KINDS
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import Distribution, Init
from nnxor.network.tasks import Task
from nnxor.trial import resting_points, trials


@pytest.mark.parametrize("loss", ["half_sse", "mse", "bce"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("at_zero", [0, 1])
@pytest.mark.parametrize(
    ("b1", "W2", "kind"),
    [
        ([-0.5, -0.2], [1, -1], "minimum"),  # strictly dead on every row
        ([-0.5, 0.0], [1, -1], "kink"),  # row 00 at 0, its prediction too high, its weight negative
        ([-0.5, 0.0], [1, 1], "minimum"),  # activating row 00 would make it worse
        ([-0.5, 0.0], [1, 0], "kink"),  # output weight and bias together lower it, to second order
        ([-0.5, -0.2], [1, 0], "minimum"),
    ],
)
def test_all_units_dead(b1: list[float], W2: list[float], kind: str, loss: str, dtype: type, at_zero: int) -> None:
    output = "sigmoid" if loss == "bce" else "identity"
    weights = network(DEAD, b1, W2, 0.0 if loss == "bce" else 0.5, dtype)
    condition = Condition(hidden=2, loss=loss, output=output, relu_at_zero=at_zero)
    found = certify(condition, weights)
    assert found.kind.tolist() == [kind]
    assert found.loss[0] == pytest.approx({"half_sse": 0.5, "mse": 0.25, "bce": np.log(2)}[loss])
    if kind == "kink":
        assert (found.unit[0], found.row[0]) == (1, 0)
        assert lowers(condition, found).all()
        assert np.sqrt(sum((a**2).sum() for a in ways(found))) == pytest.approx(1)
    else:
        assert found.unit[0] == found.row[0] == -1
        assert not any(a.any() for a in ways(found))
        assert moved(weights, found) < 1e-15


def test_an_output_weight_of_zero_on_wrong_rows_is_a_saddle() -> None:
    """A unit active on the rows 01 and 11, whose errors are −½ and ½: Σ e·(x, 1) = (½, 0, 0)."""
    weights = network([[0, -1], [1, -1]], [-0.5, -0.5], [0, 1], 0.5)
    condition = Condition(hidden=2)
    found = certify(condition, weights)
    assert (found.kind[0], found.unit[0], found.row[0]) == ("saddle", 0, -1)
    assert lowers(condition, found).all()


def test_a_blurred_saddle_is_polished_to_the_saddle() -> None:
    weights = network([[3e-6, -1], [1, -1]], [-0.5, -0.5], [2e-5, 1], 0.500003)
    found = one(weights)
    assert found.kind[0] == "saddle"
    assert 0 < moved(weights, found) < 1e-3
    assert slope(Condition(hidden=2), points(found))[0] < 1e-12
    assert points(found).W2[0, 0] == 0


def test_a_unit_of_zeros_is_at_a_kink_on_every_row() -> None:
    for W2 in (0.0, 1.0, -1.0):
        weights = network([[0, -1], [0, -1]], [0, -0.5], [W2, 1], 0.5)
        found = one(weights)
        assert found.kind[0] == "kink"
        assert lowers(Condition(hidden=2), found).all()


def test_units_on_fitted_rows_are_at_a_minimum_whatever_directions_are_flat() -> None:
    """Row 01 fitted by one unit or by copies of it; the others share a third. Bent at 00 and 11, both upwards."""
    for copies in (1, 3):
        bent = network([[-1.0] * copies, [1.0] * copies], [0.0] * copies, [2 / 3 / copies] * copies, 1 / 3)
        assert one(bent).kind[0] == "minimum"
    weights = network([[-1, -1], [1, 1]], [-0.5, -0.25], [2 / 3, 4 / 9], 1 / 3)
    found = one(weights)
    assert found.kind[0] == "minimum"
    assert found.loss[0] == pytest.approx(1 / 3)


def test_the_textbook_solution_is_a_minimum() -> None:
    found = one(network([[1, 1], [1, 1]], [0, -1], [1, -2], 0))
    assert found.kind[0] == "minimum"
    assert found.loss[0] < 1e-25
    assert found.radius[0] == np.inf


def test_a_dead_unit_a_breath_below_the_kink_is_on_it_and_never_at_a_minimum() -> None:
    assert one(network(DEAD, [-0.5, -1e-9], [1, -1], 0.5)).kind[0] == "kink"
    assert one(network(DEAD, [-0.5, -1e-9], [1, 1], 0.5)).kind[0] == "minimum"
    assert one(network(DEAD, [-0.5, -1e-3], [1, -1], 0.5)).kind[0] == "minimum"
    assert one(network(DEAD, [-0.5, -1e-3], [1, -1], 0.5)).radius[0] == pytest.approx(1e-3)


def test_a_network_on_its_way_down_is_unknown() -> None:
    weights = network([[1, -1], [1, -1]], [0, -1], [1, 1], 0.5)
    found = one(weights)
    assert found.kind[0] == "unknown"
    assert found.reason[0] == "no stationary point nearby"
    assert moved(weights, found) < 1e-15
    assert np.isnan(found.radius[0])


def test_numbers_that_are_none_are_unknown() -> None:
    found = one(network([[np.nan, -1], [1, -1]], [0, -1], [1, 1], 0.5))
    assert (found.kind[0], found.reason[0]) == ("unknown", "not finite")


@pytest.mark.parametrize("fields", [{"output": "tanh"}, {"output": "sigmoid", "loss": "bce"}], ids=str)
@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "elu"])
def test_weights_of_any_finite_size_are_judged_and_leave_others_alone(
    activation: str, fields: dict[str, object]
) -> None:
    """Their products are no numbers, which no decomposition takes: a whole batch failed because of one."""
    condition = Condition(hidden=3, activation=activation, dtype="float64", init=catalog.init("torch"), **fields)  # type: ignore[arg-type]
    drawn = initial_weights(condition, range(6))
    sizes = np.array([1.0, 1e-308, 1e-300, 1e100, 1e160, 1e300])
    weights = Weights(*(array * sizes for array in drawn))
    first, level = weights.take(np.arange(1)), Problem(condition).loss_of(drawn)
    told = resting_points(condition, weights, level)
    assert told.kind[0] == resting_points(condition, first, level[:1]).kind[0]
    assert set(told.kind) <= {*KINDS}
    assert set(told.kind[3:]) <= {"unknown", "shoulder"}


def test_wrong_shapes_are_refused_with_both_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2, 1\).*this condition's are.*\(2, 3, 1\)"):
        certify(Condition(hidden=3), network(DEAD, [-0.5, -0.2], [1, -1], 0.5))


def test_without_biases_zero_is_a_row_that_no_weight_can_move() -> None:
    """All units dead at loss 1; the row 00 is at 0 but no kink, since its inputs are 0."""
    condition = Condition(hidden=2, bias=False)
    found = certify(condition, network(DEAD, [0, 0], [1, -1], 0.0))
    assert (found.kind[0], found.loss[0]) == ("minimum", 1.0)
    kink = certify(condition, network([[0, -1], [-1, -1]], [0, 0], [1, -1], 0.0))
    assert (kink.kind[0], kink.row[0]) == ("kink", 2)
    assert lowers(condition, kink).all()
    assert certify(condition, network([[0, -1], [-1, -1]], [0, 0], [-1, -1], 0.0)).kind[0] == "minimum"


def test_leaky_units_are_never_dead() -> None:
    """Below 0 on every row a leaky unit is a line: G = slope·Σ e·(x, 1) = 0 at ½, so no way down."""
    leaky = {"activation": "leaky_relu", "slope": 0.1}
    minimum = one(network(DEAD, [-0.5, -0.2], [1e-9, 1e-9], 0.5), **leaky)
    assert minimum.kind[0] == "minimum"
    kink = one(network(DEAD, [-0.5, 0.0], [0, 0], 0.5), **leaky)
    assert (kink.kind[0], kink.unit[0]) == ("kink", 1)
    assert lowers(Condition(hidden=2, **leaky), kink).all()  # type: ignore[arg-type]


def test_parity_of_three_inputs() -> None:
    task = catalog.task("parity3")
    W1, W2 = -np.ones((3, 2)), [1.0, -1.0]
    minimum = one(network(W1, [-0.5, -0.2], W2, 0.5), task=task)
    assert minimum.kind[0] == "minimum"
    assert minimum.loss[0] == pytest.approx(1)
    kink = one(network(W1, [-0.5, 0.0], W2, 0.5), task=task)
    assert (kink.kind[0], kink.row[0]) == ("kink", 0)
    several = one(network([[0, -1], [-1, -1], [-1, -1]], [0, -0.2], W2, 0.5), task=task)
    assert several.kind[0] == "kink"
    assert lowers(Condition(task=task, hidden=2), several).all()


SETTINGS: list[dict[str, object]] = [
    {"hidden": 4},
    {"hidden": 4, "init": "he"},
    {"hidden": 10, "init": "he", "lr": 0.2},
    {"hidden": 3, "init": "torch"},
    {"hidden": 4, "init": "he", "relu_at_zero": 1},
    {"hidden": 4, "dtype": "float64"},
    {"hidden": 4, "loss": "mse", "lr": 0.2},
    {"hidden": 4, "bias": False},
    {"hidden": 4, "activation": "leaky_relu", "slope": 0.2},
    {"hidden": 6, "task": "parity3", "lr": 0.05, "epochs": 5000},
]


@pytest.mark.parametrize("fields", SETTINGS, ids=lambda f: " ".join(f"{k}={v}" for k, v in f.items()))
def test_no_perturbation_within_the_radius_gets_below_a_minimum_and_every_direction_leads_down(
    fields: dict[str, object],
) -> None:
    condition, weights, _ = stuck(**fields)
    found = certify(condition, weights)
    assert (found.kind == "unknown").mean() < 0.05
    assert lowers(condition, found)[np.isin(found.kind, ("saddle", "kink"))].all()
    at = np.flatnonzero(found.kind == "minimum")
    assert len(at) > 5
    polished = points(found).take(at)
    assert (slope(condition, polished) < 1e-9).all()
    floor = loss_of(condition, *polished)
    for trial in range(300):
        step = random_step(condition, len(at), alone=trial % 3 > 0, biases_only=trial % 4 == 0)
        size = np.minimum(10.0 ** rng.uniform(-7, 0, len(at)), 0.999 * found.radius[at])
        assert (loss_of(condition, *along(polished, step, size)) >= floor - 1e-13).all()


def random_step(condition: Condition, n: int, alone: bool, biases_only: bool) -> Weights:
    """Random directions of norm at most 1, of all units or of one."""
    d, h = condition.task.n_inputs, condition.hidden
    units = (rng.integers(h, size=n) == np.arange(h)[:, None]) if alone else np.ones((h, n))
    free = float(condition.bias)
    inputs = 0.0 if biases_only and condition.bias else 1.0
    parts = [
        rng.standard_normal((d, h, n)) * units * inputs,
        rng.standard_normal((h, n)) * units * free,
        rng.standard_normal((h, n)) * units * inputs,
        rng.standard_normal(n) * free * (1 - alone),
    ]
    norm = np.sqrt(sum((part.reshape(-1, n) ** 2).sum(axis=0) for part in parts))
    return Weights(*(part / np.maximum(norm, 1e-300) for part in parts))


def test_polished_points_are_at_the_levels_of_xor() -> None:
    for fields in ({"hidden": 4}, {"hidden": 4, "init": "he"}, {"hidden": 3, "init": "torch"}):
        condition, weights, _ = stuck(**fields)
        found = certify(condition, weights)
        known = found.kind != "unknown"
        level = np.argmin(np.abs(found.loss[:, None] - [1 / 4, 1 / 3, 1 / 2]), axis=1)
        assert np.allclose(found.loss[known], np.array([1 / 4, 1 / 3, 1 / 2])[level[known]], atol=1e-12)


def test_zero_biases_hide_ways_down_and_drawn_biases_do_not() -> None:
    _, weights, _ = stuck(hidden=4)
    found = one(weights)
    assert 0.3 < (found.kind == "kink").mean() < 0.8
    assert set(found.row[found.kind == "kink"]) == {0}
    condition, weights, _ = stuck(hidden=3, init="torch")
    assert (certify(condition, weights).kind == "minimum").mean() > 0.95


def test_losses_that_differ_by_a_factor_give_the_same_kinds() -> None:
    condition, weights, _ = stuck(hidden=4)
    half, mean = certify(condition, weights), certify(replace(condition, loss="mse"), weights)
    assert np.array_equal(half.kind, mean.kind)
    assert np.allclose(half.loss, 2 * mean.loss)


def test_a_network_is_certified_alone_as_in_a_crowd() -> None:
    condition, weights, _ = stuck(hidden=4)
    crowd = certify(condition, weights)
    for index in (0, 7, 30):
        alone = certify(condition, weights.take(slice(index, index + 1)))
        assert alone.kind[0] == crowd.kind[index]
        assert np.allclose(points(alone).W1[..., 0], points(crowd).W1[..., index], atol=1e-10)


def test_no_networks_give_no_certificates() -> None:
    condition, weights, _ = stuck(hidden=4)
    assert certify(condition, weights.take(slice(0, 0))).kind.shape == (0,)


def test_tanh_networks_are_told_by_their_hessian() -> None:
    """All weights 0 and the bias at the mean target: a saddle for `and`, and no stationary point for s = ½."""
    condition = Condition(hidden=1, activation="tanh", task=Task("and", Condition().task.inputs, (0, 0, 0, 1)))
    found = certify(condition, network([[0], [0]], [0], [0], 0.25))
    assert found.kind[0] == "saddle"
    assert lowers(condition, found, (1e-2, 1e-3)).all()
    assert certify(condition, network([[0], [0]], [0], [0.5], 0.25)).kind[0] == "unknown"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_a_smooth_fit_of_more_rows_than_parameters_is_a_minimum(activation: str) -> None:
    inputs = tuple((float(a), float(b)) for a in range(4) for b in range(4))
    targets = tuple(float(np.tanh(a - b - 0.5) + 0.1 * ((3 * a + b) % 5)) for a, b in inputs)
    condition = Condition(hidden=1, activation=activation, task=Task("surface", inputs, targets))
    problem = Problem(condition)

    def height(theta: np.ndarray) -> float:
        return float(loss_of(condition, *problem.unpack(theta[None]))[0])

    end = minimize(height, np.array([1.0, -1.0, 0.0, 1.0, 0.0]), tol=1e-9).x[None]
    found = certify(condition, problem.unpack(end))
    assert found.kind[0] == "minimum"
    floor = found.loss[0]
    for _ in range(200):
        near = problem.pack(points(found)) + 10.0 ** rng.uniform(-5, -2) * rng.standard_normal(5)
        assert height(near[0]) >= floor - 1e-13


def test_a_row_that_bends_down_makes_no_saddle_where_it_cannot_move_alone() -> None:
    """A squared error behind a sigmoid is not convex at a sixth of a target of 1, and its sum over merged rows is."""
    rare = Task("rare", Condition().task.inputs, (0, 0, 0, 1))
    condition = Condition(hidden=2, output="sigmoid", task=rare)
    found = certify(condition, network(DEAD, [-0.5, -0.2], [1, -1], float(np.log(0.25 / 0.75))))
    assert found.kind[0] == "minimum"
    assert (Local(found.problem, found.theta).curve < 0).any()
    for size in 10.0 ** rng.uniform(-7, -2, 300):
        near = found.theta + size * rng.standard_normal(found.theta.shape)
        assert Local(found.problem, near).loss >= found.loss - 1e-15  # rounding


def test_a_prediction_on_the_kink_of_its_output_is_raised() -> None:
    condition = Condition(hidden=2, output="relu")
    found = certify(condition, network(DEAD, [-0.5, -0.2], [1, -1], 0.0))
    assert (found.kind[0], found.row[0]) == ("kink", 1)
    assert lowers(condition, found).all()
    below = certify(condition, network(DEAD, [-0.5, -0.2], [1, -1], -0.1))
    assert below.kind[0] == "minimum"


def test_more_networks_than_a_chunk_are_certified_like_few() -> None:
    condition, weights, _ = stuck(hidden=10, init="he", lr=0.2)
    few = certify(condition, weights).kind
    many = certify(condition, weights.take(np.arange(3000) % weights.n_networks)).kind
    assert np.array_equal(many, few[np.arange(3000) % len(few)])


def test_a_row_that_counts_twice_is_two_rows() -> None:
    condition, weights, _ = stuck(hidden=4)
    counted = Task("counted", ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0), 2, (1, 2, 1, 1))
    written = Task("written", ((0, 0), (0, 1), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 1, 0), 2)
    found = [certify(replace(condition, task=task), weights) for task in (counted, written)]
    assert np.allclose(found[0].loss, found[1].loss)
    assert np.array_equal(found[0].kind, found[1].kind)


def test_every_kind_is_one_of_the_documented() -> None:
    condition, weights, _ = stuck(hidden=4)
    assert set(certify(condition, weights).kind) <= set(KINDS)


def in_other_units(condition: Condition, weights: Weights, inputs: float, targets: float) -> tuple[Condition, Weights]:
    """The same networks on the same task, inputs and targets multiplied by these."""
    task = condition.task
    rows = tuple(tuple(inputs * x for x in row) for row in task.inputs)
    other = Task("scaled", rows, tuple(targets * t for t in task.targets), task.units)
    W1, b1, W2, b2 = (np.asarray(array, np.float64) for array in weights)
    return replace(condition, task=other), Weights(W1 / inputs, b1, W2 * targets, b2 * targets)


@pytest.mark.parametrize("fields", [{"hidden": 4}, {"hidden": 3, "init": "torch"}], ids=str)
@pytest.mark.parametrize(("inputs", "targets"), [(1024.0, 1.0), (1.0, 2.0**-20), (2.0**-10, 4096.0)])
def test_no_verdict_depends_on_the_units_of_data(fields: dict[str, object], inputs: float, targets: float) -> None:
    condition, weights, _ = stuck(**fields)
    plain, scaled = certify(condition, weights), certify(*in_other_units(condition, weights, inputs, targets))
    assert np.array_equal(plain.kind, scaled.kind)
    assert np.allclose(scaled.loss, plain.loss * targets**2)


@pytest.mark.parametrize("factor", [2.0**-20, 2.0**12])
def test_no_verdict_depends_on_how_a_unit_shares_its_size_between_its_layers(factor: float) -> None:
    condition, weights, _ = stuck(hidden=4, init="he")
    W1, b1, W2, b2 = (np.asarray(array, np.float64) for array in weights)
    shared = Weights(W1 * factor, b1 * factor, W2 / factor, b2)
    assert np.array_equal(certify(condition, shared).kind, certify(condition, weights).kind)


@cache
def five_points(std: float) -> tuple[Condition, Weights]:
    """Ends of runs on the five points of Wu, Simsek & Ged (arXiv 2402.05626), trained briefly at a large rate."""
    x, y = (-1, -0.6, -0.1, 0.3, 0.7), (0.28, -0.1, 0.03, 0.23, -0.22)
    task = Task("five points", tuple((float(a), 1.0) for a in x), y)
    law = Distribution.of({"distribution": "normal", "std": std})
    zero = Distribution.of({"distribution": "constant", "value": 0})
    condition = Condition(task=task, hidden=50, bias=False, init=Init("small", law, zero), lr=0.02, epochs=12_000)
    start = draw(condition.init, 2, 50, range(20), bias=False)
    trained = engines.load("numba")(condition, start)
    columns = diagnose(condition, start, trained)
    return condition, trained.weights.take(np.flatnonzero(np.char.startswith(columns["outcome"], "stuck")))


@pytest.mark.parametrize("std", [8e-6, 1e-3])
def test_the_five_points_of_wu_simsek_and_ged_are_told_at_every_scale(std: float) -> None:
    """At (50^-3)² 93 of 99 were unknown, because a distance of 1e-6 was small whatever the weights were."""
    condition, weights = five_points(std)
    found = certify(condition, weights)
    assert weights.n_networks >= 5
    assert not (found.kind == "unknown").any()
    minima = points(found).take(np.flatnonzero(found.kind == "minimum"))
    floor = loss_of(condition, *minima)
    sizes, lowest = shares(100, -6), np.tile(floor, 100) - 1e-15
    near = [shaken(array, sizes) for array in minima]  # each parameter is shaken by a share of itself
    assert (loss_of(condition, *near) >= lowest).all()
    *_, end = descended(condition, near, 1e-3, 20)  # and from there it descends
    assert (loss_of(condition, *end) >= lowest).all()


def test_leaky_units_are_told_where_a_valley_is_long() -> None:
    for name in ("torch", "he"):
        condition, weights, _ = stuck(hidden=4, activation="leaky_relu", init=name)
        assert weights.n_networks > 10
        assert (certify(condition, weights).kind == "unknown").mean() <= 0.02


def test_elu_rests_at_minima_where_its_units_are_straight_or_bend_upwards() -> None:
    condition, weights, _ = stuck(hidden=2, activation="elu", init="torch")
    found = certify(condition, weights)
    assert weights.n_networks > 25
    assert set(found.kind) == {"minimum"}
    problem = Problem(condition)
    theta = problem.pack(points(found))
    floor = Local(problem, theta).loss
    for _ in range(300):
        near = theta + 10.0 ** rng.uniform(-7, -4.5) * rng.standard_normal(theta.shape)
        for _ in range(5):
            near = near - 0.1 * Local(problem, near).gradient
        assert (Local(problem, near).loss >= floor - 1e-15).all()


@pytest.mark.parametrize("loss", ["half_sse", "bce"])
@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_smooth_units_of_small_weights_rest_at_saddles_however_small_they_are(activation: str, loss: str) -> None:
    """Their Hessian is the flatter the smaller the weights: at 0.001 all were unknown."""
    output = "sigmoid" if loss == "bce" else "identity"
    for scale in (1e-3, 1e-2):
        condition, weights, _ = stuck(
            hidden=4, init="torch", scale=scale, activation=activation, loss=loss, output=output
        )
        found = certify(condition, weights)
        assert weights.n_networks == 300
        assert (found.kind == "saddle").mean() >= 0.98
        told = np.flatnonzero(found.kind == "saddle")
        lower = [lowers(condition, found, (step,)) for step in (3e-3, 1e-3, 3e-4)]  # the flattest only close by
        assert np.logical_or.reduce(lower)[told].mean() >= 0.99  # where rounding does not hide it
        assert (moved(weights, found) / np.sqrt(300)) < 0.1


@pytest.mark.parametrize("loss", ["half_sse", "bce"])
def test_smooth_units_that_have_begun_to_leave_a_saddle_are_told_by_it(loss: str) -> None:
    """Of 49 runs 36 were unknown: one unit at least was beyond what counted as constant."""
    condition, weights, _ = stuck(
        hidden=4,
        init="he",
        scale=0.1,
        activation="sigmoid",
        loss=loss,
        output="sigmoid" if loss == "bce" else "identity",
    )
    found = certify(condition, weights)
    assert weights.n_networks > 40
    assert set(found.kind) == {"saddle"}
    assert np.logical_or.reduce([lowers(condition, found, (step,)) for step in (3e-3, 1e-3, 3e-4)]).all()


def test_a_way_down_that_is_frozen_is_none() -> None:
    """The unit of `test_all_units_dead` whose bias lies on the kink: a free bias leads down, a frozen one does not."""
    weights = network(DEAD, [-0.5, 0.0], [1, -1], 0.5)
    kinds = {freeze: one(weights, freeze=freeze).kind[0] for freeze in ("W1", "W2", "b1", "W1+b1", "b1+W2")}
    assert kinds == {"W1": "kink", "W2": "kink", "b1": "minimum", "W1+b1": "minimum", "b1+W2": "minimum"}
    escaping = network([[0, -1], [1, -1]], [-0.5, -0.5], [0, 1], 0.5)  # by an output weight of 0 that grows
    assert {one(escaping, freeze=freeze).kind[0] for freeze in ("W2", "W2+b2", "W1+W2")} == {"minimum"}
    assert one(escaping, freeze="b2").kind[0] == "saddle"


def test_a_unit_that_shrinks_to_nothing_before_a_frozen_output_weight_is_told() -> None:
    """All its rows are on their kinks there, and it has no size by which to measure it: 6 of 137 were unknown."""
    for W2, kind in ((1.5, "kink"), (-1.5, "minimum")):  # upwards it can serve the row 01 alone, and downwards no row
        small = network([[1e-6, -1], [1e-6, -1]], [0, 0], [W2, -1], 0.5)
        assert one(small, freeze="b1+W2").kind[0] == kind


def test_no_kink_is_claimed_behind_a_relu_output_where_all_rows_would_rise_together() -> None:
    """Rows of equal inputs on the output's kink: what one of them gains costs the others more."""
    task = Task("same", ((0.0,),) * 3, (-3.0, 5.0, -3.0))
    condition = Condition(task=task, hidden=1, output="relu")
    dead = network([[1.0]], [0.0], [1.0], 0.0)
    assert certify(condition, dead).kind[0] != "kink"


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "softplus"])
def test_the_lowest_loss_that_rows_of_equal_inputs_allow_is_a_minimum(activation: str) -> None:
    twice = Task("twice", ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (1.0, 1.0)), (0.0, 1.0, 1.0, 0.0, 1.0))
    fields = {"hidden": 2, "activation": activation, "task": twice, "dtype": "float64", "epochs": 8000}
    columns = trials(Condition(**fields), range(20), engines.load("numba"), certified=True).columns
    assert (columns["minimum"] == "minimum").sum() > 10
    assert np.allclose(columns["final_loss"][columns["minimum"] == "minimum"], 0.25)
