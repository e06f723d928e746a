"""The rescue: what frees stuck runs, compared run by run.

Under every rescue a training is stuck or not before it is interfered with, and that is the same
whatever is done then. So the stuck runs of a condition are the same seeds under each intervention,
and interventions are compared within seeds. A run is free if it ends solved.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import slices
from analysis.data.field_labels import FIELDS, asks
from analysis.data.reading import is_stuck, swept
from analysis.findings.paired import tabled
from analysis.findings.statistics import Paired, Rate, holm, paired
from analysis.text import words

COLUMNS = ("seed", "outcome", "dead_init", "dead_final", "outcome_before", "status")
"""What is read of trials.parquet, a row a training, besides the condition and its fields."""


def controls() -> list[str]:
    """What interventions are set against, by the manifest: the placebo, and as many fresh units that were alive."""
    return [name for name in FIELDS["rescue"].entries if asks("rescue", name, "control")]


@dataclass(frozen=True)
class Freed:
    """One intervention in the stuck runs of one condition: how many it frees, and against each control.

    `row` holds the condition's fields; `p_holm` is adjusted over all that `freed` returns.
    """

    row: pd.Series
    intervention: str
    rate: Rate
    against: dict[str, Paired]
    p_holm: dict[str, float] = field(default_factory=dict)


def fields_of(trials: pd.DataFrame) -> list[str]:
    """The fields that tell the conditions apart in which the same runs are stuck."""
    return [name for name in swept(_rescues(trials)) if name != "rescue"]


def _rescues(trials: pd.DataFrame) -> pd.DataFrame:
    """The trainings under a rescue, with `intervention`; the slope is that of the first start alone."""
    part = trials[trials["rescue"].notna().to_numpy(bool)]
    name, slope = part["rescue"].astype("str"), part["slope"].astype(float)
    leak = ((name == "leaky") & (slope != FIELDS["slope"].default)).to_numpy(bool)
    texts = name.where(~leak, name + " " + slope.map("{:g}".format))
    own = (part["activation"].astype("str") == "leaky_relu").to_numpy(bool)
    return part.assign(intervention=texts, slope=np.where(own, slope, FIELDS["slope"].default))


def interventions(trials: pd.DataFrame) -> list[str]:
    """The interventions that occur, in their order."""
    found = _rescues(trials)[["rescue", "slope", "intervention"]].drop_duplicates("intervention")
    order = {name: place for place, name in enumerate(FIELDS["rescue"].entries)}
    return sorted(found["intervention"], key=lambda text: (order.get(text.split()[0], len(order)), text))


def by_seed(trials: pd.DataFrame) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Each condition with runs that were stuck, and which of them got free: a row a seed, a column an intervention."""
    order = interventions(trials)
    every = _rescues(trials).assign(freed=lambda each: (each["outcome"] == "solved").to_numpy(bool))
    for row, part in slices(every[is_stuck(every, "outcome_before")], fields_of(trials)):
        table = part.pivot(index="seed", columns="intervention", values="freed")  # noqa: PD010 - no average
        yield row, table[[name for name in order if name in table]].astype("boolean")


def freed(trials: pd.DataFrame) -> list[Freed]:
    """Every intervention in every condition with stuck runs."""
    found, every = [], controls()
    for row, table in by_seed(trials):
        for name in table:
            mine = table[name].dropna().to_numpy(bool)
            before = every[: every.index(name)] if name in every else every
            against = {control: _paired(table, control, str(name)) for control in before if control in table}
            found.append(Freed(row, str(name), Rate.of(int(mine.sum()), len(mine)), against))
    adjusted = iter(holm([pair.p for each in found for pair in each.against.values()]))
    for each in found:
        each.p_holm.update({control: float(next(adjusted)) for control in each.against})
    return found


def _paired(table: pd.DataFrame, first: str, second: str) -> Paired:
    both = table[[first, second]].dropna()
    return paired(both[first].to_numpy(bool), both[second].to_numpy(bool))


def redrawn(trials: pd.DataFrame) -> pd.DataFrame:
    """redraw_dead against redraw_alive and redraw_all, by the number of units that were dead when they were redrawn.

    Under redraw_alive the dead units stay dead, so it leaves fewer units that can live, and the comparison is one of
    widths. Under redraw_all all can live, as under redraw_dead, which keeps the live ones as they are: that comparison
    holds the width. How many were dead is read off the same trainings without a rescue; conditions that the study does
    not have without one are left out. Columns as `analysis.findings.paired.compare_values` has them, and `dead`; p is
    adjusted over all rows.
    """
    fields, alike = fields_of(trials), [name for name in FIELDS if name != "rescue"]
    plain = trials[trials["rescue"].isna().to_numpy(bool)].merge(_rescues(trials)[alike].drop_duplicates())
    dead = {words.condition(row, fields): part.set_index("seed")["dead_final"] for row, part in slices(plain, fields)}
    rows: list[dict[str, Any]] = []
    for row, table in by_seed(trials):
        before = dead.get(words.condition(row, fields), pd.Series(dtype="Int32")).reindex(table.index)
        for control in ("redraw_alive", "redraw_all"):
            for n_dead, part in table.groupby(before) if {control, "redraw_dead"} <= {*table} else ():
                pair = _paired(part, control, "redraw_dead")
                if n_dead and pair.n:
                    names = {"field": "rescue", "first": control, "second": "redraw_dead"}
                    rows.append({**dict(row), "dead": n_dead, **names, "n": pair.n, **vars(pair)})
    return tabled(rows, [*fields, "dead"])
