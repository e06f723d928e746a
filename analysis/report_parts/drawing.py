"""Drawing a result folder's figures into files, on every core."""

import functools
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext, suppress
from pathlib import Path

import pandas as pd

from analysis.figures import PLOTS, NotApplicable, Plot, layout, single_runs
from analysis.figures.style import on_phone, save
from analysis.findings.findings import Findings
from analysis.text import words


@functools.cache
def read(folder: Path) -> Findings:
    """The findings of a folder, in a helper process; what nearly all figures need is computed at once."""
    found = Findings.of(folder)
    _ = found.nearest, found.widths
    return found


def begin_to_draw(found: Findings, folder: Path, pool: ProcessPoolExecutor) -> Callable[[], None]:
    """Have a pool save every figure that makes sense for the findings in a folder (see `draw`).

    Returns a function that helps: from the last figure backwards it draws those that the pool has not begun, and those
    that were registered from elsewhere, until all are there. Phones' figures, which take least, come in the middle,
    where the two meet and one waits for the other. If a process of the pool is killed, its figure is drawn here.
    """
    wide, phones = ([(plot, phone) for plot in PLOTS] for phone in (False, True))
    half = len(wide) // 2
    figures = [*wide[:half], *phones, *wide[half:]]
    begun: dict[tuple[str, bool], Future[None]] = {}
    with suppress(BrokenProcessPool):
        for plot, phone in figures:
            if plot.draw.__module__.startswith("analysis.figures."):
                begun[plot.name, phone] = pool.submit(_draw, plot.name, phone, found.folder, folder)

    def help_to_draw() -> None:
        taken = []
        for plot, phone in reversed(figures):
            future = begun.get((plot.name, phone))
            if future and not future.cancel():
                taken.append((future, plot, phone))
            else:
                draw(plot, phone, found, folder)
        for future, plot, phone in taken:
            try:
                future.result()
            except BrokenProcessPool:  # the process was killed
                draw(plot, phone, found, folder)

    return help_to_draw


def _draw(name: str, phone: bool, results: Path, folder: Path) -> None:
    draw(next(plot for plot in PLOTS if plot.name == name), phone, read(results), folder)


def draw(plot: Plot, phone: bool, found: Findings, folder: Path) -> None:
    """Save a figure as PNG and SVG, or as NAME-phone.svg; remove an earlier one where it makes no sense any more."""
    name, suffixes = (f"{plot.name}-phone", ["svg"]) if phone else (plot.name, ["svg", "png"])
    try:
        with on_phone() if phone else nullcontext():
            save(plot.draw(found), folder, name, suffixes)
    except NotApplicable:
        for suffix in suffixes:
            (folder / f"{name}.{suffix}").unlink(missing_ok=True)


def draw_runs(exemplars: pd.DataFrame, folder: Path) -> None:
    """Save the figures of single runs (see `analysis.data.reading.load_exemplars`) that make sense for them."""
    for name, draw_them in (("loss_curves", single_runs.loss_curves), ("functions", single_runs.functions)):
        with suppress(NotApplicable):
            figure = draw_them(exemplars)
            rest = [each for each in ("task", "epochs") if each not in exemplars.iloc[0]["told"]]
            layout.footnote(figure, f"{words.condition(exemplars.iloc[0], rest)}." if rest else "")
            save(figure, folder, name)
