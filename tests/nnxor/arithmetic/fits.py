"""Where the coefficients of `nnxor.arithmetic.functions` come from; as a command it prints them.

Each minimizes the largest relative error of the function that it serves: weighted least squares at Chebyshev nodes with
60 digits, the weights renewed by the errors (Lawson's algorithm). Functions are mpmath's, and sums are of decimals,
which Python adds and multiplies ten times as fast. For float32 each coefficient is rounded before the
next ones are fitted again, for float64 the first five. The rational functions of the normal quantile are fitted in the
same way, the equations being divided by the last denominator (Sanathanan & Koerner) before each round.
"""

from collections.abc import Callable
from decimal import Decimal, getcontext
from operator import mul
from typing import NamedTuple

import numpy as np
from mpmath import mp, mpf

Function = Callable[[mpf], mpf]


class Fit(NamedTuple):
    """What a polynomial approximates, the weight of its errors, the interval, its degrees in float32 and float64."""

    function: Function
    weight: Function
    low: mpf
    high: mpf
    degrees: tuple[int, int]


def _log_ratio(s: mpf) -> mpf:
    return 2 * mp.atanh(s) / s


mp.dps = getcontext().prec = 60
SMALL = mp.log(2) / 2 * mpf("1.0001")
FITS = {
    "exp": Fit(lambda r: (mp.expm1(r) - r) / r**2, lambda r: r**2 / mp.exp(r), -SMALL, SMALL, (4, 9)),
    "half_exp": Fit(lambda r: mp.exp(2 * r) / 2, lambda r: 2 / mp.exp(2 * r), -SMALL / 2, SMALL / 2, (5, 11)),
    "tanh": Fit(
        lambda w: (mp.tanh(mp.sqrt(w)) / mp.sqrt(w) - 1) / w,
        lambda w: w * mp.sqrt(w) / mp.tanh(mp.sqrt(w)),
        mpf(0),
        mpf("0.55") ** 2,
        (3, 9),
    ),
    "log": Fit(
        lambda w: (_log_ratio(mp.sqrt(w)) - 2) / w,
        lambda w: w / _log_ratio(mp.sqrt(w)),
        mpf(0),
        mpf("1.0001") / 9,
        (3, 9),
    ),
}


def least_squares(values: list[Decimal], weights: list[Decimal], nodes: list[Decimal], powers: range) -> list[Decimal]:
    """Coefficients of these powers with the least largest weighted error."""
    rows = [[node**power for power in powers] for node in nodes]
    shares, best = [Decimal(1)] * len(nodes), (Decimal("inf"), [])
    for _ in range(25):
        scales = [share * weight**2 for share, weight in zip(shares, weights, strict=True)]
        found = _solved(rows, scales, values)
        errors = [abs(w * (v - _dot(found, row))) for w, v, row in zip(weights, values, rows, strict=True)]
        best = min(best, (max(errors), found), key=lambda pair: pair[0])
        shares = _renewed(shares, errors)
    return best[1]


def _dot(one: list[Decimal], other: list[Decimal]) -> Decimal:
    return sum(map(mul, one, other), Decimal(0))


def _renewed(shares: list[Decimal], errors: list[Decimal]) -> list[Decimal]:
    shares = [share * error for share, error in zip(shares, errors, strict=True)]
    whole = sum(shares, Decimal(0))
    return [share * len(shares) / whole for share in shares]


def _solved(rows: list[list[Decimal]], scales: list[Decimal], values: list[Decimal]) -> list[Decimal]:
    """The coefficients of the columns with the least squared errors, which count so much, by the normal equations."""
    columns = [[*column] for column in zip(*rows, strict=True)]
    scaled = [list(map(mul, scales, column)) for column in columns]
    A = [[_dot(each, other) for other in (*columns, values)] for each in scaled]
    for i, pivot in enumerate(A):
        for row in A[i + 1 :]:
            share = row[i] / pivot[i]
            row[i:] = [a - share * b for a, b in zip(row[i:], pivot[i:], strict=True)]
    found: list[Decimal] = []
    for i, row in reversed([*enumerate(A)]):
        found.insert(0, (row[-1] - _dot(row[i + 1 : -1], found)) / row[i])
    return found


def _decimals(numbers: list[mpf]) -> list[Decimal]:
    return [Decimal(mp.nstr(number, 60)) for number in numbers]


def fit(name: str, dtype: type) -> list[float]:
    """The coefficients of a polynomial, the constant one first."""
    target = FITS[name]
    degree, n = target.degrees[dtype is np.float64], 80
    middle, half = (target.low + target.high) / 2, (target.high - target.low) / 2
    places = [middle - half * mp.cos(mp.pi * (i + mpf(0.5)) / n) for i in range(n)]
    nodes, weights, rest = (_decimals([f(x) for x in places]) for f in (lambda x: x, target.weight, target.function))
    coefficients: list[float] = []
    while len(coefficients) <= degree:
        powers = range(len(coefficients), degree + 1)
        found = least_squares(rest, weights, nodes, powers)
        rounded = [float(dtype(float(c))) for c in found]
        last = dtype is np.float64 and len(coefficients) == 4
        for power, c in zip(powers, rounded if last else rounded[:1], strict=False):
            coefficients.append(c)
            rest = [value - Decimal(c) * node**power for value, node in zip(rest, nodes, strict=True)]
    return coefficients


class Ratio(NamedTuple):
    """What a rational function approximates for the normal quantile: nodes, values there, and what errors count of."""

    nodes: list[mpf]
    values: list[mpf]
    quantiles: list[mpf]
    degrees: tuple[int, int]


def _chebyshev(low: str, high: str, n: int) -> list[mpf]:
    middle, half = (mpf(low) + mpf(high)) / 2, (mpf(high) - mpf(low)) / 2
    return [middle - half * mp.cos(mp.pi * (i + mpf(0.5)) / n) for i in range(n)]


def below_zero(p: mpf) -> mpf:
    """How far below 0 the normal quantile of p is, for p < 1/2, by Halley's method."""
    z = mp.sqrt(-2 * mp.log(p)) - mpf("0.3")
    for _ in range(8):
        step = (mp.erfc(z / mp.sqrt(2)) / 2 - p) * mp.sqrt(2 * mp.pi) * mp.exp(z * z / 2)
        z += step / (1 - z * step / 2)
    return z


def ratio(name: str) -> Ratio:
    """The middle counts from 3/16 in q², the tails from 13/8 and 5 in t = √(−log p)."""
    if name == "middle":
        squares = _chebyshev("0", "0.18063", 60)
        slopes = [below_zero(mpf(0.5) - mp.sqrt(square)) / mp.sqrt(square) for square in squares]
        return Ratio([mpf("0.1875") - x for x in squares], [slope - mpf("2.5") for slope in slopes], slopes, (7, 8))
    low, high, centre, degrees = {
        "near": ("1.605", "5.01", "1.625", (7, 7)),
        "far": ("4.99", "27.32", "5", (8, 7)),
    }[name]
    ts = _chebyshev(low, high, 80)
    zs = [below_zero(mp.exp(-t * t)) for t in ts]
    return Ratio([t - mpf(centre) for t in ts], [z - t * 5 / 4 for z, t in zip(zs, ts, strict=True)], zs, degrees)


def fit_ratio(name: str) -> tuple[list[float], list[float]]:
    """The coefficients above and below the fraction bar, the constant ones first; the one below is 1."""
    *exact, (above, below) = ratio(name)
    nodes, values, quantiles = map(_decimals, exact)
    powers = [[x**k for k in range(max(above, below) + 1)] for x in nodes]
    rows = [[*x[: above + 1], *(-v * each for each in x[1 : below + 1])] for x, v in zip(powers, values, strict=True)]
    shares, denominators, best = [Decimal(1)] * len(nodes), [Decimal(1)] * len(nodes), (Decimal("inf"), [])
    for i in range(30):
        scales = [s / (d * z) ** 2 for s, d, z in zip(shares, denominators, quantiles, strict=True)]
        found = _solved(rows, scales, values)
        top, bottom = found[: above + 1], [Decimal(1), *found[above + 1 :]]
        denominators = [_dot(bottom, x) for x in powers]
        fits = [_dot(top, x) / d for x, d in zip(powers, denominators, strict=True)]
        errors = [abs((f - v) / z) for f, v, z in zip(fits, values, quantiles, strict=True)]
        best = min(best, (max(errors), [top, bottom]), key=lambda pair: pair[0])
        if i > 4:
            shares = _renewed(shares, errors)
    top, bottom = best[1]
    return [float(c) for c in top], [float(c) for c in bottom]


if __name__ == "__main__":
    for name in FITS:
        for dtype in (np.float32, np.float64):
            print(name, dtype.__name__, [float(str(dtype(c))) for c in fit(name, dtype)])
    for name in ("middle", "near", "far"):
        print(name, *fit_ratio(name))
