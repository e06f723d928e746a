"""Who is timed in the benchmark does the work that is said, and a training's time is worked out from it."""

from typing import Any

import numpy as np
import pytest
from drawn import draw
from harness import compose

from experiments.benchmarking import contenders
from experiments.benchmarking.contenders import CONDITIONS, IN_STUDY, LEFT_OUT, Contender
from experiments.benchmarking.timing import commands
from experiments.study.study import read_study
from nnxor.condition import Condition
from nnxor.engines import Trained, engine_numba
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import UNIFORM


def test_the_default_study_is_the_one_that_conf_describes() -> None:
    study = read_study(compose())
    assert {(each.init.name, each.lr) for each in study.conditions} == set(CONDITIONS)
    assert len(study.conditions) == 16
    assert len(study.seeds) == IN_STUDY
    assert {each.trainings for each in commands(100, 32)} == {0, study.n_trainings, 32}


def test_a_training_takes_its_share_of_the_clock_whatever_part_of_it_was_run(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    slower = iter([9.0, 1.0, 1.0, 4.0])  # the first round warms up

    def work(condition: Condition, weights: Weights) -> None:
        clock[0] += next(slower) * condition.epochs * weights.n_networks

    somebody = {}, Contender("somebody", 8, 0.25, work), {"init": "uniform"}
    monkeypatch.setitem(contenders.TABLES, "engines", (lambda: [somebody], lambda: clock[0]))
    (row,) = contenders.timed("engines", 3, 100, 3)
    assert (row["ms_per_training"], row["ms_min"], row["ms_max"]) == (100e3, 100e3, 400e3)
    assert row["trainings_per_s"] == 0.01


@pytest.mark.parametrize("name", LEFT_OUT)
def test_what_is_left_out_is_what_is_said(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped: list[bool] = []

    class Watched(engine_numba._Run):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            dropped.append(self.drop)

    monkeypatch.setattr(engine_numba, "_Run", Watched)
    trained = engine_numba.train(Condition(lr=0.2, epochs=700), draw(UNIFORM, 2, 4, range(64)), **LEFT_OUT[name])
    assert dropped == [name in ("dead units", "both")]
    assert (trained.trace.period > 0).any() == (name in ("repeats", "both"))


def test_all_trainings_are_done_on_all_cores() -> None:
    condition, weights = Condition(epochs=30), draw(UNIFORM, 2, 4, range(7))
    parts: list[Trained] = contenders.in_batches("numba", 2, {}, condition, weights)
    assert len(parts) == 2
    together = np.concatenate([part.weights.W1 for part in parts], axis=-1)
    assert np.array_equal(together, engine_numba.train(condition, weights).weights.W1)
