"""What a figure of the report is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from analysis.findings.findings import Findings


@dataclass(frozen=True)
class Plot:
    """A figure: its file's name, its title, how to read it, and the functions that draw it and say what it shows.

    Both raise NotApplicable where the figure makes no sense; a `quiet` one is then not even mentioned. `order` is
    its place among the figures.
    """

    name: str
    title: str
    reading: str
    draw: Callable[[Findings], Figure]
    describe: Callable[[Findings], str]
    quiet: bool = False
    order: float = 100
