"""How often to draw until one run is solved."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.data.conditions import few
from analysis.figures.layout import footnote, n_text, row_names, rows_of
from analysis.figures.plot import Plot
from analysis.figures.style import MARKERS, RIM, SERIES, NotApplicable, sheet, styled
from analysis.findings.findings import Findings
from analysis.text import words

MOST_ROWS = 24
LIKELY = {"draws_95": "95 % likely", "draws_99": "99 % likely"}


@styled
def drawing_again(found: Findings) -> Figure:
    """Draws after which at least one success is 95 % and 99 % likely, a row a condition, with intervals."""
    _need(found)
    table = found.draws.sort_values(found.fields)
    places = few(range(len(table)), MOST_ROWS)
    shown = table.iloc[places]
    figure = sheet(0.3 * len(shown) + 1.5)
    ax = figure.subplots()
    bounds = [shown[f"{name}{end}"].to_numpy(float) for name in LIKELY for end in ("", "_low", "_high")]
    edge = 1.6 * max(float(each[np.isfinite(each)].max(initial=1)) for each in bounds)
    for i, (name, label) in enumerate(LIKELY.items()):
        at, low, high = (shown[f"{name}{end}"].to_numpy(float) for end in ("", "_low", "_high"))
        y = np.arange(len(shown)) + (i - 0.5) * 0.3
        colour, some = SERIES[3 * i], np.isfinite(low)
        ax.hlines(y[some], low[some], np.minimum(high[some], edge), color=colour, linewidth=1.3)
        ax.plot(
            np.where(np.isfinite(at), at, np.nan), y, MARKERS[i], color=colour, label=f"success {label}", **RIM,
        )  # fmt: skip
        ax.plot(np.full(int((some & ~np.isfinite(high)).sum()), edge), y[some & ~np.isfinite(high)], ">", color=colour)
    ax.set_xscale("log")
    ax.set_xlim(0.85, 1.1 * edge)
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100, 300, 1000, 10_000) if tick <= 1.1 * edge]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{tick:,}" for tick in ticks])
    names, usual = row_names(shown, found.fields)
    rows_of(ax, names)
    ax.set_xlabel(f"draws ({n_text(shown['n'])} a condition)")
    figure.legend(loc="outside upper center", ncols=2)
    left = f"Shown: {len(places)} of {len(table):,} conditions, evenly spread." if len(places) < len(table) else ""
    open_ends = " An arrow: no upper end, as the success rate may be 0." if np.isinf(bounds[2]).any() else ""
    footnote(figure, f"Lines: what the 95 % interval of the success rate allows.{open_ends}", left, usual)
    return figure


def _need(found: Findings) -> None:
    if not np.isfinite(found.draws["draws_95"].to_numpy(float)).any():
        raise NotApplicable("no run was solved, so no number of draws is known to be enough")


def describe(found: Findings) -> str:
    """How many draws the nearest condition needs, with the range that its interval allows."""
    _need(found)
    row = found.draws.iloc[int((found.draws["condition"] == found.nearest["condition"]).to_numpy(bool).argmax())]
    texts = [
        f"{words.draws(row[name], row[f'{name}_low'], row[f'{name}_high'])} draws for {label.removesuffix(' likely')}"
        for name, label in LIKELY.items()
    ]
    where = words.condition(row, found.fields)
    return f"Nearest to the article ({where}, n = {row['n']:,}): {words.listed(texts)}."


PLOT = Plot(
    "drawing_again", "Drawing again",
    "Seeds are independent, so k draws all fail with probability (1 \N{MINUS SIGN} p)^k.",
    drawing_again, describe, order=7,
)  # fmt: skip
