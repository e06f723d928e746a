"""Mini-batches: which examples each step of an epoch sees, shuffled by the seed.

Every example of an epoch gets a key, a hash of (seed, epoch, example); sorted by their keys, the examples are cut into
batches, in which they keep that order. So the batch, engine or machine that a training runs on does not matter. The
hash is that of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnxor.arrays import Wholes
from nnxor.condition import Condition
from nnxor.protocol import ROOT_SEED

GAMMA = np.uint64(0x9E3779B97F4A7C15)


def mix(x: Any) -> Any:
    """The finalizer of SplitMix64: a bijection of 64-bit numbers, of an array or what else has its operators."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def seeds_of(condition: Condition, seeds: Wholes | Sequence[int] | None, n_networks: int) -> Wholes:
    """The seeds of networks as an array, numbers from 0 where none are given and none is needed.

    Raises ValueError if a condition that shuffles mini-batches or redraws units comes without its seeds.
    """
    if seeds is not None and len(seeds) == n_networks:
        return np.asarray(seeds)
    if condition.batch_size is None and condition.recycle_every is None:
        return np.arange(n_networks)
    what = "dead units are redrawn" if condition.batch_size is None else "mini-batches are shuffled"
    raise ValueError(f"{what} by the seed: {n_networks} seeds are needed, got {seeds}")


def streams(seeds: Wholes) -> NDArray[np.uint64]:
    """The part of the hash that depends on the seed alone, shape (R,)."""
    return np.asarray(mix(np.asarray(seeds, np.uint64) * GAMMA + np.uint64(ROOT_SEED)))


def order_of(condition: Condition, stream: NDArray[np.uint64], epoch: int) -> NDArray[np.intp]:
    """The examples in the order in which the epoch sees them, shape (examples, R)."""
    if condition.order == "fixed":
        return np.repeat(np.arange(condition.task.n_examples)[:, None], len(stream), axis=1)
    of_epoch = mix(stream + np.array([epoch + 1], np.uint64) * GAMMA)
    keys = mix(of_epoch + np.arange(1, condition.task.n_examples + 1, dtype=np.uint64)[:, None] * GAMMA)
    return np.argsort(keys, axis=0, kind="stable")


def steps_of(n_examples: int, batch_size: int | None) -> list[int]:
    """How many examples each step of an epoch sees: batches of `batch_size`, the last perhaps smaller."""
    size = batch_size or n_examples
    return [min(size, n_examples - first) for first in range(0, n_examples, size)]
