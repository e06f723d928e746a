"""Bug or bad luck, for a network in a file or for a final loss: what `experiments.diagnose` does."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from analysis.entry import DONE, InputError, turning
from analysis.findings.statistics import Rate
from experiments.execution.progress import listed, say, tell
from experiments.study import given_fields
from experiments.study.checked import checked, known_keys
from experiments.study.explorer_address import address
from experiments.study.weight_files import WRITE_IT
from nnxor import checks, engines, rescue, trial
from nnxor.arithmetic.networks import alive
from nnxor.condition import FIELDS, Condition, fitting
from nnxor.interventions import INTERVENTIONS, Intervention
from nnxor.landscape import decoder
from nnxor.landscape.certificate import certify
from nnxor.landscape.decoder import Decoded, decode, decode_predictions, has_levels, named, tolerance_of
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import GivenWeights
from nnxor.network.losses import LOSSES
from nnxor.registry import hint

TRIES = 200  # times that each intervention is tried: with other draws on one network, or on as many networks of a kind
FEWEST_TRIES = 20  # the same in wide networks, which take long
DRAWS = 1000  # networks that are drawn and trained to say how common an outcome is
MOST_UNITS = 16  # units that are told one by one
RARE = 0.01  # share of networks below which a trap is not something to expect
MANY = 10  # units that are tried where fewer are in a trap
NOT_FINISHED = "not finished"  # what reports say of runs that are unsettled
CLEARLY = 0.1  # share of networks by which one remedy must do better than another, and that must learn by themselves
LOSS = checks.number(lambda value: 0 <= value <= 1e300, "a finite number from 0 (the loss's name is loss_name=NAME)")
ONE_A_ROW = "a list of numbers, one per row"
PREDICTION = checks.number(lambda value: abs(value) <= 1e300, ONE_A_ROW)

MEANINGS = {  # of the kinds of point that a certificate tells
    "minimum": "A true local minimum: no small change of its parameters lowers the loss",
    "infinity": "A minimum, but at infinity: while weights grow for ever the loss sinks to a bound, and no network "
    "nearby gets below it",
    "kink": "Not a minimum, but an artefact of the ReLU's kink: a pre-activation is exactly 0 on a row, and a step "
    "across lowers the loss",
    "saddle": "Not a minimum but a saddle: the loss gets lower in a direction in which its slope is 0",
    "shoulder": "No point to rest at, but a shoulder: a way leads from here out of the trap on which the loss never "
    "rises",
    "unknown": "It could not be decided what kind of point it is",
}
LOOK = "see that the loss changes at all (is the optimizer given the parameters, and its step called?)"
UNTRAINED = f" It is also the loss of a network that has not learned anything yet: {LOOK}."


def diagnose(config: Mapping[str, Any]) -> int:
    """Diagnose what a composed configuration gives: a network, a loss or predictions."""
    known_keys("", config, [*given_fields.TRAINED, "success", "weights", "loss_name", "predictions"])
    if str(config["loss"]) in LOSSES:
        raise InputError(f"loss={config['loss']} is no number; did you mean loss_name={config['loss']}?")
    given = [name for name in ("weights", "loss", "predictions") if config[name] is not None]
    if len(given) != 1:
        allowed = f"one of FILE, loss=X and predictions=[Y,...]. Write FILE {WRITE_IT}"
        raise InputError(f"{' and '.join(given) or 'nothing'} given; allowed: {allowed}")
    values = given_fields.read_fields("", {name: config[name] for name in given_fields.TAKEN["diagnose"]})
    if isinstance(values.get("init"), GivenWeights):
        raise InputError("init=FILE.npz cannot be drawn from; allowed: a name in conf/init")
    if config["loss_name"] is not None:  # here or in another library
        losses = {name: loss.name for loss in LOSSES.values() for name in (loss.name, *loss.elsewhere)}
        plain = str(config["loss_name"]).rpartition(".")[2].removesuffix("()")
        if plain not in losses:
            raise InputError(f"loss_name={config['loss_name']} is not allowed; {hint(plain, losses)}")
        values = {**fitting(losses[plain]), **values}
    if any(value is not None for value in config["success"].values()):
        rule = config["success"]["rule"] or getattr(values.get("success"), "rule", None)  # that which suits the loss
        values["success"] = given_fields.read_success({**config["success"], "rule": rule})
    (of_network if given[0] == "weights" else of_number)(config, values)
    return DONE


def of_network(config: Mapping[str, Any], values: dict[str, object]) -> None:
    """Tell of a network in a file where it is, what its units do, what point that is, where it goes and what helps."""
    found, condition = given_fields.network_of(config["weights"], values)
    weights = found.weights
    given_fields.refuse_useless(values, [condition])
    now = states(condition, weights, 0)
    outcome, at = now["outcome"][0], level_of(now, condition)
    trap = at if at and not at.level.solves else None
    by = f", in {found.library}'s layout" if found.library else ""
    tell("network", f"{config['weights']}{by}; read as {setting(condition)}")
    if found.either_way:
        other = states(condition, weights._replace(W1=weights.W1.swapaxes(0, 1)), 0)["outcome"][0]
        told_as = "(units, inputs)" if found.library == "PyTorch" else "(inputs, units)"
        two = f"W1 is square: it is read as {told_as}, which is {outcome}; the other way it is {other}"
        tell("", two.replace("_", " at "))
    then = now if outcome in ("solved", "diverged") else states(condition, weights, condition.epochs)
    tell("verdict", verdict_on_network(outcome, at, condition, str(then["outcome"][0])))
    rows = condition.task.row_names[:16]
    predictions = ", ".join(f"{round(float(now[f'y_{row}'][0]), 6) + 0.0:.4g} for {row}" for row in rows)
    norm = f"{now['final_loss'][0]:.6g}, gradient norm {now['grad_norm'][0]:.2g}"
    tell("loss", f"{norm}; predictions {predictions}")
    if outcome != "solved" and trap is None and (better := better_loss(weights, condition)):
        tell("", better)
    if outcome == "diverged":
        return
    tell("units", units(now, condition))
    tell("point", point(condition, weights, now))
    if outcome == "solved":
        return
    ends = f"{then['outcome'][0]}, loss {then['final_loss'][0]:.6g}".replace("_", " at ")
    every = "epoch" if then["period"][0] == 1 else f"{then['period'][0]} epochs"
    always = f" It will never change: its parameters repeat, bit for bit, every {every}."
    tell("ahead", f"After {condition.epochs:,} more epochs: {ends}.{always if then['period'][0] > 0 else ''}")
    if not (at and at.level.unavoidable):
        advise(condition, trap, weights)


def states(condition: Condition, weights: Weights, epochs: int) -> dict[str, np.ndarray]:
    """The diagnosis of networks after so many epochs of training from these weights."""
    longer, seeds = replace(condition, epochs=epochs), range(weights.n_networks)
    return trial.trials(longer, seeds, engines.load("auto"), start=weights).columns


def level_of(now: Mapping[str, np.ndarray], condition: Condition) -> Decoded | None:
    """The level that a network's predictions are those of; None where that cannot be looked up, or is none."""
    y = tuple(float(now[f"y_{name}"][0]) for name in condition.task.row_names)
    if not has_levels(condition) or not np.isfinite(y).all():
        return None
    found = decode_predictions(y, condition)
    return found if found.matches else None


def verdict_on_network(outcome: str, at: Decoded | None, condition: Condition, ahead: str) -> str:
    """What it comes to, in a sentence; `ahead` is its outcome if it is trained on."""
    if outcome == "solved":
        return "It is solved: there is nothing to fix."
    if outcome == "diverged":
        return "It has diverged: its numbers, or what it computes of them, are not finite. Lower the learning rate."
    if at and at.level.unavoidable:
        return f"No loss is lower: {decoder.solved(at.level, condition)}."
    if at and not at.level.solves:
        return f"It is in {named(at.level)}. {at.text.partition('. ')[2]}"
    if outcome == "unsettled" and ahead.startswith("stuck"):
        return f"It is on its way into a trap, or is shaken about one: trained on, it is {ahead.replace('_', ' at ')}."
    if has_levels(condition) and not outcome.startswith("stuck"):
        why = f"it is {NOT_FINISHED}, the step is too large, or it was trained with other settings"
        return f"It is in no known trap: perhaps {why}."
    return f"Its outcome is {outcome}; the traps of networks like it are not known."


def better_loss(weights: Weights, condition: Condition) -> str:
    """That the network makes sense with another loss, if there is one; it makes none with its condition's."""
    for loss in LOSSES.values():
        other = replace(condition, **fitting(loss.name))
        if loss.logits == LOSSES[condition.loss].logits or condition.smooth or other.refusal():
            continue  # or the targets are no probabilities, say
        then = states(other, weights, 0)
        solved, trap = then["outcome"][0] == "solved", level_of(then, other)
        if solved or (trap and not trap.level.solves and not learned_nothing(trap, other)):
            what = "solved" if solved else "in a known trap"
            return f"With loss_name={loss.name} it is {what}: was it trained with {(loss.elsewhere or ('that',))[0]}?"
    return ""


def units(now: Mapping[str, np.ndarray], condition: Condition) -> str:
    """Which units are dead or linear, and on which rows the others are active."""
    if condition.smooth or condition.units.straight(condition):
        return f"{condition.hidden}, all of them {'smooth' if condition.smooth else 'linear, whatever their weights'}"
    task, patterns, told = condition.task, dict(enumerate(now["patterns_final"][0].decode().split(), 1)), []
    silent = "dead" if condition.units.can_die else "above 0 on no row, so linear"
    for sides, kind in (("0", silent), ("1", "active on every row, so linear"), ("01", "alive")):
        mine = [n for n, pattern in patterns.items() if {*pattern} == {*sides}]
        active = {n: listed([*compress(task.row_names, map(int, patterns[n]))]) for n in mine[:MOST_UNITS]}
        names = [f"unit {n} on {rows}" if kind == "alive" else str(n) for n, rows in active.items()]
        names += [f"{len(mine) - MOST_UNITS} more"] if len(mine) > MOST_UNITS else []
        which = f": {', '.join(names)}" if kind == "alive" else f" (unit{'s' * (len(mine) > 1)} {listed(names)})"
        told += [f"{len(mine)} {kind}{which}"] if mine else []
    return "; ".join(told)


def point(condition: Condition, weights: Weights, now: dict[str, np.ndarray]) -> str:
    """What the certificate says of the point, or of the one at which a stuck network comes to rest."""
    stuck = rescue.is_stuck(now)[0]
    found = trial.resting_points(condition, weights, now["plateau"]) if stuck else certify(condition, weights)
    kind, radius, unit, row = str(found.kind[0]), found.radius[0], found.unit[0], found.row[0]
    if kind == "minimum" and radius == float("inf"):
        kept = f", with {condition.freeze} kept," if condition.freeze else ""
        return f"A global minimum: no parameters at all{kept} have a lower loss."
    on = f", on row {condition.task.row_names[row]}" if row >= 0 else ""
    proved = f"proved for changes of up to {radius:.2g}" if radius > 0 else ""
    more = {"minimum": proved, "infinity": f"{found.loss[0]:.6g}", "unknown": found.reason[0]}
    told = more.get(kind, f"unit {unit + 1}{on}" if unit >= 0 else "")
    text = MEANINGS[kind] if stuck or kind != "unknown" else "None that it rests at"
    away = np.linalg.norm(found.theta - found.problem.pack(weights))
    if kind in ("minimum", "saddle", "kink") and away > 1e-3:  # else it is there
        text = f"It is {away:.2g} from a resting point, {text[0].lower()}{text[1:]}"
    return f"{text} ({told})." if told else f"{text}."


def of_number(config: Mapping[str, Any], values: dict[str, object]) -> None:
    """Tell of a final loss, or of predictions, which trap it is, and what helps if it is not the solution."""
    condition = given_fields.make_condition(values)
    given_fields.refuse_useless(values, [condition])
    found = decoded(config, condition) if has_levels(condition) else None
    if found is None or (condition.freeze and not (found.matches and found.loss == condition.loss)):
        raise InputError(f"the levels of {setting(condition)} are not known; give the network itself, as FILE")
    tell("setting", setting(condition))
    tell("verdict", found.text + (UNTRAINED if found.matches and learned_nothing(found, condition) else ""))
    if not found.complete and not found.matches:
        tell("", "Not all levels of this task could be enumerated: it may be one of the others.")
    if found.matches and found.loss != condition.loss:
        value = found.level.value / decoder.times(found.loss, condition.task)
        condition = replace(condition, **fitting(decoder.conventions()[found.loss][0]))
        found = decode(value, condition)
        tell("", f"From here on it is taken to be loss={value:.6g} loss_name={condition.loss}.")
    if not found.matches or not found.level.solves:
        advise(condition, found if found.matches else None)


def learned_nothing(found: Decoded, condition: Condition) -> bool:
    """Whether all rows have one prediction there, as in a network that has not been trained."""
    return any(rest.merged == (tuple(range(condition.task.n_rows)),) for rest in found.rests)


def decoded(config: Mapping[str, Any], condition: Condition) -> Decoded:
    """What the loss or the predictions that are given can be."""
    with turning(ValueError, InputError):
        if config["loss"] is not None:
            value = checked("loss", config["loss"], LOSS)
            # A level may lie as far off as the last digit says: 0.33 is 1/3, but 0.3 is anything.
            digits = -int(Decimal(repr(value)).as_tuple().exponent)
            return decode(value, condition, 0.5 * 10.0**-digits if digits >= 2 else 0.0)
        given = checked("predictions", config["predictions"], checks.instance(list, ONE_A_ROW))
        return decode_predictions(tuple(checked("predictions", each, PREDICTION) for each in given), condition)


def advise(condition: Condition, trap: Decoded | None, network: Weights | None = None) -> None:
    """Tell how common a trap is, what frees networks (or the one that is given) from it, and one recommendation."""
    level, given = np.nan if trap is None else trap.level.value, network is not None
    like_it, solved = drawn(condition)
    there = rescue.is_stuck(like_it.columns) & (np.abs(like_it.columns["final_loss"] - level) < tolerance_of(condition))
    here = "" if trap is None else f", {percent(int(there.sum()), DRAWS)} in this trap"
    kind = f"Of {DRAWS:,} networks drawn like this and trained for {condition.epochs:,} epochs"
    tell("how common", f"{kind}: {percent(solved, DRAWS)} solved{here} (with 95 % Wilson intervals).")
    stuck, places = (like_it.end, np.flatnonzero(there)) if network is None else (network, np.zeros(1, np.intp))
    needed = (condition.task.units or 1) if condition.rectified else 1
    tries = min(TRIES, max(TRIES * MANY // condition.hidden, FEWEST_TRIES))
    mendable = len(places) and condition.hidden >= needed
    freed = frees(condition, stuck.take(np.resize(places, tries)), draws_anew=given) if mendable else []
    if freed:
        where = "This network" if given else "Of networks in this trap"
        tell("frees it", f"{where}, within {condition.epochs:,} more epochs, best first:")
        for entry, count, n, none_yet in freed:
            alone = "yes" if count else f"not yet: {NOT_FINISHED}" if none_yet else "no"
            say(f"{'':<12}{entry.label:<32}{percent(count, n) if n > 1 else alone}")
    unfinished = float(np.mean(like_it.columns["outcome"] == "unsettled"))
    do = recommendation(condition, trap, given, freed, solved / DRAWS, float(there.mean()), unfinished)
    if condition.hidden < needed:
        do = f"Use at least {needed} units: fewer cannot represent {condition.task.name}."
    elif there.mean() >= RARE and condition.hidden < MANY:
        more = drawn(replace(condition, hidden=MANY))[1] / DRAWS
        clearly = more > solved / DRAWS + CLEARLY
        do += f" With {MANY} units {whole(more)} of such networks learn the task." if clearly else ""
    tell("do", do[0].upper() + do[1:])
    if len(places) and (page := address(condition, int(places[0]), network)):
        tell("watch", f"{'it' if given else 'one'} train in the page that nnxor-explorer writes:")
        say(f"{'':<11} explorer.html{page}")


def drawn(condition: Condition) -> tuple[trial.Trials, int]:
    """Networks of a condition, trained, and how many of them are solved."""
    found = trial.trials(condition, range(DRAWS), engines.load("auto"))
    return found, int(np.sum(found.columns["outcome"] == "solved"))


class Tried(NamedTuple):
    """An intervention that was tried: how many networks it freed, of how many, and whether none of them is finished."""

    entry: Intervention
    freed: int
    n: int
    unfinished: bool


def frees(condition: Condition, stuck: Weights, draws_anew: bool) -> list[Tried]:
    """What frees these networks, by trying it, and how many it freed, of how many; the best first."""
    found = []
    any_dead = condition.units.can_die and not alive(condition, stuck).all()
    for name, entry in INTERVENTIONS.items():
        tried = replace(condition, rescue=name)
        if entry.refused(tried) or (entry.needs_dead and not any_dead):
            continue
        n = 1 if draws_anew and not entry.draws else stuck.n_networks  # else all tries are the same
        changed = rescue.intervene(tried, stuck.take(np.arange(n)), range(n))
        outcome = states(rescue.onward_condition(tried), changed, condition.epochs)["outcome"]
        found.append(Tried(entry, int(np.sum(outcome == "solved")), n, bool(np.all(outcome == "unsettled"))))
    return sorted(found, key=lambda each: (-each.freed / each.n, not each.unfinished))


def recommendation(
    condition: Condition, trap: Decoded | None, given: bool, freed: list[Tried], solved: float, here: float,
    unfinished: float,
) -> str:  # fmt: skip
    """The one thing to do; the shares are those of such networks that learn the task, end like it, or need longer."""
    if trap is None and not given:
        return "Train longer and look at the curve; if the loss stays, give the network itself, or the right loss_name."
    rare = trap is not None and here < RARE
    best, count, n, _ = freed[0] if freed else (INTERVENTIONS["redraw_all"], 0, 1, "")
    again = "" if trap is None or rare or solved < CLEARLY else "Probably bad luck, not a bug: "
    if trap is not None and not given and learned_nothing(trap, condition):
        luck = "it is bad luck: " if solved >= CLEARLY else ""
        again = f"If the loss never moved, look for a bug. If it fell and then stopped, {luck}"
    share = f"it in {whole(count / n)} of {n} draws" if given else f"{whole(count / n)} of them"
    freely = "it" if n == 1 else share
    if count and best.control and not best.draws:  # as many are freed if nothing is done
        return f"{again}keep training, which solves {freely}."
    if rare and unfinished > CLEARLY:
        longer, after = "Ask with more epochs" if given else "Train longer", f"{condition.epochs:,} epochs"
        return f"{longer}: {whole(unfinished)} of such networks are {NOT_FINISHED} after {after}."
    if rare:
        return f"Look for a bug: fewer than {100 * RARE:g} % of such networks end here."
    idle = next((each for each in freed if each.entry.control and not each.entry.draws), None)
    if idle and idle.unfinished:
        return f"Train longer: it is {NOT_FINISHED}."
    if count / n > solved + CLEARLY:
        return f"{again}try {best.label}, which frees {freely}."
    if solved < CLEARLY:
        return f"{again}change the setting: {whole(solved)} of such networks learn the task."
    return f"{again}start again with another seed, which is simplest: {whole(solved)} of such networks learn the task."


def whole(share: float) -> str:
    """'75 %': a half is rounded up, but '100 %' and '0 %' are all and none."""
    rounded = int(100 * share + 0.5)
    if rounded in (0, 100) and rounded != 100 * share:
        return "fewer than 1 %" if rounded == 0 else "more than 99 %"
    return f"{rounded} %"


def percent(count: int, n: int) -> str:
    """'64.4 % (61.4-67.3)', with the 95 % Wilson interval."""
    rate = Rate.of(count, n)
    return f"{100 * rate.rate:.1f} % ({100 * rate.low:.1f}-{100 * rate.high:.1f})"


def setting(c: Condition) -> str:
    """What it was trained with."""
    told = {"task": c.task.name, "hidden": f"{c.hidden} unit{'s' * (c.hidden > 1)}", "activation": c.activation}
    told |= {"loss": c.loss, "init": f"init={c.init.name}", "lr": f"lr={c.lr:g}"}
    usual = Condition(**fitting(c.loss)).values()
    others = {name: value for name, value in c.values().items() if name not in told and value != usual[name]}
    how = [FIELDS[name].words.get(value) or FIELDS[name].phrase.format(value) for name, value in others.items()]
    return ", ".join([*told.values(), *how])
