"""Weights as the laws of an initialization give them, whatever margin it asks for."""

from dataclasses import replace
from typing import Any

from nnxor.condition import Condition
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import GivenWeights, Init
from nnxor.network.tasks import Task


def draw(init: Init | GivenWeights, n_inputs: int, hidden: int, seeds: range, again: int = 0, **told: Any) -> Weights:
    laws = replace(init, margin=None) if isinstance(init, Init) else init
    task = Task("any", ((0.0,) * n_inputs,), (0.0,))
    return initial_weights(Condition(task=task, hidden=hidden, init=laws, **told), seeds, again)
