"""What to do with a run that is stuck, from the study at hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.conditions import nearest, unusual, with_values
from analysis.data.reading import DEFAULT_TABLE, FIELDS, STUCK, is_xor, swept
from analysis.data.tallies import counts_of, quantile, size
from analysis.findings.planner import draws
from analysis.findings.rest_points import is_certified, resting
from analysis.findings.statistics import Rate
from analysis.findings.summary import stuck_total, summarise
from analysis.text import words
from analysis.text.commands import diagnosing

LEVEL_OF_XOR = {"half_sse": 0.25, "mse": 0.125, "bce": 0.3466}
"""The level of XOR's commonest trap, by loss: what is looked up for an example."""

MOST_ROWS = 8
"""Rows of the largest task whose levels experiments.diagnose looks up."""


@dataclass(frozen=True)
class Advice:
    """A piece of advice: what to do, why, and a command that says more (or none)."""

    what: str
    why: str
    command: str = ""


def advice(
    trials: pd.DataFrame, epochs: pd.DataFrame | None = None, manifest: Mapping[str, Any] | None = None
) -> list[Advice]:
    """What to do with a run that is stuck, in order; numbers are those of the condition nearest to the article's.

    `manifest` tells how the user named tasks and weights of their own.
    """
    row = nearest(trials)
    commands = _commands(row, trials[(trials["condition"] == row["condition"]).to_numpy(bool)], manifest or {})
    if trials["rescue"].notna().all():
        return commands  # what becomes of rescued runs is no advice to others
    summary = summarise(trials, epochs)
    at = summary.iloc[(summary["condition"] == row["condition"]).argmax()]
    fields = list(dict.fromkeys(["hidden", "init", "lr", *swept(trials)]))
    told = trials if epochs is None else epochs
    found = [
        _bad_luck(at, words.condition(row, fields), is_xor(trials) and _is_piecewise_linear(row)),
        _waiting(trials, told, row) if int(stuck_total(summary)[at.name]) else None,
        _again(trials, row),
    ]
    better = _better(summary, at)
    return [each for each in (*found, better, *commands) if each]


def _bad_luck(at: pd.Series, name: str, xor: bool) -> Advice | None:
    stuck = Rate.of(int(at[[*STUCK]].sum()), int(at["n"]))
    if not stuck.count:
        return None
    levels = (
        " On XOR such runs rest at a loss of 0.25, 0.33 or 0.5 if the loss is half the sum of squared errors; under "
        "the mean squared error at 0.125, 0.167 or 0.25."
        if xor
        else ""
    )
    return Advice(
        "It need not be a bug.",
        f"With {name}, a program without any bug gets stuck in {words.rate(stuck)} of the runs.{levels}",
    )


def _waiting(trials: pd.DataFrame, epochs: pd.DataFrame, row: pd.Series) -> Advice | None:
    told = with_values(epochs, row, FIELDS)
    solved = told[told["solved_epoch"].notna().to_numpy(bool)].sort_values("solved_epoch")
    if not len(solved):
        return None
    values = solved["solved_epoch"].to_numpy(int)
    certified = {each.name: each for each in resting(trials)} if is_certified(trials) else {}
    here = certified.get(row["condition"])
    minima = f" Of the stuck runs {words.rate(here.kinds['minimum'])} are at a true minimum." if here else ""
    return Advice(
        "Do not wait.",
        f"Of the {size(solved):,} runs that were solved, half were so by epoch "
        f"{quantile(values, counts_of(solved), 0.5):,.0f} and the last at {values[-1]:,}; a run at rest has no "
        f"gradient left to move it.{minima}",
    )


def _again(trials: pd.DataFrame, row: pd.Series) -> Advice:
    table = draws(summarise(trials))
    at = table.iloc[(table["condition"] == row["condition"]).argmax()]
    number = words.draws(at["draws_99"])
    if number == "never":
        return Advice("Drawing again is of no use here.", f"None of {at['n']:,} runs of this condition was solved.")
    few, most = words.draws(at["draws_99_low"]), words.draws(at["draws_99_high"])
    return Advice(
        "Draw again, with another seed.",
        f"After {number} draws ({few} to {most} by the interval of the success rate, n{words.IS}{at['n']:,}) at least "
        "one success is 99 % likely.",
    )


def _better(summary: pd.DataFrame, at: pd.Series) -> Advice | None:
    """The condition of the same question that is solved most often, if it is so beyond doubt."""
    same = with_values(summary, at, ("task", "output", "loss", "success"))
    same = same[((same["epochs"] > 0) & (same["solved_low"] > at["solved_high"])).to_numpy(bool)]
    if not len(same):
        return None
    best = same.iloc[same["solved_rate"].argmax()]
    fields = unusual(best, {name: at[name] for name in FIELDS})
    rates = [words.rate(Rate.of(int(each["solved"]), int(each["n"]))) for each in (best, at)]
    return Advice(
        f"Or change the setting: {words.condition(best, fields)}.",
        f"It is the one of this study that is solved most often: {rates[0]} against {rates[1]}.",
    )


def _commands(row: pd.Series, runs: pd.DataFrame, manifest: Mapping[str, Any]) -> list[Advice]:
    """What experiments.diagnose says of a network like those of a condition, whose runs are given."""
    own = " The task's file is named as in the folder in which the study was run." if ".csv" in row["task"] else ""
    look = Advice(
        "Have your network looked at.",
        f"Save its weights by numpy.savez as W1 (inputs, hidden), b1 (hidden,), W2 (hidden, 1) and b2 (1,).{own}",
        diagnosing("FILE.npz", row, manifest, "hidden"),
    )
    n_rows = str(runs["task_table"].iloc[0]).count("|") + 1
    if not _is_piecewise_linear(row) or n_rows > MOST_ROWS:
        return [look]  # the levels of such networks are not known
    loss = LEVEL_OF_XOR.get(row["loss"]) if str(runs["task_table"].iloc[0]) == DEFAULT_TABLE else None
    why = "It says which trap has that loss." if loss else "It says which trap has that loss, X."
    return [
        look,
        Advice("Or have only its final loss looked up.", why, diagnosing(f"loss={loss or 'X'}", row, manifest)),
    ]


def _is_piecewise_linear(row: pd.Series) -> bool:
    """Whether the levels at which networks of a condition rest are those that are worked out."""
    output = "sigmoid" if row["loss"] == "bce" else "identity"
    return row["activation"] in ("relu", "leaky_relu") and row["output"] == output
