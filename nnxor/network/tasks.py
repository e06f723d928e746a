"""What is learnt: a truth table, one row a point."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Self

import numpy as np

from nnxor.arrays import Floats, Wholes

LARGEST_NUMBER, MOST_TIMES = 1e30, 10**6  # of the numbers in a row, and how often it may count


@dataclass(frozen=True)
class Task:
    """A table of N points with D inputs and one target each.

    `inputs` holds N tuples of D numbers and `targets` N numbers, in row order; `units` is the smallest number of ReLU
    units (with biases) that can represent the task, or None if unknown; `multiplicities` says how often each row
    counts, N integers ≥ 1, or None if each counts once. `label` is its name in figures.
    """

    name: str
    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    units: int | None = None
    multiplicities: tuple[int, ...] | None = None
    label: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        """Forget multiplicities that are all 1; ValueError for those that are none."""
        if self.multiplicities and (len(self.multiplicities) != self.n_rows or min(self.multiplicities) < 1):
            raise ValueError(f"multiplicities={self.multiplicities}: {self.n_rows} integers from 1, one per row")
        if self.multiplicities and set(self.multiplicities) == {1}:
            object.__setattr__(self, "multiplicities", None)

    @classmethod
    def of(cls, name: str, content: Mapping[str, object]) -> Self:
        """Read `{rows: [[x, …, t], …]}`, with `units`, `times` (how often rows count) and `label` if need be."""
        rows, units, times = content.get("rows"), content.get("units"), content.get("times", 1)
        if set(content) - {"rows", "units", "times", "label"} or not isinstance(rows, list) or not rows:
            raise ValueError("it must hold rows (a list of lists) and may hold units and times (integers) and a label")
        counts: list[Any] = times if isinstance(times, list) else [times] * len(rows)
        if any(type(each) is not int or not 1 <= each <= MOST_TIMES for each in counts):
            raise ValueError(f"times={times}: an integer from 1 to {MOST_TIMES}, or one for each row")
        if units is not None and (type(units) is not int or units < 1):
            raise ValueError(f"units={units}: an integer from 1")
        for n, row in enumerate(rows, 1):
            if not isinstance(row, list) or len(row) < 2 or len(row) != len(rows[0]):
                raise ValueError(f"row {n} must hold the same number of inputs as row 1, then the target")
            if any(type(value) not in (int, float) or not abs(value) <= LARGEST_NUMBER for value in row):
                raise ValueError(f"row {n} must hold finite numbers, at most {LARGEST_NUMBER:g}; it holds {row}")
        inputs, targets = tuple(tuple(map(float, row[:-1])) for row in rows), tuple(float(row[-1]) for row in rows)
        return cls(name, inputs, targets, units, tuple(counts), str(content.get("label", "")))

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return len(self.targets)

    @property
    def n_inputs(self) -> int:
        """Number of inputs, D."""
        return len(self.inputs[0])

    @property
    def n_examples(self) -> int:
        """Number of examples: rows, each as often as it counts."""
        return sum(self.multiplicities) if self.multiplicities else self.n_rows

    @property
    def middle(self) -> float:
        """Midway between the smallest and the largest target: what parts the two kinds of rows."""
        return (min(self.targets) + max(self.targets)) / 2

    @property
    def spread(self) -> float:
        """How far the targets are apart at most, which is what errors are measured by; 1 where all are the same."""
        return max(self.targets) - min(self.targets) or 1.0

    @cached_property
    def times(self) -> Wholes:
        """How often each row counts, shape (N,)."""
        return np.array(self.multiplicities or (1,) * self.n_rows, np.int64)

    @cached_property
    def contradictions(self) -> list[Counter[Fraction]]:
        """How often each target comes, of rows of equal inputs that have different ones."""
        found = defaultdict[tuple[float, ...], Counter[Fraction]](Counter)
        for x, t, n in zip(self.inputs, self.targets, self.times.tolist(), strict=True):
            found[x][Fraction(t)] += n
        return [times for times in found.values() if len(times) > 1]

    @cached_property
    def examples(self) -> Self:
        """The same examples with a row for each: what mini-batches are drawn from."""
        if not self.multiplicities:
            return self
        rows = np.repeat(np.arange(self.n_rows), self.times)
        inputs, targets = tuple(self.inputs[n] for n in rows), tuple(self.targets[n] for n in rows)
        return type(self)(self.name, inputs, targets, self.units)

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """A short name a row: its bits ('01') for a two-input truth table, else its number."""
        return ("00", "01", "10", "11") if self.inputs == XOR.inputs else tuple(map(str, range(self.n_rows)))

    def x(self, dtype: np.dtype) -> Floats:
        """Inputs, shape (N, D)."""
        return np.array(self.inputs, dtype)

    def t(self, dtype: np.dtype) -> Floats:
        """Targets, shape (N,)."""
        return np.array(self.targets, dtype)


XOR = Task("xor", ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0), units=2, label="XOR")
"""The default task; rows in the order 00, 01, 10, 11."""
