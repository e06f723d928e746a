"""What stuck runs rest at, as their certificates say: minimum, saddle, kink or unknown.

The certificates are made by `nnxor.landscape.certificate` while a study with `certify: true` runs; here they are
counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.conditions import conditions
from analysis.data.reading import KINDS, OUTCOMES, fine
from analysis.data.tallies import size, tally
from analysis.findings.statistics import Rate

KIND_WORDS = {
    "minimum": "true minima",
    "kink": (
        "artefacts of the kink (an arbitrarily small step across a ReLU's kink would lower the loss, but gradient "
        "descent cannot see it: on a row where z is exactly 0 it takes a fixed derivative, relu\N{PRIME}(0) = 0 unless "
        "relu_at_zero says otherwise)"
    ),
    "saddle": "saddles",
    "unknown": "unknown",
}
"""Kinds in a sentence about stuck runs, in the order in which it names them."""

NONE_WORDS = {
    "minimum": "is a minimum", "kink": "lies on a kink", "saddle": "is a saddle", "unknown": "is left unknown",
}  # fmt: skip
"""Kinds that do not occur, in a sentence: 'None is a saddle'."""

KIND_NAMES = {
    "minimum": "at a minimum", "saddle": "at a saddle", "kink": "at a kink that hides a way down",
    "unknown": "unknown",
}  # fmt: skip
"""Kinds in legends and heads."""


@dataclass(frozen=True)
class Resting:
    """The stuck runs of one `condition` (a row) or level: how many have a certificate, the share of each kind."""

    name: str
    n: int
    kinds: Mapping[str, Rate]
    condition: Any = None

    @classmethod
    def of(cls, name: str, certified: pd.DataFrame, condition: Any = None) -> Resting:
        """Of trials that have a certificate."""
        counts = tally(certified, "minimum")
        n = size(certified)
        return cls(name, n, {kind: Rate.of(int(counts.get(kind, 0)), n) for kind in KINDS}, condition)


def certified(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials that have a certificate: stuck runs of a study with `certify: true`."""
    good = fine(trials)
    return good[good["minimum"].notna().to_numpy(bool)]


def is_certified(trials: pd.DataFrame) -> bool:
    """Whether some stuck run has a certificate."""
    return bool(trials["minimum"].notna().any())


def resting(trials: pd.DataFrame) -> list[Resting]:
    """What the stuck runs of each condition rest at, in the order of the trials; only conditions that have any."""
    found = certified(trials)
    groups = dict(iter(found.groupby("condition", observed=True)))
    return [Resting.of(row["condition"], groups[row["condition"]], row) for _, row in conditions(found).iterrows()]


def resting_by_level(trials: pd.DataFrame) -> list[Resting]:
    """The same of each level, over all conditions together."""
    found = certified(trials)
    outcome = found["outcome"].astype("str")
    parts = {name: found[(outcome == name).to_numpy(bool)] for name in OUTCOMES}
    return [Resting.of(name, part) for name, part in parts.items() if len(part)]


def resting_altogether(trials: pd.DataFrame) -> Resting:
    """The same of all stuck runs."""
    return Resting.of("all levels", certified(trials))
