"""What to do with a run that is stuck, from the study at hand."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import pandas as pd

from analysis.data.conditions import FIELDS, asks, closest, phrase, unusual, with_values
from analysis.data.reading import STUCK, count_where, size
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, unpaired
from analysis.findings.summary import draws, stuck_rate
from analysis.text import words
from analysis.text.commands import diagnosing

MANY = 20  # draws that are too many to try
SHORTEST_JUDGED = 64  # epochs; shorter trainings count as not finished (docs/columns.md)
MOST_ROWS = 8  # rows of the largest task whose levels experiments.diagnose looks up


@dataclass(frozen=True)
class Advice:
    """A piece of advice: what to do, why, and a command that says more (or none)."""

    what: str
    why: str
    command: str = ""


def advice(found: Findings) -> list[Advice]:
    """What to do with a run that is stuck, in order; numbers are those of the condition nearest to the article's."""
    trials, at = found.trials, found.nearest
    commands = _commands(at, found.here(trials), found.manifest)
    if trials["rescue"].notna().all():
        return commands  # what becomes of rescued runs is no advice to others
    stuck, other_setting = stuck_rate(at), _epochs_or_steps(found)
    given = [
        _bad_luck(stuck, words.setting(at, found.called_by), at) if stuck.count else None,
        other_setting,
        waiting(found) if stuck.count and not other_setting else None,
        _again(found),
        _better(found.summary, at),
    ]
    return [*(each for each in given if each), *commands]


def _levels(at: pd.Series) -> dict[str, float]:
    """The losses at which runs of a condition get stuck in traps that have names, by these, the lowest first."""
    return {name: at[f"{name}_level"] for name in STUCK if pd.notna(at.get(f"{name}_level"))}


def _bad_luck(stuck: Rate, name: str, at: pd.Series) -> Advice:
    told = words.listed([f"{level:.3g}" for level in _levels(at).values()], "or")
    about = "" if pd.isna(at["batch_size"]) else "about "
    rest = f" In a trap that has a name the loss is {about}{told}." if _levels(at) else ""
    why = f"With {name}, correct code gets stuck in {words.rate(stuck)} of the runs.{rest}"
    return Advice("It may not be a bug.", why)


def _epochs_or_steps(found: Findings) -> Advice | None:
    """Advice on epochs or steps, where most runs that are not solved were not finished, or took too large steps."""
    here, at = found.here(found.trials), found.nearest
    few = at["epochs"] < SHORTEST_JUDGED
    shown = "so few do not show what becomes of them" if few else "the loss falls, or falls again, if they go on"
    unfinished = f"After {words.counted(at['epochs'], 'epoch')} {{}} were not finished: {shown}."
    causes = {
        "not_finished": ("Train longer.", unfinished),
        "step_too_large": ("Take smaller steps.", f"With {phrase('lr', at['lr'])}, {{}} diverged or oscillate."),
    }
    for cause, (what, why) in causes.items():
        those = count_where(here, (here["cause"] == cause).to_numpy(bool))
        if 2 * those > count_where(here, (here["outcome"] != "solved").to_numpy(bool)):
            return Advice(what, why.format(words.rate(Rate.of(those, size(here)))))
    return None


def waiting(found: Findings) -> Advice | None:
    """How soon the runs of the nearest condition were solved, and whether waiting helps; None where none was."""
    solved = found.here(found.epochs).dropna(subset="solved_epoch")
    if not len(solved):
        return None
    half, last, n = found.nearest["solved_epoch_median"], solved["solved_epoch"].max(), size(solved)
    what = "Waiting rarely helps." if last > found.nearest["epochs"] / 2 else "Do not wait."
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


def _better(summary: pd.DataFrame, at: pd.Series) -> Advice | None:
    """Of the conditions of the same task that are solved most often, within chance, the one nearest to this."""
    same = with_values(summary, at, ("task", "output", "loss", "success"))
    same = same[((same["epochs"] > 0) & (same["solved_low"] > at["solved_high"])).to_numpy(bool)]
    if not len(same):
        return None
    rates = Rate.of_all(same["solved"], same["n"])
    most = max(rates, key=lambda each: each.rate)
    good = same[[unpaired(each, most).low <= 0 for each in rates]]
    best = good.iloc[closest(good.to_dict("records"))]
    fields = unusual(best, {name: at[name] for name in FIELDS})
    why = f"It succeeds in {words.share(best)}, compared with {words.share(at)}; no other here is clearly better."
    return Advice(f"Or change the setting to {words.condition(best, fields)}.", why)


def _commands(row: pd.Series, runs: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Advice]:
    """What experiments.diagnose says of a network like those of a condition, whose runs are given."""
    how = "Its file may be .pt, .safetensors, .weights.h5 or a .npz of W1 (inputs, hidden), b1, W2 (hidden, 1) and b2."
    path = manifest["given"].get("task", {}).get(row["task"])
    if isinstance(path, str) and not PurePath(path).is_absolute():
        how += " The path of the task's file is relative to the folder in which the study was run."
    look = Advice("Have your network diagnosed.", how, diagnosing("FILE.npz", row, manifest, "hidden"))
    n_rows = str(runs["task_table"].iloc[0]).count("|") + 1
    output = FIELDS["loss"].entries.get(row["loss"], {}).get("output") or FIELDS["output"].default
    piecewise_linear = not asks("activation", row["activation"], "smooth") and row["output"] == output
    if not piecewise_linear or n_rows > MOST_ROWS:
        return [look]  # the levels of such networks are not known
    levels = _levels(row)
    loss = f"{levels[max(levels, key=lambda name: bool(row[name]))]:.4g}" if levels else "X"  # the first that occurs
    why = f"It tells which trap has {'the loss X' if loss == 'X' else 'that loss'}."
    return [look, Advice("Or look up its final loss.", why, diagnosing(f"loss={loss}", row, manifest))]
