"""Planning: how often to draw, and how wide a network is wide enough."""

from typing import Any

import pandas as pd

from analysis.data.conditions import others, slices, values
from analysis.data.field_labels import FIELDS
from analysis.findings.statistics import draws_needed

LIKELY = (0.95, 0.99)
"""Probabilities of success that draws are counted for."""

WANTED = (0.5, 0.8, 0.9, 0.95, 0.99)
"""Success rates of a single draw that widths are looked up for."""


def draws(summary: pd.DataFrame) -> pd.DataFrame:
    """For each condition the draws after which success is 95 % and 99 % likely.

    Columns: condition, the fields, n, solved, and for each probability `draws_95`, and the range
    `draws_95_low` to `draws_95_high` that the Wilson interval of the success rate allows.
    """
    table = summary[["condition", *FIELDS, "n", "solved"]].copy()
    for wanted in LIKELY:
        name = f"draws_{100 * wanted:.0f}"
        table[name] = draws_needed(summary["solved_rate"], wanted)
        table[f"{name}_low"] = draws_needed(summary["solved_high"], wanted)
        table[f"{name}_high"] = draws_needed(summary["solved_low"], wanted)
    return table


def narrowest(summary: pd.DataFrame, wanted: float) -> pd.DataFrame:
    """For each combination of the other swept fields the narrowest width that reaches a success rate.

    Columns: those fields; `reaches`, the narrowest width whose measured rate is at least `wanted`;
    `surely`, the narrowest whose Wilson interval lies wholly at or above it. None where no width of
    the study does.
    """
    rest = others(summary, "hidden")
    rows: list[dict[str, Any]] = []
    for row, part in slices(summary, rest):
        found = {
            name: part.loc[(part[column] >= wanted).to_numpy(bool), "hidden"].min()
            for name, column in (("reaches", "solved_rate"), ("surely", "solved_low"))
        }
        rows.append({**dict(row), **{name: None if pd.isna(h) else int(h) for name, h in found.items()}})
    return pd.DataFrame(rows, columns=[*rest, "reaches", "surely"]).astype({"reaches": "Int32", "surely": "Int32"})


def has_widths(trials: pd.DataFrame) -> bool:
    """Whether the study has more than one width."""
    return len(values(trials, "hidden")) > 1
