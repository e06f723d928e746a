"""The exact law of dead units at the start, for the initializations for which it is known."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FULL_SQUARE = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)]


def dead_probability(init_law: str, task_table: str, bias: bool) -> float | None:
    """Probability that a ReLU unit is dead on every row at the start; None where no law is known.

    `init_law` and `task_table` as `analysis.trials.load` gives them. For inputs of 0 and 1 that
    hold every single 1 (truth tables do), a unit without bias is dead exactly if none of its D
    weights is positive: P(w ≤ 0)^D, so (1/2)^D for draws symmetric about 0. With weights and biases
    from one symmetric uniform law on the unit square, b + max(w1, 0) + max(w2, 0) ≤ 0 has
    probability 13/48.
    """
    rows = [tuple(float(x) for x in row.split(",")[:-1]) for row in task_table.split("|")]
    single = {row.index(1.0) for row in rows if sorted(row) == [0.0] * (len(row) - 1) + [1.0]}
    binary = all(x in (0.0, 1.0) for row in rows for x in row)
    n_inputs = len(rows[0])
    weights, _, biases = init_law.partition("|")
    if not binary or len(single) < n_inputs:
        return None
    if not bias or biases == "constant(value=0.0)":
        negative = _probability_negative(weights)
        return None if negative is None else negative**n_inputs
    if weights == biases and weights.startswith("uniform") and _is_symmetric(weights) and rows == FULL_SQUARE:
        return 13 / 48
    return None


def _parameters(law: str) -> dict[str, str]:
    return dict(re.findall(r"(\w+)=([^,()]*(?:\([^()]*\)[^,()]*)*)", law.partition("(")[2]))


def _is_symmetric(law: str) -> bool:
    given = _parameters(law)
    if law.startswith("uniform"):
        return given["low"] == f"-{given['high']}"
    return law.startswith(("normal", "truncated_normal")) and given["mean"] in ("0.0", "-0.0")


def _probability_negative(law: str) -> float | None:
    """P(w ≤ 0) of a law of weights, or None."""
    if _is_symmetric(law):
        return 0.5
    given = _parameters(law)
    try:
        low, high = float(given["low"]), float(given["high"])
    except (KeyError, ValueError):
        return None
    if low >= high:
        return None
    return float(np.clip(-low / (high - low), 0.0, 1.0))


def dead_law(trials: pd.DataFrame) -> NDArray[np.float64] | None:
    """Probabilities of 0 … H dead units at the start, of trials that share H, init, task and bias.

    None where no exact law is known. Units are drawn independently, so the law is binomial.
    """
    from scipy.stats import binom

    first = trials.iloc[0]
    if first["activation"] != "relu":
        return None
    p = dead_probability(str(first["init_law"]), str(first["task_table"]), bool(first["bias"]))
    hidden = int(first["hidden"])
    return None if p is None else np.asarray(binom.pmf(np.arange(hidden + 1), hidden, p))
