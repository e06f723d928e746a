"""The figures of the report: a module each, in the rooms beside this file, which registers itself."""

import importlib
import pkgutil

from analysis.figures.plot import PLOTS

__all__ = ["PLOTS"]

for _room in ("rates", "failures", "runs"):
    _package = importlib.import_module(f"{__name__}.{_room}")
    for _module in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_module.name}")
