"""The optimizers, one module each (`nnxor.network.entries.Optimizer`)."""

from nnxor.network.entries import Optimizer
from nnxor.registry import Registry, entries_of

OPTIMIZERS: Registry[Optimizer] = Registry("optimizer", *entries_of(__name__, first=("gd", "momentum", "adam")))
