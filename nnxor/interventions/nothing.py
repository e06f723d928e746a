"""nothing: the run trains on, and no more. The placebo."""

from nnxor.interventions import Intervention

ENTRY = Intervention(
    name="nothing", label="more training", meaning="It trains on, and no more: the placebo.", control=True
)
