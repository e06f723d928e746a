"""What a user brings along: tasks in CSV files, weights in .npz files, initializations of their own."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from drawn import draw
from harness import compose

from analysis.entry import InputError
from experiments.study import catalog
from experiments.study.catalog import load_task
from experiments.study.study import read_study
from nnxor.condition import Condition
from nnxor.network.inits_in_yaml import GivenWeights, Init

Run = Callable[..., Path]

XOR_LINES = "x1,x2,t\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n"


def table(tmp_path: Path, text: str, name: str = "mine.csv") -> str:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return str(tmp_path / name)


def test_a_csv_file_is_a_task(tmp_path: Path) -> None:
    task = load_task("task", table(tmp_path, "x1, x2, x3, t, times\n-1,0.5,2,0,1\n\n1,1e-3,0,1.5,3\n"))
    assert task.inputs == ((-1, 0.5, 2), (1, 1e-3, 0))
    assert task.targets == (0, 1.5)
    assert task.multiplicities == (1, 3)
    assert task.name == "mine.csv"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty; allowed: a header x1,x2"),
        ("a,b\n1,2\n", "its header is 'a,b'; allowed: a header"),
        ("x1,t,times,t\n", "its header is 'x1,t,times,t'"),
        ("x1,x2,t\n", "holds 0 rows; allowed: 1 to"),
        ("x1,x2,t\n0,0,0\n0,1\n", "line 3 holds 2 values; the header has 3"),
        ("x1,x2,t\n0,0,0\n0,zwei,1\n", "line 3: x2='zwei' is not allowed; allowed: a finite number"),
        ("x1,x2,t\n0,nan,0\n", "line 2: x2='nan' is not allowed"),
        ("x1,x2,t\n0,0,1e39\n", "line 2: t='1e39' is not allowed"),
        ("x1,x2,t,times\n0,0,0,0\n", "line 2: times='0' is not allowed; allowed: an integer from 1"),
        ("x1,x2,t,times\n0,0,0,1.5\n", "line 2: times='1.5' is not allowed"),
        ('x1,x2,t\n0,"0,0\n', "cannot be read as CSV"),
        ("x1,x2,t\n\x00,0,0\n", "line"),
    ],
)
def test_a_bad_file_is_refused_in_a_line_that_names_the_row(tmp_path: Path, text: str, words: str) -> None:
    name = table(tmp_path, text)
    with pytest.raises(InputError) as refusal:
        load_task("base.task", name)
    assert words in str(refusal.value)
    assert str(refusal.value).startswith(f"base.task={name}")
    assert "\n" not in str(refusal.value)


def test_a_csv_file_of_xor_trains_like_xor(run: Run, tmp_path: Path) -> None:
    ours = run("grid.hidden=4", "grid.init=he", "grid.lr=0.1", folder="ours")
    theirs = run(
        "grid.hidden=4", "grid.init=he", "grid.lr=0.1", f"base.task={table(tmp_path, XOR_LINES)}", folder="csv"
    )
    a, b = (pd.read_parquet(folder / "trials.parquet") for folder in (ours, theirs))
    assert a["final_loss"].equals(b["final_loss"])
    assert a["outcome"].astype(str).equals(b["outcome"].astype(str))
    assert set(b["task"]) == {"mine.csv"}


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    files = [table(tmp_path, XOR_LINES), table(tmp_path / "other", XOR_LINES.replace("1,1,0", "1,1,1"))]
    with pytest.raises(InputError, match=r"two different tasks are called mine\.csv"):
        read_study(compose("study=smoke", f"grid.task=[{','.join(files)}]"))


def save_sets(path: Path, sets: int, hidden: int = 3) -> Path:
    weights = draw(catalog.init("torch"), 2, hidden, range(sets))
    W1, b1, W2, b2 = (np.moveaxis(array, -1, 0) for array in weights)
    np.savez(path, W1=W1, b1=b1, W2=W2[:, :, None], b2=b2[:, None])
    return path


def test_one_set_of_weights_a_seed_trains_like_the_draw_that_it_came_from(run: Run, tmp_path: Path) -> None:
    file = save_sets(tmp_path / "sets.npz", 20)
    fields = ("grid.lr=[0.1,0.2]", "grid.hidden=3")
    drawn = run(*fields, "grid.init=torch", folder="drawn")
    brought = run(*fields, f"grid.init={file}", folder="brought")
    a, b = (pd.read_parquet(folder / "trials.parquet") for folder in (drawn, brought))
    same = ["seed", "lr", "final_loss", "patterns_init", "patterns_final", "first_death_epoch"]
    pd.testing.assert_frame_equal(a[same], b[same])
    assert set(b["init"]) == {"sets.npz"}


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["seeds.count=21", "grid.hidden=3"], "holds 20 sets of weights, for the seeds 0 to 19"),
        (["grid.hidden=4"], "init=sets.npz is for 2 inputs and hidden=3"),
        (
            ["grid.hidden=3", "base.task=parity3"],
            "the condition has 3 inputs and hidden=3",
        ),
    ],
)
def test_sets_that_do_not_fit_are_refused(tmp_path: Path, overrides: list[str], words: str) -> None:
    file = save_sets(tmp_path / "sets.npz", 20)
    with pytest.raises(InputError) as refusal:
        read_study(compose("study=smoke", "seeds.count=20", f"grid.init={file}", *overrides))
    assert words in str(refusal.value)


ZEROS = {"W1": np.zeros((5, 2, 3)), "b1": np.zeros((5, 3)), "W2": np.zeros((5, 3, 1)), "b2": np.zeros((5, 1))}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"W1": np.array([{}], dtype=object)}, "cannot be read as .npz of plain numbers"),
        ({"b1": np.zeros((5, 4))}, "allowed: W1 .S,D,H."),
        ({"W1": np.full((5, 2, 3), np.nan)}, "W1 must hold real numbers, finite in float32"),
        ({"b2": np.full((5, 1), "one")}, "b2 must hold real numbers"),
    ],
)
def test_pickled_and_misshapen_files_are_refused(tmp_path: Path, changes: dict[str, np.ndarray], words: str) -> None:
    np.savez(tmp_path / "bad.npz", **{**ZEROS, **changes})
    with pytest.raises(InputError, match=words):
        catalog.read_init("init", str(tmp_path / "bad.npz"))


def test_an_init_takes_other_parameters() -> None:
    wide = catalog.read_init("init", {"normal": {"std": 0.5}})
    assert isinstance(wide, Init)
    assert wide.name == "normal(std=0.5)"
    a, b = draw(wide, 2, 4, range(9)), draw(catalog.init("normal"), 2, 4, range(9))
    assert np.allclose(a.W1, 0.5 * b.W1, rtol=1e-6)
    lifted = catalog.read_init("init", {"he": {"biases": {"value": 0.01}}})
    assert isinstance(lifted, Init)
    assert (draw(lifted, 2, 4, range(3)).b1 == np.float32(0.01)).all()
    assert lifted.name == "he(biases.value=0.01)"
    spread = catalog.read_init("init", {"he": {"biases": {"distribution": "uniform", "low": -1, "high": 1}}})
    assert isinstance(spread, Init)
    assert spread.biases.name == "uniform"
    numpys = catalog.read_init("init", {"he": {"generator": "numpy"}})
    assert isinstance(numpys, Init)
    assert (numpys.name, numpys.generator) == ("he(generator=numpy)", "numpy")


def test_an_init_can_be_written_out() -> None:
    laws = {
        "weights": {"distribution": "uniform", "low": -2, "high": 2},
        "biases": {"distribution": "normal", "std": 1},
    }
    init = catalog.read_init("init", laws)
    assert isinstance(init, Init)
    assert init.weights.at(2, 4).parameters == {"low": -2, "high": 2}
    assert Condition(init=init).key != Condition().key


def test_a_network_can_be_written_out_and_is_trained_once(run: Run) -> None:
    """The textbook's solution: loss 0 at once; of a study's seeds it takes the one that it has weights for."""
    textbook = "{W1: [[1, 1], [1, 1]], b1: [0, -1], W2: [1, -2], b2: 0, name: textbook}"
    folder = run("grid.hidden=2", f"grid.init=[he,{textbook}]", "grid.lr=0.1")
    trials = pd.read_parquet(folder / "trials.parquet")
    row = trials[trials["init"] == "textbook"]
    assert row["seed"].tolist() == [0]
    assert row["outcome"].tolist() == ["solved"]
    assert row["final_loss"].tolist() == [0]
    assert (trials["init"] == "he").sum() == 20
    assert isinstance(catalog.read_init("init", {"W1": [[1], [1]], "b1": [0], "W2": [1], "b2": 0}), GivenWeights)
