"""From Python a network is trained and diagnosed as a sweep does it, bit for bit, and what is wrong is said."""

import doctest
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import nnxor
from nnxor import from_python


def test_the_examples_of_docstrings_are_true() -> None:
    assert doctest.testmod(from_python) == doctest.TestResults(failed=0, attempted=8)


def test_a_training_is_that_of_a_sweep(run: Callable[..., Path]) -> None:
    folder = run("grid.init=[he]", "grid.lr=[0.1]", "grid.hidden=[4]", "seeds.count=30")
    rows = pq.read_table(folder / "trials.parquet").to_pylist()
    for row in rows[::7]:
        found = nnxor.train(hidden=4, init="he", lr=0.1, epochs=60, seed=row["seed"]).row
        assert found == {name: row[name] for name in found}


def test_fields_that_shuffle_and_redraw_change_nothing_of_a_network_that_is_given() -> None:
    run = nnxor.train(hidden=3, seed=3, epochs=100)
    plain = nnxor.diagnose(**run.weights).row
    assert all(
        nnxor.diagnose(**run.weights, **how).row == plain
        for how in ({"recycle_every": 10}, {"order": "fixed", "batch_size": 4})
    )


def test_numbers_of_numpy_are_numbers() -> None:
    """What a loop over np.arange(2, 5), or a column of seeds, gives was refused: 'hidden=4 is not allowed'."""
    given: dict[str, Any] = {"hidden": np.int64(3), "lr": np.float64(0.1), "bias": np.bool_(True), "seed": np.int32(7)}
    found, plain = (nnxor.train(epochs=20, **each) for each in (given, {"hidden": 3, "seed": 7}))
    assert (found.row, found.condition.key, type(found.seed)) == (plain.row, plain.condition.key, int)


def test_weights_of_a_training_are_diagnosed_as_the_training_was() -> None:
    trained = nnxor.train(hidden=4, init="he", lr=0.1, seed=3)
    found = nnxor.diagnose(**trained.weights)  # type: ignore[arg-type]
    assert found.outcome == trained.outcome
    assert [unit.at_end for unit in found.units] == [unit.at_end for unit in trained.units]


@pytest.mark.parametrize("how", [{}, {"optimizer": "adam"}, {"batch_size": 2}])
def test_losses_are_those_of_each_epoch_and_of_the_end(how: dict[str, Any]) -> None:
    run = nnxor.train(init="he", epochs=40, seed=5, engine="numpy", **how)
    assert run.losses.shape == (41,)
    assert run.losses[-1] == run.row["final_loss"]
    early = nnxor.train(init="he", epochs=7, seed=5, engine="numpy", **how)
    assert early.row["final_loss"] == run.losses[7]


@pytest.mark.parametrize("activation", ["relu", "elu"])
def test_units_of_a_training_that_diverged_are_called_so(activation: str) -> None:
    run = nnxor.train(lr=1e6, epochs=50, activation=activation)
    assert run.outcome == "diverged"
    assert [(unit.at_end, unit.state) for unit in run.units] == [("----", "diverged")] * 4
    assert {len(unit.at_start) for unit in run.units} == {4}


def test_shapes_as_frameworks_have_them_are_taken() -> None:
    W1, b1, W2 = np.ones((2, 3)), np.zeros(3), np.ones((3, 1))
    assert nnxor.diagnose(W1, b1, W2, [0.5]).row == nnxor.diagnose(W1, b1, W2[:, 0], 0.5).row


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (lambda: nnxor.train(hiden=3), "^hiden is not a field; did you mean hidden"),
        (lambda: nnxor.train(init="hee"), "^init=hee is unknown; did you mean he"),
        (lambda: nnxor.train(task="xo"), "^task=xo is unknown; did you mean xor"),
        (lambda: nnxor.train(seed=-1), "^seed=-1 is not allowed"),
        (lambda: nnxor.train(momentum=0.5), "^momentum would do nothing without optimizer=momentum$"),
        (
            lambda: nnxor.train(order="fixed"),
            "^order would do nothing without a batch_size$",
        ),
        (lambda: nnxor.train(engine="numbra"), "^engine=numbra is unknown; did you mean numba. allowed: auto, "),
        (lambda: nnxor.train(engine=pd.NA), "^engine=<NA> is unknown; allowed: auto, "),
        (lambda: nnxor.train(loss=pd.NA), "^loss=<NA> is not allowed; allowed: half_sse, "),
        (
            lambda: nnxor.train(activation=pd.Series([1, 2])),
            "^activation=0 1 1 2 dtype: int64 is not allowed; allowed: relu",
        ),
        (lambda: nnxor.train(task="9" * 5000), "^task=9{60}... is unknown; allowed: and"),
        (lambda: nnxor.diagnose([[1], [1]], [0], [1], 0, hidden=pd.NA), "^hidden=<NA> is not allowed; allowed: an int"),
        (lambda: nnxor.diagnose({}, [0], [1], 0), "W1 .D,H."),
        (lambda: nnxor.diagnose([[10**400], [1]], [0], [1], 0), "W1 .D,H."),
        (lambda: nnxor.diagnose([[1j], [1]], [0], [1], 0), "^weights must be real"),
        (lambda: nnxor.diagnose([[1e300], [1]], [0], [1], 0, dtype="float32"), "^weights must be finite in float32"),
        (lambda: nnxor.train(loss="bce", output="relu"), "^loss=bce needs a probability"),
        (lambda: nnxor.diagnose([[1, 1]], [0, 0], [1, 1], 0), "^W1 is for 1 inputs; task=xor"),
        (lambda: nnxor.diagnose([[1], [1]], [0, 0], [1], 0), r"^W1 \(2, 1\), b1 \(2,\).* do not fit; allowed: W1"),
        (lambda: nnxor.diagnose([[1], [np.inf]], [0], [1], 0), "^weights must be finite"),
        (lambda: nnxor.diagnose([[1], [1]], [0], [1], 0, hidden=9), "^hidden=9 contradicts W1, which has hidden=1$"),
    ],
)
def test_what_is_not_allowed_is_said_in_one_line(what: Callable[[], Any], why: str) -> None:
    with pytest.raises(ValueError, match=why) as refusal:
        what()
    assert "\n" not in str(refusal.value)


def test_the_package_tells_its_version_and_nothing_that_it_has_not() -> None:
    assert nnxor.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="'nnxor' has no attribute 'trian'"):
        nnxor.trian  # type: ignore[attr-defined]  # noqa: B018


def test_a_prediction_of_minus_one_is_a_number() -> None:
    """It was None, as a missing count is."""
    row = nnxor.diagnose(W1=[[1.0], [1.0]], b1=[-5.0], W2=[1.0], b2=-1.0).row
    assert (row["y_00"], row["y_11"], row["solved_epoch"]) == (-1.0, -1.0, None)


def test_a_network_is_judged_as_it_is_whatever_would_rescue_it() -> None:
    """With rescue=leaky the minimum of a dead unit was told to be a kink: that is what it would be as a leaky one."""
    what = nnxor.diagnose(W1=[[-1], [-1]], b1=[0], W2=[1], b2=0.5, rescue="leaky")
    assert (what.outcome, what.row["minimum"]) == ("stuck_1/2", "minimum")
