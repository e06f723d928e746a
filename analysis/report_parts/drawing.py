"""Drawing a result folder's figures into files, on every core."""

import functools
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

from analysis.figures import PLOTS
from analysis.figures.plot import Plot
from analysis.figures.runs.loss_curves import loss_curves
from analysis.figures.runs.surfaces import functions
from analysis.figures.style import NotApplicable, on_phone, save
from analysis.findings.findings import Findings

read = functools.cache(Findings.of)
"""What a folder comes to, in a process that helps."""


def draw_figures(found: Findings, folder: Path, pool: ProcessPoolExecutor) -> None:
    """Save every figure that makes sense for the findings in a folder (see `draw`).

    The pool draws the first ones while this process draws the last, and those that were registered from elsewhere.
    """
    ours = [plot for plot in PLOTS if plot.draw.__module__.startswith("analysis.figures.")]
    drawn = {pool.submit(_draw, plot.name, found.folder, folder): plot for plot in ours}
    for plot in PLOTS:
        if plot not in ours:
            draw(plot, found, folder)
    for future, plot in reversed(drawn.items()):
        if future.cancel():
            draw(plot, found, folder)
    for future in drawn:
        if not future.cancelled():
            future.result()


def _draw(name: str, results: Path, folder: Path) -> None:
    draw(next(plot for plot in PLOTS if plot.name == name), read(results), folder)


def draw(plot: Plot, found: Findings, folder: Path) -> None:
    """Save one figure as PNG, SVG and NAME-phone.svg in a folder; none if it makes no sense for the findings."""
    try:
        save(plot.draw(found), folder, plot.name)
    except NotApplicable:
        return
    with on_phone():
        save(plot.draw(found), folder, f"{plot.name}-phone", ["svg"])


def draw_runs(exemplars: pd.DataFrame, folder: Path) -> None:
    """Save the figures of single runs (see `analysis.data.side_files.load_exemplars`) that make sense for them."""
    for name, figure in (("loss_curves", loss_curves), ("functions", functions)):
        try:
            save(figure(exemplars), folder, name)
        except NotApplicable:
            continue
