"""recycle: dead units are redrawn again and again while the run trains on, as `recycle_every` does from the start."""

from nnxor.interventions import Intervention

PARTS = 10  # of the epochs, after each of which but the last dead units are redrawn

ENTRY = Intervention(
    name="recycle",
    label="redrawing dead units nine times",
    meaning="While it trains on, every dead unit is drawn afresh after each tenth of the epochs.",
    then=lambda condition: {"recycle_every": -(-condition.epochs // PARTS) or None},
    draws=True,
    needs_dead=True,
    refusal=lambda c: "" if c.units.can_die else f"redraws dead units; activation={c.activation} has none",
)
