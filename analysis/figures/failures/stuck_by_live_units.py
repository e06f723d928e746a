"""Failures by the number of units alive at the start."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import with_values
from analysis.data.field_labels import FIELDS
from analysis.data.tallies import count_where, counts_of, size
from analysis.figures.failures.deaths import need_units_that_die
from analysis.figures.layout import line_field, runs_a_line
from analysis.figures.plot import Plot, register
from analysis.figures.shapes import error_bars, lines
from analysis.figures.style import Look, NotApplicable, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, unpaired
from analysis.text import words

FEWEST = 5  # runs that a point needs


@styled
def stuck_by_live_units(found: Findings) -> Figure:
    """Share of runs that are not solved against the number of units alive at the start, with Wilson intervals."""
    field = line_field(found.fields)
    return lines(
        found, live_trials(found), field, _line, _live_axis, count=lambda rows: runs_a_line(rows, field),
        label="not solved, %", notes=[f"Points of fewer than {FEWEST} runs are left out."],
    )  # fmt: skip


def live_trials(found: Findings) -> pd.DataFrame:
    """The trials with `live` (units alive at the start) and `failed` (not solved, for whatever reason)."""
    need_units_that_die(found)
    if not found.trials["dead_init"].any():
        raise NotApplicable("every unit of every run is alive at the start, so there is nothing to set side by side")
    live = found.trials["hidden"] - found.trials["dead_init"]
    return found.trials.assign(live=live, failed=(found.trials["outcome"] != "solved").to_numpy(bool))


def _live_axis(ax: Axes, rows: pd.DataFrame) -> None:
    last = int(rows["live"].max())
    ax.set_xticks(np.arange(0, last + 1, max(1, -(-last // 11))))
    ax.set_xlabel("units alive at the start")
    ax.margins(x=0.04)


def _line(ax: Axes, part: pd.DataFrame, look: Look, beside: float) -> float | None:
    """Draw a line; returns the height at which it ends, None where too few runs have as many live units."""
    runs = pd.DataFrame({"live": part["live"], "n": counts_of(part), "failed": counts_of(part) * part["failed"]})
    table = runs.groupby("live")[["failed", "n"]].sum()
    table = table[table["n"] >= FEWEST]
    rates = Rate.of_all(table["failed"], table["n"])
    texts = [f"{live} alive: {words.rate(rate)} not solved" for live, rate in zip(table.index, rates, strict=True)]
    error_bars(ax, (table.index.to_numpy(float) + 0.07 * beside).tolist(), rates, look, texts)
    return 100 * rates[-1].rate if rates else None


def describe(found: Findings) -> str:
    """What a dead unit at the start costs in the condition nearest to the article's, in a sentence."""
    part = with_values(live_trials(found), found.nearest, FIELDS)
    some = part["dead_init"] > 0
    without, having = (
        Rate.of(count_where(chosen, chosen["failed"]), size(chosen)) for chosen in (part[~some], part[some])
    )
    where = words.condition(found.nearest, found.fields)
    more = f"; difference {words.difference(unpaired(without, having))}" if without.n and having.n else ""
    return (
        f"Nearest to the article ({where}): not solved {words.rate(having)} with a dead unit at the start, "
        f"{words.rate(without)} with none{more}."
    )


register(Plot(
    "stuck_by_live_units", "Failures by the units alive at the start",
    "If dead units were the whole story, runs with all units alive would be solved.",
    stuck_by_live_units, describe, order=9, section="causes",
))  # fmt: skip
