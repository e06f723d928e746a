"""leaky: ReLU becomes a leaky ReLU with the condition's slope; no parameter changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nnxor.interventions import INTERVENTIONS, Intervention

if TYPE_CHECKING:
    from nnxor.condition import Condition


def refusal(condition: Condition) -> str:
    """Only ReLU can become leaky."""
    return (
        "" if condition.rectified else f"makes ReLU leaky; activation={condition.activation}; allowed: activation=relu"
    )


INTERVENTIONS.register(
    Intervention(
        name="leaky",
        label="a leaky ReLU",
        meaning="ReLU becomes a leaky ReLU with the condition's slope; no parameter changes.",
        change=lambda _condition, weights, _seeds: weights,
        then={"activation": "leaky_relu"},
        settings=("slope",),
        refusal=refusal,
    )
)
