"""Exponentials, logarithms and the quantile of the normal distribution, made of exactly defined operations alone.

Each is a function over numbers (`nnxor.arithmetic.numbers`) of float32 or float64, with one fixed order of operations,
and gives the same bits everywhere. Results are within 2 units in the last place of the true value, monotone (but for
`log1p_unit`), and never NaN for a finite number of the domain; ±inf give the limits, NaN gives NaN.

The reductions are those of Cody & Waite, "Software Manual for the Elementary Functions" (1980); the logarithm is
arranged as in fdlibm (e_log.c, s_log1p.c), tanh is split as there and in Cephes. The polynomials are near-minimax fits
of our own, computed with 60 digits by iteratively reweighted least squares (Lawson) at Chebyshev nodes, each
coefficient rounded to the dtype before the next ones were fitted again (`tests/nnxor/arithmetic/fits.py`).

The quantile is three rational functions, with the regions of Wichura's algorithm AS 241 ("The percentage points of the
normal distribution", Applied Statistics 37, 1988): in the middle of q = p − ½, in the tails of t = √(−log p), before
and after 5. Unlike there, they approximate only what a multiple of q or t leaves, which halves the rounding error.
"""

from math import inf, nan
from typing import NamedTuple

import numpy as np

from nnxor.arithmetic.numbers import Number, absolute, exponent, maximum, minimum, power_of_two, rounded, sqrt, where
from nnxor.arrays import Array


class Constants(NamedTuple):
    """What the functions need to know of a dtype; the polynomials from their constant term on."""

    ln2_high: float  # ln 2 but for its last digits, so that its products with whole exponents are exact
    ln2_low: float  # ln 2 − ln2_high
    exp: tuple[float, ...]  # (e^r − 1 − r) / r² for |r| ≤ ln 2 / 2
    half_exp: tuple[float, ...]  # ½·e^(2r) for |r| ≤ ln 2 / 4
    tanh: tuple[float, ...]  # (tanh x / x − 1) / x² in powers of x², for |x| ≤ 0.55
    log: tuple[float, ...]  # ((2·artanh s) / s − 2) / s² in powers of s², for |s| ≤ 1/3
    overflow: float  # somewhat above the largest x with a finite e^x
    underflow: float  # somewhat below the smallest x whose e^x does not round to 0
    flat: float  # from here on tanh rounds to 1


SINGLE = Constants(
    ln2_high=0.693359375,
    ln2_low=-2.12194440e-4,
    exp=(0.49999994, 0.16666521, 0.041668262, 0.008368669, 0.0013820967),
    half_exp=(0.50000006, 1.0000001, 0.99997115, 0.66662556, 0.33554426, 0.1350387),
    tanh=(-0.33332947, 0.13320729, -0.052672014, 0.01643789),
    log=(0.6666642, 0.4002143, 0.2800316, 0.28006065),
    overflow=89.0,
    underflow=-105.0,
    flat=9.1,
)
DOUBLE = Constants(
    ln2_high=6.93147180369123816490e-01,
    ln2_low=1.90821492927058770002e-10,
    exp=(
        0.5000000000000011, 0.1666666666666644, 0.04166666666652703, 0.008333333333477331, 0.0013888888944317394,
        0.00019841269541987086, 2.4801492479486457e-05, 2.755755591389693e-06, 2.763044547469055e-07,
        2.500940715375572e-08,
    ),
    half_exp=(
        0.5, 1.0, 1.0000000000000022, 0.6666666666666576, 0.33333333333221626, 0.13333333333563627,
        0.04444444462182254, 0.01269841250709136, 0.003174591036893002, 0.0007054734188732589, 0.00014146788992051813,
        2.5609845506033563e-05,
    ),
    tanh=(
        -0.33333333333332316, 0.13333333333168895, -0.05396825387614574, 0.02186948597605785, -0.008863194518046333,
        0.0035917197936184207, -0.001453217172072711, 0.000579138111809011, -0.00021030401405283496,
        5.1022495789153825e-05,
    ),
    log=(
        0.6666666666666631, 0.40000000000155755, 0.28571428548049527, 0.22222223957340023, 0.1818174436339566,
        0.15386550626016543, 0.13301094395129515, 0.1210514379200192, 0.08344153388924236, 0.17011196695792044,
    ),
    overflow=710.0,
    underflow=-746.0,
    flat=19.1,
)  # fmt: skip

LOG2_E = 1.4426950408889634
HALF_LN2 = 0.34657359027997264  # rounded to either dtype it is near enough for the few multiples that tanh needs
SHIFT = 64.0  # numbers are scaled by 2^±64 where a result may be subnormal, or an argument
DOWN = 2.0**-SHIFT
SQRT2 = 1.4142135623730951
TANH_SPLIT = 0.55


def constants(x: Number) -> Constants:
    """Those of the dtype of a number."""
    return SINGLE if x.dtype == np.float32 else DOUBLE


def polynomial(coefficients: tuple[float, ...], x: Number) -> Number:
    """The polynomial with these coefficients, the constant one first, by Horner's rule."""
    value = coefficients[-1] * x
    for coefficient in coefficients[-2:0:-1]:
        value += coefficient  # in place, where it is an array
        value *= x
    return value + coefficients[0]


def _reduced(x: Number) -> tuple[Number, Number]:
    """A whole n and p = e^r − 1, with e^x = 2^n·e^r and |r| ≤ ln 2 / 2."""
    c = constants(x)
    n = rounded(x * LOG2_E)
    r = (x - n * c.ln2_high) - n * c.ln2_low
    return n, r + (r * r) * polynomial(c.exp, r)


def exp_below_one(x: Number) -> Number:
    """e^x for x ≤ 0; not defined for x > 40."""
    n, p = _reduced(maximum(constants(x).underflow, x))
    return ((1.0 + p) * power_of_two(n + SHIFT)) * DOWN


def expm1(x: Number) -> Number:
    """e^x − 1, also where e^x is near 1."""
    n, p = _reduced(minimum(constants(x).overflow, maximum(-40.0, x)))
    half = power_of_two(n - 1.0)
    return (p * half + (half - 0.5)) * 2.0


def sigmoid(x: Number) -> Number:
    """1 / (1 + e^−x)."""
    n, p = _reduced(minimum(-constants(x).underflow, maximum(-40.0, -x)))
    scale = power_of_two(n - SHIFT)
    return DOWN / ((minimum(scale, DOWN) + p * scale) + maximum(scale, DOWN))


def tanh(x: Number) -> Number:
    """The hyperbolic tangent: x + x³·P(x²) near 0, else ±(1 − 1 / (½·e^(2|x|) + ½)); odd."""
    c = constants(x)
    a = minimum(c.flat, absolute(x))
    n = rounded(a * (2 * LOG2_E))
    half_exp = polynomial(c.half_exp, a - n * HALF_LN2) * power_of_two(n)
    far = 1.0 - 1.0 / (half_exp + 0.5)
    square = a * a
    near = x + x * (square * polynomial(c.tanh, square))
    return where(a < TANH_SPLIT, near, where(x < 0.0, -far, far))


def _log1p(f: Number) -> tuple[Number, Number]:
    """f²/2 and g, with log(1 + f) = f − (f²/2 − g), for −1/2 ≤ f ≤ 1."""
    s = f / (2.0 + f)
    square, half = s * s, (0.5 * f) * f
    return half, s * (half + square * polynomial(constants(f).log, square))


def log1p_unit(x: Number) -> Number:
    """log(1 + x) for 0 ≤ x ≤ 1; not defined elsewhere."""
    half, g = _log1p(x)
    return x - (half - g)


def _split(x: Number) -> tuple[Number, Number]:
    """A whole n and f with x = 2^n·(1 + f) and √½ ≤ 1 + f ≤ √2, for x > 0; something else for other x."""
    below = x < 1.0
    scaled = where(below, x, x * 2.0**-64) * 2.0**60
    n = exponent(scaled)
    m = scaled * power_of_two(-n)
    large = m > SQRT2
    n = where(below, n - 60.0, n + 4.0)
    return where(large, n + 1.0, n), where(large, m * 0.5, m) - 1.0


def log(x: Number) -> Number:
    """The natural logarithm, n·ln 2 + log(1 + f); −inf for ±0 and NaN for negative numbers."""
    c = constants(x)
    n, f = _split(minimum(float(np.finfo(x.dtype).max), maximum(0.0, x)))
    half, g = _log1p(f)
    result = n * c.ln2_high + (f - (half - (g + n * c.ln2_low)))
    return where(x > 0.0, where(x < inf, result, x), where(x < 0.0, nan, where(x <= 0.0, -inf, x)))


MIDDLE = 0.425  # the middle are the probabilities that are no farther from ½
FAR_CENTRE = 5.0  # where the far tail begins, in t
MIDDLE_CENTRE, NEAR_CENTRE = 0.1875, 1.625  # what the arguments of the rational functions are counted from
SLOPE = 1.375  # about the derivative of the quantile with respect to t: good enough for corrections of half a unit
MIDDLE_ABOVE = (
    0.9608936895056467, 35.09736196307647, 414.26341688582824, 1222.8233221283558, -8488.210641363488,
    -58765.15247100929, -104509.93321712194, -47436.218653608754,
)  # fmt: skip
MIDDLE_BELOW = (
    1.0, 48.303678423331796, 904.60603081087, 8315.408051264552, 39245.49318052315, 90922.0966655636,
    89445.10222490215, 25377.71655110744, -391.1046222870687,
)  # fmt: skip
NEAR_ABOVE = (
    -0.5651952262986275, -0.6978459309430993, -0.1307666644910385, 0.1750783198075159, 0.10998117632306639,
    0.02544935001817629, 0.002528736600802401, 8.606143603805481e-05,
)  # fmt: skip
NEAR_BELOW = (
    1.0, 2.033889014473698, 1.6463248709294134, 0.6720465738338209, 0.14324759907732385, 0.014603199811849928,
    0.0005233284458097485, 8.586975615054677e-09,
)  # fmt: skip
FAR_ABOVE = (
    0.40790464350110356, 0.47042133992541024, 0.18546197530035122, 0.0347454480553631, 0.0034186671746780735,
    0.00017831843737474857, 4.644296302239399e-06, 5.1828121811531005e-08, 1.7047685020747038e-10,
)  # fmt: skip
FAR_BELOW = (
    1.0, 0.613530799657508, 0.14482774879978272, 0.016587687661443196, 0.0009602686742536842, 2.6765018183112424e-05,
    3.104306638439623e-07, 1.0381378766741917e-09,
)  # fmt: skip


def _ratio(above: tuple[float, ...], below: tuple[float, ...], x: Number) -> Number:
    return polynomial(above, x) / polynomial(below, x)


def _middle(q: Number) -> Number:
    """The quantile of ½ + q, for |q| ≤ `MIDDLE`; odd."""
    rest = _ratio(MIDDLE_ABOVE, MIDDLE_BELOW, MIDDLE_CENTRE - q * q)
    return 2.0 * q + (0.5 * q + q * rest)


def _tail(p: Number) -> Number:
    """How far below 0 the quantile of p is, for 0 < p ≤ ½ − `MIDDLE`."""
    square = -log(p)
    t = sqrt(square)
    near = _ratio(NEAR_ABOVE, NEAR_BELOW, t - NEAR_CENTRE)
    far = _ratio(FAR_ABOVE, FAR_BELOW, t - FAR_CENTRE)
    return t + ((0.25 * t + SLOPE * _rest_of_root(square, t)) + where(t < FAR_CENTRE, near, far))


def _rest_of_root(square: Number, root: Number) -> Number:
    """What rounding took from a square root below 32, from its square's first half, which is exact, and the rest."""
    grid = 2.0**8 if root.dtype == np.float32 else 2.0**21
    first = rounded(root * grid) * (1.0 / grid)
    return ((square - first * first) - (root - first) * (root + first)) * (0.5 / root)


def normal_quantile(p: Number) -> Number:
    """The number below which a standard normal variable falls with probability p; odd about ½.

    −inf for 0, inf for 1 and NaN outside. It rises over the multiples of the dtype's epsilon; between neighbours that
    are closer, in the lower half, it may fall by a unit in the last place.
    """
    q = p - 0.5
    smaller = where(q < 0.0, p, 1.0 - p)
    beyond = _tail(maximum(float(np.finfo(p.dtype).smallest_subnormal), smaller))
    beyond = where(smaller > 0.0, beyond, where(smaller < 0.0, nan, inf + beyond))
    return where(absolute(q) <= MIDDLE, _middle(q), where(q < 0.0, -beyond, beyond))


def normal_quantiles(p: Array) -> Array:
    """`normal_quantile` of an array of probabilities between 0 and 1, the tails computed only where they are needed."""
    result, outside = _middle(p - 0.5), np.abs(p - 0.5) > MIDDLE
    result[outside] = normal_quantile(p[outside])
    return np.asarray(result)
