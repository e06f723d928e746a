"""The normal quantile: near the true value, odd about one half, rising, and the same bits in NumPy and machine code."""

import math
from types import ModuleType

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.special import ndtri

from nnxor.arithmetic import functions
from nnxor.arithmetic.functions import normal_quantile

DTYPES = (np.float32, np.float64)
CHECKED, LACKS = 5000, 2.0**-8  # for so many numbers it is shown that what is wider lacks no more of a unit
with mp.workprec(200):
    ROOT, HALF = mp.sqrt(2), mpf(0.5)


def probabilities(dtype: type, n: int) -> np.ndarray:
    """Of all sizes, uniform, near one half and near the seams."""
    rng = np.random.default_rng(7)
    small = 10.0 ** rng.uniform(np.log10(float(np.finfo(dtype).smallest_subnormal)), -1, n // 4)
    near_half = 0.5 + rng.uniform(-1, 1, n // 8) * 10.0 ** rng.uniform(-15, -1, n // 8)
    seams = (np.array([0.075, 0.925, np.exp(-25)])[:, None] * (1 + rng.uniform(-1e-5, 1e-5, n // 24))).ravel()
    edges = [0.5, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).smallest_normal, 1 - np.finfo(dtype).epsneg]
    p = np.concatenate([edges, small, near_half, seams, rng.uniform(0, 1, n - n // 4 - n // 8 - 3 * (n // 24))])
    p = p.astype(dtype)
    return p[(p > 0) & (p < 1)]


def error(p: float, found: float, dtype: type) -> float:
    """Distance from the true quantile in units in the last place: by Newton's step from what was found."""
    z = mpf(found)
    scaled = z / ROOT
    if abs(found) < 0.5:
        difference = mp.erf(scaled) / 2 - (mpf(p) - HALF)
    elif found < 0:
        difference = mp.erfc(-scaled) / 2 - mpf(p)
    else:
        difference = (1 - mpf(p)) - mp.erfc(scaled) / 2
    density = math.exp(-found * found / 2) / math.sqrt(2 * math.pi) if abs(found) < 30 else mp.npdf(z)
    return abs(float(difference / density)) / float(np.spacing(np.abs(dtype(found)))) if found or difference else 0.0


def errors(p: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The same of many in long double: by Taylor's series of the distribution function about multiples of 1/64."""
    z, half = np.abs(found).astype(np.longdouble), np.longdouble(0.5)
    at = np.round(64 * z)
    with mp.workprec(100):
        places = [mpf(k) / 64 for k in range(int(at.max()) + 1)]
        known = [(mp.erf(a / ROOT) / 2, mp.erfc(a / ROOT) / 2, mp.npdf(a)) for a in places]
        inner, tail, density = np.array([[_long(x) for x in each] for each in known]).T[:, at.astype(int)]
    a, step, hermite, before, rise = at / 64, z - at / 64, z * 0 + 1, z * 0, z * 0
    power = step
    for k in range(24):
        rise, power = rise + density * hermite * power, power * -step / (k + 2)
        hermite, before = a * hermite - k * before, hermite
    beyond = np.where(found < 0, p, half - (p - half))  # in the tail; 1 − p is exact
    difference = np.where(z < half, inner + rise - np.abs(p - half), tail - rise - beyond)
    return np.asarray(np.abs(difference / np.exp(-z * z / 2)) * np.sqrt(2 * np.pi) / np.spacing(np.abs(found)), float)


def _long(x: mpf) -> np.longdouble:
    """A number in long double, by halves."""
    share, exponent = mp.frexp(x)
    return np.ldexp(np.longdouble(float(share)) + np.longdouble(float(share - float(share))), exponent)


@pytest.mark.parametrize("dtype", DTYPES)
def test_quantiles_are_within_two_units_in_the_last_place(dtype: type) -> None:
    """In single precision SciPy's double precision is the truth: what that lacks is 2⁻²⁷ of a unit.

    In double it is long double, which is held to many digits; they take its place where nothing is that much wider.
    """
    p = probabilities(dtype, 100_100)
    assert len(p) >= 100_000
    found = normal_quantile(p)
    if dtype is np.float32:
        assert (np.abs(found - ndtri(p.astype(np.float64))) <= 2.0 * np.spacing(np.abs(found))).all()
        return
    wide = np.finfo(np.longdouble).nmant >= np.finfo(dtype).nmant + 10
    some = np.unique(np.linspace(0, len(p) - 1, CHECKED if wide else len(p), dtype=int))
    with mp.workprec(2 * np.finfo(dtype).nmant + 20):  # differences lose as many bits as a number has
        true = np.array([error(a, z, dtype) for a, z in zip(p[some].tolist(), found[some].tolist(), strict=True)])
    distances = errors(p, found) if wide else true
    assert (np.abs(distances[some] - true) <= LACKS).all()
    worst = int(np.argmax(distances))
    assert distances[worst] <= 2.0 - LACKS, (p[worst], distances[worst])


@pytest.mark.parametrize("dtype", DTYPES)
def test_quantiles_rise_over_the_probabilities_that_are_drawn(dtype: type) -> None:
    """Multiples of epsilon, plus one half of it, as `nnxor.network.draws.uniforms` makes them."""
    epsilon = float(np.finfo(dtype).eps)
    rng = np.random.default_rng(8)
    for place in (0.0, 0.075, 0.5, 0.925, 0.02, 1.4e-11, *rng.uniform(0, 1, 300), *(10.0 ** rng.uniform(-11, -1, 300))):
        k = max(int(place / epsilon) - 1000, 0)
        p = (((k + np.arange(2000)) + 0.5) * epsilon).astype(dtype)
        z = normal_quantile(p[(p > 0) & (p < 1)])
        assert (z[1:] >= z[:-1]).all(), place


@pytest.mark.parametrize("dtype", DTYPES)
def test_quantiles_are_odd_about_one_half_and_have_their_limits(dtype: type) -> None:
    q = (np.random.default_rng(9).integers(0, 2**22, 10_000) * 2.0**-23).astype(dtype)
    assert (normal_quantile(dtype(0.5) + q) == -normal_quantile(dtype(0.5) - q)).all()
    limits = normal_quantile(np.array([0, 1, 0.5, -1, 2, np.nan], dtype))
    np.testing.assert_array_equal(limits, np.array([-np.inf, np.inf, 0, np.nan, np.nan, np.nan], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_machine_code_gives_the_same_bits(dtype: type, scalars: ModuleType) -> None:
    p = probabilities(dtype, 20_000)
    compiled = scalars.compiled(normal_quantile, dtype)
    integer = f"i{np.dtype(dtype).itemsize}"
    np.testing.assert_array_equal(compiled(p).view(integer), normal_quantile(p).view(integer))


@pytest.mark.parametrize("name", ["middle", "near", "far"])
def test_coefficients_are_what_the_fits_give(name: str, fits: ModuleType) -> None:
    above, below = fits.fit_ratio(name)
    assert tuple(above) == getattr(functions, f"{name.upper()}_ABOVE")
    assert tuple(below) == getattr(functions, f"{name.upper()}_BELOW")
