"""The levels at which training can rest: the values of the loss at the traps of a task, in the loss's own units.

Away from kinks the argument is short. Let a unit be active on the rows A and have an output weight other than 0. Since
the slopes for its bias and weights are 0 at a stationary point, the gradient e with respect to the predictions fulfils
Σ_A e_n = 0 and Σ_A e_n·x_n = 0: e is orthogonal to every affine function of x restricted to A, and because of the
output bias to the constants. The predictions are a sum of such functions. So they are the minimum of the (convex) loss
over the span of the constants and of the affine functions on each unit's active rows (without biases: of linear
functions alone). Hence there are finitely many levels. For XOR and half_sse: 0, 1/4, 1/3, 1/2.

No more units than rows need be considered: a sum of more than N vectors of R^N, each from its unit's cone, is also a
sum of N of them (Carathéodory), whose smaller span has the same minimum.

A span counts only where units can realise its minimum: each contributes a function that is above 0 on its active rows
(below, with a negative output weight) and not on the others. That is a linear programme. Two units with one pattern and
output weights of both signs realise any function on it.

For a loss of probabilities the span is one of logits, and the minimum may lie at infinity: rows that can be driven to
their targets without moving the others cost nothing in the limit, and the rest is minimised by itself. A run
approaches such a level for ever.

A level is where the gradient vanishes, no more: it may be a saddle. Units whose output weight is 0 add no level,
only saddles at those listed. Not covered: activations that are not piecewise linear, and outputs that bend.

The traps of XOR have names. There a ReLU network with biases gives one prediction to two, three or all four rows, not
all of one target, and fits the others. Half the sum of squared errors is then 1/4, 1/3 or 1/2, and so the traps are
called under every loss: the same rows share the best constant for them, at another level.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import chain, combinations, product
from math import comb
from typing import Any, NamedTuple

import numpy as np
import scipy

from nnxor.arrays import Array, Values, Wholes
from nnxor.condition import Condition
from nnxor.landscape.regions import infimum
from nnxor.network.activations import OUTPUTS
from nnxor.network.losses import LOSSES
from nnxor.network.tasks import Task

Pattern = tuple[bool, ...]
Units = tuple[Pattern, ...]  # the pattern of each
Signs = tuple[int, ...]  # of their output weights
Groups = tuple[tuple[int, ...], ...]

MOST_SETS = 20_000  # most sets of activation patterns that one enumeration examines: a few seconds' work
SAME = 1e-7  # Predictions, and losses, closer than this are one: minima are found to about 1e-10
INFINITE = 15.0  # A logit beyond this is on its way to infinity
MARGIN = 1e-6  # how far above 0 units are on their active rows, at least, where it is asked if they realise a minimum
LARGEST_DENOMINATOR = 60  # A level is named by a fraction with a denominator up to this
MERGED = {"stuck_1/4": 2, "stuck_1/3": 3, "stuck_1/2": 4}
"""The outcomes of runs that are stuck at a named trap, and how many rows share one wrong prediction there."""


class Rest(NamedTuple):
    """One way to rest."""

    predictions: tuple[float, ...]  # of N rows
    merged: Groups  # of rows that share a wrong prediction
    wrong: tuple[int, ...]  # the rows that are wrong
    at_infinity: bool  # whether parameters grow for ever on the way there


class Level(NamedTuple):
    """A value of the loss at which training can rest.

    The name is half the sum of the squared errors of its predictions, as a fraction ('1/4') where it is one with a
    small denominator, else to four significant digits: so a trap has one name under all losses. Where a task has two
    targets their distance counts as 1, and where all rows count alike each counts once, as in `traps`.
    """

    value: float
    name: str
    rests: tuple[Rest, ...]  # every set of predictions that has it
    solves: bool  # whether every row is right, or as near to it as rows of equal inputs, or units of slope 1, allow

    @property
    def unavoidable(self) -> bool:
        """Whether rows are wrong there though no network gets lower."""
        return self.solves and bool(self.rests[0].wrong)


class Levels(NamedTuple):
    """The levels from the lowest, and whether these are all: not more than `MOST_SETS` sets are examined."""

    levels: tuple[Level, ...]
    complete: bool


@lru_cache(maxsize=64)
def levels(condition: Condition) -> Levels:
    """The levels at which the networks of a condition can rest; rows count as often as the task says.

    The output is the loss's own, or the score itself. Raises ValueError for a task of too many patterns.
    """
    task, hidden, bias = condition.task, condition.hidden, condition.bias
    scale = 1.0 if LOSSES[condition.loss].logits else task.spread
    condition = replace(condition, task=replace(task, targets=tuple(t / scale for t in task.targets)))
    slope, _ = condition.slopes or (0.0, 1.0)
    features = _features(task.inputs, bias)
    patterns = tuple(pattern for pattern in _patterns(task.inputs, bias) if any(pattern) or slope)
    most = min(hidden, task.n_rows)
    reach = next((k for k in range(most) if sum(comb(len(patterns), j) for j in range(k + 2)) > MOST_SETS), most)
    spans = _spans(task.inputs, patterns, reach, bias, slope)
    value, f, infinite = _minima(condition, [basis for _, basis in spans])
    alike = np.column_stack([np.round(np.where(infinite, 0.0, f) / SAME / 10), infinite]) + 0.0
    _, first, kind = np.unique(alike, axis=0, return_index=True, return_inverse=True)
    rests = [
        (float(value[n]) * scale**2, _rest(f[n], infinite[n], condition, scale))
        for n in np.sort(first).tolist()
        if any(
            _realised(f[m], infinite[m], features, bias, slope, units, signs)
            for m in np.flatnonzero(kind == kind[n])
            for chosen in spans[m][0]
            for units, signs in _units(chosen, hidden)
        )
    ]
    return Levels(_grouped(rests, task, scale, condition.units.straight(condition)), reach == most)


def _features(inputs: tuple[tuple[float, ...], ...], bias: bool) -> Array:
    """The features of which pre-activations are linear functions: 1 (with biases) and the scaled inputs, (N, F)."""
    x = np.array(inputs, np.float64)
    x = x / max(1.0, float(np.abs(x).max()))
    return np.column_stack([np.ones(len(x)), x]) if bias else x


@lru_cache(maxsize=64)
def _patterns(inputs: tuple[tuple[float, ...], ...], bias: bool) -> tuple[Pattern, ...]:
    """Realisable patterns, built row by row: a prefix that no half-space realises is not continued."""
    features = _features(inputs, bias)
    prefixes: list[Pattern] = [()]
    for n in range(1, len(features) + 1):
        if len(prefixes) > MOST_SETS:
            raise ValueError(f"more than {MOST_SETS:,} activation patterns on the first {n - 1} rows: too many")
        longer = [(*prefix, active) for prefix in prefixes for active in (False, True)]
        prefixes = [prefix for prefix in longer if not any(prefix) or _feasible(*_cone(features[:n], prefix, 1.0))]
    return tuple(prefixes)


def _cone(features: Array, pattern: Pattern, margin: float) -> tuple[Array, Array]:
    """A and b such that A·w ≤ b if features·w is at least a margin on the active rows and at most 0 on the others."""
    active = np.array(pattern)
    return np.where(active[:, None], -features, features), np.where(active, -margin, 0.0)


def _feasible(A: Array, b: Array, equal: Array | None = None, to: Array | None = None) -> bool:
    """Whether some x has A·x ≤ b and, if they are given, equal·x = to."""
    if not A.shape[1]:
        return to is None or not to.any()
    found = scipy.optimize.linprog(np.zeros(A.shape[1]), A, b, equal, to, bounds=(None, None), method="highs")
    return bool(found.status == 0)


@lru_cache(maxsize=4)
def _spans(
    inputs: tuple[tuple[float, ...], ...], patterns: tuple[Pattern, ...], most: int, bias: bool, slope: float
) -> list[tuple[list[tuple[Pattern, ...]], Array]]:
    """The sets of up to `most` patterns, in lists of those that have one span, each with its basis (N, rank)."""
    features = _features(inputs, bias)
    found: dict[bytes, tuple[list[tuple[Pattern, ...]], Array]] = {}
    for chosen in (chosen for size in range(most + 1) for chosen in combinations(patterns, size)):
        outputs = _outputs(features, chosen, bias, slope)
        u, s, _ = np.linalg.svd(outputs, full_matrices=False)
        basis = u[:, s > 1e-9 * max(1.0, s.max(initial=0.0))] * outputs.any(axis=1, keepdims=True)  # 0 is exactly 0
        found.setdefault((np.round(basis @ basis.T, 7) + 0.0).tobytes(), ([], basis))[0].append(chosen)
    return list(found.values())


def _outputs(features: Array, patterns: tuple[Pattern, ...], bias: bool, slope: float) -> Array:
    """What units with these patterns and the output bias can add to the outputs: columns (N, F·units + 1)."""
    cut = [features * np.where(pattern, 1.0, slope)[:, None] for pattern in patterns]
    return np.column_stack([*cut, np.ones((len(features), int(bias)))])


def _minima(condition: Condition, bases: list[Array]) -> tuple[Array, Array, Array]:
    """The minimum of the loss over each span: its value (S,), its scores (S, N), and which go to −∞ or ∞ (S, N)."""
    n = condition.task.n_rows
    columns = np.zeros((n, n, len(bases)))
    for s, basis in enumerate(bases):
        columns[:, : basis.shape[1], s] = basis
    value, f = infimum(condition, columns)
    return value, f.T, np.sign(f.T) * (LOSSES[condition.loss].logits & (np.abs(f.T) > INFINITE))


def _units(patterns: tuple[Pattern, ...], hidden: int) -> Iterator[tuple[Units, list[Signs]]]:
    """How `hidden` units can have these patterns: as many as possible twice, with both signs, and the others once."""
    doubled = min(hidden - len(patterns), len(patterns))
    for two in combinations(range(len(patterns)), doubled):
        choices = [((1, -1),) if n in two else ((1,), (-1,)) for n in range(len(patterns))]
        units = tuple(p for p, mine in zip(patterns, choices, strict=True) for _ in mine[0])
        yield units, [tuple(chain(*signs)) for signs in product(*choices)]


def _realised(
    f: Array, infinite: Array, features: Array, bias: bool, slope: float, units: Units, allowed: list[Signs]
) -> bool:
    """Whether units with these patterns can sum up to a minimum's scores f (N,), with some of the signs allowed.

    Unknowns are each unit's u = sign·(affine function) in its cone, and the output bias. Where rows go to infinity,
    other unknowns in the same cones must drive them there and leave the other rows as they are.
    """
    if len(units) == 2 * len({*units}):
        return True  # two units of both signs on each pattern realise the whole span
    outputs, finite, (n_rows, wide) = _outputs(features, units, bias, slope), infinite == 0, features.shape
    cones = [_cone(features, pattern, MARGIN) for pattern in units]
    b = np.concatenate([room for _, room in cones])
    each_alone = np.eye(len(units))[:, None, :, None] * np.array([cone for cone, _ in cones])[:, :, None]
    A = np.column_stack([each_alone.reshape(len(b), -1), np.zeros((len(b), int(bias)))])
    fixed = A @ np.linalg.pinv(outputs[finite], rcond=1e-9)
    settled = np.abs(A - fixed @ outputs[finite]).max(axis=1) < 1e-9  # what the scores leave open no more, up to signs
    for signs in allowed:
        if (np.repeat(signs, n_rows) * (fixed @ f[finite]) > b + SAME)[settled].any():
            continue
        signed = outputs * np.append(np.repeat(signs, wide), np.ones(int(bias)))
        held, driven = signed[finite], -infinite[~finite, None] * signed[~finite]
        far = np.concatenate([A, driven]), np.concatenate([0 * b, -np.ones(len(driven))])
        if _feasible(A, b, held, f[finite]) and (finite.all() or _feasible(*far, held, np.zeros(len(held)))):
            return True
    return False


def _rest(f: Array, infinite: Array, condition: Condition, scale: float) -> Rest:
    y, targets = OUTPUTS[LOSSES[condition.loss].output or "identity"].value(f, None), condition.task.targets
    y = np.round(np.where(infinite, infinite > 0, y), 9) + 0.0
    wrong = tuple(np.flatnonzero(np.abs(y - targets) > SAME).tolist())
    merged = merged_rows([*y[:, None]], targets, SAME)[0][0]
    return Rest(tuple((y * scale).tolist()), merged, wrong, bool(infinite.any()))


def _grouped(rests: list[tuple[float, Rest]], task: Task, scale: float, straight: bool) -> tuple[Level, ...]:
    """Rests of one value are one level, as precise as targets divided by the scale allow."""
    same = SAME * scale**2
    alike = np.array([[task.times[m] * (x == other) for m, other in enumerate(task.inputs)] for x in task.inputs])
    best = alike @ task.targets / alike.sum(axis=1)  # rows of equal inputs have one prediction
    rests = sorted(rests, key=lambda each: (each[0], len(each[1].wrong), each[1].predictions))
    starts = [n for n in range(len(rests)) if n == 0 or rests[n][0] - rests[n - 1][0] > same]
    found: list[Level] = []
    for first, end in zip(starts, [*starts[1:], len(rests)], strict=True):
        value, group = rests[first][0], tuple(rest for _, rest in rests[first:end])
        fitted = np.allclose(group[0].predictions, best, rtol=0, atol=SAME * scale)
        solves = value <= same or fitted or (straight and not found)
        found.append(Level(value if value > same else 0.0, _name(group[0], task), group, solves))
    return tuple(found)


def _name(rest: Rest, task: Task) -> str:
    apart = np.ptp(task.targets) if len({*task.targets}) == 2 else 1.0
    once = task.times[0] if len({*task.times.tolist()}) == 1 else 1
    half_sse = 0.5 * float(task.times @ (np.array(rest.predictions) - task.targets) ** 2) / float(once * apart**2)
    return fraction(half_sse, LARGEST_DENOMINATOR, 1e-9)


def fraction(value: float, largest: int, near: float) -> str:
    """The nearest fraction with a denominator up to the largest, if it is short and so near; else four digits."""
    found = Fraction(value).limit_denominator(largest)
    return str(found) if abs(float(found) - value) < near and len(str(found)) < 8 else f"{value:.4g}"


@lru_cache
def traps(condition: Condition) -> dict[str, float]:
    """The levels of the named traps by their outcomes, the lowest first; none where levels have no names.

    The task may have any inputs and targets as long as its four rows are the corners of a parallelogram with one
    target at either end of each diagonal. Activations other than relu, networks without biases or with frozen
    parameters, and a squared loss behind an output function rest at levels of their own, which have no names.
    """
    loss, task = LOSSES[condition.loss], condition.task
    plain = condition.rectified and condition.bias and condition.freeze is None
    if not plain or not condition.convex or (loss.logits and {*task.targets} != {0, 1}) or not is_xor_shaped(task):
        return {}
    apart = Fraction(max(task.targets)) - Fraction(min(task.targets))
    weight = int(task.times[0]) * Fraction(loss.weight(task.n_examples))
    return {trap: float(k * weight * loss.mixed(Fraction(k // 2, k)) * apart**2) for trap, k in MERGED.items()}


def known_traps(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """The levels of the named traps, a {task, loss, levels: {outcome: level}} for each task and loss there is."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for each in conditions:
        if not found.get(which := (each.task.name, each.loss)):
            found[which] = traps(each)
    return [{"task": task, "loss": loss, "levels": known} for (task, loss), known in found.items() if known]


@lru_cache
def is_xor_shaped(task: Task) -> bool:
    """Whether the task is XOR but for an affine map of inputs and targets and for the order of its rows."""
    if (task.n_rows, task.n_inputs, len({*task.times.tolist()}), len({*task.targets})) != (4, 2, 1, 2):
        return False
    rows = sorted(zip(task.targets, task.inputs, strict=True))
    a, b, c, d = np.array([[Fraction(value) for value in inputs] for _, inputs in rows])
    (right, up), (across, along) = c - a, d - a
    return rows[1][0] < rows[2][0] and bool((a + b == c + d).all()) and right * along != up * across


def merged_rows(y: Sequence[Values], targets: Iterable[float], tolerance: float) -> tuple[list[Groups], Wholes]:
    """The ways in which rows share a wrong prediction, as groups of two or more, and which each network has, (R,).

    y: predictions row by row, (R,) each. What is within the tolerance is one number.
    """
    wrong = [np.abs(row - t) > tolerance for row, t in zip(y, targets, strict=True)]
    group = np.tile(np.arange(len(y))[:, None], len(y[0]))
    for n, m in combinations(range(len(y)), 2):
        joined = wrong[n] & wrong[m] & (np.abs(y[n] - y[m]) <= tolerance) & (group[n] != group[m])
        if joined.any():
            mine = group[:, joined]
            first, other = np.minimum(mine[n], mine[m]), np.maximum(mine[n], mine[m])
            group[:, joined] = np.where(mine == other, first, mine)
    kinds, kind = np.unique(group.T, axis=0, return_inverse=True)
    rows = [[tuple(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)] for labels in kinds]
    return [tuple(each for each in groups if len(each) > 1) for groups in rows], kind.reshape(-1)


def merged_text(groups: Groups, task: Task) -> str:
    """Groups of rows in words: '00=10', set apart by blanks."""
    return " ".join("=".join(task.row_names[n] for n in group) for group in groups)
