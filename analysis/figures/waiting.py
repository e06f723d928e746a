"""How long until it is solved, and how often to draw again: figures 6 and 7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.data.conditions import nearest, with_values
from analysis.data.field_labels import FIELDS, axis_label, value_text
from analysis.data.reading import fine, swept
from analysis.data.tallies import counts_of, quantile, size
from analysis.figures.layout import (
    by_value,
    footnote,
    line_field,
    make_panels,
    n_text,
    panel_title,
    rest_of,
    thin_field,
)
from analysis.figures.style import DASHES, MARKERS, NotApplicable, panels, percent_axis, series_colours, styled
from analysis.findings.findings import Findings
from analysis.findings.statistics import any_success, draws_needed, survival
from analysis.text import words

MOST_DRAWS = 12


@styled
def epochs_to_solve(found: Findings) -> Figure:
    """Share of runs not yet solved against the epoch (Kaplan–Meier), with 95 % bands."""
    trials = found.epochs
    good = solvable(trials)
    lines = line_field(trials)
    shown, note = thin_field(good, lines, 5)
    boxes, note_panels = make_panels(shown, rest_of(trials, lines), 6)
    figure, axes = panels(len(boxes), 2, 3.0, sharey=True)
    for ax, panel in zip(axes, boxes, strict=True):
        parts = by_value(panel.rows, lines)
        sizes = [size(part) for _, part in parts]
        ax.set_title(panel_title(panel, f"{n_text(sizes)} a line", 2))
        colours = series_colours(True, len(parts))
        for i, (each, part) in enumerate(parts):
            _step(ax, part, colours[i], DASHES[i % 7], value_text(lines, each) if lines else None)
        epoch_axis(ax, int(good["epochs"].max()))
    percent_axis(axes, "not yet solved, %")
    if lines:
        axes[0].legend(title=axis_label(lines), loc="lower left")
    footnote(figure, note, note_panels)
    return figure


def solvable(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials without errors; NotApplicable if none was solved."""
    good = fine(trials)
    if not good["solved_epoch"].notna().any():
        raise NotApplicable("no run was solved, so there are no epochs to count")
    return good


def epoch_axis(ax: Axes, last: int, label: str = "epoch") -> None:
    """A logarithmic axis of epochs, from 1, with powers of ten written out."""
    ax.set_xscale("log")
    powers = [10**k for k in range(len(str(max(last, 1))))]
    ax.xaxis.set_major_locator(FixedLocator(powers))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{power:,}" for power in powers])
    ax.set_xlabel(label)


def _step(ax: Axes, part: pd.DataFrame, colour: Any, dashes: Any, label: str | None) -> None:
    epochs = int(part["epochs"].iloc[0])
    curve = survival(part["solved_epoch"].astype("float64"), epochs, counts_of(part))
    x = np.unique(np.round(np.geomspace(1, max(epochs, 1), 200)))
    at = np.searchsorted(curve.epochs, x, side="right") - 1
    share, low, high = (100 * y[at] for y in (curve.share, curve.low, curve.high))
    ax.fill_between(x, low, high, step="post", color=colour, alpha=0.2, linewidth=0)
    ax.step(x, share, where="post", color=colour, linestyle=dashes, label=label)


def describe_epochs_to_solve(found: Findings) -> str:
    """The median and the last epoch at which a run of the nearest condition was solved."""
    trials = found.epochs
    row = nearest(trials)
    part = with_values(solvable(trials), row, FIELDS)
    part = part[part["solved_epoch"].notna().to_numpy(bool)].sort_values("solved_epoch")
    epochs = part["solved_epoch"].to_numpy(int)
    half = quantile(epochs, counts_of(part), 0.5)
    where = words.condition(row, swept(trials))
    if not len(part):
        return f"Nearest to the article ({where}) no run was solved."
    return (
        f"Nearest to the article ({where}): of the {size(part):,} runs that were solved, half were so by epoch "
        f"{half:,.0f} and the last at {epochs[-1]:,}. Runs that never solve it stay above; bands are 95 %."
    )


@styled
def drawing_again(found: Findings) -> Figure:
    """Probability of at least one success in k draws, 1 − (1 − p)^k, with the band of p's Wilson interval."""
    trials = found.trials
    lines = line_field(trials)
    shown, note = thin_field(found.summary, lines, 4)
    boxes, note_panels = make_panels(shown, rest_of(trials, lines), 6)
    figure, axes = panels(len(boxes), 2, 3.0, sharey=True, sharex=True)
    for ax, panel in zip(axes, boxes, strict=True):
        summary = panel.rows
        ax.set_title(panel_title(panel, f"{n_text(summary['n'])} a line", 2))
        parts = by_value(summary, lines)
        colours = series_colours(True, len(parts))
        for i, (each, part) in enumerate(parts):
            _draws_line(ax, part.iloc[0], i, colours[i], value_text(lines, each) if lines else None)
        for wanted in (95, 99):
            ax.axhline(wanted, color="#999999", linewidth=0.8, linestyle=":")
        ax.set_xlabel("draws")
        ax.set_xlim(0.6, MOST_DRAWS + 0.4)
        ax.set_xticks(range(1, MOST_DRAWS + 1))
    percent_axis(axes, "at least one success, %")
    for ax in axes:
        title = axis_label(lines) if lines else None
        ax.legend(title=f"{title}: draws for 95 %, 99 %" if title else "draws for 95 %, 99 %", loc="best")
    footnote(figure, note, note_panels)
    return figure


def _draws_line(ax: Axes, row: pd.Series, i: int, colour: Any, label: str | None) -> None:
    k = np.arange(1, MOST_DRAWS + 1)
    needed = ", ".join(words.draws(float(draws_needed(row["solved_rate"], wanted))) for wanted in (0.95, 0.99))
    low, high = (100 * any_success(row[name], k) for name in ("solved_low", "solved_high"))
    ax.fill_between(k, low, high, color=colour, alpha=0.2, linewidth=0)
    ax.plot(
        k, 100 * any_success(row["solved_rate"], k), color=colour, marker=MARKERS[i % 7], linestyle=DASHES[i % 7],
        markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, label=f"{label}: {needed}" if label else needed,
    )  # fmt: skip


def describe_drawing_again(found: Findings) -> str:
    """How many draws the nearest condition needs, with the range that its interval allows."""
    trials = found.trials
    row = found.nearest
    texts = []
    for wanted in (0.95, 0.99):
        few, most = (words.draws(float(draws_needed(row[name], wanted))) for name in ("solved_high", "solved_low"))
        best = words.draws(float(draws_needed(row["solved_rate"], wanted)))
        texts.append(f"{best} draws for {100 * wanted:.0f} % ({few} to {most})")
    where = words.condition(row, swept(trials))
    return f"Nearest to the article ({where}, n = {row['n']:,}): {words.listed(texts)}."
