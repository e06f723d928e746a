"""Drawing a result folder's figures into files, on every core."""

import functools
import itertools
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path

import pandas as pd

from analysis.figures import PLOTS
from analysis.figures.layout import footnote
from analysis.figures.plot import Plot
from analysis.figures.single_runs import functions, loss_curves
from analysis.figures.style import NotApplicable, on_phone, save
from analysis.findings.findings import Findings
from analysis.text import words

read = functools.cache(Findings.of)
"""What a folder comes to, in a process that helps."""


def draw_figures(found: Findings, folder: Path, pool: ProcessPoolExecutor) -> None:
    """Save every figure that makes sense for the findings in a folder (see `draw`).

    The pool draws the first ones while this process draws the last, and those that were registered from elsewhere.
    """
    drawn: dict[Future[None], tuple[Plot, bool]] = {}
    for plot, phone in itertools.product(PLOTS, (False, True)):
        if plot.draw.__module__.startswith("analysis.figures."):
            drawn[pool.submit(_draw, plot.name, phone, found.folder, folder)] = plot, phone
        else:
            draw(plot, phone, found, folder)
    for future, (plot, phone) in reversed(drawn.items()):
        if future.cancel():
            draw(plot, phone, found, folder)
    for future in drawn:
        if not future.cancelled():
            future.result()


def _draw(name: str, phone: bool, results: Path, folder: Path) -> None:
    draw(next(plot for plot in PLOTS if plot.name == name), phone, read(results), folder)


def draw(plot: Plot, phone: bool, found: Findings, folder: Path) -> None:
    """Save one figure as PNG and SVG, or as NAME-phone.svg, in a folder; none if it makes no sense for the findings."""
    with suppress(NotApplicable), on_phone() if phone else nullcontext():
        save(plot.draw(found), folder, f"{plot.name}{'-phone' * phone}", ["svg"] if phone else ["svg", "png"])


def draw_runs(exemplars: pd.DataFrame, folder: Path) -> None:
    """Save the figures of single runs (see `analysis.data.side_files.load_exemplars`) that make sense for them."""
    for name, draw_them in (("loss_curves", loss_curves), ("functions", functions)):
        with suppress(NotApplicable):
            figure = draw_them(exemplars)
            footnote(figure, f"{words.condition(exemplars.iloc[0], ('task', 'epochs'))}.")
            save(figure, folder, name)
