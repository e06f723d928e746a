"""What the verification's tests share."""

import shutil
from pathlib import Path

import pytest
from forging import TINY, made

from experiments.verification import verifying


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "available_cores", lambda: 1)


@pytest.fixture(scope="module")
def tiny_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("tiny") / "out", *TINY)


@pytest.fixture
def tiny(tiny_made: Path, tmp_path: Path) -> Path:
    """A copy of the tiny study's folder, for one test alone."""
    return Path(shutil.copytree(tiny_made, tmp_path / "out"))
