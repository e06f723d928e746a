"""The exact law of dead units at the start, as the result folder's laws.json tells it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.reading import FolderError


def with_laws(trials: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """The trials with `dead_law`, the probability that a unit is dead at the start; NaN where no law is known."""
    path = folder / "laws.json"
    try:
        laws = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        dead = {str(key): float(law["dead"]) for key, law in laws.items()}
    except (ValueError, OSError, KeyError, TypeError, AttributeError) as error:
        why = str(error).splitlines()[0]
        raise FolderError(f"{path} is damaged ({why}); delete it and report.html, and run the study again") from None
    return trials.assign(dead_law=trials["condition"].astype("str").map(dead).astype(float))


def dead_law(trials: pd.DataFrame) -> NDArray[np.float64] | None:
    """Probabilities of 0 … H dead units at the start, of trials that share H and a law (see `with_laws`).

    None where no exact law is known. Units are drawn independently, so the law is binomial.
    """
    from scipy.stats import binom

    first = trials.iloc[0]
    if "dead_law" not in trials or not np.isfinite(first["dead_law"]):
        return None
    hidden = int(first["hidden"])
    return np.asarray(binom.pmf(np.arange(hidden + 1), hidden, first["dead_law"]))
