"""What all tests share: steady property tests, and small studies run in this process."""

import functools
import gc
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import nullcontext
from pathlib import Path

import pytest
from hypothesis import settings
from slow import slow

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as commands have it; read when NumPy is imported, below
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=25)
settings.load_profile("steady")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that take long, as they were measured (`make slow`), and those that need a report with figures.

    It is drawn once, for whichever asks first, while the others wait.
    """
    names = slow()
    for item in items:
        if item.nodeid.partition("[")[0] in names or "reported" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


def pytest_collection_finish() -> None:
    """What was imported stays: Python need not look for garbage in it again and again, and seldom elsewhere."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """A worker more than cores: a sixth of the time tests wait for processes that they have started."""
    from analysis.data.processes import available_cores

    return int(os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS", available_cores() + 1))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Path]:
    """Run a small study in this process; returns its folder. What is not `told` ends when its tables are written."""
    from harness import SMALL, compose

    from experiments.execution import reporting
    from experiments.execution.session import run as run_study

    def run_small(*overrides: str, folder: str = "out", told: bool = True) -> Path:
        output = tmp_path / folder
        with pytest.MonkeyPatch.context() as patch:
            if not told:
                patch.setattr(reporting, "report", lambda *_: None)
            assert run_study(compose(*SMALL, f"output={output}", *overrides)) == 0
        return output

    return run_small


@pytest.fixture
def finished(run: Callable[..., Path], tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """As `run`, for a study that is only a test's beginning or measure: it runs once a session, and this is a copy."""
    from harness import once

    def copied(*overrides: str, folder: str = "whole") -> Path:
        name = hashlib.sha256(repr(overrides).encode()).hexdigest()
        return Path(
            shutil.copytree(once(tmp_path_factory, name, lambda: run(*overrides, folder=name)), tmp_path / folder)
        )

    return copied


@pytest.fixture
def unprinted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report's figures are drawn, but neither laid out nor printed, which takes longest: their files are empty."""
    from analysis.report_parts import drawing

    def touch(_figure: object, folder: Path, name: str, suffixes: Sequence[str] = ("svg",)) -> None:
        for suffix in suffixes:
            (folder / f"{name}.{suffix}").write_text('<svg viewBox="0 0 1 1"></svg>')

    monkeypatch.setattr(drawing, "save", touch)


class Nobody(Executor):
    """A pool that does nothing, so that whoever has one draws everything itself."""

    def submit(self, *_: object) -> Future[object]:  # type: ignore[override]
        """Work that can still be cancelled."""
        return Future()


@pytest.fixture(scope="session", autouse=True)
def as_one_command() -> Iterator[None]:
    """Reports draw in the process of the tests: it takes a helper seconds to start, as it does for commands' own.

    Git and packages are asked once for what runs here, as a command asks them. Estimates take a moment's training.
    Nothing is flushed to the disk, which tells apart only what is left when the machine stops.
    """
    from analysis import report
    from experiments.execution import estimate, session
    from experiments.store import manifest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "PROBE_SECONDS", 0.05)
        patch.setattr(os, "fsync", lambda _handle: None)
        for name in ("_git", "_version"):
            patch.setattr(manifest, name, functools.cache(getattr(manifest, name)))
        for module in (report, session):
            patch.setattr(module, "helpers", lambda _module: nullcontext(Nobody()))
        yield
