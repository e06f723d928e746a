"""Why stuck runs are stuck: dead units and the causes that the diagnosis names."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.conditions import conditions
from analysis.statistics import Difference, Rate, unpaired
from analysis.trials import CAUSES, fine

STUCK_CAUSES = CAUSES[:4]
"""Causes that a stuck run can have."""

TOO_FEW_ALIVE = ("few_alive_at_start", "died_in_training")
"""Causes that are the article's culprit: fewer live units at the end than the task needs."""


@dataclass(frozen=True)
class Culprits:
    """The stuck runs of one condition.

    `stuck` is of all runs; `no_dead`, `too_few` and `causes` are of the stuck ones. `with_dead` and
    `without_dead` are how often runs with and without a dead unit at the start get stuck, `cost`
    their difference (unpaired, Newcombe's method 10 for independent proportions).
    """

    condition: pd.Series
    stuck: Rate
    no_dead: Rate
    too_few: Rate
    causes: dict[str, Rate]
    with_dead: Rate
    without_dead: Rate
    cost: Difference


def culprits(trials: pd.DataFrame) -> list[Culprits]:
    """The stuck runs of each condition, in the order of the trials."""
    good = fine(trials)
    groups = dict(iter(good.groupby("condition", observed=True)))
    return [_culprits(row, groups[row["condition"]]) for _, row in conditions(good).iterrows()]


def _culprits(row: pd.Series, part: pd.DataFrame) -> Culprits:
    is_stuck = part["outcome"].astype("str").str.startswith("stuck").to_numpy(bool)
    stuck = part[is_stuck]
    cause = stuck["cause"].astype("str")
    had_dead = (part["dead_init"] > 0).to_numpy(bool)
    having, without = (Rate.of(int(is_stuck[chosen].sum()), int(chosen.sum())) for chosen in (had_dead, ~had_dead))
    n = len(stuck)
    return Culprits(
        condition=row,
        stuck=Rate.of(n, len(part)),
        no_dead=Rate.of(int((stuck["dead_final"] == 0).sum()), n),
        too_few=Rate.of(int(cause.isin(TOO_FEW_ALIVE).sum()), n),
        causes={name: Rate.of(int((cause == name).sum()), n) for name in STUCK_CAUSES},
        with_dead=having,
        without_dead=without,
        cost=unpaired(without, having),
    )
