"""What becomes of the runs, and which rows they merge: figures 2 and 10."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from analysis.data.conditions import nearest, values, with_values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.reading import OUTCOMES, STUCK, fine, is_stuck, swept
from analysis.data.tallies import counts_of, size
from analysis.figures.layout import (
    axis_field,
    fixed,
    footnote,
    make_panels,
    n_text,
    panel_title,
    rest_of,
    thin,
    widest,
)
from analysis.figures.style import (
    MARKERS,
    OUTCOME_COLOURS,
    OUTCOME_HATCHES,
    NotApplicable,
    on_dark,
    outcome_legend,
    panels,
    percent_axis,
    series_colours,
    sheet,
    styled,
    tip,
)
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, wilson
from analysis.text import words

MOST_BARS = 25


def present(trials: pd.DataFrame) -> list[str]:
    """The outcomes that occur."""
    found = set(fine(trials)["outcome"].dropna().unique())
    return [name for name in OUTCOMES if name in found]


@styled
def composition(found: Findings) -> Figure:
    """Where the runs of each condition end: a bar a condition, stacked by outcome, shares in per cent."""
    trials = found.trials
    field = axis_field(trials) if swept(trials) else "hidden"
    shown, fewer = thin(found.summary, [field], MOST_BARS)
    boxes, note = make_panels(shown, rest_of(trials, field))
    columns = 2 if len(values(trials, field)) > 6 or len(boxes) in (1, 2, 4) else 3
    figure, axes = panels(len(boxes), columns, 2.9, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        summary = panel.rows.sort_values(field)
        ax.set_title(panel_title(panel, f"{n_text(summary['n'])} a bar", columns))
        stack(ax, summary, [value_text(field, each) for each in summary[field]])
        ax.set_xlabel(axis_label(field))
    percent_axis(axes, "share of runs, %")
    outcome_legend(figure, present(trials))
    footnote(figure, fewer, note, widest(shown, present(trials)))
    return figure


def stack(ax: Axes, summary: pd.DataFrame, labels: list[str]) -> None:
    """Bars of outcomes, one for each row of a summary; large pieces carry their per cent."""
    x = np.arange(len(summary))
    bottom = np.zeros(len(summary))
    crowded = len(summary) > 8
    for outcome in OUTCOMES:
        share = 100 * np.nan_to_num(summary[f"{outcome}_rate"].to_numpy(float))
        if not share.any():
            continue
        bars = ax.bar(
            x, share, bottom=bottom, width=0.82, color=OUTCOME_COLOURS[outcome], hatch=OUTCOME_HATCHES[outcome] * 2,
            edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        for bar, label, rate in zip(bars, labels, Rate.of_all(summary[outcome], summary["n"]), strict=True):
            tip(bar, f"{label}: {words.outcome(outcome)} {words.rate(rate)}")
        for i in np.flatnonzero(share >= 7) if not crowded else ():
            colour = "white" if on_dark(outcome) else "#222222"
            box = {"facecolor": OUTCOME_COLOURS[outcome], "edgecolor": "none", "pad": 1.2}
            ax.text(
                x[i], bottom[i] + share[i] / 2, f"{share[i]:.0f}", ha="center", va="center", fontsize=8.5,
                color=colour, bbox=box,
            )  # fmt: skip
        bottom += share
    ax.set_xticks(x, labels, rotation=60 if len(summary) > 16 else 0)
    ax.margins(x=0.02)


def describe_composition(found: Findings) -> str:
    """The composition of the condition nearest to the article's, in a sentence."""
    trials = found.trials
    row = summary = found.nearest
    parts = [
        f"{words.outcome(name)} {words.rate(Rate.of(summary[name], summary['n']))}"
        for name in OUTCOMES
        if summary[name]
    ]
    where = words.condition(row, swept(trials))
    return f"Nearest to the article ({where}): {'; '.join(parts)}."


@styled
def merged_rows(found: Findings) -> Figure:
    """How often each pattern of merged rows occurs in each trap, in the conditions nearest to the article's."""
    trials = found.trials
    shown = merged_trials(trials)
    traps = [name for name in present(shown) if name in STUCK]
    counts = {trap: shown[(shown["outcome"] == trap).to_numpy(bool)] for trap in traps}
    patterns = {trap: _commonest(part) for trap, part in counts.items()}
    ratios = [max(len(each), 2) for each in patterns.values()]
    figure = sheet(0.75 * sum(ratios) + 1.4)
    axes = list(figure.subplots(len(traps), 1, squeeze=False, sharex=True, height_ratios=ratios).flat)
    inits = values(shown, "init")
    where = fixed(trials, "init")
    for ax, trap in zip(axes, traps, strict=True):
        _merged_panel(
            ax, counts[trap], patterns[trap], inits, f"{words.outcome(trap)}, {where}" if where else words.outcome(trap)
        )
    axes[-1].set_xlabel("share of the runs in this trap, %")
    if len(inits) > 1:
        axes[0].legend(loc="lower right")
    return figure


def merged_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The stuck trials of the condition nearest to the article's and of its other inits."""
    row = nearest(trials)
    same = with_values(fine(trials), row, [name for name in FIELDS if name != "init"])
    stuck = same[is_stuck(same)]
    if not len(stuck):
        raise NotApplicable("no run of the conditions nearest to the article's is stuck, so no rows are merged")
    return stuck


def _patterns(part: pd.DataFrame) -> pd.Series:
    """How often each pattern occurs; runs that merge no rows count as 'none'."""
    return pd.Series(counts_of(part)).groupby(part["merged"].astype("str").fillna("none").to_numpy()).sum()


def _commonest(part: pd.DataFrame) -> list[str]:
    """The patterns, six at most, in a fixed order."""
    counts = _patterns(part)
    return sorted(sorted(counts.index, key=lambda name: (-counts[name], name))[:6])


def _merged_panel(ax: Axes, part: pd.DataFrame, patterns: list[str], inits: list[str], title: str) -> None:
    colours = series_colours(False, len(inits))
    height = 0.8 / len(inits)
    totals = []
    for i, init in enumerate(inits):
        mine = part[(part["init"] == init).to_numpy(bool)]
        totals.append(f"{value_text('init', init)} n = {size(mine):,}")
        if len(mine):
            y = np.arange(len(patterns)) + (i - (len(inits) - 1) / 2) * height
            _merged_bars(ax, mine, patterns, y, height * 0.9, init, {"color": colours[i], "marker": MARKERS[i]})
    ax.set_yticks(range(len(patterns)), [name.replace("=", " = ") for name in patterns])
    ax.set_ylim(len(patterns) - 0.4, -0.6)
    ax.set_xlim(0, 108)
    ax.set_xticks([0, 25, 50, 75, 100])
    ax.grid(True, axis="x")
    ax.grid(False, axis="y")
    ax.set_title(f"{title} ({', '.join(totals)})")


def _merged_bars(
    ax: Axes, mine: pd.DataFrame, patterns: list[str], y: NDArray[np.floating[Any]], height: float, init: str,
    look: dict[str, Any],
) -> None:  # fmt: skip
    """Bars of one init: the share of each pattern with its interval, and its count."""
    counts, n = _patterns(mine), size(mine)
    count = np.array([counts.get(name, 0) for name in patterns])
    low, high = wilson(count, np.full(len(count), n))
    rate = 100 * count / n
    ax.barh(y, rate, height=height, color=look["color"], alpha=0.35, label=value_text("init", init))
    ax.errorbar(
        rate, y, xerr=[rate - 100 * low, 100 * high - rate], linestyle="none", capsize=3, markersize=5, elinewidth=1.1,
        **look,
    )  # fmt: skip
    for j, value in enumerate(count):
        ax.annotate(
            f"{value}", (100 * high[j], y[j]), (5, 0), textcoords="offset points", va="center", fontsize=8,
            color="#555555",
        )  # fmt: skip


def describe_merged_rows(found: Findings) -> str:
    """The commonest pattern of each trap, in a sentence."""
    trials = found.trials
    shown = merged_trials(trials)
    texts = []
    for trap in [name for name in present(shown) if name in STUCK]:
        part = shown[(shown["outcome"] == trap).to_numpy(bool)]
        counts = _patterns(part)
        common = sorted(counts.index, key=lambda name: (-counts[name], name))[0]
        texts.append(f"{words.outcome(trap)}: {common} in {words.rate(Rate.of(counts[common], size(part)))}")
    fixed = [name for name in swept(trials) if name != "init"]
    where = f" ({words.condition(nearest(trials), fixed)})" if fixed else ""
    several = " with all inits together" if len(values(shown, "init")) > 1 else ""
    return f"Rows that share one wrong prediction{where}, commonest{several}: {'; '.join(texts)}."
