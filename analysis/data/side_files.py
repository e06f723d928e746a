"""The JSON files that a run leaves beside its tables: the exact laws of dead units, and exemplary runs."""

from collections.abc import Mapping
from functools import reduce
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.conditions import NAMING
from analysis.data.door import read_json
from analysis.data.field_labels import FIELDS
from analysis.data.reading import OUTCOMES, damage_told

PROMISED = (
    "seed", "outcome", "predictions", "epoch", "curve", "rows", "inputs", "targets", "final", "patterns_final",
    "kinked", "surface",
)  # fmt: skip
"""Columns of the exemplary runs that the figures need."""


TO_DO = "delete it and report.html, and run the study again"


def load_laws(folder: Path) -> dict[str, float]:
    """The probability that a unit is dead at the start, by condition key, where a law is known."""
    path = folder / "laws.json"
    with damage_told(path, TO_DO):
        laws = read_json(path) if path.is_file() else {}
        return {key: float(law["dead"]) for key, law in laws.items()}


def dead_law(trials: pd.DataFrame, laws: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Probabilities of 0 … H dead units at the start, of trials that share H and one of the laws.

    None where no exact law is known. Units are drawn independently, so the law is binomial.
    """
    first = trials.iloc[0]
    hidden, dead = int(first["hidden"]), laws.get(str(first["condition"]))
    return None if dead is None else reduce(np.convolve, [np.array([1 - dead, dead])] * hidden)


def load_exemplars(folder: Path) -> pd.DataFrame:
    """A row for one run of each outcome, in the order of outcomes; empty if the folder has none.

    Columns: the fields, seed, outcome, predictions, and as lists and dicts the loss curve (`epoch`,
    `curve`), the task (`rows`, `inputs`, `targets`) and the weights at the end (`final`: W1 (D, H),
    b1 (H,), W2 (H,), b2 (1,)), `surface`, what the network computes around a task of two inputs
    (`x1`, `x2`, `y`), `kinked`, whether its units have a kink, and `told`, the fields that name it. FolderError for a
    damaged file.
    """
    path = folder / "exemplars.json"
    with damage_told(path, TO_DO):
        runs = pd.DataFrame(read_json(path) if path.is_file() else [])
        if not len(runs):
            return runs
        runs = runs[[*PROMISED, *runs.columns.difference([*PROMISED])]]
        differ = [name for name in FIELDS if name in runs and len({*runs[name].astype("str")}) > 1]
        runs["told"] = [[name for name in FIELDS if name in (*NAMING, *differ)]] * len(runs)
        return runs.iloc[runs["outcome"].map(OUTCOMES.index).argsort()].reset_index(drop=True)
