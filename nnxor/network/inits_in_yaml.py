"""How initial weights are distributed: numbers or formulas of fan_in and fan_out, so that a law is a bit of YAML."""

import ast
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache, partial
from operator import add, mul, sub, truediv
from typing import Any, NamedTuple, Self

import numpy as np

from nnxor.arithmetic.functions import normal_quantile, normal_quantiles
from nnxor.arrays import Array, Floats
from nnxor.checks import Check, choice, number, optional, show, switch

LARGEST = 1e30  # largest parameter of a distribution: its draws must be finite in float32, with room to train
LONGEST_FORMULA = 200  # characters of a formula: enough for any, and too few to be nested deeper than Python can read
MOST_FACTORS = 200  # twice the largest exponent of a formula


def _power(base: float, exponent: float) -> float:
    """A whole or half power by multiplications and a square root, which are the same everywhere, unlike `**`."""
    doubled = 2 * abs(exponent)
    if doubled != int(doubled) or doubled > MOST_FACTORS:
        raise ValueError(f"exponents are whole or half numbers, up to {MOST_FACTORS // 2} in size; got {exponent:g}")
    power = math.prod([base] * (int(doubled) // 2) + [math.sqrt(base)] * (int(doubled) % 2), start=1.0)
    return power if exponent >= 0 else 1 / power


_OPERATORS = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: _power}


def evaluate(formula: float | str, fan_in: int, fan_out: int) -> float:
    """Value of a formula of numbers, + − * / **, sqrt(), fan_in and fan_out; ValueError quotes one that holds more."""
    names = {"fan_in": float(fan_in), "fan_out": float(fan_out)}

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return float(number)
            case ast.Name(id=name) if name in names:
                return names[name]
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -value(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                return float(_OPERATORS[type(op)](value(left), value(right)))
            case ast.Call(func=ast.Name(id="sqrt"), args=[argument], keywords=[]):
                return math.sqrt(value(argument))
        raise ValueError("it may hold numbers, + - * / **, sqrt(), fan_in and fan_out")

    try:
        result = value(ast.parse(plain_formula(str(formula)), mode="eval").body)
    except (SyntaxError, ValueError, TypeError, ArithmeticError) as error:
        raise ValueError(f"cannot evaluate '{formula!s:.60}': {error}") from None
    if not math.isfinite(result):
        raise ValueError(f"'{formula}' is {result}, not a finite number")
    return result


def plain_formula(text: str) -> str:
    """A formula as it is understood, without comments and the like; ValueError for one that is too long to be one."""
    if len(text) > LONGEST_FORMULA:
        raise ValueError(f"it has {len(text):,} characters; allowed: {LONGEST_FORMULA}")
    return ast.unparse(ast.parse(text.strip(), mode="eval").body)


def plain_name(name: str) -> str:
    """A name as canonical texts hold it: without the characters that separate their parts."""
    return name.translate({ord(sign): f"%{ord(sign):02X}" for sign in "%;:|\n"})


class Law(NamedTuple):
    """A kind of distribution, of which numbers are drawn by its quantile function.

    label: how readers see it. parameters: their names and defaults (None: must be given), or their numbers. quantile,
    below: the inverse of its distribution function at u in (0, 1), and that function at x, in their shape, float64; the
    parameters are given by name. flat: whether its density is the same everywhere between its ends.
    """

    label: str
    parameters: Mapping[str, float | None]
    quantile: Callable[..., Array]
    below: Callable[..., Array]
    flat: bool = False


def _normal_quantile(u: Array, mean: float, std: float, cut: float = math.inf) -> Array:
    if cut < math.inf:
        below = _share_below(-cut)
        u = below + (1.0 - 2.0 * below) * u
    return mean + std * normal_quantiles(u)


def _normal_below(x: Array, mean: float, std: float, cut: float = math.inf) -> Array:
    z, least = np.clip((x - mean) / std, -cut, cut), math.erfc(cut / math.sqrt(2)) / 2
    share = np.asarray(np.frompyfunc(math.erfc, 1, 1)(-z / math.sqrt(2)), np.float64) / 2
    return np.asarray((share - least) / (1 - 2 * least))


@cache
def _share_below(z: float) -> float:
    """The share of a standard normal law below z ≤ 0, to 64 binary places: where the quantile reaches z."""
    low, high = 0.0, 0.5
    for _ in range(63):
        middle = (low + high) / 2
        low, high = (middle, high) if normal_quantile(np.float64(middle)) <= z else (low, middle)
    return low


LAWS = {
    "constant": Law(
        "{value}", {"value": None},
        lambda u, value: np.full_like(u, value), lambda x, value: np.where(x < value, 0.0, 1.0),
    ),
    "uniform": Law(
        "U({low}, {high})", {"low": None, "high": None},
        lambda u, low, high: low + (high - low) * u, lambda x, low, high: np.clip((x - low) / (high - low), 0, 1),
        flat=True,
    ),
    "normal": Law("N({mean}, {std}²)", {"mean": 0.0, "std": None}, _normal_quantile, _normal_below),
    "truncated_normal": Law(
        "N({mean}, {std}²) cut at {cut}σ", {"mean": 0.0, "std": None, "cut": 2.0}, _normal_quantile, _normal_below
    ),
}  # fmt: skip
"""The distributions. `std` is that of the uncut normal, and `cut` where the truncated one ends, in units of it."""


@dataclass(frozen=True)
class Distribution:
    """A distribution of initial values: its name and the formulas of its parameters."""

    name: str
    parameters: tuple[tuple[str, float | str], ...]

    @classmethod
    def of(cls, spec: object) -> Self:
        """Read `{distribution: NAME, parameter: value, …}`; ValueError says what is wrong."""
        if not isinstance(spec, Mapping) or "distribution" not in spec:
            raise ValueError(f"{spec!r} is no distribution; write e.g. {{distribution: normal, std: 1}}")
        name = spec["distribution"]
        if not isinstance(name, str) or name not in LAWS:
            raise ValueError(f"distribution={name} is unknown; allowed: {', '.join(LAWS)}")
        parameters = LAWS[name].parameters
        told: dict[str, Any] = {**parameters, **{str(key): spec[key] for key in spec if key != "distribution"}}
        if unknown := [key for key in told if key not in parameters]:
            raise ValueError(f"{unknown[0]} is no parameter of {name}; allowed: {', '.join(parameters)}")
        if missing := [key for key, value in told.items() if value is None]:
            raise ValueError(f"{name} needs {', '.join(missing)}")
        for key, value in told.items():
            if isinstance(value, bool) or not isinstance(value, int | float | str):
                raise ValueError(f"{key}={value} is neither a number nor a formula")
        for fan_in, fan_out in ((1, 1), (2, 4), (4, 1)):
            cls(name, tuple(told.items())).at(fan_in, fan_out)
        plain = {key: plain_formula(value) if isinstance(value, str) else float(value) for key, value in told.items()}
        return cls(name, tuple(plain.items()))

    def text(self) -> str:
        """Its name and parameters, without blanks."""
        parameters = (f"{key}={str(value).replace(' ', '')}" for key, value in self.parameters)
        return f"{self.name}({','.join(parameters)})"

    @property
    def label(self) -> str:
        """The same as readers see it: 'U(\N{MINUS SIGN}0.3, 0.3)'."""
        told = {key: f"{value:g}" if isinstance(value, float) else value for key, value in self.parameters}
        text = re.sub(r"\(-(sqrt.*), \1\)$", r"(±\1)", LAWS[self.name].label.format(**told))
        return text.replace("-", "\N{MINUS SIGN}").replace("sqrt", "\N{SQUARE ROOT}")

    def at(self, fan_in: int, fan_out: int) -> Law:
        """The law for a layer, whose functions need u or x alone; ValueError if its parameters make no distribution."""
        p = {key: evaluate(formula, fan_in, fan_out) for key, formula in self.parameters}
        largest = max(p.values(), key=abs)
        for wrong, why in (
            (abs(largest) > LARGEST, f"{largest:g} is beyond {LARGEST:g}, which float32 cannot bear"),
            (p.get("std", 0.0) < 0, "std={std:g} is negative"),
            (p.get("cut", 1.0) <= 0, "cut={cut:g} is not above 0"),
            (p.get("low", 0.0) > p.get("high", 0.0), "low={low:g} is above high={high:g}"),
        ):
            if wrong:
                raise ValueError(why.format(**p))
        law = LAWS[self.name]
        return law._replace(parameters=p, quantile=partial(law.quantile, **p), below=partial(law.below, **p))


CHECKS: dict[str, Check] = {  # which values are allowed in a file of conf/init, beside distributions
    "mirror": switch,
    "margin": optional(number(lambda value: value >= 0, "a number from 0")),
    "generator": choice(("philox", "numpy")),
    "label": str,
}


@dataclass(frozen=True)
class Init:
    """An initialization: the distributions of all weights and of all biases, and what the draws must be like.

    `outputs` is the distribution of the output's weights where it is another one. With `mirror`, hidden units come in
    pairs, the second with the opposite weights and bias of the first. With `margin`, a whole network is drawn again
    until every row of the task puts some unit above the margin (before its activation). `generator: numpy` draws as
    scripts do, from `numpy.random.default_rng(seed)`: W1 (hidden, inputs), b1, W2, b2, so that published runs can be
    had seed by seed. `label` is for figures.
    """

    name: str
    weights: Distribution
    biases: Distribution
    outputs: Distribution | None = None
    mirror: bool = False
    margin: float | None = None
    generator: str = "philox"
    label: str = field(default="", compare=False)

    @classmethod
    def of(cls, name: str, content: Mapping[str, object]) -> Self:
        """Read what a file of conf/init holds; ValueError says what is wrong."""
        needed, others = ["weights", "biases"], [part.name for part in fields(cls)[3:]]
        if not {*needed} <= {*content} <= {*needed, *others}:
            raise ValueError(f"it must hold {' and '.join(needed)}, and may hold {', '.join(others)}; got {[*content]}")
        values: dict[str, Any] = {"label": name}
        for part, value in content.items():
            try:
                values[part] = CHECKS.get(part, Distribution.of)(value)
            except ValueError as error:
                refused = f"{part}={show(value)} is not allowed; {error}" if part in CHECKS else f"{part}: {error}"
                raise ValueError(refused) from None
        return cls(name, **values)

    def text(self) -> str:
        """Everything that results depend on, on one line."""
        parts = [self.weights.text(), self.biases.text()]
        parts += [f"outputs={self.outputs.text()}"] if self.outputs else []
        parts += ["mirror"] if self.mirror else []
        parts += [f"margin={self.margin!r}"] if self.margin is not None else []
        parts += [f"generator={self.generator}"] if self.generator != "philox" else []
        return plain_name(self.name) + ":" + "|".join(parts)


@dataclass(frozen=True)
class GivenWeights:
    """Initial weights that were drawn elsewhere: S sets of them, of which seed s starts from set s.

    `arrays` holds W1 (D, H, S), b1 (H, S), W2 (H, S) and b2 (S,) in float32; `digest` tells two of them apart.
    """

    name: str
    digest: str
    arrays: tuple[Floats, ...] = field(compare=False, repr=False)

    @property
    def size(self) -> tuple[int, ...]:
        """Number of inputs and of hidden units, (D, H)."""
        return self.arrays[0].shape[:2]

    @property
    def n_sets(self) -> int:
        """Number of sets of weights, S."""
        return int(self.arrays[0].shape[2])


UNIFORM = Init(
    "uniform",
    Distribution.of({"distribution": "uniform", "low": -1, "high": 1}),
    Distribution.of({"distribution": "constant", "value": 0}),
    label="U(\N{MINUS SIGN}1, 1)",
)
"""Weights from U(−1, 1), biases 0: the default initialization, here so that it needs no file."""
