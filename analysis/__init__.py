"""What result folders say: statistics, figures, verdict, planner and report; reads files only.

In reading order: `trials` and `counts` (what a folder holds), `conditions` (what a study varies),
`statistics`, `summary` (a row a condition), `comparisons` (pairs of values, seed by seed), what is
asked of them (`culprits`, `certificates`, `rescues`, `planner`, `dead_law`, `published`), `verdict`
and `advice` (what it comes to), `words`, `tables`, `figures` and `draw` (how it is shown), `report`
with `commands`, `provenance`, `exemplars` and `pages`. On their own: `compare` (two folders), `speed`
(the benchmark's figure).

From Python: `analysis.load("results/article")` is the table of trials.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.data.reading import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    """What the package offers is imported when it is first asked for, so that commands start quickly."""
    if name in __all__:
        return getattr(import_module("analysis.data.reading"), name)
    raise AttributeError(f"module 'analysis' has no attribute {name!r}")
