"""The figures of the report, each of which registers itself: whatever module is found here or in a room here."""

import importlib
import pkgutil

from analysis.figures.plot import PLOTS

__all__ = ["PLOTS"]

for _module in pkgutil.walk_packages(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
