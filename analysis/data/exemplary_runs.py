"""The exemplary runs that a result folder holds."""

from pathlib import Path

import pandas as pd

from analysis.data.door import FolderError, read_json
from analysis.data.reading import OUTCOMES

PROMISED = (
    "seed", "outcome", "predictions", "epoch", "curve", "rows", "inputs", "targets", "final", "patterns_final",
    "kinked", "surface",
)  # fmt: skip
"""Columns that the figures need."""


def load_exemplars(folder: Path) -> pd.DataFrame:
    """A row for one run of each outcome, in the order of outcomes; empty if the folder has none.

    Columns: the fields, seed, outcome, predictions, and as lists and dicts the loss curve (`epoch`,
    `curve`), the task (`rows`, `inputs`, `targets`) and the weights (`start`, `final`: W1 (D, H),
    b1 (H,), W2 (H,), b2 (1,)), `surface`, what the network computes around a task of two inputs
    (`x1`, `x2`, `y`), and `kinked`, whether its units have a kink. Raises FolderError for a damaged file.
    """
    path = folder / "exemplars.json"
    try:
        found = read_json(path) if path.is_file() else []
        exemplars = pd.DataFrame(found)
        if len(exemplars):
            exemplars = exemplars[[*PROMISED, *exemplars.columns.difference([*PROMISED])]]
            order = exemplars["outcome"].map(OUTCOMES.index)
            exemplars = exemplars.iloc[order.argsort()].reset_index(drop=True)
    except (ValueError, OSError, KeyError, TypeError) as error:
        why = str(error).splitlines()[0]
        raise FolderError(f"{path} is damaged ({why}); delete it and report.html, and run the study again") from None
    return exemplars
