"""What result folders say: statistics, figures, verdict, advice and report; trains nothing.

In reading order: `data` (what a folder holds), `findings` (what follows; `findings.findings` asks for each once),
`text` (that in sentences), `figures` and `report_parts` (how it is shown), `report`. On their own: `notebooks`,
`findings.side_by_side` (two folders), `explorer`, `speed` (the benchmark's figure).

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
