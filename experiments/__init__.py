"""The harness: studies from configurations, trainings in parallel, result folders, commands.

From Python: `experiments.run_study("width", seeds=500, hidden=[2, 3, 4])`. A command is the file of its name, a thin
one; `cli` and `composing` are what all of them share. The main path is `execution.session`, a line a step: `study`
(what is asked), `store` (what is there, and where rows go), `execution` (trains what is missing). Behind `verify`
stands `verification`, behind `benchmark` `benchmarking`, behind `train` and `diagnose` `networks`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.entry import InputError, RunError
    from experiments.api import run_study

__all__ = ["InputError", "RunError", "run_study"]


def __getattr__(name: str) -> Any:
    """What the package offers is imported when it is first asked for, so that commands start quickly."""
    if name in __all__:
        return getattr(import_module("experiments.api"), name)
    raise AttributeError(f"module 'experiments' has no attribute {name!r}")
