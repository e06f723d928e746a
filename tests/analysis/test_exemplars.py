"""The exemplary runs are those of trials.parquet, number for number."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.contour import QuadContourSet

from analysis.data.reading import load_exemplars
from analysis.figures.single_runs import ended, functions
from analysis.findings.findings import Findings
from experiments.store.exemplars import exemplar, log_spaced, surface, write_exemplars
from experiments.study.catalog import read_task
from experiments.study.study import read_study
from nnxor.condition import Condition
from nnxor.network.activations import ACTIVATIONS, OUTPUTS
from nnxor.network.draws import Weights, initial_weights

SMALL = ("base.epochs=400", "seeds.count=60")


@pytest.fixture
def folder(finished: Callable[..., Path]) -> Path:
    """A small study's result folder with its exemplars."""
    folder = finished(*SMALL)
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    return folder


def json_of(folder: Path) -> dict[str, object]:
    import yaml

    return dict(yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8")))


def test_an_exemplar_is_its_row_in_the_trials(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials.parquet").set_index(["condition", "seed"])
    exemplars = load_exemplars(folder)
    assert set(exemplars["outcome"]) == set(trials["outcome"])
    for _, run in exemplars.iterrows():
        row = trials.loc[(run["condition"], run["seed"])]
        assert (run["outcome"], run["final_loss"]) == (row["outcome"], row["final_loss"])
        assert run["predictions"] == [row[f"y_{name}"] for name in run["rows"]]
        assert run["patterns_final"] == row["patterns_final"]
        assert run["curve"][-1] == run["final_loss"]
        assert run["epoch"][-1] == 400


def test_an_exemplar_is_the_lowest_seed_of_the_nearest_condition(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials.parquet")
    run = load_exemplars(folder).set_index("outcome").loc["solved"]
    assert (run["hidden"], run["init"], run["lr"]) == (4, "uniform", 0.1)
    mine = trials[(trials["condition"] == run["condition"]) & (trials["outcome"] == "solved")]
    assert run["seed"] == mine["seed"].min()
    assert run["explorer"] == f"#hidden=4&init=uniform&lr=0.1&epochs=400&seed={run['seed']}"


def test_no_exemplar_is_a_rescued_run(run: Callable[..., Path]) -> None:
    folder = run(*SMALL, "grid.hidden=4", "grid.init=he", "grid.lr=0.1", "grid.rescue=[null,leaky]", told=False)
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert set(load_exemplars(folder)["rescue"]) == {None}
    fields = ("grid.hidden=4", "grid.init=he", "grid.lr=0.1", "grid.rescue=leaky")
    alone = run(*SMALL, *fields, folder="alone", told=False)
    write_exemplars(alone, read_study(json_of(alone)), Findings.of(alone).every)
    assert not len(load_exemplars(alone))


SMOOTH = sorted(name for name, entry in ACTIVATIONS.items() if entry.hidden and entry.smooth)


@pytest.mark.parametrize("activation", sorted(name for name, entry in ACTIVATIONS.items() if entry.hidden))
@pytest.mark.parametrize("output", sorted(OUTPUTS))
def test_the_picture_goes_through_the_predictions(activation: str, output: str) -> None:
    condition = Condition(activation=activation, output=output, epochs=30, task=read_task("task", "xor"))
    start = initial_weights(condition, range(3, 4))
    run = exemplar(condition, start, 3, "numpy")
    surface = run["surface"]
    at = [(surface["x1"].index(x1), surface["x2"].index(x2)) for x1, x2 in run["inputs"]]
    assert [surface["y"][j][i] for i, j in at] == pytest.approx(run["predictions"], abs=1e-4)
    assert run["kinked"] == (activation not in SMOOTH)
    (ax, *_) = functions(pd.DataFrame([run])).axes
    (image,) = ax.get_images()
    assert np.asarray(image.get_array()).tolist() == surface["y"]
    kinks = [each for each in ax.collections if isinstance(each, QuadContourSet)]
    assert not kinks or activation not in SMOOTH


def test_the_curve_is_that_of_the_articles_loop(folder: Path) -> None:
    from experiments.study.given_fields import make_condition
    from nnxor.engines.engine_reference import network, train_epochs
    from nnxor.network.draws import initial_weights

    run = load_exemplars(folder).iloc[0]
    condition = make_condition({"hidden": int(run["hidden"]), "lr": float(run["lr"]), "epochs": 400})
    seed = int(run["seed"])
    layers = network(condition, initial_weights(condition, range(seed, seed + 1)))
    losses = [loss for _, loss, _ in train_epochs(layers, condition)]
    assert [losses[epoch] for epoch in run["epoch"][:-1]] == pytest.approx(run["curve"][:-1], rel=1e-3, abs=1e-9)


def test_exemplars_are_the_same_twice(folder: Path) -> None:
    first = (folder / "exemplars.json").read_bytes()
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert (folder / "exemplars.json").read_bytes() == first
    json.loads(first, parse_constant=pytest.fail)


def test_a_run_that_diverges_is_written_with_nulls(run: Callable[..., Path]) -> None:
    folder = run("grid.lr=[0.9]", "grid.hidden=[4]", "base.epochs=300", "seeds.count=4", folder="far", told=False)
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert load_exemplars(folder)["outcome"].tolist() == ["diverged"]
    assert json.loads((folder / "exemplars.json").read_text())[0]["final_loss"] is None


def test_weights_without_an_end_have_no_surface_and_warn_of_nothing() -> None:
    """A training that diverged to infinite weights printed two RuntimeWarnings while its report was drawn."""
    endless = Weights(np.full((2, 3, 1), np.inf, np.float32), *(np.ones(n, np.float32) for n in ((3, 1), (3, 1), 1)))
    assert surface(Condition(hidden=3), endless) is None


@pytest.mark.parametrize("epochs", [0, 1, 2, 10, 9_999])
def test_curves_go_from_0_to_the_last_epoch(epochs: int) -> None:
    points = log_spaced(epochs)
    assert points[0] == 0
    assert points[-1] == epochs
    assert points == sorted(set(points))


@pytest.mark.parametrize(
    ("outcome", "loss", "told"),
    [
        ("stuck_1/4", 0.25000003, "stuck at 1/4"), ("stuck_1/4", 1.0, "stuck at 1/4 (1)"), ("solved", 0.0, "solved"),
        ("stuck_1/3", 0.1666667, "stuck at 1/3 (0.1667)"), ("stuck", 0.7, "stuck"),
    ],
)  # fmt: skip
def test_a_trap_is_told_with_its_loss_where_that_is_another_number(outcome: str, loss: float, told: str) -> None:
    assert ended({"outcome": outcome, "final_loss": loss}) == told
