"""Which conditions a study has, and which of them is nearest to the article's."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.field_labels import FIELDS, defaults, is_missing
from analysis.data.reading import swept

NAMING = ("hidden", "init", "lr")  # fields that a run is called by, besides those that tell it apart
NUMBERS = ("hidden", "scale", "lr", "epochs")  # fields whose distance from the article's value is counted in octaves


def conditions(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a condition, in the order of the trials: its key and its fields."""
    return trials.loc[~trials["condition"].duplicated(), ["condition", *FIELDS]].reset_index(drop=True)


def distance(row: Any) -> tuple[int, float]:
    """How far a condition is from the article's: other fields that differ, then octaves in H, scale, lr and epochs."""
    others = sum(not same(row[name], FIELDS[name].default) for name in FIELDS if name not in NUMBERS)
    octaves = sum(abs(math.log2(max(float(row[name]), 1e-9) / FIELDS[name].default)) for name in NUMBERS)
    return others, round(octaves, 9)


def same(value: Any, other: Any) -> bool:
    """Whether two values of a field are equal; a missing one, however it is written, is equal to a missing one."""
    missing = is_missing(value), is_missing(other)
    return all(missing) if any(missing) else bool(value == other)


def closest(rows: Iterable[Any], like: Any = None) -> int:
    """The place of the row nearest to the article's condition, of equals the one most like another.

    A field that a row lacks counts as the article's.
    """
    found = [dict(row) for row in rows]
    far = [(distance({**defaults(), **row}), 0 if like is None else len(unusual(like, row))) for row in found]
    return far.index(min(far))


def nearest(table: pd.DataFrame, xor: Collection[str] = ()) -> pd.Series:
    """The row of a table whose condition is nearest to the article's.

    Of equally near ones it is one whose task is XOR by another name (`xor`), then one without a rescue, then the first.
    """
    table = table.sort_values("rescue", kind="stable", na_position="first")
    table = table.sort_values("task", key=lambda task: ~task.isin(xor), kind="stable")
    return table.iloc[closest(table[[*FIELDS]].to_dict("records"))]


def with_values(trials: pd.DataFrame, row: Any, fields: Iterable[str]) -> pd.DataFrame:
    """The trials that have the values of a row in these fields; a missing value equals a missing one."""
    keep = pd.Series(True, index=trials.index)
    for name in fields:
        keep &= trials[name].isna() if pd.isna(row[name]) else (trials[name] == row[name]).fillna(False)
    return trials[keep.to_numpy(bool)]


def slices(trials: pd.DataFrame, fields: Sequence[str]) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Each combination of values that these fields take, in order, and the trials (or conditions) that have it."""
    names = list(fields)
    ordered = trials.sort_values(names, na_position="first") if names else trials
    together = names or np.zeros(len(trials))
    for _, part in ordered.groupby(together, dropna=False, observed=True, sort=False):
        yield part[names].iloc[0], part


def usual(table: pd.DataFrame, fields: Sequence[str]) -> dict[str, Any]:
    """The commonest value of each field over the conditions; ties go to the article's value, else to the first."""
    found: dict[str, Any] = {}
    for name in fields:
        taken = [None if pd.isna(value) else value for value in table[name]]
        counts = {value: taken.count(value) for value in dict.fromkeys(taken)}
        found[name] = max(counts, key=lambda value: (counts[value], same(value, FIELDS[name].default)))
    return found


def unusual(row: Any, common: Mapping[str, Any]) -> list[str]:
    """The fields in which a condition differs from the usual values."""
    return [name for name, value in common.items() if not same(row[name], value)]


def others(trials: pd.DataFrame, *fields: str) -> list[str]:
    """The swept fields besides these."""
    return [name for name in swept(trials) if name not in fields]


def values(trials: pd.DataFrame, field: str) -> list[Any]:
    """The values that a field takes, numbers by size and names with the article's first."""
    found = trials[field].drop_duplicates().sort_values(na_position="first")
    return [None if pd.isna(value) else value for value in found]


def few(found: Sequence[Any], most: int, keep: Any = None) -> list[Any]:
    """At most `most` of the values, evenly spread from the first to the last; `keep` is among them if it occurs."""
    if len(found) <= most:
        return list(found)
    places = {round(n * (len(found) - 1) / (most - 1)) for n in range(most)} if most > 1 else {0}
    if keep in found and found.index(keep) not in places:
        kept = found.index(keep)
        inner = [place for place in places if place not in (0, len(found) - 1)] or sorted(places)
        places.remove(min(inner, key=lambda place: abs(place - kept)))
        places.add(kept)
    return [found[place] for place in sorted(places)]
