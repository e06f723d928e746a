"""One training, as the article prints it, and what became of it: what `experiments.train` does."""

from collections.abc import Iterable, Mapping
from typing import Any

from experiments.errors import DONE, InputError
from experiments.execution.options import read_path
from experiments.execution.progress import paragraph, say
from experiments.study import catalog
from experiments.study.checked import known_keys, whole
from experiments.study.explorer_address import address
from experiments.study.fields import TRAINED, condition_of, make_condition, read_field, read_success, refuse_useless
from experiments.study.weight_files import check_writable, load_weights, make_folder, save_weights
from nnxor.arithmetic.networks import Look, any_active, preactivations
from nnxor.condition import Condition
from nnxor.diagnosis import diagnose
from nnxor.engines import batched
from nnxor.engines.trace import Trained
from nnxor.network.activations import OUTPUTS
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits import GivenWeights, Init

SHOWN = ("task", "hidden", "activation", "init", "lr", "epochs", "loss")
"""Fields that the first line of the printout names."""

MOST_LINES = 25
"""Losses that are printed, unless `every` asks for others."""

PREDICTIONS_EVERY = 5000

LONGEST_PATTERN = 24
"""Rows of a large task on which it is shown whether a unit is active."""


def train(config: Mapping[str, Any]) -> int:
    """Train and explain the one network that a composed configuration describes."""
    condition, weights, seed = read(config)
    save = None if config["save"] is None else read_path("save", config["save"])
    if save:
        check_writable(save)
    plot = None if config["plot"] is None else read_path("plot", config["plot"])
    if plot:
        make_folder(plot)
    shown = [f"{name}={value}" for name, value in condition.values().items() if name in SHOWN]
    say(paragraph(" ".join([*shown, f"weights={config['weights']}" if config["weights"] else f"seed={seed}"])))
    every = steps(condition.epochs) if config["every"] is None else whole("every", config["every"], 1)
    printout = Printout(condition, every)
    trained = batched.train(condition, weights, range(seed, seed + 1), printout.see)
    explain(condition, weights, trained, printout.deaths)
    where = address(condition, seed, weights if config["weights"] else None)
    if where:
        say()
        say("watch it train in a page that python -m analysis.explorer writes:")
        say(f"  explorer.html{where}")
    if save:
        save_weights(save, trained.weights)
        say(f"weights: {save}")
    if plot:
        from experiments.networks.pictures import draw_training  # which takes long

        draw_training(condition, weights, seed, config["weights"], plot)
        say(f"figures: {plot}")
    return DONE


def steps(epochs: int) -> int:
    """Epochs between two losses that are printed: 1, 2, 5, 10 and so on, so that there are few lines."""
    fit: list[int] = [digit * 10**power for power in range(12) for digit in (1, 2, 5)]
    return next(step for step in fit if epochs <= step * (MOST_LINES - 1))


def read(config: Mapping[str, Any]) -> tuple[Condition, Weights, int]:
    """The condition, the initial weights and the seed; InputError names what is wrong."""
    values = read_values(config)
    condition = make_condition(values)
    refuse_useless(values, [condition])
    seed = 0 if config["seed"] is None else whole("seed", config["seed"], 0, 2**63 - 1)
    if config["weights"] is None:
        refuse_seed(condition, seed)
        return condition, initial_weights(condition, range(seed, seed + 1)), seed
    refuse_draw(config, condition)
    weights = load_weights(read_path("weights", config["weights"]), condition.numpy_dtype)
    return condition_of(weights, values, str(config["weights"])), weights, seed


def read_values(config: Mapping[str, Any]) -> dict[str, object]:
    """The fields that are given, checked; InputError names what is wrong."""
    others = [name for name in TRAINED if name != "init"]
    known_keys("", config, [*others, "init", "success", "seed", "weights", "save", "plot", "every"])
    return {
        "init": read_init(config["init"]),
        "success": read_success(config["success"] or {}),
        **{name: read_field("", name, config[name]) for name in others if config[name] is not None},
    }


def read_init(given: object) -> Init | GivenWeights:
    """The initialization, as a study gives it or with the parameters of `init.weights` and `init.biases`."""
    parts = _given_parts(given)
    name, laws = parts.pop("name", "uniform"), parts
    if not laws:
        return catalog.read_init("init", name)
    if not isinstance(name, str) or name.endswith(".npz"):
        raise InputError(f"init={name} takes no init.weights and init.biases; allowed with them: a name in conf/init")
    biases = {"biases": laws["biases"]} if "biases" in laws else {}
    return catalog.read_init("init", {name: {**laws.get("weights", {}), **biases}})


def _given_parts(given: object) -> dict[str, Any]:
    """What is given of name, weights and biases: of the latter the parameters that are not null."""
    parts: dict[str, Any] = {}
    sections: Mapping[str, Any] = given if isinstance(given, Mapping) else {"name": given}
    for part, value in sections.items():
        if part != "name" and not isinstance(value, Mapping):
            raise InputError(f"init.{part}={value} is not allowed; write init.{part}.NAME=VALUE")
        kept = value if part == "name" else {name: each for name, each in value.items() if each is not None}
        if kept is not None and kept != {}:
            parts[part] = kept
    return parts


def refuse_seed(condition: Condition, seed: int) -> None:
    """InputError for a seed that weights from a file do not have."""
    init = condition.init
    if isinstance(init, GivenWeights) and seed >= init.n_sets:
        raise InputError(f"seed={seed} is not in init={init.name}; allowed: 0 to {init.n_sets - 1}, a set each")


def refuse_draw(config: Mapping[str, Any], condition: Condition) -> None:
    """InputError for a setting that tells how to draw weights, where they are given."""
    drawn = {"scale": config["scale"], "init": _given_parts(config["init"]) or None}
    if not condition.batch_size:  # where there are mini-batches, the seed shuffles them
        drawn["seed"] = config["seed"]
    for name, value in drawn.items():
        if value is not None:
            raise InputError(f"{name} would do nothing, since weights={config['weights']} is given")


class Printout:
    """What the article prints while it trains; `deaths` holds since when each unit has been dead, or None."""

    def __init__(self, condition: Condition, every: int) -> None:
        self.condition, self.every = condition, every
        self.deaths: list[int | None] = [None] * condition.hidden

    def see(self, epoch: int, look: Look) -> None:
        """Print a line if this is an epoch for one, and at the end."""
        loss, y = look.loss[0], numbers(row[0] for row in look.y)
        for unit, is_alive in enumerate(any_active(self.condition, look.z)[:, 0]):
            if is_alive:
                self.deaths[unit] = None
            elif self.deaths[unit] is None:
                self.deaths[unit] = epoch
        if epoch == self.condition.epochs:
            say(f"final loss {loss:.6g}")
            say(paragraph(f"final predictions {y}"))
            return
        if epoch % self.every == 0:
            say(f"epoch {epoch:>6}  loss {loss:.6g}")
        if epoch % PREDICTIONS_EVERY == 0:
            say(paragraph(f"predictions {y}", 14))


def numbers(values: Iterable[float]) -> str:
    """Numbers in a row, five significant digits."""
    return "  ".join(f"{float(value):.5g}" for value in values)


def explain(condition: Condition, start: Weights, trained: Trained, deaths: list[int | None]) -> None:
    """What became of the training: outcome, units, and the function that the network computes."""
    row = {name: values[0] for name, values in diagnose(condition, start, trained).items()}
    say()
    say(paragraph(f"outcome: {row['outcome']}{reason(row, condition)}"))
    was = row["patterns_init"].decode().split()
    now = row["patterns_final"].decode().split() or ["-" * condition.task.n_rows] * condition.hidden
    rows = condition.task.row_names
    more = f" and {len(rows) - LONGEST_PATTERN} more" if len(rows) > LONGEST_PATTERN else ""
    shown = " ".join(rows[:LONGEST_PATTERN])
    say(paragraph(f"units (active on rows {shown}{more}, at the start > at the end):"))
    for unit in range(condition.hidden):
        before, after = (each[unit][:LONGEST_PATTERN] for each in (was, now))
        say(f"  {unit + 1:>3}  {before} > {after}  {unit_fate(now[unit], deaths[unit], condition)}")
    say("it computes")
    for line in formula(condition, trained.weights):
        say(paragraph(line.strip(), 2 + len(line) - len(line.lstrip())))


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
        silent = "dead" if condition.units.can_die else "below 0 on every row"
        return f"{silent} from the start" if death == 0 else f"{silent} since epoch {death}"
    return "active on every row: a line" if "0" not in pattern else "alive"


def formula(condition: Condition, weights: Weights) -> list[str]:
    """The network as a formula, a line a unit that is not dead on the task's rows."""
    W1, b1, W2, b2 = weights.arrays()
    alive = any_active(condition, preactivations(condition, weights))[:, 0]
    output = "" if OUTPUTS[condition.output].straight(condition) else condition.output
    lines = [f"y = {output}({float(b2[0]):.4g}" if output else f"y = {float(b2[0]):.4g}"]
    for h in range(condition.hidden):
        if alive[h] or not condition.units.can_die:
            inner = " ".join(f"{float(W1[d, h, 0]):+.4g}*x{d + 1}" for d in range(W1.shape[0]))
            lines.append(f"    {float(W2[h, 0]):+.4g} * {condition.activation}({inner} {float(b1[h, 0]):+.4g})")
    return [*lines[:-1], f"{lines[-1]})"] if output else lines
