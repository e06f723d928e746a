"""The exact law of dead units at the start, as the result folder's laws.json tells it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from analysis.data.door import FolderError, read_json


def load_laws(folder: Path) -> dict[str, float]:
    """The probability that a unit is dead at the start, by condition key, where a law is known."""
    path = folder / "laws.json"
    try:
        laws = read_json(path) if path.is_file() else {}
        return {str(key): float(law["dead"]) for key, law in laws.items()}
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        why = str(error).splitlines()[0]
        raise FolderError(f"{path} is damaged ({why}); delete it and report.html, and run the study again") from None


def dead_law(trials: pd.DataFrame, laws: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Probabilities of 0 … H dead units at the start, of trials that share H and one of the laws.

    None where no exact law is known. Units are drawn independently, so the law is binomial.
    """
    first = trials.iloc[0]
    hidden, dead = int(first["hidden"]), laws.get(str(first["condition"]))
    return None if dead is None else np.asarray(scipy.stats.binom.pmf(np.arange(hidden + 1), hidden, dead))
