"""The initial weights of every seed: a pure function of (seed, shapes, init).

The generator is counter-based (Philox 4x64-10: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2,
3", SC 2011). Its 256-bit counter is read as four words, lowest first: (seed, draw, block, unit). Each counter yields
four 64-bit numbers, so any seed is reached at once, consecutive seeds are one call a unit, and nothing depends on
batch, order, worker or engine. Unit 0 is the output bias, units 1 ... H are the hidden ones: a width-4 network is the
first four units of the width-10 one with that seed. Draw 0 is where a training starts, draw 1 what a rescue draws
afresh and draw 2 how it chooses units (`nnxor.interventions`). Block 0 of a unit holds its bias, its output weight and
its weights for the inputs 1 and 2, later blocks the further inputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.random import Philox

from nnxor.arithmetic.epoch import preactivation
from nnxor.arrays import Array, Floats, Wholes
from nnxor.network.inits_in_yaml import GivenWeights, Init
from nnxor.protocol import ROOT_SEED

if TYPE_CHECKING:
    from nnxor.condition import Condition

MOST_DRAWS = 1000  # how often a network is drawn for an initialization with a margin, before it is refused
Lots = tuple[list[Array], Array, Array, Array]


class Weights(NamedTuple):
    """The parameters of R networks: W1 (D, H, R), b1 (H, R), W2 (H, R), b2 (R,)."""

    W1: Floats
    b1: Floats
    W2: Floats
    b2: Floats

    @property
    def n_networks(self) -> int:
        """Number of networks, R."""
        return len(self.b2)

    @np.errstate(over="ignore")
    def astype(self, dtype: np.dtype) -> Weights:
        """A copy in another dtype: infinite beyond its range, and 0 for −0, whose sign engines need not agree on."""
        return Weights(*(array.astype(dtype) + dtype.type(0) for array in self))

    def only(self) -> dict[str, Floats]:
        """The parameters of the one network in a batch, by name: W1 (D, H), b1 (H,), W2 (H,), b2 ()."""
        return {name: array[..., 0] for name, array in self._asdict().items()}

    def take(self, networks: Wholes | slice) -> Weights:
        """The networks chosen along the last axis, copied."""
        return Weights(*(array[..., networks].copy() for array in self))

    def put(self, networks: Wholes, others: Weights) -> None:
        """Write other networks in the places of some of these."""
        for array, other in zip(self, others, strict=True):
            array[..., networks] = other

    @classmethod
    def of(cls, W1: Floats, b1: Floats, W2: Floats, b2: Floats) -> Weights:
        """Networks as others hold them: W1 (R, D, H), b1 (R, H), W2 (R, H) or (R, H, 1), b2 (R,) or (R, 1).

        The R may be left out of all of them where it is 1. ValueError names shapes that do not fit together.
        """
        *networks, _, hidden = W1.shape if W1.ndim in (2, 3) else (0, 0)
        units, one = (*networks, hidden), (*networks, 1)
        if not W1.size or b1.shape != units or W2.shape not in (units, (*units, 1)) or b2.shape not in (one[:-1], one):
            shapes = zip(PARAMETERS, (W1, b1, W2, b2), strict=True)
            raise ValueError(f"{', '.join(f'{name} {array.shape}' for name, array in shapes)} do not fit")
        plain = ((W1, W1.shape[-2:]), (b1, (hidden,)), (W2, (hidden,)), (b2, ()))
        return cls(*(np.ascontiguousarray(np.moveaxis(each.reshape(-1, *shape), 0, -1)) for each, shape in plain))

    @classmethod
    def joined(cls, parts: Iterable[Weights]) -> Weights:
        """Networks in several parts, as one."""
        return cls(*(np.concatenate(arrays, axis=-1) for arrays in zip(*parts, strict=True)))


PARAMETERS = Weights._fields  # the parameters of a network, in the order in which they always stand


def uniforms(unit: int, block: int, seeds: range, again: int = 0) -> Array:
    """Four uniforms in (0, 1) for each of consecutive seeds, shape (seeds, 4), 52 bits each."""
    counter = (unit << 192) + (block << 128) + (again << 64) + seeds.start
    raw = Philox(key=ROOT_SEED, counter=counter).random_raw(4 * len(seeds))
    return (((raw >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52).reshape(-1, 4)


def initial_weights(condition: Condition, seeds: range, again: int = 0) -> Weights:
    """Where the trainings of a condition with these seeds start, rounded to float32.

    `seeds` is a range of consecutive non-negative integers; `again` is the number of the draw. Fans are those of the
    layer: D inputs and H outputs for the first, H inputs and one output for the second. The condition's scale is a
    factor on every weight and bias, drawn or given, before they are rounded (1 changes no bit). With a margin, each
    network is the first of its seed's draws in which every row puts some unit above the margin.
    """
    init, weights = condition.init, _draw(condition, seeds, again)
    if isinstance(init, GivenWeights) or (margin := init.margin) is None:
        return weights
    for attempt in range(1, MOST_DRAWS):
        W1, b1 = weights.W1.astype(np.float64), weights.b1.astype(np.float64)
        kept = [preactivation(row, W1, b1).max(axis=0) > margin for row in condition.task.inputs]  # sums from the bias
        if not len(below := np.flatnonzero(~np.all(kept, axis=0))):
            return weights
        rest = range(seeds[below[0]], seeds[below[-1]] + 1)
        weights.put(below, _draw(condition, rest, again + (attempt << 32)).take(below - below[0]))
    raise ValueError(f"init={init.name}: {MOST_DRAWS} draws of seed {rest[0]} do not keep the margin {margin:g}")


def _draw(condition: Condition, seeds: range, again: int) -> Weights:
    """A draw of these seeds, whatever margin is asked for."""
    if seeds.step != 1 or seeds.start < 0 or seeds.stop > 2**63:
        raise ValueError(f"seeds must be consecutive, from 0 to 2**63 - 1; got {seeds}")
    init, shape = condition.init, (condition.task.n_inputs, condition.hidden)
    drawn = _given(init, seeds, *shape) if isinstance(init, GivenWeights) else _drawn(init, seeds, *shape, again)
    W1, b1, W2, b2 = drawn
    if not condition.bias:
        b1, b2 = np.zeros_like(b1), np.zeros_like(b2)
    with np.errstate(over="ignore"):  # such a training diverges, and says so
        return Weights(*((condition.scale * array + 0.0).astype(np.float32) for array in (W1, b1, W2, b2)))  # no −0


def _drawn(init: Init, seeds: range, n_inputs: int, hidden: int, again: int) -> list[Array]:
    """What the distributions give, in float64."""
    drawer = _of_numpy if init.generator == "numpy" else _of_philox
    of_inputs, of_biases, of_outputs, of_last = drawer(n_inputs, hidden, seeds, again)
    W1 = np.stack([*map(init.weights.at(n_inputs, hidden).quantile, of_inputs)])
    W2 = (init.outputs or init.weights).at(hidden, 1).quantile(of_outputs)
    b1, b2 = init.biases.at(n_inputs, hidden).quantile(of_biases), init.biases.at(hidden, 1).quantile(of_last)
    if init.mirror:
        pairs = slice(0, hidden // 2 * 2, 2), slice(1, None, 2)
        W1[:, pairs[1]], b1[pairs[1]] = -W1[:, pairs[0]], -b1[pairs[0]]
    return [W1, b1, W2, b2]


def _of_philox(n_inputs: int, hidden: int, seeds: range, again: int) -> Lots:
    """The uniforms of each input's weights (H, seeds), of biases, of output weights, and of the last bias (seeds,)."""
    blocks = range(1 + -(-max(n_inputs - 2, 0) // 4))
    lots = [np.stack([uniforms(h + 1, block, seeds, again).T for h in range(hidden)], axis=1) for block in blocks]
    of_inputs = [*lots[0][2:], *(lot for block in lots[1:] for lot in block)][:n_inputs]
    return of_inputs, lots[0][0], lots[0][1], uniforms(0, 0, seeds, again)[:, 0]


def _of_numpy(n_inputs: int, hidden: int, seeds: range, again: int) -> Lots:
    """The same from `default_rng(seed)`, in the order W1 (hidden, inputs), b1, W2, b2."""
    size = hidden * (n_inputs + 2) + 1
    drawn = [np.random.default_rng([seed, again] if again else seed).random(size) for seed in seeds]
    u = np.array(drawn).reshape(len(seeds), size).T
    W1 = u[: hidden * n_inputs].reshape(hidden, n_inputs, len(seeds))
    b1, W2 = u[hidden * n_inputs : -1].reshape(2, hidden, len(seeds))
    return [W1[:, d] for d in range(n_inputs)], b1, W2, u[-1]


def _given(init: GivenWeights, seeds: range, n_inputs: int, hidden: int) -> list[Array]:
    if init.size != (n_inputs, hidden) or seeds.stop > init.n_sets:
        held = f"{init.name} holds {init.n_sets} sets for {init.size[0]} inputs and {init.size[1]} units"
        raise ValueError(f"{held}; asked for {n_inputs} inputs, {hidden} units and seeds up to {seeds.stop - 1}")
    return [array[..., seeds.start : seeds.stop].astype(np.float64) for array in init.arrays]
