"""The quantile of the normal distribution, made of exactly defined operations alone (see `nnxor.arithmetic.functions`).

Three rational functions, as in Wichura's algorithm AS 241 ("The percentage points of the normal distribution", Applied
Statistics 37, 1988), with its regions: in the middle of q = p − ½, in the tails of t = √(−log p), before and after 5.
Unlike there, they approximate only what a simple multiple of q or t leaves, which halves the error of rounding:
within 2 units in the last place of the true value. The fits are our own (`tests/nnxor/arithmetic/fits.py`).
"""

from math import inf, nan

import numpy as np
from numpy.typing import NDArray

from nnxor.arithmetic.functions import log, polynomial
from nnxor.arithmetic.numbers import Number, absolute, maximum, rounded, sqrt, where

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


def middle(q: Number) -> Number:
    """The quantile of ½ + q, for |q| ≤ `MIDDLE`; odd."""
    rest = _ratio(MIDDLE_ABOVE, MIDDLE_BELOW, MIDDLE_CENTRE - q * q)
    return 2.0 * q + (0.5 * q + q * rest)


def tail(p: Number) -> Number:
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
    beyond = tail(maximum(float(np.finfo(p.dtype).smallest_subnormal), smaller))
    beyond = where(smaller > 0.0, beyond, where(smaller < 0.0, nan, inf + beyond))
    return where(absolute(q) <= MIDDLE, middle(q), where(q < 0.0, -beyond, beyond))


def normal_quantiles(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """`normal_quantile` of an array of probabilities between 0 and 1, the tails computed only where they are needed."""
    q = p - 0.5
    result = middle(q)
    outside = np.abs(q) > MIDDLE
    lower = q[outside] < 0
    beyond = tail(np.where(lower, p[outside], 1.0 - p[outside]))
    result[outside] = np.where(lower, -beyond, beyond)
    return np.asarray(result)
