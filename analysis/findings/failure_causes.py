"""Why stuck runs are stuck: dead units and the causes that the diagnosis names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.conditions import conditions
from analysis.data.reading import CAUSES, fine, is_stuck
from analysis.data.tallies import counts_of
from analysis.findings.statistics import Difference, Rate, unpaired

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
    table = conditions(good)
    codes = pd.Index(table["condition"]).get_indexer(pd.Index(good["condition"]))
    runs = counts_of(good)

    def count(chosen: Any) -> NDArray[np.int64]:
        """Runs of each condition in the rows chosen."""
        return np.bincount(codes, runs * np.asarray(chosen, bool), len(table)).astype(np.int64)

    stuck = is_stuck(good)
    had_dead = (good["dead_init"] > 0).to_numpy(bool)
    n = count(stuck)
    of_cause = {name: count(stuck & (good["cause"] == name).to_numpy(bool)) for name in STUCK_CAUSES}
    causes = {name: Rate.of_all(counts, n) for name, counts in of_cause.items()}
    return [
        Culprits(
            row,
            rate,
            no_dead,
            too_few,
            dict(zip(causes, each, strict=True)),
            having,
            without,
            unpaired(without, having),
        )
        for (_, row), rate, no_dead, too_few, each, having, without in zip(
            table.iterrows(),
            Rate.of_all(n, count(True)),
            Rate.of_all(count(stuck & (good["dead_final"] == 0).to_numpy(bool)), n),
            Rate.of_all(sum(of_cause[name] for name in TOO_FEW_ALIVE), n),
            zip(*causes.values(), strict=True),
            Rate.of_all(count(stuck & had_dead), count(had_dead)),
            Rate.of_all(count(stuck & ~had_dead), count(~had_dead)),
            strict=True,
        )
    ]
