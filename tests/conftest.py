"""What all tests share: steady property tests, and small studies run in this process."""

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import SMALL, compose
from hypothesis import settings
from slow import slow

settings.register_profile("steady", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that take long, as they were measured (`make slow`)."""
    names = slow()
    for item in items:
        if item.nodeid.partition("[")[0] in names:
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """What was imported stays: Python need not look for garbage in it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Run a small study in this process; returns its folder."""
    from experiments.execution.session import run as run_study

    def run_small(*overrides: str, folder: str = "out") -> Path:
        output = tmp_path / folder
        status = run_study(compose(*SMALL, f"output={output}", *overrides))
        assert status == 0
        return output

    return run_small
