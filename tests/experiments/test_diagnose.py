"""experiments.diagnose: bug or bad luck, for a network in a file and for a number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness import command, compose

from experiments.errors import InputError
from experiments.networks.diagnosing import diagnose


def said(capsys: pytest.CaptureFixture[str], *overrides: str) -> str:
    """What the command prints, with its line breaks undone."""
    assert diagnose(compose(*overrides, config_name="diagnose")) == 0
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 80 or "/" in printed
    return " ".join(printed.split())


def saved(tmp_path: Path, W1: Any, b1: Any, W2: Any, b2: float) -> str:
    path = tmp_path / "network.npz"
    np.savez(path, W1=np.float32(W1), b1=np.float32(b1), W2=np.float32(W2)[:, None], b2=np.float32([b2]))
    return f"weights={path}"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["loss=0.3466", "loss_name=bce"], "0.3466 is the trap 0.3466 (0.346574) of bce. Two rows share one wrong"),
        (["loss=0.4774", "loss_name=bce"], "Three rows share one wrong prediction"),
        (["loss=0.6931", "loss_name=bce"], "Four rows share one wrong prediction 1/2"),
        (["loss=0.25"], "the trap 1/4 (0.25) of half_sse"),
        (["loss=0.3333"], "the trap 1/3"),
        (["loss=0.33"], "0.33 is the trap 1/3"),
        (["loss=0.34"], "is no level of half_sse"),
        (["loss=0.3"], "is no level of half_sse"),
        (["loss=0.69", "loss_name=bce"], "Four rows share one wrong prediction 1/2"),
        (["loss=0.125"], "it is one of mse (the mean squared error): the trap 1/4"),
        (["loss=0.125", "loss_name=mse"], "the trap 1/4 (0.125) of mse"),
        (["loss=0.2"], "is no level of half_sse"),
        (["predictions=[0.5,1,0.5,0]"], "Two rows share one wrong prediction 1/2 (00=10)"),
    ],
)
def test_a_number_is_decoded(capsys: pytest.CaptureFixture[str], overrides: list[str], words: str) -> None:
    assert words in said(capsys, *overrides, "epochs=10")


def test_how_common_it_is_comes_from_training(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "loss=0.25", "init=he")
    assert "Of 1,000 networks drawn like this and trained (xor, 4 units, relu, init=he, lr=0.1, 10,000 epochs" in text
    assert "solved 60.4 (57.3-63.4), stuck at 0.3333 18.2 (" in text  # as in the study
    assert "stuck at 0.25 14.0 (" in text


def test_a_dead_network_is_at_a_minimum_or_at_a_kink(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dead = [[-1, -0.5], [-0.5, -1]]
    text = said(capsys, saved(tmp_path, dead, [-0.5, -0.2], [1, -1], 0.5))
    assert "minimum: It is a true local minimum" in text
    assert "Hessian of rank 1" in text
    assert "the trap 1/2 (0.5) of half_sse" in text
    assert "1 0000 dead 2 0000 dead" in text
    assert "10,000 more epochs of gradient descent (lr=0.1, float32): stuck_1/2, loss 0.5" in text
    assert "For ever: from epoch 0 of these on its parameters repeat, bit for bit, every epoch" in text
    text = said(capsys, saved(tmp_path, dead, [-0.5, 0], [1, -1], 0.5))
    assert "kink: It is no minimum, but an artefact of the ReLU's kink" in text
    assert "(unit 2, on row 00)" in text


def test_what_frees_a_network_is_tried_on_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All units dead: nothing moves any more, fresh ones may learn, and a fresh network learns as often as any."""
    dead = [[-1, -0.5], [-0.5, -1]]
    text = said(capsys, saved(tmp_path, dead, [-0.5, -0.2], [1, -1], 0.5))
    freed = text.partition("What frees it, in 10,000 more epochs: ")[2].partition(" Of 1,000")[0]
    assert "nothing no; fresh dead units " in freed
    share = float(freed.partition("fresh dead units ")[2].split()[0])
    assert 10 < share < 40
    assert "% of 200; a fresh network " in freed
    assert "a leaky ReLU " in freed
    assert "lifting the dead units' biases " in freed


def test_a_large_task_is_diagnosed_without_its_traps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{n % 5},{n // 5},{n % 2}" for n in range(20))
    (tmp_path / "large.csv").write_text(f"x1,x2,t\n{rows}\n")
    weights = saved(tmp_path, [[1, -1], [0.5, 1]], [0.1, 0.2], [1, 1], 0)
    text = said(capsys, weights, f"task={tmp_path / 'large.csv'}", "epochs=10")
    assert "units (active on rows" in text


def test_the_textbook_solution_is_solved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[1, 1], [1, 1]], [0, -1], [1, -2], 0))
    assert "outcome: solved" in text
    assert "minimum" in text


def test_a_network_of_another_loss_is_judged_by_that(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, saved(tmp_path, [[-1], [-1]], [-1], [1], 0.0), "loss_name=bce", "lr=1")
    assert "the trap 0.6931 (0.693147) of bce" in text
    assert "minimum: It is a true local minimum" in text


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], "nothing given; allowed: one of FILE.npz, loss=X and predictions=[Y,...]"),
        (["loss=0.25", "predictions=[1]"], "loss and predictions given"),
        (["loss=abc"], "loss=abc is not allowed; allowed: a finite number"),
        (["loss=-1"], "a finite number from 0"),
        (["predictions=[0,1]"], "4 finite numbers"),
        (["predictions=[a,1]"], "allowed: a list of numbers, one per row"),
        (["loss=0.25", "loss_name=foo"], "loss_name=foo is not allowed; allowed: half_sse, mse, bce"),
        (["loss=0.25", "activation=tanh"], "are not known; give the network itself"),
        (["loss=0.25", "slope=0.1"], "slope would do nothing"),
        (["weights=nope.npz"], "weights=nope.npz does not exist"),
    ],
)
def test_bad_input_is_refused_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        diagnose(compose(*overrides, config_name="diagnose"))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    weights = saved(tmp_path, [[1], [1]], [1], [1], 0)
    for more, words in (
        (["hidden=3"], "hidden=3 contradicts"),
        (["task=parity3"], "is for 2 inputs"),
        (["bias=false"], "bias=false contradicts"),
    ):
        with pytest.raises(InputError, match=words):
            diagnose(compose(weights, *more, config_name="diagnose"))


def test_a_file_can_be_named_alone_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "my net's (1).npz"
    np.savez(path, W1=np.float32([[-1], [-1]]), b1=np.float32([-1]), W2=np.float32([[1]]), b2=np.float32([0.5]))
    done = command(str(path), "epochs=10", module="experiments.diagnose")
    assert (done.returncode, done.stderr) == (0, "")
    assert "minimum" in done.stdout


def test_help_fits_80_columns() -> None:
    done = command("--help", module="experiments.diagnose")
    assert done.returncode == 0
    assert "FILE.npz" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
