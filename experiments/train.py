"""`python -m experiments.train`: one training, as the article prints it, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cli import start
from experiments.errors import DONE, InputError

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.draws import Weights

LOSS_EVERY, PREDICTIONS_EVERY = 100, 5000


def main() -> None:
    """The command."""
    start("train", train)


def train(config: Mapping[str, Any]) -> int:
    """Train and explain the one network that a composed configuration describes."""
    from experiments.fields import positive
    from nnxor.condition import Success

    condition, weights = read(config)
    success = Success("loss", positive("tolerance", config["tolerance"]))
    final, deaths = run_and_print(condition, weights)
    explain(condition, success, weights, final, deaths)
    if config["save"] is not None:
        from experiments.weights import save_weights

        save_weights(Path(str(config["save"])), final)
        print(f"weights: {config['save']}")
    return DONE


def read(config: Mapping[str, Any]) -> tuple[Condition, Weights]:
    """The condition and the initial weights; InputError names what is wrong."""
    from hydra.core.hydra_config import HydraConfig

    from experiments.catalog import parse_init, parse_task
    from experiments.fields import FIELDS, known_keys, make_condition, read_field, whole
    from experiments.weights import load_weights
    from nnxor.draws import draw

    others = [name for name in FIELDS if name not in ("task", "init")]
    known_keys("", config, [*FIELDS, "seed", "tolerance", "weights", "save"])
    chosen = HydraConfig.get().runtime.choices
    values: dict[str, object] = {
        "task": parse_task(chosen["task"], config["task"], "task"),
        "init": parse_init(chosen["init"], config["init"], "init"),
        **{name: read_field("", name, config[name]) for name in others if config[name] is not None},
    }
    condition = make_condition(values)
    if "slope" in values and condition.activation != "leaky_relu":
        raise InputError("slope would do nothing without activation=leaky_relu")
    if config["weights"] is None:
        seed = 0 if config["seed"] is None else whole("seed", config["seed"], 0, 2**63 - 1)
        n_inputs = condition.task.n_inputs
        return condition, draw(condition.init, n_inputs, condition.hidden, range(seed, seed + 1), condition.bias)
    weights = load_weights(Path(str(config["weights"])))
    for override in HydraConfig.get().overrides.task:
        if override.split("=")[0].split(".")[0] in ("seed", "init"):
            raise InputError(f"{override} would do nothing, since weights={config['weights']} is given")
    n_inputs, hidden, _ = weights.W1.shape
    if n_inputs != condition.task.n_inputs:
        raise InputError(
            f"weights={config['weights']} is for {n_inputs} inputs; "
            f"task={condition.task.name} has {condition.task.n_inputs}"
        )
    if "hidden" in values and values["hidden"] != hidden:
        raise InputError(f"hidden={values['hidden']} contradicts weights={config['weights']}, which has {hidden} units")
    if not condition.bias and (weights.b1.any() or weights.b2.any()):
        raise InputError(f"bias=false contradicts weights={config['weights']}, which has biases other than 0")
    return make_condition({**values, "hidden": hidden}), weights


def run_and_print(condition: Condition, weights: Weights) -> tuple[Weights, list[int | None]]:
    """The article's loop and its printout; final weights, and since when each unit has been dead."""
    import numpy as np

    from nnxor.engines.reference import alive, final_weights, forward, network, train_epochs
    from nnxor.losses import LOSSES

    layers = network(condition, weights)
    X = condition.task.x(condition.numpy_dtype)
    T = condition.task.t(condition.numpy_dtype)[:, None]
    deaths: list[int | None] = [None] * condition.hidden

    def watch(epoch: int) -> None:
        for unit, is_alive in enumerate(alive(layers, X)):
            if is_alive:
                deaths[unit] = None
            elif deaths[unit] is None:
                deaths[unit] = epoch

    with np.errstate(all="ignore"):
        for epoch, loss, y in train_epochs(layers, condition):
            watch(epoch)
            if epoch % LOSS_EVERY == 0:
                print(f"epoch {epoch:>6}  loss {loss:.4f}")
            if epoch % PREDICTIONS_EVERY == 0:
                print(f"              predictions {numbers(y[:, 0])}")
        watch(condition.epochs)
        y = forward(layers, X)
        print(f"final loss {LOSSES[condition.loss]().forward(y, T):.4f}")
        print(f"final predictions {numbers(y[:, 0])}")
    return final_weights(layers), deaths


def numbers(values: Any) -> str:
    """Numbers in a row, five significant digits."""
    return "  ".join(f"{float(value):.5g}" for value in values)


def explain(condition: Condition, success: Any, start: Weights, final: Weights, deaths: list[int | None]) -> None:
    """What became of the training: outcome, units, and the function that the network computes."""
    from nnxor import engines
    from nnxor.diagnosis import diagnose

    trained = engines.load("numpy")(condition, success, start)
    row = {name: values[0] for name, values in diagnose(condition, success, start, trained).items()}
    readable = type(trained)(final, trained.trace)
    outcome = str(diagnose(condition, success, start, readable)["outcome"][0])
    print(f"\noutcome: {outcome}{reason(outcome, row, condition)}")
    if outcome != str(row["outcome"]):
        print(f"  (in a sweep, whose engines add in another order, this seed ends as {row['outcome']})")
    was = row["patterns_init"].decode().split()
    now = row["patterns_final"].decode().split()
    print(f"units (active on rows {' '.join(condition.task.row_names)}, at the start > at the end):")
    for unit in range(condition.hidden):
        print(f"  {unit + 1:>3}  {was[unit]} > {now[unit]}  {unit_fate(now[unit], deaths[unit], condition)}")
    print("it computes")
    for line in formula(condition, final):
        print(f"  {line}")


def reason(outcome: str, row: Mapping[str, Any], condition: Condition) -> str:
    """The evidence for an outcome, in words."""
    if outcome == "solved":
        return f", since epoch {row['solved_epoch']} (of {condition.epochs})" if row["solved_epoch"] >= 0 else ""
    evidence = f"; loss {row['final_loss']:.6g}, gradient norm {row['grad_norm']:.2g}"
    rows = f"; rows {row['merged']} share one wrong prediction" if row["merged"] else ""
    cause = f"; cause: {row['cause']}" if row["cause"] else ""
    return f"{evidence}{rows}{cause}"


def unit_fate(pattern: str, death: int | None, condition: Condition) -> str:
    """What a unit is at the end, in words."""
    if "1" not in pattern:
        silent = "dead" if condition.activation == "relu" else "below 0 on every row"
        return f"{silent} from the start" if death == 0 else f"{silent} since epoch {death}"
    return "active on every row: a line" if "0" not in pattern else "alive"


def formula(condition: Condition, weights: Weights) -> list[str]:
    """The network as a formula, a line a unit that is not dead on the task's rows."""
    from nnxor import arithmetic

    W1, b1, W2, b2 = weights.arrays()
    alive = arithmetic.any_active(arithmetic.preactivations(condition, weights))[:, 0]
    lines = [f"y = {float(b2[0]):.4g}"]
    for h in range(condition.hidden):
        if alive[h] or condition.activation != "relu":
            inner = " ".join(f"{float(W1[d, h, 0]):+.4g}*x{d + 1}" for d in range(W1.shape[0]))
            lines.append(f"    {float(W2[h, 0]):+.4g} * {condition.activation}({inner} {float(b1[h, 0]):+.4g})")
    return lines


if __name__ == "__main__":
    main()
