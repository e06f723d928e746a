"""What is learnt: a truth table, one row a point."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """A table of N points with D inputs and one target each.

    `inputs` holds N tuples of D numbers and `targets` N numbers, in row order; `units` is the
    smallest number of ReLU units (with biases) that can represent the task, or None if unknown.
    """

    name: str
    inputs: tuple[tuple[float, ...], ...]
    targets: tuple[float, ...]
    units: int | None = None

    @property
    def n_rows(self) -> int:
        """Number of rows, N."""
        return len(self.targets)

    @property
    def n_inputs(self) -> int:
        """Number of inputs, D."""
        return len(self.inputs[0])

    @cached_property
    def is_binary(self) -> bool:
        """Whether every input is 0 or 1."""
        return all(value in (0, 1) for row in self.inputs for value in row)

    @cached_property
    def is_square(self) -> bool:
        """Whether the inputs are those of XOR: 00, 01, 10, 11 in this order."""
        return self.inputs == ((0, 0), (0, 1), (1, 0), (1, 1))

    @cached_property
    def row_names(self) -> tuple[str, ...]:
        """A short name a row: its bits ('01') for a two-input truth table, else its number."""
        if self.is_square:
            return ("00", "01", "10", "11")
        return tuple(str(n) for n in range(self.n_rows))

    def x(self, dtype: np.dtype) -> NDArray[np.floating]:
        """Inputs, shape (N, D)."""
        return np.array(self.inputs, dtype)

    def t(self, dtype: np.dtype) -> NDArray[np.floating]:
        """Targets, shape (N,)."""
        return np.array(self.targets, dtype)


XOR = Task("xor", ((0, 0), (0, 1), (1, 0), (1, 1)), (0, 1, 1, 0), units=2)
"""The default task; rows in the order 00, 01, 10, 11."""
