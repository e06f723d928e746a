"""Bug or bad luck, for a network in a file or for a final loss: what `experiments.diagnose` does."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from analysis.entry import DONE, InputError
from analysis.findings.statistics import Rate
from experiments.execution.progress import listed, say, told
from experiments.study.checked import checked, known_keys, path
from experiments.study.explorer_address import address
from experiments.study.fields import TRAINED, condition_of, make_condition, read_field, read_fields, refuse_useless
from experiments.study.weight_files import WRITE_IT, read_network
from nnxor import checks, diagnosis, engines, rescue, trial
from nnxor.arithmetic.networks import alive
from nnxor.condition import FIELDS, Condition, fitting
from nnxor.interventions import INTERVENTIONS, Intervention
from nnxor.landscape import certificate, decoder
from nnxor.landscape.decoder import TOLERANCE, Decoded, decode, decode_predictions, has_levels, named
from nnxor.network.draws import Weights
from nnxor.network.inits import GivenWeights
from nnxor.network.losses import LOSSES
from nnxor.registry import hint

TRIES = 200  # times that each intervention is tried: with other draws on one network, or on as many networks of a kind
DRAWS = 1000  # networks that are drawn and trained to say how common an outcome is
MOST_UNITS = 16  # units that are told one by one
RARE = 0.01  # share of networks below which a trap is not something to expect
MANY = 10  # units that are tried where fewer are in a trap
NOT_FINISHED = "not finished"  # what reports say of runs that are unsettled
CLEARLY = 0.1  # share of networks by which one remedy must do better than another, and that must learn by themselves
LOSS = checks.number(lambda value: 0 <= value <= 1e300, "a finite number from 0 (the loss's name is loss_name=NAME)")
ONE_A_ROW = "a list of numbers, one per row"
PREDICTIONS, PREDICTION = checks.instance(list, ONE_A_ROW), checks.number(lambda value: abs(value) <= 1e300, ONE_A_ROW)


class Case(NamedTuple):
    """What is diagnosed: its condition, what is known of its trap, and networks that are in it (None: not known)."""

    condition: Condition
    trap: Decoded | None
    stuck: Weights | None


def diagnose(config: Mapping[str, Any]) -> int:
    """Diagnose what a composed configuration gives: a network, a loss or predictions."""
    known_keys("", config, [*TRAINED, "weights", "loss_name", "predictions"])
    if str(config["loss"]) in LOSSES:
        raise InputError(f"loss={config['loss']} is no number; did you mean loss_name={config['loss']}?")
    given = [name for name in ("weights", "loss", "predictions") if config[name] is not None]
    if len(given) != 1:
        what = " and ".join(given) if given else "nothing"
        raise InputError(f"{what} given; allowed: one of FILE, loss=X and predictions=[Y,...]. Write FILE {WRITE_IT}")
    values = read_values(config)
    case = of_network(config, values) if given[0] == "weights" else of_number(config, values)
    if case is not None:
        advise(case)
    return DONE


def read_values(config: Mapping[str, Any]) -> dict[str, object]:
    """What it was trained with, checked, a loss by its name here or in another library; InputError: what is wrong."""
    values = read_fields(config, [name for name in TRAINED if name != "loss"])
    if isinstance(values.get("init"), GivenWeights):
        raise InputError("init=FILE.npz cannot be drawn from; allowed: a name in conf/init")
    if config["loss_name"] is None:
        return values
    losses = {name: loss.name for loss in LOSSES.values() for name in (loss.name, *loss.elsewhere)}
    plain = str(config["loss_name"]).rpartition(".")[2].removesuffix("()")
    if plain not in losses:
        raise InputError(f"loss_name={config['loss_name']} is not allowed; {hint(plain, losses)}")
    return {**fitting(losses[plain]), **values}


def of_network(config: Mapping[str, Any], values: dict[str, object]) -> Case | None:
    """Tell of a network in a file where it is, what its units do, what kind of point that is, and where it goes.

    None where there is nothing to mend, or nothing left to mend.
    """
    file = checked("weights", config["weights"], path)
    task = make_condition({k: v for k, v in values.items() if k == "task"}).task
    found = read_network(file, task.n_inputs)
    weights, drawn = found.weights, {name: read_field("", name, value) for name, value in found.fields.items()}
    condition = condition_of(weights, {**drawn, **values}, str(file))
    refuse_useless(values, [condition])
    now = states(condition, weights, 0)
    outcome, trap = now["outcome"][0], trap_of(now, condition)
    by = f", in {found.library}'s layout" if found.library else ""
    say(told("network", f"{file}{by}; read as {setting(condition)}"))
    if found.either_way:
        other = states(condition, weights._replace(W1=weights.W1.swapaxes(0, 1)), 0)["outcome"][0]
        told_as = "(units, inputs)" if found.library == "PyTorch" else "(inputs, units)"
        two = f"W1 is square: it is read as {told_as}, which is {outcome}; the other way it is {other}"
        say(told("", two.replace("_", " at ")))
    say(told("verdict", verdict_on_network(outcome, trap, condition)))
    rows = [row for row in condition.task.row_names[:16] if f"y_{row}" in now]
    predictions = ", ".join(f"{round(float(now[f'y_{row}'][0]), 6) + 0.0:.4g} for {row}" for row in rows)
    norm = f"{now['final_loss'][0]:.6g}, gradient norm {now['grad_norm'][0]:.2g}"
    say(told("loss", f"{norm}; predictions {predictions}"))
    if outcome != "solved" and trap is None and (better := better_loss(weights, condition)):
        say(told("", better))
    if outcome == "diverged":
        return None
    say(told("units", units(now, condition)))
    say(told("point", point(condition, weights, now)))
    if outcome == "solved":
        return None
    say(told("ahead", ahead(condition, weights)))
    return Case(condition, trap, weights.take(np.zeros(TRIES, np.intp)))


def states(condition: Condition, weights: Weights, epochs: int) -> dict[str, np.ndarray]:
    """The diagnosis of networks after so many epochs of training from these weights."""
    longer, weights = replace(condition, epochs=epochs), weights.astype(condition.numpy_dtype)
    trained = engines.load(engines.fastest()[0])(longer, weights, range(weights.n_networks))
    return dict(diagnosis.diagnose(longer, weights, trained))


def trap_of(now: Mapping[str, np.ndarray], condition: Condition) -> Decoded | None:
    """The trap that a network's predictions are those of; None where that cannot be looked up, or is none."""
    y = tuple(float(now[f"y_{name}"][0]) for name in condition.task.row_names if f"y_{name}" in now)
    if not has_levels(condition) or not np.isfinite(y).all():
        return None
    found = decode_predictions(y, condition)
    return found if found.matches and found.level.value > 0 else None


def verdict_on_network(outcome: str, trap: Decoded | None, condition: Condition) -> str:
    """What it comes to, in a sentence."""
    if outcome == "solved":
        return "It is solved: there is nothing to fix."
    if outcome == "diverged":
        return "It has diverged: its numbers, or what it computes of them, are not finite. Lower the learning rate."
    if trap is not None:
        return f"It is in the trap {named(trap.level)}. {trap.text.partition('. ')[2]}"
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
        solved, trap = then["outcome"][0] == "solved", trap_of(then, other)
        if solved or (trap is not None and not learned_nothing(trap, other)):
            what = "solved" if solved else "in a known trap"
            return f"With loss_name={loss.name} it is {what}: was it trained with {(loss.elsewhere or ('that',))[0]}?"
    return ""


def units(now: Mapping[str, np.ndarray], condition: Condition) -> str:
    """Which units are dead or linear, and on which rows the others are active."""
    if condition.smooth:
        return f"{condition.hidden}, all of them smooth"
    kinds = {"0": "dead", "1": "active on every row, so linear", "01": "alive"}
    of_kind: dict[str, list[str]] = {kind: [] for kind in kinds.values()}
    for n, pattern in enumerate(now["patterns_final"][0].decode().split(), 1):
        kind = kinds["".join(sorted({*pattern}))]
        rows = [name for name, active in zip(condition.task.row_names, pattern, strict=True) if active == "1"]
        of_kind[kind].append(f"unit {n} on {listed(rows)}" if kind == "alive" else str(n))
    told = []
    for kind, mine in of_kind.items():
        more = [f"{len(mine) - MOST_UNITS} more"] if len(mine) > MOST_UNITS else []
        shown, units = [*mine[:MOST_UNITS], *more], "units" if len(mine) > 1 else "unit"
        words = f"{kind}: {', '.join(shown)}" if kind == "alive" else f"{kind} ({units} {listed(shown)})"
        told += [f"{len(mine)} {words}"] if mine else []
    return "; ".join(told)


MEANINGS = {
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


def point(condition: Condition, weights: Weights, now: dict[str, np.ndarray]) -> str:
    """What the certificate says of the point, or of the one at which a stuck network comes to rest."""
    rounded = weights.astype(condition.numpy_dtype)
    if stuck := rescue.is_stuck(now)[0]:
        found = trial.resting_points(condition, rounded, now["plateau"])
    else:
        found = certificate.certify(condition, rounded)
    kind, text = str(found.kind[0]), MEANINGS[str(found.kind[0])]
    if kind == "unknown":
        return f"{text} ({found.reason[0]})." if stuck else f"None that it rests at ({found.reason[0]})."
    if kind == "minimum":
        if found.radius[0] == float("inf"):
            kept = f", with {condition.freeze} kept," if condition.freeze else ""
            return f"A global minimum: no parameters at all{kept} have a lower loss."
        return f"{text} (proved for changes of up to {found.radius[0]:.2g})." if found.radius[0] > 0 else f"{text}."
    if kind == "infinity":
        return f"{text} ({found.loss[0]:.6g})."
    row = f", on row {condition.task.row_names[found.row[0]]}" if found.row[0] >= 0 else ""
    return f"{text} (unit {found.unit[0] + 1}{row})." if found.unit[0] >= 0 else f"{text}."


def ahead(condition: Condition, weights: Weights) -> str:
    """Where it goes if it is trained on."""
    then = states(condition, weights, condition.epochs)
    ends = f"{then['outcome'][0]}, loss {then['final_loss'][0]:.6g}".replace("_", " at ")
    text = f"After {condition.epochs:,} more epochs: {ends}."
    if then["period"][0] > 0:
        every = "epoch" if then["period"][0] == 1 else f"{then['period'][0]} epochs"
        text += f" It will never change: its parameters repeat, bit for bit, every {every}."
    return text


UNTRAINED = (
    " It is also the loss of a network that has not learned anything yet: see that the loss changes at all (is the "
    "optimizer given the parameters, and its step called?)."
)


def of_number(config: Mapping[str, Any], values: dict[str, object]) -> Case | None:
    """Tell of a final loss, or of predictions, which trap it is; None if that is the solution."""
    condition = make_condition(values)
    refuse_useless(values, [condition])
    found = decoded(config, condition) if has_levels(condition) else None
    if found is None or (condition.freeze and not (found.matches and found.loss == condition.loss)):
        raise InputError(f"the levels of {setting(condition)} are not known; give the network itself, as FILE")
    say(told("setting", setting(condition)))
    say(told("verdict", found.text + (UNTRAINED if found.matches and learned_nothing(found, condition) else "")))
    if not found.complete and not found.matches:
        say(told("", "Not all levels of this task could be enumerated: it may be one of the others."))
    if found.matches and found.loss != condition.loss:
        value = found.level.value / decoder.times(found.loss, condition.task)
        condition = replace(condition, **fitting(decoder.conventions()[found.loss][0]))
        found = decode(value, condition)
        say(told("", f"From here on it is taken to be loss={value:.6g} loss_name={condition.loss}."))
    if found.matches and found.level.value == 0:
        return None
    return Case(condition, found if found.matches else None, None)


def learned_nothing(found: Decoded, condition: Condition) -> bool:
    """Whether all rows have one prediction there, as in a network that has not been trained."""
    return any(rest.merged == (tuple(range(condition.task.n_rows)),) for rest in found.rests)


def decoded(config: Mapping[str, Any], condition: Condition) -> Decoded:
    """What the loss or the predictions that are given can be.

    A level may lie as far from a loss as its last digit says: 0.33 is 1/3, but 0.3 is anything.
    """
    try:
        if config["loss"] is not None:
            value = checked("loss", config["loss"], LOSS)
            digits = -int(Decimal(repr(value)).as_tuple().exponent)
            return decode(value, condition, max(TOLERANCE, 0.5 * 10.0**-digits) if digits >= 2 else TOLERANCE)
        given = checked("predictions", config["predictions"], PREDICTIONS)
        return decode_predictions(tuple(checked("predictions", each, PREDICTION) for each in given), condition)
    except ValueError as error:
        raise InputError(str(error)) from None


def advise(case: Case) -> None:
    """How common it is, what frees networks from it, best first, and one recommendation."""
    condition, level = case.condition, np.nan if case.trap is None else case.trap.level.value
    like_it, solved = drawn(condition)
    there = rescue.is_stuck(like_it.columns) & (np.abs(like_it.columns["final_loss"] - level) < TOLERANCE)
    here = "" if case.trap is None else f", {percent(int(there.sum()), DRAWS)} in this trap"
    kind = f"Of {DRAWS:,} networks drawn like this and trained for {condition.epochs:,} epochs"
    say(told("how common", f"{kind}: {percent(solved, DRAWS)} solved{here} (with 95 % Wilson intervals)."))
    given, stuck = case.stuck is not None, case.stuck
    if stuck is None and there.any():
        stuck = like_it.end.take(np.resize(np.flatnonzero(there), TRIES))
    needed = (condition.task.units or 1) if condition.rectified else 1
    freed = [] if stuck is None or condition.hidden < needed else frees(condition, stuck, draws_anew=given)
    if freed:
        where = "This network" if given else "Of networks in this trap"
        say(told("frees it", f"{where}, within {condition.epochs:,} more epochs, best first:"))
        for tried in freed:
            say(f"{'':<12}{tried.entry.label:<32}{tried.words}")
    unfinished = float(np.mean(like_it.columns["outcome"] == "unsettled"))
    do = recommendation(case, freed, solved / DRAWS, float(there.mean()), unfinished)
    if condition.hidden < needed:
        do = f"Use at least {needed} units: fewer cannot represent {condition.task.name}."
    elif there.mean() >= RARE and condition.hidden < MANY:
        more = drawn(replace(condition, hidden=MANY))[1] / DRAWS
        clearly = more > solved / DRAWS + CLEARLY
        do += f" With {MANY} units {whole(more)} of such networks learn the task." if clearly else ""
    say(told("do", do[0].upper() + do[1:]))
    seed, network = (0, case.stuck.take(np.arange(1))) if case.stuck else (int(np.argmax(there)), None)
    if (given or there.any()) and (page := address(condition, seed, network)):
        say(told("watch", f"{'it' if given else 'one'} train in the page that nnxor-explorer writes:"))
        say(f"{'':<11} explorer.html{page}")


def drawn(condition: Condition) -> tuple[trial.Trials, int]:
    """Networks of a condition, trained, and how many of them are solved."""
    found = trial.trials(condition, range(DRAWS), engines.load(engines.fastest()[0]))
    return found, int(np.sum(found.columns["outcome"] == "solved"))


class Tried(NamedTuple):
    """An intervention that was tried: how many networks it freed, of how many, and whether none of them is finished."""

    entry: Intervention
    freed: int
    n: int
    unfinished: bool

    @property
    def words(self) -> str:
        """What came of it: a share, or of a single network yes or no."""
        alone = "yes" if self.freed else f"not yet: {NOT_FINISHED}" if self.unfinished else "no"
        return percent(self.freed, self.n) if self.n > 1 else alone


def frees(condition: Condition, stuck: Weights, draws_anew: bool) -> list[Tried]:
    """What frees these networks, by trying it, and how many it freed, of how many; the best first."""
    found = []
    any_dead = not alive(condition, stuck).all()
    for name, entry in INTERVENTIONS.items():
        tried = replace(condition, rescue=name)
        if entry.refused(tried) or (entry.needs_dead and not any_dead):
            continue
        n = 1 if draws_anew and not entry.draws else TRIES  # one network again and again gives the same again
        changed = rescue.intervene(tried, stuck.take(np.arange(n)), range(n))
        outcome = states(rescue.onward_condition(tried), changed, condition.epochs)["outcome"]
        found.append(Tried(entry, int(np.sum(outcome == "solved")), n, bool(np.all(outcome == "unsettled"))))
    return sorted(found, key=lambda each: (-each.freed / each.n, not each.unfinished))


def recommendation(case: Case, freed: list[Tried], solved: float, here: float, unfinished: float) -> str:
    """The one thing to do; the shares are those of such networks that learn the task, end like it, or need longer."""
    if case.trap is None and case.stuck is None:
        return "Train longer and look at the curve; if the loss stays, give the network itself, or the right loss_name."
    rare = case.trap is not None and here < RARE
    best, count, n, _ = freed[0] if freed else (INTERVENTIONS["redraw_all"], 0, 1, "")
    again = "" if case.trap is None or rare or solved < CLEARLY else "Probably bad luck, not a bug: "
    if case.trap is not None and case.stuck is None and learned_nothing(case.trap, case.condition):
        luck = "it is bad luck: " if solved >= CLEARLY else ""
        again = f"If the loss never moved, look for a bug. If it fell and then stopped, {luck}"
    share = f"{whole(count / n)} of them" if case.stuck is None else f"it in {whole(count / n)} of {n} draws"
    freely = "it" if n == 1 else share
    if count and best.control and not best.draws:  # as many are freed if nothing is done
        return f"{again}keep training, which solves {freely}."
    if rare and unfinished > CLEARLY:
        longer, after = "Ask with more epochs" if case.stuck else "Train longer", f"{case.condition.epochs:,} epochs"
        return f"{longer}: {whole(unfinished)} of such networks are {NOT_FINISHED} after {after}."
    if rare:
        return f"Look for a bug: fewer than {100 * RARE:g} % of such networks end here."
    idle = next((each for each in freed if each.entry.control and not each.entry.draws), None)
    if idle and idle.unfinished:
        return f"Train longer: it is {NOT_FINISHED}."
    if count / n > solved + CLEARLY:
        return f"{again}try {best.label}, which frees {freely}."
    if solved < CLEARLY:
        return f"{again}change the setting: only {whole(solved)} of such networks learn the task."
    return f"{again}start again with another seed, which is simplest: {whole(solved)} of such networks learn the task."


def whole(share: float) -> str:
    """'75 %': a half is rounded up."""
    return f"{int(100 * share + 0.5)} %"


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
