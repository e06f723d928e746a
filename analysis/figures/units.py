"""Dead and live units: figures 4 and 5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import nearest, values, with_values
from analysis.data.dead_unit_law import dead_law
from analysis.data.field_labels import FIELDS, axis_label, phrase, value_text
from analysis.data.reading import fine, is_stuck, swept
from analysis.data.tallies import count_where, counts_of, mean, size
from analysis.figures.layout import (
    by_value,
    fixed,
    footnote,
    line_field,
    make_panels,
    n_text,
    panel_title,
    rest_of,
    thin,
    thin_field,
)
from analysis.figures.outcomes import present
from analysis.figures.style import (
    DASHES,
    MARKERS,
    OUTCOME_COLOURS,
    OUTCOME_HATCHES,
    NotApplicable,
    outcome_legend,
    panels,
    series_colours,
    sheet,
    styled,
)
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, unpaired, wilson
from analysis.text import words


@styled
def dead_units(found: Findings) -> Figure:
    """Dead units at the start, beside the exact law of the draw, and at the end, by outcome; a column a width."""
    trials = found.trials
    shown, note = thin(dead_trials(trials), ["hidden"], 4)
    shown, _ = thin(shown, ["init"], 3)
    widths, inits = values(shown, "hidden"), values(shown, "init")
    rows = 1 + len(inits)
    figure = sheet(2.5 * rows + 0.8)
    axes = figure.subplots(rows, len(widths), squeeze=False, sharey="row")
    for column, hidden in enumerate(widths):
        part = with_values(shown, {"hidden": hidden}, ["hidden"])
        _at_start(axes[0, column], part, inits, found.laws)
        axes[0, column].set_title(f"{phrase('hidden', hidden)}\nat the start")
        for row, init in enumerate(inits, 1):
            mine = part[(part["init"] == init).to_numpy(bool)]
            _at_end(axes[row, column], mine)
            axes[row, column].set_title(
                f"{phrase('hidden', hidden)}, {value_text('init', init)}\nat the end, n = {size(mine):,}"
            )
        axes[-1, column].set_xlabel("dead units")
    for row in axes:
        row[0].set_ylabel("share of runs, %")
    axes[0, -1].legend(loc="upper right")
    outcome_legend(figure, present(shown), fixed(trials, "hidden", "init"))
    footnote(figure, note, _end_note(shown))
    return figure


def _end_note(shown: pd.DataFrame) -> str:
    """How wide the intervals of the stacked shares can be."""
    n = int(pd.Series(counts_of(shown)).groupby(shown["condition"].to_numpy()).sum().min())
    low, high = wilson(n // 2, n)
    return f"At the end: 95 % Wilson intervals reach at most {50 * (high - low):.1f} points to either side."


def dead_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The conditions that differ from the one nearest to the article's in width and init alone."""
    _need_relu(trials)
    return with_values(fine(trials), nearest(trials), [name for name in FIELDS if name not in ("hidden", "init")])


def _need_relu(trials: pd.DataFrame) -> None:
    if set(trials["activation"].unique()) != {"relu"}:
        raise NotApplicable("only ReLU units can be dead, and this study has other activations")


def _at_start(ax: Axes, part: pd.DataFrame, inits: list[str], laws: Mapping[str, float]) -> None:
    colours = series_colours(False, len(inits))
    width = 0.8 / len(inits)
    for i, init in enumerate(inits):
        mine = part[(part["init"] == init).to_numpy(bool)]
        if not len(mine):
            continue
        hidden = int(mine["hidden"].iloc[0])
        count, n = np.bincount(mine["dead_init"].astype(int), counts_of(mine), hidden + 1), size(mine)
        low, high = wilson(count, np.full(hidden + 1, n))
        rate = 100 * count / n
        x = np.arange(hidden + 1) + (i - (len(inits) - 1) / 2) * width
        ax.bar(x, rate, width=width * 0.9, color=colours[i], alpha=0.35, label=f"{init} (n = {n:,})")
        ax.errorbar(
            x, rate, yerr=[rate - 100 * low, 100 * high - rate], fmt="none", color=colours[i], capsize=2, elinewidth=1.1
        )
        law = dead_law(mine, laws)
        if law is not None:
            label = "exact law" if i == 0 else None
            ax.plot(x, 100 * law, "_", color="black", markersize=11, markeredgewidth=1.8, label=label, zorder=4)
    ax.set_xticks(_ticks(int(part["hidden"].max())))


def _at_end(ax: Axes, mine: pd.DataFrame) -> None:
    if not len(mine):
        ax.set_axis_off()
        return
    hidden = int(mine["hidden"].iloc[0])
    bottom = np.zeros(hidden + 1)
    for outcome in present(mine):
        # a diverged run ends with no count of dead units
        part = mine[(mine["outcome"] == outcome).to_numpy(bool) & mine["dead_final"].notna().to_numpy(bool)]
        share = 100 * np.bincount(part["dead_final"].astype(int), counts_of(part), hidden + 1) / size(mine)
        ax.bar(
            np.arange(hidden + 1), share, bottom=bottom, width=0.82, color=OUTCOME_COLOURS[outcome],
            hatch=OUTCOME_HATCHES[outcome] * 2, edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        bottom += share
    ax.set_xticks(_ticks(hidden))


def _ticks(hidden: int) -> list[int]:
    return list(range(0, hidden + 1, max(1, -(-hidden // 11))))


def describe_dead_units(found: Findings) -> str:
    """Mean dead units at the start against the law, in a sentence for each init."""
    trials = found.trials
    shown = with_values(dead_trials(trials), nearest(trials), ["hidden"])
    texts = []
    for init in values(shown, "init"):
        mine = shown[(shown["init"] == init).to_numpy(bool)]
        law = dead_law(mine, found.laws)
        exact = f" against {float(law @ np.arange(len(law))):.2f} by the exact law" if law is not None else ""
        start, end = mean(mine, "dead_init"), mean(mine, "dead_final")
        n_ended = count_where(mine, mine["dead_final"].notna())
        last = f"{end:.2f} at the end (n = {n_ended:,})" if n_ended else "all diverged"
        texts.append(f"{init}: {start:.2f} dead units at the start{exact} (n = {size(mine):,}), {last}")
    where = words.condition(nearest(trials), [name for name in ("hidden", "lr") if name in swept(trials)] or ["hidden"])
    return f"On average, with {where}, {'; '.join(texts)}."


@styled
def stuck_by_live_units(found: Findings) -> Figure:
    """Share of runs that get stuck against the number of units alive at the start, with Wilson intervals."""
    trials = found.trials
    good = live_trials(trials)
    lines = line_field(trials)
    shown, note = thin_field(good, lines, 4)
    boxes, note_panels = make_panels(shown, rest_of(trials, lines), 6)
    figure, axes = panels(len(boxes), 2, 3.0, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, lines)
        ax.set_title(panel_title(panel, f"{n_text([size(part) for _, part in parts])} a line", 2))
        _live_lines(ax, parts, lines)
        ax.set_xlabel("units alive at the start")
        ax.set_ylim(-2, 102)
        ax.margins(x=0.04)
    for ax in axes:
        if ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel("stuck, %")
    if lines:
        axes[0].legend(title=axis_label(lines), loc="best")
    footnote(figure, note, note_panels, "Points of fewer than 5 runs are left out.")
    return figure


def live_trials(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with `live` (units alive at the start) and `stuck` (a flag)."""
    _need_relu(trials)
    good = fine(trials)
    if not good["dead_init"].any():
        raise NotApplicable("every unit of every run is alive at the start, so there is nothing to set side by side")
    return good.assign(live=good["hidden"] - good["dead_init"], stuck=is_stuck(good))


def _live_lines(ax: Axes, parts: list[tuple[Any, pd.DataFrame]], lines: str | None) -> None:
    colours = series_colours(True, len(parts))
    for i, (each, part) in enumerate(parts):
        runs = pd.DataFrame({"live": part["live"], "size": counts_of(part), "sum": counts_of(part) * part["stuck"]})
        table = runs.groupby("live")[["sum", "size"]].sum()
        table = table[table["size"] >= 5]
        low, high = wilson(table["sum"], table["size"])
        rate = 100 * (table["sum"] / table["size"]).to_numpy(float)
        x = table.index.to_numpy(float) + 0.07 * (i - (len(parts) - 1) / 2)
        ax.errorbar(
            x, rate, yerr=np.maximum([rate - 100 * low, 100 * high - rate], 0), color=colours[i],
            marker=MARKERS[i % 7], linestyle=DASHES[i % 7], capsize=3, elinewidth=1.0, markeredgecolor="white",
            markeredgewidth=0.7, label=value_text(lines, each) if lines else None,
        )  # fmt: skip
    ax.set_xticks(_ticks(int(max(part["live"].max() for _, part in parts))))


def describe_stuck_by_live_units(found: Findings) -> str:
    """What a dead unit at the start costs in the condition nearest to the article's, in a sentence."""
    trials = found.trials
    row = nearest(trials)
    part = with_values(live_trials(trials), row, FIELDS)
    some = part["dead_init"] > 0
    without, having = (
        Rate.of(count_where(chosen, chosen["stuck"]), size(chosen)) for chosen in (part[~some], part[some])
    )
    where = words.condition(row, swept(trials))
    more = words.difference(unpaired(without, having))
    return (
        f"Nearest to the article ({where}): stuck {words.rate(having)} with a dead unit at the start, "
        f"{words.rate(without)} with none; difference {more}."
    )
