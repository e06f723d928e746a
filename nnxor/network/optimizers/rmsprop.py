"""RMSprop as Keras has it: v ← ρ·v + (1 − ρ)·g², p ← p − lr·g/√(v + ε).

Hinton, Srivastava & Swersky, "Neural networks for machine learning", lecture 6e, 2012; PyTorch has ε beside the root.
"""

from nnxor.arithmetic.numbers import Number, sqrt
from nnxor.network.entries import Memory, Optimizer, Settings, Step


def step(p: Number, g: Number, memory: Memory, rate: Number, k: Settings, left: Memory) -> Step:
    """One step of one parameter; the memory is the mean square of its gradients."""
    v = k.rho * memory[0] + k.rest * (g * g)
    return p - (rate * g) / sqrt(v + k.epsilon), (v,)


ENTRY = Optimizer(
    name="rmsprop",
    label="RMSprop",
    settings=("rho", "epsilon"),
    derived=lambda condition: {"rest": 1 - condition.rho},
    step=step,
    start=lambda rate: (0.0,),
)
