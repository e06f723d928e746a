"""Rprop: each parameter has a step of its own, which grows while its gradient keeps its sign and halves where it turns.

Riedmiller & Braun, "A direct adaptive method for faster backpropagation learning", ICNN 1993, in the variant iRprop− of
Igel & Hüsken, "Improving the Rprop learning algorithm", NC 2000: after a turn the parameter pauses. The factors 1.2 and
½ and the bounds of the step, 1e-6 and 50, are the papers'; the first step is the learning rate.
"""

from nnxor.arithmetic.numbers import Number, maximum, minimum, where
from nnxor.network.entries import Memory, Optimizer, Settings, Step


def step(p: Number, g: Number, memory: Memory, rate: Number, k: Settings, left: Memory) -> Step:
    """One step of one parameter; the memory is its last gradient (0 after a turn) and its step."""
    before, size = memory
    kept = ((g > 0.0) & (before > 0.0)) | ((g < 0.0) & (before < 0.0))
    turned = ((g > 0.0) & (before < 0.0)) | ((g < 0.0) & (before > 0.0))
    size = where(kept, minimum(size * 1.2, 50.0), where(turned, maximum(size * 0.5, 1e-6), size))
    g = where(turned, 0.0, g)
    return where(g > 0.0, p - size, where(g < 0.0, p + size, p)), (g, size)


ENTRY = Optimizer(name="rprop", label="Rprop", step=step, start=lambda rate: (0.0, rate))
