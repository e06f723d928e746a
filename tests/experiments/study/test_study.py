"""From a configuration to conditions: grids, blocks, exclusions, and every study that ships."""

from pathlib import Path

import pytest
import yaml
from harness import ROOT, compile_for_hours, compose

from analysis.entry import InputError
from experiments.execution import reporting
from experiments.execution.session import run as run_study
from experiments.study import catalog
from experiments.study.study import Study, read_study
from nnxor.network.inits_in_yaml import Init

STUDIES = catalog.names("study")


def study(*overrides: str) -> Study:
    return read_study(compose("study=smoke", *overrides))


def values(found: Study, *names: str) -> list[tuple[object, ...]]:
    return [tuple(condition.values()[name] for name in names) for condition in found.conditions]


def test_every_combination_of_the_grid_is_a_condition_in_sorted_order() -> None:
    found = study("grid.hidden=[10,4]", "grid.init=[uniform,he]", "grid.lr=[0.1,0.03]")
    assert values(found, "hidden", "init", "lr") == [
        (h, i, lr) for h in (4, 10) for i in ("he", "uniform") for lr in (0.03, 0.1)
    ]
    assert found.swept == ("hidden", "init", "lr")
    assert found.n_trainings == 8 * 64


def test_a_single_value_will_do_where_a_list_will() -> None:
    assert values(study("grid.hidden=4", "grid.init=he", "grid.lr=1"), "hidden", "init", "lr") == [(4, "he", 1.0)]


def test_blocks_are_a_union_of_grids_laid_over_the_grid() -> None:
    found = study("grid.init=he", "grid.lr=0.1", "blocks=[{hidden:[4],lr:[0.2]},{hidden:[4,6]}]")
    assert values(found, "hidden", "lr") == [(4, 0.1), (4, 0.2), (6, 0.1)]


def test_conditions_that_blocks_share_are_there_once() -> None:
    assert len(study("grid.init=he", "grid.lr=0.1", "blocks=[{hidden:[4,6]},{hidden:[6,8]}]").conditions) == 3


def test_excluded_conditions_are_left_out() -> None:
    found = study("exclude=[{hidden:10,lr:[0.1,0.2]}]")
    assert len(found.conditions) == 12
    assert (10, 0.1) not in values(found, "hidden", "lr")


def test_a_field_without_a_grid_takes_its_base_or_its_default() -> None:
    found = study("base.loss=mse", "grid.hidden=null", "base.hidden=3")
    assert set(values(found, "loss", "hidden", "dtype", "epochs")) == {("mse", 3, "float32", 1000)}


def test_slopes_do_not_multiply_the_conditions_of_other_activations() -> None:
    found = study(
        "grid.hidden=4", "grid.init=he", "grid.lr=0.1", "grid.activation=[relu,leaky_relu]", "grid.slope=[0.1,0.2]"
    )
    assert values(found, "activation", "slope") == [("leaky_relu", 0.1), ("leaky_relu", 0.2), ("relu", 0.01)]


@pytest.mark.parametrize("name", STUDIES)
def test_every_shipped_study_opens_with_its_question_and_its_command(name: str) -> None:
    first, second, third, *_ = (ROOT / "conf" / "study" / f"{name}.yaml").read_text().splitlines()
    content = yaml.safe_load((ROOT / "conf" / "study" / f"{name}.yaml").read_text())
    assert first == "# @package _global_"
    assert second == f"# {content['question']}"
    assert third == "#   python -m experiments.run" + ("" if name == "article" else f" study={name}")
    assert content["name"] == ("published" if name == "published/all" else name.rpartition("/")[2])


@pytest.mark.parametrize("name", [name for name in STUDIES if name != "published/all"])  # see below, and test_published
def test_every_shipped_study_can_be_planned_and_run(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = [
        f"study={name}",
        "seeds.count=2",
        "base.epochs=30",
        f"output={tmp_path / name}",
        "report=false",
        "parallel.n_jobs=1",
    ]
    if name == "published/stackoverflow_2359571":  # it sweeps epochs
        few[2] = "grid.epochs=[1,2]"
    if name == "landscape":
        few += ["grid.lr=[0.1,0.2]", "grid.scale=[0.5,2]"]  # of 4,096 conditions
    config = compose(*few)
    assert run_study({**config, "dry_run": True}) == 0
    assert "missing" in capsys.readouterr().out
    assert not (tmp_path / name).exists()
    assert run_study(config) == 0
    monkeypatch.setattr(reporting, "report", lambda *_: None)  # which told the same
    assert run_study(config) == 0
    assert "nothing left to do" in capsys.readouterr().out


def test_the_default_study_is_the_articles() -> None:
    found = read_study(compose())
    assert found.name == "article"
    assert found.n_trainings == 16_000
    assert {c.epochs for c in found.conditions} == {10_000}
    assert set(values(found, "hidden", "init", "lr")) == {
        (h, i, lr) for h in (4, 10) for i in ("uniform", "he") for lr in (0.01, 0.03, 0.1, 0.2)
    }


def test_an_estimate_is_no_matter_of_hours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel compiled within the probe made seconds of training look like hours.

    That of all published studies stands in test_published, where their kernels are compiled.
    """
    compile_for_hours(monkeypatch)
    assert run_study(compose("dry_run=true", f"output={tmp_path / 'x'}", "parallel.n_jobs=1")) == 0
    told = capsys.readouterr().out.partition("\ntraining     ")[2].partition(" with")[0]
    assert told
    assert "h" not in told


def test_an_init_with_other_parameters_is_not_called_like_the_one_it_was_made_from() -> None:
    study = read_study(compose("grid.init=[{uniform:{low:-0.3,high:0.3}}]", "grid.hidden=4", "grid.lr=0.1"))
    (condition,) = study.conditions
    assert condition.init.name == "uniform(low=-0.3, high=0.3)"
    assert condition.init.label == "U(\N{MINUS SIGN}0.3, 0.3)"


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ({"he": {"biases": {"value": 0.01}, "mirror": True}}, "He, biases 0.01, mirrored pairs"),
        ({"truncated_normal": {"std": 0.1}}, "N(0, 0.1²) cut at 2σ"),
        (
            {
                "weights": {"distribution": "normal", "std": "sqrt(2/fan_in)"},
                "biases": {"distribution": "constant", "value": 0},
            },
            "N(0, √(2 / fan_in)²)",
        ),
        (
            {
                "name": "mine",
                "weights": {"distribution": "normal", "std": 1},
                "biases": {"distribution": "constant", "value": 0},
            },
            "mine",
        ),
    ],
)
def test_an_init_without_a_name_is_labelled_by_its_laws(written: dict[str, object], label: str) -> None:
    made = catalog.read_init("init", written)
    assert isinstance(made, Init)
    assert made.label == label


@pytest.mark.parametrize(
    ("rule", "never", "reached"),
    [
        ("success.rule=loss", 0.2499, 0.25), ("success.rule=margin", 0.5, 0.51),
        ("success.rule=threshold", "fail", "pass"), ("base.loss=mse", 0.0999, 0.1), ("base.loss=bce", 0.2772, 0.2773),
    ],
)  # fmt: skip
def test_success_that_contradictory_rows_put_out_of_reach_is_refused(
    tmp_path: Path, rule: str, never: object, reached: object
) -> None:
    table = tmp_path / "contra.csv"
    table.write_text("x1,x2,t\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n1,1,1\n")
    more = ["base.output=sigmoid"] if "bce" in rule else []
    given = ["study=smoke", f"base.task={table}", rule, *more]
    setting = "success.ties" if "threshold" in rule else "success.tolerance"
    with pytest.raises(InputError, match=r"can never hold, since rows of task=contra.csv have equal inputs"):
        read_study(compose(*given, f"{setting}={never}"))
    assert read_study(compose(*given, f"{setting}={reached}")).conditions
