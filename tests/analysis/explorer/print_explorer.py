"""What the explorer knows of nnxor and of conf, printed: analysis/explorer/printed.js, by `make printed`."""

import json
from pathlib import Path
from typing import Any

import javascript
import numpy as np
import yaml

from analysis.figures.style import OUTCOME_COLOURS
from experiments.study import explorer_address
from nnxor import diagnosis, protocol, quench
from nnxor.condition import FIELDS, Condition, Field, plain
from nnxor.engines import recycling
from nnxor.interventions import INTERVENTIONS, nudge_bias, recycle
from nnxor.landscape import levels, regions
from nnxor.network import draws, inits_in_yaml
from nnxor.network.losses import LOSSES

ROOT = Path(__file__).parents[3]
FILE = ROOT / "analysis/explorer/printed.js"


def printed() -> str:
    """The text of the file."""
    content = {
        "protocol": {
            "version": protocol.PROTOCOL_VERSION,
            "root_seed": protocol.ROOT_SEED,
            "tail_epochs": protocol.TAIL_EPOCHS,
            "tail_parts": protocol.TAIL_PARTS,
            "most_draws": draws.MOST_DRAWS,
            "first_redraw": recycling.FIRST_DRAW,
        },
        "judgement": {
            "outcomes": diagnosis.OUTCOMES,
            "rest_gradient": diagnosis.REST_GRADIENT,
            "level_tolerance": diagnosis.LEVEL_TOLERANCE,
            "approach": regions.APPROACH,
            "same": diagnosis.SAME,
            "quench_epochs": quench.EPOCHS,
            "merge_tolerance": diagnosis.MERGE_TOLERANCE,
            "region_steps": regions.STEPS,
            "region_ridge": regions.RIDGE,
            "region_converged": regions.CONVERGED,
            "lift": nudge_bias.LIFT,
            "recycle_parts": recycle.PARTS,
        },
        "colours": OUTCOME_COLOURS,
        "most": explorer_address.MOST,
        "fields": {name: about(field) for name, field in FIELDS.items()},
        "traps": {name: known(name) for name in LOSSES},
        "interventions": {name: intervention(name) for name in INTERVENTIONS},
        "inits": shipped("init"),
        "tasks": {name: task for name, task in shipped("task").items() if "times" not in task},  # it counts rows once
        "distributions": {
            name: {key: value for key, value in law.parameters.items() if value is not None}
            for name, law in inits_in_yaml.LAWS.items()
        },
        "programs": {name: javascript.programs(np.dtype(name)) for name in ("float32", "float64")},
        "quantile": javascript.quantile(),
    }
    lines = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in content.items()
    )
    return f"// Printed by `make printed`; not to be edited.\nconst PRINTED = {{\n{lines}\n}};\n"


def about(field: Field) -> dict[str, Any]:
    """What the explorer must know of a field."""
    entries = {entry.name: entry.label for entry in (field.registry or {}).values()}
    return {
        "default": plain(field.default),
        "label": field.label,
        "setting": field.setting,
        "needs": field.needs,
        "entries": entries,
    }


def known(loss: str) -> list[dict[str, Any]]:
    """The named traps of XOR under a loss."""
    condition = Condition(loss=loss, output="sigmoid" if LOSSES[loss].logits else "identity")
    return [
        {"name": trap.removeprefix("stuck_"), "level": level, "rows": levels.MERGED[trap]}
        for trap, level in levels.traps(condition).items()
    ]


def intervention(name: str) -> dict[str, Any]:
    """What the explorer must know of an intervention."""
    entry = INTERVENTIONS[name]
    return {
        **entry.about(),
        "needs_dead": entry.needs_dead,
        "draws": entry.draws,
        "then": dict(entry.then(Condition())),
    }


def shipped(folder: str) -> dict[str, Any]:
    """The files of a folder of conf, each with its comment."""
    found = {}
    for path in sorted((ROOT / "conf" / folder).glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
        found[path.stem] = {"label": path.stem, **yaml.safe_load(text), "comment": comment}
    return found


if __name__ == "__main__":
    FILE.write_text(printed(), encoding="utf-8")
