"""The levels at which training can rest: the values of the loss at the traps of a task, in the loss's own units.

Away from kinks the argument is short. Let a unit be active on the rows A and have an output weight
other than 0. At a stationary point its bias and weights say that the gradient e with respect to the
predictions fulfils Σ_A e_n = 0 and Σ_A e_n·x_n = 0: e is orthogonal to every affine function of x cut to A. The output
bias says the same of the constants. The predictions themselves are a sum of such functions. So they
are the minimum of the (convex) loss over the span of the constants and of the affine functions on each
unit's active rows: linear functions, and no constants, in a network without biases. Hence there are
finitely many levels. For XOR and half_sse: 0, 1/4, 1/3, 1/2.

No more units than rows need be looked at: a sum of more vectors of R^N than N, each from its unit's cone, is also
one of N of them (Carathéodory), whose smaller span has the same minimum.

A span counts only where units can really realise its minimum: each contributes a function that is above 0
on its active rows (below, with a negative output weight) and lies on the other side of 0 elsewhere. That is
a linear programme. Two units with one pattern and output weights of both signs realise any function on it.

For bce (mean cross-entropy of a sigmoid output) the span is one of logits, and the minimum may lie at
infinity: rows that can be driven to their targets without moving the others cost nothing in the limit, and
the rest is minimised by itself. A run approaches such a level for ever.

A level is where the gradient vanishes, no more: it may be a saddle. Units whose output weight is 0 add no level,
only saddles at those listed. Not covered: activations that are not piecewise linear, and a ReLU at the output.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import combinations, product
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

from nnxor.network.tasks import Task

Array = NDArray[np.float64]
Pattern = tuple[bool, ...]

LOSSES = ("half_sse", "mse", "bce")
"""Losses whose levels can be told."""

MOST_SETS = 20_000
"""Most sets of activation patterns that one enumeration examines: a few seconds' work."""

SAME = 1e-7
"""Predictions, and losses, closer than this are one: minima are found to about 1e-10."""

LARGEST_DENOMINATOR = 60
"""A level is named by a fraction with a denominator up to this."""


@dataclass(frozen=True)
class Rest:
    """One way to rest: predictions (N,), groups of rows that share a wrong one, and wrong rows.

    `patterns` are the active rows of the units of one network that rests so and `signs` those of their output
    weights; its other units are dead. `at_infinity` says that parameters grow for ever on the way there; `kink`
    that it needs a pre-activation of exactly 0 on a row where the unit is not active.
    """

    predictions: tuple[float, ...]
    merged: tuple[tuple[int, ...], ...]
    wrong: tuple[int, ...]
    patterns: tuple[str, ...]
    signs: tuple[int, ...]
    at_infinity: bool
    kink: bool

    @property
    def units(self) -> int:
        """Live units that this network has."""
        return len(self.patterns)


@dataclass(frozen=True)
class Level:
    """A value of the loss at which training can rest, its name and every set of predictions that has it.

    The name is the level in units of half_sse as a fraction ('1/4') for squared losses, where it is one with a small
    denominator, and the number to four significant digits otherwise. Rests come with the fewest live units first.
    """

    value: float
    name: str
    rests: tuple[Rest, ...]

    @property
    def units(self) -> int:
        """The fewest live units with which it can be reached."""
        return self.rests[0].units


def levels(
    task: Task,
    loss: str = "half_sse",
    hidden: int = 4,
    bias: bool = True,
    slope: float = 0.0,
    max_units: int | None = None,
) -> tuple[Level, ...]:
    """Every level at which a network of `hidden` units can rest, from the lowest.

    `slope` is that of leaky_relu below 0 (0 for ReLU); rows count as often as the task says.
    `max_units` examines networks with at most so many different patterns among their live units
    only: these are levels of every wider network too, but may not be all. Without it, or from N on,
    all are found. Raises ValueError for a loss or a task without such levels, and where more than
    `MOST_SETS` sets of patterns would have to be examined; the message says which `max_units` is within reach.
    """
    weights = task.multiplicities or (1,) * task.n_rows
    _check(task, loss, weights)
    enough = min(hidden, task.n_rows)
    wanted = enough if max_units is None else min(enough, max_units)
    reach = reachable_units(task, hidden, bias, slope)
    if wanted > reach:
        raise ValueError(
            f"task {task.name} has {len(_live_patterns(task.inputs, bias, slope))} activation patterns, and sets of up "
            f"to {wanted} of them are more than {MOST_SETS:,}; max_units={reach} is within reach"
        )
    kind = "bce" if loss == "bce" else "half_sse"
    found = _levels(task.inputs, task.targets, weights, kind, enough, bias, slope, wanted)
    return tuple(scaled(level, 2 / sum(weights)) for level in found) if loss == "mse" else found


def reachable_units(task: Task, hidden: int, bias: bool = True, slope: float = 0.0, most_sets: int = MOST_SETS) -> int:
    """The largest `max_units` with at most so many sets of patterns to examine; min(H, N) if those are all."""
    n = len(_live_patterns(task.inputs, bias, slope))
    most = min(hidden, task.n_rows)
    reach = 0
    while reach < most and _n_sets(n, reach + 1) <= most_sets:
        reach += 1
    return reach


def _n_sets(n_patterns: int, size: int) -> int:
    return sum(comb(n_patterns, k) for k in range(size + 1))


def _live_patterns(inputs: tuple[tuple[float, ...], ...], bias: bool, slope: float) -> list[Pattern]:
    """Patterns that add to the predictions: all but a dead ReLU's."""
    return [pattern for pattern in _patterns(inputs, bias) if any(pattern) or slope]


def scaled(level: Level, factor: float) -> Level:
    """The level in units in which the loss is so many times as large."""
    return Level(level.value * factor, level.name, level.rests)


def activation_patterns(task: Task, bias: bool = True) -> tuple[str, ...]:
    """Every activation pattern that a unit can have on the task, e.g. '0110': rows above 0, the others at or below."""
    return tuple(_text(pattern) for pattern in _patterns(task.inputs, bias))


def _check(task: Task, loss: str, weights: tuple[int, ...]) -> None:
    if loss not in LOSSES:
        raise ValueError(f"loss={loss} has no levels here; allowed: {', '.join(LOSSES)}")
    if len(weights) != task.n_rows or min(weights) < 1:
        raise ValueError(f"multiplicities={weights}: {task.n_rows} integers from 1, one per row")
    if loss == "bce" and not all(0 <= t <= 1 for t in task.targets):
        raise ValueError(f"loss=bce needs targets from 0 to 1; task {task.name} has {task.targets}")


def _text(pattern: Pattern) -> str:
    return "".join("1" if active else "0" for active in pattern)


# ---- activation patterns ----


def _features(inputs: tuple[tuple[float, ...], ...], bias: bool) -> Array:
    """What a unit's pre-activation is linear in: a 1 (with biases) and the inputs, scaled, shape (N, F)."""
    x = np.array(inputs, np.float64)
    x = x / max(1.0, float(np.abs(x).max()))
    return np.column_stack([np.ones(len(x)), x]) if bias else x


@lru_cache(maxsize=64)
def _patterns(inputs: tuple[tuple[float, ...], ...], bias: bool) -> tuple[Pattern, ...]:
    """Realisable patterns, found row by row: a prefix that no half-space cuts off has no continuation."""
    features = _features(inputs, bias)
    prefixes: list[Pattern] = [()]
    for n in range(1, len(features) + 1):
        if len(prefixes) > MOST_SETS:
            raise ValueError(f"more than {MOST_SETS:,} activation patterns on the first {n - 1} rows: too many")
        longer = [(*prefix, active) for prefix in prefixes for active in (False, True)]
        prefixes = [prefix for prefix in longer if _realisable(features[:n], prefix)]
    return tuple(prefixes)


def _realisable(features: Array, pattern: Pattern) -> bool:
    """Whether some w has features·w > 0 on the active rows and ≤ 0 on the others."""
    active = np.array(pattern)
    if not active.any():
        return True
    signed = np.where(active[:, None], -features, features)
    limit = np.where(active, -1.0, 0.0)
    free = (None, None)
    result = linprog(np.zeros(features.shape[1]), signed, limit, bounds=free, method="highs")
    return bool(result.status == 0)


# ---- spans and their minima ----


def _span(features: Array, pattern: Pattern, slope: float) -> Array:
    """What a unit with this pattern can add to the predictions: columns (N, F)."""
    return features * np.where(pattern, 1.0, slope)[:, None]


def _basis(columns: Array) -> Array:
    """Orthonormal basis of the columns' span, (N, rank)."""
    if not columns.shape[1]:
        return columns
    u, s, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(u[:, s > 1e-9 * max(1.0, float(s[0]))])


@dataclass(frozen=True)
class _Minimum:
    """The minimum over a span: the loss, outputs f (N,) before any sigmoid, and which go to −∞ or ∞ (N,)."""

    value: float
    f: Array
    infinite: NDArray[np.int_]

    def key(self) -> tuple[float, ...]:
        """Equal for equal outputs."""
        f = np.where(self.infinite != 0, 0.0, self.f)
        return (*(np.round(f / SAME / 10) + 0.0).tolist(), *self.infinite.tolist())


def _minimum(span: Array, t: Array, weights: Array, loss: str) -> _Minimum:
    """The minimum of the loss over the columns' span, for bce perhaps at infinity."""
    basis = _basis(span)
    if loss == "bce":
        return _bce_minimum(basis, t, weights / weights.sum())
    root = np.sqrt(weights)
    solution = np.linalg.lstsq(root[:, None] * basis, root * t, rcond=None)[0]
    f = basis @ solution
    return _Minimum(float(0.5 * (weights * (f - t) ** 2).sum()), f, np.zeros(len(t), int))


def _bce_minimum(basis: Array, t: Array, share: Array) -> _Minimum:
    """Infimum of Σ share·(log(1 + e^f) − t·f) over the span: rows that can go to their targets for ever, then Newton.

    The first part maximises the number of rows with a recession direction (a linear programme whose
    solution has the largest support, because such directions can be added).
    """
    infinite = _recession(basis, t)
    rest = infinite == 0
    f = np.zeros(len(t))
    if rest.any():
        inner = _basis(basis[rest])
        f[rest] = _newton(inner, t[rest], share[rest])
    value = share[rest] @ (np.logaddexp(0, f[rest]) - t[rest] * f[rest])
    return _Minimum(float(value), f, infinite)


def _recession(basis: Array, t: Array) -> NDArray[np.int_]:
    """Rows that a direction in the span drives to their target (sign ±1) while no other row is driven away; else 0."""
    n, rank = basis.shape
    side = np.where(t == 1, 1, np.where(t == 0, -1, 0))
    if rank == 0 or not side.any():
        return np.zeros(n, int)
    hard = side != 0
    m = int(hard.sum())
    towards = side[hard, None] * basis[hard]
    solution = linprog(
        np.concatenate([np.zeros(rank), -np.ones(m)]),
        np.column_stack([-towards, np.eye(m)]),
        np.zeros(m),
        np.column_stack([basis[~hard], np.zeros((n - m, m))]) if m < n else None,
        np.zeros(n - m) if m < n else None,
        bounds=[(None, None)] * rank + [(0, 1)] * m,
        method="highs",
    )
    infinite = np.zeros(n, int)
    infinite[np.flatnonzero(hard)[np.asarray(solution.x)[rank:] > 0.5]] = 1
    return infinite * side


def _newton(basis: Array, t: Array, share: Array) -> Array:
    """Logits f = basis·a that minimise Σ share·(log(1 + e^f) − t·f); the minimum exists and is unique."""
    a = np.zeros(basis.shape[1])

    def loss(a: Array) -> float:
        f = basis @ a
        return float(share @ (np.logaddexp(0, f) - t * f))

    for _ in range(200):
        p = 0.5 * (1 + np.tanh(basis @ a / 2))
        gradient = basis.T @ (share * (p - t))
        if np.abs(gradient).max(initial=0.0) < 1e-14:
            break
        hessian = basis.T @ ((share * p * (1 - p))[:, None] * basis)
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while size > 1e-10 and loss(a - size * step) > loss(a):
            size /= 2
        a = a - size * step
    return np.asarray(basis @ a)


# ---- realisation by units ----


def _realised(
    minimum: _Minimum, features: Array, bias: bool, slope: float, units: tuple[tuple[Pattern, int], ...], strict: bool
) -> bool:
    """Whether units with these patterns and signs of output weights can sum up to the minimum's outputs.

    Unknowns are each unit's u = sign·(affine function), the output bias and a margin: u ≥ margin on the active
    rows, u ≤ −margin (strict) or ≤ 0 on the others. Where rows go to infinity, a second set of unknowns in the same
    cones, without margin, must drive them there and leave the other rows as they are.
    """
    finite = minimum.infinite == 0
    if len(units) == 2 * len({pattern for pattern, _ in units}):
        return True  # two units of both signs on each pattern realise the whole span
    n, width = features.shape
    adds = [sign * _span(features, pattern, slope) for pattern, sign in units]
    constant = np.ones((n, 1)) if bias else np.zeros((n, 0))
    output = np.column_stack([*adds, constant])
    n_unknowns = output.shape[1]
    if not n_unknowns:
        return bool(finite.all() and not minimum.f.any())
    zero_row = [not row.any() for row in features]
    rows, room = [], []
    for i, (pattern, _) in enumerate(units):
        for m in range(n):
            row = np.zeros(n_unknowns)
            row[i * width : (i + 1) * width] = -features[m] if pattern[m] else features[m]
            rows.append(row)
            room.append(1.0 if pattern[m] or (strict and not zero_row[m]) else 0.0)
    cones = np.array(rows).reshape(-1, n_unknowns)
    margin = np.array(room)
    solved = linprog(
        np.append(np.zeros(n_unknowns), -1.0),
        np.column_stack([cones, margin]) if len(cones) else None,
        np.zeros(len(cones)) if len(cones) else None,
        np.column_stack([output[finite], np.zeros(finite.sum())]) if finite.any() else None,
        minimum.f[finite] if finite.any() else None,
        bounds=[(None, None)] * n_unknowns + [(None, 1.0)],
        method="highs",
    )
    if solved.status != 0 or np.asarray(solved.x)[-1] < 1e-6:
        return False
    if finite.all():
        return True
    driven = linprog(
        np.zeros(n_unknowns),
        np.concatenate([cones, -minimum.infinite[~finite, None] * output[~finite]]),
        np.concatenate([np.zeros(len(cones)), -np.ones((~finite).sum())]),
        output[finite] if finite.any() else None,
        np.zeros(finite.sum()) if finite.any() else None,
        bounds=(None, None),
        method="highs",
    )
    return bool(driven.status == 0)


def _signings(
    patterns: tuple[Pattern, ...], allowed: tuple[tuple[int, ...], ...], n_units: int
) -> Iterator[tuple[tuple[Pattern, int], ...]]:
    """Networks of n units with exactly these patterns: of each, one unit of an allowed sign or two of both signs."""
    if not len(patterns) <= n_units <= 2 * len(patterns):
        return
    choices: list[list[tuple[int, ...]]] = [[*((sign,) for sign in signs), (1, -1)] for signs in allowed]
    for signs in product(*choices):
        if sum(map(len, signs)) == n_units:
            yield tuple((p, s) for p, mine in zip(patterns, signs, strict=True) for s in mine)


def _allowed_signs(
    minimum: _Minimum, features: Array, bias: bool, slope: float, patterns: tuple[Pattern, ...]
) -> tuple[tuple[int, ...], ...]:
    """Signs that one unit of each pattern might have: those that the outputs, where they determine a unit, leave open.

    Cheap, so that most linear programmes need not be solved.
    """
    n, width = features.shape
    if (minimum.infinite != 0).any() or not patterns:
        return ((1, -1),) * len(patterns)
    output = np.column_stack([*(_span(features, pattern, slope) for pattern in patterns), np.ones((n, int(bias)))])
    inverse = np.linalg.pinv(output, rcond=1e-9)
    solution, null = inverse @ minimum.f, np.eye(output.shape[1]) - inverse @ output
    allowed = []
    for i, pattern in enumerate(patterns):
        mine = slice(i * width, (i + 1) * width)
        fixed = np.abs(features @ null[mine]).max(axis=1) < 1e-9
        above = np.where(pattern, 1, -1) * (features @ solution[mine])
        allowed.append(tuple(sign for sign in (1, -1) if (sign * above[fixed] > -1e-7).all()))
    return tuple(allowed)


@lru_cache(maxsize=64)
def _levels(
    inputs: tuple[tuple[float, ...], ...],
    targets: tuple[float, ...],
    weights: tuple[int, ...],
    loss: str,
    hidden: int,
    bias: bool,
    slope: float,
    max_patterns: int,
) -> tuple[Level, ...]:
    features = _features(inputs, bias)
    t, w = np.array(targets, np.float64), np.array(weights, np.float64)
    patterns = _live_patterns(inputs, bias, slope)
    minima: dict[tuple[float, ...], _Minimum] = {}
    at_span: dict[bytes, tuple[float, ...]] = {}
    sets: dict[tuple[float, ...], list[tuple[Pattern, ...]]] = {}
    for size in range(min(max_patterns, len(patterns)) + 1):
        for chosen in combinations(patterns, size):
            span = np.column_stack(
                [np.ones((len(t), int(bias))), *(_span(features, pattern, slope) for pattern in chosen)]
            )
            basis = _basis(span)
            projection = np.round(basis @ basis.T, 7) + 0.0
            name = projection.tobytes()
            if name not in at_span:
                minimum = _minimum(basis, t, w, loss)
                at_span[name] = minimum.key()
                minima.setdefault(minimum.key(), minimum)
            sets.setdefault(at_span[name], []).append(chosen)
    rests = []
    for key, minimum in minima.items():
        rest = _first_rest(minimum, sets[key], features, t, loss, hidden, bias, slope)
        if rest is not None:
            rests.append((minimum.value, rest))
    return _grouped(rests, loss)


def _first_rest(
    minimum: _Minimum,
    sets: list[tuple[Pattern, ...]],
    features: Array,
    t: Array,
    loss: str,
    hidden: int,
    bias: bool,
    slope: float,
) -> Rest | None:
    """A network of the fewest units that rests at the minimum, away from kinks if possible; None if there is none."""
    spare_dies = bool(slope) or _can_be_dead(features, bias)
    candidates = [(chosen, _allowed_signs(minimum, features, bias, slope, chosen)) for chosen in sets]
    for strict in (True, False):
        for n_units in range(hidden + 1):
            if strict and n_units == 0 and not spare_dies:
                continue  # there is no unit to double, and none can die away from a kink
            for chosen, allowed in candidates:
                for units in _signings(chosen, allowed, n_units):
                    if _realised(minimum, features, bias, slope, units, strict):
                        return _rest(minimum, units, t, loss, kink=not strict)
    return None


def _can_be_dead(features: Array, bias: bool) -> bool:
    """Whether a unit can be dead with room to spare: below 0 on every row that is not all zeros."""
    rows = features[features.any(axis=1)]
    return bias or not len(rows) or _realisable(-rows, (True,) * len(rows))


def _rest(minimum: _Minimum, units: tuple[tuple[Pattern, int], ...], t: Array, loss: str, kink: bool) -> Rest:
    y = minimum.f
    if loss == "bce":
        y = np.where(minimum.infinite != 0, minimum.infinite > 0, 0.5 * (1 + np.tanh(minimum.f / 2)))
    y = np.round(y, 12) + 0.0
    wrong = tuple(int(n) for n in np.flatnonzero(np.abs(y - t) > SAME))
    return Rest(
        tuple(map(float, y)),
        merged_rows(y, t, SAME),
        wrong,
        tuple(_text(pattern) for pattern, _ in units),
        tuple(sign for _, sign in units),
        bool((minimum.infinite != 0).any()),
        kink,
    )


def merged_rows(y: Array, t: Array, tolerance: float) -> tuple[tuple[int, ...], ...]:
    """Groups of two rows or more that share one wrong prediction, for predictions and targets of shape (N,)."""
    groups: list[list[int]] = []
    for n in np.flatnonzero(np.abs(y - t) > tolerance).tolist():
        for group in groups:
            if abs(y[group[0]] - y[n]) <= tolerance:
                group.append(n)
                break
        else:
            groups.append([n])
    return tuple(tuple(group) for group in groups if len(group) > 1)


def _grouped(rests: list[tuple[float, Rest]], loss: str) -> tuple[Level, ...]:
    """Rests of one value are one level."""
    rests = sorted(rests, key=lambda pair: pair[0])
    found: list[tuple[float, list[Rest]]] = []
    for value, rest in rests:
        if found and value - found[-1][0] <= SAME:
            found[-1][1].append(rest)
        else:
            found.append((value, [rest]))
    return tuple(
        Level(0.0 if value < SAME else value, _name(value, loss), tuple(sorted(group, key=_plainness)))
        for value, group in found
    )


def _plainness(rest: Rest) -> tuple[bool, int, int, tuple[float, ...]]:
    return rest.kink, rest.units, len(rest.wrong), rest.predictions


def _name(value: float, loss: str) -> str:
    if value < SAME:
        return "0"
    fraction = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    return str(fraction) if loss != "bce" and abs(float(fraction) - value) < 1e-9 else f"{value:.4g}"
