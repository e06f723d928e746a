"""Gradient descent with momentum: v ← μ·v + g, p ← p − lr·v (Polyak 1964; Rumelhart, Hinton & Williams 1986)."""

from nnxor.arithmetic.numbers import Number
from nnxor.network.entries import Memory, Optimizer, Settings, Step


def step(p: Number, g: Number, memory: Memory, rate: Number, k: Settings, left: Memory) -> Step:
    """One step of one parameter; the memory is its velocity."""
    velocity = memory[0] * k.momentum + g
    return p - rate * velocity, (velocity,)


ENTRY = Optimizer(
    name="momentum",
    label="gradient descent with momentum",
    settings=("momentum",),
    step=step,
    start=lambda rate: (0.0,),
)
