"""Conditions that differ in one field, compared seed by seed: trainings of one seed start from the same draws."""

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import conditions, counts, depends, slices, swept, values
from analysis.data.reading import Solved, is_given
from analysis.findings.statistics import holm


def compare_values(
    trials: pd.DataFrame, field: str, solved: Solved, pairs: Iterable[tuple[Any, Any]] | None = None,
    along: Iterable[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Conditions that differ in `field` alone (and in fields that go along with it, or have no effect), paired by seed.

    `trials` holds the conditions, `solved` which seeds each solved; `pairs` are (first, second) values, every pair of
    values in their order if there are none. A row a comparison: the other swept fields, `field`, `first`, `second`,
    the result as a `pair` (see `Paired`) and part by part: `n`, `both`, `only_first`, `only_second`, `neither`,
    `difference` (second minus first, in the share solved), `low`, `high` (Newcombe's method 10), `p` (exact McNemar);
    and `p_holm` (adjusted over all rows). A field that has no effect on either side is None.
    """
    rest = [name for name in swept(trials) if name not in (field, *along)]
    found = list(itertools.combinations(values(trials, field), 2) if pairs is None else pairs)
    rows: dict[tuple[str, str], dict[str, Any]] = {}  # by the conditions compared
    each = conditions(trials)
    own: dict[str, Any] = {str(row["condition"]): row for row in each.to_dict("records")}
    idle = [name for name in rest if any(depends(name, other) for other in (field, *along))]
    for row, part in slices(_everywhere(each, idle), rest) if found else ():
        taken = [None if pd.isna(value) else value for value in part[field]]
        keys = dict(zip(taken, part["condition"].astype("str"), strict=True))
        for first, second in (both for both in found if {*both} <= {*keys}):
            if (ends := (keys[first], keys[second])) not in rows:
                pair, what = solved.compare(*ends), {"field": field, "first": first, "second": second}
                what |= {name: None for name in idle if not any(counts(name, own[end]) for end in ends)}
                rows[ends] = {**dict(row), **what, "pair": pair, "n": pair.n, **vars(pair)}
    numbers = ["n", "both", "only_first", "only_second", "neither", "difference", "low", "high", "p"]
    table = pd.DataFrame([*rows.values()], columns=[*rest, "field", "first", "second", "pair", *numbers])
    return table.assign(p_holm=holm(table["p"].to_numpy(float)))


def _everywhere(each: pd.DataFrame, fields: Iterable[str]) -> pd.DataFrame:
    """Conditions, and where a field of these has no effect, the same ones under each of its values."""
    for name in fields:
        idle = ~np.array([counts(name, row) for row in each.to_dict("records")], bool)
        copies = [each[idle].assign(**{name: value}).astype(each.dtypes) for value in values(each, name)]
        each = pd.concat([each[~idle], *copies]) if idle.any() else each
    return each


def going_along(trials: pd.DataFrame, field: str) -> list[str]:
    """The swept fields that have one value for each value of this one, as the output and the step that suit a loss."""
    each, n = conditions(trials), len(values(trials, field))
    return [name for name in swept(trials) if name != field and len(each[[field, name]].drop_duplicates()) == n]


def drawn(trials: pd.DataFrame) -> list[Any]:
    """The inits that are drawn: not those of given weights."""
    each = trials.drop_duplicates("condition")
    return values(each[[not is_given(law) for law in each["init_law"]]], "init")


def compare_he(trials: pd.DataFrame, solved: Solved) -> pd.DataFrame:
    """He against uniform, or else every other init that is drawn, paired by seed; empty where He is not swept."""
    found = drawn(trials)
    others = ["uniform"] if "uniform" in found else [name for name in found if name != "he"]
    return compare_values(trials, "init", solved, [(name, "he") for name in others if "he" in found])
