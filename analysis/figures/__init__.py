"""The figures of the report: a module each, in the rooms beside this file, which holds the `Plot` named PLOT."""

from __future__ import annotations

import importlib
import pkgutil

from analysis.figures.plot import Plot

ROOMS = ("rates", "failures", "runs")


def entries() -> list[Plot]:
    """The figures of all rooms, in the report's order."""
    packages = [importlib.import_module(f"{__name__}.{room}") for room in ROOMS]
    names = [f"{each.__name__}.{found.name}" for each in packages for found in pkgutil.iter_modules(each.__path__)]
    return sorted((importlib.import_module(name).PLOT for name in names), key=lambda plot: plot.order)


PLOTS = entries()
"""The figures, in the report's order."""
