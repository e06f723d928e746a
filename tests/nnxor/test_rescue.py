"""A rescue changes exactly what it says, gives the same bits everywhere, and the placebo is just more time."""

from dataclasses import replace
from functools import cache
from unittest.mock import patch

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, settings, strategies as st

from experiments.study import catalog
from nnxor import diagnosis, engines, quench
from nnxor.arithmetic import networks as arithmetic
from nnxor.arithmetic.networks import alive
from nnxor.condition import Condition
from nnxor.diagnosis import Columns, diagnose
from nnxor.interventions import INTERVENTIONS
from nnxor.interventions.nudge_bias import LIFT
from nnxor.interventions.redraw_alive import as_many_alive
from nnxor.network.draws import Weights, initial_weights
from nnxor.rescue import intervene, onward_condition
from nnxor.trial import trials

SEEDS = range(100, 196)
HE = Condition(init=catalog.init("he"), lr=0.2, epochs=300, hidden=5)
numpy_engine, numba_engine = engines.load("numpy"), engines.load("numba")


def start(condition: Condition, seeds: range = SEEDS) -> Weights:
    return initial_weights(condition, seeds)


def ended(condition: Condition = HE, seeds: range = SEEDS) -> Weights:
    return numba_engine(condition, start(condition, seeds)).weights


def trained(engine: engines.Train, condition: Condition, seeds: range = SEEDS) -> tuple[Weights, Columns]:
    found = trials(condition, seeds, engine)
    return found.end, found.columns


@cache
def rescued(rescue: str, condition: Condition = HE, seeds: range = SEEDS) -> tuple[Weights, Columns]:
    return trained(numba_engine, replace(condition, rescue=rescue), seeds)


def changed(before: Weights, after: Weights) -> np.ndarray:
    """Units in which anything was changed, shape (H, R); the output bias must be as it was."""
    assert np.array_equal(before.b2, after.b2)
    pairs = zip(before[:3], after[:3], strict=True)
    W1, b1, W2 = (a != b for a, b in pairs)
    return np.asarray(W1.any(axis=0) | b1 | W2)


def same(a: Columns, b: Columns) -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name], equal_nan=a[name].dtype.kind == "f") for name in a
    )


def test_redraw_dead_draws_every_dead_unit_and_leaves_the_live_ones() -> None:
    weights, fresh = ended(), draw(HE.init, 2, 5, SEEDS, again=1)
    after = intervene(replace(HE, rescue="redraw_dead"), weights, SEEDS)
    dead = ~alive(HE, weights)
    assert 0 < dead.sum() < dead.size
    assert np.array_equal(changed(weights, after), dead)
    assert np.array_equal(after.W1[:, dead], fresh.W1[:, dead])
    assert np.array_equal(after.b1[dead], fresh.b1[dead])
    assert np.array_equal(after.W2[dead], fresh.W2[dead])


def test_redraw_alive_draws_as_many_live_units_and_leaves_the_dead_ones() -> None:
    weights = ended()
    live = alive(HE, weights)
    touched = changed(weights, intervene(replace(HE, rescue="redraw_alive"), weights, SEEDS))
    assert not (touched & ~live).any()
    assert np.array_equal(touched.sum(axis=0), np.minimum(live.sum(axis=0), (~live).sum(axis=0)))
    choices = touched[:, (live.sum(axis=0) == 3)]
    assert len(np.unique(choices, axis=1).T) > 5, "which units are drawn depends on the seed"


def test_the_live_units_that_are_drawn_favour_none() -> None:
    """Of five live units and a dead one each is chosen by a fifth of the seeds."""
    condition, seeds = Condition(hidden=6), range(6000)
    weights = start(condition, seeds)
    weights.b1[:] = 5
    weights.b1[2] = -5
    chosen = as_many_alive(condition, weights, seeds)
    assert np.array_equal(chosen.sum(axis=0), np.ones(6000))
    share = chosen.mean(axis=1)
    assert share[2] == 0
    assert np.abs(np.delete(share, 2) - 0.2).max() < 5 * np.sqrt(0.2 * 0.8 / 6000)


def test_redraw_all_is_another_draw_of_the_same_seed_with_its_output_bias() -> None:
    condition = replace(HE, init=catalog.init("torch"), rescue="redraw_all", dtype="float64")
    after, fresh = intervene(condition, start(condition), SEEDS), draw(condition.init, 2, 5, SEEDS, again=1)
    for a, b, first in zip(after, fresh, start(condition), strict=True):
        assert a.dtype == np.float64
        assert np.array_equal(a, b)
        assert not (a == first).any()


@pytest.mark.parametrize("rescue", ["nothing", "leaky"])
def test_placebo_and_leak_change_no_parameter(rescue: str) -> None:
    weights = ended()
    after = intervene(replace(HE, rescue=rescue), weights, SEEDS)
    assert not changed(weights, after).any()
    onward = onward_condition(replace(HE, rescue=rescue, slope=0.2))
    assert onward == (replace(HE, activation="leaky_relu", slope=0.2) if rescue == "leaky" else HE)


@pytest.mark.parametrize("init", ["he", "torch"])
def test_nudge_bias_makes_the_row_of_the_largest_preactivation_active_and_no_other(init: str) -> None:
    condition = replace(HE, init=catalog.init(init), rescue="nudge_bias")
    weights = ended(condition)
    after = intervene(condition, weights, SEEDS)
    dead = ~alive(condition, weights)
    assert np.array_equal(changed(weights, after), dead)
    assert np.array_equal(after.W1, weights.W1)
    assert np.array_equal(after.W2, weights.W2)
    before, z = (np.stack(arithmetic.preactivations(condition, w))[:, dead] for w in (weights, after))
    assert np.array_equal(z > 0, before == before.max(axis=0))
    largest, following = -np.sort(-z, axis=0)[:2]
    apart = following < 0  # two rows that tie for the largest are both active
    assert apart.mean() > 0.9
    assert np.allclose(largest[apart], -following[apart], rtol=1e-3, atol=1e-6), "zero is midway between them"


def test_nudge_bias_lifts_a_unit_whose_rows_cannot_be_parted() -> None:
    condition = Condition(hidden=3, rescue="nudge_bias")
    W1 = np.array([[[0], [-1e-12], [0]], [[0], [0], [0]]], np.float32)  # no slope; one that rounding swallows; alive
    weights = Weights(W1, np.array([[-2], [-1], [1]], np.float32), np.ones((3, 1), np.float32), np.zeros(1, np.float32))
    after = intervene(condition, weights, range(1))
    assert after.b1.ravel() == pytest.approx([LIFT, LIFT, 1])


@pytest.mark.parametrize("rescue", INTERVENTIONS)
def test_after_a_rescue_of_the_dead_no_unit_is_dead(rescue: str) -> None:
    """True of nudge_bias alone: a fresh draw may be dead, the others leave the dead as they are."""
    after = intervene(replace(HE, rescue=rescue), ended(), SEEDS)
    assert alive(HE, after).all() == (rescue == "nudge_bias")


def test_recycle_redraws_dead_units_all_along_in_the_same_epochs() -> None:
    """What `recycle_every` does from the start: the same weights, and more of the stuck runs than one draw frees."""
    condition = replace(HE, epochs=2000)
    weights, columns = rescued("recycle", condition)
    stuck = np.flatnonzero(np.char.startswith(columns["outcome_before"], "stuck"))
    onward = replace(condition, recycle_every=200)
    again = numpy_engine(onward, ended(condition).take(stuck), SEEDS.start + stuck)
    for mine, other in zip(weights.take(stuck), again.weights, strict=True):
        assert np.array_equal(mine, other)
    once = rescued("redraw_dead", condition)[1]["outcome"]
    assert (columns["outcome"] == "solved").sum() > (once == "solved").sum()
    assert replace(condition, rescue="recycle", activation="leaky_relu").refusal() == (
        "rescue=recycle redraws dead units; activation=leaky_relu has none"
    )


def test_repeats_are_looked_for_from_the_second_start_on() -> None:
    _, columns = rescued("nothing", HE)
    found = columns["settled_epoch"] >= 0
    stuck = np.char.startswith(columns["outcome_before"], "stuck")
    assert (found & stuck).sum() > 10
    assert (columns["settled_epoch"][found & stuck] >= HE.epochs).all()
    assert (columns["settled_epoch"][found & ~stuck] < HE.epochs).all()


@pytest.mark.parametrize(
    "condition", [HE, replace(HE, dtype="float64", loss="mse", lr=0.5)], ids=["float32", "float64"]
)
def test_the_placebo_is_twice_the_epochs_bit_for_bit(condition: Condition) -> None:
    weights, columns = rescued("nothing", condition)
    stuck = np.char.startswith(columns["outcome_before"], "stuck")
    assert 10 < stuck.sum() < len(SEEDS)
    twice = replace(condition, epochs=2 * condition.epochs)
    long = numba_engine(twice, start(condition))
    for a, b, first in zip(weights, long.weights, ended(condition), strict=True):
        assert np.array_equal(a[..., stuck], b[..., stuck])
        assert np.array_equal(a[..., ~stuck], first[..., ~stuck])
    at_once = diagnose(twice, start(condition), long)
    for name, values in at_once.items():
        if name in ("settled_epoch", "period"):  # repeats are looked for from the second start on
            continue
        assert np.array_equal(columns[name][stuck], values[stuck], equal_nan=values.dtype.kind == "f"), name


@pytest.mark.parametrize("rescue", INTERVENTIONS)
def test_a_run_that_was_not_stuck_stays_as_it_was(rescue: str) -> None:
    weights, columns = rescued(rescue)
    plain_weights, plain = trained(numba_engine, HE)
    assert "outcome_before" not in plain
    assert np.array_equal(columns["outcome_before"], plain["outcome"])
    rest = ~np.char.startswith(plain["outcome"], "stuck")
    assert rest.any()
    for name, values in plain.items():
        assert np.array_equal(columns[name][rest], values[rest], equal_nan=values.dtype.kind == "f"), name
    for a, b in zip(weights, plain_weights, strict=True):
        assert np.array_equal(a[..., rest], b[..., rest])


@pytest.mark.parametrize("rescue", INTERVENTIONS)
def test_engines_agree_to_the_bit(rescue: str) -> None:
    condition = replace(HE, rescue=rescue)
    (w, a), (v, b) = (trained(e, condition) for e in (numpy_engine, numba_engine))
    assert same(a, b)
    for x, y in zip(w, v, strict=True):
        assert np.array_equal(x, y, equal_nan=True)
        assert np.array_equal(np.signbit(x), np.signbit(y))


@pytest.mark.parametrize("rescue", INTERVENTIONS)
@settings(max_examples=8)
@given(cut=st.integers(1, len(SEEDS) - 1))
def test_a_rescue_does_not_depend_on_its_batch(rescue: str, cut: int) -> None:
    condition = replace(HE, epochs=120)
    with patch.object(quench, "EPOCHS", 500), patch.object(diagnosis, "EPOCHS", 500):
        whole, *halves = (rescued(rescue, condition, part)[1] for part in (SEEDS, SEEDS[:cut], SEEDS[cut:]))
    for name, values in whole.items():
        together = np.concatenate([half[name] for half in halves])
        assert np.array_equal(values, together, equal_nan=values.dtype.kind == "f"), name


def test_epochs_are_counted_from_the_first_start_and_its_start_is_the_start() -> None:
    weights, columns = rescued("redraw_dead")
    again = intervene(replace(HE, rescue="redraw_dead"), ended(), SEEDS)
    first, second = (numba_engine(HE, w).trace for w in (start(HE), again))
    stuck = np.char.startswith(columns["outcome_before"], "stuck")
    freed = stuck & (columns["outcome"] == "solved")
    assert freed.sum() > 10
    assert np.array_equal(columns["solved_epoch"][freed], HE.epochs + second.last_unsolved[freed] + 1)
    early = stuck & (first.first_death >= 0)
    late = stuck & (first.first_death < 0) & (second.first_death >= 0)
    never = stuck & (first.first_death < 0) & (second.first_death < 0)
    assert min(early.sum(), late.sum(), never.sum()) > 0
    assert np.array_equal(columns["first_death_epoch"][early], first.first_death[early])
    assert np.array_equal(columns["first_death_epoch"][late], HE.epochs + second.first_death[late])
    assert (columns["first_death_epoch"][never] == -1).all()
    assert np.array_equal(columns["dead_init"], (~alive(HE, start(HE))).sum(axis=0))
    assert np.array_equal(columns["dead_final"], (~alive(HE, weights)).sum(axis=0))


def test_a_leak_is_diagnosed_as_a_leaky_network() -> None:
    _, columns = rescued("leaky", replace(HE, slope=0.3))
    stuck = np.char.startswith(columns["outcome_before"], "stuck")
    unsolved = stuck & (columns["outcome"] != "solved")
    assert unsolved.any()
    assert "few_alive_at_start" not in set(columns["cause"][stuck]), "no leaky unit is dead"
    assert "few_alive_at_start" in set(rescued("nothing")[1]["cause"][stuck])


def test_the_slope_counts_where_the_rescue_is_a_leak() -> None:
    assert Condition(slope=0.2, rescue="leaky").slope == 0.2
    assert Condition(slope=0.2, rescue="nothing").slope == 0.01
    a, b = (rescued("leaky", replace(HE, rescue="leaky", slope=slope))[1]["final_loss"] for slope in (0.05, 0.3))
    assert not np.array_equal(a, b)


def test_a_second_start_begins_with_no_memory_and_shuffles_as_the_first_did() -> None:
    """An output ReLU that is 0 on every row rests even under mini-batches."""
    condition = replace(
        HE, output="relu", optimizer="momentum", batch_size=2, lr=0.05, epochs=80, rescue="redraw_all", hidden=3
    )
    weights, columns = trained(numpy_engine, condition)
    stuck = np.flatnonzero(np.char.startswith(columns["outcome_before"], "stuck"))
    assert len(stuck) > 10
    anew = draw(condition.init, 2, 3, SEEDS, again=1).take(stuck)
    second = numpy_engine(replace(condition, rescue=None), anew, np.asarray(SEEDS)[stuck]).weights
    for a, b in zip(weights, second, strict=True):
        assert np.array_equal(a[..., stuck], b)


@pytest.mark.parametrize("name", [name for name in INTERVENTIONS if name != "nudge_bias"])
def test_what_is_frozen_is_kept_by_an_intervention(name: str) -> None:
    condition = replace(HE, rescue=name, freeze="W1+b2")
    before = ended(condition)
    after = intervene(condition, before, SEEDS)
    assert np.array_equal(before.W1, after.W1) and np.array_equal(before.b2, after.b2)
    moves = INTERVENTIONS[name].change(condition, before, SEEDS)
    assert np.array_equal(moves.W2, after.W2)


def test_frozen_biases_cannot_be_lifted() -> None:
    assert "lifts biases; freeze=b1 holds them" in Condition(freeze="b1", rescue="nudge_bias").refusal()
