"""The benchmark: everybody does the same work, and the figures say what was timed. (No timing is tested.)"""

import csv
import importlib.util
import json
import re
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn import draw

from analysis.data.door import FolderError
from analysis.entry import InputError, RunError
from analysis.speed import write_figures
from experiments.benchmarking import contenders, timing as benchmark
from experiments.benchmarking.timing import Command, commands, time_command
from nnxor import engines
from nnxor.condition import Condition
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import UNIFORM

BASELINES = [
    ("numpy", contenders.article_numpy), ("torch", contenders.article_pytorch), ("torch", contenders.autograd_pytorch),
    ("jax", contenders.vmapped_jax),
]  # fmt: skip


@pytest.mark.parametrize(("library", "baseline"), BASELINES)
def test_a_peer_trains_the_same_network(library: str, baseline: Callable[[Condition, Weights], list[float]]) -> None:
    if not importlib.util.find_spec(library):
        pytest.skip(f"{library} is not installed (extra `bench`)")
    condition = Condition(epochs=40)
    start = draw(UNIFORM, 2, 4, range(3, 4))
    final = baseline(condition, start)[0]
    before = replace(condition, epochs=40 if library == "jax" else 39)
    trained = engines.load("reference")(before, start)
    from nnxor.engines.engine_reference import forward, network

    y = forward(network(condition, trained.weights), condition.task.x(np.dtype(np.float32)))
    assert final == pytest.approx(0.5 * float(((y[:, 0] - [0, 1, 1, 0]) ** 2).sum()), rel=1e-4)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_it_times_everybody_and_draws_the_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = [
        Command("help", ("json.tool", "--help"), 0),
        Command("once", ("json.tool", "--help"), 0, True),
    ]
    monkeypatch.setattr(
        benchmark, "commands", lambda epochs, trainings: quick if (epochs, trainings) == (20, 32) else []
    )
    folder = tmp_path / "new"
    assert benchmark.benchmark(config_of(folder, trainings=32, repeats=2)) == 0
    assert {path.name for path in folder.iterdir()} == set(benchmark.FILES)
    engines = rows_of(folder / "engines.csv")
    assert {"article's loop, NumPy", "engine reference", "engine numpy", "engine numba, in full"} <= {
        row["contender"] for row in engines
    }
    left_out = rows_of(folder / "left_out.csv")
    assert len({(row["init"], row["lr"]) for row in left_out}) == 8
    assert {row["left_out"] for row in left_out} == {"in full", "dead units", "repeats", "both"}
    kinds = rows_of(folder / "kinds.csv")
    assert {row["kind"] for row in kinds} == set(contenders.KINDS)
    assert {row["contender"] for row in kinds} >= {"engine numba"}
    for row in engines + left_out + kinds:
        assert 0 < float(row["ms_min"]) <= float(row["ms_per_training"]) <= float(row["ms_max"])
    assert [row["runs"] for row in rows_of(folder / "commands.csv")] == ["2", "1"]
    assert json.loads((folder / "machine.json").read_text())["cores"] >= 1
    said = capsys.readouterr().out
    assert "2 hidden units, 20 epochs per training" in said
    assert "dead units" in said
    assert max(map(len, said.splitlines()[:-1])) <= 80


def test_what_an_earlier_run_left_goes_and_what_is_not_timed_leaves_no_file(tmp_path: Path) -> None:
    for name in ("commands.csv", "mine.txt"):
        (tmp_path / name).write_text("old")
    assert benchmark.benchmark(config_of(tmp_path)) == 0
    assert {path.name for path in tmp_path.iterdir()} == {*benchmark.FILES, "mine.txt"} - {"commands.csv"}


def config_of(folder: Path, **changes: object) -> dict[str, object]:
    return {"hidden": 2, "epochs": 20, "repeats": 1, "trainings": 0, "output": str(folder), **changes}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hidden": [0]}, "hidden=0"),
        ({"hidden": []}, "not allowed; allowed: a width"),
        ({"epochs": 0}, "epochs=0"),
        ({"repeats": "x"}, "repeats=x"),
        ({"trainings": 17}, "a multiple of 16"),
        ({"output": "/dev/null"}, "output=/dev/null"),
    ],
)
def test_bad_settings_are_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words):
        benchmark.benchmark(config_of(tmp_path / "x", **change))


def test_a_broken_engine_and_a_broken_library_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engines.csv").write_text("old")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "nnxor.engines.engine_numba", None)
        with pytest.raises(RunError, match=r"^the engine numba cannot be loaded: .*; nothing was timed or removed$"):
            benchmark.benchmark(config_of(tmp_path))
    assert (tmp_path / "engines.csv").read_text() == "old"

    def broken(*_: object) -> None:
        raise RuntimeError("two\nlines")

    case = {}, contenders.Contender("peer", 1, 1.0, broken), {"init": contenders.INIT, "lr": contenders.LR}
    monkeypatch.setitem(contenders.TABLES, "engines", (lambda: iter([case]), time.perf_counter))
    with pytest.raises(RunError, match=r"^peer cannot train here: two lines$"):
        benchmark.benchmark(config_of(tmp_path))


def test_the_commands_are_those_that_are_said() -> None:
    for command in commands(epochs=300, trainings=1_000_000):
        seeds = [word for word in command.arguments if word.startswith("seeds.count")]
        assert command.trainings in (0, 16_000, 1_000_000)
        assert seeds == (["seeds.count=62500"] if command.trainings == 1_000_000 else [])
        assert not command.trainings or "base.epochs=300" in command.arguments


def test_a_process_is_measured_apart_from_who_starts_it() -> None:
    row = time_command(Command("little", ("json.tool", "--help"), 0), 2)
    assert row["runs"] == 2
    assert 0 < row["seconds_min"] <= row["seconds"] <= row["seconds_max"]
    assert 3 < row["peak_mb"] < 60  # this process has several hundred


def test_a_command_that_fails_ends_the_benchmark_with_its_word() -> None:
    with pytest.raises(RunError, match=r"json.tool nowhere ended with 2: .*nowhere"):
        time_command(Command("bad", ("json.tool", "nowhere"), 0), 1)


def test_what_is_no_benchmark_has_no_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for text in (None, "a,b\n1,2\n", "hidden,epochs,contender,cores,ms_min,ms_max,trainings_per_s\n", "\0"):
        if text is not None:
            (tmp_path / "engines.csv").write_text(text)
        with pytest.raises(FolderError, match=r"engines\.csv"):
            write_figures(tmp_path)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("4,10,engine,1,1,2,fast", "trainings_per_s=fast is not allowed; allowed: a number above 0"),
        ("4,10,engine,1,0,2,3", "ms_min=0"),
        ("4,10,engine,1,1,2,inf", "trainings_per_s=inf"),
        ("4,10,engine,,1,2,3", "cores=nan is not allowed; allowed: an integer above 0"),
        ("4,10,engine,1.5,1,2,3", "cores=1.5"),
        ("4,10,,1,1,2,3", "contender=nan is not allowed; allowed: a name"),
    ],
)
def test_a_row_that_cannot_be_drawn_is_named(row: str, words: str, tmp_path: Path) -> None:
    head = "hidden,epochs,contender,cores,ms_min,ms_max,trainings_per_s"
    (tmp_path / "engines.csv").write_text(f"{head}\n4,10,engine,1,1,2,3\n{row}\n")
    with pytest.raises(FolderError, match=f"engines.csv, row 2: {re.escape(words)}"):
        write_figures(tmp_path)


def test_where_the_figure_cannot_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "engines.csv").write_text(
        "hidden,epochs,contender,cores,ms_min,ms_max,trainings_per_s\n4,10,engine,1,1,2,3\n"
    )
    with pytest.raises(FolderError, match=r"kinds\.csv does not exist"):
        write_figures(tmp_path)
    (tmp_path / "kinds.csv").write_text(
        "hidden,epochs,contender,kind,ms_min,ms_max,trainings_per_s\n4,10,engine,gd,1,2,3\n"
    )
    (tmp_path / "speed.svg").mkdir()
    with pytest.raises(FolderError, match=r"cannot be written to .*speed\.svg"):
        write_figures(tmp_path)


def test_a_disk_that_fills_up_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = benchmark.write_text

    def full(path: Path, text: str) -> None:
        if path.suffix == ".csv":
            raise OSError(28, "No space left on device", str(path))
        write(path, text)

    monkeypatch.setattr(benchmark, "write_text", full)
    with pytest.raises(RunError, match=r"stopped: .*No space left on device.*engines\.csv"):
        benchmark.benchmark(config_of(tmp_path))
