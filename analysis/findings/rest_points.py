"""What stuck runs rest at, as their certificates say: minimum, saddle, kink or unknown.

The certificates are made by `nnxor.landscape.certificate` while a study with `certify: true` runs; here they are
counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.reading import KINDS, is_stuck
from analysis.data.tallies import count_where
from analysis.findings.statistics import Rate

KIND_NAMES = {
    "minimum": "at a minimum", "saddle": "at a saddle", "kink": "at a kink that hides a way down",
    "unknown": "unknown",
}  # fmt: skip
"""Kinds in legends and heads."""


@dataclass(frozen=True)
class Resting:
    """The stuck runs of one `condition`, a row of the summary: how many have a certificate, the share of each kind."""

    condition: Any
    n: int
    kinds: Mapping[str, Rate]


def resting(summary: pd.DataFrame) -> list[Resting]:
    """What the stuck runs of each condition rest at, in the order of the summary; only conditions that have any."""
    found = []
    for _, row in summary.iterrows():
        counts = {kind: 0 if pd.isna(row[kind]) else int(row[kind]) for kind in KINDS}
        n = sum(counts.values())
        if n:
            found.append(Resting(row, n, {kind: Rate.of(count, n) for kind, count in counts.items()}))
    return found


def is_certified(trials: pd.DataFrame) -> bool:
    """Whether some stuck run has a certificate."""
    return bool(trials["minimum"].notna().any())


def kinks_dead_at_start(trials: pd.DataFrame) -> Rate:
    """Of the runs at a kink, how many had a unit that was dead at the start."""
    kinked = is_stuck(trials) & (trials["minimum"] == "kink").to_numpy(bool)
    return Rate.of(count_where(trials, kinked & (trials["dead_init"] > 0).to_numpy(bool)), count_where(trials, kinked))
