"""Stuck runs: why they are stuck, and what frees them.

A unit that is dead on every row adds exactly 0 and has no gradient, so with full batches a run whose units are partly
dead at the start trains as the network of its live units alone: to be dead is to be missing. Units are drawn
independently of each other, so runs that happen to start with every unit alive are what drawing each dead unit again
until it lives would give, and the failures that this would save are an attributable fraction.

Whether a training is stuck shows before it is interfered with, whatever is done then. So the stuck runs of a condition
are the same seeds under each intervention, which are compared within seeds. A run is free if it ends solved.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.data.conditions import FIELDS, asks, conditions, slices, swept, with_values
from analysis.data.reading import CAUSES, DEFAULT_LAW, can_end_dead, count_where, is_given, is_stuck, sums
from analysis.findings.statistics import Paired, Rate, attributable, holm, paired

STUCK_CAUSES = tuple(CAUSES)[:4]  # of stuck runs; the first two are that too few units live in the end


def failure_causes(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a condition, in the order of the trials: its key, its fields and counts of its runs.

    `n` of all runs, `stuck` of those; of the stuck ones `no_dead` (no unit dead at the end), `too_few` (fewer live
    units than the task needs), and each of `STUCK_CAUSES`.
    """
    stuck = is_stuck(trials)
    chosen = {name: stuck & (trials["cause"] == name).to_numpy(bool) for name in STUCK_CAUSES}
    no_dead = stuck & ((trials["dead_final"] == 0).to_numpy(bool) | ~can_end_dead(trials))
    too_few = stuck & trials["cause"].isin(STUCK_CAUSES[:2]).to_numpy(bool)
    every: dict[str, Any] = {"n": 1, "stuck": stuck, "no_dead": no_dead, "too_few": too_few, **chosen}
    return conditions(trials).join(sums(trials, every), on="condition")


def by_dead_at_start(trials: pd.DataFrame) -> dict[int, Rate]:
    """How often the runs of one condition get stuck, by the number of units that are dead at the start."""
    dead, stuck = trials["dead_init"].to_numpy(int), is_stuck(trials)
    having = {n: dead == n for n in np.unique(dead).tolist()}
    return {n: Rate.of(count_where(trials, stuck & those), count_where(trials, those)) for n, those in having.items()}


def attributed(found: dict[int, Rate], law: str = DEFAULT_LAW) -> Rate:
    """The share of the stuck runs that would not be stuck if every unit were alive at the start (see above).

    `found` of `by_dead_at_start`; NaN where no run starts with every unit alive, none is stuck, so few are that the
    interval is 100 points wide, or the init's `law` does not draw units independently.
    """
    having = [rate for dead, rate in found.items() if dead]
    exposed = Rate.of(sum(rate.count for rate in having), sum(rate.n for rate in having))
    share = attributable(exposed, found.get(0, Rate.of(0, 0)))
    together = is_given(law) or "|mirror" in law or "|margin=" in law
    return Rate(math.nan, math.nan, math.nan, share.n) if together or share.high - share.low >= 1 else share


class Freed(NamedTuple):
    """One intervention in the stuck runs of one condition: how many it frees, and against each control."""

    row: pd.Series  # the condition's fields
    intervention: str
    rate: Rate
    against: dict[str, Paired]
    dead: int = 0  # of how many dead units the runs are, where they are told apart by that
    p_holm: Mapping[str, float] = {}  # adjusted over all that are found with it


def fields_of(trials: pd.DataFrame) -> list[str]:
    """The fields that tell conditions with rescues apart, from each other or from those that have none."""
    told = {*swept(_rescues(trials)), *swept(trials[trials["rescue"].isna().to_numpy(bool)])} - {"rescue"}
    return [name for name in FIELDS if name in told]


def _rescues(trials: pd.DataFrame) -> pd.DataFrame:
    """The trainings under a rescue, with `intervention`, in order; the slope is that of the first start alone."""
    part, usual = trials[trials["rescue"].notna().to_numpy(bool)], FIELDS["slope"].default
    name, slope, order = part["rescue"].astype("str"), part["slope"].astype(float), [*FIELDS["rescue"].entries]
    texts = name.mask((name == "leaky") & (slope != usual), name + " " + slope.map("{:g}".format))
    found = sorted(texts.unique(), key=lambda text: (order.index(text.split()[0]), text))
    slope = slope.where(part["activation"] == "leaky_relu", usual)
    return part.assign(intervention=pd.Categorical(texts, found, ordered=True), slope=slope)


def interventions(trials: pd.DataFrame) -> list[str]:
    """The interventions that occur, in their order."""
    return [*_rescues(trials)["intervention"].cat.categories]


def by_seed(trials: pd.DataFrame) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Each condition with runs that were stuck, and which of them got free: a row a seed, a column an intervention."""
    every = _rescues(trials).assign(freed=lambda each: (each["outcome"] == "solved").to_numpy(bool))
    for row, part in slices(every[is_stuck(every, "outcome_before")], fields_of(trials)):
        table = part.pivot(index="seed", columns="intervention", values="freed")  # noqa: PD010 - no average
        yield row, table.astype("boolean")


def freed(trials: pd.DataFrame) -> list[Freed]:
    """Every intervention in every condition with stuck runs, against the placebo and redrawing as many live units."""
    controls = [name for name in FIELDS["rescue"].entries if asks("rescue", name, "control")]
    before = {name: controls[:place] for place, name in enumerate(controls)}
    return _adjusted(
        _freed(row, table, name, before.get(name, controls)) for row, table in by_seed(trials) for name in table.columns
    )


def _freed(row: pd.Series, table: pd.DataFrame, name: str, controls: Iterable[str], dead: Any = 0) -> Freed:
    """One intervention of a table of `by_seed`, against those controls of which there are runs of the same seeds."""
    pairs = {control: table[[control, name]].dropna().to_numpy(bool) for control in controls if control in table}
    against = {control: paired(*both.T) for control, both in pairs.items() if len(both)}
    mine = table[name].dropna()
    return Freed(row, name, Rate.of(int(mine.sum()), len(mine)), against, dead=int(dead))


def _adjusted(every: Iterable[Freed]) -> list[Freed]:
    found = list(every)
    adjusted = iter(holm([pair.p for each in found for pair in each.against.values()]))
    return [each._replace(p_holm={control: float(next(adjusted)) for control in each.against}) for each in found]


def redrawn(trials: pd.DataFrame) -> list[Freed]:
    """redraw_dead against redraw_alive and redraw_all, by the number of units that were dead when they were redrawn.

    Under redraw_alive the dead units stay dead, so fewer units can live, and the comparison is one of widths. Under
    redraw_all all can live, as under redraw_dead, which keeps the live ones: that comparison holds the width. How many
    were dead is read off the same trainings without a rescue; conditions without such trainings are left out.
    """
    fields, alike = fields_of(trials), [name for name in FIELDS if name != "rescue"]
    plain = trials[trials["rescue"].isna().to_numpy(bool)].merge(_rescues(trials)[alike].drop_duplicates())
    found = []
    for row, table in by_seed(trials):
        before = with_values(plain, row, fields).set_index("seed")["dead_final"].reindex(table.index)
        for n_dead, part in table.groupby(before) if "redraw_dead" in table else ():
            found.append(_freed(row, part, "redraw_dead", ("redraw_alive", "redraw_all"), n_dead))
    return _adjusted([each for each in found if each.dead and each.against])
