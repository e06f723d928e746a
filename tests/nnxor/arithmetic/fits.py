"""Where the coefficients of `nnxor.arithmetic.functions` come from; as a command it prints them.

Each minimizes the largest relative error of the function that it serves: weighted least squares at Chebyshev nodes with
60 digits, the weights renewed by the errors (Lawson's algorithm). For float32 each coefficient is rounded before the
next ones are fitted again, for float64 the first five. The rational functions of the normal quantile are fitted in the
same way, the equations being divided by the last denominator (Sanathanan & Koerner) before each round.
"""

from collections.abc import Callable
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


mp.dps = 60
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


def least_squares(
    values: list[mpf], weights: list[mpf], nodes: list[mpf], powers: range, rounds: int = 25
) -> list[mpf]:
    """Coefficients of these powers with the least largest weighted error."""
    rows = [[node**power for power in powers] for node in nodes]
    shares, best = [mpf(1)] * len(nodes), (mp.inf, [])
    for _ in range(25):
        scales = [share * weight**2 for share, weight in zip(shares, weights, strict=True)]
        columns = list(zip(*rows, strict=True))
        found = _solved(columns, scales, values)
        errors = [abs(w * (v - mp.fdot(found, row))) for w, v, row in zip(weights, values, rows, strict=True)]
        best = min(best, (max(errors), found), key=lambda pair: pair[0])
        shares = [share * error for share, error in zip(shares, errors, strict=True)]
        shares = [share * len(nodes) / mp.fsum(shares) for share in shares]
    return best[1]


def _solved(columns: list[list[mpf]], scales: list[mpf], values: list[mpf]) -> list[mpf]:
    """The coefficients of the columns with the least squared errors, which count so much, by the normal equations."""
    A, right = mp.matrix(len(columns)), mp.matrix(len(columns), 1)
    for i, column in enumerate(columns):
        scaled = [scale * entry for scale, entry in zip(scales, column, strict=True)]
        right[i] = mp.fdot(scaled, values)
        for j in range(i + 1):
            A[i, j] = A[j, i] = mp.fdot(scaled, columns[j])
    return list(mp.lu_solve(A, right))


def fit(name: str, dtype: type) -> list[float]:
    """The coefficients of a polynomial, the constant one first."""
    target = FITS[name]
    degree, n = target.degrees[dtype is np.float64], 80
    middle, half = (target.low + target.high) / 2, (target.high - target.low) / 2
    nodes = [middle - half * mp.cos(mp.pi * (i + mpf(0.5)) / n) for i in range(n)]
    weights, rest = [target.weight(node) for node in nodes], [target.function(node) for node in nodes]
    coefficients: list[float] = []
    while len(coefficients) <= degree:
        powers = range(len(coefficients), degree + 1)
        found = least_squares(rest, weights, nodes, powers)
        rounded = [float(dtype(float(c))) for c in found]
        last = dtype is np.float64 and len(coefficients) == 4
        for power, c in zip(powers, rounded if last else rounded[:1], strict=False):
            coefficients.append(c)
            rest = [value - c * node**power for value, node in zip(rest, nodes, strict=True)]
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
    nodes, values, quantiles, (above, below) = ratio(name)
    columns = [[x**k for x in nodes] for k in range(above + 1)]
    columns += [[-v * x**k for x, v in zip(nodes, values, strict=True)] for k in range(1, below + 1)]
    shares, denominators, best = [mpf(1)] * len(nodes), [mpf(1)] * len(nodes), (mp.inf, [])
    for i in range(30):
        scales = [s / (d * z) ** 2 for s, d, z in zip(shares, denominators, quantiles, strict=True)]
        found = _solved(columns, scales, values)
        top, bottom = found[: above + 1], [mpf(1), *found[above + 1 :]]
        denominators = [mp.polyval(bottom, x, asc=True) for x in nodes]
        fits = [mp.polyval(top, x, asc=True) / d for x, d in zip(nodes, denominators, strict=True)]
        errors = [abs((f - v) / z) for f, v, z in zip(fits, values, quantiles, strict=True)]
        best = min(best, (max(errors), [top, bottom]), key=lambda pair: pair[0])
        if i > 4:
            shares = [share * error for share, error in zip(shares, errors, strict=True)]
            shares = [share * len(nodes) / mp.fsum(shares) for share in shares]
    top, bottom = best[1]
    return [float(c) for c in top], [float(c) for c in bottom]


if __name__ == "__main__":
    for name in FITS:
        for dtype in (np.float32, np.float64):
            print(name, dtype.__name__, [float(str(dtype(c))) for c in fit(name, dtype)])
    for name in ("middle", "near", "far"):
        print(name, *fit_ratio(name))
