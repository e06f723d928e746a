"""The activations and the output functions, one module each (`nnxor.network.entries.Activation`)."""

from nnxor.network.entries import ACTIVATIONS, OUTPUTS

ACTIVATIONS.discover(__name__, first=("relu", "leaky_relu", "tanh", "sigmoid", "identity"))

__all__ = ["ACTIVATIONS", "OUTPUTS"]
