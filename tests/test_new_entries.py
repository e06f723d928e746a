"""A new activation, optimizer and intervention is a module each, and no other line: everything works at once."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import entries
import pyarrow.parquet as pq
import pytest
from harness import compose, inside

import nnxor
from experiments.execution.session import run
from nnxor.condition import CHOICES

NEW = {
    "activation": '''
"""Softsign: z / (1 + |z|)."""

import numpy as np

from nnxor.arithmetic.numbers import absolute
from nnxor.network.entries import Activation, register


def value(z, k):
    return z / (1.0 + absolute(z))


def back(z, a, g, k):
    below = 1.0 + absolute(z)
    return g / (below * below)


def second(z, a, k):
    below = 1.0 + absolute(z)
    return -2.0 * a / (below * below)


register(Activation(
    name="softsign", label="softsign", value=value, back=back, second=second,
    readable=lambda condition: (lambda x: x / (1 + np.abs(x)), lambda x, y: 1 / (1 + np.abs(x)) ** 2),
))
''',
    "optimizer": '''
"""Nesterov's momentum: v ← μ·v + g, p ← p − lr·(g + μ·v)."""

from nnxor.network.entries import OPTIMIZERS, Optimizer


def step(p, g, memory, rate, k, left):
    velocity = memory[0] * k.momentum + g
    return p - rate * (g + k.momentum * velocity), (velocity,)


OPTIMIZERS.register(Optimizer(
    name="nesterov", label="Nesterov's momentum", settings=("momentum",), step=step, start=lambda rate: (0.0,)
))
''',
    "rescue": '''
"""halve: every parameter is halved."""

from nnxor.interventions import INTERVENTIONS, Intervention
from nnxor.network.draws import Weights


def halved(condition, weights, seeds):
    half = condition.numpy_dtype.type(0.5)
    return Weights(*(array * half for array in weights.arrays()))


INTERVENTIONS.register(Intervention(
    name="halve", label="halving all weights", meaning="Every parameter is halved.", change=halved
))
''',
}
NAMES = {"activation": "softsign", "optimizer": "nesterov", "rescue": "halve"}
CASES = list(NAMES.items())


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules, imported as any module of a registry's package is; forgotten at the end."""
    folder = tmp_path_factory.mktemp("modules")
    for field, text in NEW.items():
        path = folder / f"{NAMES[field]}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        spec.loader.exec_module(importlib.util.module_from_spec(spec))
    yield
    for field, name in CASES:
        del CHOICES[field][name]


def test_a_step_is_the_central_difference_of_the_loss() -> None:
    entries.check_gradient("activation", "softsign")


@pytest.mark.parametrize(("field", "name"), CASES)
def test_the_readable_layers_train_as_the_fast_engine_does(field: str, name: str) -> None:
    entries.check_reference(field, name)


@pytest.mark.slow
@pytest.mark.parametrize(("field", "name"), CASES)
def test_fast_engines_give_the_same_bits(field: str, name: str) -> None:
    entries.check_bits(field, name)


@pytest.mark.parametrize(("field", "name"), CASES)
def test_it_makes_another_condition(field: str, name: str) -> None:
    keys = [entries.condition(field, each).key for each in CHOICES[field]]
    assert len(set(keys)) == len(keys)
    assert f"{field}={name!r}" in entries.condition(field, name).text()


def test_its_settings_count_and_those_of_others_do_not() -> None:
    assert entries.condition("optimizer", "nesterov", momentum=0.5).momentum == 0.5
    assert entries.condition("activation", "softsign", relu_at_zero=1).relu_at_zero == 0


@pytest.mark.parametrize(("field", "name"), CASES[:2])
def test_train_and_diagnose_know_it(field: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.npz"
    trained = inside(f"{field}={name}", "epochs=200", f"save={file}", module="experiments.train")
    assert trained.returncode == 0, trained.stderr
    assert "outcome: " in trained.stdout
    how = [f"{field}={name}"] if field == "activation" else []
    diagnosed = inside(str(file), *how, "epochs=100", module="experiments.diagnose")
    assert diagnosed.returncode == 0, diagnosed.stderr
    assert nnxor.train(**{field: name}, epochs=20, engine="numpy").condition.values()[field] == name


@pytest.mark.slow
def test_a_sweep_and_its_report_know_them(tmp_path: Path) -> None:
    words = ["grid.activation=[relu,softsign]", "grid.optimizer=[gd,nesterov]", "grid.hidden=[3]", "grid.init=[he]"]
    study = ["study=smoke", *words, "grid.lr=[0.1]", "base.epochs=300", "seeds.count=24", f"output={tmp_path / 'out'}"]
    assert run(compose(*study)) == 0
    rows = pq.read_table(tmp_path / "out" / "trials.parquet").to_pandas()
    assert set(rows["activation"]) == {"relu", "softsign"}
    assert (rows["status"] == "ok").all()
    assert "softsign" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_study_of_rescues_knows_the_new_intervention(tmp_path: Path) -> None:
    study = ["study=rescue", "grid.rescue=[nothing,halve]", "grid.hidden=[3]", "grid.init=[he]", "grid.lr=[0.1]"]
    assert run(compose(*study, "base.epochs=400", "seeds.count=60", f"output={tmp_path / 'out'}")) == 0
    rows = pq.read_table(tmp_path / "out" / "trials.parquet").to_pandas()
    assert set(rows["rescue"]) == {"nothing", "halve"}
    assert "halv" in (tmp_path / "out" / "report.html").read_text()
