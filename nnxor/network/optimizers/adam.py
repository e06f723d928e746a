"""Adam: Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

m ← β1·m + (1 − β1)·g, v ← β2·v + (1 − β2)·g·g, p ← p − lr·(m/(1 − β1^t))/(√(v/(1 − β2^t)) + ε)
"""

from nnxor.arithmetic.numbers import Number, sqrt
from nnxor.network.entries import OPTIMIZERS, Memory, Optimizer, Settings, Step


def step(p: Number, g: Number, memory: Memory, rate: Number, k: Settings, left: Memory) -> Step:
    """One step of one parameter; the memory are its two moments."""
    m = memory[0] * k.beta1 + k.rest1 * g
    v = memory[1] * k.beta2 + (k.rest2 * g) * g
    return p - rate * ((m / left[0]) / (sqrt(v / left[1]) + k.epsilon)), (m, v)


OPTIMIZERS.register(
    Optimizer(
        name="adam",
        label="Adam",
        settings=("beta1", "beta2", "epsilon"),
        derived=lambda condition: {"rest1": 1 - condition.beta1, "rest2": 1 - condition.beta2},
        step=step,
        start=lambda rate: (0.0, 0.0),
        powers=("beta1", "beta2"),
    )
)
