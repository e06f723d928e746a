"""redraw_alive: as many live units get fresh weights as there are dead ones, chosen by the seed. The control."""

import numpy as np

from nnxor.arithmetic.networks import alive
from nnxor.arrays import Mask
from nnxor.interventions import Intervention, redrawn
from nnxor.network.draws import Weights, uniforms
from nnxor.network.entries import Settings

CHOICE = 2  # number of the draw that chooses among live units; 0 is where a training starts, 1 gives fresh weights


def as_many_alive(condition: Settings, weights: Weights, seeds: range) -> Mask:
    """As many live units as the network has dead ones, or all of them if they are fewer, shape (H, R)."""
    live = alive(condition, weights)
    lot = np.stack([uniforms(h + 1, 0, seeds, CHOICE)[:, 0] for h in range(condition.hidden)])
    place = np.argsort(np.argsort(np.where(live, lot, 1.0), axis=0, kind="stable"), axis=0)
    return np.asarray(live & (place < (~live).sum(axis=0)))


ENTRY = Intervention(
    name="redraw_alive",
    label="redrawing as many live units",
    meaning="As many live units get fresh weights as there are dead ones (all where fewer live): the control.",
    change=lambda c, weights, seeds: redrawn(c, weights, seeds, as_many_alive(c, weights, seeds)),
    draws=True,
    needs_dead=True,
    control=True,
)
