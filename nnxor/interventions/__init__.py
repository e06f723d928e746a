"""Interventions: what can be done to a run that got stuck (`rescue=NAME`), one module each.

What frees a run that `nothing` leaves stuck has removed a cause. Fresh weights are the second draw of a seed
(`nnxor.network.draws`), the same for all interventions.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from nnxor.arrays import Mask
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.entries import Settings, Uses
from nnxor.network.inits_in_yaml import GivenWeights
from nnxor.registry import Registry, entries_of


@dataclass(frozen=True, kw_only=True)
class Intervention(Uses):
    """One of them.

    label: in two to five words; meaning: in a sentence.
    change: the networks after it, from the condition, the networks and their consecutive seeds.
    then: fields of the condition that are others while the run trains on, from the condition.
    draws: whether fresh weights are drawn, so that each seed gives others.
    needs_dead: whether it does nothing in a network without dead units.
    control: whether the others are compared with it.
    refusal: why else a condition cannot have it, as `refused` says it.
    """

    told: ClassVar[tuple[str, ...]] = ("label", "meaning", "control", "settings")
    meaning: str
    change: Callable[[Settings, Weights, range], Weights] = lambda _condition, weights, _seeds: weights
    then: Callable[[Settings], Mapping[str, object]] = lambda _: {}
    draws: bool = False
    needs_dead: bool = False
    control: bool = False
    refusal: Callable[[Settings], str] = lambda _: ""

    def refused(self, condition: Settings) -> str:
        """Why a condition cannot have this intervention, as a clause; the empty text where it can."""
        if self.draws and isinstance(condition.init, GivenWeights):
            return f"draws fresh weights, and init={condition.init.name} has none to draw"
        if self.needs_dead and condition.smooth:
            return f"needs units that can be dead; activation={condition.activation} has none"
        return self.refusal(condition)


def fresh(condition: Settings, seeds: range) -> Weights:
    """The second draw of these seeds, in the condition's dtype."""
    return initial_weights(condition, seeds, again=1).astype(condition.numpy_dtype)


def redrawn(condition: Settings, weights: Weights, seeds: range, units: Mask) -> Weights:
    """The networks with fresh input weights, bias and output weight in these units, shape (H, R)."""
    pairs = zip(fresh(condition, seeds)[:3], weights[:3], strict=True)
    W1, b1, W2 = (np.where(units, *pair) for pair in pairs)
    return Weights(W1, b1, W2, weights.b2)


_FIRST = ("nothing", "redraw_dead", "redraw_alive", "redraw_all", "leaky")
INTERVENTIONS: Registry[Intervention] = Registry("rescue", *entries_of(__name__, first=_FIRST))
