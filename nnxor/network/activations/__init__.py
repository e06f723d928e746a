"""The activations and the output functions, one module each (`nnxor.network.entries.Activation`)."""

from nnxor.network.entries import Activation
from nnxor.registry import Registry, entries_of

_FOUND: list[Activation] = entries_of(__name__, first=("relu", "leaky_relu", "tanh", "sigmoid", "identity"))
ACTIVATIONS = Registry("activation", *(entry for entry in _FOUND if entry.hidden))
OUTPUTS = Registry("output", *(entry for entry in _FOUND if entry.output))
