"""The exact laws of a study's draws, beside its trials: laws.json in the result folder.

For each condition whose hidden units can be dead: the probability that a unit is dead at the start,
how well it is known, and how (`nnxor.landscape.laws`). The scale of a draw does not count, since it changes no sign.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from analysis.data.door import write_text
from nnxor.condition import Condition
from nnxor.landscape.laws import dead_probability
from nnxor.network.inits import Init

MOST_LAWS = 64
"""Laws that are worked out for a study: each may take a second; those of further conditions are left out."""


def write_laws(folder: Path, conditions: Iterable[Condition]) -> None:
    """Write laws.json: of each condition, by its key, the probability of a dead unit, its error and its method."""
    write_text(folder / "laws.json", json.dumps(laws(conditions), indent=1, allow_nan=False) + "\n")


def laws(conditions: Iterable[Condition]) -> dict[str, dict[str, Any]]:
    """The laws by condition key."""
    known: dict[tuple[object, ...], dict[str, Any]] = {}
    found = {}
    for condition in conditions:
        init = condition.init
        if not condition.units.can_die or not isinstance(init, Init) or not init.independent:
            continue
        what = (condition.task.inputs, init, condition.hidden, condition.bias)
        if what not in known and len(known) < MOST_LAWS:
            law = dead_probability(condition.task, init, condition.hidden, condition.bias)
            known[what] = {"dead": law.value, "error": law.error, "method": law.method}
        if what in known:
            found[condition.key] = known[what]
    return found
