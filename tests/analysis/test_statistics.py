"""Intervals and tests agree with published values, and with brute force where a law exists."""

import math
from fractions import Fraction
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest, bootstrap
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from analysis.findings.statistics import (
    Rate,
    attributable,
    binomial,
    draws_needed,
    holm,
    paired,
    paired_counts,
    unpaired,
    unsolved_after,
    wilson,
)

counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_is_that_of_newcombes_table(count: int, n: int, low: float, high: float) -> None:
    assert np.round(wilson(count, n), 4) == pytest.approx([low, high])  # Statistics in Medicine 17, 1998, table I


@given(k=st.integers(0, 300), more=st.integers(0, 300), share=st.sampled_from([0.5, 0.95, 0.3]))
def test_the_exact_test_of_a_rate_is_that_of_scipy(k: int, more: int, share: float) -> None:
    exact = binomtest(k, k + more, share).pvalue if k + more else 1.0
    assert binomial(k, k + more, share) == pytest.approx(exact, rel=1e-6, abs=1e-300)


@given(st.integers(1, 500))
def test_wilson_ends_at_exactly_0_and_1(n: int) -> None:
    assert wilson(0, n)[0] == 0
    assert wilson(n, n)[1] == 1


@given(counts, counts, counts, counts)
def test_intervals_are_those_of_statsmodels(k: int, more: int, other: int, others: int) -> None:
    n, m = k + more, other + others
    if not (n and m):
        return
    one, two = Rate.of(k, n), Rate.of(other, m)
    assert [one.low, one.high] == pytest.approx(proportion_confint(k, n, method="wilson"), abs=1e-12)
    apart = unpaired(one, two)
    expected = confint_proportions_2indep(other, m, k, n, method="newcomb", compare="diff")
    assert [apart.low, apart.high] == pytest.approx(expected, abs=1e-12)


def test_a_rate_of_nothing_is_unknown() -> None:
    rate = Rate.of(0, 0)
    assert math.isnan(rate.rate)
    assert math.isnan(rate.low)


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [((36, 12, 2, 0), 0.0569, 0.3404), ((1, 1, 7, 12), -0.5069, -0.0256)],
)
def test_the_paired_interval_is_newcombes_method_10(cells: tuple[int, ...], low: float, high: float) -> None:
    # Statistics in Medicine 17, 1998 (paired data); the second is the airway example of Bentur et al. Their
    # differences are first minus second.
    both, only_first, only_second, neither = cells
    result = paired_counts(both, only_second, only_first, neither)
    assert (round(result.low, 4), round(result.high, 4)) == (low, high)


@given(counts, counts, counts, counts)
def test_a_paired_interval_holds_its_difference_and_turns_with_its_sides(a: int, b: int, c: int, d: int) -> None:
    if a + b + c + d == 0:
        return
    forth, back = paired_counts(a, b, c, d), paired_counts(a, c, b, d)
    assert -1 <= forth.low <= forth.difference <= forth.high <= 1
    assert (back.low, back.high) == pytest.approx((-forth.high, -forth.low), abs=1e-12)
    assert forth.p == back.p


def test_pairs_are_counted_by_position() -> None:
    result = paired([True, True, False, False, False], [True, False, True, True, False])
    assert (result.both, result.only_first, result.only_second, result.neither, result.n) == (1, 1, 2, 1, 5)
    assert result.difference == pytest.approx(1 / 5)


@given(st.integers(0, 25), st.integers(0, 25))
def test_mcnemar_is_the_exact_two_sided_test_of_a_fair_coin(b: int, c: int) -> None:
    n = b + c
    weight = [Fraction(math.comb(n, k), 2**n) for k in range(n + 1)]
    tail = sum((w for w in weight if w <= weight[b]), Fraction(0))
    assert paired_counts(5, b, c, 5).p == pytest.approx(float(tail))


def test_mcnemar_of_the_airway_example() -> None:
    assert paired_counts(1, 1, 7, 12).p == pytest.approx(0.0703, abs=5e-5)  # Fagerland, Lydersen & Laake 2013


def test_the_unpaired_interval_is_newcombes_method_10() -> None:
    result = unpaired(Rate.of(48, 80), Rate.of(56, 70))
    assert result.difference == pytest.approx(0.2)
    assert (round(result.low, 4), round(result.high, 4)) == (0.0524, 0.3339)  # table II, 56/70 - 48/80


def test_an_unpaired_difference_with_an_empty_group_is_unknown() -> None:
    assert math.isnan(unpaired(Rate.of(0, 0), Rate.of(1, 2)).low)


def test_holm_multiplies_the_smallest_by_all_and_never_goes_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).size == 0


@given(st.lists(st.one_of(st.none(), st.integers(1, 50)), min_size=1, max_size=40))
def test_survival_is_the_share_not_yet_solved(epochs: list[int | None]) -> None:
    at = np.arange(51.0)
    shares, low, high = unsolved_after(at, [math.nan if e is None else e for e in epochs])
    for epoch, share in zip(at, shares, strict=True):
        waiting = sum(e is None or e > epoch for e in epochs)
        assert share == pytest.approx(waiting / len(epochs))
    assert (low <= shares + 1e-12).all()
    assert (shares <= high + 1e-12).all()


@given(st.floats(0.01, 0.99), st.sampled_from([0.95, 0.99]))
def test_the_number_of_draws_is_the_smallest_that_is_enough(p: float, wanted: float) -> None:
    k = float(draws_needed(p, wanted))
    assert 1 - (1 - p) ** k >= wanted - 1e-9
    assert k == 1 or 1 - (1 - p) ** (k - 1) < wanted + 1e-9


def test_certain_and_impossible_success_need_one_draw_and_for_ever() -> None:
    assert list(draws_needed([1.0, 0.0, 0.5], 0.95)) == [1, math.inf, 5]


def test_a_rate_over_seeds_is_as_wide_as_its_seeds_allow() -> None:
    """16 conditions that agree seed by seed hold no more than one; 16 that know nothing of each other hold as 16."""
    draw = np.random.default_rng(1)
    n = np.full(1000, 16)
    alike, apart = 16 * (draw.random(1000) < 0.4), draw.binomial(16, 0.4, 1000)
    for counts, runs in ((alike, 1000), (apart, 16_000)):
        found = Rate.over_seeds(counts, n)
        expected = Rate.of(round(found.rate * runs), runs)
        assert (found.count, found.n) == (counts.sum(), 16_000)
        assert found.high - found.low == pytest.approx(expected.high - expected.low, rel=0.1)
        assert found == Rate.over_seeds(counts, n), "the same results give the same bytes"


def test_a_rate_over_seeds_is_that_of_scipys_bootstrap() -> None:
    draw = np.random.default_rng(2)
    n = draw.integers(1, 5, 300)
    k = draw.integers(0, n + 1)
    found = bootstrap(
        (k, n), lambda k, n, axis=-1: k.sum(axis) / n.sum(axis), paired=True, vectorized=True, n_resamples=2000,
        method="percentile", random_state=0,
    )  # fmt: skip
    rate = Rate.over_seeds(k, n)
    assert [rate.low, rate.high] == pytest.approx([*found.confidence_interval], abs=1e-12)


def test_a_rate_over_seeds_of_none_or_all_is_that_of_the_seeds() -> None:
    assert Rate.over_seeds([0] * 20, [5] * 20).high == pytest.approx(float(wilson(0, 20)[1]))
    assert Rate.over_seeds([5] * 20, [5] * 20).low == pytest.approx(float(wilson(20, 20)[0]))


def test_an_attributable_fraction_and_its_interval_are_those_of_a_bootstrap() -> None:
    cells = np.repeat([[1, 1], [1, 0], [0, 1], [0, 0]], [220, 260, 70, 450], axis=0)  # exposed, case

    def fraction(exposed, case, axis=-1):
        return 1 - (case * (1 - exposed)).sum(axis) / (1 - exposed).sum(axis) / case.mean(axis)

    found = attributable(Rate.of(220, 480), Rate.of(70, 520))
    assert found.rate == pytest.approx(fraction(*cells.T))
    ends = bootstrap(tuple(cells.T), fraction, paired=True, vectorized=True, n_resamples=2000, random_state=1)
    assert [found.low, found.high] == pytest.approx([*ends.confidence_interval], abs=0.01)


def test_without_a_case_among_the_unexposed_all_are_attributed() -> None:
    found = attributable(Rate.of(30, 40), Rate.of(0, 60))
    assert (found.rate, found.high) == (1, 1)
    assert 0.5 < found.low < 1
    assert math.isnan(attributable(Rate.of(0, 9), Rate.of(0, 9)).rate)


@given(st.lists(st.floats(0, 1), max_size=30))
def test_adjusted_p_values_are_those_of_statsmodels(values: list[float]) -> None:
    with patch("gc.collect"):  # which it calls each time, for a third of a second
        expected = multipletests(values, method="holm")[1] if values else []
    np.testing.assert_allclose(holm(values), expected, rtol=1e-12)
