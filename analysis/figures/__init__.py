"""The figures of the report: a module each, in the rooms beside this file, which holds the `Plot` named PLOT."""

from __future__ import annotations

import importlib
import pkgutil

from analysis.figures.plot import Plot

ROOMS = ("rates", "failures", "runs")


def _entries(room: str) -> list[Plot]:
    package = importlib.import_module(f"{__name__}.{room}")
    modules = (
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    )
    return [module.PLOT for module in modules]


PLOTS = sorted((plot for room in ROOMS for plot in _entries(room)), key=lambda plot: plot.order)
"""The figures, in the report's order."""
