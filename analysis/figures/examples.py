"""Exemplary runs, one of each outcome: figures 8 and 9."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.data.exemplary_runs import outputs
from analysis.data.reading import is_xor
from analysis.figures.style import (
    DASHES,
    LEVELS,
    MARKERS,
    OUTCOME_COLOURS,
    NotApplicable,
    columns_for,
    panels,
    sheet,
    styled,
)
from analysis.figures.waiting import epoch_axis
from analysis.findings.findings import Findings
from analysis.text import words

LOWEST = 1e-14
BREAK = 0.1
"""The loss at which figure 8 goes from one scale to the other."""

MARGIN = 0.3
"""How far beyond the unit square figure 9 looks."""


def name(exemplar: Any) -> str:
    """What reproduces a run: 'H = 4, uniform, lr = 0.1, seed 7', or 'H = 4, lr = 0.1, w.npz'."""
    if isinstance(exemplar["seed"], str):
        return f"{words.condition(exemplar, ['hidden', 'lr'])}, {exemplar['seed']}"
    return f"{words.condition(exemplar, ['hidden', 'init', 'lr'])}, seed {exemplar['seed']}"


def ending(exemplar: pd.Series) -> str:
    """Where it ended: 'solved', or 'stuck at 1/4, at a kink' if it has a certificate."""
    kind = exemplar.get("minimum")
    where = f", {'unknown' if kind == 'unknown' else f'at a {kind}'}" if isinstance(kind, str) else ""
    return words.outcome(exemplar["outcome"]) + where


@styled
def loss_curves(exemplars: pd.DataFrame) -> Figure:
    """Loss against epoch of one run of each outcome, both axes logarithmic, the traps' levels marked."""
    _need(exemplars)
    figure = sheet(6.0)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for i, (_, run) in enumerate(exemplars.iterrows()):
        epoch = np.array(run["epoch"], float)
        curve = np.array(run["curve"], float)
        seen = np.isfinite(curve)
        for ax in (above, below) if np.nanmin(curve, initial=np.inf) < BREAK else (above,):
            ax.plot(
                epoch[seen] + 1, np.maximum(curve[seen], LOWEST), color=OUTCOME_COLOURS[run["outcome"]],
                marker=MARKERS[i % 7], markevery=(i, 6), markersize=5, linestyle=DASHES[i % 7],
                markeredgecolor="white", markeredgewidth=0.5,
                label=f"{words.outcome(run['outcome'])}: {name(run)}",
            )  # fmt: skip
    _broken_axis(above, below, _highest(exemplars), int(exemplars["epochs"].max()))
    if is_xor(exemplars):
        _mark_levels(above)
    above.set_title(f"n = {len(exemplars)} runs, one of each outcome" if len(exemplars) > 1 else "n = 1 run")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", ncols=columns_for(2))
    return figure


def _broken_axis(above: Axes, below: Axes, highest: float, last: int) -> None:
    """Both axes logarithmic; the plateaus get room of their own above the losses that go to 0."""
    epoch_axis(below, last, "epoch + 1")
    for ax in (above, below):
        ax.set_yscale("log")
        ax.set_ylabel("loss")
    above.set_ylim(BREAK, min(max(1.3 * highest, 1.0), 6.0))
    below.set_ylim(LOWEST / 2, BREAK)
    ticks = [tick for tick in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0) if tick <= above.get_ylim()[1]]
    above.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    above.yaxis.set_minor_locator(NullLocator())


def _mark_levels(ax: Axes) -> None:
    for text, level in LEVELS.items():
        ax.axhline(level, color="#555555", linewidth=0.9, linestyle=":", zorder=1)
        ax.annotate(
            text, (1.0, level), (5, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center",
            fontsize=9.5, color="#333333", annotation_clip=False,
        )  # fmt: skip


def _highest(exemplars: pd.DataFrame) -> float:
    finite = [value for curve in exemplars["curve"] for value in curve if value is not None]
    return max(finite, default=1.0)


def draw_loss_curves(found: Findings) -> Figure:
    """The loss curves of the folder's exemplary runs."""
    return loss_curves(found.exemplars)


def draw_functions(found: Findings) -> Figure:
    """What the networks of the folder's exemplary runs compute."""
    return functions(found.exemplars)


def describe_loss_curves(found: Findings) -> str:
    """Final losses, in a sentence."""
    exemplars = found.exemplars
    _need(exemplars)
    ends = [
        f"{words.outcome(run['outcome'])} {_loss(run['final_loss'])} ({name(run)})" for _, run in exemplars.iterrows()
    ]
    return f"Final losses: {'; '.join(ends)}."


def _loss(value: Any) -> str:
    return "not finite" if value is None or value != value else f"{value:.4g}"


@styled
def functions(exemplars: pd.DataFrame) -> Figure:
    """What the network of one run of each outcome computes over the unit square, with its units' kinks."""
    shown = function_exemplars(exemplars)
    figure, axes = panels(len(shown), 3, 3.35)
    if len(shown) < 3:  # the panels are square: a full width would stand half empty
        figure.set_figwidth(3.4 * len(shown) + 1)
    image: Any = None
    for ax, (_, run) in zip(axes, shown.iterrows(), strict=True):
        image = _surface(ax, run)
        _kinks(ax, run)
        _rows(ax, run)
        ax.set_title(ending(run), fontweight="bold", color="#222222")
        ax.set_xlabel(_caption(run), fontsize=8, labelpad=6)
    bar = figure.colorbar(image, ax=axes, label="output", shrink=0.6, aspect=24, pad=0.01, extend="both")
    bar.outline.set_visible(False)
    return figure


def function_exemplars(exemplars: pd.DataFrame) -> pd.DataFrame:
    """The runs whose function can be shown: two inputs, finite weights."""
    _need(exemplars)
    two = exemplars[[len(x[0]) == 2 for x in exemplars["inputs"]]]
    if not len(two):
        raise NotApplicable("the task does not have two inputs, so its function cannot be drawn over a square")
    finite = [_is_finite(weights) for weights in two["final"]]
    if not any(finite):
        raise NotApplicable("no run has finite weights")
    return two[finite]


def _is_finite(weights: dict[str, Any]) -> bool:
    flat = [*(x for row in weights["W1"] for x in row), *weights["b1"], *weights["W2"], *weights["b2"]]
    return all(x is not None for x in flat)


def _surface(ax: Axes, run: pd.Series) -> Any:
    line = np.linspace(-MARGIN, 1 + MARGIN, 121)
    x1, x2 = np.meshgrid(line, line)
    extent = (-MARGIN, 1 + MARGIN, -MARGIN, 1 + MARGIN)
    return ax.imshow(
        outputs(run, x1, x2), origin="lower", extent=extent, cmap="PuOr_r", vmin=-0.5, vmax=1.5,
        interpolation="bilinear",
    )  # fmt: skip


def _kinks(ax: Axes, run: pd.Series) -> None:
    """The line z = 0 of each unit that is alive on some row, numbered where it leaves the picture."""
    weights = run["final"]
    (w1, w2), b1 = np.asarray(weights["W1"], float), np.asarray(weights["b1"], float)
    line = np.linspace(-MARGIN, 1 + MARGIN, 2)
    x1, x2 = np.meshgrid(line, line)
    for h, pattern in enumerate(run["patterns_final"].split()):
        z = x1 * w1[h] + x2 * w2[h] + b1[h]
        if "1" in pattern and z.min() < 0 < z.max():
            dashes = DASHES[h % 5]
            ax.contour(x1, x2, z, levels=[0.0], colors="#222222", linewidths=1.1, linestyles=[dashes])


def _rows(ax: Axes, run: pd.Series) -> None:
    for row, x, target, y in zip(run["rows"], run["inputs"], run["targets"], run["predictions"], strict=True):
        is_wrong = y is None or abs(y - target) > 0.01
        colour = "white" if target > 0.5 else "black"
        ax.plot(*x, "o", markersize=9, markerfacecolor=colour, markeredgecolor="black", markeredgewidth=1.2, zorder=4)
        side = "bottom" if x[1] > 0.5 else "top"
        text = f"{row}: {_loss(y) if y is None else f'{y:.2f}'}"
        ax.annotate(
            text, tuple(x), (0, 8 if side == "bottom" else -8), textcoords="offset points", ha="center", va=side,
            fontsize=8, fontweight="bold" if is_wrong else "normal", zorder=5,
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.2},
        )  # fmt: skip
    ax.set_xticks([0, 1])
    ax.set_yticks([0, 1])
    ax.set_xlim(-MARGIN, 1 + MARGIN)
    ax.set_ylim(-MARGIN, 1 + MARGIN)
    ax.grid(False)


def _caption(run: pd.Series) -> str:
    patterns = run["patterns_final"].split()
    lines = [" ".join(patterns[i : i + 7]) for i in range(0, min(len(patterns), 14), 7)]
    more = f" and {len(patterns) - 14} more" if len(patterns) > 14 else ""
    return f"{name(run)}\nunits: " + "\n".join(lines) + more


def describe_functions(found: Findings) -> str:
    """Final predictions of each run, in a sentence."""
    shown = function_exemplars(found.exemplars)
    ends = []
    for _, run in shown.iterrows():
        y = ", ".join(f"{_loss(value)}" for value in run["predictions"])
        ends.append(f"{ending(run)} ({name(run)}) {y}")
    rows = ", ".join(shown.iloc[0]["rows"])
    return f"Predictions for {rows}: {'; '.join(ends)}."


def _need(exemplars: pd.DataFrame) -> None:
    if not len(exemplars):
        raise NotApplicable("the result folder has no exemplars.json; run the study again to have it written")
