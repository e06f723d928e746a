"""leaky: ReLU becomes a leaky ReLU with the condition's slope; no parameter changes."""

from nnxor.interventions import Intervention

ENTRY = Intervention(
    name="leaky",
    label="a leaky ReLU",
    meaning="ReLU becomes a leaky ReLU with the condition's slope; no parameter changes.",
    then=lambda _: {"activation": "leaky_relu"},
    settings=("slope",),
    refusal=lambda c: "" if c.rectified else f"makes ReLU leaky; activation={c.activation}; allowed: activation=relu",
)
