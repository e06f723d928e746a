"""Bug or bad luck, for a network in a file or for a final loss: what `experiments.diagnose` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from scipy.stats import binomtest

from experiments.errors import DONE, InputError
from experiments.execution.options import read_path
from experiments.execution.progress import paragraph, say
from experiments.networks.training import unit_fate
from experiments.study.checked import checked, known_keys
from experiments.study.fields import condition_of, make_condition, read_field, refuse_useless
from experiments.study.weight_files import load_weights
from nnxor import engines
from nnxor.condition import FIELDS as ALL
from nnxor.condition import Condition, Success
from nnxor.diagnosis import diagnose as columns_of
from nnxor.interventions import INTERVENTIONS, alive
from nnxor.landscape.certificate import Certificates, certify
from nnxor.landscape.decoder import TOLERANCE, Decoded, decode, decode_predictions
from nnxor.landscape.levels import LOSSES
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits import GivenWeights
from nnxor.rescue import intervene, onward_condition

TRIES = 200
"""Times that each intervention is tried on a network, with other draws."""

MOST_ROWS = 8
"""Rows of the largest task whose traps are looked up: for more that takes minutes."""

MOST_ENDS = 6
"""Outcomes that are named when it is said how common each is."""

DRAWS = 1000
"""Networks that are drawn and trained to say how common an outcome is."""

FIELDS = ("task", "hidden", "activation", "slope", "relu_at_zero", "output", "bias", "init", "lr", "epochs", "dtype")


def diagnose(config: Mapping[str, Any]) -> int:
    """Diagnose what a composed configuration gives: a network, a loss or predictions."""
    known_keys("", config, [*FIELDS, "weights", "loss", "loss_name", "predictions"])
    given = [name for name in ("weights", "loss", "predictions") if config[name] is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise InputError(f"{what} given; allowed: one of FILE.npz, loss=X and predictions=[Y,...]")
    condition = read_condition(config)
    if given[0] == "weights":
        explain_network(config, condition)
    else:
        explain_chances(explain_number(config, condition))
    return DONE


def read_condition(config: Mapping[str, Any]) -> Condition:
    """What the network was trained with; InputError names what is wrong."""
    values = {name: read_field("", name, config[name]) for name in FIELDS if config[name] is not None}
    if config["loss_name"] is not None:
        values["loss"] = checked("loss_name", config["loss_name"], ALL["loss"].check)
    if values.get("loss") == "bce":
        values.setdefault("output", "sigmoid")
        values["success"] = Success("threshold")  # a cross-entropy falls for ever: what counts is the side of 1/2
    refuse_given_weights(values)
    if config["weights"] is not None:
        return read_network_condition(config, values)
    condition = make_condition(values)
    refuse_useless(values, [condition])
    return condition


def refuse_given_weights(values: Mapping[str, object]) -> None:
    """InputError for an init that nothing can be drawn from."""
    if isinstance(values.get("init"), GivenWeights):
        raise InputError("init=FILE.npz cannot be drawn from; allowed: a name in conf/init")


def read_network_condition(config: Mapping[str, Any], values: dict[str, object]) -> Condition:
    """The condition of the network in a file, whose width the file tells."""
    weights = load_weights(read_path("weights", config["weights"]), np.dtype(np.float64))
    condition = condition_of(weights, values, str(config["weights"]))
    refuse_useless(values, [condition])
    return condition


def explain_number(config: Mapping[str, Any], condition: Condition) -> Condition:
    """The trap that a final loss or predictions belong to, in words; the condition under the loss that it is one of."""
    refuse_unknown_levels(condition)
    found = decoded(config, condition)
    say(paragraph(found.text))
    if not found.complete and not found.matches:
        say(paragraph("(Not all levels of this task could be enumerated: it may be one of the others.)"))
    if not found.matches or found.loss == condition.loss or found.loss not in LOSSES:
        return condition
    of_bce = {"output": "sigmoid", "success": Success("threshold")} if found.loss == "bce" else {}
    return replace(condition, loss=found.loss, **of_bce)  # type: ignore[arg-type]


def refuse_unknown_levels(condition: Condition) -> None:
    """InputError for a condition whose traps cannot be looked up."""
    if condition.smooth or condition.output == "relu" or (condition.output == "sigmoid") != (condition.loss == "bce"):
        raise InputError(
            f"the levels of activation={condition.activation}, output={condition.output}, "
            f"loss_name={condition.loss} are not known; give the network itself, as FILE.npz"
        )
    if condition.task.n_rows > MOST_ROWS:
        raise InputError(
            f"task={condition.task.name} has {condition.task.n_rows} rows; the traps of at most {MOST_ROWS} can be "
            "looked up; give the network itself, as FILE.npz"
        )


def decoded(config: Mapping[str, Any], condition: Condition) -> Decoded:
    """What the loss or the predictions that are given can be."""
    slope = condition.slope if condition.activation == "leaky_relu" else 0.0
    setting = (condition.task, condition.loss, condition.hidden, condition.bias, slope)
    try:
        if config["loss"] is not None:
            value = _number("loss", config["loss"])
            return decode(value, *setting, tolerance=_rounding(value))
        return decode_predictions(_numbers("predictions", config["predictions"]), *setting)
    except ValueError as error:
        raise InputError(str(error)) from None


def _number(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e300:
        raise InputError(
            f"{key}={value!s:.60} is not allowed; allowed: a finite number from 0 (the loss's name is loss_name=NAME)"
        )
    return float(value)


def _rounding(value: float) -> float:
    """How far a level may lie from a loss that was told with so many digits: 0.33 is 1/3, but 0.3 is anything."""
    digits = -int(Decimal(repr(value)).as_tuple().exponent)
    return max(TOLERANCE, 0.5 * 10.0**-digits) if digits >= 2 else TOLERANCE


def _numbers(key: str, value: object) -> tuple[float, ...]:
    if not isinstance(value, list) or not all(type(each) in (int, float) and abs(each) <= 1e300 for each in value):
        raise InputError(f"{key}={value} is not allowed; allowed: a list of numbers, one per row")
    return tuple(float(each) for each in value)


def explain_chances(condition: Condition) -> None:
    """How common each outcome is among networks of this kind: what speaks against a bug."""
    seeds = range(DRAWS)
    weights = initial_weights(condition, seeds)
    columns = columns_of(condition, weights, engines.load(engines.fastest()[0])(condition, weights, seeds))
    labels = [
        f"stuck at {plateau:.4g}" if str(outcome).startswith("stuck") else str(outcome)
        for outcome, plateau in zip(columns["outcome"], columns["plateau"], strict=True)
    ]
    names, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts)[:MOST_ENDS]
    shares = ", ".join(f"{names[i]} {_percent(int(counts[i]), DRAWS)}" for i in order)
    others = DRAWS - int(counts[order].sum())
    shares += f", others {_percent(others, DRAWS)}" if others else ""
    say(
        paragraph(
            f"Of {DRAWS:,} networks drawn like this and trained ({_setting(condition)}), % with 95 % Wilson interval: "
            f"{shares}."
        )
    )


def _percent(count: int, n: int) -> str:
    """'64.4 (61.4-67.3)', with the 95 % Wilson interval."""
    ends = binomtest(count, n).proportion_ci(0.95, "wilson")
    return f"{100 * count / n:.1f} ({100 * ends.low:.1f}-{100 * ends.high:.1f})"


def _setting(condition: Condition) -> str:
    units = f"{condition.hidden} unit{'s' if condition.hidden > 1 else ''}"
    return (
        f"{condition.task.name}, {units}, {condition.activation}, init={condition.init.name}, lr={condition.lr:g}, "
        f"{condition.epochs:,} epochs, {condition.loss}"
    )


def explain_network(config: Mapping[str, Any], condition: Condition) -> None:
    """Which trap a network sits in, what its units do, what kind of point it is, and what training on does."""
    weights = load_weights(read_path("weights", config["weights"]), condition.numpy_dtype)
    say(f"{config['weights']}: {_setting(condition).rpartition(', init')[0]}, {condition.loss}")
    now = _columns(condition, weights, 0)
    _say_where(now, condition)
    _say_units(now, condition)
    found = certify(condition, weights)
    _say_certificate(found, condition)
    _say_future(condition, weights, now)


def _columns(condition: Condition, weights: Weights, epochs: int) -> dict[str, np.ndarray]:
    """The diagnosis of networks after so many epochs of training from these weights."""
    longer = replace(condition, epochs=epochs)
    trained = engines.load(engines.fastest()[0])(longer, weights, range(weights.n_networks))
    return columns_of(longer, weights, trained)


def _say_where(now: Mapping[str, Any], condition: Condition) -> None:

    rows = condition.task.row_names
    y = tuple(float(now[f"y_{name}"][0]) for name in rows)
    shown = ", ".join(f"{name}: {value:.4g}" for name, value in zip(rows[:16], y, strict=False))
    more = " ..." if len(rows) > 16 else ""
    say(
        paragraph(
            f"loss {now['final_loss'][0]:.6g}, gradient norm {now['grad_norm'][0]:.2g}; predictions {shown}{more}"
        )
    )
    plain = not condition.smooth and (condition.output, condition.loss == "bce") in (
        ("identity", False),
        ("sigmoid", True),
    )
    if now["outcome"][0] == "diverged":
        say("outcome: diverged: it holds numbers that are not finite")
    elif plain and now["outcome"][0] != "solved" and len(rows) <= MOST_ROWS:
        slope = condition.slope if condition.activation == "leaky_relu" else 0.0
        task = condition.task
        text = decode_predictions(y, task, condition.loss, condition.hidden, condition.bias, slope).text
        say(paragraph(text))
    else:
        say(f"outcome: {now['outcome'][0]}")


def _say_units(now: Mapping[str, Any], condition: Condition) -> None:

    say(f"units (active on rows {' '.join(condition.task.row_names)}):")
    for unit, pattern in enumerate(now["patterns_final"][0].decode().split(), 1):
        fate = unit_fate(pattern, 0, condition).removesuffix(" from the start")
        say(f"  {unit:>3}  {pattern}  {'' if condition.smooth else fate}".rstrip())


MEANINGS = {
    "minimum": "a true local minimum: no small change of its parameters lowers the loss",
    "kink": "no minimum, but an artefact of the ReLU's kink: a unit's pre-activation is 0 on a row, training takes a "
    "fixed derivative there, and an arbitrarily small step across lowers the loss",
    "saddle": "no minimum but a saddle: the loss gets lower along a direction in which its slope is 0",
    "unknown": "not decided",
}


def _say_certificate(found: Certificates, condition: Condition) -> None:

    kind, reason = str(found.kind[0]), str(found.reason[0])
    text = f"It is {MEANINGS[kind]}" if kind != "unknown" else f"What kind of point it is, is not decided ({reason})"
    if kind in ("kink", "saddle"):
        where = f", on row {condition.task.row_names[found.row[0]]}" if found.row[0] >= 0 else ""
        text += f" (unit {found.unit[0] + 1}{where})"
    say(paragraph(f"{kind}: {text}."))
    if kind == "unknown":
        return
    within = ""
    if kind == "minimum":
        everywhere = found.radius[0] == float("inf")
        within = "; no parameters at all have a lower loss" if everywhere else f"; proved within {found.radius[0]:.2g}"
    say(
        paragraph(
            f"In float64, polished by a step of {found.moved[0]:.2g}: loss {found.loss[0]:.10g}, Hessian of rank "
            f"{found.rank[0]}, smallest eigenvalue {found.smallest_eigenvalue[0] + 0.0:.2g}{within}."
        )
    )


def _say_future(condition: Condition, weights: Weights, now: Mapping[str, Any]) -> None:

    then = _columns(condition, weights, condition.epochs)
    how = f"{condition.epochs:,} more epochs of gradient descent (lr={condition.lr:g}, {condition.dtype})"
    say(paragraph(f"After {how}: {then['outcome'][0]}, loss {then['final_loss'][0]:.6g}."))
    if then["period"][0] > 0:
        say(
            paragraph(
                f"For ever: from epoch {then['settled_epoch'][0]:,} of these on its parameters repeat, bit for bit, "
                f"every {'epoch' if then['period'][0] == 1 else str(then['period'][0]) + ' epochs'}; so it is proved "
                "never to change again."
            )
        )
    if now["outcome"][0] == "solved" or now["outcome"][0] == "diverged":
        return
    if condition.activation == "relu":
        _say_rescues(condition, weights)
    explain_chances(condition)


def _say_rescues(condition: Condition, weights: Weights) -> None:
    """What frees this network, by trying it: the interventions (`nnxor.interventions`), with many draws of each."""
    parts = []
    any_dead = not alive(condition, weights).all()
    for name, entry in INTERVENTIONS.items():
        tried = replace(condition, rescue=name)
        if entry.refused(tried) or (entry.needs_dead and not any_dead):
            continue
        n = TRIES if entry.draws else 1
        changed = intervene(tried, weights.take(np.zeros(n, np.intp)), range(n))
        outcome = _columns(onward_condition(tried), changed, condition.epochs)["outcome"]
        solved = int(np.sum(outcome == "solved"))
        parts.append(
            f"{entry.label} {_percent(solved, n)} % of {n}" if n > 1 else f"{entry.label} {'yes' if solved else 'no'}"
        )
    say(paragraph(f"What frees it, in {condition.epochs:,} more epochs: {'; '.join(parts)}."))
