"""A study's configuration with the values that hold where it left the choice to defaults."""

import itertools
from collections.abc import Mapping

from experiments.study.catalog import written_out
from experiments.study.fields import FIELDS, FILES, read_success
from experiments.study.study import KEYS, read_study
from nnxor.condition import Condition
from nnxor.network.inits import Init
from nnxor.network.tasks import Task


def effective(config: Mapping[str, object]) -> dict[str, object]:
    """What config.yaml keeps and `--cfg job` shows; a union is shown as it is, since its studies hold the values."""
    study = read_study(config)
    shown = {key: config[key] for key in KEYS}
    base, grid, rule = (_plain(config[key]) for key in ("base", "grid", "success"))
    for section, name in itertools.product((base, grid), FILES):
        if section.get(name) is not None:
            given = section[name]
            listed = [written_out(name, each) for each in (given if isinstance(given, list) else [given])]
            section[name] = listed if isinstance(given, list) else listed[0]
    if config["union"] is not None:
        return shown
    blocks = config["blocks"] if isinstance(config["blocks"], list) else []
    swept = {name for each in (grid, *blocks) for name, value in _plain(each).items() if value is not None}
    for name in FIELDS:
        if base.get(name) is None and name not in swept and any(each.uses(name) for each in study.conditions):
            value = getattr(Condition, name)
            base[name] = value.name if isinstance(value, Task | Init) else value
    success = read_success(rule)
    rule["rule"] = success.rule
    rule["ties" if success.rule == "threshold" else "tolerance"] = (
        success.ties if success.rule == "threshold" else success.tolerance
    )
    return shown | {"base": base, "grid": grid, "success": rule}


def _plain(section: object) -> dict[str, object]:
    return dict(section) if isinstance(section, Mapping) else {}
