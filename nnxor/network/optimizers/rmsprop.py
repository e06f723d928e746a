"""RMSprop as Keras has it: v ← ρ·v + (1 − ρ)·g², p ← p − lr·g/√(v + ε).

Hinton, Srivastava & Swersky, "Neural networks for machine learning", lecture 6e, 2012; ε stands under the root in Keras
and beside it in PyTorch.
"""

from nnxor.arithmetic.numbers import Number, sqrt
from nnxor.network.entries import OPTIMIZERS, Optimizer, Settings


class RMSprop(Optimizer):
    """The rule also needs 1 − ρ."""

    def numbers(self, condition: Settings) -> dict[str, float]:
        """The settings, and `rest`."""
        return {**super().numbers(condition), "rest": 1 - condition.rho}


def step(
    p: Number, g: Number, memory: tuple[Number, ...], rate: Number, k: Settings, left: tuple[Number, ...]
) -> tuple[Number, tuple[Number, ...]]:
    """One step of one parameter; the memory is the mean square of its gradients."""
    v = k.rho * memory[0] + k.rest * (g * g)
    return p - (rate * g) / sqrt(v + k.epsilon), (v,)


OPTIMIZERS.register(
    RMSprop(name="rmsprop", label="RMSprop", settings=("rho", "epsilon"), step=step, start=lambda rate: (0.0,))
)
