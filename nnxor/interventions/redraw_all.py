"""redraw_all: every parameter is drawn afresh, the output bias too."""

from nnxor.interventions import Intervention, fresh

ENTRY = Intervention(
    name="redraw_all",
    label="a new network",
    meaning="Every parameter is drawn afresh, the output bias too.",
    change=lambda condition, _weights, seeds: fresh(condition, seeds),
    draws=True,
)
