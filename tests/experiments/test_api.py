"""From Python a study is run as the command runs it, and kept where the command keeps it."""

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from harness import ROOT, inside, own_folder

import analysis
import experiments
from analysis.data import reading
from analysis.entry import InputError
from experiments import api
from experiments.verification.verifying import verify


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_example_of_the_docstring_is_true() -> None:
    assert doctest.testmod(api) == doctest.TestResults(failed=0, attempted=4)


def test_the_examples_of_the_readme_of_the_columns_and_of_load_are_true() -> None:
    experiments.run_study("article", seeds=2, epochs=20, output="results/article", quiet=True)
    held: dict[str, Any] = {}
    for name in ("docs/columns.md", "README.md"):
        (example,) = re.findall(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.S)
        exec(example, held)
    assert held["shares"].groupby(["hidden", "init", "lr"], observed=True).sum().to_numpy() == pytest.approx(1)
    assert held["run"].outcome == held["what"].outcome == "solved"
    assert set(held["trials"]["hidden"]) == {2, 3, 4}
    assert doctest.testmod(reading).failed == 0


def test_the_same_call_trains_nothing_again_and_fewer_seeds_are_some_of_the_rows() -> None:
    how = {"hidden": np.array([2, 3]), "init": ["he"], "lr": 0.1, "epochs": 50, "quiet": True}
    first = experiments.run_study("smoke", seeds=20, **how)
    (folder,) = Path("results").iterdir()
    written = (folder / "trials.parquet").stat().st_mtime_ns
    again, fewer = (experiments.run_study("smoke", seeds=n, **how) for n in (20, 5))
    assert (folder / "trials.parquet").stat().st_mtime_ns == written
    assert first.equals(again)
    assert first.equals(analysis.load(f"results/{folder.name}"))
    assert fewer["seed"].tolist() == [*range(5), *range(5)]
    more = experiments.run_study("smoke", seeds=30, **how)
    assert more[more["seed"] < 20].reset_index(drop=True).equals(first)


def test_studies_inits_and_tasks_of_ones_own_stand_in_a_folder(tmp_path: Path) -> None:
    my = own_folder(tmp_path / "Anna's, my [folder]")
    found = experiments.run_study("mine", config_dir=my, task="own.csv", output="results/mine", quiet=True)
    assert set(found["init"]) == {"half", "he"}
    assert set(found["task"]) == {"own.csv"}
    assert verify({"folder": "results/mine", "sample": 4, "engine": "numba", "seed": 0}) == 0
    (my / "init/he.yaml").write_text("weights: {distribution: constant, value: 7}")
    with pytest.raises(InputError, match=r"init/he\.yaml has the name of a file that ships; give it another name"):
        experiments.run_study("smoke", config_dir=my, init="he")
    (my / "init/he.yaml").unlink()
    (my / "init/bad.yaml").write_text("weights: 3\nbiases: 4\n")
    with pytest.raises(InputError, match=r"init/bad\.yaml: weights: 3 is no distribution"):
        experiments.run_study("smoke", config_dir=my, init="bad", seeds=2)


def test_a_study_that_is_named_keeps_its_question_as_on_the_command_line() -> None:
    few: dict[str, Any] = {"seeds": 2, "epochs": 5, "hidden": 3, "init": "he", "lr": 0.1, "quiet": True}
    experiments.run_study("width", output="named", **few)
    experiments.run_study(output="own", **few)
    words = ["name=typed", "seeds.count=2", "base.epochs=5", "grid.hidden=3", "grid.init=he", "grid.lr=0.1"]
    for folder, study in (("named", ["study=width"]), ("own", [])):
        typed = f"typed_{folder}"
        line = [*study, *words, "report=false", f"output={typed}"]
        done = inside(*line, module="experiments.run", cwd=Path.cwd())
        assert done.returncode == 0, done.stderr
        for asked in ("question", "asks", "hero"):
            both = [yaml.safe_load((Path(each) / "config.yaml").read_text())[asked] for each in (folder, typed)]
            assert both[0] == both[1]
    questions = [yaml.safe_load(Path(each, "config.yaml").read_text())["question"] for each in ("named", "own")]
    assert questions[0] == "How many hidden units make it almost certain that XOR is learned?"
    assert questions[1].startswith("How do the settings of this sweep change")


def test_what_is_not_allowed_is_said_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^study=lift is unknown; allowed: article, "):
        experiments.run_study("lift")
    with pytest.raises(InputError, match=r"^hiden is not a field; did you mean hidden"):
        experiments.run_study("smoke", hiden=3)
    with pytest.raises(InputError, match=r"^grid.activation=rely is not allowed; did you mean relu"):
        experiments.run_study("smoke", activation="rely", quiet=True)
    with pytest.raises(InputError, match=r"^seeds=5 is not allowed; allowed: an integer from 1$"):
        experiments.run_study("smoke", seeds="5")  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^config_dir=/none is not a folder$"):  # which was a warning of Hydra's
        experiments.run_study("smoke", config_dir="/none")
    for value in (b"0.1", b""):  # whose bytes were taken for learning rates
        with pytest.raises(experiments.InputError, match=r"^grid.lr=b'.*' is not allowed"):
            experiments.run_study("smoke", lr=value)
    with pytest.raises(InputError, match=r"^seeds=.*is not allowed; allowed: an integer from 1$"):
        experiments.run_study("smoke", seeds=[5, 6])  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"^study=5 is not allowed"):
        experiments.run_study(5)  # type: ignore[arg-type]
    for key in ("output", "config_dir"):
        with pytest.raises(InputError, match=rf"^{key}=3 is not allowed; allowed: null, a path$"):
            experiments.run_study("smoke", **{key: 3})  # type: ignore[arg-type]
    for long in ({"config_dir": "9" * 5000}, {"study": "9" * 5000}):
        with pytest.raises(InputError, match=r"is not allowed|is not a folder"):
            experiments.run_study(**long)
    with pytest.raises(InputError, match="is not a folder"):
        analysis.load("9" * 5000)


def test_a_file_of_another_folder_or_of_a_later_day_is_read_anew(tmp_path: Path) -> None:
    """The first file of a name had been kept: the second study trained with it, and said that it had the other."""
    drawn = []
    for folder, std in (("one", 1.0), ("two", 0.5), ("two", 0.25)):
        (tmp_path / folder / "init").mkdir(parents=True, exist_ok=True)
        law = {"weights": {"distribution": "normal", "std": std}, "biases": {"distribution": "constant", "value": 0}}
        (tmp_path / folder / "init" / "mine.yaml").write_text(yaml.safe_dump(law))
        few: dict[str, Any] = {"seeds": 8, "hidden": 2, "lr": 0.1, "epochs": 1, "quiet": True}
        drawn.append(experiments.run_study(config_dir=tmp_path / folder, init="mine", output=f"out {std}", **few))
    assert len({tuple(trials["final_loss"]) for trials in drawn}) == 3
