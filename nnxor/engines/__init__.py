"""Engines: each trains a batch of networks of one condition and gives the same numbers.

An engine is a module with a function `train(condition, start, seeds=None) -> Trained`, and an entry here. Seeds are
needed only where they shuffle mini-batches or redraw units.

In reading order: `engine_reference` (the article's loop), `engine_numpy`, `cycles` (exact repeats) and `recycling`
(dead units redrawn); then `engine_numba`: `kernel` is the arithmetic of an epoch as machine code (`llvm_numbers`),
`block` what else happens to a block of trainings, `runner` calls both. Of Numba it uses only the compiler (llvmlite).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from nnxor.arrays import Array, Ints, Wholes
from nnxor.checks import brief
from nnxor.condition import Condition
from nnxor.network.draws import Weights
from nnxor.protocol import TAIL_PARTS
from nnxor.registry import Registry, hint


class Trace(NamedTuple):
    """What happened on the way, for each of R trainings, exact to the epoch; shape (R,), int32, except for `tail`.

    last_unsolved: last epoch whose loss, measured before its update, broke the success rule; −1 if none did.
    first_death: first epoch at which a unit that was alive at epoch 0 was dead (pre-activation ≤ 0 on every row), the
        state after the last update counting as epoch `epochs`; −1 if none died.
    revived: number of units that were dead at the start of some epoch and alive at that of a later one, or at the end.
    tail: sums of the losses over the last epochs, in `nnxor.protocol.TAIL_PARTS` parts of `nnxor.protocol.tail_part`
        epochs each, the earliest first. Shape (parts, R), float64 whatever the dtype.
    settled_epoch, period: `nnxor.engines.cycles` says what they are; −1 where that is not known.
    """

    last_unsolved: Ints
    first_death: Ints
    revived: Ints
    tail: Array
    settled_epoch: Ints
    period: Ints

    def take(self, networks: Wholes | slice) -> Trace:
        """The trainings chosen along the last axis."""
        return Trace._make(array[..., networks] for array in self)

    @classmethod
    def empty(cls, n_networks: int) -> Trace:
        """A trace in which nothing has happened yet."""
        unsolved, death, settled, period = (np.full(n_networks, -1, np.int32) for _ in range(4))
        revived, tail = np.zeros(n_networks, np.int32), np.zeros((TAIL_PARTS, n_networks))
        return cls(unsolved, death, revived, tail, settled, period)


class Trained(NamedTuple):
    """The weights after the last update, and the trace."""

    weights: Weights
    trace: Trace


def joined(parts: list[Trained]) -> Trained:
    """Trainings that were run in parts, as one."""
    traces = (np.concatenate(arrays, axis=-1) for arrays in zip(*(part.trace for part in parts), strict=True))
    return Trained(Weights.joined(part.weights for part in parts), Trace(*traces))


Train = Callable[..., Trained]  # of a condition, networks to start from and their seeds


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What must be known of an engine before its module is imported.

    Beside `train`, the module may hold `course(condition, start, epochs)`, the networks after each of so many epochs,
    and `variant(condition)`, what is compiled for it: equal for those that one compilation serves.
    """

    name: str
    module: str
    exact: bool = True  # whether its bits are those that are promised; else they agree with the others' within rounding
    threads: bool = False  # whether it leaves the interpreter's lock, so that several threads train at a time
    at_once: int = 1  # trainings that it works on at a time, of which a batch is best a multiple
    seconds: tuple[float, float]  # for an epoch of one training of XOR, about: a constant, and what each unit adds

    @property
    def fault(self) -> str:
        """Why its module cannot be imported, in a line; the empty text where it can."""
        try:
            importlib.import_module(self.module)
        except Exception as error:  # whatever a broken library raises
            return " ".join(str(error).split()) or type(error).__name__
        return ""

    def offers(self, name: str) -> Callable[..., Any] | None:
        """A function of its module, which is imported only now; None if there is none of that name."""
        return getattr(importlib.import_module(self.module), name, None)


ENGINES = Registry(
    "engine",
    Engine(name="reference", module="nnxor.engines.engine_reference", exact=False, seconds=(75e-6, 0.05e-6)),
    Engine(name="numpy", module="nnxor.engines.engine_numpy", at_once=1024, seconds=(40e-9, 40e-9)),
    Engine(name="numba", module="nnxor.engines.engine_numba", threads=True, at_once=64, seconds=(0.6e-9, 0.45e-9)),
)


def fastest() -> tuple[str, str]:
    """The fastest engine that can be imported, and a word about why if that is not the fastest of all."""
    by_speed = sorted(ENGINES.values(), key=lambda engine: engine.seconds)
    best, first = next(engine for engine in by_speed if not engine.fault), by_speed[0]
    slower = f"about {round(best.seconds[1] / first.seconds[1], -1):.0f} times slower"
    return best.name, f"{first.name} cannot be loaded: {first.fault}; {slower}" if first.fault else ""


def load(name: str) -> Train:
    """The function `train` of the engine of that name, 'auto' for the fastest; its module is imported only now."""
    allowed = ["auto", *ENGINES]
    if not isinstance(name, str) or name not in allowed:
        raise ValueError(f"engine={brief(name)} is unknown; {hint(str(name), allowed)}")
    train: Train = importlib.import_module(ENGINES[fastest()[0] if name == "auto" else name].module).train
    return train


def course(name: str, condition: Condition, start: Weights, seeds: range, epochs: Sequence[int]) -> list[Weights]:
    """Networks of an engine after each of so many epochs; at once where nothing but the parameters moves them."""
    at_once = ENGINES[name].offers("course")
    if at_once and condition.batch_size is None and condition.recycle_every is None:
        return list(at_once(condition, start, epochs))
    return [load(name)(replace(condition, epochs=stop), start, seeds).weights for stop in epochs]
