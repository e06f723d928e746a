"""Engines: each trains a batch of networks of one condition and gives the same numbers.

An engine is a function `train(condition, start, seeds=None) -> Trained`; the seeds are needed only where they shuffle
mini-batches. To add one, write a module with such a function and name it in `ENGINES`.

In reading order: `trace` (what an engine hands back), `reference` (the article's loop), `batched` (numpy), `cycles`
(what it means that a training repeats) and `recycling` (dead units redrawn); `compiled` (numba), whose `kernel` is the
arithmetic of an epoch in numbers of the processor (`machine`), called from the loops of `skeleton` by way of `walk`.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nnxor.condition import Condition
from nnxor.engines.trace import Trained
from nnxor.network.draws import Weights


class Engine(Protocol):
    """What every engine is."""

    def __call__(
        self, condition: Condition, start: Weights, seeds: NDArray[np.integer] | range | None = None
    ) -> Trained:
        """Train every network of `start`; `seeds` shuffle its mini-batches, if there are any."""


ENGINES = {"reference": "nnxor.engines.reference", "numpy": "nnxor.engines.batched", "numba": "nnxor.engines.compiled"}
"""Name of each engine and the module that holds its `train`."""


def fastest() -> tuple[str, str]:
    """The fastest engine that is installed, and a word about why if it is not numba."""
    if importlib.util.find_spec("numba"):
        return "numba", ""
    return "numpy", "numba is not installed: about 100 times slower"


def load(name: str) -> Engine:
    """The engine of that name, 'auto' for the fastest; its module is imported only now."""
    engine: Engine = importlib.import_module(ENGINES[fastest()[0] if name == "auto" else name]).train
    return engine


def course(name: str, condition: Condition, start: Weights, seeds: range, epochs: Sequence[int]) -> list[Weights]:
    """Networks of an engine after each of so many epochs; at once where nothing but the parameters moves them."""
    at_once = getattr(importlib.import_module(ENGINES[name]), "course", None)
    if at_once and condition.batch_size is None and condition.recycle_every is None:
        return list(at_once(condition, start, epochs))
    return [load(name)(replace(condition, epochs=stop), start, seeds).weights for stop in epochs]
