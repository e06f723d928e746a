"""Where the polynomials of `nnxor.arithmetic.functions` come from: `python tests/nnxor/arithmetic/fits.py` prints them.

Each minimizes the largest relative error of the function that it serves: weighted least squares at Chebyshev nodes with
60 digits, the weights renewed by the errors (Lawson's algorithm). For float32 each coefficient is rounded before the
next ones are fitted again, for float64 the first five.
"""

from __future__ import annotations

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
        A = mp.matrix([[mp.fdot(_scaled(scales, a), b) for b in columns] for a in columns])
        found = list(mp.lu_solve(A, mp.matrix([mp.fdot(_scaled(scales, a), values) for a in columns])))
        errors = [abs(w * (v - mp.fdot(found, row))) for w, v, row in zip(weights, values, rows, strict=True)]
        best = min(best, (max(errors), found), key=lambda pair: pair[0])
        shares = [share * error for share, error in zip(shares, errors, strict=True)]
        shares = [share * len(nodes) / mp.fsum(shares) for share in shares]
    return best[1]


def _scaled(scales: list[mpf], column: tuple[mpf, ...]) -> list[mpf]:
    return [scale * entry for scale, entry in zip(scales, column, strict=True)]


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


if __name__ == "__main__":
    for name in FITS:
        for dtype in (np.float32, np.float64):
            print(name, dtype.__name__, [float(str(dtype(c))) for c in fit(name, dtype)])
