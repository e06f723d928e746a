"""Rates over several conditions together. Conditions share seeds, so their runs are not independent of each other.

Where a study kept its rows the intervals resample seeds (see `Rate.over_seeds`); where it kept counts alone they are
Wilson's of as many runs as one condition has, on average, which is right if all conditions agree seed by seed, and too
wide otherwise.
"""

from typing import Any

import numpy as np
import pandas as pd

from analysis.data.reading import KINDS, count_where, is_stuck
from analysis.findings.statistics import Rate, wilson

COLUMNS = ("condition", "seed", "outcome", "minimum", "period", "status")
"""What is read of trials.parquet, a row a training."""

HOW = "intervals allow for the seeds that conditions share"


def pool(trials: pd.DataFrame, chosen: Any, among: Any) -> Rate:
    """How many of the trainings `among` are `chosen`, two boolean arrays; `trials` a row a training, or counts."""
    among = np.asarray(among, bool)
    chosen = np.asarray(chosen, bool) & among
    k, n = count_where(trials, chosen), count_where(trials, among)
    conditions = int(trials.loc[among, "condition"].nunique())
    if conditions < 2:
        return Rate.of(k, n)
    if "count" in trials:
        low, high = wilson(k / conditions, n / conditions)
        return Rate(k / n, float(low), float(high), n)
    _, places = np.unique(trials["seed"].to_numpy()[among], return_inverse=True)
    return Rate.over_seeds(np.bincount(places, chosen[among]), np.bincount(places))


def certificates(trials: pd.DataFrame, level: str | None = None) -> dict[str, Rate]:
    """What the certified runs of all conditions rest at, on one level or on all: the share of each kind that occurs."""
    known = trials["minimum"].notna().to_numpy(bool)
    among = known if level is None else known & (trials["outcome"] == level).to_numpy()
    found = {name: (trials["minimum"] == name).to_numpy() for name in KINDS}
    return {name: pool(trials, kind, among) for name, kind in found.items() if kind.any()}


def settled(trials: pd.DataFrame) -> Rate:
    """The stuck runs whose parameters were found to repeat, which proves that they stay stuck."""
    return pool(trials, trials["period"].notna(), is_stuck(trials))
