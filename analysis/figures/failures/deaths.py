"""Dead units at the start and at the end, and failures by the number of units alive at the start."""

import functools
import textwrap
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.conditions import phrase, value_text, values
from analysis.data.reading import can_die, can_end_dead, dead_law, size, sums
from analysis.figures import Axes, Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.statistics import Rate, unpaired, wilson
from analysis.text import words

MOST_WIDTHS, MOST_INITS = 4, 3
FEWEST = 5  # runs that a point needs


def dead_units(found: Findings) -> Figure:
    """Dead units at the start, beside the exact law of the draw, and at the end, by outcome; a column a width."""
    need_units_that_die(found, "hidden", "init")
    shown, note = layout.thin(found.alike(found.trials, "hidden", "init"), ["hidden"], style.columns_for(MOST_WIDTHS))
    shown, note_inits = layout.thin(shown, ["init"], MOST_INITS)
    parts = layout.by_value(shown, "hidden")
    inits = values(shown, "init") if shown["dead_final"].notna().any() else []  # where all diverged nobody knows
    known = layout.outcome_names(found.alike(found.summary, "hidden", "init"))
    names = {name: told for name, told in known.items() if (shown["outcome"] == name).any()}
    figure = style.sheet(2.4 * (1 + len(inits)) + 0.8)
    axes = figure.subplots(1 + len(inits), len(parts), squeeze=False, sharey="row")
    starts: dict[str, style.Look] = {}
    fill = functools.partial(textwrap.fill, width=style.letters(len(parts), 12))
    for column, (hidden, part) in enumerate(parts):
        bars, n = _at_start(axes[0, column], part, found)
        starts |= bars if len(bars) > 1 else {}
        who = fill(f"{' | '.join(bars)}, n = {n:,}")
        axes[0, column].set_title(f"{phrase('hidden', hidden)} at the start\n{who}")
        for ax, init in zip(axes[1:, column], inits, strict=True):
            mine = part[(part["init"] == init).to_numpy(bool)]
            if not len(mine):
                ax.set_axis_off()
                continue
            ended = mine.dropna(subset="dead_final")  # diverged runs have no such count
            ends = {name: ended[(ended["outcome"] == name).to_numpy(bool)] for name in names}
            rates = {name: Rate.of_all(_counts(ends[name], "dead_final", hidden), size(mine)) for name in names}
            shapes.stack(ax, rates, style.OUTCOME_LOOKS, names, [str(n) for n in range(hidden + 1)])
            ax.xaxis.set_major_formatter("{x:.0f}")
            _ticks(ax, hidden)
            who = fill(f"{value_text('init', init)}, n = {size(mine):,}")
            ax.set_title(f"{phrase('hidden', hidden)} at the end\n{who}")
        axes[-1, column].set_xlabel("dead units")
    for row in axes:
        row[0].set_ylabel("share of runs, %")
    entries = {told: style.OUTCOME_LOOKS[name] for name, told in names.items() if inits}
    shapes.legend(figure, starts | entries, layout.fixed(found, "hidden", "init"))
    law = "Black dashes: the exact law of the draw." if found.laws else ""
    n = int(sums(shown, {"n": 1})["n"].min())
    low, high = wilson(n // 2, n)
    end = f"At the end: 95 % Wilson intervals reach at most {50 * (high - low):.1f} points to either side."
    unknown = "All runs diverged, so that nothing is known of their end."
    layout.footnote(figure, law, note, note_inits, end if inits else unknown)
    return figure


def _counts(runs: pd.DataFrame, column: str, hidden: int) -> NDArray[np.int64]:
    """How many of the runs have 0 … H dead units."""
    return np.bincount(runs[column].astype(int), runs["count"], hidden + 1).astype(np.int64)


def _ticks(ax: Axes, last: int) -> None:
    """Numbers of units up to the last, so few of them written that there is room."""
    ax.set_xticks(range(0, last + 1, max(1, -(-last // 11))))
    ax.tick_params("x", rotation=0)


def need_units_that_die(found: Findings, *fields: str) -> None:
    """Raise NotApplicable where some units of the study cannot be dead, or of those over the fields end as leaky."""
    ends = can_end_dead(found.alike(found.trials, *fields)).all() if fields else True
    others = "only units that can be dead are counted, and this study has others"
    style.need(can_die(found.summary).all() and ends, others)


def _at_start(ax: Axes, part: pd.DataFrame, found: Findings) -> tuple[dict[str, style.Look], int]:
    """Draw the shares of dead units at the start, once for inits that start alike; returns how these look, and n."""
    hidden, groups = int(part["hidden"].iloc[0]), dict[tuple[int, ...], list[Any]]()
    for init, mine in layout.by_value(part, "init"):
        groups.setdefault(tuple(_counts(mine, "dead_init", hidden).tolist()), []).append(init)
    width, look, bars = 0.8 / len(groups), layout.looks_of(found, "init"), {}
    for i, (counts, who) in enumerate(groups.items()):
        rates = Rate.of_all(counts, sum(counts))
        x = np.arange(len(counts)) + (i - (len(groups) - 1) / 2) * width
        bar: style.Look = {"facecolor": look[who[0]]["color"], "alpha": 0.35}
        bars[words.listed([value_text("init", init) for init in who])] = bar
        ax.bar(x, [100 * rate.rate for rate in rates], width=0.9 * width, **bar)
        shapes.error_bars(ax, x, rates, style.mark(look[who[0]]), (f"{n} dead" for n in range(hidden + 1)))
        law = dead_law(part[(part["init"] == who[0]).to_numpy(bool)], found.laws)
        if law is not None:
            ax.plot(x, 100 * law, "_", color="black", markersize=11, markeredgewidth=1.8, zorder=4)
    _ticks(ax, hidden)
    return bars, max(map(sum, groups))


def describe_dead_units(found: Findings) -> str:
    """Mean dead units at the start against the law, in a sentence for each init."""
    need_units_that_die(found, "hidden", "init")
    texts = []
    for row in found.alike(found.summary, "init").sort_values("init").to_dict("records"):
        law, n_ended = found.laws.get(row["condition"]), row["n"] - row["diverged"]
        exact = f" against {row['hidden'] * law:.2f} by the exact law" if law is not None else ""
        start = f"{row['dead_init_mean']:.2f} dead units at the start{exact} (n{words.IS}{row['n']:,})"
        end = f"{row['dead_final_mean']:.2f} at the end (n{words.IS}{n_ended:,})" if n_ended else "all diverged"
        texts.append(f"{value_text('init', row['init'])}: {start}, {end}")
    where = layout.fixed(found, "init") or words.condition(found.nearest, ["hidden"])
    return f"On average, with {where}, {'; '.join(texts)}."


register(Plot(
    "dead_units", "Dead units at the start and at the end",
    "Top: what the draw gives. Below: dead units at the end, by outcome.",
    dead_units, describe_dead_units, order=8, section="causes",
))  # fmt: skip


def stuck_by_live_units(found: Findings) -> Figure:
    """Share of runs that are not solved against the number of units alive at the start, with Wilson intervals."""
    field, trials = layout.line_field(found.fields), live_trials(found)
    drawn = trials[trials.groupby("condition", observed=True)["often"].transform("any").to_numpy(bool)]
    notes = [f"Points of fewer than {FEWEST} runs are left out."]
    return shapes.lines(found, drawn, field, _line, _live_axis, "not solved, %", notes=notes)


def live_trials(found: Findings) -> pd.DataFrame:
    """The trials with `live` (units alive at the start), `failed` (how many end unsolved), and `often` (many do so)."""
    need_units_that_die(found)
    alive = "every unit of every run is alive at the start, so there is nothing to set side by side"
    style.need(found.trials["dead_init"].any(), alive)
    failed = found.trials["count"].where(found.trials["outcome"] != "solved", 0)
    trials = found.trials.assign(live=found.trials["hidden"] - found.trials["dead_init"], failed=failed)
    often = trials.groupby(["condition", "live"], observed=True)["count"].transform("sum") >= FEWEST
    style.need(often.any(), f"nowhere do {FEWEST} runs or more of a condition start with as many live units")
    return trials.assign(often=often)


def _live_axis(ax: Axes, rows: pd.DataFrame) -> None:
    _ticks(ax, int(rows["live"].max()))
    ax.set_xlabel("units alive at the start")
    ax.margins(x=0.04 if np.ptp(rows.loc[rows["often"], "live"]) else 2)  # lines at one number stay close together


def _line(ax: Axes, part: pd.DataFrame, look: style.Look, beside: float) -> shapes.End:
    """Draw a line; returns where it ends."""
    table = part[part["often"].to_numpy(bool)].groupby("live")[["failed", "count"]].sum()
    rates = Rate.of_all(table["failed"], table["count"])
    told = (f"not solved of {live} alive" for live in table.index)
    shapes.error_bars(ax, table.index + 0.07 * beside, rates, look, told)
    return table.index[-1], 100 * rates[-1].rate


def describe_live_units(found: Findings) -> str:
    """What a dead unit at the start costs in the condition nearest to the article's, in a sentence."""
    part = found.here(live_trials(found))
    some = part["dead_init"] > 0
    without, having = (Rate.of(each["failed"].sum(), size(each)) for each in (part[~some], part[some]))
    where = words.nearest(found.nearest, found.fields)
    more = f"; difference {words.difference(unpaired(without, having))}" if without.n and having.n else ""
    dead = f"not solved with at least one dead unit at the start: {words.rate(having)}"
    return f"{where}: {dead}; with none: {words.rate(without)}{more}."


register(Plot(
    "stuck_by_live_units", "Failures by the units alive at the start",
    "If dead units were the whole story, runs with all units alive would be solved.",
    stuck_by_live_units, describe_live_units, order=9, section="causes",
))  # fmt: skip
