"""The exemplary runs are those of trials.parquet, number for number."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.data.exemplary_runs import load_exemplars, outputs
from analysis.findings.findings import Findings
from experiments.store.exemplars import log_spaced, write_exemplars
from experiments.study.study import read_study

SMALL = ("base.epochs=400", "seeds.count=60")


@pytest.fixture
def folder(run: Callable[..., Path]) -> Path:
    """A small study's result folder with its exemplars."""
    folder = run(*SMALL)
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
        assert (run["patterns_init"], run["patterns_final"]) == (row["patterns_init"], row["patterns_final"])
        assert run["curve"][-1] == run["final_loss"]
        assert run["epoch"][-1] == 400


def test_an_exemplar_is_the_lowest_seed_of_the_nearest_condition(folder: Path) -> None:
    trials = pd.read_parquet(folder / "trials.parquet")
    run = load_exemplars(folder).set_index("outcome").loc["solved"]
    assert (run["hidden"], run["init"], run["lr"]) == (4, "uniform", 0.1)
    mine = trials[(trials["condition"] == run["condition"]) & (trials["outcome"] == "solved")]
    assert run["seed"] == mine["seed"].min()


def test_no_exemplar_is_a_rescued_run(run: Callable[..., Path]) -> None:
    folder = run(*SMALL, "grid.hidden=4", "grid.init=he", "grid.lr=0.1", "grid.rescue=[null,leaky]")
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert set(load_exemplars(folder)["rescue"]) == {None}
    alone = run(*SMALL, "grid.hidden=4", "grid.init=he", "grid.lr=0.1", "grid.rescue=leaky", folder="alone")
    write_exemplars(alone, read_study(json_of(alone)), Findings.of(alone).every)
    assert not len(load_exemplars(alone))


def test_the_function_drawn_goes_through_the_predictions(folder: Path) -> None:
    for _, run in load_exemplars(folder).iterrows():
        x1, x2 = np.array(run["inputs"], float).T
        assert outputs(run, x1, x2) == pytest.approx(run["predictions"], abs=1e-5)


def test_the_curve_is_that_of_the_articles_loop(folder: Path) -> None:
    from experiments.study.fields import make_condition
    from nnxor.engines.reference import network, train_epochs
    from nnxor.network.draws import draw

    run = load_exemplars(folder).iloc[0]
    condition = make_condition({"hidden": int(run["hidden"]), "lr": float(run["lr"]), "epochs": 400})
    seed = int(run["seed"])
    layers = network(condition, draw(condition.init, 2, condition.hidden, range(seed, seed + 1)))
    losses = [loss for _, loss, _ in train_epochs(layers, condition)]
    assert [losses[epoch] for epoch in run["epoch"][:-1]] == pytest.approx(run["curve"][:-1], rel=1e-3, abs=1e-9)


def test_exemplars_are_the_same_twice(folder: Path) -> None:
    first = (folder / "exemplars.json").read_bytes()
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert (folder / "exemplars.json").read_bytes() == first
    json.loads(first, parse_constant=pytest.fail)


def test_a_run_that_diverges_is_written_with_nulls(run: Callable[..., Path]) -> None:
    folder = run("grid.lr=[0.9]", "grid.hidden=[4]", "base.epochs=300", "seeds.count=4", folder="far")
    write_exemplars(folder, read_study(json_of(folder)), Findings.of(folder).every)
    assert load_exemplars(folder)["outcome"].tolist() == ["diverged"]
    assert json.loads((folder / "exemplars.json").read_text())[0]["final_loss"] is None


@pytest.mark.parametrize("epochs", [0, 1, 2, 10, 9_999])
def test_curves_go_from_0_to_the_last_epoch(epochs: int) -> None:
    points = log_spaced(epochs)
    assert points[0] == 0
    assert points[-1] == epochs
    assert points == sorted(set(points))
