"""Which rows the runs in a trap give one prediction."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import few, values, with_values
from analysis.data.field_labels import FIELDS, value_text
from analysis.data.reading import STUCK, is_stuck
from analysis.data.tallies import counts_of, size
from analysis.figures.layout import fixed, looks_of, rows_of
from analysis.figures.plot import Plot
from analysis.figures.style import Look, NotApplicable, error_bars, letters, sheet, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_INITS = 4


@styled
def merged_rows(found: Findings) -> Figure:
    """How often each pattern of merged rows occurs in each trap, in the conditions nearest to the article's."""
    shown = merged_trials(found)
    parts = _by_trap(shown)
    patterns = {trap: _commonest(part) for trap, part in parts.items()}
    ratios = [max(len(each), 2) for each in patterns.values()]
    figure = sheet(0.75 * sum(ratios) + 1.6)
    axes = figure.subplots(len(parts), 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
    inits, look = values(shown, "init"), looks_of(found, "init")
    for ax, (trap, part) in zip(axes, parts.items(), strict=True):
        _panel(ax, part, patterns[trap], {init: look[init] for init in inits})
        counts = [f"{value_text('init', init)} n = {size(_of(part, init)):,}" for init in inits]
        title = f"{words.outcome(trap)}: {', '.join(counts)}"
        ax.set_title("\n".join(textwrap.wrap(title, int(0.7 * letters()), break_on_hyphens=False)))
    axes[-1].set_xlabel("share of the runs in this trap, %")
    if len(inits) > 1:
        handles = [axes[0].plot([], [], label=value_text("init", init), **look[init].line)[0] for init in inits]
        figure.legend(
            handles=handles,
            loc="outside upper center",
            ncols=2,
            title=textwrap.fill(fixed(found, "init") or "", letters()) or None,
        )
    return figure


def merged_trials(found: Findings) -> pd.DataFrame:
    """The stuck trials of the condition nearest to the article's and of its other inits."""
    same = with_values(found.trials, found.nearest, [name for name in FIELDS if name != "init"])
    stuck = same[is_stuck(same)]
    if not len(stuck):
        raise NotApplicable("no run of the conditions nearest to the article's is stuck, so no rows are merged")
    return stuck[stuck["init"].isin(few(values(stuck, "init"), MOST_INITS, found.nearest["init"])).to_numpy(bool)]


def _of(part: pd.DataFrame, init: Any) -> pd.DataFrame:
    return with_values(part, {"init": init}, ["init"])


def _by_trap(shown: pd.DataFrame) -> dict[str, pd.DataFrame]:
    parts = {trap: shown[(shown["outcome"] == trap).to_numpy(bool)] for trap in STUCK}
    return {trap: part for trap, part in parts.items() if len(part)}


def _patterns(part: pd.DataFrame) -> pd.Series:
    """How often each pattern occurs; runs that merge no rows count as 'none'."""
    return pd.Series(counts_of(part)).groupby(part["merged"].astype("str").fillna("none").to_numpy()).sum()


def _commonest(part: pd.DataFrame) -> list[str]:
    """The patterns, six at most, in a fixed order."""
    counts = _patterns(part)
    return sorted(sorted(counts.index, key=lambda name: (-counts[name], name))[:6])


def _panel(ax: Axes, part: pd.DataFrame, patterns: list[str], look: dict[Any, Look]) -> None:
    height = 0.8 / len(look)
    for i, (init, each) in enumerate(look.items()):
        mine = _of(part, init)
        if not len(mine):
            continue
        counts = _patterns(mine)
        rates = [Rate.of(int(counts.get(name, 0)), size(mine)) for name in patterns]
        y = np.arange(len(patterns)) + (i - (len(look) - 1) / 2) * height
        ax.barh(y, [100 * rate.rate for rate in rates], height=0.9 * height, color=each.colour, alpha=0.35)
        error_bars(ax, y, rates, each, upright=False, line=False)
        for at, rate in zip(y, rates, strict=True):
            ax.text(100 * rate.high + 1, at, f"{rate.count:,}", va="center", fontsize=8, color="#555555")
    rows_of(ax, [name.replace("=", " = ") for name in patterns])
    ax.set_xlim(0, 112)
    ax.set_xticks([0, 25, 50, 75, 100])


def describe(found: Findings) -> str:
    """The commonest pattern of each trap, in a sentence."""
    shown, texts = merged_trials(found), []
    for trap, part in _by_trap(shown).items():
        counts = _patterns(part)
        common = sorted(counts.index, key=lambda name: (-counts[name], name))[0]
        texts.append(f"{words.outcome(trap)}: {common} in {words.rate(Rate.of(counts[common], size(part)))}")
    where = f" ({held})" if (held := fixed(found, "init")) else ""
    several = " with all inits together" if len(values(shown, "init")) > 1 else ""
    return f"Rows that share one wrong prediction{where}, commonest{several}: {'; '.join(texts)}."


PLOT = Plot(
    "merged_rows", "Which rows are merged",
    "Bars are shares of the runs in a trap, with 95 % Wilson intervals; the number is the count.",
    merged_rows, describe, order=10,
)  # fmt: skip
