"""The readable network of the article: layers that hold their forward rule and, beside it, their gradient.

A batch is a matrix with one row a point: `x` has shape (N, inputs), `dout` (N, outputs). No `backward` writes into an
array that it was given. What is particular to an activation or a loss stands in its entry.
"""

from collections.abc import Callable

import numpy as np

from nnxor.arrays import Floats, Wholes

Rule = Callable[[Floats, Floats], Floats]


class Affine:
    """`x @ W + b`, with W of shape (inputs, outputs) and b of shape (outputs,), or no b at all."""

    def __init__(self, W: Floats, b: Floats | None) -> None:
        self.W = W.copy()
        self.b = None if b is None else b.copy()

    def forward(self, x: Floats) -> Floats:
        """Outputs, shape (N, outputs)."""
        self.x = x
        return x @ self.W if self.b is None else x @ self.W + self.b

    def backward(self, dout: Floats) -> Floats:
        """Gradient with respect to x; leaves those of the parameters in `dW` and `db`."""
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Elementwise:
    """An activation: y = f(x), with the derivative d(x, y)."""

    def __init__(self, f: Callable[[Floats], Floats], d: Rule) -> None:
        self.f, self.d = f, d

    def forward(self, x: Floats) -> Floats:
        """Activations, shape of x."""
        self.x, self.y = x, self.f(x).astype(x.dtype)
        return self.y

    def backward(self, dout: Floats) -> Floats:
        """Gradient with respect to x."""
        return dout * self.d(self.x, self.y).astype(dout.dtype)


Layer = Affine | Elementwise


class RowLoss:
    """A loss: the sum of the rows' terms, each as often as the row counts, or their mean."""

    def __init__(self, term: Rule, d: Rule, mean: bool, times: Wholes | None) -> None:
        self.term, self.d, self.mean, self.times = term, d, mean, times

    def forward(self, y: Floats, t: Floats) -> float:
        """The loss of predictions y (or logits) against targets t, both of shape (N, 1)."""
        weights = np.ones_like(y) if self.times is None else np.asarray(self.times, y.dtype)[:, None]
        scale = y.dtype.type(1 / weights.sum() if self.mean else 1)
        self.dy = weights * self.d(y, t) * scale
        return float(np.sum(weights * self.term(y, t)) * scale)

    def backward(self) -> Floats:
        """Gradient with respect to y, shape (N, 1)."""
        return self.dy
