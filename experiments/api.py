"""A study from Python: `experiments.run_study`."""

import contextlib
import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.door import read_manifest
from analysis.data.reading import load
from analysis.entry import DONE, InputError, RunError
from experiments.composing import composed
from experiments.execution.session import named, run
from experiments.store.folder import WAYS_OUT
from experiments.study.checked import checked, section
from experiments.study.given_fields import AXES
from nnxor import checks
from nnxor.registry import hint

NAME = checks.allowing(lambda value: isinstance(value, str) and len(value) < 256, "the name of a study")
PLACE = checks.optional(checks.instance((str, Path), "a path"))
ARGUMENTS = {"study": checks.optional(NAME), "output": PLACE, "config_dir": PLACE}


def run_study(
    study: str | None = None,
    *,
    seeds: int | None = None,
    output: str | Path | None = None,
    config_dir: str | Path | None = None,
    engine: str = "auto",
    quiet: bool = False,
    **fields: Any,
) -> pd.DataFrame:
    """Run a study, or what is missing of it, and return its trials: a row a training, columns as in docs/columns.md.

    `study` names a file of conf/study, or of the folder `study` in `config_dir`, where inits and tasks of your own may
    be as well; without one it is the default study, and with fields a question of your own. `seeds` counts the
    trainings of a condition. Each further argument is a field of a condition: a list sweeps it, a single value fixes
    it. Trials are kept in `output`, by default a folder of results named by study and fields: the same call trains
    nothing again, more seeds only the new ones. `quiet` prints nothing. InputError (one line) for what is not allowed,
    RunError if trainings could not be finished.

    >>> import experiments
    >>> trials = experiments.run_study("smoke", seeds=20, hidden=[2, 3], init="he", epochs=500, quiet=True)
    >>> solved = (trials["outcome"] == "solved").groupby(trials["hidden"]).mean()
    >>> len(trials), bool(solved[3] > solved[2])
    (160, True)
    """
    section("", {"study": study, "output": output, "config_dir": config_dir}, ARGUMENTS)
    words = ["report=false"] if study is None else ["report=false", f"study={study}"]
    config = composed("run", words, config_dir)
    for name, value in fields.items():
        if name not in AXES:
            raise InputError(f"{name} is not a field; {hint(name, AXES)}")
        config["grid"][name], config["base"][name] = _listed(value), None
    if fields:
        told = json.dumps({name: config["grid"][name] for name in sorted(fields)}, sort_keys=True, default=str)
        config["name"] = f"{config['name']}-{hashlib.sha256(told.encode()).hexdigest()[:8]}"
        config = named(config, ["name", *words])
    folder = Path(output) if output is not None else Path("results", config["name"])
    wanted = config["seeds"]["count"] if seeds is None else checked("seeds", _plain(seeds), checks.whole(1))
    first, after = (read_manifest(folder, WAYS_OUT) or {"seeds": (0, 0)})["seeds"]
    config["seeds"]["count"] = max(wanted, after - first)  # what the folder holds stays
    with contextlib.redirect_stdout(io.StringIO()) if quiet else contextlib.nullcontext():
        if run({**config, "output": str(folder), "engine": engine}) != DONE:
            raise RunError(f"some trainings failed: see the columns status and error in {folder}/trials.parquet")
    trials = load(folder)
    asked = (trials["seed"] < config["seeds"]["start"] + wanted).to_numpy(bool)
    return pd.DataFrame(trials.loc[asked].reset_index(drop=True))


def _listed(value: Any) -> list[Any]:
    """The values of a field as a configuration holds them."""
    value = value.tolist() if isinstance(value, np.ndarray) else value
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | bytearray | memoryview | dict)
    return [_plain(each) for each in value] if several else [_plain(value)]


def _plain(value: Any) -> Any:
    """A number of NumPy, or a path, as a configuration holds it."""
    value = value.item() if isinstance(value, np.generic) else value
    return str(value) if isinstance(value, Path) else value
