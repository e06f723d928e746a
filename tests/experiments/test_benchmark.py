"""The benchmark: everybody does the same work, and the figures say what was timed. (No timing is tested.)"""

from __future__ import annotations

import csv
import importlib.util
from pathlib import Path

import numpy as np
import pytest

from experiments import benchmark, peers
from experiments.errors import InputError
from nnxor import engines
from nnxor.condition import Condition
from nnxor.draws import draw
from nnxor.inits import UNIFORM

PEERS = {"numpy": peers.article_numpy, "torch": peers.article_pytorch, "jax": peers.vmapped_jax}


@pytest.mark.parametrize("library", PEERS)
def test_a_peer_trains_the_same_network(library: str) -> None:
    if not importlib.util.find_spec(library):
        pytest.skip(f"{library} is not installed (extra `bench`)")
    condition = Condition(epochs=40)
    start = draw(UNIFORM, 2, 4, range(3, 4))
    final = PEERS[library](condition, start)[0]
    before = condition.with_(epochs=40 if library == "jax" else 39)
    trained = engines.load("reference")(before, start)
    from nnxor.engines.reference import forward, network

    y = forward(network(condition, trained.weights), condition.task.x(np.dtype(np.float32)))
    assert final == pytest.approx(0.5 * float(((y[:, 0] - [0, 1, 1, 0]) ** 2).sum()), rel=1e-4)


def test_it_times_every_engine_and_writes_the_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "figures.csv"
    config = {"hidden": 2, "epochs": 20, "repeats": 1, "output": str(output)}
    assert benchmark.benchmark(config) == 0
    rows = list(csv.DictReader(output.read_text().splitlines()))
    assert {
        "article's loop, NumPy", "engine reference", "engine numpy", "engine numba", "engine numba, no jump"
    } <= {r["contender"] for r in rows}  # fmt: skip
    assert len({(r["init"], r["lr"]) for r in rows}) == 8
    for row in rows:
        assert 0 < float(row["ms_min"]) <= float(row["ms_per_training"]) <= float(row["ms_max"])
    said = capsys.readouterr().out
    assert "2 hidden units, 20 epochs a training" in said
    assert "x faster" in said
    assert max(map(len, said.splitlines()[:-1])) <= 80


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden": [0]}, "hidden=0"),
        ({"hidden": []}, "is empty"),
        ({"epochs": 0}, "epochs=0"),
        ({"repeats": "x"}, "repeats=x"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    config = {"hidden": [2], "epochs": 5, "repeats": 1, "output": str(tmp_path / "x.csv"), **change}
    with pytest.raises(InputError, match=words):
        benchmark.benchmark(config)
