"""The readable layers: gradients against central differences, and the convention at 0."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from nnxor.condition import Condition
from nnxor.network.activations import ACTIVATIONS
from nnxor.network.layers import Affine, Elementwise, Layer, RowLoss
from nnxor.network.losses import LOSSES

STEP = 1e-6


def network(seed: int, activation: Layer) -> list[Layer]:
    rng = np.random.default_rng(seed)
    return [
        Affine(rng.normal(size=(2, 3)), rng.normal(size=3)),
        activation,
        Affine(rng.normal(size=(3, 1)), rng.normal(size=1)),
    ]


def loss_of(layers: list[Layer], loss_name: str, x: np.ndarray, t: np.ndarray) -> float:
    for layer in layers:
        x = layer.forward(x)
    return RowLoss(*LOSSES[loss_name].readable, TIMES).forward(x, t)


TIMES = np.array([1, 3, 1, 2, 1])


@given(
    seed=st.integers(0, 10**6),
    loss_name=st.sampled_from(list(LOSSES)),
    activation=st.sampled_from(list(ACTIVATIONS)),
)
def test_gradients_are_central_differences_away_from_kinks(seed: int, loss_name: str, activation: str) -> None:
    layers = network(seed, Elementwise(*ACTIVATIONS[activation].readable(Condition(slope=0.1))))
    x = np.random.default_rng(seed + 1).normal(size=(5, 2))
    t = np.ones((5, 1))
    if np.abs(layers[0].forward(x)).min() < 100 * STEP:
        return
    loss = RowLoss(*LOSSES[loss_name].readable, TIMES)
    y = x
    for layer in layers:
        y = layer.forward(y)
    loss.forward(y, t)
    dout = loss.backward()
    for layer in reversed(layers):
        dout = layer.backward(dout)
    for layer in (layers[0], layers[2]):
        assert isinstance(layer, Affine)
        for parameter, gradient in ((layer.W, layer.dW), (layer.b, layer.db)):
            assert parameter is not None
            for index in np.ndindex(parameter.shape):
                there = parameter[index]
                parameter[index] = there + STEP
                above = loss_of(layers, loss_name, x, t)
                parameter[index] = there - STEP
                below = loss_of(layers, loss_name, x, t)
                parameter[index] = there
                assert gradient[index] == pytest.approx((above - below) / (2 * STEP), rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(("at_zero", "passed"), [(0, 0.0), (1, 1.0)])
def test_relu_is_0_at_0_and_its_derivative_there_is_a_setting(at_zero: int, passed: float) -> None:
    relu = Elementwise(*ACTIVATIONS["relu"].readable(Condition(relu_at_zero=at_zero)))
    z = np.array([[-1.0, 0.0, 2.0]])
    assert relu.forward(z).tolist() == [[0.0, 0.0, 2.0]]
    assert relu.backward(np.ones((1, 3))).tolist() == [[0.0, passed, 1.0]]


@pytest.mark.parametrize(("at_zero", "passed"), [(0, 0.1), (1, 1.0)])
def test_leaky_relu_has_its_slope_below_0_and_at_0_the_side_that_is_asked_for(at_zero: int, passed: float) -> None:
    rules = ACTIVATIONS["leaky_relu"].readable(Condition(activation="leaky_relu", slope=0.1, relu_at_zero=at_zero))
    leaky = Elementwise(*rules)
    assert leaky.forward(np.array([[-1.0, 0.0, 2.0]])).tolist() == [[-0.1, 0.0, 2.0]]
    assert leaky.backward(np.ones((1, 3))).tolist() == [[0.1, passed, 1.0]]


def test_backward_overwrites_nobody() -> None:
    layers = network(0, Elementwise(*ACTIVATIONS["relu"].readable(Condition())))
    x = np.random.default_rng(2).normal(size=(4, 2))
    dout = np.ones((4, 1))
    kept = x.copy(), dout.copy()
    y = x
    for layer in layers:
        y = layer.forward(y)
    for layer in reversed(layers):
        given_, before = dout, dout.copy()
        dout = layer.backward(dout)
        assert np.array_equal(given_, before)
        assert dout is not given_
    assert np.array_equal(x, kept[0])


def test_affine_copies_its_parameters_and_may_have_no_bias() -> None:
    W = np.ones((2, 1))
    layer = Affine(W, None)
    layer.W -= 1
    assert W.tolist() == [[1], [1]]
    assert layer.forward(np.ones((1, 2))).tolist() == [[0.0]]


def test_losses_are_half_the_sum_and_the_mean_and_share_one_form() -> None:
    y, t = np.array([[0.5], [1.0], [0.5], [0.0]]), np.array([[0.0], [1.0], [1.0], [0.0]])
    assert RowLoss(*LOSSES["half_sse"].readable, None).forward(y, t) == 0.25
    assert RowLoss(*LOSSES["mse"].readable, None).forward(y, t) == 0.125
    for name in ("half_sse", "mse"):
        loss = RowLoss(*LOSSES[name].readable, None)
        value = loss.forward(y, t)
        assert value == 0.5 * LOSSES[name].weight(4) * np.sum((y - t) ** 2)
        assert np.array_equal(loss.backward(), LOSSES[name].weight(4) * (y - t))


def test_cross_entropy_is_the_mean_of_the_logarithms_and_bears_any_logit() -> None:
    s, t = np.array([[0.3], [-2.0], [1.5]]), np.array([[0.0], [1.0], [0.25]])
    p = 1 / (1 + np.exp(-s))
    loss = RowLoss(*LOSSES["bce"].readable, None)
    assert loss.forward(s, t) == pytest.approx(float(-(t * np.log(p) + (1 - t) * np.log(1 - p)).mean()))
    assert np.allclose(loss.backward(), (p - t) / 3)
    assert loss.forward(np.array([[1000.0], [-1000.0]]), np.array([[0.0], [0.0]])) == 500
