"""How often to draw until one run is solved."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from analysis.figures.layout import footnote, n_text, row_names
from analysis.figures.plot import Plot, register
from analysis.figures.shapes import MOST_ROWS, Mark, forests
from analysis.figures.style import NotApplicable, looks, styled
from analysis.findings.findings import Findings
from analysis.text import words

LIKELY = {"draws_95": "95 % likely", "draws_99": "99 % likely"}
FARTHEST = 10_000


@styled
def drawing_again(found: Findings) -> Figure:
    """Draws after which at least one success is 95 % and 99 % likely, a row a condition, with intervals."""
    _need(found)
    table = found.draws.sort_values(found.fields)
    names, usual = row_names(table, found.fields)
    ends = table[[f"{name}{end}" for name in LIKELY for end in ("", "_low", "_high")]].to_numpy(float)
    edge = min(1.6 * float(ends[np.isfinite(ends)].max()), FARTHEST)
    rows = [[_mark(row, name, edge) for name in LIKELY] for _, row in table.iterrows()]
    look = looks([f"success {label}" for label in LIKELY.values()])
    figure, (ax,) = forests([(f"{n_text(table['n'])} a condition", names, rows)], look, "draws")
    ax.set_xscale("log")
    ax.set_xlim(0.85, 1.1 * edge)
    ticks = [tick for tick in (1, 2, 3, 5, 10, 20, 30, 50, 100, 300, 1000, 10_000) if tick <= 1.1 * edge]
    ax.xaxis.set_major_locator(FixedLocator(ticks))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{tick:,}" for tick in ticks])
    left = f"Shown: {MOST_ROWS} of {len(table):,} conditions, evenly spread." if len(table) > MOST_ROWS else ""
    endless = (
        " One that reaches the edge has no end there, as the success rate may be 0." if np.isinf(ends).any() else ""
    )
    footnote(figure, f"Lines: what the 95 % interval of the success rate allows.{endless}", left, usual)
    return figure


def _mark(row: object, name: str, edge: float) -> Mark | None:
    at, low, high = (float(row[f"{name}{end}"]) for end in ("", "_low", "_high"))  # type: ignore[index]
    if not np.isfinite(low):
        return None
    told = f"{words.draws(at, low, high)} draws: success {LIKELY[name]}"
    return Mark(at if np.isfinite(at) else np.nan, low, min(high, 1.1 * edge), told)


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


register(Plot(
    "drawing_again", "Drawing again",
    "Seeds are independent, so k draws all fail with probability (1 \N{MINUS SIGN} p)^k.",
    drawing_again, describe, order=7, section="helps",
))  # fmt: skip
