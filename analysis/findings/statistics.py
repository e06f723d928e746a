"""Rates, differences and waiting times, each with its n and a 95 % interval.

Intervals of a line or two are written out here, although statsmodels and scipy.stats have them: importing these takes
longer than everything else that a summary needs. Tests hold ours to theirs.
"""

import functools
import math
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

ALPHA = 0.05  # all intervals are at the level 1 − ALPHA
NORMAL = NormalDist().inv_cdf(1 - ALPHA / 2)
SIGNIFICANT = 0.05  # below this an adjusted p tells of a difference
VAGUE = 0.5  # an interval as wide as this tells nothing

RESAMPLES, CLUSTERS = 2_000, 1_000  # bootstrap samples, and clusters drawn for one: seeds, or blocks if there are more
Reals = NDArray[np.float64]


def wilson(count: ArrayLike, n: ArrayLike) -> tuple[Reals, Reals]:
    """95 % Wilson score interval of a proportion (E. B. Wilson, JASA 22, 1927).

    `count` of `n`, arrays of one shape; NaN where n is 0. The ends at counts of 0 and n are exactly 0 and 1.
    """
    k, total = np.broadcast_arrays(np.asarray(count, float), np.asarray(n, float))
    total = np.where(total > 0, total, np.nan)
    middle = k + NORMAL**2 / 2
    half = NORMAL * np.sqrt(k * (1 - k / total) + NORMAL**2 / 4)
    low, high = ((middle + side) / (total + NORMAL**2) for side in (-half, half))
    return np.where(k == 0, 0 * total, low), np.where(k == total, 1.0, high)


@functools.cache
def samples(n: int) -> Reals:
    """How often each of n clusters is drawn in each bootstrap sample, those of SciPy for a random state of 0."""
    drawn = np.random.RandomState(0).randint(0, n, (RESAMPLES, n))
    return np.array([np.bincount(each, minlength=n) for each in drawn], float)


@dataclass(frozen=True)
class Rate:
    """A share of `n` with its 95 % interval, as fractions (NaN for n = 0); Wilson's, where nothing else is said."""

    rate: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, count: float, n: int) -> Self:
        """The rate of `count` in `n`."""
        return cls.of_all([count], [n])[0]

    @classmethod
    def of_all(cls, counts: ArrayLike, n: ArrayLike) -> list[Self]:
        """The rate of each count in its n, all at once."""
        k, total = np.broadcast_arrays(np.asarray(counts, float), np.asarray(n, np.int64))
        rates = np.divide(k, total, out=np.full(k.shape, np.nan), where=total > 0)
        return [cls(*each) for each in zip(*(each.tolist() for each in (rates, *wilson(k, total), total)), strict=True)]

    @classmethod
    def over_seeds(cls, counts: ArrayLike, n: ArrayLike) -> Self:
        """A rate over several conditions that share seeds: `counts` of `n` runs of each seed.

        Runs of one seed are no independent runs, so the interval is that of a bootstrap over seeds (percentile; B.
        Efron & R. J. Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13), always with the same samples.
        Where none or all of the runs count, it is Wilson's of as many seeds.
        """
        k, total = (np.asarray(each, np.int64) for each in (counts, n))
        whole, of = int(k.sum()), int(total.sum())
        seeds = int(np.count_nonzero(total))
        if whole in (0, of) or seeds < 2:
            return replace(cls.of(seeds * whole / of if of else 0, seeds), n=of)
        starts = np.unique(np.linspace(0, len(k), CLUSTERS + 1).astype(int))[:-1]
        counted, among = (samples(len(starts)) @ np.add.reduceat(each, starts) for each in (k, total))
        low, high = np.quantile(counted / among, [ALPHA / 2, 1 - ALPHA / 2])
        return cls(whole / of, float(low), float(high), of)

    @property
    def count(self) -> int:
        """How many of n they are."""
        return round(self.rate * self.n) if self.n else 0


@dataclass(frozen=True)
class Difference:
    """A difference of two proportions, second minus first, as fractions, with its interval."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Paired(Difference):
    """The same seeds under two conditions: how many succeeded under both, under one, under neither; exact McNemar p."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float

    @property
    def n(self) -> int:
        """Number of pairs."""
        return self.both + self.only_first + self.only_second + self.neither


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two boolean arrays of one length, paired by position."""
    a, b = np.asarray(first, bool), np.asarray(second, bool)
    return paired_counts(*(int(each.sum()) for each in (a & b, a & ~b, ~a & b, ~a & ~b)))


def paired_counts(both: int, only_first: int, only_second: int, neither: int) -> Paired:
    """Compare two conditions that share their seeds, given the four counts.

    The interval is that of method 10 of R. G. Newcombe, "Improved confidence intervals for the difference between
    binomial proportions based on paired data", Statistics in Medicine 17, 1998: the Wilson intervals of both
    proportions, put together with their correlation, which is taken with a continuity correction.
    """
    counts = (both, only_first, only_second, neither)
    n, p_value = sum(counts), binomial(only_first, only_first + only_second, 0.5)
    if n == 0:
        return Paired(math.nan, math.nan, math.nan, *counts, p_value)
    p, q = Rate.of_all([both + only_first, both + only_second], n)
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    excess: float = both * neither - only_first * only_second
    if excess > 0:
        excess = max(excess - n / 2, 0.0)  # the continuity correction
    phi = excess / math.sqrt(margins) if margins else 0.0

    def distance(x: float, y: float) -> float:
        return math.sqrt(max(x * x - 2 * phi * x * y + y * y, 0.0))

    change = q.rate - p.rate
    low = max(change - distance(q.rate - q.low, p.high - p.rate), -1.0)
    high = min(change + distance(q.high - q.rate, p.rate - p.low), 1.0)
    return Paired(change, low, high, *counts, p_value)


def attributable(exposed: Rate, unexposed: Rate) -> Rate:
    """The share of all cases that would not be there if the exposed had the rate of the unexposed.

    1 − P(case | unexposed)/P(case) (M. L. Levin, Acta Unio Int. Contra Cancrum 9, 1953), with the interval of S. D.
    Walter, "The estimation and interpretation of attributable risk in health research", Biometrics 32, 1976: the delta
    method for the logarithm of that ratio. NaN where there is no case or nobody is unexposed; without a case among the
    unexposed the lower end is put together from two Wilson intervals.
    """
    k, n = exposed.count + unexposed.count, exposed.n + unexposed.n
    if not (k and unexposed.n):
        return Rate(math.nan, math.nan, math.nan, k)
    all_cases = Rate.of(k, n)
    if not unexposed.count:
        return Rate(1.0, 1 - min(unexposed.high / all_cases.low, 1.0), 1.0, k)
    ratio = unexposed.rate / all_cases.rate
    variance = 1 / unexposed.count - 1 / unexposed.n - 1 / k - 1 / n + 2 * unexposed.rate / k
    spread = math.exp(NORMAL * math.sqrt(max(variance, 0.0)))
    return Rate(1 - ratio, 1 - ratio * spread, 1 - ratio / spread, k)


def binomial(count: int, n: int, share: float) -> float:
    """Two-sided p of the exact binomial test that a rate is `share`: the sum over counts that are no likelier."""
    k = np.arange(n + 1)
    factorials = np.cumsum(np.log(np.maximum(k, 1)))  # their logarithms
    log_p = factorials[n] - factorials - factorials[::-1] + k * math.log(share) + (n - k) * math.log1p(-share)
    return min(float(np.exp(log_p[log_p <= log_p[count] + 1e-7]).sum()), 1.0)


def unpaired(first: Rate, second: Rate) -> Difference:
    """Difference of two independent proportions, second minus first, with a 95 % interval; NaN if an n is 0.

    Method 10 of R. G. Newcombe, "Interval estimation for the difference between independent proportions", Statistics
    in Medicine 17, 1998.
    """
    p, q = first.rate, second.rate
    below, above = math.hypot(q - second.low, first.high - p), math.hypot(second.high - q, p - first.low)
    return Difference(q - p, q - p - below, q - p + above)


def holm(p: ArrayLike) -> Reals:
    """P values of many comparisons, adjusted by the step-down method of S. Holm, Scand. J. Statist. 6, 1979."""
    values = np.asarray(p, float)  # statsmodels has this, and empties Python's whole memory of garbage at each call
    order, adjusted = np.argsort(values), np.empty_like(values)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return adjusted


def unsolved_after(at: Reals, solved_epoch: ArrayLike, counts: ArrayLike = 1) -> tuple[Reals, Reals, Reals]:
    """The share of runs not yet solved after each of some epochs, with its 95 % band; NaN stands for never.

    Each value stands for `counts` runs. This is the curve of E. L. Kaplan & P. Meier, JASA 53, 1958: as nothing is
    censored before the end, it is the share itself, and its band the Wilson interval of the share.
    """
    times, runs = np.broadcast_arrays(np.asarray(solved_epoch, float), np.asarray(counts, np.int64))
    left = runs.sum() - np.array([runs[times <= epoch].sum() for epoch in at])
    return left / runs.sum(), *wilson(left, runs.sum())


def draws_needed(rate: ArrayLike, wanted: float) -> Reals:
    """Independent draws after which at least one success has probability `wanted`; inf at rate 0."""
    with np.errstate(divide="ignore"):
        draws = np.log1p(-wanted) / np.log1p(-np.asarray(rate, float))
    return np.asarray(np.maximum(np.ceil(np.round(draws, 9)), 1.0))
