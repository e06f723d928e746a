"""The project's own functions: near the true values, monotone, symmetric, the same bits in NumPy and machine code."""

from collections.abc import Callable
from types import ModuleType
from typing import NamedTuple

import numpy as np
import pytest
from mpmath import libmp

from nnxor.arithmetic import functions

PRECISION = 90
POINTS = 100_000
DTYPES = (np.float32, np.float64)


def _exp(x: tuple, precision: int) -> tuple:
    return libmp.mpf_exp(libmp.from_float(min(2000.0, max(-2000.0, libmp.to_float(x)))), precision)  # beyond: inf and 0


def _sigmoid(x: tuple, precision: int) -> tuple:
    below = libmp.mpf_add(libmp.fone, _exp(libmp.mpf_neg(x), precision), precision)
    return libmp.mpf_div(libmp.fone, below, precision)


def _expm1(x: tuple, precision: int) -> tuple:
    lost = max(0, -(x[2] + x[3]))  # |x| < 2^-lost
    if lost > precision:
        return x
    return libmp.mpf_sub(_exp(x, precision + lost), libmp.fone, precision)


def _log1p(x: tuple, precision: int) -> tuple:
    lost = max(0, -(x[2] + x[3]))
    return x if lost > precision else libmp.mpf_log(libmp.mpf_add(libmp.fone, x), precision + lost)


class Law(NamedTuple):
    """A function: its true value, NumPy's in more than its own precision, where it is defined, where pieces meet."""

    true: Callable[[tuple, int], tuple]
    wider: Callable[[np.ndarray], np.ndarray]
    low: float
    high: float
    seams: tuple[float, ...] = ()
    monotone: bool = True


HALVES = tuple(np.log(2) * (np.arange(-40, 40) + 0.5))
LAWS = {
    "exp_below_one": Law(_exp, np.exp, -np.inf, 0.0, HALVES),
    "expm1": Law(_expm1, np.expm1, -np.inf, np.inf, HALVES),
    "sigmoid": Law(_sigmoid, lambda x: 1 / (1 + np.exp(-x)), -np.inf, np.inf, HALVES),
    "tanh": Law(libmp.mpf_tanh, np.tanh, -np.inf, np.inf, (*np.divide(HALVES, 2), 0.55, -0.55)),
    "log": Law(libmp.mpf_log, np.log, 0.0, np.inf, tuple(2.0 ** np.arange(-30.5, 30))),
    "log1p_unit": Law(_log1p, np.log1p, 0.0, 1.0, (), monotone=False),
}


def edges(dtype: type) -> np.ndarray:
    limits = np.finfo(dtype)
    positive = [limits.smallest_subnormal, limits.smallest_normal, limits.max, 1.0, limits.eps, 0.0]
    ends = [np.log(float(limits.max)), -np.log(float(limits.smallest_subnormal))]
    near = np.array([*positive, *ends], dtype)
    with np.errstate(all="ignore"):
        near = np.concatenate([near, np.nextafter(near, dtype(np.inf)), np.nextafter(near, dtype(0))])
    return np.concatenate([near, -near])


def sample(law: Law, dtype: type, n: int = POINTS) -> np.ndarray:
    """Edges, numbers of all sizes by their bits, and numbers of ordinary sizes; all in the function's domain."""
    rng = np.random.default_rng(11)
    bits = rng.integers(0, 2 ** (8 * np.dtype(dtype).itemsize), n, dtype=np.uint64)
    every = bits.astype(f"u{np.dtype(dtype).itemsize}").view(dtype)
    usual = rng.uniform(-1, 1, 6 * n) * 10.0 ** rng.uniform(-9, 2.9, 6 * n)
    x = np.concatenate([edges(dtype), every[: n // 5], usual.astype(dtype)])
    x = x[np.isfinite(x) & (x > law.low) & (x < law.high) | (x == law.high)]
    return x[: n + 100]


def evaluate(name: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(all="ignore"):
        result = getattr(functions, name)(x)
    assert result.dtype == x.dtype
    return np.asarray(result)


WIDER = {np.float32: np.float64, np.float64: np.longdouble}
LACKS = 2.0**-8  # units in the last place that what is wider may lack
CHECKED = 5000  # numbers for which that is shown


def errors(name: str, x: np.ndarray) -> np.ndarray:
    """Distance from the true value in units in the last place of that value; what overflows must be infinite.

    The truth is NumPy's in a wider precision, which lacks 2⁻²⁸ of such a unit in single precision and 2⁻⁸ in double:
    that is held to many digits, which take their place where nothing is that much wider.
    """
    dtype, wider = x.dtype.type, WIDER[x.dtype.type]
    limits, found = np.finfo(dtype), evaluate(name, x)
    smallest = int(np.log2(float(limits.smallest_normal)))
    if np.finfo(wider).nmant < limits.nmant + 10:
        return distances(name, x, found)
    with np.errstate(all="ignore"):
        exact = LAWS[name].wider(x.astype(wider))
        unit = np.ldexp(wider(1), np.maximum(np.frexp(np.abs(exact))[1] - 1, smallest) - limits.nmant)
        overflows = np.where(exact >= wider(limits.max), 0, np.inf)
        apart = np.where(np.isinf(found), overflows, np.abs(found - exact) / unit).astype(np.float64)
    some = np.unique(np.linspace(0, len(x) - 1, CHECKED, dtype=int))
    true = distances(name, x[some], found[some])
    assert (np.abs(apart[some] - true)[np.isfinite(true)] <= LACKS).all()
    assert np.array_equal(np.isfinite(apart[some]), np.isfinite(true))
    return apart


def distances(name: str, x: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The same with many digits."""
    limits, true = np.finfo(x.dtype), LAWS[name].true
    smallest = int(np.log2(float(limits.smallest_normal)))
    distances = np.empty(len(x))
    for i, (argument, value) in enumerate(zip(x.tolist(), found.tolist(), strict=True)):
        exact = true(libmp.from_float(argument), PRECISION)
        if np.isinf(value):
            distances[i] = 0 if libmp.to_float(libmp.mpf_shift(exact, -1)) >= float(limits.max) / 2 else np.inf
            continue
        exponent = max(exact[2] + exact[3] - 1, smallest) if exact[1] else smallest
        difference = libmp.mpf_sub(libmp.from_float(value), exact, PRECISION)
        distances[i] = abs(libmp.to_float(libmp.mpf_shift(difference, limits.nmant - exponent)))
    return distances


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAWS)
def test_results_are_within_two_units_in_the_last_place(name: str, dtype: type) -> None:
    x = sample(LAWS[name], dtype)
    assert len(x) >= POINTS
    apart = errors(name, x)
    worst = int(np.argmax(apart))
    assert apart[worst] <= 2.0 - LACKS, (x[worst], apart[worst])


def consecutive(around: float, dtype: type, n: int = 2000) -> np.ndarray:
    """Some 2 n consecutive numbers around one, in ascending order."""
    integer = f"i{np.dtype(dtype).itemsize}"
    start = np.array(around, dtype).view(integer)
    return np.sort((start + np.arange(-n, n).astype(integer)).view(dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, law in LAWS.items() if law.monotone])
def test_results_never_fall_where_arguments_rise(name: str, dtype: type) -> None:
    law = LAWS[name]
    rng = np.random.default_rng(3)
    places = [*law.seams, *(rng.uniform(-1, 1, 300) * 10 ** rng.uniform(-3, 2, 300))]
    stretches = [consecutive(place, dtype) for place in places if law.low < place < law.high]
    assert len(stretches) > 100
    for x in (*stretches, np.sort(sample(law, dtype))):
        y = evaluate(name, x[(x >= law.low) & (x <= law.high)])
        assert (y[1:] >= y[:-1]).all(), x[:1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_edges(dtype: type) -> None:
    expected = {"expm1": [-1, np.inf], "sigmoid": [0, 1], "tanh": [-1, 1], "log": [np.nan, np.inf]}
    expected |= {"exp_below_one": [0]}
    for name, limits in expected.items():
        ends = [-np.inf, np.inf, np.nan] if len(limits) == 2 else [-np.inf, np.nan]
        np.testing.assert_array_equal(evaluate(name, np.array(ends, dtype)), np.array([*limits, np.nan], dtype), name)
    zero = np.array([0.0, -0.0], dtype)
    for name, at_zero in {"exp_below_one": 1, "expm1": 0, "tanh": 0, "sigmoid": 0.5}.items():
        np.testing.assert_array_equal(evaluate(name, zero), np.full(2, at_zero, dtype), name)
    np.testing.assert_array_equal(evaluate("log", zero), np.full(2, -np.inf, dtype))
    np.testing.assert_array_equal(evaluate("log", np.array([1, -1], dtype)), np.array([0, np.nan], dtype))


@pytest.mark.parametrize("dtype", DTYPES)
def test_tanh_is_odd_and_sigmoids_of_opposite_numbers_sum_to_one(dtype: type) -> None:
    x = sample(LAWS["tanh"], dtype)
    assert (evaluate("tanh", -x) == -evaluate("tanh", x)).all()
    total = evaluate("sigmoid", x).astype(np.float64) + evaluate("sigmoid", -x)
    assert (np.abs(total - 1) <= 2 * np.finfo(dtype).eps).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LAWS)
def test_machine_code_gives_the_same_bits(name: str, dtype: type, scalars: ModuleType) -> None:
    x = sample(LAWS[name], dtype, 20_000)
    compiled = scalars.compiled(getattr(functions, name), dtype)
    integer = f"i{np.dtype(dtype).itemsize}"
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(compiled(x).view(integer), evaluate(name, x).view(integer))


@pytest.mark.parametrize("name", ["tanh", "log"])
def test_polynomials_are_what_the_fits_give(name: str, fits: ModuleType) -> None:
    for dtype, constants in ((np.float32, functions.SINGLE), (np.float64, functions.DOUBLE)):
        np.testing.assert_array_equal(np.array(fits.fit(name, dtype), dtype), np.array(getattr(constants, name), dtype))
