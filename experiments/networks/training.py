"""One training, as the article prints it, and what became of it: what `experiments.train` does."""

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.entry import DONE, InputError, RunError, turning
from experiments.execution.progress import paragraph, say
from experiments.study import given_fields
from experiments.study.checked import check_writable, checked, known_keys, mapping, path
from experiments.study.explorer_address import address
from experiments.study.given_fields import TRAINED
from experiments.study.weight_files import save_weights
from nnxor import checks
from nnxor.arithmetic.networks import Look, alive, any_active
from nnxor.condition import Condition
from nnxor.engines import engine_numpy
from nnxor.network.activations import OUTPUTS
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import GivenWeights
from nnxor.trial import Trials, trials

SHOWN = ("task", "hidden", "activation", "init", "lr", "epochs", "loss")  # fields that the first line names
PREDICTIONS_EVERY = 5000
ALIVE = -1  # the epoch since when a unit has been dead, if it is not
LONGEST_PATTERN = 24  # rows of a large task on which it is shown whether a unit is active


def train(config: Mapping[str, Any]) -> int:
    """Train and explain the one network that a composed configuration describes."""
    condition, weights, seed = read(config)
    save, plot = (checked(name, config[name], checks.optional(path)) for name in ("save", "plot"))
    every = checked("every", config["every"], checks.optional(checks.whole(1)))
    if save:
        check_writable(save)
    if plot:
        with turning(OSError, InputError, f"plot={plot} cannot be a folder: "):
            plot.mkdir(parents=True, exist_ok=True)
    shown = [f"{name}={value}" for name, value in condition.values().items() if name in SHOWN]
    say(paragraph(" ".join([*shown, f"weights={config['weights']}" if config["weights"] else f"seed={seed}"])))
    deaths = np.full(condition.hidden, ALIVE)
    watched = partial(engine_numpy.train, see=partial(see, condition, every, deaths))
    found = trials(condition, range(seed, seed + 1), watched, start=weights)
    explain(condition, found, deaths)
    if where := address(condition, seed, weights if config["weights"] else None):
        say(f"\nwatch it train in the page that nnxor-explorer writes:\n  explorer.html{where}")
    if save:
        save_weights(save, found.end)
        drawn = None if isinstance(condition.init, GivenWeights) else given_init(config["init"])
        given = {**config, "hidden": None, "init": drawn, "loss": None, "loss_name": config["loss"]}
        told = [f"{key}={checks.show(given[key])}" for key in (*TRAINED, "loss_name") if given[key] is not None]
        say(f"weights: {save}\ndiagnose them with:\n  nnxor-diagnose {shlex.join([str(save), *told])}")
    if plot:
        from experiments.store.exemplars import draw_exemplar  # which takes long

        source = Path(str(config["weights"])).name if config["weights"] else None
        with turning(OSError, RunError, f"plot={plot} cannot be written: "):
            draw_exemplar(condition, weights, seed, source, plot)
        say(f"figures: {plot}")
    return DONE


def read(config: Mapping[str, Any]) -> tuple[Condition, Weights, int]:
    """The condition, the initial weights and the seed; InputError names what is wrong."""
    known_keys("", config, [*TRAINED, "success", "seed", "weights", "save", "plot", "every"])
    given = {name: config[name] for name in TRAINED} | {"init": given_init(config["init"])}
    values = {"success": given_fields.read_success(config["success"]), **given_fields.read_fields("", given)}
    condition = given_fields.make_condition(values)
    given_fields.refuse_useless(values, [condition])
    seed = checked("seed", config["seed"], checks.optional(checks.whole(0, 2**63 - 1))) or 0
    if config["weights"] is None:
        law = condition.init
        if isinstance(law, GivenWeights) and seed >= law.n_sets:
            raise InputError(f"seed={seed} is not in init={law.name}; allowed: 0 to {law.n_sets - 1}, a set each")
        with turning(ValueError, InputError):  # no draw of this seed keeps its margin
            return condition, initial_weights(condition, range(seed, seed + 1)), seed
    drawn = {"scale": config["scale"] is not None, "init": given["init"] is not None}
    drawn["seed"] = config["seed"] is not None and not condition.batch_size  # which is what the seed would shuffle
    if useless := [name for name, is_given in drawn.items() if is_given]:
        raise InputError(f"{useless[0]} would do nothing, since weights={config['weights']} is given")
    found, condition = given_fields.network_of(config["weights"], values)
    return condition, found.weights, seed


def given_init(given: object) -> Any:
    """What is given of the initialization, also as `init.weights` and `init.biases`, as a sweep has it; or None."""
    parts = dict(given) if isinstance(given, Mapping) else {"name": given}
    name, laws = parts.pop("name", None), {}
    for part, law in parts.items():
        held = mapping(f"init.{part}", law)
        laws[part] = {parameter: value for parameter, value in held.items() if value is not None}
    changes = laws.pop("weights", {}) | {part: law for part, law in laws.items() if law}
    if changes and (not isinstance(name, str | None) or str(name).endswith(".npz")):
        raise InputError(f"init={name} takes no init.weights and init.biases; allowed with them: a name in conf/init")
    return {name or "uniform": changes} if changes else name


def see(condition: Condition, every: int | None, deaths: np.ndarray, epoch: int, look: Look) -> None:
    """Print what the article prints, every so many epochs, and keep in `deaths` since when each unit has been dead."""
    loss, y = look.loss[0], "  ".join(f"{round(float(row[0]), 5) + 0.0:.6g}" for row in look.y)
    deaths[:] = np.where(any_active(condition, look.z)[:, 0], ALIVE, np.where(deaths == ALIVE, epoch, deaths))
    if epoch == condition.epochs:
        say(f"final loss {loss:.6g}")
        say(paragraph(f"final predictions {y}"))
        return
    if epoch % every == 0 if every else str(epoch).rstrip("0") in ("", "1", "2", "5"):  # most of the fall comes early
        say(f"epoch {epoch:>6}  loss {loss:.6g}")
    if epoch % PREDICTIONS_EVERY == 0:
        say(paragraph(f"predictions {y}", 14))


def explain(condition: Condition, found: Trials, deaths: np.ndarray) -> None:
    """What became of the training: outcome, units, and the function that the network computes."""
    row = {name: values[0] for name, values in found.columns.items()}
    merged = f"; rows {row['merged']} share one wrong prediction" if row["merged"] else ""
    ended = f"; loss {row['final_loss']:.6g}, gradient norm {row['grad_norm']:.2g}{merged}; cause: {row['cause']}"
    solved = f", since epoch {row['solved_epoch']} (of {condition.epochs})"
    say("\n" + paragraph(f"outcome: {row['outcome']}{solved if row['outcome'] == 'solved' else ended}"))
    was = row["patterns_init"].decode().split()
    now = row["patterns_final"].decode().split() or ["-" * condition.task.n_rows] * condition.hidden
    rows = condition.task.row_names
    more = f" and {len(rows) - LONGEST_PATTERN} more" if len(rows) > LONGEST_PATTERN else ""
    shown = " ".join(rows[:LONGEST_PATTERN])
    active = "above 0" if condition.smooth else "active"
    say(paragraph(f"units ({active} on rows {shown}{more}, at the start > at the end):"))
    for n, (before, after, death) in enumerate(zip(was, now, deaths, strict=True), 1):
        say(f"  {n:>3}  {before[:LONGEST_PATTERN]} > {after[:LONGEST_PATTERN]}  {unit_fate(after, death, condition)}")
    say("it computes")
    for line in formula(condition, found.end):
        say(paragraph(line.strip(), 2 + len(line) - len(line.lstrip())))


def unit_fate(pattern: str, death: int, condition: Condition) -> str:
    """What a unit is at the end, in words."""
    if "-" in pattern:
        return "no numbers any more"
    if condition.smooth or condition.units.straight(condition):
        return "smooth" if condition.smooth else "a line"
    if "1" not in pattern:
        silent = "dead" if condition.units.can_die else "above 0 on no row: a line,"
        return f"{silent} from the start" if death == 0 else f"{silent} since epoch {death}"
    return "active on every row: a line" if "0" not in pattern else "alive"


def formula(condition: Condition, weights: Weights) -> list[str]:
    """The network as a formula, a line a unit that is not dead on the task's rows."""
    W1, b1, W2, b2 = weights.only().values()
    kept = np.flatnonzero(alive(condition, weights)[:, 0] | (not condition.units.can_die))
    output = "" if OUTPUTS[condition.output].straight(condition) else condition.output
    lines = [f"y = {output}({float(b2):.4g}" if output else f"y = {float(b2):.4g}"]
    for h in kept:
        inner = " ".join(f"{weight:+.4g}*x{d}" for d, weight in enumerate(W1[:, h], 1))
        lines.append(f"    {W2[h]:+.4g} * {condition.activation}({inner} {b1[h]:+.4g})")
    return [*lines[:-1], f"{lines[-1]})"] if output else lines
