"""What must hold of every registered entry, of those that ship as of a new one."""

from dataclasses import replace
from typing import Any

import numpy as np
from drawn import draw

from experiments.study import catalog
from nnxor import engines
from nnxor.arithmetic.epoch import Rules
from nnxor.arithmetic.networks import ending, preactivations
from nnxor.condition import CHOICES, Condition
from nnxor.diagnosis import diagnose
from nnxor.network.draws import PARAMETERS, Weights
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.trial import trials

SEEDS = range(40)
STEP = 1e-6

OF_THE_LOSS = ("activation", "output", "loss")
"""Fields whose entries the loss of a network depends on."""


def entries(*fields: str) -> list[tuple[str, str]]:
    """Field and name of every registered entry."""
    return [(field, name) for field, registry in CHOICES.items() for name in registry if field in (fields or CHOICES)]


def companions(field: str, name: str) -> dict[str, Any]:
    """What else a condition needs in which a field chooses this entry."""
    return {"output": "sigmoid"} if field == "loss" and LOSSES[name].logits else {}


def condition(field: str, name: str, **more: Any) -> Condition:
    """A condition in which a field chooses this entry."""
    chosen = Condition(**{field: name, "init": catalog.init("torch"), **companions(field, name), **more})
    assert not chosen.refusal()
    return chosen


def check_gradient(field: str, name: str) -> None:
    """A step of plain gradient descent is the central difference of the loss, away from kinks."""
    chosen = condition(field, name, dtype="float64", lr=1.0, epochs=1)
    start = draw(chosen.init, 2, 4, range(30)).astype(chosen.numpy_dtype)
    far = np.min([np.abs(z).min(axis=0) for z in preactivations(chosen, start)], axis=0) > 1e-3
    far &= np.abs(start.b2) > 1e-3
    start = start.take(np.flatnonzero(far))
    end = engines.load("numpy")(chosen, start).weights
    still = replace(chosen, epochs=0)
    told = diagnose(still, start, engines.load("numpy")(still, start))["final_loss"]
    assert np.array_equal(told, loss(chosen, start))
    for parameter in PARAMETERS:
        before, after = getattr(start, parameter), getattr(end, parameter)
        for place in np.ndindex(before.shape[:-1]):
            higher, lower = (loss(chosen, moved(start, parameter, place, step)) for step in (STEP, -STEP))
            assert np.allclose((before - after)[place], (higher - lower) / (2 * STEP), rtol=1e-5, atol=1e-7)


def moved(weights: Weights, parameter: str, place: tuple[int, ...], step: float) -> Weights:
    """The weights with one of them a step away."""
    array = getattr(weights, parameter).copy()
    array[place] += step
    return weights._replace(**{parameter: array})


def loss(chosen: Condition, weights: Weights) -> np.ndarray:
    """The loss of each network as it is."""
    return ending(chosen, weights).loss


def check_reference(field: str, name: str) -> None:
    """The readable layers train as the fast engine does, up to rounding."""
    chosen = condition(field, name, dtype="float64", epochs=40, lr=0.05)
    seeds = range(4)
    ends = [trials(chosen, seeds, engines.load(engine)).end for engine in ("reference", "numpy")]
    for readable, fast in zip(*(end for end in ends), strict=True):
        assert np.allclose(readable, fast, rtol=1e-7, atol=1e-9)


def check_optimizer(name: str) -> None:
    """It goes down a valley, and is plain, and at rest where nothing pulls, if it says so."""
    chosen = condition("optimizer", name, dtype="float64", lr=0.01)
    rules, betas = Rules(chosen), [getattr(chosen, power) for power in OPTIMIZERS[name].powers]
    p = start = np.array([1.0, -2.0])
    memory = tuple(np.full_like(p, x) for x in rules.optimizer.start(chosen.lr))
    for t in range(1, 201):
        left = tuple(np.float64(1 - beta**t) for beta in betas)
        moved, *remembered = rules.step(p, p, memory, left)
        if rules.optimizer.rests:
            assert np.array_equal(rules.step(p, 0 * p, memory, left)[0], p)
        if rules.optimizer.plain:
            assert np.array_equal(moved, p - chosen.lr * p)
        p, memory = moved, tuple(remembered)
    assert (np.abs(p) < 0.5 * np.abs(start)).all()


def check_bits(field: str, name: str) -> None:
    """Both fast engines give the same bits, of weights and of everything that is recorded."""
    chosen = condition(field, name, epochs=40)
    a, b = (trials(chosen, SEEDS, engines.load(engine)) for engine in ("numpy", "numba"))
    for x, y in zip(a.end, b.end, strict=True):
        assert x.tobytes() == y.tobytes()
    for column, values in a.columns.items():
        assert np.array_equal(values, b.columns[column], equal_nan=values.dtype.kind == "f"), column
