"""The optimizers, one module each (`nnxor.network.entries.Optimizer`)."""

from nnxor.network.entries import OPTIMIZERS

OPTIMIZERS.discover(__name__, first=("gd", "momentum", "adam"))

__all__ = ["OPTIMIZERS"]
