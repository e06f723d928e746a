"""Random conditions of all fields, each trained by the numpy and by the numba engine: the same to the bit.

`make bits` trains 100; NUMBER=500 trains more. tests/nnxor/test_bits.py trains a few of them in the suite, since each
kind of condition costs a compilation.
"""

import random
import sys
from dataclasses import asdict
from unittest.mock import patch

import numpy as np

from nnxor.condition import Condition, Success
from nnxor.engines import cycles, engine_numba, engine_numpy
from nnxor.engines.cycles import to_table
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.draws import PARAMETERS, initial_weights
from nnxor.network.losses import LOSSES
from nnxor.network.optimizers import OPTIMIZERS
from nnxor.network.tasks import XOR, Task

SEEDS = range(150)


def random_task(pick: random.Random) -> Task:
    """XOR, or a table of up to 40 rows whose inputs are mostly 0 and 1."""
    if pick.random() < 0.3:
        return XOR
    n_inputs, n_rows = pick.randint(1, 5), pick.choice((2, 3, 5, 8, 17, 40))
    values = pick.choice(((0.0, 1.0), (0.0, 1.0, 1.0, 0.5, -1.25)))
    inputs = tuple(tuple(pick.choice(values) for _ in range(n_inputs)) for _ in range(n_rows))
    targets = (0.0, 1.0, *(float(pick.random() < 0.5) for _ in range(n_rows - 2)))
    times = tuple(pick.randint(1, 3) for _ in range(n_rows)) if pick.random() < 0.3 else None
    return Task("random", inputs, targets, multiplicities=times)


def random_condition(seed: int) -> Condition:
    """A condition that is allowed; the same for the same seed."""
    pick = random.Random(seed)
    while True:
        task = random_task(pick)
        loss = pick.choice(list(LOSSES))
        success = (Success(), Success(tolerance=0.3), Success("margin", 0.4), Success("threshold", ties="pass"))
        frozen = "+".join(name for name in PARAMETERS if pick.random() < 0.1)
        condition = Condition(
            task=task,
            hidden=pick.randint(1, 9),
            activation=pick.choice((*ACTIVATIONS, *["relu"] * 5)),
            slope=pick.choice((0.01, 0.3, -0.7, 1.5)),
            relu_at_zero=pick.randint(0, 1),
            output="sigmoid" if LOSSES[loss].logits else pick.choice(list(OUTPUTS)),
            bias=pick.random() < 0.8,
            lr=pick.choice((0.003, 0.01, 0.03, 0.1, 0.3)),
            epochs=pick.choice((0, 1, 65, 200)),
            loss=loss,
            optimizer=pick.choice((*OPTIMIZERS, *["gd"] * 5)),
            batch_size=pick.choice((None, None, 1, 2, 3, task.n_examples)),
            order=pick.choice(("shuffled", "fixed")),
            freeze=frozen or None,
            recycle_every=pick.choice((None, None, 30)),
            dtype=pick.choice(("float32", "float64")),
            success=pick.choice(success),
        )
        if not condition.refusal():
            return condition


def differing(condition: Condition) -> list[str]:
    """What differs between the engines, of networks that do not diverge; they are packed anew at every occasion."""
    start = initial_weights(condition, SEEDS)
    often = patch.object(cycles, "watched", lambda checkpoint: cycles.stretch(checkpoint) // 8)
    with patch.object(engine_numba, "MOVING", 0), often:
        one, other = (train(condition, start, SEEDS) for train in (engine_numba.train, engine_numpy.train))
    finite = np.isfinite(to_table(other.weights)).all(axis=0)
    pairs = [(name, getattr(one.weights, name), getattr(other.weights, name)) for name in PARAMETERS]
    pairs += [(name, getattr(one.trace, name), getattr(other.trace, name)) for name in other.trace._fields]
    return [name for name, a, b in pairs if a[..., finite].tobytes() != b[..., finite].tobytes()]


def main() -> None:
    """Train the given number of random conditions; exit status 1 if one differs."""
    bad = 0
    for seed in range(int(sys.argv[1]) if len(sys.argv) > 1 else 100):
        condition = random_condition(seed)
        if found := differing(condition):
            bad += 1
            print(f"{seed}: {', '.join(found)} differ: {asdict(condition)}", flush=True)
    print(f"{bad} differ")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
