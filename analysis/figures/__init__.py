"""The figures of the report: what one is, and which there are; each registers itself, in a module or a room here."""

import importlib
import pkgutil
from collections.abc import Callable, Sequence
from functools import wraps
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.layout import footnote, setting
from analysis.figures.style import NotApplicable, styled
from analysis.findings.findings import Findings

# What the modules of figures need, and those that show them.
__all__ = ["PLOTS", "Axes", "Figure", "Findings", "NotApplicable", "Plot", "register"]


class Plot(NamedTuple):
    """A figure: its file's name, its title, how to read it, and the functions that draw it and say what it shows.

    Both raise NotApplicable where the figure makes no sense; a `quiet` one is then not even mentioned. `order` is its
    place among the figures, `section` where the report folds it (see `analysis.report_parts.sections`), `instead`
    names figures whose numbers it shows as well, and `answers` says how well it answers a question about some fields:
    the first one of a report is the one with the highest number above 0. A page that is dark leaves figures whose
    reading speaks of dark and light, `shades`, as they are.
    """

    name: str
    title: str
    reading: str
    draw: Callable[[Findings], Figure]
    describe: Callable[[Findings], str]
    quiet: bool = False
    order: float = 100
    section: str = "more"
    instead: tuple[str, ...] = ()
    answers: Callable[[Findings, Sequence[str]], float] = lambda _found, _fields: 0
    shades: bool = False


PLOTS: list[Plot] = []  # the figures, in the report's order


def register(plot: Plot) -> None:
    """Add a figure to the report, with a line under it of what it is about; ValueError if its name is taken."""
    if any(plot.name == each.name for each in PLOTS):
        raise ValueError(f"there is a figure {plot.name} already")

    @styled
    @wraps(plot.draw)
    def drawn(found: Findings) -> Figure:
        figure = plot.draw(found)
        footnote(figure, setting(found, plot.section == "freed"), figure.get_supxlabel())
        return figure

    PLOTS.append(plot._replace(draw=drawn))
    PLOTS.sort(key=lambda each: each.order)


for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
