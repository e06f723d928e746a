"""Why stuck runs are stuck: the causes that the diagnosis names, and what units that are dead at the start do.

A unit that is dead on every row adds exactly 0 and has no gradient, so with full batches a run whose units are partly
dead at the start trains as the network of its live units alone: to be dead is to be missing. Units are drawn
independently of each other, so runs that happen to start with every unit alive are what drawing each dead unit again
until it lives would give, and the failures that this would save are an attributable fraction.
"""

import math
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import conditions
from analysis.data.reading import CAUSES, can_die, count_where, is_stuck, sums
from analysis.findings.statistics import Rate, attributable

STUCK_CAUSES = tuple(CAUSES)[:4]  # of stuck runs; the first two are that too few units live in the end


def failure_causes(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a condition, in the order of the trials: its key, its fields and counts of its runs.

    `n` of all runs, `stuck` of those; of the stuck ones `no_dead` (no unit dead at the end), `too_few` (fewer live
    units than the task needs), and each of `STUCK_CAUSES`.
    """
    stuck = is_stuck(trials)
    chosen = {name: stuck & (trials["cause"] == name).to_numpy(bool) for name in STUCK_CAUSES}
    no_dead = stuck & ((trials["dead_final"] == 0).to_numpy(bool) | ~can_die(trials))
    too_few = stuck & trials["cause"].isin(STUCK_CAUSES[:2]).to_numpy(bool)
    every: dict[str, Any] = {"n": 1, "stuck": stuck, "no_dead": no_dead, "too_few": too_few, **chosen}
    counts = pd.DataFrame({name: sums(trials, values) for name, values in every.items()}, dtype=np.int64)
    return conditions(trials).join(counts, on="condition")


def by_dead_at_start(trials: pd.DataFrame) -> dict[int, Rate]:
    """How often the runs of one condition get stuck, by the number of units that are dead at the start."""
    dead, stuck = trials["dead_init"].to_numpy(int), is_stuck(trials)
    return {
        n: Rate.of(count_where(trials, stuck & (dead == n)), count_where(trials, dead == n))
        for n in np.unique(dead).tolist()
    }


def attributed(found: dict[int, Rate]) -> Rate:
    """The share of the stuck runs that would not be stuck if every unit were alive at the start (see above).

    `found` of `by_dead_at_start`; NaN where no run starts with every unit alive, none is stuck, or so few are that the
    interval goes below −100 %.
    """
    having = [rate for dead, rate in found.items() if dead]
    exposed = Rate.of(sum(rate.count for rate in having), sum(rate.n for rate in having))
    share = attributable(exposed, found.get(0, Rate.of(0, 0)))
    return Rate(math.nan, math.nan, math.nan, share.n) if share.low < -1 else share
