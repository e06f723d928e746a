"""A new activation, optimizer, engine and intervention is a module each, and no other line."""

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import entries
import pyarrow.parquet as pq
import pytest
from harness import compose, inside

import nnxor
from experiments.execution.session import run
from experiments.verification.verifying import verify
from nnxor.condition import CHOICES, Condition
from nnxor.engines import ENGINES
from nnxor.landscape.decoder import decode

NEW = {
    "activation": '''
"""Softsign: z / (1 + |z|)."""

import numpy as np

from nnxor.arithmetic.numbers import absolute
from nnxor.network.entries import Activation


def value(z, k):
    return z / (1.0 + absolute(z))


def back(z, a, g, k):
    below = 1.0 + absolute(z)
    return g / (below * below)


def second(z, a, k):
    below = 1.0 + absolute(z)
    return -2.0 * a / (below * below)


ENTRY = Activation(
    name="softsign", label="softsign", value=value, back=back, second=second,
    readable=lambda condition: (lambda x: x / (1 + np.abs(x)), lambda x, y: 1 / (1 + np.abs(x)) ** 2),
)
''',
    "optimizer": '''
"""Nesterov's momentum: v ← μ·v + g, p ← p − lr·(g + μ·v)."""

from nnxor.network.entries import Optimizer


def step(p, g, memory, rate, k, left):
    velocity = memory[0] * k.momentum + g
    return p - rate * (g + k.momentum * velocity), (velocity,)


ENTRY = Optimizer(
    name="nesterov", label="Nesterov's momentum", settings=("momentum",), step=step, start=lambda rate: (0.0,)
)
''',
    "loss": '''
"""Huber's loss: squared for errors up to 1, then linear."""

import numpy as np

from nnxor.arithmetic.numbers import absolute, where
from nnxor.network.entries import Loss


def row(s, y, t, c):
    error = y - t
    near = absolute(error) < 1.0
    term = where(near, error * error * 0.5, absolute(error) - 0.5)
    return c * term, c * where(near, error, where(error > 0.0, 0.0 * error + 1.0, -1.0))


ENTRY = Loss(
    name="huber", label="Huber's loss", row=row, weight=lambda n: 1.0, whole=lambda total: total,
    readable=(
        lambda y, t: np.where(abs(y - t) < 1, (y - t) ** 2 / 2, abs(y - t) - 0.5),
        lambda y, t: np.clip(y - t, -1, 1),
        False,
    ),
    second=lambda y, c: c + 0.0 * y, mixed=lambda p: p * (1 - p) / 2, elsewhere=("SmoothL1Loss", "HuberLoss"),
)
''',
    "engine": '''
"""backwards: the numpy engine, whose networks stand in the other order."""

import numpy as np

from nnxor.engines import Engine, Trained, engine_numpy


def train(condition, start, seeds=None):
    back = np.arange(start.n_networks)[::-1]
    done = engine_numpy.train(condition, start.take(back), None if seeds is None else np.asarray(seeds)[back])
    return Trained(done.weights.take(back), done.trace.take(back))


ENTRY = Engine(name="backwards", module=__name__, threads=True, at_once=8, seconds=(60e-9, 40e-9))
''',
    "rescue": '''
"""halve: every parameter is halved."""

from nnxor.interventions import Intervention
from nnxor.network.draws import Weights


def halved(condition, weights, seeds):
    half = condition.numpy_dtype.type(0.5)
    return Weights(*(array * half for array in weights))


ENTRY = Intervention(
    name="halve", label="halving all weights", meaning="Every parameter is halved.", change=halved
)
''',
}
NAMES = {"activation": "softsign", "optimizer": "nesterov", "loss": "huber", "engine": "backwards", "rescue": "halve"}
CASES = [(field, name) for field, name in NAMES.items() if field != "engine"]


@pytest.fixture(scope="module", autouse=True)
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The modules' entries, registered as those of any module of a registry's package are; forgotten at the end."""
    folder, registries = tmp_path_factory.mktemp("modules"), {**CHOICES, "engine": ENGINES}
    for field, text in NEW.items():
        path = folder / f"{NAMES[field]}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        sys.modules[path.stem] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[path.stem])
        registries[field].register(sys.modules[path.stem].ENTRY)
    yield
    for field, name in NAMES.items():
        del sys.modules[name]
        del registries[field][name]


def test_a_step_is_the_central_difference_of_the_loss() -> None:
    entries.check_gradient("activation", "softsign")


def test_an_optimizer_goes_down_and_is_what_it_says() -> None:
    entries.check_optimizer(next(name for field, name in CASES if field == "optimizer"))


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


def test_a_new_loss_has_its_traps_and_is_known_by_its_names_elsewhere() -> None:
    condition = Condition(loss="huber")
    found = decode(1 / 3, condition)
    assert (found.level.name, found.loss, found.matches) == ("1/3", "huber", True)
    assert "Huber's loss" in decode(0.125, condition).text
    told = inside("loss=0.25", "loss_name=SmoothL1Loss", "epochs=100", module="experiments.diagnose")
    assert told.returncode == 0, told.stderr
    assert "Under huber a loss of 0.25 is the trap 1/4" in " ".join(told.stdout.split())


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


def test_a_sweep_by_a_new_engine_has_the_same_bits_and_another_confirms_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for engine in ("backwards", "numpy"):
        study = ["study=smoke", "base.epochs=40", "seeds.count=20", "report=false", f"engine={engine}"]
        assert run(compose(*study, "parallel.n_jobs=1", f"output={tmp_path / engine}")) == 0
    rows = [(tmp_path / engine / "trials.parquet").read_bytes() for engine in ("backwards", "numpy")]
    assert rows[0] == rows[1]
    for engine in ("backwards", "auto"):
        config = {"folder": str(tmp_path / "backwards"), "sample": 20, "engine": engine, "seed": 0}
        assert verify(config) == 0
    said = capsys.readouterr().out
    assert "backwards, which trained it" in said
    assert said.count("in every bit of every column") == 2


@pytest.mark.slow
def test_a_sweep_and_its_report_know_them(tmp_path: Path, unprinted: None) -> None:
    words = ["grid.activation=[relu,softsign]", "grid.optimizer=[gd,nesterov]", "grid.hidden=[3]", "grid.init=[he]"]
    study = ["study=smoke", *words, "grid.lr=[0.1]", "base.epochs=300", "seeds.count=24", f"output={tmp_path / 'out'}"]
    assert run(compose(*study)) == 0
    rows = pq.read_table(tmp_path / "out" / "trials.parquet").to_pandas()
    assert set(rows["activation"]) == {"relu", "softsign"}
    assert (rows["status"] == "ok").all()
    assert "softsign" in (tmp_path / "out" / "report.html").read_text()


@pytest.mark.slow
def test_a_study_of_rescues_knows_the_new_intervention(tmp_path: Path, unprinted: None) -> None:
    study = ["study=rescue", "grid.rescue=[nothing,halve]", "grid.hidden=[3]", "grid.init=[he]", "grid.lr=[0.1]"]
    assert run(compose(*study, "base.epochs=400", "seeds.count=60", f"output={tmp_path / 'out'}")) == 0
    rows = pq.read_table(tmp_path / "out" / "trials.parquet").to_pandas()
    assert set(rows["rescue"]) == {"nothing", "halve"}
    assert "halv" in (tmp_path / "out" / "report.html").read_text()
