"""Two files beside the tables: an exemplary run of each outcome, and the exact laws of dead units at the start."""

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import NAMING, conditions, distance, learn
from analysis.data.door import write_text
from experiments.study.explorer_address import address
from experiments.study.study import Study
from nnxor import engines, trial
from nnxor.arithmetic.networks import Networks
from nnxor.condition import FIELDS, Condition, labelled
from nnxor.engines.engine_reference import forward, network
from nnxor.network.dead_at_start import dead_probability
from nnxor.network.draws import Weights, initial_weights
from nnxor.network.inits_in_yaml import Init

POINTS_A_DECADE = 12
MARGIN, GRID = 0.3, 65  # how far a surface goes beyond the inputs, and its points along an axis (0 and 1 among them)
MOST_LAWS = 64  # laws that are worked out for a study: each may take a second; those of further conditions are left out


def write_exemplars(folder: Path, study: Study, every: pd.DataFrame) -> None:
    """Write exemplars.json: of each outcome the run with the lowest seed, in the condition nearest to the article's."""
    trials = every[every["rescue"].isna().to_numpy(bool)]  # of `Findings.every`: a rescue breaks the loss curve
    rank = {row["condition"]: n for n, row in enumerate(sorted(conditions(trials).to_dict("records"), key=distance))}
    rows = trials.assign(rank=[rank[key] for key in trials["condition"]]).sort_values(["rank", "seed"])
    by_key, engine = {condition.key: condition for condition in study.conditions}, engines.fastest()[0]
    lines = []
    for run in rows.drop_duplicates("outcome").sort_values("outcome").to_dict("records"):
        condition, seed = by_key[run["condition"]], int(run["seed"])
        start = initial_weights(condition, range(seed, seed + 1))
        kind = str(run["minimum"]) if isinstance(run["minimum"], str) else None
        lines.append(json.dumps({**exemplar(condition, start, seed, engine), "minimum": kind}, allow_nan=False))
    write_text(folder / "exemplars.json", "[" + ",\n".join(lines) + "]\n")


def draw_exemplar(condition: Condition, start: Weights, seed: int, source: str | None, folder: Path) -> None:
    """Draw one training, as the report draws its exemplars, into a folder."""
    from analysis.report_parts.drawing import draw_runs  # which takes long

    learn({name: field.about() for name, field in FIELDS.items()})
    run, usual = exemplar(condition, start, seed, engines.fastest()[0], source), Condition().values()
    told = [name for name, value in condition.values().items() if name in NAMING or value != usual[name]]
    labels = {name: labelled(getattr(condition, name)) for name in ("task", "init")}
    draw_runs(pd.DataFrame([{**run, **labels, "told": told}]), folder)


def exemplar(condition: Condition, start: Weights, seed: int, engine: str, source: str | None = None) -> dict[str, Any]:
    """One training as plain numbers and lists; null for a number that is not finite.

    The curve is made of trainings of 0, 1, 2, … epochs from the same draw, so its last loss is that of the run's row in
    trials.parquet. `source` is the name of the file that `start` comes from, if it was not drawn by the seed.
    """
    epochs, seeds = log_spaced(condition.epochs), range(seed, seed + 1)
    course = Weights.joined(engines.course(engine, condition, start, seeds, epochs))
    with np.errstate(all="ignore"):
        curve = _plain(Networks(condition).look(course).loss)
    found = trial.trials(condition, seeds, engines.load(engine), start=start)
    row, task = {name: values[0] for name, values in found.columns.items()}, condition.task
    named = {"condition": condition.key, **condition.values(), "seed": source or seed, "outcome": str(row["outcome"])}
    ended = {"final_loss": curve[-1], "patterns_final": row["patterns_final"].decode()}
    asked = {"rows": list(task.row_names), "inputs": [list(x) for x in task.inputs], "targets": list(task.targets)}
    learnt = {"predictions": _plain([row[f"y_{name}"] for name in task.row_names]), "epoch": epochs, "curve": curve}
    final = {name: _plain(np.atleast_1d(array)) for name, array in found.end.only().items()}
    drawn = {"final": final, "kinked": not condition.smooth, "surface": surface(condition, found.end)}
    explorer = None if source else address(condition, seed)
    return {**named, **ended, **asked, **learnt, **drawn, "explorer": explorer}


def surface(condition: Condition, weights: Weights) -> dict[str, Any] | None:
    """What the network computes around a task of two inputs: ascending `x1` and `x2`, and `y`, a list for each x2.

    None for other tasks and for outputs that are not finite. The corners of the task are points of the grid.
    """
    if condition.task.n_inputs != 2:
        return None
    ends = [(min(x), max(x)) for x in zip(*condition.task.inputs, strict=True)]
    axes = [low + (high - low) * np.linspace(-MARGIN, 1 + MARGIN, GRID) for low, high in ends]
    points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2).astype(condition.numpy_dtype)
    with np.errstate(all="ignore"):
        y = forward(network(condition, weights), points).reshape(GRID, GRID)
    if not np.isfinite(y).all():
        return None
    x1, x2 = ([round(float(x), 9) for x in axis] for axis in axes)
    return {"x1": x1, "x2": x2, "y": [[float(f"{value:.5g}") for value in row] for row in y]}


def log_spaced(epochs: int) -> list[int]:
    """0, then whole numbers evenly spaced on a log scale, to `epochs` itself."""
    if epochs == 0:
        return [0]
    n = math.ceil(POINTS_A_DECADE * math.log10(epochs)) + 2
    return [0, *(int(epoch) for epoch in np.unique(np.round(np.geomspace(1, epochs, n))))]


def _plain(values: Any) -> Any:
    """Numbers as JSON has them, nested in lists as they were; null for one that is not finite."""
    return [_plain(x) for x in values] if np.ndim(values) else float(values) if np.isfinite(values) else None


def write_laws(folder: Path, conditions: Iterable[Condition]) -> None:
    """Write laws.json."""
    write_text(folder / "laws.json", json.dumps(laws(conditions), indent=1, allow_nan=False) + "\n")


def laws(conditions: Iterable[Condition]) -> dict[str, dict[str, Any]]:
    """By the keys of conditions: the probability that a unit is dead at the start, its error and the method."""
    known: dict[tuple[object, ...], dict[str, Any]] = {}
    found = {}
    for condition in conditions:
        init = condition.init
        if not condition.units.can_die or not isinstance(init, Init) or init.mirror or init.margin is not None:
            continue  # with a mirror or a margin, units are not drawn independently
        what = (condition.task.inputs, init, condition.hidden, condition.bias)  # a scale changes no sign
        if what not in known and len(known) < MOST_LAWS:
            law = dead_probability(condition.task, init, condition.hidden, condition.bias)
            known[what] = {"dead": law.value, "error": law.error, "method": law.method}
        if what in known:
            found[condition.key] = known[what]
    return found
