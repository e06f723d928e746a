"""Slopes and curvature of the loss, and the steepest way down from a kink."""

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, settings, strategies as st
from networks_at_rest import (
    loss_of,
    rng,
)

from nnxor.condition import Condition
from nnxor.landscape.curvature import Local, Problem, row_losses
from nnxor.landscape.escape import _dependent, _independent, slopes


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "tanh", "sigmoid"])
@pytest.mark.parametrize(
    ("loss", "output"), [("half_sse", "identity"), ("mse", "sigmoid"), ("half_sse", "relu"), ("bce", "sigmoid")]
)
def test_slopes_and_curvature_are_those_of_finite_differences(activation: str, loss: str, output: str) -> None:
    condition = Condition(hidden=3, activation=activation, slope=0.3, loss=loss, output=output)
    problem = Problem(condition)
    theta = rng.standard_normal((5, 13))
    local = Local(problem, theta)
    assert np.allclose(local.loss, loss_of(condition, *problem.unpack(theta)))
    for p in range(13):
        step = 1e-6 * np.eye(13)[p]
        up, down = (Local(problem, theta + sign * step) for sign in (1, -1))
        assert np.allclose((up.loss - down.loss) / 2e-6, local.gradient[:, p], atol=1e-7)
        assert np.allclose((up.gradient - down.gradient) / 2e-6, local.hessian[:, p], atol=1e-6)


def test_packing_and_unpacking_lose_nothing() -> None:
    weights = draw(Condition().init, 2, 4, range(6))
    problem = Problem(Condition())
    for before, after in zip(weights, problem.unpack(problem.pack(weights)), strict=True):
        assert np.array_equal(before, after)


def test_row_losses_of_relu_outputs_do_not_see_what_is_below_zero() -> None:
    problem = Problem(Condition(output="relu"))
    _, slope, curve = row_losses(problem, np.array([[-1.0, -1.0, 2.0, 0.5]]))
    assert slope.tolist() == [[0, 0, 1, 0.5]]
    assert curve.tolist() == [[0, 0, 1, 1]]


numbers = st.floats(-2, 2).map(lambda v: round(v, 2))


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=5, max_size=5), st.integers(1, 2))
def test_both_ways_to_find_the_steepest_descent_agree_on_whether_there_is_one(values: list[float], rows: int) -> None:
    x = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]])[:rows]
    bend = np.array(values[:rows])
    pull = np.array(values[2 : 2 + rows]) @ x  # what stationarity leaves: nothing along the free directions
    f = lambda dv: dv @ pull + np.maximum(dv @ x.T, 0) @ bend  # noqa: E731
    quick, way, _ = _independent(x, pull[None], bend[None])
    exact, steepest, certain = _dependent(x, pull[None], bend[None])
    assert certain.all()
    assert (quick[0] < -1e-9) == (exact[0] < -1e-9)
    assert exact[0] <= quick[0] + 1e-9
    assert quick[0] > -1e-9 or f(way[0]) == pytest.approx(quick[0], abs=1e-9)
    assert exact[0] > -1e-9 or f(steepest[0]) <= exact[0] + 1e-7
    tried = rng.standard_normal((200, 3))
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    assert f(tried).min() >= exact[0] - 1e-7


@settings(max_examples=40, deadline=None)
@given(st.lists(numbers, min_size=7, max_size=7))
def test_rows_that_depend_on_each_other_are_searched_exactly(values: list[float]) -> None:
    x = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    bend, pull = np.array(values[:4]), np.array(values[4:])
    slope, way, certain = slopes(x, pull[None], bend[None])
    f = lambda dv: dv @ pull + np.maximum(dv @ x.T, 0) @ bend  # noqa: E731
    tried = rng.standard_normal((500, 3))
    tried /= np.linalg.norm(tried, axis=1, keepdims=True)
    assert certain.all()
    assert f(tried).min() >= slope[0] - 1e-7
    assert slope[0] > -1e-9 or f(way[0]) <= slope[0] + 1e-7
