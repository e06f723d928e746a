"""Gradient descent: p ← p − lr·g."""

from nnxor.network.entries import Optimizer

ENTRY = Optimizer(
    name="gd",
    label="gradient descent",
    step=lambda p, g, memory, rate, k, left: (p - rate * g, ()),
    rests=True,
    plain=True,
)
