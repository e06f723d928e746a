"""One training: the article's printout, the same fate as in a sweep, and weights in files."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from drawn import draw
from harness import command, inside

from analysis.entry import InputError
from experiments.study import catalog
from experiments.study.weight_files import read_network, save_weights
from nnxor import engines
from nnxor.condition import Condition
from nnxor.diagnosis import diagnose

FILES = Path(__file__).parent / "files"


def train(*arguments: str, status: int = 0) -> str:
    done = inside(*arguments, module="experiments.train")
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout if status == 0 else done.stderr


def test_it_prints_what_the_article_prints() -> None:
    lines = train("seed=7", "init=he", "epochs=5100").splitlines()
    losses = [line for line in lines if line.startswith("epoch")]
    thousands = [digit * 10**power for power in range(4) for digit in (1, 2, 5)]
    assert [int(line.split()[1]) for line in losses] == [0, *thousands]
    assert sum(line.strip().startswith("predictions") for line in lines) == 2
    assert any(line.startswith("final loss ") for line in lines)
    assert any(line.startswith("final predictions ") for line in lines)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    "arguments", [("epochs=17", "every=1"), ("epochs=1", "hidden=12", "task=parity3", "init=torch")]
)
def test_it_prints_few_lines_none_of_them_long(arguments: tuple[str, ...]) -> None:
    lines = train(*arguments).splitlines()
    assert len([line for line in lines if line.startswith("epoch")]) <= 25
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("seed", [1, 3, 11])
def test_a_seed_has_the_fate_and_the_bits_that_it_has_in_a_sweep(seed: int, tmp_path: Path) -> None:
    condition = Condition(init=catalog.init("he"), epochs=3000)
    start = draw(condition.init, 2, 4, range(seed, seed + 1))
    trained = engines.load("numba")(condition, start)
    row = {name: values[0] for name, values in diagnose(condition, start, trained).items()}
    text = train(f"seed={seed}", "init=he", "epochs=3000", f"save={tmp_path / 'w.npz'}")
    saved = read_network(tmp_path / "w.npz", 2).weights.astype(np.dtype(np.float32))
    assert all(np.array_equal(a, b) for a, b in zip(saved, trained.weights, strict=True))
    assert f"outcome: {row['outcome']}" in text
    units = [line.split()[1:4] for line in text.splitlines() if " > " in line and line.strip()[0].isdigit()]
    assert [unit[0] for unit in units] == row["patterns_init"].decode().split()
    assert [unit[2] for unit in units] == row["patterns_final"].decode().split()


def test_weights_go_to_a_file_and_come_back(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    train("seed=3", "epochs=200", f"save={path}")
    with np.load(path) as file:
        assert {name: file[name].shape for name in file.files} == {"W1": (2, 4), "b1": (4,), "W2": (4, 1), "b2": (1,)}
    one_go = train("seed=3", "epochs=400").splitlines()
    second_half = train(f"weights={path}", "epochs=200").splitlines()
    final = [line for line in one_go if line.startswith("final predictions")]
    assert [line for line in second_half if line.startswith("final predictions")] == final


def test_how_to_diagnose_what_was_saved_is_printed(tmp_path: Path) -> None:
    path, given = tmp_path / "my w.npz", ["bias=false", "init=torch", "lr=0.2", "epochs=20", "loss=mse"]
    printed = train("seed=3", "hidden=3", *given, f"save={path}").partition("nnxor-diagnose ")[2]
    arguments = shlex.split(printed)
    assert arguments == [str(path), *given[:-1], "loss_name=mse"]
    done = inside(f"weights='{path}'", *arguments[1:], module="experiments.diagnose")
    assert done.returncode == 0, done.stderr
    assert "3 units, relu, mse, init=torch, lr=0.2, no biases" in " ".join(done.stdout.split())


@pytest.mark.parametrize("given", [["init={normal:{std:0.5}}"], ["init=normal", "init.weights.std=0.5"]])
def test_parameters_of_an_init_are_told_to_diagnose(given: list[str], tmp_path: Path) -> None:
    printed = train(*given, "epochs=20", f"save={tmp_path / 'w.npz'}").partition("nnxor-diagnose ")[2]
    assert "'init={normal:{std:0.5}}'" in printed
    path, *arguments = shlex.split(printed)
    done = inside(f"weights={path}", *arguments, module="experiments.diagnose")
    assert "init=normal(std=0.5)" in " ".join(done.stdout.split())


def test_smooth_units_are_told_nothing_of_kinks() -> None:
    """They were below 0 on every row 'since epoch None'."""
    text = train("activation=tanh", "hidden=3", "epochs=300", "seed=3")
    assert "units (above 0 on rows 00 01 10 11, at the start > at the end):" in text
    assert "    2  0000 > 1000  smooth\n" in text
    assert not {"None", "alive", "line"} & set(text.split())


def test_a_training_that_diverges_says_so_and_warns_of_nothing(tmp_path: Path) -> None:
    """Infinite weights made NumPy warn, below all that was said."""
    (tmp_path / "zigzag.csv").write_text("x1,t\n-1,1\n0,0\n1,1\n2,0\n")
    text = train(f"task={tmp_path / 'zigzag.csv'}", "hidden=4", "init=he", "epochs=2000", "seed=51")
    assert "outcome: diverged; loss nan" in text
    assert "y = nan" in text


def test_it_refuses_before_it_prints() -> None:
    done = inside("every=0", "epochs=1", module="experiments.train")
    assert (done.returncode, done.stdout) == (2, "")


def test_it_draws_the_loss_curve_and_the_function(tmp_path: Path) -> None:
    train("seed=4", "epochs=300", f"plot={tmp_path / 'new' / 'figures'}", f"save={tmp_path / 'w.npz'}")
    train(f"weights={tmp_path / 'w.npz'}", "epochs=50", f"plot={tmp_path / 'more'}")
    for folder in (tmp_path / "new" / "figures", tmp_path / "more"):
        assert {path.name for path in folder.glob("*.png")} == {"loss_curves.png", "functions.png"}
        assert all(path.stat().st_size > 10_000 for path in folder.glob("*.png"))


def test_its_pictures_name_the_draw_as_reports_do_and_what_is_unusual(tmp_path: Path) -> None:
    train("seed=4", "epochs=100", "activation=tanh", f"plot={tmp_path}")
    text = (tmp_path / "loss_curves.svg").read_text(encoding="utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "4 units, tanh, U(\N{MINUS SIGN}1, 1), lr 0.1, 100 epochs, seed 4" in text


def test_settings_of_an_initialization_can_be_given() -> None:
    texts = (train("init=normal", f"init.weights.std={std}", "epochs=1") for std in (1, 0.001))
    wide, narrow = (float(text.partition("epoch      0  loss ")[2].split()[0]) for text in texts)
    assert abs(narrow - 1) < 1e-4 < abs(wide - 1)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["foo=1"], "foo is not a known key"),
        (["hidden=0"], "hidden=0 is not allowed"),
        (["init=foo"], "init=foo is unknown"),
        (["seed=-1"], "seed=-1 is not allowed"),
        (["loss=bce"], "allowed: output=sigmoid"),
        (["batch_size=5"], "batch_size=5 is more than the 4 examples"),
        (["init.weights.std=2"], "init"),
        (["weights=none.npz"], "weights=none.npz does not exist"),
        (["save=/dev/null/x.npz"], "save=/dev/null/x.npz cannot be written"),
        (["plot=/dev/null/x"], "plot=/dev/null/x cannot be a folder"),
        (["task=none.csv"], "task=none.csv does not exist"),
        (["task=xo"], "task=xo is unknown; did you mean xor?"),
        (["optimizer=SGD"], "optimizer=SGD is not allowed; did you mean gd?"),
        (["activation=LeakyReLU"], "activation=LeakyReLU is not allowed; did you mean leaky_relu?"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str) -> None:
    text = train("epochs=1", *arguments, status=2)
    assert words in text
    assert len(text.strip().splitlines()) == 1


def test_the_command_itself_trains_and_refuses() -> None:
    done = command("epochs=1", module="experiments.train")
    assert (done.returncode, done.stderr) == (0, "")
    assert "final loss " in done.stdout
    done = command("epochs=1", "foo=1", module="experiments.train")
    assert (done.returncode, done.stdout) == (2, "")
    assert "foo is not a known key" in done.stderr
    assert done.stderr.count("\n") == 1


GOOD = {"W1": np.ones((2, 3)), "b1": np.zeros(3), "W2": np.ones((3, 1)), "b2": np.zeros(1)}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"b1": np.zeros(4)}, "b1 (4,)"),
        ({"W2": np.ones(4)}, "W2 (4,)"),
        ({"b2": np.array([np.nan])}, "not all of its numbers are finite"),
        ({"W1": np.array([["a"] * 3] * 2)}, "W1 holds <U1; allowed: real numbers"),
        ({"W1": np.array([[{}] * 3] * 2, dtype=object)}, "cannot be read as .npz of plain numbers"),
        ({"b2": np.array([1e300])}, "must hold real numbers, finite in float32"),
        ({"W2": None}, "allowed: a hidden and an output layer"),
    ],
)
def test_a_file_that_holds_no_network_is_refused(change: dict[str, object], words: str, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    np.savez(path, **{k: v for k, v in {**GOOD, **change}.items() if v is not None})  # type: ignore[arg-type]
    assert words in train(f"weights={path}", "epochs=1", status=2)


def test_a_network_of_pytorch_is_trained_on_as_it_is() -> None:
    first = train(f"weights={FILES / 'state.pt'}", "epochs=1").partition("epoch ")[2]
    assert first == train(f"weights={FILES / 'state.safetensors'}", "epochs=1").partition("epoch ")[2]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"not a zip"])
def test_a_torn_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"cannot be read as \.npz"):
        read_network(path, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_files_keep_every_bit(dtype: str, tmp_path: Path) -> None:
    condition = Condition(dtype=dtype, epochs=3)
    weights = engines.load("numpy")(condition, draw(condition.init, 2, 4, range(5, 6))).weights
    save_weights(tmp_path / "w.npz", weights)
    again = read_network(tmp_path / "w.npz", 2).weights.astype(np.dtype(dtype))
    assert all(np.array_equal(a, b) for a, b in zip(weights, again, strict=True))


def test_figures_that_cannot_be_written_are_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that names no file was taken for one of standard output."""
    monkeypatch.setattr(
        "experiments.store.exemplars.draw_exemplar", lambda *_: (_ for _ in ()).throw(OSError(27, "big"))
    )
    said = train("epochs=5", f"plot={tmp_path / 'figures'}", status=1)
    assert said == f"plot={tmp_path / 'figures'} cannot be written: big\n"
