"""One run of each outcome: its loss, and what its network computes."""

import math
import textwrap
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import NAMING
from analysis.data.reading import KINDS, is_stuck
from analysis.figures import Axes, Figure, Findings, Plot, register, style
from analysis.figures.rates.epochs_to_solve import epoch_axis
from analysis.text import words

LOWEST = 1e-14
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
BREAK, MOST = 0.1, 30.0  # losses at which the figure goes from one scale to another, where plateaus are not far higher
WRONG = 0.01  # a prediction that is further from its target is written bold, as a share of the targets' range


def name(exemplar: Any) -> str:
    """What to reproduce a run by: '4 units, U(\N{MINUS SIGN}1, 1), lr 0.1, seed 7', or '4 units, lr 0.1, w.npz'."""
    fields, seed = exemplar.get("told", NAMING), exemplar["seed"]
    if isinstance(seed, str):
        return f"{words.setting(exemplar, [each for each in fields if each != 'init'])}, {seed}"
    return f"{words.setting(exemplar, fields)}, seed\N{NO-BREAK SPACE}{seed}"


def ended(run: Any) -> str:
    """'solved', 'stuck at 1/4', or 'stuck at 1/4 (1)' where the loss is another number than the trap's name."""
    text, trap = words.outcome(run["outcome"]), run["outcome"].partition("stuck_")[2]
    return f"{text} ({run['final_loss']:.4g})" if trap and abs(Fraction(trap) - run["final_loss"]) > 1e-3 else text


def prediction(value: float) -> str:
    """A prediction, with a minus sign where it is one: '\N{MINUS SIGN}0.31', '0.00', '1.6e+05'."""
    return f"{value:{'.2g' if abs(value) > 1e4 else 'z.2f'}}".replace("-", words.MINUS)


def need(exemplars: pd.DataFrame) -> None:
    """Raise NotApplicable where there are no runs."""
    why = "where every stuck run is rescued there is none; else run the study again"
    style.need(len(exemplars), f"the result folder has no exemplars.json: {why}")


@style.styled
def loss_curves(exemplars: pd.DataFrame) -> Figure:
    """Loss against epoch of one run of each outcome, on logarithmic axes, plateaus apart, with the levels of traps."""
    need(exemplars)
    ranges = _ranges(exemplars)
    columns = style.columns_for(min(2, len(exemplars)))
    told = (f"{ended(run)}: {name(run)}" for _, run in exemplars.iterrows())
    names = [textwrap.fill(text, style.letters(columns, 9) - 9) for text in told]
    figure = style.sheet(5.4 + 1.5 * (len(ranges) > 2) + 0.2 * len("\n".join(names).splitlines()) / columns)
    heights = (2, 3, 2) if len(ranges) > 2 else (3, 2)[: len(ranges)]
    axes = figure.subplots(len(ranges), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for i, (_, run) in enumerate(exemplars.iterrows()):
        epoch, curve = np.array(run["epoch"], float), np.array(run["curve"], float)
        epoch, curve = epoch[np.isfinite(curve)] + 1, np.maximum(curve[np.isfinite(curve)], LOWEST)
        look = {"marker": style.MARKERS[i % 7], "linestyle": style.DASHES[i % 7], **style.RIM}
        look |= {"color": style.OUTCOME_COLOURS[run["outcome"]], "label": names[i]}
        for ax, (low, high) in zip(axes, ranges, strict=True):
            if ax is axes[0] or (min(curve, default=high) < high and max(curve) > low):  # a plateau has no line below
                inside = [k for k in range(len(curve)) if low < curve[k] <= high]
                ax.plot(epoch, curve, markevery=[k for k in inside if k >= i and k % 6 == i % 6] or inside[:1], **look)
    epoch_axis(axes[-1], int(exemplars["epochs"].max()), "epoch + 1")
    for ax, (low, high) in zip(axes, ranges, strict=True):
        _loss_axis(ax, low, high)
        _mark_levels(ax, exemplars)
    axes[0].set_title(f"n = {len(exemplars)} runs, one of each outcome" if len(exemplars) > 1 else "")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=columns)
    return figure


def _ranges(exemplars: pd.DataFrame) -> list[tuple[float, float]]:
    """The losses from which and to which the panels go, the highest first: every loss lies in one of them."""
    every = [max(value, LOWEST) for curve in exemplars["curve"] for value in curve if value is not None] or [1.0]
    lowest, highest, levels = min(every), max(every), exemplars.loc[is_stuck(exemplars), "final_loss"]
    bottom, top = BREAK * max(1, min(levels, default=0)), MOST * max(1, 2 * max(levels, default=0))
    ends = ((top, math.inf), (bottom, top), (0, bottom))
    inside = (each for each in ends if lowest < each[1] and highest >= each[0])
    return [(max(low, lowest / 1.3), min(high, 1.3 * highest)) for low, high in inside]


def _loss_axis(ax: Axes, low: float, high: float) -> None:
    """From one loss to another, with ticks at powers of ten, or at 0.1, 0.2, 0.5 and so on where those are few."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    whole = [k for k in powers if low <= 10.0**k < high][::-1]
    step = max(3, len(whole) // 5) if len(whole) > 5 else 1
    ticks = {10.0**k: f"10{str(k).translate(RAISED)}" for k in whole[::step]}
    if len(whole) <= 2:
        close = [float(f"{digit}e{k}") for k in powers for digit in ((1, 2, 5) if high > 4 * low else range(1, 10))]
        ticks = {tick: f"{tick:g}" for tick in close if low <= tick <= high}
    ax.set(yscale="log", ylabel="loss", ylim=(low, high))
    ax.set_yticks([*ticks], [*ticks.values()])
    ax.yaxis.minorticks_off()


def _mark_levels(ax: Axes, exemplars: pd.DataFrame) -> None:
    """A dotted line at the loss of each run that ended in a trap that has a name."""
    stuck = exemplars[exemplars["outcome"].str.startswith("stuck_")].sort_values("final_loss")
    before, (low, high) = 0.0, ax.get_ylim()
    for loss, told in zip(stuck["final_loss"], map(ended, stuck.to_dict("records")), strict=True):
        if not low <= loss <= high:
            continue
        ax.axhline(loss, color="#555555", linewidth=0.9, linestyle=":", zorder=1)
        if loss > before * (high / low) ** 0.05:  # there is room for its name
            ax.text(1.01, loss, told, transform=ax.get_yaxis_transform(), va="center", fontsize=9, color="#333333")
        before = loss


def describe_losses(found: Findings) -> str:
    """Final losses, in a sentence."""
    need(found.exemplars)
    runs = found.exemplars.to_dict("records")
    losses = ("not finite" if pd.isna(run["final_loss"]) else f"{run['final_loss']:.4g}" for run in runs)
    ends = (f"{words.outcome(run['outcome'])} {loss} ({name(run)})" for run, loss in zip(runs, losses, strict=True))
    return f"Final losses: {'; '.join(ends)}."


register(Plot(
    "loss_curves", "One run of each outcome",
    "The run nearest to the article's condition that ended this way; experiments.train with its seed shows it again.",
    lambda found: loss_curves(found.exemplars), describe_losses, order=14, section="runs",
))  # fmt: skip


def ending(exemplar: pd.Series) -> str:
    """Where it ended: 'solved', or 'stuck at 1/4, at a kink' if it has a certificate."""
    return f"{ended(exemplar)}, {KINDS[kind]}" if isinstance(kind := exemplar.get("minimum"), str) else ended(exemplar)


@style.styled
def functions(exemplars: pd.DataFrame) -> Figure:
    """What the network of one run of each outcome computes around the rows, with its units' kinks if they have any."""
    shown = function_exemplars(exemplars)
    figure, axes = style.panels(len(shown), 3, 3.5)
    if len(shown) < 3:  # the panels are square: a full width would stand half empty
        figure.set_figwidth(min(3.4 * len(shown) + 1, figure.get_figwidth()))
    low, high = (end(end(each) for each in shown["targets"]) for end in (min, max))
    middle, half = (low + high) / 2, (high - low) / 2
    farthest = max(np.abs(np.asarray(surface["y"], float) - middle).max() for surface in shown["surface"])
    reach = min(max(farthest, half), 2 * half)  # no colour is of an output that a sigmoid, say, cannot have
    for ax, (_, run) in zip(axes, shown.iterrows(), strict=True):
        surface = run["surface"]
        extent = (surface["x1"][0], surface["x1"][-1], surface["x2"][0], surface["x2"][-1])
        image = ax.imshow(
            np.asarray(surface["y"], float), origin="lower", extent=extent, cmap="PuOr_r", interpolation="bilinear",
            vmin=middle - reach, vmax=middle + reach, aspect="auto",
        )  # fmt: skip
        if run["kinked"]:
            _kinks(ax, run)
        _rows(ax, run, middle, WRONG * (high - low))
        ax.set_title(textwrap.fill(ending(run), style.letters(3, 12)), fontweight="bold", color="#222222")
        ax.set_xlabel(textwrap.fill(name(run), style.letters(3, 8)), fontsize=8, labelpad=6)
    side = "right" if style.columns_for(2) > 1 else "bottom"
    beyond: Any = "both" if farthest > reach else "neither"
    bar = figure.colorbar(image, ax=axes, label="output", location=side, shrink=0.6, aspect=24, pad=0.02, extend=beyond)
    bar.outline.set_visible(False)
    return figure


def function_exemplars(exemplars: pd.DataFrame) -> pd.DataFrame:
    """The runs whose function can be shown: two inputs, finite outputs and loss."""
    need(exemplars)
    two = exemplars[[[len({*each}) > 1 for each in zip(*x, strict=True)] == [True] * 2 for x in exemplars["inputs"]]]
    style.need(len(two), "the task does not have two inputs that vary, so there is no square to draw its function over")
    shown = two[[isinstance(each["surface"], dict) and None not in each["predictions"] for _, each in two.iterrows()]]
    style.need(len(shown), "every run that could be shown diverged")
    return shown


def _kinks(ax: Axes, run: pd.Series) -> None:
    """The line z = 0 of each unit that is active on some row."""
    weights, surface = run["final"], run["surface"]
    (w1, w2), b1 = np.asarray(weights["W1"], float), np.asarray(weights["b1"], float)
    x1, x2 = np.meshgrid(*([surface[name][0], surface[name][-1]] for name in ("x1", "x2")))
    for h, pattern in enumerate(run["patterns_final"].split()):
        z = x1 * w1[h] + x2 * w2[h] + b1[h]
        if "1" in pattern and z.min() < 0 < z.max():
            ax.contour(x1, x2, z, levels=[0.0], colors="#222222", linewidths=1.1, linestyles=[style.DASHES[h % 5]])


def _rows(ax: Axes, run: pd.Series, middle: float, wrong: float) -> None:
    many = len(run["rows"]) > 8
    up = np.mean([x[1] for x in run["inputs"]])
    for row, x, target, y in zip(run["rows"], run["inputs"], run["targets"], run["predictions"], strict=True):
        face = "white" if target > middle else "black"
        ax.plot(*x, "o", ms=4 if many else 9, mfc=face, mec="black", mew=1.2, zorder=4)
        if many:
            continue
        side = "bottom" if x[1] > up else "top"
        ax.annotate(
            f"{row}: {prediction(y)}", tuple(x), (0, 8 if side == "bottom" else -8),
            textcoords="offset points", ha="center", va=side, fontsize=8, zorder=5,
            fontweight="bold" if abs(y - target) > wrong else "normal",
            bbox={"facecolor": "white", "alpha": 0.85, "edgecolor": "none", "pad": 1.2},
        )  # fmt: skip
    for axis, values in zip((ax.xaxis, ax.yaxis), zip(*run["inputs"], strict=True), strict=True):
        axis.set_ticks(sorted({*values}) if len({*values}) <= 3 else [min(values), max(values)])
    x1, x2 = run["surface"]["x1"], run["surface"]["x2"]
    ax.set(xlim=(x1[0], x1[-1]), ylim=(x2[0], x2[-1]))
    ax.grid(False)


def describe_predictions(found: Findings) -> str:
    """Final predictions of each run, in a sentence."""
    shown = function_exemplars(found.exemplars)
    names = [f"{ending(run)} ({name(run)})" for _, run in shown.iterrows()]
    if len(shown.iloc[0]["rows"]) > 8 or len({*shown["task"]}) > 1:
        return f"Shown: {words.listed(names)}."
    ends = [f"{who} {', '.join(map(prediction, y))}" for who, y in zip(names, shown["predictions"], strict=True)]
    return f"Predictions for {', '.join(shown.iloc[0]['rows'])}: {'; '.join(ends)}."


register(Plot(
    "functions", "What these networks compute",
    "The output around the rows. Lines are the units' kinks, if they have any; circles are the rows (white: the higher "
    "target), and bold predictions are wrong.",
    lambda found: functions(found.exemplars), describe_predictions, order=15, section="runs", shades=True,
))  # fmt: skip
