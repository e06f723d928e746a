"""Gradient descent: p ← p − lr·g."""

from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import OPTIMIZERS, Optimizer, Settings


def step(
    p: Number, g: Number, memory: tuple[Number, ...], rate: Number, k: Settings, left: tuple[Number, ...]
) -> tuple[Number, tuple[Number, ...]]:
    """One step of one parameter."""
    return p - rate * g, ()


OPTIMIZERS.register(Optimizer(name="gd", label="gradient descent", step=step, rests=True))
