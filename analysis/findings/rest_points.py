"""What stuck runs rest at, as their certificates say: minimum, saddle, kink or unknown.

The certificates are made by `nnxor.landscape.certificate` while a study with `certify: true` runs; here they are
counted.
"""

import pandas as pd

from analysis.data.reading import KINDS, is_stuck
from analysis.data.tallies import count_where
from analysis.findings.statistics import Rate, wilson

KIND_NAMES = {
    "minimum": "at a minimum", "saddle": "at a saddle", "kink": "at a kink that hides a way down",
    "unknown": "unknown",
}  # fmt: skip
"""Kinds in legends and heads."""


def resting(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary whose stuck runs have certificates: `n` counts those, `minimum_rate` … the minima."""
    kinds = summary[[*KINDS]].fillna(0).astype(int)
    table = summary.assign(**kinds, n=kinds.sum(axis=1))
    table = table[(table["n"] > 0).to_numpy(bool)]
    low, high = wilson(table["minimum"], table["n"])
    return table.assign(minimum_rate=table["minimum"] / table["n"], minimum_low=low, minimum_high=high)


def is_certified(trials: pd.DataFrame) -> bool:
    """Whether some stuck run has a certificate."""
    return bool(trials["minimum"].notna().any())


def kinks_dead_at_start(trials: pd.DataFrame) -> Rate:
    """Of the runs at a kink, how many had a unit that was dead at the start."""
    kinked = is_stuck(trials) & (trials["minimum"] == "kink").to_numpy(bool)
    return Rate.of(count_where(trials, kinked & (trials["dead_init"] > 0).to_numpy(bool)), count_where(trials, kinked))
