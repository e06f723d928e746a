"""The losses, one module each (`nnxor.network.entries.Loss`)."""

from nnxor.network.entries import LOSSES

LOSSES.discover(__name__, first=("half_sse", "mse", "bce"))

__all__ = ["LOSSES"]
