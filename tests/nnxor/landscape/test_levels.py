"""The levels of the traps, held against those known by hand and against where trained networks really rest."""

import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, settings, strategies as st

from experiments.study import catalog
from nnxor import engines
from nnxor.arithmetic import networks as arithmetic
from nnxor.condition import Condition, Success, fitting
from nnxor.diagnosis import diagnose
from nnxor.landscape.decoder import decode, decode_predictions
from nnxor.landscape.levels import _patterns, levels, merged_rows
from nnxor.network.draws import initial_weights
from nnxor.network.tasks import XOR, Task

SIGNS = Task("signs", ((-1, -1), (-1, 1), (1, -1), (1, 1)), (0, 1, 1, 0))
REAL = Task("real", XOR.inputs, (0.3, -1, 2, 0.7))
LN2 = math.log(2)


def values(task: Task, loss: str = "half_sse", hidden: int = 4, bias: bool = True) -> list[float]:
    return [level.value for level in levels(Condition(task, hidden, loss=loss, bias=bias)).levels]


def stuck_losses(task: Task, seeds: int = 400, **fields: object) -> tuple[np.ndarray, np.ndarray]:
    """Losses and predictions of float64 runs that stuck with a tiny gradient and away from kinks, (R,) and (R, N)."""
    plain = Condition(
        task=task, dtype="float64", init=catalog.init("torch"), epochs=20_000, success=Success(tolerance=1e-9)
    )
    condition = replace(plain, **fields)
    start = initial_weights(condition, range(seeds))
    trained = engines.load("numba")(condition, start)
    columns = diagnose(condition, start, trained)
    z = np.array(arithmetic.preactivations(condition, trained.weights))
    moves = np.array([condition.bias or any(row) for row in task.inputs])  # z = 0 by the rule is no kink
    away = (np.abs(z[moves]) > 1e-9).all(axis=(0, 1))
    rest = (columns["grad_norm"] <= 1e-6) & away
    y = np.array([columns[f"y_{name}"] for name in task.row_names]).T
    return columns["final_loss"][rest], y[rest]


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        ("half_sse", [0, 1 / 4, 1 / 3, 1 / 2]),
        ("mse", [0, 1 / 8, 1 / 6, 1 / 4]),
        ("bce", [0, LN2 / 2, 0.75 * (math.log(3) - 2 / 3 * LN2), LN2]),
    ],
)
def test_the_levels_of_xor(loss: str, expected: list[float]) -> None:
    found = levels(Condition(loss=loss)).levels
    assert [level.value for level in found] == pytest.approx(expected, abs=1e-9)
    assert [len(level.rests) for level in found] == [1, 4, 4, 1]
    assert {len(rest.merged[0]) for rest in found[1].rests} == {2}
    assert [level.name for level in found] == ["0", "1/4", "1/3", "1/2"], "a trap has one name under all losses"


def test_one_unit_cannot_merge_only_two_rows_of_xor() -> None:
    assert values(XOR, hidden=1) == pytest.approx([1 / 3, 1 / 2])
    assert values(XOR, hidden=2) == values(XOR, hidden=10) == pytest.approx([0, 1 / 4, 1 / 3, 1 / 2])


def test_xor_without_biases() -> None:
    assert values(XOR, bias=False) == pytest.approx([0, 1 / 2, 2 / 3, 1])


@pytest.mark.parametrize("name", ["or", "implies"])
def test_cross_entropy_without_biases_rests_where_one_to_four_rows_are_at_one_half(name: str) -> None:
    condition = Condition(task=catalog.task(name), hidden=2, bias=False, **fitting("bce"))
    found = levels(condition).levels
    assert [level.value for level in found] == pytest.approx([math.log(2) * k / 4 for k in (1, 2, 3, 4)], abs=1e-7)
    assert all(
        rest.predictions[0] == 0.5 and len(rest.merged[0]) == k
        for k, level in enumerate(found, 1)
        for rest in level.rests
        if k > 1
    )


def activation_patterns(task: Task, bias: bool = True) -> set[str]:
    return {"".join("01"[active] for active in pattern) for pattern in _patterns(task.inputs, bias)}


def test_the_patterns_of_two_inputs_are_the_14_threshold_functions() -> None:
    patterns = activation_patterns(XOR)
    assert len(patterns) == 14
    assert not {"0110", "1001"} & patterns
    assert activation_patterns(XOR, bias=False) == {"0000", "0010", "0011", "0100", "0101", "0111"}
    assert len(activation_patterns(catalog.task("parity3"))) == 104


def test_a_row_that_counts_twice_is_two_rows() -> None:
    twice = Task("twice", (*XOR.inputs, (0, 0)), (*XOR.targets, 0))
    counted = Task("counted", XOR.inputs, XOR.targets, 2, (2, 1, 1, 1))
    for loss in ("half_sse", "mse", "bce"):
        assert values(counted, loss, 2) == pytest.approx(values(twice, loss, 2), abs=1e-9)


@pytest.mark.parametrize("name", ["and", "or", "xor", "xnor", "nand", "implies"])
def test_every_stuck_run_sits_on_a_level(name: str) -> None:
    task = catalog.task(name)
    found = np.array(values(task))
    losses, _ = stuck_losses(task, hidden=4)
    assert len(losses) > 50
    assert np.abs(losses[:, None] - found).min(axis=1).max() < 1e-4


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        (REAL, {"hidden": 3}),
        (XOR, {"hidden": 4, "bias": False}),
        (XOR, {"hidden": 2, "loss": "mse"}),
        (XOR, {"hidden": 3, "init": catalog.init("he")}),
        (SIGNS, {"hidden": 3}),
        (SIGNS, {"hidden": 3, "bias": False}),
        (XOR, {"hidden": 2, "activation": "leaky_relu", "slope": 0.1}),
        (XOR, {"hidden": 1, "activation": "leaky_relu", "slope": -0.3}),
    ],
    ids=["real", "no_bias", "mse", "he", "signs", "signs_no_bias", "leaky", "folded"],
)
def test_every_stuck_run_of_other_networks_sits_on_a_level(task: Task, fields: dict[str, object]) -> None:
    condition = replace(Condition(task=task), **fields)
    found = levels(condition).levels
    losses, y = stuck_losses(task, **fields)
    traps = losses > 1e-6
    assert traps.sum() > 5
    assert np.abs(losses[:, None] - [level.value for level in found]).min(axis=1).max() < 1e-4
    rests = np.array([rest.predictions for level in found for rest in level.rests])
    assert np.abs(y[:, None] - rests).max(axis=2).min(axis=1).max() < 1e-2


@given(st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.3, 0.5, 1.0, 1.7]), min_size=4, max_size=4))
@settings(max_examples=8)
def test_every_stuck_run_on_any_targets_sits_on_a_level(targets: list[float]) -> None:
    task = Task("any", XOR.inputs, tuple(targets))
    losses, _ = stuck_losses(task, seeds=128, hidden=3)
    assert np.abs(losses[:, None] - values(task, hidden=3)).min(axis=1).max(initial=0.0) < 1e-4


def test_runs_without_biases_rest_at_two_thirds_and_at_one() -> None:
    losses, _ = stuck_losses(XOR, hidden=2, bias=False)
    assert {str(Fraction(x).limit_denominator(60)) for x in losses} >= {"2/3", "1", "1/2"}


def trained_bce(task: Task, hidden: int, epochs: int, seeds: int = 100, lr: float = 0.3) -> np.ndarray:
    """Final mean cross-entropies, of ReLU networks with a sigmoid output, once nearly at rest."""
    start = draw(catalog.init("torch"), task.n_inputs, hidden, range(seeds)).astype(np.dtype(np.float64))
    W1, b1, W2, b2 = start
    x, t = np.array(task.inputs, float), np.array(task.targets)[:, None]
    losses = np.full((2, seeds), np.inf)
    for _ in range(epochs):
        z = np.einsum("nd,dhr->nhr", x, W1) + b1
        a = np.maximum(z, 0)
        f = (a * W2).sum(axis=1) + b2
        e = (0.5 * (1 + np.tanh(f / 2)) - t) / len(t)
        g = np.where(z > 0, e[:, None] * W2, 0)
        W1, b1 = W1 - lr * np.einsum("nd,nhr->dhr", x, g), b1 - lr * g.sum(axis=0)
        W2, b2 = W2 - lr * (a * e[:, None]).sum(axis=0), b2 - lr * e.sum(axis=0)
        losses = np.stack([losses[1], (np.logaddexp(0, f) - t * f).mean(axis=0)])
    return np.asarray(losses[1, np.abs(losses[0] - losses[1]) < 1e-6])


@pytest.mark.parametrize("targets", [(0, 1, 1, 0), (0.2, 1, 1, 0)])
def test_runs_with_cross_entropy_approach_the_levels_of_bce(targets: tuple[float, ...]) -> None:
    task = Task("any", XOR.inputs, targets)
    found = np.array(values(task, "bce", 2))
    losses = trained_bce(task, 2, epochs=8000)
    assert len(losses) > 80
    nearest = np.abs(losses[:, None] - found)
    assert nearest.min(axis=1).max() < 5e-3
    assert len(np.unique(nearest.argmin(axis=1))) >= 3


def test_soft_targets_are_met_or_averaged_by_bce() -> None:
    """A constant network predicts the mean target 0.55, whose entropy is the highest level."""
    task = Task("soft", XOR.inputs, (0.2, 1, 1, 0))
    entropy = -(0.55 * math.log(0.55) + 0.45 * math.log(0.45))
    assert values(task, "bce")[-1] == pytest.approx(entropy, abs=1e-9)
    assert values(task, "bce")[0] == pytest.approx(-(0.2 * math.log(0.2) + 0.8 * math.log(0.8)) / 4, abs=1e-9)


def test_a_network_can_rest_on_kinks() -> None:
    """Inputs x and −x without biases: a unit is active on one of them unless its weights are 0."""
    assert values(SIGNS, hidden=1, bias=False)[-1] == pytest.approx(1)


def test_too_large_an_enumeration_ends_with_the_sets_within_reach_and_says_so() -> None:
    """103 patterns: sets of two are 5,357, of three 182,000."""
    parity3 = catalog.task("parity3")
    assert [levels(Condition(parity3, hidden)).complete for hidden in (1, 2, 3)] == [True, True, False]
    assert values(parity3, hidden=1) == pytest.approx([6 / 7, 1])
    of_one_pattern = np.round([3 / 8, 3 / 5, 3 / 4, 5 / 6, 6 / 7, 11 / 12, 1], 6)
    assert {*of_one_pattern} <= {*np.round(values(parity3, hidden=10), 6)}


@pytest.mark.parametrize(
    ("value", "loss", "name", "words"),
    [
        (0.25, "half_sse", "1/4", "Two rows share one wrong prediction 1/2"),
        (0.1667, "mse", "1/3", "Three rows share one wrong prediction"),
        (0.3466, "bce", "1/4", "Two rows share one wrong prediction 1/2"),
        (0.6931, "bce", "1/2", "Four rows share one wrong prediction 1/2"),
        (2e-5, "mse", "0", "solved"),
    ],
)
def test_a_loss_is_decoded(value: float, loss: str, name: str, words: str) -> None:
    decoded = decode(value, Condition(**fitting(loss)))
    assert (decoded.level.name, decoded.loss, decoded.matches, decoded.complete) == (name, loss, True, True)
    assert words in decoded.text


@pytest.mark.parametrize(
    ("value", "loss", "really", "name"),
    [
        (0.125, "half_sse", "mse", "1/4"),
        (0.3466, "half_sse", "bce", "1/4"),
        (0.6667, "mse", "sse", "1/3"),
        (0.5, "mse", "half_sse", "1/2"),
        (0.0833, "half_sse", "half_mse", "1/3"),
        (1.3863, "bce", "bce_sum", "1/4"),
    ],
)
def test_a_number_of_another_convention_is_recognised(value: float, loss: str, really: str, name: str) -> None:
    decoded = decode(value, Condition(**fitting(loss)))
    assert (decoded.loss, decoded.level.name, decoded.matches) == (really, name, True)
    assert decoded.level.value == pytest.approx(value, abs=1e-3)
    assert f"not a level of {loss}" in decoded.text


def test_an_ambiguous_number_tells_the_other_reading_too() -> None:
    """0.25 is two merged rows in half_sse, and no live unit at all in PyTorch's mean."""
    assert "If it is the mean squared error, it is the trap 1/2" in decode(0.25, Condition()).text


def test_a_loss_that_is_no_level_is_not_forced_onto_one() -> None:
    decoded = decode(0.2, Condition())
    assert not decoded.matches
    assert "is the trap 1/4 (loss 0.25), 0.05 away" in decoded.text
    with pytest.raises(ValueError, match="finite number from 0"):
        decode(math.nan, Condition())


def test_predictions_are_decoded() -> None:
    decoded = decode_predictions((0.001, 0.5, 1, 0.499), Condition())
    assert (decoded.level.name, decoded.matches) == ("1/4", True)
    assert decoded.rests[0].merged == ((1, 3),)
    assert "01=11" in decoded.text
    assert decode_predictions((0.0, 1, 1, 0), Condition()).level.value == 0
    lost = decode_predictions((0.1, 0.4, 0.4, 0.2), Condition())
    assert not lost.matches
    assert "01=10" in lost.text
    with pytest.raises(ValueError, match="4 finite numbers"):
        decode_predictions((0.1, 0.4), Condition())


def test_soft_targets_are_solved_at_their_entropy() -> None:
    task = Task("soft", XOR.inputs, (0.2, 0.7, 0.7, 0.2))
    condition = Condition(task=task, **fitting("bce"))
    assert decode(0.5556, condition).text == "0.5556: the task is solved."
    assert decode_predictions(task.targets, condition).text == "These are predictions with which the task is solved."
    assert condition.refusal() == ""
    assert "loss=bce of task=soft is 0.5556 at least" in replace(condition, success=Success()).refusal()
    assert replace(condition, success=Success(tolerance=0.6)).refusal() == ""


@pytest.mark.parametrize("apart", [0.01, 1.0, 100.0])
def test_how_near_a_loss_must_be_depends_on_how_far_targets_are_apart(apart: float) -> None:
    condition = Condition(task=Task("scaled", XOR.inputs, tuple(apart * t for t in XOR.targets)))
    near, far = (decode(apart**2 * (1 / 3 + off), condition) for off in (9e-4, 2e-3))
    assert (near.matches, near.level.name, far.matches) == (True, "1/3", False)


def test_decoding_a_task_too_large_says_that_its_levels_are_not_all() -> None:
    parity3 = catalog.task("parity3")
    narrow, wide = (decode(LN2, Condition(task=parity3, hidden=hidden, **fitting("bce"))) for hidden in (1, 10))
    assert (narrow.matches, narrow.complete) == (True, True)
    assert (wide.matches, wide.complete) == (True, False)


@given(st.lists(st.integers(0, 40), min_size=2, max_size=7), st.randoms())
def test_rows_are_merged_in_any_order(y: list[int], order: Any) -> None:
    """Rows that a third one joins were left in two groups if it came last."""
    places = list(range(len(y)))
    order.shuffle(places)
    (first,), _ = merged_rows(np.array(y, float)[:, None], [-9] * len(y), 5)
    (other,), _ = merged_rows(np.array(y, float)[places][:, None], [-9] * len(y), 5)
    assert {frozenset(places[n] for n in group) for group in other} == set(map(frozenset, first))


def test_what_rows_of_equal_inputs_leave_over_is_no_trap() -> None:
    twice = Task("twice", (*XOR.inputs, (1.0, 1.0)), (*XOR.targets, 1.0))
    lowest, *_ = levels(Condition(task=twice)).levels
    assert (round(lowest.value, 12), lowest.solves) == (0.25, True)
    assert "as far as it can be, since rows of equal inputs" in decode(0.25, Condition(task=twice)).text


@pytest.mark.parametrize("scale", [1e-4, 1e8])
def test_levels_do_not_depend_on_the_scale_of_the_targets(scale: float) -> None:
    usual, scaled = (levels(Condition(task=replace(XOR, targets=(0, t, t, 0)))).levels for t in (1.0, scale))
    assert [level.name for level in scaled] == [level.name for level in usual] == ["0", "1/4", "1/3", "1/2"]
    assert [level.value / scale**2 for level in scaled] == pytest.approx([level.value for level in usual], abs=1e-9)
    assert [[rest.merged for rest in level.rests] for level in scaled] == [
        [rest.merged for rest in level.rests] for level in usual
    ]


def test_the_lowest_level_of_units_that_bend_nowhere_is_no_trap() -> None:
    straight = Condition(activation="leaky_relu", slope=1.0)
    (lowest,) = levels(straight).levels
    assert (round(lowest.value, 12), lowest.solves, lowest.unavoidable) == (0.5, True, True)
    told = decode(0.5, straight).text, decode_predictions((0.5,) * 4, straight).text, decode(0.25, straight).text
    assert all("as far as it can be, since its units bend nowhere" in text for text in told[:2])
    assert "it is one of mse (the mean squared error): the lowest level 1/2 (loss 0.25)" in told[2]
    assert not any("trap" in text for text in told)
