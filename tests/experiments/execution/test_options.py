"""Who trains: what was asked for, else what suits the engine and the work."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import compose, inside

from experiments.execution import session
from experiments.execution.backends import execute
from experiments.execution.options import read_options
from experiments.study.batches import Results, left
from experiments.study.study import read_study


@pytest.mark.parametrize(
    ("overrides", "who"),
    [
        (["seeds.count=1000"], "threads"),
        (["seeds.count=100000"], "processes"),
        (["seeds.count=100000", "base.epochs=10"], "threads"),
        (["seeds.count=100000", "parallel=threads"], "threads"),
        (["seeds.count=1", "engine=numpy"], "processes"),
        (["seeds.count=1", "parallel=loky"], "processes"),
        (["seeds.count=1", "parallel=dask"], "dask workers"),
    ],
)
def test_processes_take_long_work_and_what_holds_the_lock(overrides: list[str], who: str) -> None:
    config = compose(*overrides, "parallel.n_jobs=3")
    options, study = read_options(config), read_study(config)
    assert options.fitting(left(study, {}, options.engine, None)).workers == f"3 {who}"


def loky_workers() -> list[str]:
    """The worker processes of this one."""
    children = [pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()]
    commands = [Path("/proc", pid, "cmdline").read_text() for pid in children]
    return [command for command in commands if "popen_loky" in command]


@pytest.mark.parametrize(("engine", "batches"), [("numpy", 8), ("numba", 8)])
def test_workers_are_gone_when_all_is_trained_and_never_show_in_the_trials(
    engine: str, batches: int, run: Callable[..., Path], finished: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they hold is memory that the tables need."""
    there: list[int] = []

    def watched(*arguments: Any, **settings: Any) -> Results:
        for result in execute(*arguments, **settings):
            there.append(len(loky_workers()))
            yield result
        there.append(len(loky_workers()))

    alone = finished()
    monkeypatch.setattr(session, "execute", watched)
    by_workers = run(f"engine={engine}", "parallel=loky", "parallel.n_jobs=2", folder="b", told=False)
    assert (there[0], len(there), there[-1]) == (2, batches + 1, 0)
    assert (alone / "trials.parquet").read_bytes() == (by_workers / "trials.parquet").read_bytes()


def test_where_the_fast_engine_is_broken_another_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What follows the trainings asks for an engine, too: exemplars."""
    monkeypatch.setitem(sys.modules, "nnxor.engines.engine_numba", None)
    study = [
        "grid.hidden=2",
        "base.epochs=50",
        "seeds.count=4",
        "report=false",
        "parallel=threads",
        "parallel.n_jobs=2",
    ]
    done = inside("name=broken", *study, f"output={tmp_path / 'broken'}", module="experiments.run", cwd=tmp_path)
    assert done.returncode == 0
    assert "with numpy, 2 threads (numba cannot be loaded: import of nnxor.engines.engine_numba halted" in " ".join(
        done.stdout.split()
    )
    asked = inside("name=a", *study, "engine=numba", f"output={tmp_path / 'a'}", module="experiments.run", cwd=tmp_path)
    assert asked.returncode == 2
    assert "engine=numba cannot be loaded: " in asked.stderr
    assert asked.stderr.endswith("; allowed: reference, numpy\n")
    assert not (tmp_path / "a").exists()
