"""Adam: Kingma & Ba, "Adam: a method for stochastic optimization", ICLR 2015.

m ← β1·m + (1 − β1)·g, v ← β2·v + (1 − β2)·g·g, p ← p − lr·(m/(1 − β1^t))/(√(v/(1 − β2^t)) + ε)

The last in the order that the paper gives at the end of its section 2, with ε as in algorithm 1: both corrections are a
factor of the rate, α = lr·√(1 − β2^t)/(1 − β1^t), and p ← p − α·m/(√v + ε·√(1 − β2^t)), one division a parameter.
"""

from nnxor.arithmetic.numbers import Number, sqrt
from nnxor.network.entries import Memory, Optimizer, Settings, Step


def step(p: Number, g: Number, memory: Memory, rate: Number, k: Settings, left: Memory) -> Step:
    """One step of one parameter; the memory are its two moments."""
    m = memory[0] * k.beta1 + k.rest1 * g
    v = memory[1] * k.beta2 + (k.rest2 * g) * g
    root = sqrt(left[1])
    return p - (rate * (root / left[0]) * m) / (sqrt(v) + k.epsilon * root), (m, v)


ENTRY = Optimizer(
    name="adam",
    label="Adam",
    settings=("beta1", "beta2", "epsilon"),
    derived=lambda condition: {"rest1": 1 - condition.beta1, "rest2": 1 - condition.beta2},
    step=step,
    start=lambda rate: (0.0, 0.0),
    powers=("beta1", "beta2"),
)
