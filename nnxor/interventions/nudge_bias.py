"""nudge_bias: the bias of every dead unit is lifted until one row is active."""

import numpy as np

from nnxor.arithmetic.networks import alive, preactivations
from nnxor.interventions import Intervention
from nnxor.network.draws import Weights
from nnxor.network.entries import Settings

LIFT = 0.1  # where a dead unit's largest pre-activation is lifted to if its rows cannot be parted


def nudged(condition: Settings, weights: Weights, _seeds: range) -> Weights:
    """The networks with the bias of every dead unit lifted until one row is active.

    Zero comes to lie midway between the unit's largest pre-activation and the next one that is another number: the row
    of the largest (or the rows that tie for it) is active, the others are not. Where that leaves the unit dead (all
    rows equal, or closer than rounding can part), its largest pre-activation is lifted to `LIFT`.
    """
    z = np.stack(preactivations(condition, weights))
    largest = z.max(axis=0)
    middle = 0.5 * (largest + np.where(z < largest, z, -np.inf).max(axis=0))
    apart = ~alive(condition, weights) & np.isfinite(middle)
    lifted = weights._replace(b1=np.where(apart, weights.b1 - middle, weights.b1))
    still = ~alive(condition, lifted)
    return lifted._replace(b1=np.where(still, weights.b1 - largest + LIFT, lifted.b1))


ENTRY = Intervention(
    name="nudge_bias",
    label="lifting the dead units' biases",
    meaning="The bias of every dead unit is lifted until one row is active.",
    change=nudged,
    needs_dead=True,
    refusal=lambda c: (
        "lifts biases; bias=false has none; allowed: bias=true" if not c.bias
        else f"lifts biases; freeze={c.freeze} holds them; allowed: others" if "b1" in c.frozen else ""
    ),
)  # fmt: skip
