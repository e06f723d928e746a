"""A real scheduler and real workers on this machine: the same bytes, whatever becomes of workers and client."""

import hashlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from harness import ROOT, command, compose, launch, nobody_left, wait_for_parts

from analysis.entry import InputError, guarded
from experiments.execution.options import read_options
from experiments.execution.session import run as run_study

pytestmark = pytest.mark.slow

installed = pytest.mark.skipif(not importlib.util.find_spec("distributed"), reason="the extra cluster is not installed")

STUDY = ("study=smoke", "engine=numpy", "seeds.count=240", "base.epochs=60", "report=false", "parallel.batch=64")
"""64 batches; with numpy, so that no process has a kernel to compile."""

POISON = """
import os
from experiments.execution import worker
train_batch = worker.given = getattr(worker, "given", worker.train_batch)  # a preload may be loaded twice
def poisoned(batch, engine):
    if batch.condition.hidden == 10 and batch.condition.lr == 0.2 and batch.seeds.start == 64:
        os._exit(1)
    return train_batch(batch, engine)
worker.train_batch = poisoned
"""
OTHER_PROTOCOL = "from nnxor import protocol\nprotocol.PROTOCOL_VERSION = 99\n"
NO_PACKAGE = "import sys\nsys.modules['experiments'] = sys.modules['nnxor'] = None\n"

Start = Callable[..., subprocess.Popen[bytes]]
Launch = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a run on threads."""
    output = tmp_path_factory.mktemp("whole") / "out"
    assert run_study(compose(*STUDY, "parallel=threads", f"output={output}")) == 0
    return digest(output)


def digest(output: Path) -> str:
    return hashlib.sha256((output / "trials.parquet").read_bytes()).hexdigest()


@pytest.fixture
def launched() -> Iterator[Launch]:
    """Starts a run; ends it, should it still be there."""
    started: list[subprocess.Popen[str]] = []

    def launch_run(*arguments: str) -> subprocess.Popen[str]:
        started.append(launch(*arguments))
        return started[-1]

    yield launch_run
    for run in started:
        run.kill()
        run.communicate()


@contextmanager
def starting(folder: Path) -> Iterator[Start]:
    """Starts a process of dask's in a session of its own; ends what was started, by its id."""
    started: list[subprocess.Popen[bytes]] = []

    def start_process(module: str, *arguments: str, preload: str = "") -> subprocess.Popen[bytes]:
        if preload:
            path = folder / f"preload_{len(started)}.py"
            path.write_text(preload)
            arguments = (*arguments, "--preload", str(path))
        log = (folder / f"{len(started)}.log").open("wb")
        process = subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        log.close()
        started.append(process)
        return process

    yield start_process
    for process in reversed(started):
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
    for process in started:
        process.wait(20)


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The file of a scheduler that lacks this package; it outlives the tests' workers and clients."""
    file = tmp_path_factory.mktemp("scheduler") / "scheduler.json"
    with starting(file.parent) as start:
        start(
            "dask_scheduler",
            "--host=127.0.0.1",
            "--port=0",
            "--no-dashboard",
            f"--scheduler-file={file}",
            preload=NO_PACKAGE,
        )
        yield file


@pytest.fixture
def address(scheduler: Path) -> str:
    """The address of a scheduler that has no worker yet: those of earlier tests are gone."""
    until = time.monotonic() + 30
    while True:
        assert time.monotonic() < until
        try:
            found = str(json.loads(scheduler.read_text())["address"])
            break
        except (OSError, ValueError):
            time.sleep(0.02)
    wait_for_workers(found, 0)
    return found


@pytest.fixture
def worker(address: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker of one thread; without a nanny, so that it is dead when it is killed."""
    with starting(tmp_path) as start:

        def start_worker(*arguments: str, preload: str = "") -> subprocess.Popen[bytes]:
            given = arguments or ("--no-nanny",)
            return start("dask_worker", address, "--nthreads=1", "--no-dashboard", *given, preload=preload)

        yield start_worker


def run_here(*overrides: str) -> int:
    """Run a study in this process, which has imported everything already; returns its exit status.

    How a process ends is for those tests that start one: on success, on each error, on each signal.
    """
    return guarded(lambda: run_study(compose(*overrides)))


def wait_for_workers(address: str, count: int) -> None:
    """Wait until a scheduler has that many workers, no more and no fewer."""
    from experiments.execution.cluster import connected

    until = time.monotonic() + 60
    with connected(1, address, 10) as client:
        while len(client.sync(client.scheduler.ncores)) != count:
            assert time.monotonic() < until
            time.sleep(0.02)


@installed
def test_workers_may_die_and_join_while_a_study_runs(
    worker: Start, launched: Launch, address: str, tmp_path: Path, whole: str
) -> None:
    output = tmp_path / "out"
    first = worker()
    run = launched(*STUDY, "engine=numba", "parallel=dask", f"parallel.address={address}", f"output={output}")
    wait_for_parts(run, output, 3)
    first.kill()
    first.wait()
    worker()  # all that is left is its to train
    out, err = run.communicate(timeout=60)
    assert run.returncode == 0, err
    assert err == ""
    assert f"with numba, dask at {address}" in " ".join(out.split())
    assert digest(output) == whole


@installed
def test_a_client_that_is_stopped_or_killed_goes_on_and_leaves_the_cluster_alone(
    worker: Start, launched: Launch, scheduler: Path, tmp_path: Path, whole: str
) -> None:
    output = tmp_path / "out"
    one = worker()
    arguments = (*STUDY, "parallel=dask", f"parallel.scheduler_file={scheduler}", f"output={output}")
    for parts, sign, status in ((3, signal.SIGTERM, 143), (20, signal.SIGKILL, -9)):
        run = launched(*arguments)
        wait_for_parts(run, output, parts)
        run.send_signal(sign)
        _, err = run.communicate(timeout=20)
        assert run.returncode == status
        assert len(err.splitlines()) == (1 if sign == signal.SIGTERM else 0)
    assert run_here(*arguments) == 0
    assert one.poll() is None
    assert digest(output) == whole


@installed
def test_ctrl_c_ends_a_local_cluster_whole_and_the_same_command_goes_on(
    launched: Launch, tmp_path: Path, whole: str
) -> None:
    output = tmp_path / "out"
    arguments = (*STUDY, "parallel=dask", "parallel.n_jobs=2", f"output={output}")
    run = launched(*arguments)
    wait_for_parts(run, output, 3)
    os.killpg(run.pid, signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130, err
    assert re.fullmatch(r"interrupted; [\d,]+ of 3,840 trainings kept in .*\n", err)
    assert nobody_left(run.pid)
    done = command(*arguments, "parallel.n_jobs=1")
    assert (done.returncode, done.stderr) == (0, "")
    assert digest(output) == whole


@installed
def test_a_batch_that_kills_its_workers_ends_as_failed_rows_and_can_be_tried_again(
    worker: Start, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "out"
    few = ("grid.hidden=10", "grid.init=he", "grid.lr=[0.1,0.2]")
    monkeypatch.setenv("DASK_DISTRIBUTED__WORKER__MULTIPROCESSING_METHOD", "forkserver")  # which imports once for all
    worker("--nworkers=2", preload=POISON)  # with nannies, which replace the dead
    arguments = (*STUDY, *few, f"output={output}")
    assert run_here(*arguments, "parallel=dask", f"parallel.address={address}") == 1
    assert "64 trainings failed" in capsys.readouterr().err
    rows = pq.read_table(output / "trials.parquet").to_pandas()
    failed = rows[rows["status"] == "failed"]
    assert len(rows) == 480
    assert list(failed["seed"]) == list(range(64, 128))
    assert set(failed["lr"]) == {0.2}
    assert failed["error"].str.startswith("all workers died").all()
    assert run_study(compose(*arguments, "parallel=threads")) == 0  # tries them again, here
    assert run_study(compose(*STUDY, *few, "parallel=threads", f"output={tmp_path / 'other'}")) == 0
    assert digest(output) == digest(tmp_path / "other")


@installed
def test_a_worker_that_cannot_take_part_is_named_and_left_out(
    worker: Start, address: str, tmp_path: Path, whole: str, capsys: pytest.CaptureFixture[str]
) -> None:
    worker("--no-nanny", "--name=old", preload=OTHER_PROTOCOL)
    arguments = (*STUDY, "parallel=dask", f"parallel.address={address}", f"output={tmp_path / 'out'}")
    assert run_here(*arguments) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(rf"no worker of {address} can take part: tcp://\S+: protocol: 99 there, 2 here.*\n", said)
    worker("--no-nanny", preload=NO_PACKAGE)
    worker()
    wait_for_workers(address, 3)
    assert run_here(*arguments) == 0
    said = capsys.readouterr().out
    assert re.search(r"worker tcp://\S+ is left out: protocol: 99 there, 2 here", said)
    assert re.search(r"worker tcp://\S+ is left out: .*ModuleNotFoundError", said)
    assert digest(tmp_path / "out") == whole


@installed
def test_no_worker_and_no_scheduler_are_said_in_one_line(
    launched: Launch, address: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (*STUDY, "parallel=dask", "parallel.wait=1")
    run = launched(*arguments, f"parallel.address={address}", f"output={tmp_path / 'out'}")
    for where, words in {
        "tcp://127.0.0.1:9": "no dask scheduler answers at",
        "tls://127.0.0.1:9": "no dask scheduler answers at tls://127.0.0.1:9: TypeError",  # there are no certificates
        "ucx://127.0.0.1:9": "ucx://127.0.0.1:9",
    }.items():
        assert (
            run_here(*arguments, "parallel.wait=0.3", f"parallel.address={where}", f"output={tmp_path / 'here'}") == 1
        )
        said = capsys.readouterr().err
        assert words in said
        assert len(said.splitlines()) == 1, said
    _, err = run.communicate(timeout=60)
    assert run.returncode == 1
    assert "no worker came within" in err
    assert len(err.splitlines()) == 1, err


def test_without_the_extra_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(InputError, match=r"not installed: pip install 'nnxor\[cluster\]'"):
        read_options(compose("engine=numpy", "parallel=dask"))


@installed
@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("parallel.address=host", "allowed: tcp://HOST:PORT, tls://HOST:PORT"),
        ("parallel.scheduler_file=none.json", "holds no address"),
        ("parallel.wait=0", "parallel.wait=0 is not allowed"),
        ("parallel.wait=null", "parallel.wait=null is not allowed"),
        ("+parallel.foo=1", "parallel.foo is not a known key"),
    ],
)
def test_bad_settings_are_refused_in_one_line(override: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        read_options(compose("parallel=dask", override))


@installed
def test_workers_of_its_own_are_not_asked_of_a_cluster_elsewhere() -> None:
    with pytest.raises(InputError, match="n_jobs=2 would do nothing at tcp://a:1"):
        read_options(compose("parallel=dask", "parallel.address=tcp://a:1", "parallel.n_jobs=2"))
