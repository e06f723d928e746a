"""Published figures: each shipped study says what it repeats, and a union holds the studies that it names."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from harness import compile_for_hours, compose

from analysis.entry import InputError
from experiments.execution import reporting
from experiments.execution.session import run as run_study
from experiments.study.catalog import names
from experiments.study.study import read_study
from nnxor import engines
from nnxor.arithmetic.networks import ending
from nnxor.network.draws import Weights

Run = Callable[..., Path]

PUBLISHED = [name for name in names("study") if name.startswith("published/")]


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_study_names_its_sources_and_its_conditions(name: str) -> None:
    study = read_study(compose(f"study={name}"))
    assert study.published
    keys = {condition.key for condition in study.conditions}
    for entry in study.published:
        assert entry["source"]
        assert entry["setting"]
        assert set(entry["conditions"]) <= keys
        assert (entry["solved"] is None) == bool(entry["says"])


def test_the_union_holds_every_condition_and_figure_of_its_studies() -> None:
    whole = read_study(compose("study=published/all"))
    left_out = ("all", "wu_simsek_ged", "bertoin", "stackoverflow_2359571")  # `all` says why
    alone = {f"published/{name}" for name in left_out}
    parts = [read_study(compose(f"study={name}")) for name in PUBLISHED if name not in alone]
    assert {c.key for c in whole.conditions} == {c.key for part in parts for c in part.conditions}
    assert sorted(whole.published, key=str) == sorted((entry for part in parts for entry in part.published), key=str)
    assert len({str(c.success) for c in whole.conditions}) == 6


def test_what_the_union_says_of_fields_holds_for_all() -> None:
    short = read_study(compose("study=published/all", "base.dtype=float64"))
    assert {c.dtype for c in short.conditions} == {"float64"}
    strict = read_study(compose("study=published/all", "success.rule=loss"))
    assert {str(c.success) for c in strict.conditions} == {"loss 0.001"}


def test_a_homework_comes_out_digit_by_digit_from_its_weights_in_double_precision() -> None:
    """stackoverflow.com/questions/2359571: the mean and the largest error after one and after two epochs."""
    hidden, unit = np.full((2, 1), 0.6), np.full(1, 0.6)
    start = Weights(np.full((2, 2, 1), 0.6), -hidden, hidden, -unit)
    theirs = {1: (0.4999991292217466, 0.5435466682137927), 2: (0.4999982558452263, 0.5435080531724404)}
    study = read_study(compose("study=published/stackoverflow_2359571"))
    for condition in study.conditions[:2]:
        trained = engines.load("numpy")(condition, start, range(1))
        y = np.array(ending(condition, trained.weights).y)[:, 0]
        errors = np.abs(y - condition.task.targets)
        assert (errors.mean(), errors.max()) == pytest.approx(theirs[condition.epochs], abs=2e-16)


def test_frankle_and_carbin_is_their_setting() -> None:
    study = read_study(compose("study=published/frankle_carbin"))
    assert [c.hidden for c in study.conditions] == [2, 4, 6, 8, 10]
    for condition in study.conditions:
        assert (condition.activation, condition.output, condition.loss) == ("relu", "sigmoid", "bce")
        assert condition.init.weights.at(2, 4).parameters == {"mean": 0, "std": 0.1, "cut": 2}  # type: ignore[union-attr]
        assert condition.epochs == 10_000
    assert {entry["solved"]: entry["n"] for entry in study.published} == dict.fromkeys(
        (0.929, 0.875, 0.768, 0.553, 0.176), 1000
    )


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (
            "{setting: s, where: {hidden: 4}, says: x}",
            "published[0].source=null is not allowed; allowed: who published it",
        ),
        ("{source: a, setting: s, where: {hidden: 4}}", "published[0] needs solved and n, or says"),
        ("{source: a, setting: s, where: {hidden: 4}, solved: 0.5}", "published[0] needs solved and n"),
        ("{source: a, setting: s, where: {hidden: 4}, solved: 50, n: 9}", "published[0].solved=50 is not allowed"),
        ("{source: a, setting: s, where: {hidden: 3}, says: x}", "matches no condition of the study"),
        ("{source: a, setting: s, where: {hiden: 3}, says: x}", "did you mean hidden"),
        ("{source: a, setting: s, where: {}, says: x}", "allowed: {field: value or values}"),
    ],
)
def test_a_bad_entry_is_refused_in_one_line(entry: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_study(compose("study=smoke", f"published=[{entry}]"))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["union=[nope]"], "union=nope is unknown"),
        (["union=[]"], "union=[] is not allowed"),
        (["union=[smoke]", "exclude=[{hidden: 4}]"], "union and exclude cannot go together"),
        (["union=[published/all]"], "which is a union itself"),
        (["union=[smoke]", "blocks=[{hidden: 4}]"], "union and blocks cannot go together"),
        (["union=[smoke]", "base.lr=0.1", "grid.lr=[0.2]"], "base.lr=0.1 would do nothing, since the grid sweeps lr"),
    ],
)
def test_a_bad_union_is_refused_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_study(compose("study=smoke", *overrides))
    assert words in str(refusal.value)


def test_all_of_them_are_planned_and_run_together_and_the_textbook_is_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    compile_for_hours(monkeypatch)
    every = ("study=published/all", "report=false", f"output={tmp_path / 'out'}", "parallel.n_jobs=1")
    assert run_study(compose(*every, "dry_run=true")) == 0
    told = capsys.readouterr().out.partition("\ntraining     ")[2].partition(" with")[0]
    assert told
    assert "h" not in told
    config = compose(*every, "seeds.count=2")
    assert run_study(config) == 0
    monkeypatch.setattr(reporting, "report", lambda *_: None)  # which told the same
    assert run_study(config) == 0
    assert "nothing left to do" in capsys.readouterr().out
    trials = pd.read_parquet(tmp_path / "out" / "trials.parquet")
    textbook = trials[trials["init"] == "textbook"]
    assert textbook["outcome"].tolist() == ["solved"]
    assert textbook["final_loss"].tolist() == [0]
    published = json.loads((tmp_path / "out" / "manifest.json").read_text())["published"]
    assert {key for entry in published for key in entry["conditions"]} <= set(trials["condition"])
    assert len(published) == 51


def test_what_others_published_is_told_as_long_as_the_study_repeats_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = "published=[{source: A, setting: a, where: {hidden: 2}, solved: 0.5, n: 10}]"
    study = ("name=once", "grid.hidden=2", "base.epochs=10", "report=false", f"output={tmp_path}", "parallel=threads")
    for seeds, more, told in ((2, [entry], True), (4, [], False), (4, [entry], True), (4, [entry, "asks=lr"], True)):
        assert run_study(compose(*study, f"seeds.count={seeds}", *more)) == 0
        assert "nothing left" not in capsys.readouterr().out
        assert (tmp_path / "published.csv").exists() == told
    assert run_study(compose(*study, "seeds.count=4", entry, "asks=lr")) == 0
    assert "nothing left" in capsys.readouterr().out
    runs = json.loads((tmp_path / "manifest.json").read_text())["runs"]
    assert [each["trained"] for each in runs] == [16, 16, 0, 0]
