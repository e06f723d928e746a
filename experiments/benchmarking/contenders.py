"""Who takes part in the benchmark, and how long each takes for a training.

Beside the engines that is what people use instead. Their functions return the final loss of each network, so that a
test can check that all did the work. The article's loops train XOR networks with ReLU under plain gradient descent on
half the sum of squared errors.
"""

import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed

from analysis.data.processes import available_cores
from analysis.entry import RunError, turning
from experiments.study.batches import LARGEST
from experiments.study.given_fields import make_condition, read_fields
from nnxor import engines
from nnxor.condition import Condition
from nnxor.engines.engine_reference import network, train_epochs
from nnxor.network.draws import Weights, initial_weights

Row = dict[str, Any]
INIT, LR = "uniform", 0.1  # of the condition that everybody trains
CONDITIONS = tuple((init, lr) for init in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2))  # of the default study
IN_STUDY = 1000  # its trainings of a condition, which are a batch
NUMPY_LOOP, PYTORCH_LOOP, JAX = "article's loop, NumPy", "article's loop, PyTorch", "JAX, vmap + scan"
CORES = sorted({1, available_cores()})  # on which each engine is timed

LEFT_OUT: dict[str, dict[str, bool]] = {  # by the numba engine, with the options of its `train` for it
    "in full": {"jump": False, "drop": False}, "dead units": {"jump": False}, "repeats": {"drop": False}, "both": {},
}  # fmt: skip
KINDS: dict[str, dict[str, Any]] = {  # of condition, with their fields beside lr 0.01 and weights from U(−1, 1)
    "gd": {}, "mse": {"loss": "mse"}, "leaky_relu": {"activation": "leaky_relu"},
    "momentum": {"optimizer": "momentum"}, "adam": {"optimizer": "adam"},
    "tanh": {"activation": "tanh"}, "sigmoid": {"activation": "sigmoid"}, "bce": {"output": "sigmoid", "loss": "bce"},
    "adam, bce, tanh": {"optimizer": "adam", "output": "sigmoid", "loss": "bce", "activation": "tanh"},
    "parity3": {"task": "parity3"}, **{f"batches of {n}": {"batch_size": n} for n in (1, 2, 3)},
}  # fmt: skip


def article_numpy(condition: Condition, start: Weights) -> list[float]:
    """The article's loop over the readable layers, one training."""
    return [loss for _, loss, _ in train_epochs(network(condition, start), condition)][-1:]


def article_pytorch(condition: Condition, start: Weights) -> list[float]:
    """The article's loop, its hand-written gradients included, on PyTorch tensors and one thread; one training."""
    import torch

    torch.set_num_threads(1)
    W1, b1, W2 = (torch.from_numpy(array[..., 0].copy()) for array in start[:3])
    W2, b2 = W2[:, None], torch.from_numpy(start.b2.copy())
    X = torch.from_numpy(condition.task.x(np.dtype(np.float32)))
    T = torch.from_numpy(condition.task.t(np.dtype(np.float32)))[:, None]
    loss = torch.tensor(0.0)
    with torch.no_grad():
        for _ in range(condition.epochs):
            z = X @ W1 + b1
            a = torch.relu(z)
            y = a @ W2 + b2
            dout = y - T
            loss = 0.5 * (dout**2).sum()
            dW2, db2 = a.T @ dout, dout.sum(0)
            dout = (dout @ W2.T) * (z > 0)
            dW1, db1 = X.T @ dout, dout.sum(0)
            W1 -= condition.lr * dW1
            b1 -= condition.lr * db1
            W2 -= condition.lr * dW2
            b2 -= condition.lr * db2
    return [float(loss)]


def autograd_pytorch(condition: Condition, start: Weights) -> list[float]:
    """One training as people write it in PyTorch, on one thread: its functions, gradients and optimizers."""
    import torch

    torch.set_num_threads(1)
    W1, b1, W2, b2 = (torch.tensor(array[..., 0], requires_grad=True) for array in start)
    x, t = (torch.tensor(array) for array in (condition.task.x(np.dtype("f4")), condition.task.t(np.dtype("f4"))))
    activation = getattr(torch.nn.functional, condition.activation)  # called as in nnxor
    slope = [condition.slope] if condition.uses("slope") else []
    of_scores: Callable[..., Any] = {
        "half_sse": lambda s, t: 0.5 * torch.sum((s - t) ** 2),
        "mse": torch.nn.functional.mse_loss,
        "bce": torch.nn.functional.binary_cross_entropy_with_logits,
    }[condition.loss]
    parameters, lr = (W1, b1, W2, b2), condition.lr
    optimizer = {
        "gd": lambda: torch.optim.SGD(parameters, lr),
        "momentum": lambda: torch.optim.SGD(parameters, lr, condition.momentum),
        "adam": lambda: torch.optim.Adam(parameters, lr, (condition.beta1, condition.beta2), condition.epsilon),
    }[condition.optimizer]()
    loss = torch.tensor(0.0)
    for _ in range(condition.epochs):
        order = torch.arange(len(x)) if condition.batch_size is None else torch.randperm(len(x))
        for rows in order.split(condition.batch_size or len(x)):
            optimizer.zero_grad()
            loss = of_scores(activation(x[rows] @ W1 + b1, *slope) @ W2 + b2, t[rows])
            loss.backward()
            optimizer.step()
    return [loss.item()]


def vmapped_jax(condition: Condition, start: Weights) -> list[float]:
    """All trainings at once in JAX, on all cores, with its own functions and gradients; full batches only."""
    losses = _compiled_jax(condition)(*(np.moveaxis(array, -1, 0) for array in start))
    return [float(loss) for loss in np.asarray(losses)]


@cache
def _compiled_jax(condition: Condition) -> Callable[..., Any]:
    """Parameters of trainings, along the first axis, to their final losses: scan over epochs, vmap over trainings."""
    import jax
    from jax.example_libraries import optimizers

    jnp = jax.numpy
    x, t = (jnp.array(array) for array in (condition.task.x(np.dtype("f4")), condition.task.t(np.dtype("f4"))))
    activation = getattr(jax.nn, condition.activation)  # not jnp.maximum for relu: its gradient at 0 is 1/2
    slope = [condition.slope] if condition.uses("slope") else []
    of_scores: Callable[..., Any] = {
        "half_sse": lambda s: 0.5 * jnp.sum((s - t) ** 2),
        "mse": lambda s: jnp.mean((s - t) ** 2),
        "bce": lambda s: jnp.mean(jax.nn.softplus(s) - s * t),
    }[condition.loss]
    start, update, parameters_of = {
        "gd": lambda: optimizers.sgd(condition.lr),
        "momentum": lambda: optimizers.momentum(condition.lr, condition.momentum),
        "adam": lambda: optimizers.adam(condition.lr, condition.beta1, condition.beta2, condition.epsilon),
    }[condition.optimizer]()

    def loss(parameters: Any) -> Any:
        W1, b1, W2, b2 = parameters
        # Broadcasting beats a matrix product for so small a matrix.
        z = sum(x[:, d : d + 1] * W1[d] for d in range(condition.task.n_inputs)) + b1
        return of_scores(jnp.sum(activation(z, *slope) * W2, axis=1) + b2)

    def step(state: Any, epoch: Any) -> Any:
        return update(epoch, jax.grad(loss)(parameters_of(state)), state), None

    def train(*parameters: Any) -> Any:
        return loss(parameters_of(jax.lax.scan(step, start(parameters), jnp.arange(condition.epochs))[0]))

    compiled: Callable[..., Any] = jax.jit(jax.vmap(train))
    return compiled


class Contender(NamedTuple):
    """A contender: name, trainings at once, the share of the epochs timed, how it trains, a package needed, cores."""

    name: str
    trainings: int
    share: float
    train: Callable[..., object]
    needs: str = "numpy"
    cores: int = 1


def in_batches(name: str, cores: int, options: Mapping[str, bool], condition: Condition, weights: Weights) -> object:
    """Train in batches as in a study, on some cores: threads for the compiled engine, processes for the others."""
    backend, n = "threading" if engines.ENGINES[name].threads else "loky", max(cores, -(-weights.n_networks // LARGEST))
    parts = [(weights.take(seeds), seeds) for seeds in np.array_split(np.arange(weights.n_networks), n)]
    engine: Callable[..., object] = engines.load(name)
    return Parallel(n_jobs=cores, backend=backend)(delayed(engine)(condition, *part, **options) for part in parts)


def of_engine(name: str, engine: str, trainings: int, share: float, cores: int = 1, **options: bool) -> Contender:
    """An engine of this project on some cores, each of them with so many trainings."""
    return Contender(name, cores * trainings, share, partial(in_batches, engine, cores, options), cores=cores)


VMAPPED = Contender(JAX, 1024, 0.2, vmapped_jax, "jax", CORES[-1])
Case = tuple[Row, Contender, dict[str, Any]]  # labels, who trains, and what is trained, as a configuration has it


def by_contender() -> Iterator[Case]:
    """Everybody, with the condition that all train; the article's loop in NumPy first, as the measure of the others."""
    everybody = [
        Contender(NUMPY_LOOP, 1, 0.2, article_numpy),
        Contender(PYTORCH_LOOP, 1, 0.2, article_pytorch, "torch"),
        VMAPPED,
        *(of_engine("engine reference", "reference", 1, 0.2, n) for n in CORES),
        *(of_engine("engine numpy", "numpy", 512, 0.05, n) for n in CORES),
        *(of_engine("engine numba, in full", "numba", 4 * LARGEST, 1.0, n, **LEFT_OUT["in full"]) for n in CORES),
        *(of_engine("engine numba, no jump", "numba", 4 * LARGEST, 1.0, n, **LEFT_OUT["dead units"]) for n in CORES),
        *(of_engine("engine numba", "numba", 4 * LARGEST, 1.0, n) for n in CORES),
    ]
    for each in everybody:
        yield {"contender": each.name, "cores": each.cores}, each, {"init": INIT, "lr": LR}


def by_what_is_left_out() -> Iterator[Case]:
    """The numba engine on one core: the conditions of the default study, and what it leaves out."""
    for (init, lr), (name, options) in product(CONDITIONS, LEFT_OUT.items()):
        who, fields = of_engine("engine numba", "numba", IN_STUDY, 1.0, **options), {"init": init, "lr": lr}
        yield {**fields, "left_out": name}, who, fields


def by_kind() -> Iterator[Case]:
    """Kinds of condition, trained by the numba engine, by JAX (full batches only) and in PyTorch as people write it."""
    numba = of_engine("engine numba", "numba", LARGEST, 1.0)
    pytorch = Contender("PyTorch, autograd", 1, 0.05, autograd_pytorch, "torch")
    for (kind, fields), who in product(KINDS.items(), (numba, VMAPPED, pytorch)):
        if who is not VMAPPED or "batch_size" not in fields:
            yield {"kind": kind, "contender": who.name}, who, {"lr": 0.01, **fields}


TABLES: dict[str, tuple[Callable[[], Iterator[Case]], Callable[[], float]]] = {  # and the clocks they are timed by
    "engines": (by_contender, time.perf_counter),  # the wall's
    "left_out": (by_what_is_left_out, time.thread_time),  # one thread's
    "kinds": (by_kind, time.process_time),  # all threads'
}


def timed(table: str, hidden: int, epochs: int, repeats: int) -> list[Row]:
    """A row a case whose contender is installed: the median of what a training of `epochs` epochs takes."""
    cases, clock = TABLES[table]
    work = list[tuple[Row, str, Callable[[], object], float, list[float]]]()
    for labels, who, fields in cases():
        if importlib.util.find_spec(who.needs):
            sizes = {"hidden": hidden, "epochs": max(1, round(epochs * who.share))}
            condition = make_condition(read_fields("", {**fields, **sizes}))
            weights = initial_weights(condition, range(who.trainings))
            scale = epochs / condition.epochs / who.trainings
            row = {"hidden": hidden, "epochs": epochs, **labels}
            work.append((row, who.name, partial(who.train, condition, weights), scale, []))
    for _ in range(repeats + 1):  # the first round compiles and starts workers
        for _, name, train, scale, times in work:
            began = clock()
            with turning(Exception, RunError, f"{name} cannot train here: "):  # a broken library can fail in any way
                train()
            times.append((clock() - began) * scale * 1e3)
    rows = []
    for row, *_, (_, *ms) in work:
        median, span = statistics.median(ms), {"ms_min": min(ms), "ms_max": max(ms)}
        rows.append({**row, "ms_per_training": median, **span, "trainings_per_s": 1e3 / median})
    return rows
