"""Drawing a result folder's figures into files, on every core."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import resource_tracker
from pathlib import Path

import pandas as pd

from analysis.data.field_labels import learn
from analysis.data.processes import available_cores, deaf, end_with
from analysis.figures import PLOTS
from analysis.figures.plot import Plot
from analysis.figures.runs.loss_curves import loss_curves
from analysis.figures.runs.surfaces import functions
from analysis.figures.style import NotApplicable, on_phone, save
from analysis.findings.findings import Findings

_found: list[Findings] = []
"""In a process of the pool: the findings that it draws."""


def draw_figures(found: Findings, folder: Path) -> None:
    """Save every figure that makes sense for the findings in a folder (see `draw`).

    Other processes draw the first ones while this one draws the last, and those that were registered from elsewhere.
    """
    spawn, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    pool = ProcessPoolExecutor(max(available_cores() - 1, 1), spawn, _begin, (found, os.getpid()))
    ours = [plot for plot in PLOTS if plot.draw.__module__.startswith("analysis.figures.")]
    resource_tracker.ensure_running()
    try:
        with deaf():
            drawn = {pool.submit(_draw, plot.name, folder): plot for plot in ours}
        for plot in PLOTS:
            if plot not in ours:
                draw(plot, found, folder)
        for future, plot in reversed(drawn.items()):
            if future.cancel():
                draw(plot, found, folder)
        for future in drawn:
            if not future.cancelled():
                future.result()
    except Exception:
        pool.shutdown(cancel_futures=True)  # killed, it would fail what was cancelled, and complain
        raise
    except BaseException:  # nobody will look at what the others draw
        pool.shutdown(wait=False, cancel_futures=True)
        for process in multiprocessing.active_children():
            if process not in others:
                process.kill()
        raise
    pool.shutdown()


def _begin(found: Findings, parent: int) -> None:
    """In a new process: keep the findings, and leave when the parent is killed."""
    _found.append(found)
    learn(found.manifest["fields"])
    end_with(parent)


def _draw(name: str, folder: Path) -> None:
    draw(next(plot for plot in PLOTS if plot.name == name), _found[0], folder)


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
