"""`python -m experiments.train`: one training, as the article prints it, and what became of it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.cli import named, start
from experiments.errors import DONE, InputError

if TYPE_CHECKING:
    from nnxor.condition import Condition
    from nnxor.engines.trace import Trained
    from nnxor.network.draws import Weights
    from nnxor.network.inits import GivenWeights, Init

SHOWN = ("task", "hidden", "activation", "init", "lr", "epochs", "loss")
"""Fields that the first line of the printout names."""

GROUPS = ("task", "init")

LOSS_EVERY, PREDICTIONS_EVERY = 100, 5000


def main() -> None:
    """The command."""
    sys.argv[1:] = named(sys.argv[1:], *GROUPS)
    start("train", train)


def train(config: Mapping[str, Any]) -> int:
    """Train and explain the one network that a composed configuration describes."""
    import numpy as np

    from experiments.execution.options import read_path
    from experiments.study.weight_files import check_writable, make_folder, save_weights
    from nnxor.engines.reference import train_one

    condition, weights, seed = read(config)
    save = None if config["save"] is None else read_path("save", config["save"])
    if save:
        check_writable(save)
    plot = None if config["plot"] is None else read_path("plot", config["plot"])
    if plot:
        make_folder(plot)
    print(" ".join(f"{name}={value}" for name, value in condition.values().items() if name in SHOWN), end=" ")
    print(f"weights={config['weights']}" if config["weights"] else f"seed={seed}")
    printout = Printout(condition)
    with np.errstate(all="ignore"):
        trained = train_one(condition, weights, seed, printout.watch)
        printout.final(trained.weights)
    explain(condition, weights, seed, trained, printout.deaths)
    if save:
        save_weights(save, trained.weights)
        print(f"weights: {save}")
    if plot:
        draw_figures(condition, weights, seed, config, plot)
        print(f"figures: {plot}")
    return DONE


def draw_figures(condition: Condition, start: Weights, seed: int, config: Mapping[str, Any], folder: Path) -> None:
    """Draw the loss curve and the function that the network computes, as the report draws its exemplars."""
    import pandas as pd

    from analysis.figures import PLOTS
    from analysis.report_parts.drawing import draw
    from experiments.store.exemplars import exemplar
    from nnxor import engines

    source = Path(str(config["weights"])).name if config["weights"] else None
    data = {"exemplars": pd.DataFrame([exemplar(condition, start, seed, engines.fastest()[0], source)])}
    for figure in PLOTS:
        if figure.of == "exemplars":
            draw(figure, data, folder)


def read(config: Mapping[str, Any]) -> tuple[Condition, Weights, int]:
    """The condition, the initial weights and the seed; InputError names what is wrong."""
    from experiments.study.fields import make_condition, refuse_useless, whole
    from nnxor.network.draws import initial_weights

    values = read_values(config)
    condition = make_condition(values)
    refuse_useless(values, [condition])
    seed = 0 if config["seed"] is None else whole("seed", config["seed"], 0, 2**63 - 1)
    if config["weights"] is None:
        refuse_seed(condition, seed)
        return condition, initial_weights(condition, range(seed, seed + 1)), seed
    condition, weights = read_given(config["weights"], values, condition)
    return condition, weights, seed


def read_values(config: Mapping[str, Any]) -> dict[str, object]:
    """The fields that are given, checked; InputError names what is wrong."""
    from experiments.study.fields import FIELDS, known_keys, read_field, read_success

    config = {**config, "task": config["task"]["name"]}
    others = [name for name in FIELDS if name not in ("init", "rescue")]
    known_keys("", config, [*others, "init", "success", "seed", "weights", "save", "plot"])
    return {
        "init": read_init(config["init"]),
        "success": read_success(config["success"] or {}),
        **{name: read_field("", name, config[name]) for name in others if config[name] is not None},
    }


def read_init(given: Mapping[str, Any]) -> Init | GivenWeights:
    """The initialization, as a study gives it or with the parameters of `init.weights` and `init.biases`."""
    from experiments.study import catalog

    laws = {}
    for part in ("weights", "biases"):
        if not isinstance(given[part], Mapping):
            raise InputError(f"init.{part}={given[part]} is not allowed; write init.{part}.NAME=VALUE")
        laws[part] = {name: value for name, value in given[part].items() if value is not None}
    name = "uniform" if given["name"] is None else given["name"]
    if not any(laws.values()):
        return catalog.read_init("init", name)
    if not isinstance(name, str) or name.endswith(".npz"):
        raise InputError(f"init={name} takes no init.weights and init.biases; allowed with them: a name in conf/init")
    biases = {"biases": laws["biases"]} if laws["biases"] else {}
    return catalog.read_init("init", {name: {**laws["weights"], **biases}})


def refuse_seed(condition: Condition, seed: int) -> None:
    """InputError for a seed that weights from a file do not have."""
    from nnxor.network.inits import GivenWeights

    init = condition.init
    if isinstance(init, GivenWeights) and seed >= init.n_sets:
        raise InputError(f"seed={seed} is not in init={init.name}; allowed: 0 to {init.n_sets - 1}, a set each")


def read_given(given: object, values: Mapping[str, object], condition: Condition) -> tuple[Condition, Weights]:
    """The network in the file that `weights` names, and the condition with its width; InputError if it does not fit."""
    from experiments.execution.options import read_path
    from experiments.study.weight_files import condition_of, load_weights

    weights = load_weights(read_path("weights", given), condition.numpy_dtype)
    refuse_draw(given, condition)
    return condition_of(weights, values, str(given)), weights


def refuse_draw(given: object, condition: Condition) -> None:
    """InputError for an override that tells how to draw weights, where they are given."""
    from hydra.core.hydra_config import HydraConfig

    useless = ("init", "scale") if condition.batch_size else ("seed", "init", "scale")  # the seed shuffles mini-batches
    for override in HydraConfig.get().overrides.task:
        if override.split("=")[0].split(".")[0] in useless:
            raise InputError(f"{override.replace('.name=', '=', 1)} would do nothing, since weights={given} is given")


class Printout:
    """What the article prints while it trains; `deaths` holds since when each unit has been dead, or None."""

    def __init__(self, condition: Condition) -> None:
        self.condition = condition
        self.deaths: list[int | None] = [None] * condition.hidden

    def watch(self, epoch: int, loss: float, y_pred: Any, alive: Any) -> None:
        """Print a line if this is an epoch for one."""
        for unit, is_alive in enumerate(alive):
            if is_alive:
                self.deaths[unit] = None
            elif self.deaths[unit] is None:
                self.deaths[unit] = epoch
        if epoch % LOSS_EVERY == 0:
            print(f"epoch {epoch:>6}  loss {loss:.4f}")
        if epoch % PREDICTIONS_EVERY == 0:
            print(f"              predictions {numbers(y_pred[:, 0])}")

    def final(self, weights: Weights) -> None:
        """Print the final loss and predictions."""
        from nnxor.engines.reference import alive, loss_and_backward, network

        X = self.condition.task.x(self.condition.numpy_dtype)
        T = self.condition.task.t(self.condition.numpy_dtype)[:, None]
        layers = network(self.condition, weights)
        for unit, is_alive in enumerate(alive(self.condition, layers, X)):
            if not is_alive and self.deaths[unit] is None:
                self.deaths[unit] = self.condition.epochs
        loss, y = loss_and_backward(layers, self.condition, X, T, self.condition.task.times)
        print(f"final loss {loss:.4f}")
        print(f"final predictions {numbers(y[:, 0])}")


def numbers(values: Any) -> str:
    """Numbers in a row, five significant digits."""
    return "  ".join(f"{float(value):.5g}" for value in values)


def explain(condition: Condition, start: Weights, seed: int, trained: Trained, deaths: list[int | None]) -> None:
    """What became of the training: outcome, units, and the function that the network computes."""
    from nnxor import engines
    from nnxor.diagnosis import diagnose

    row = {name: values[0] for name, values in diagnose(condition, start, trained).items()}
    swept = engines.load("numpy")(condition, start, range(seed, seed + 1))
    in_a_sweep = diagnose(condition, start, swept)["outcome"][0]
    print(f"\noutcome: {row['outcome']}{reason(row, condition)}")
    if in_a_sweep != row["outcome"]:
        print(f"  (in a sweep, whose engines add in another order, this seed ends as {in_a_sweep})")
    was = row["patterns_init"].decode().split()
    now = row["patterns_final"].decode().split() or ["-" * condition.task.n_rows] * condition.hidden
    print(f"units (active on rows {' '.join(condition.task.row_names)}, at the start > at the end):")
    for unit in range(condition.hidden):
        print(f"  {unit + 1:>3}  {was[unit]} > {now[unit]}  {unit_fate(now[unit], deaths[unit], condition)}")
    print("it computes")
    for line in formula(condition, trained.weights):
        print(f"  {line}")


def reason(row: Mapping[str, Any], condition: Condition) -> str:
    """The evidence for an outcome, in words."""
    if row["outcome"] == "solved":
        return f", since epoch {row['solved_epoch']} (of {condition.epochs})"
    evidence = f"; loss {row['final_loss']:.6g}, gradient norm {row['grad_norm']:.2g}"
    rows = f"; rows {row['merged']} share one wrong prediction" if row["merged"] else ""
    cause = f"; cause: {row['cause']}" if row["cause"] else ""
    return f"{evidence}{rows}{cause}"


def unit_fate(pattern: str, death: int | None, condition: Condition) -> str:
    """What a unit is at the end, in words."""
    if "-" in pattern:
        return "no numbers any more"
    if "1" not in pattern:
        silent = "dead" if condition.activation == "relu" else "below 0 on every row"
        return f"{silent} from the start" if death == 0 else f"{silent} since epoch {death}"
    return "active on every row: a line" if "0" not in pattern else "alive"


def formula(condition: Condition, weights: Weights) -> list[str]:
    """The network as a formula, a line a unit that is not dead on the task's rows."""
    from nnxor.arithmetic import arrays as arithmetic

    W1, b1, W2, b2 = weights.arrays()
    alive = arithmetic.any_active(condition, arithmetic.preactivations(condition, weights))[:, 0]
    output = "" if condition.output == "identity" else condition.output
    lines = [f"y = {output}({float(b2[0]):.4g}" if output else f"y = {float(b2[0]):.4g}"]
    for h in range(condition.hidden):
        if alive[h] or condition.activation != "relu":
            inner = " ".join(f"{float(W1[d, h, 0]):+.4g}*x{d + 1}" for d in range(W1.shape[0]))
            lines.append(f"    {float(W2[h, 0]):+.4g} * {condition.activation}({inner} {float(b1[h, 0]):+.4g})")
    return [*lines[:-1], f"{lines[-1]})"] if output else lines


if __name__ == "__main__":
    main()
