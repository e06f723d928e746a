"""Real runs, really killed: what was kept is kept, nobody is left behind, and resuming ends at the same bytes."""

import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import command, compose, launch, nobody_left, processes_of, wait_for_parts

from analysis.entry import guarded
from experiments.execution import reporting
from experiments.execution.session import run as run_study

pytestmark = pytest.mark.slow

STUDY = ("study=smoke", "seeds.count=96", "base.epochs=4000", "report=false", "parallel.batch=32", "parallel.n_jobs=2")


def resume(output: Path) -> str:
    """Finish a run, in this process, but for telling how it ended; returns the digest of its trials."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reporting, "report", lambda *_: None)
        assert run_study(compose(*STUDY, f"output={output}")) == 0
    return hashlib.sha256((output / "trials.parquet").read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The digest of an uninterrupted run."""
    yield resume(tmp_path_factory.mktemp("whole") / "out")


def parts_of(output: Path) -> list[Path]:
    return [*(output / "parts").glob("*.parquet")]


def test_sigkill_loses_only_what_was_in_flight(tmp_path: Path, whole: str) -> None:
    output = tmp_path / "out"
    for parts in (1, 27):
        run = launch(*STUDY, f"output={output}")
        wait_for_parts(run, output, parts)
        run.kill()
        run.communicate()
        assert len(parts_of(output)) >= parts
    assert resume(output) == whole


@pytest.mark.parametrize("parallel", ["threads", "loky"])
def test_ctrl_c_and_sigterm_say_what_was_kept_and_leave_nobody(parallel: str, tmp_path: Path, whole: str) -> None:
    output = tmp_path / "out"
    for sign, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        before = len(parts_of(output))
        run = launch(*STUDY, f"output={output}", f"parallel={parallel}")
        wait_for_parts(run, output, before + 3)
        if sign == signal.SIGINT:
            os.killpg(run.pid, sign)  # a terminal sends it to the whole group
        else:
            run.send_signal(sign)
        out, err = run.communicate(timeout=20)
        assert run.returncode == status
        assert nobody_left(run.pid)
        (line,) = err.strip().splitlines()
        match = re.search(r"interrupted; ([\d,]+) of 1,536 trainings kept in .*; the same command goes on", line)
        assert match
        kept = sum(int(path.stem.split("-")[2]) for path in parts_of(output))
        assert kept >= (before + 3) * 32
        assert int(match[1].replace(",", "")) <= kept
        assert "Traceback" not in out
    assert resume(output) == whole


def test_workers_outlive_a_killed_run_by_no_more_than_five_seconds(tmp_path: Path) -> None:
    output = tmp_path / "out"
    run = launch(*STUDY, f"output={output}", "parallel=loky")
    wait_for_parts(run, output, 2)
    run.kill()
    killed = time.monotonic()
    run.communicate(timeout=20)  # they hold the pipes
    assert nobody_left(run.pid)
    assert time.monotonic() - killed < 5


def test_a_dead_worker_costs_its_batches_and_not_the_run(tmp_path: Path, whole: str) -> None:
    output = tmp_path / "out"
    run = launch(*STUDY, f"output={output}", "parallel=loky")
    wait_for_parts(run, output, 2)
    workers = [pid for pid in processes_of(run.pid) if "LokyProcess" in Path(f"/proc/{pid}/cmdline").read_text()]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    _, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert resume(output) == whole


def test_two_runs_at_once_in_one_folder_cannot_be_and_what_the_first_writes_into_a_pipe_is_plain_lines(
    tmp_path: Path, whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    first = launch(*STUDY, f"output={output}")
    wait_for_parts(first, output, 1)
    first.send_signal(signal.SIGSTOP)  # it must not be done before the second begins
    capsys.readouterr()
    second = guarded(lambda: run_study(compose(*STUDY, f"output={output}")))
    first.send_signal(signal.SIGCONT)
    assert second == 2
    assert capsys.readouterr().err.startswith(f"another run is using {output}")
    out, _ = first.communicate(timeout=60)
    assert first.returncode == 0
    assert "\x1b" not in out
    assert "\r" not in out
    assert max(map(len, out.splitlines()[2:])) <= 100
    assert resume(output) == whole


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", str(place)], capture_output=True)
    if mount.returncode:
        pytest.skip("mounting a small tmpfs is not allowed here; test_folder.py injects the error instead")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_ends_the_run_with_one_line_and_more_room_lets_it_go_on(tiny_disk: Path, whole: str) -> None:
    output = tiny_disk / "out"
    done = command(*STUDY, f"output={output}")
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "No space left on device" in line
    assert "what was trained is kept" in line
    assert list((output / "parts").glob("*.parquet"))
    subprocess.run(["mount", "-o", "remount,size=64m", str(tiny_disk)], check=True)
    assert resume(output) == whole


def test_a_closed_pipe_ends_the_output_quietly(tmp_path: Path) -> None:
    run = launch(*STUDY, f"output={tmp_path / 'out'}", "seeds.count=2", "base.epochs=5")
    assert run.stdout
    assert run.stderr
    run.stdout.close()
    with run.stderr as pipe:
        err = pipe.read()
    run.wait(60)
    assert "Traceback" not in err
    assert "Exception" not in err
