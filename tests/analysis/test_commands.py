"""The report's commands do what they say, whatever a user brought along."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from drawn import draw
from harness import ROOT, SMALL, compose, inside, typed
from hypothesis import given, strategies as st

from analysis.data.reading import load_exemplars
from analysis.findings.findings import Findings
from analysis.text.advice import advice
from analysis.text.commands import diagnosing, override, reproducing
from experiments.store.exemplars import write_exemplars
from experiments.study import catalog
from experiments.study.study import read_study

Run = Callable[..., Path]


def save_sets(path: Path, sets: int) -> None:
    W1, b1, W2, b2 = (np.moveaxis(array, -1, 0) for array in draw(catalog.init("torch"), 2, 3, range(sets)))
    np.savez(path, W1=W1, b1=b1, W2=W2[:, :, None], b2=b2[:, None])


BROUGHT = {
    "a task in a folder with odd characters": ["base.task='my data/a=1, (b).csv'", "grid.init=he"],
    "a set of weights a seed": ["base.task=xor", "grid.init=sub/sets.npz", "seeds.start=3", "seeds.count=9"],
    "another spread": ["base.task=xor", "grid.init=[{normal:{std:0.123456789}}]"],
    "a law written out": [
        "base.task=xor",
        "grid.init=[{weights:{distribution:normal,std:'sqrt(2/fan_in)'},biases:{distribution:uniform,low:-1,high:1}}]",
    ],
    "a network written out": [
        "base.task=xor",
        "grid.init=[{W1:[[1,1,0],[1,1,0]],b1:[0,-1,0],W2:[1,-2,0],b2:0,name:A}]",
    ],
    "a number of many digits": [
        "base.task=xor",
        "grid.init=he",
        "success.rule=margin",
        "success.tolerance=0.012345678",
    ],
}


@pytest.mark.parametrize("name", BROUGHT)
def test_every_exemplary_run_comes_out_again(
    name: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my data").mkdir()
    (tmp_path / "my data" / "a=1, (b).csv").write_text("x1,x2,t\n0,0,0.25\n0,1,1\n1,0,1\n1,1,0\n")
    (tmp_path / "sub").mkdir()
    save_sets(tmp_path / "sub" / "sets.npz", 12)
    monkeypatch.chdir(tmp_path)
    overrides = ("grid.hidden=3", "grid.lr=[0.1234567891]", *BROUGHT[name])
    folder = run(*overrides, told=False)
    write_exemplars(folder, read_study(compose(*SMALL, *overrides)), Findings.of(folder).every)
    exemplars = load_exemplars(folder)
    lines = reproducing(json.loads((folder / "manifest.json").read_text()), exemplars)[-len(exemplars) :]
    assert len(exemplars)
    for line, (_, exemplar) in zip(lines, exemplars.iterrows(), strict=True):
        done = typed(line, tmp_path)
        assert done.returncode == 0, done.stderr
        assert f"outcome: {exemplar['outcome']}" in done.stdout or f"ends as {exemplar['outcome']})" in done.stdout
        final = next(text for text in done.stdout.splitlines() if text.startswith("final loss"))
        assert float(final.split()[-1]) == pytest.approx(exemplar["final_loss"], abs=2e-3)


def test_a_file_that_nothing_tells_of_has_no_command() -> None:
    fields = {"condition": "a", "task": "mine.csv", "seed": 7, "outcome": "stuck", "success": "loss 0.001"}
    run = {**dict.fromkeys(("hidden", "lr"), 4), "init": "he", **fields}
    from analysis.data.conditions import defaults

    exemplars = pd.DataFrame([{**defaults(), **run}])
    manifest: dict[str, Any] = {"study": "s", "runs": [], "conditions": {"a": "protocol=2;task=mine.csv:0.0,1.0"}}
    first, report, last = reproducing(manifest, exemplars)
    assert first.startswith("# the study was not run from a command line")
    assert report == "python -m analysis.report results/s"
    assert last == "# no command for the run that ended stuck (seed 7): where mine.csv lies is not recorded"


@pytest.mark.parametrize("option", [["--config-dir", "my own"], ["-cd=my own"]])
def test_a_folder_of_ones_own_is_named_again(option: list[str]) -> None:
    from analysis.data.conditions import defaults

    run = {**defaults(), "condition": "a", "init": "mine", "seed": 7, "outcome": "stuck"}
    manifest = {"study": "s", "conditions": {}, "runs": [{"command": ["nnxor-run", *option, "study=s"]}]}
    own = "--config-dir 'my own'"
    assert f"experiments.train {own} hidden=4 init=mine" in reproducing(manifest, pd.DataFrame([run]))[-1]
    assert diagnosing("n.npz", run, manifest) == f"python -m experiments.diagnose {own} n.npz init=mine"


def test_runs_that_no_command_made_are_no_commands() -> None:
    commands = [["python", "-m", "pytest", "-q"], ["nnxor-run", "output='of mine'"], ["x.py"]]
    manifest = {"study": "s", "runs": [{"command": words} for words in commands]}
    assert reproducing(manifest, pd.DataFrame()) == [
        """nnxor-run 'output='"'"'of mine'"'"''""", "python -m analysis.report 'of mine'",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "written",
    [r"'it\'s'", r'"a \"b\" c"', r"'a\\\'b'", r"'a\\'", r"'a\b'", r"a\ b", r"a\,b", r"a\\b", " a b "],
)
def test_the_folder_is_the_one_that_the_override_meant(written: str) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    command = ["python", "-m", "experiments.run", f"output={written}"]
    _, report = reproducing({"study": "s", "runs": [{"command": command}]}, pd.DataFrame())
    meant = OverridesParser.create().parse_override(f"output={written}").value()
    assert shlex.split(report)[-1] == meant


def test_flags_of_python_are_no_part_of_the_command(tmp_path: Path) -> None:
    overrides = [*SMALL, "grid.hidden=4", "grid.init=he", "grid.lr=0.1", "output=out"]
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "ignore", "-m", "experiments.run", *overrides],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (run,) = json.loads((tmp_path / "out" / "manifest.json").read_text())["runs"]
    assert run["command"] == ["python", "-m", "experiments.run", *overrides]


@pytest.mark.parametrize(
    "overrides",
    [
        ["base.task=sub/mine.csv", "grid.init=[{normal:{std:0.5}}]", "base.activation=leaky_relu", "base.slope=0.05"],
        ["base.task=xor", "grid.init=sub/sets.npz", "base.loss=mse", "seeds.count=9"],
        ["base.task=xor", "grid.init=he", "base.loss=bce", "base.output=sigmoid", "record=summary"],
        ["base.task=parity3", "grid.init=he", "base.activation=tanh"],
    ],
)
def test_the_advice_is_about_networks_like_those_of_the_study(
    overrides: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "mine.csv").write_text("x1,x2,t\n0,0,0\n0,1,1\n1,0,1\n1,1,0.5\n")
    save_sets(tmp_path / "sub" / "sets.npz", 9)
    monkeypatch.chdir(tmp_path)
    folder = run("grid.hidden=3", "grid.lr=0.2", *overrides, told=False)
    given = advice(Findings.of(folder))
    look, *looked_up = [each.command for each in given if each.command]
    inputs = 3 if "base.task=parity3" in overrides else 2
    np.savez(tmp_path / "FILE.npz", **draw_one(inputs))
    assert "experiments.diagnose FILE.npz" in look
    for line in (look, *(each.replace("loss=X", "loss=0.2") for each in looked_up)):
        done = typed(line, tmp_path)
        assert done.returncode == 0, (line, done.stderr)
        words = [word.split("=", 1) for word in overrides if word.startswith("base.")]
        for key, value in words:
            told = key.removeprefix("base.").replace("loss", "loss_name")
            assert (value in ("xor",)) or f"{told}={value}" in line
    assert len(looked_up) == ("base.activation=tanh" not in overrides)


def draw_one(inputs: int) -> dict[str, np.ndarray]:
    W1, b1, W2, b2 = draw(catalog.init("torch"), inputs, 3, range(1))
    return {"W1": W1[:, :, 0], "b1": b1[:, 0], "W2": W2, "b2": b2}


def test_a_csv_task_that_nothing_tells_of_is_asked_for(make) -> None:
    folder = make({"a": ({"task": "mine.csv"}, ["solved", "stuck"] * 5)})
    commands = [each.command for each in advice(Findings.of(folder)) if each.command]
    assert commands
    assert all("task=FILE.csv" in line and "mine.csv" not in line for line in commands)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="$"), min_size=1)


@given(st.one_of(TEXTS, st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.booleans(), st.none()))
def test_an_override_is_read_as_it_was_meant(value: object) -> None:
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (parsed,) = OverridesParser.create().parse_overrides([f"key={override(value)}"])
    assert parsed.value() == value


def test_train_takes_a_seed_that_its_file_has(tmp_path: Path) -> None:
    save_sets(tmp_path / "sets.npz", 4)
    for arguments, words in (
        (["init=sets.npz", "hidden=3", "seed=4"], "seed=4 is not in init=sets.npz; allowed: 0 to 3, a set each"),
        (["init=sets.npz", "hidden=3", "init.weights.std=1"], "init=sets.npz takes no init.weights and init.biases"),
        (
            ["init=he", "init.weights=1"],
            "init.weights=1 is not allowed; allowed: keys and values, such as init.weights.N",
        ),
        (["init=he", "init.weights.low=1"], "low is no parameter of normal"),
    ):
        done = inside("epochs=1", *arguments, module="experiments.train", cwd=tmp_path)
        assert done.returncode == 2, done.stdout
        assert words in done.stderr
        assert done.stderr.count("\n") == 1


def test_a_network_is_diagnosed_by_the_studys_own_success_rule(make) -> None:
    """A study of thresholds led to base rates of losses below 0.001."""
    folder = make(
        {"a": ({"success": "threshold"}, ["solved"]), "b": ({"loss": "bce", "success": "threshold"}, ["stuck"])}
    )
    found = Findings.of(folder)
    squared, bce = (diagnosing("loss=1", row, found.manifest) for _, row in found.summary.iterrows())
    assert squared.endswith("diagnose loss=1 epochs=1000 success.rule=threshold")
    assert bce.endswith("diagnose loss=1 epochs=1000 loss_name=bce")
