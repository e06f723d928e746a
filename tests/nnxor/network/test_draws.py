"""Initial weights are a pure function of seed, shapes and init, and follow their distributions."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, strategies as st
from scipy import special, stats

from experiments.study import catalog
from nnxor import engines
from nnxor.arithmetic.functions import normal_quantile
from nnxor.condition import Condition, Success
from nnxor.diagnosis import diagnose
from nnxor.network import inits_in_yaml
from nnxor.network.draws import Weights, initial_weights, uniforms
from nnxor.network.inits_in_yaml import UNIFORM, Distribution, GivenWeights, Init, evaluate
from nnxor.network.tasks import Task

SEEDS = st.integers(0, 2**63 - 200)


def equal(a: Weights, b: Weights) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@given(start=SEEDS, before=st.integers(0, 60), count=st.integers(1, 60))
def test_a_seed_gives_the_same_weights_in_any_batch(start: int, before: int, count: int) -> None:
    whole = draw(catalog.init("torch"), 2, 5, range(start, start + before + count))
    part = draw(catalog.init("torch"), 2, 5, range(start + before, start + before + count))
    assert equal(whole.take(slice(before, None)), part)


@given(start=SEEDS, narrow=st.integers(1, 6), more=st.integers(1, 6))
def test_the_units_of_a_narrow_network_are_the_first_of_a_wide_one(start: int, narrow: int, more: int) -> None:
    few = draw(UNIFORM, 2, narrow, range(start, start + 3))
    many = draw(UNIFORM, 2, narrow + more, range(start, start + 3))
    assert np.array_equal(few.W1, many.W1[:, :narrow])
    assert np.array_equal(few.W2, many.W2[:narrow])


def test_conditions_that_differ_in_init_share_their_underlying_draws() -> None:
    seeds = range(1000)
    uniform = draw(catalog.init("uniform"), 2, 4, seeds)
    normal = draw(catalog.init("normal"), 2, 4, seeds)
    assert np.allclose(stats.norm.cdf(normal.W1), (uniform.W1 + 1) / 2, atol=1e-6)
    assert np.allclose(stats.norm.cdf(normal.W2), (uniform.W2 + 1) / 2, atol=1e-6)


def test_more_inputs_leave_the_draws_of_the_first_ones_as_they_are() -> None:
    for n_inputs in (3, 6, 7, 11):
        wide = draw(UNIFORM, n_inputs, 2, range(5))
        assert np.array_equal(wide.W1[:2], draw(UNIFORM, 2, 2, range(5)).W1)
        flat = wide.W1.reshape(n_inputs, -1)
        assert len(np.unique(flat)) == flat.size


def test_every_number_of_a_network_is_drawn_apart() -> None:
    weights = draw(catalog.init("torch"), 2, 3, range(20_000))
    columns = [array.reshape(-1, 20_000) for array in weights]
    correlation = np.corrcoef(np.concatenate(columns))
    off_diagonal = correlation[~np.eye(len(correlation), dtype=bool)]
    assert np.abs(off_diagonal).max() < 5 / np.sqrt(20_000)


def test_the_first_draws_are_what_they_have_always_been() -> None:
    weights = draw(UNIFORM, 2, 2, range(7, 8))
    assert [float(v).hex() for v in weights.W1[:, :, 0].ravel()] == GOLDEN_W1
    assert [float(v).hex() for v in weights.W2[:, 0]] == GOLDEN_W2
    assert not weights.b1.any()
    assert not weights.b2.any()


OF_INITS = {
    "uniform": (stats.uniform(-1, 2), stats.uniform(-1, 2)),
    "uniform01": (stats.uniform(0, 1), stats.uniform(0, 1)),
    "he": (stats.norm(0, np.sqrt(2 / 2)), stats.norm(0, np.sqrt(2 / 4))),
    "lecun": (stats.norm(0, np.sqrt(1 / 2)), stats.norm(0, np.sqrt(1 / 4))),
    "normal": (stats.norm(0, 1), stats.norm(0, 1)),
    "xavier": (stats.uniform(-1, 2), stats.uniform(-np.sqrt(6 / 5), 2 * np.sqrt(6 / 5))),
    "mirror": (stats.norm(0, 0.5), stats.norm(0, 0.5)),
    "margin": (stats.norm(0, np.sqrt(2 / 2)), stats.norm(0, np.sqrt(2 / 4))),  # of one draw, before it is refused
    "truncated_normal": (stats.truncnorm(-2, 2), stats.truncnorm(-2, 2)),
    "torch": (stats.uniform(-1 / np.sqrt(2), 2 / np.sqrt(2)), stats.uniform(-0.5, 1)),
}


def test_every_shipped_init_has_its_law_here() -> None:
    assert set(OF_INITS) == set(catalog.names("init"))


@pytest.mark.parametrize("name", OF_INITS)
def test_weights_and_biases_follow_the_law_of_their_layer(name: str) -> None:
    """2 inputs and 4 units: fan_in is 2 for the first layer and 4 for the second."""
    weights = draw(catalog.init(name), 2, 4, range(5000))
    first, second = OF_INITS[name]
    assert stats.kstest(weights.W1.ravel().astype(float), first.cdf).pvalue > 1e-4
    assert stats.kstest(weights.W2.ravel().astype(float), second.cdf).pvalue > 1e-4
    if name == "torch":
        assert stats.kstest(weights.b1.ravel().astype(float), first.cdf).pvalue > 1e-4
        assert stats.kstest(weights.b2.ravel().astype(float), second.cdf).pvalue > 1e-4
    else:
        assert not weights.b1.any()
        assert not weights.b2.any()


@pytest.mark.parametrize("name", inits_in_yaml.LAWS)
def test_a_distribution_function_and_its_quantiles_are_each_others_inverse(name: str) -> None:
    needed = [each for each, usual in inits_in_yaml.LAWS[name].parameters.items() if usual is None]
    given = {each: 0.25 * n for n, each in enumerate(needed, 1)}
    law, u = Distribution.of({"distribution": name, **given}).at(2, 4), np.linspace(0.01, 0.99, 99)
    x = law.quantile(u)
    assert x.shape == u.shape
    if len({*x}) == 1:  # all of it in one place
        assert law.below(x).tolist() == [1.0] * len(u)
        assert not law.below(x - 1e-9).any()
    else:
        assert law.below(x) == pytest.approx(u, abs=1e-12)


def test_the_truncated_normal_ends_at_its_cut() -> None:
    law = Distribution.of({"distribution": "truncated_normal", "std": 0.1, "cut": 2})
    weights = draw(Init("cut", law, law), 2, 4, range(5000)).W1.ravel().astype(float)
    assert np.abs(weights).max() <= 0.2
    assert stats.kstest(weights, stats.truncnorm(-2, 2, scale=0.1).cdf).pvalue > 1e-4


def test_without_biases_every_bias_is_0_and_the_weights_are_the_same() -> None:
    with_, without = (draw(catalog.init("torch"), 2, 4, range(9), bias=bias) for bias in (True, False))
    assert np.array_equal(with_.W1, without.W1)
    assert np.array_equal(with_.W2, without.W2)
    assert not without.b1.any()
    assert not without.b2.any()


def test_values_are_rounded_to_float32_for_every_dtype() -> None:
    assert all(array.dtype == np.float32 for array in draw(UNIFORM, 2, 4, range(3)))


@pytest.mark.parametrize("seeds", [range(-1, 2), range(0, 10, 2), range(2**63 - 1, 2**63 + 1)])
def test_seeds_that_are_not_consecutive_or_out_of_range_are_refused(seeds: range) -> None:
    with pytest.raises(ValueError, match="seeds must be consecutive"):
        draw(UNIFORM, 2, 4, seeds)


@pytest.mark.parametrize(
    ("formula", "value"),
    [(0.5, 0.5), ("sqrt(2 / fan_in)", 1.0), ("-1/sqrt(fan_in*2)", -0.5), ("(fan_in + fan_out) ** 2", 36.0)],
)
def test_formulas_of_fans_are_evaluated(formula: float | str, value: float) -> None:
    assert evaluate(formula, 2, 4) == pytest.approx(value)


@pytest.mark.parametrize("formula", ["foo", "__import__('os')", "fan_in.real", "1/0", "sqrt(-1)", "[1]", "1e400", ""])
def test_anything_but_arithmetic_on_fans_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match="'"):
        evaluate(formula, 2, 4)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"distribution": "cauchy"}, "cauchy is unknown"),
        ({"distribution": "normal"}, "normal needs std"),
        ({"distribution": "normal", "std": -1}, "std=-1 is negative"),
        ({"distribution": "normal", "sdt": 1}, "sdt is no parameter"),
        ({"distribution": "uniform", "low": 1, "high": 0}, "low=1 is above high=0"),
        ({"distribution": "truncated_normal", "std": 1, "cut": 0}, "cut=0"),
        ({"std": 1}, "is no distribution"),
        ({"distribution": "normal", "std": True}, "neither a number nor a formula"),
    ],
)
def test_a_wrong_distribution_is_refused_by_name(spec: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Distribution.of(spec)


GOLDEN_W1 = ["0x1.c2231a0000000p-3", "0x1.4125c80000000p-1", "0x1.b6b9180000000p-6", "0x1.6275320000000p-4"]
GOLDEN_W2 = ["-0x1.77571e0000000p-2", "0x1.2fc7900000000p-1"]


def test_a_scale_multiplies_every_weight_and_bias_and_one_changes_no_bit() -> None:
    init, seeds = catalog.init("torch"), range(50)
    plain, same, double, third = (
        draw(init, 2, 4, seeds, **({} if scale is None else {"scale": scale})) for scale in (None, 1.0, 2.0, 1 / 3)
    )
    for before, after, twice, less in zip(plain, same, double, third, strict=True):
        assert before.tobytes() == after.tobytes()
        assert np.array_equal(2 * before, twice), "a power of two commutes with rounding"
        assert np.allclose(before / 3, less, rtol=1e-6)
        assert less.dtype == np.float32


def test_given_weights_are_scaled_too() -> None:
    rng = np.random.default_rng(0)
    shapes = ((2, 3, 5), (3, 5), (3, 5), (5,))
    arrays = tuple(rng.normal(size=shape).astype(np.float32) for shape in shapes)
    given_ = GivenWeights("w.npz", "digest", arrays)
    plain, double = (draw(given_, 2, 3, range(5), scale=scale) for scale in (1.0, 2.0))
    for before, twice in zip(plain, double, strict=True):
        assert np.array_equal(2 * before, twice)


def test_normal_draws_are_quantiles_of_the_uniform_ones_to_the_bit() -> None:
    """Arrays compute tails only where they are needed; SciPy's quantile is the independent check."""
    u = uniforms(1, 0, range(50_000))
    z = Distribution.of({"distribution": "normal", "std": 1}).at(2, 4).quantile(u)
    assert np.array_equal(z, normal_quantile(u))
    assert np.abs(z - special.ndtri(u)).max() < 1e-14


@pytest.mark.parametrize("cut", [0.1, 1.0, 2.0, 5.0, 1e30])
def test_a_truncated_normal_holds_the_share_between_its_cuts(cut: float) -> None:
    law = Distribution.of({"distribution": "truncated_normal", "std": 1, "cut": cut})
    u = np.array([1e-6, 0.25, 0.5, 0.9])
    below = special.ndtr(-cut)
    assert law.at(2, 4).quantile(u) == pytest.approx(special.ndtri(below + (1 - 2 * below) * u), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize(("formula", "value"), [("50**-3", 1 / 125_000), ("2 ** 0.5", np.sqrt(2)), ("4**-1.5", 0.125)])
def test_powers_are_products_and_roots(formula: str, value: float) -> None:
    assert evaluate(formula, 2, 4) == value


def test_other_powers_are_refused_because_their_last_bits_depend_on_the_machine() -> None:
    with pytest.raises(ValueError, match="whole or half numbers, up to 100 in size"):
        evaluate("fan_in ** 0.3", 2, 4)


def test_mirrored_units_come_in_pairs_of_opposite_sign() -> None:
    init = replace(catalog.init("torch"), mirror=True)
    for hidden in (2, 5):
        plain, mirrored = draw(catalog.init("torch"), 2, hidden, range(50)), draw(init, 2, hidden, range(50))
        even, odd = slice(0, hidden // 2 * 2, 2), slice(1, None, 2)
        assert np.array_equal(mirrored.W1[:, ::2], plain.W1[:, ::2])
        assert np.array_equal(mirrored.W1[:, odd], -plain.W1[:, even])
        assert np.array_equal(mirrored.b1[odd], -plain.b1[even])
        assert np.array_equal(mirrored.W2, plain.W2)


def test_with_a_margin_every_row_puts_some_unit_above_it_whatever_the_batch() -> None:
    condition = Condition(hidden=2, init=catalog.init("margin"), task=centred_xor())
    weights = initial_weights(condition, range(400))
    x = np.array(condition.task.inputs)
    assert (np.einsum("nd,dhr->nhr", x, weights.W1.astype(float)).max(axis=1) > 0.3).all()
    alone = initial_weights(condition, range(137, 138))
    assert equal(weights.take(slice(137, 138)), alone)
    first = draw(catalog.init("he"), 2, 2, range(400))
    kept = (first.W1 == weights.W1).all(axis=(0, 1))
    assert 0 < kept.sum() < 400


def test_a_margin_that_no_draw_keeps_is_refused() -> None:
    condition = Condition(hidden=2, init=catalog.init("margin"))
    with pytest.raises(ValueError, match="1000 draws of seed 0 do not keep the margin"):
        initial_weights(condition, range(1))


def test_the_weights_of_the_output_may_have_a_law_of_their_own() -> None:
    init = catalog.read_init("init", {"he": {"outputs": {"distribution": "constant", "value": 1}}})
    weights = draw(init, 2, 3, range(9))
    assert (weights.W2 == 1).all()
    assert np.array_equal(weights.W1, draw(catalog.init("he"), 2, 3, range(9)).W1)
    assert init.name == "he(outputs.distribution=constant, outputs.value=1)"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"mirror": 1}, "mirror=1 is not allowed; allowed: true, false"),
        ({"margin": -0.1}, "margin=-0.1 is not allowed; allowed: null, a number from 0"),
        ({"outputs": {"distribution": "normal"}}, "outputs: normal needs std"),
        ({"mirrors": True}, "may hold outputs, mirror, margin"),
    ],
)
def test_what_an_init_may_not_hold_is_refused(extra: dict[str, object], message: str) -> None:
    content = {part: {"distribution": "constant", "value": 0} for part in ("weights", "biases")}
    with pytest.raises(ValueError, match=message):
        Init.of("mine", {**content, **extra})


def centred_xor() -> Task:
    return Task("centred", tuple((a, b) for a in (-1.0, 1.0) for b in (-1.0, 1.0)), (0.0, 1.0, 1.0, 0.0))


@pytest.mark.parametrize("formula", ["+".join(["1"] * 5000), "-" * 20000 + "1", "(" * 150 + "1" + ")" * 49])
def test_a_formula_that_is_none_is_refused(formula: str) -> None:
    with pytest.raises(ValueError, match=r"characters|never closed|cannot evaluate"):
        Distribution.of({"distribution": "normal", "std": formula})


def test_of_a_formula_only_what_is_understood_is_kept_and_names_separate_nothing() -> None:
    laws = [
        Distribution.of({"distribution": "normal", "std": text}) for text in ("(2/fan_in) # ;task=evil", "2 / fan_in")
    ]
    assert laws[0] == laws[1]
    init = Init("a;task=evil:b|c", *laws)
    assert Condition(init=init).text().count(";") == 1
    assert "init=a%3Btask=evil%3Ab%7Cc:normal(" in Condition(init=init).text()


def test_published_runs_come_out_seed_by_seed_from_numpys_own_draws() -> None:
    """The figures of github.com/cybertronai/hinton-problems, xor/xor.py: 25 of 30, and the epochs of seeds 0 and 3."""
    half = {"distribution": "uniform", "low": -0.5, "high": 0.5}
    init = Init.of("halves", {"weights": half, "biases": half, "generator": "numpy"})
    condition = Condition(
        hidden=2, activation="sigmoid", output="sigmoid", loss="mse", optimizer="momentum", lr=0.25, epochs=5000,
        init=init, success=Success("margin", 0.5),
    )  # fmt: skip
    start = initial_weights(condition, range(30))
    first = np.random.default_rng(3).uniform(-0.5, 0.5, (2, 2))
    assert np.array_equal(start.W1[:, :, 3], first.T.astype(np.float32))
    columns = diagnose(condition, start, engines.load("numba")(condition, start))
    epochs = columns["solved_epoch"][columns["outcome"] == "solved"]
    assert (len(epochs), np.median(epochs), epochs.min(), epochs.max()) == (25, 730, 474, 2489)
    assert columns["solved_epoch"][[0, 3]].tolist() == [1393, 531]
    assert init.text() != Init.of("halves", {"weights": half, "biases": half}).text()
