"""What to do with a run that is stuck, from the study at hand."""

import math
from pathlib import PurePath
from typing import NamedTuple

import pandas as pd

from analysis.data.conditions import FIELDS, asks, closest, phrase, same, unusual, with_values
from analysis.data.reading import STUCK, count_where, size
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, unpaired
from analysis.findings.summary import draws, stuck_rate
from analysis.text import words
from analysis.text.commands import diagnosing

MANY = 20  # draws that are too many to try
SHORTEST_JUDGED = 64  # epochs; shorter trainings count as not finished (docs/columns.md)
RARELY = 0.05  # of the solved runs: where fewer need more than half of the epochs, waiting rarely helps
MOST_ROWS = 8  # rows of the largest task whose levels experiments.diagnose looks up


class Advice(NamedTuple):
    """A piece of advice: what to do, why, and a command that says more (or none)."""

    what: str
    why: str
    command: str = ""


def advice(found: Findings) -> list[Advice]:
    """What to do with a run that is stuck, in order; numbers are those of the condition nearest to the article's."""
    if found.trials["rescue"].notna().all():
        return _commands(found)  # what becomes of rescued runs is no advice to others
    luck, (other_setting, told) = _bad_luck(found), _epochs_or_steps(found)
    soon = waiting(found) if luck and not other_setting else None
    given = [luck, other_setting, soon, _again(found), _better(found, told)]
    return [*filter(None, given), *_commands(found)]


def _levels(at: pd.Series) -> dict[str, float]:
    """The losses at which runs of a condition get stuck in traps that have names, by these, the lowest first."""
    return {name: at[f"{name}_level"] for name in STUCK if pd.notna(at.get(f"{name}_level"))}


def _bad_luck(found: Findings) -> Advice | None:
    at, stuck = found.nearest, stuck_rate(found.nearest)
    if not stuck.count:
        return None
    told = words.listed([f"{level:.3g}" for level in _levels(at).values()], "or")
    about = "" if pd.isna(at["batch_size"]) else "about "
    rest = f" In a trap that has a name the loss is {about}{told}." if _levels(at) else ""
    fields = [name for name in FIELDS if name in found.called_by or not same(at[name], FIELDS[name].default)]
    who = f"With {words.condition(at, fields)}, correct code"
    return Advice("It may not be a bug.", f"{who} gets stuck in {words.rate(stuck)} of the runs.{rest}")


def _epochs_or_steps(found: Findings) -> tuple[Advice | None, str]:
    """Advice on steps or epochs, where most runs that are not solved never came to rest, and the condition it names.

    The same setting with smaller steps, or more epochs, is that where the study shows it to be clearly better. Else the
    commoner cause decides, unless the study has such a setting in which other causes are commoner.
    """
    at, few = found.nearest, found.nearest["epochs"] < SHORTEST_JUDGED
    shown = "so few do not show what becomes of them" if few else "the loss falls, or falls again, if they go on"
    unfinished = f"After {words.counted(at['epochs'], 'epoch')} {{}} were not finished: {shown}."
    too_large, left = f"With {phrase('lr', at['lr'])}, {{}} diverged or oscillate.", at["n"] - at["solved"]
    slower = found.alike(found.summary, "lr").query(f"lr < {at['lr']}")
    longer = found.alike(found.summary, "epochs").query(f"epochs > {at['epochs']}")
    causes = [("Take smaller steps.", too_large, ["oscillating", "diverged"], slower)]
    causes += [("Train longer.", unfinished, ["unsettled"], longer)]
    if 2 * at[["oscillating", "diverged", "unsettled"]].sum() <= left:
        return None, ""
    for what, _, _, tried in causes:
        better = [row for _, row in tried.iterrows() if found.solved.compare(at["condition"], row["condition"]).low > 0]
        if better:
            best = max(better, key=lambda row: float(row["solved_rate"]))
            own = words.condition(best, unusual(best, at[[*FIELDS]].to_dict()))
            why = f"With {own}, {words.share(best)} are solved, compared with {words.share(at)}."
            return Advice(what, why), str(best["condition"])
    for what, why, ends, tried in causes:
        others = 2 * tried[ends].sum(axis=1) < tried["n"] - tried["solved"]
        if 2 * at[ends].sum() >= left and not others.any():
            return Advice(what, why.format(words.rate(Rate.of(at[ends].sum(), at["n"])))), ""
    return None, ""


def waiting(found: Findings) -> Advice | None:
    """How soon the runs of the nearest condition were solved, and whether waiting helps; None where none was."""
    solved = found.here(found.epochs).dropna(subset="solved_epoch")
    if not len(solved):
        return None
    half, last, n = found.nearest["solved_epoch_median"], solved["solved_epoch"].max(), size(solved)
    late = count_where(solved, solved["solved_epoch"] > found.nearest["epochs"] / 2)
    what = "Do not wait." if not late else "Waiting rarely helps." if late < RARELY * n else "Waiting may help."
    several = f"Of the {n:,} runs that were solved, half needed at most {half:,.0f} epochs, the slowest {last:,}."
    return Advice(what, several if n > 1 else f"The only run that was solved needed {words.counted(last, 'epoch')}.")


def _again(found: Findings) -> Advice | None:
    if found.nearest["solved"] == found.nearest["n"]:
        return None
    number, few, most = draws(found.nearest)
    if math.isinf(number):
        why = f"No run of this condition was solved (n{words.IS}{found.nearest['n']:,})."
        return Advice("Another seed is unlikely to help.", why) if few >= MANY else None
    why = f"With {words.in_draws(number, few, most)} at least one success is 99 % likely."
    return Advice("Try again with another seed.", why)


def _better(found: Findings, told: str) -> Advice | None:
    """Of the same task's conditions that succeed most, within chance, the one nearest to the article, if not `told`."""
    at = found.nearest
    same = with_values(found.summary, at, ("task", "output", "loss", "success"))
    same = same[((same["epochs"] > 0) & (same["solved_low"] > at["solved_high"])).to_numpy(bool)]
    if not len(same):
        return None
    rates = Rate.of_all(same["solved"], same["n"])
    most = max(rates, key=lambda each: each.rate)
    good = same[[unpaired(each, most).low <= 0 for each in rates]]
    best = good.iloc[closest(good.to_dict("records"))]
    if best["condition"] == told:
        return None
    fields = unusual(best, at[[*FIELDS]].to_dict())
    why = f"It succeeds in {words.share(best)}, compared with {words.share(at)}; nothing here is clearly better."
    return Advice(f"Or change the setting to {words.condition(best, fields)}.", why)


def _commands(found: Findings) -> list[Advice]:
    """What experiments.diagnose says of a network like those of the condition nearest to the article's."""
    row, manifest = found.nearest, found.manifest
    how = "Its file may be .pt, .safetensors, .weights.h5 or a .npz of W1 (inputs, hidden), b1, W2 (hidden, 1) and b2."
    path = manifest["given"].get("task", {}).get(row["task"])
    if isinstance(path, str) and not PurePath(path).is_absolute():
        how += " The path of the task's file is relative to the folder in which the study was run."
    look = Advice("Have your network diagnosed.", how, diagnosing("FILE.npz", row, manifest, "hidden"))
    n_rows = str(found.here(found.trials)["task_table"].iloc[0]).count("|") + 1
    output = asks("loss", row["loss"], "output") or FIELDS["output"].default
    piecewise_linear = not asks("activation", row["activation"], "smooth") and row["output"] == output
    if not piecewise_linear or n_rows > MOST_ROWS:
        return [look]  # the levels of such networks are not known
    levels = _levels(row)
    loss = f"{levels[max(levels, key=lambda name: bool(row[name]))]:.4g}" if levels else "X"  # the first that occurs
    why = f"It tells which trap has {'the loss X' if loss == 'X' else 'that loss'}."
    return [look, Advice("Or look up its final loss.", why, diagnosing(f"loss={loss}", row, manifest))]
