"""The laws that a study's report sets its draws against are those of the theory, condition by condition."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from harness import compose

from experiments.store.exemplars import MOST_LAWS, laws, write_laws
from experiments.study.study import read_study

Run = Callable[..., Path]


def test_each_condition_with_dead_units_has_its_law(tmp_path: Path) -> None:
    study = read_study(compose("study=smoke", "grid.init=[he,torch,uniform01,mirror]", "grid.activation=[relu,tanh]"))
    write_laws(tmp_path, study.conditions)
    found = json.loads((tmp_path / "laws.json").read_text())
    expected = {"he": 1 / 4, "torch": 13 / 48, "uniform01": 0}
    assert set(found) == {c.key for c in study.conditions if c.activation == "relu" and c.init.name != "mirror"}
    for condition in study.conditions:
        if condition.key in found:
            assert found[condition.key]["dead"] == pytest.approx(expected[condition.init.name], abs=1e-10)
            assert found[condition.key]["error"] < 1e-10


def test_dead_units_at_the_start_are_as_many_as_the_law_says(run: Run) -> None:
    folder = run("grid.init=[he,torch]", "grid.hidden=10", "grid.lr=0.1", "seeds.count=4000", "base.epochs=0")
    trials = pd.read_parquet(folder / "trials.parquet", columns=["condition", "dead_init"])
    study = read_study(compose("study=smoke", "grid.init=[he,torch]", "grid.hidden=10", "grid.lr=0.1", "base.epochs=0"))
    for key, law in laws(study.conditions).items():
        dead = trials.loc[trials["condition"] == key, "dead_init"].sum()
        n, p = 40_000, law["dead"]
        assert abs(dead - n * p) < 4.5 * (n * p * (1 - p)) ** 0.5


def test_the_number_of_laws_is_bounded() -> None:
    spreads = ",".join(f"{{uniform: {{low: -1, high: {1 + n / 100}}}}}" for n in range(MOST_LAWS + 5))
    study = read_study(compose("study=smoke", f"grid.init=[{spreads}]", "grid.hidden=4", "grid.lr=0.1"))
    assert len(study.conditions) == MOST_LAWS + 5
    assert len(laws(study.conditions)) == MOST_LAWS


def test_a_run_without_a_report_imports_nothing_that_takes_long(tmp_path: Path) -> None:
    code = """
import runpy, sys
sys.argv[1:] = ["study=smoke", "seeds.count=2", "report=false", "output=out"]
try:
    runpy.run_module("experiments.run", run_name="__main__")
finally:
    print("imported:", sorted({"scipy.special", "scipy.stats", "seaborn", "matplotlib"} & {*sys.modules}))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported: []"
    assert (tmp_path / "out" / "laws.json").exists()
