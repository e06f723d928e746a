"""The science: tiny ReLU networks, how they are drawn and trained, and what became of them.

From Python: `nnxor.train(hidden=4, init="he", lr=0.1, seed=7)` and `nnxor.diagnose(W1=..., b1=..., W2=..., b2=...)`.

In reading order: `trial` (what one training is), `condition` (everything that fixes a training but its seed),
`network` (tasks, layers, activations, losses, optimizers, initial weights), `arithmetic` (the order of operations of an
epoch) and `engines` (training, from readable to fast), `diagnosis` (what became of a training), `rescue` and
`interventions` (what frees a stuck one), `landscape` (where training can rest, and what kind of point that is).
`protocol` holds the constants that results depend on. Knows neither Hydra, nor joblib, nor result folders.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nnxor.from_python import Run, Unit, diagnose, train

__all__ = ["Run", "Unit", "__version__", "diagnose", "train"]

__version__: str


def __getattr__(name: str) -> Any:
    """What the package offers is imported when it is first asked for, so that commands start quickly."""
    if name == "__version__":
        return import_module("importlib.metadata").version("nnxor")
    if name in __all__:
        return getattr(import_module("nnxor.from_python"), name)
    raise AttributeError(f"module 'nnxor' has no attribute {name!r}")
