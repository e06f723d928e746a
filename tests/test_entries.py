"""Every registered activation, output, loss, optimizer and intervention keeps what all of them promise."""

import html
import re
from pathlib import Path

import entries
import pyarrow.parquet as pq
import pytest
from harness import compose, inside

import nnxor
from analysis.data.conditions import phrase
from experiments.execution.session import run
from nnxor.condition import CHOICES, Condition


@pytest.mark.parametrize(("field", "name"), entries.entries(*entries.OF_THE_LOSS))
def test_a_step_is_the_central_difference_of_the_loss(field: str, name: str) -> None:
    entries.check_gradient(field, name)


@pytest.mark.parametrize("name", CHOICES["optimizer"])
def test_an_optimizer_goes_down_and_is_what_it_says(name: str) -> None:
    entries.check_optimizer(name)


@pytest.mark.parametrize(("field", "name"), entries.entries())
def test_the_readable_layers_train_as_the_fast_engine_does(field: str, name: str) -> None:
    entries.check_reference(field, name)


@pytest.mark.slow
@pytest.mark.parametrize(("field", "name"), entries.entries())
def test_fast_engines_give_the_same_bits(field: str, name: str) -> None:
    entries.check_bits(field, name)


def test_each_entry_makes_another_condition() -> None:
    chosen = [entries.condition(field, name) for field, name in entries.entries()]
    others = [each for each in chosen if each.key != entries.condition("loss", "half_sse").key]
    assert len({each.key for each in others}) == len(others) == len(chosen) - 4, "but for the defaults"


@pytest.mark.parametrize(("field", "name"), entries.entries())
def test_a_network_is_trained_and_diagnosed_from_python(field: str, name: str) -> None:
    how = {field: name, **entries.companions(field, name)}
    trained = nnxor.train(**how, epochs=30, seed=3, engine="numpy")
    network = {key: value for key, value in how.items() if key not in ("optimizer", "rescue")}
    assert nnxor.diagnose(**trained.weights, **network).row["final_loss"] == trained.row["final_loss"]


@pytest.mark.parametrize("field", CHOICES)
def test_an_unknown_name_raises_with_what_is_allowed(field: str) -> None:
    registry = CHOICES[field]
    first = next(iter(registry))
    with pytest.raises(ValueError, match=rf"^{field}={first}x is unknown; did you mean {first}\? allowed: "):
        registry[f"{first}x"]
    with pytest.raises(ValueError, match=rf"^{field}={first}x is not allowed; did you mean {first}\? allowed: "):
        Condition(**{field: f"{first}x"})  # type: ignore[arg-type]


@pytest.mark.parametrize("field", CHOICES)
def test_each_entry_says_how_it_is_called(field: str) -> None:
    labels = [entry.label for entry in CHOICES[field].values()]
    assert all(labels)
    assert len(set(labels)) == len(labels)


@pytest.mark.slow
def test_a_sweep_over_all_of_them_has_a_report_that_names_each(tmp_path: Path, unprinted: None) -> None:
    names = {
        field: [name for name in registry if not entries.companions(field, name)] for field, registry in CHOICES.items()
    }
    few = ("grid.hidden=[3]", "grid.init=[torch]", "grid.lr=[0.1]", "seeds.count=24", "parallel.n_jobs=1")
    config = compose("study=smoke", *few)
    config["blocks"], config["base"]["epochs"] = [{field: each} for field, each in names.items()], 150  # some get stuck
    assert run({**config, "engine": "numpy", "output": str(tmp_path / "out")}) == 0
    rows = pq.read_table(tmp_path / "out" / "trials.parquet").to_pandas()
    assert set(rows["status"]) == {"ok"}
    table = (tmp_path / "out" / "report.html").read_text().partition("<table")[2].partition("</table>")[0]
    named = re.findall(r"<th scope=\"row\"[^>]*>([^<]*)", html.unescape(table))
    assert len({*named}) == len(named) == rows["condition"].nunique()
    usual = Condition().values()
    for field, each in names.items():
        assert {*rows[field].dropna()} == {*each}
        assert {phrase(field, name) for name in each if name != usual[field]} <= {*named}


@pytest.mark.slow
@pytest.mark.parametrize(("field", "name"), entries.entries("activation", "loss"))
def test_a_network_in_a_file_is_trained_on_and_diagnosed(field: str, name: str, tmp_path: Path) -> None:
    others = [f"{key}={value}" for key, value in entries.companions(field, name).items()]
    file = tmp_path / "weights.npz"
    trained = inside(f"{field}={name}", *others, "epochs=100", f"save={file}", module="experiments.train")
    assert trained.returncode == 0, trained.stderr
    told = [f"loss_name={name}" if field == "loss" else f"{field}={name}", *others]
    diagnosed = inside(str(file), *told, "epochs=100", module="experiments.diagnose")
    assert diagnosed.returncode == 0, diagnosed.stderr
