"""The shipped studies give the same values on every machine."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from experiments.execution.session import run


@pytest.fixture(scope="module")
def digests() -> ModuleType:
    spec = importlib.util.spec_from_file_location("digests", Path(__file__).with_name("digests.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


AGAIN = "columns were added, or results changed: see tests/experiments/digests.py"


def test_every_shipped_study_has_a_digest(digests: ModuleType) -> None:
    assert list(json.loads(digests.FILE.read_text())) == digests.studies(), AGAIN


def test_a_shipped_study_comes_out_with_its_digest(digests: ModuleType, tmp_path: Path) -> None:
    expected = json.loads(digests.FILE.read_text())["smoke"]
    assert digests.digest(digests.read("smoke")) == expected, AGAIN
    config = digests.compose("study=smoke", f"seeds.count={digests.SEEDS}", "report=false", f"output={tmp_path}/smoke")
    assert run(config) == 0
    assert json.loads((tmp_path / "smoke" / "manifest.json").read_text())["digest"] == expected["digest"]


def test_a_digest_tells_of_the_last_bit_of_one_value(digests: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    study = digests.read("smoke")
    before = digests.digest(study)["digest"]
    execute = digests.execute

    def changed(*arguments):  # type: ignore[no-untyped-def]
        for number, (batch, table) in enumerate(execute(*arguments)):
            if number == 0:
                at = table.column_names.index("y_01")
                values = table["y_01"].to_numpy().copy()
                values[0] = -values[0]
                table = table.set_column(at, "y_01", [values])
            yield batch, table

    monkeypatch.setattr(digests, "execute", changed)
    assert digests.digest(study)["digest"] != before
