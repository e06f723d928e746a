"""How often it is solved, as a table of colours."""

from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

from analysis.data.field_labels import FIELDS, value_text
from analysis.figures.layout import footnote, make_panels, n_text, panel_title, rest_of, widest
from analysis.figures.plot import Plot, register
from analysis.figures.style import NotApplicable, panels, styled, text_on
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate
from analysis.text import words

MOST_CELLS = 100  # cells of a panel that have room for their numbers


@styled
def success_map(found: Findings) -> Figure:
    """Share solved over learning rate and init, a panel a width; other studies: over their two widest axes."""
    across, down = map_fields(found)
    boxes, note = make_panels(found.summary, rest_of(found.fields, across, down), 6)
    columns, rows = found.summary[across].nunique(), found.summary[down].nunique()
    wide = columns > 9
    figure, axes = panels(len(boxes), 1 if wide else 2, (0.34 if wide else 0.52) * rows + 1.1)
    for ax, panel in zip(axes, boxes, strict=True):
        alike = len({*panel.rows["n"]}) == 1
        table = panel.rows.assign(text=[_text(row, wide, alike) for row in panel.rows.to_dict("records")])
        grid = table.pivot(index=down, columns=across, values="solved_rate").astype(float)
        texts = table.pivot(index=down, columns=across, values="text").fillna("")
        sns.heatmap(
            100 * grid, ax=ax, vmin=0, vmax=100, cmap="cividis", annot=texts, fmt="",
            annot_kws={"fontsize": 7}, cbar=False, linewidths=1.5, linecolor="white",
        )  # fmt: skip
        shades = np.asarray(ax.collections[0].get_facecolor()).reshape(*grid.shape, 4)
        for text in ax.texts:  # seaborn writes white on middling shades, where that is hard to read
            x, y = text.get_position()
            text.set_color(text_on(shades[int(y), int(x), :3]))
        ax.set_title(panel_title(panel, f"{n_text(panel.rows['n'])} per cell", 2))
        ax.set_xlabel(FIELDS[across].label)
        ax.set_ylabel("" if down == "init" else FIELDS[down].label)
        marks = [value_text(across, each) for each in grid.columns]
        ax.set_xticklabels(marks, rotation=60 if columns > 16 else 30 if max(map(len, marks)) > 8 else 0)
        ax.set_yticklabels([value_text(down, each) for each in grid.index], rotation=0)
        ax.tick_params(length=0)
        ax.grid(False)
    shares = f"In each cell the percentage solved. {widest(found.summary, ['solved'])}" if wide else ""
    footnote(figure, shares, note)
    return figure


def map_fields(found: Findings) -> tuple[str, str]:
    """The fields across and down; NotApplicable if fewer than two are swept."""
    fields = found.fields
    if len(fields) < 2:
        raise NotApplicable("a map needs two swept fields")
    across = next((name for name in ("lr", "hidden") if name in fields), fields[0])
    down = next(name for name in ("init", "hidden", *fields) if name in fields and name != across)
    sizes = found.summary[[*fields]].nunique(dropna=False)
    if 2 * len(found.summary) < sizes.prod():
        raise NotApplicable("its conditions fill less than half of a grid")
    if sizes[across] * sizes[down] > MOST_CELLS:
        raise NotApplicable(f"its cells would be too small for their numbers (more than {MOST_CELLS})")
    return across, down


def _text(row: Any, wide: bool, alike: bool) -> str:
    """What is written in the cell of a condition; n stands in the title where it is the same for all cells."""
    if wide:
        return str(int(100 * row["solved_rate"] + 0.5))
    return (words.bare(Rate.of(row["solved"], row["n"])) if alike else words.share(row)).replace(" (", "\n(")


def describe(found: Findings) -> str:
    """Between which rates the cells lie."""
    map_fields(found)
    ordered = found.summary.sort_values("solved_rate")
    low, high = (words.share(row) for _, row in ordered.iloc[[0, -1]].iterrows())
    return f"Solved: from {low} to {high}, over {words.all_of(len(ordered))} conditions."


register(Plot(
    "success_map", "Success at a glance",
    "Percentage solved and its 95 % Wilson interval in each condition; the darker, the less often.",
    success_map, describe, quiet=True, order=3.5, section="ends", shades=True,
))  # fmt: skip
