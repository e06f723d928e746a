"""redraw_dead: every dead unit gets a fresh bias, input weights and output weight from the init."""

from nnxor.arithmetic.networks import alive
from nnxor.interventions import Intervention, redrawn

ENTRY = Intervention(
    name="redraw_dead",
    label="redrawing the dead units",
    meaning="Every dead unit gets a fresh bias, input weights and output weight from the init.",
    change=lambda condition, weights, seeds: redrawn(condition, weights, seeds, ~alive(condition, weights)),
    draws=True,
    needs_dead=True,
)
