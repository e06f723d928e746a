"""The files beside the tests that are no tests."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fits() -> ModuleType:
    return _beside("fits")


@pytest.fixture(scope="session")
def scalars() -> ModuleType:
    return _beside("scalars")
