"""The losses, one module each (`nnxor.network.entries.Loss`)."""

from nnxor.network.entries import Loss
from nnxor.registry import Registry, entries_of

LOSSES: Registry[Loss] = Registry("loss", *entries_of(__name__, first=("half_sse", "mse", "bce")))
