"""The explorer's address of a training: what follows explorer.html in the URL that shows it in a browser."""

from typing import Any

from experiments.study import catalog
from nnxor.checks import show
from nnxor.condition import Condition
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import Init
from nnxor.network.losses import LOSSES

MOST = {"hidden": 16, "epochs": 200_000, "rows": 16, "inputs": 6, "numbers": 50_000_000}  # parameters x epochs, kept
DEFAULTS = Condition()


def address(condition: Condition, seed: int, weights: Weights | None = None) -> str | None:
    """'#hidden=4&init=he&lr=0.1&seed=7', or None for a training that the explorer cannot show.

    weights: one network that the training starts from, in place of what the seed draws.
    """
    task, init = condition.task, condition.init
    drawn = isinstance(init, Init) and _ships("init", init)
    sizes = {"hidden": condition.hidden, "epochs": condition.epochs, "rows": task.n_rows, "inputs": task.n_inputs}
    sizes["numbers"] = condition.epochs * condition.n_parameters
    fits = all(size <= MOST[name] for name, size in sizes.items())
    if not (fits and condition.rescue is None and (drawn or weights is not None)) or task.multiplicities:
        return None
    usual, values = DEFAULTS.values(), condition.values()
    told = {name: values[name] for name in ("hidden", "init", "lr")}
    told |= {name: value for name, value in values.items() if value != usual[name] and name != "success"}
    if not _ships("task", task):
        told.pop("task", None)
        rows = zip(task.inputs, task.targets, strict=True)
        told["rows"] = ";".join(",".join(f"{float(value)!r}" for value in (*x, t)) for x, t in rows)
    if not drawn:
        told.pop("init", None)
    said = ("rule",) if LOSSES[condition.loss].logits else ()  # the explorer's default depends on the loss
    rule, usual = vars(condition.success), vars(DEFAULTS.success)
    told |= {f"success.{name}": value for name, value in rule.items() if name in said or value != usual[name]}
    told["seed"] = seed
    if weights is not None:
        words = [array.astype(condition.numpy_dtype.newbyteorder(">")).tobytes().hex() for array in weights]
        told["edits"] = f"0:{''.join(words)}"
    return "#" + "&".join(f"{name}={show(value)}" for name, value in told.items())


def _ships(kind: str, value: Any) -> bool:
    """Whether an init or a task is one of this project's conf."""
    ours = value.name in catalog.names(kind) and catalog.found(kind, value.name).is_relative_to(catalog.CONF)
    return ours and bool(getattr(catalog, kind)(value.name) == value)
