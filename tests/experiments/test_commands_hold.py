"""Commands hold whatever surrounds them: little memory, full disks, closed pipes, strange text, interrupts."""

import importlib
import itertools
import multiprocessing
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from harness import ROOT, command, inside
from interrupt_anywhere import Interrupts

import nnxor
from analysis import entry, report
from analysis.data import processes
from experiments import cli


@pytest.mark.parametrize("megabytes", [300, 600, 900])
def test_too_little_memory_is_said_in_one_line_before_any_work(
    megabytes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (megabytes * 1_000_000, -1))
    assert entry.guarded(lambda: cli.answer("run", "experiments.execution.session:command", (), [])) == 1
    assert capsys.readouterr().err.startswith(f"memory is limited to {megabytes} MB")


def test_a_real_limit_of_memory_ends_a_command_at_once() -> None:
    script = f"ulimit -v 600000; exec {sys.executable} -m experiments.run study=smoke"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("memory is limited to 614 MB")
    assert done.stderr.count("\n") == 1


def test_an_interrupt_that_a_library_turned_into_an_error_is_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> int:
        raise TypeError("Got unexpected argument type <class 'str'> for compute function")

    for status in (entry.INTERRUPTED, entry.TERMINATED):
        monkeypatch.setattr(entry.LISTENER, "heard", status)
        assert entry.guarded(work) == status
        assert capsys.readouterr().err == "interrupted\n"


def test_running_out_of_memory_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise MemoryError

    assert entry.guarded(work) == 1
    assert capsys.readouterr().err.startswith("out of memory: use fewer workers")


@pytest.mark.parametrize(
    ("redirection", "status", "words"),
    [("> /dev/full", 1, "standard output cannot be "), (">&-", 0, ""), ("| true", 1, "")],
)
@pytest.mark.parametrize("arguments", ["train epochs=1", "run --help"])
def test_standard_output_may_be_full_or_closed(arguments: str, redirection: str, status: int, words: str) -> None:
    script = f"{sys.executable} -m experiments.{arguments} {redirection}; echo ${{PIPESTATUS[0]}} >&2"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    *said, found = done.stderr.splitlines()
    assert int(found) in ((status, 0) if redirection == "| true" else (status,))  # who reads may read it all
    assert len(said) == bool(words)
    assert all(words in line for line in said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["output=/tmp/\udcff"], "is not UTF-8 text"),
        (["grid.lr=[" + "0.1," * 4000 + "]"], "characters, which Hydra would read for minutes"),
        (["output='/tmp/\x1b[31mred'"], "output=/tmp/\\x1b[31mred is not allowed; allowed: null, a path"),
        (["question='\x1b[31mred'"], "question=\\x1b[31mred is not allowed; allowed: a sentence"),
        (["question=what's up"], "two pairs of quotes"),
        (["seeds.count=1", "name=ü"], "cannot read name=ü; write lists without blanks"),
        (["name=ü"], "in two pairs of quotes: 'name=\"ü\"'"),
        (["hero=nope"], "hero=nope is unknown; allowed: success_rate, composition,"),
        (["hero=[a]"], "hero=['a'] is unknown; allowed: success_rate, composition,"),
        (["question=a:b, c"], "a text as 'question=\"a:b, c\"'"),
        (["question=(a"], "two pairs of quotes"),
        (["--foo"], "--foo is not an option"),
        (["smoke"], "smoke is not a setting; write KEY=VALUE"),
        (["~nothing"], "nothing cannot be removed"),
    ],
)
def test_strange_text_is_refused_in_one_plain_line(arguments: list[str], words: str) -> None:
    done = inside(*arguments, module="experiments.run")
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert len(done.stderr) < 1500
    assert done.stderr.strip().isprintable()


def test_settings_of_libraries_that_would_stop_an_import_do_no_harm(tmp_path: Path) -> None:
    strange = {"MPLBACKEND": "bogus", "OTHER": "\udcff"}
    done = command("epochs=1", f"plot={tmp_path}", "~init.weights", module="experiments.train", env=strange)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}


def test_a_benchmark_takes_each_width_once() -> None:
    assert "hidden=[4, 4] is not allowed" in inside("hidden=[4,4]", module="experiments.benchmark").stderr


@pytest.mark.parametrize("name", ["run", "train", "diagnose", "compare", "verify", "benchmark"])
def test_every_command_says_its_version(name: str) -> None:
    done = inside("--version", module=f"experiments.{name}")
    assert done.returncode == 0
    assert done.stdout == f"nnxor {nnxor.__version__}\n"


@pytest.mark.parametrize("name", ["report", "explorer.__main__", "notebooks.__main__", "speed"])
def test_every_command_of_the_analysis_does_so_too(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"analysis.{name}").main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"nnxor {nnxor.__version__}\n")


@pytest.mark.parametrize(("line", "words"), [("nnxor-run study=sm", "study=smoke"), ("nnxor-train act", "activation=")])
def test_the_tab_key_completes_settings(line: str, words: str) -> None:
    name = line.split()[0]
    script = (
        f"import sys, {(module := name.replace('nnxor-', 'experiments.'))}; sys.argv[0] = '{name}'; {module}.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "-sc", "query=bash"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COMP_LINE": line, "COMP_POINT": str(len(line))},
        capture_output=True,
        text=True,
    )
    assert done.stdout.split() == [words]


def test_a_device_is_never_replaced(tmp_path: Path, tiny: Path, unprinted: None) -> None:
    device = tmp_path / "device"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))  # as /dev/null, which no test goes near
    except PermissionError:
        pytest.skip("making devices is not permitted here")
    for module, *arguments in (
        ("train", "epochs=1", f"save={device}"),
        ("train", "epochs=1", f"plot={device}"),
        ("run", f"output={device}", "dry_run=true"),
        *(("compare", str(tiny), str(tiny), f"{kind}={device}") for kind in ("html", "csv", "json")),
    ):
        done = inside(*arguments, module=f"experiments.{module}")
        assert done.returncode in (1, 2)
        assert (done.stderr.count("\n"), str(device) in done.stderr) == (1, True), (module, arguments, done.stderr)
        assert stat.S_ISCHR(device.lstat().st_mode)
    (tiny / "report.html").unlink(missing_ok=True)
    os.mknod(tiny / "report.html", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    assert report.main([str(tiny)]) == 1
    assert stat.S_ISCHR((tiny / "report.html").lstat().st_mode)


@pytest.mark.parametrize("name", ["figures", "notebooks"])
def test_nothing_is_written_through_a_link(
    name: str, tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "theirs").mkdir()
    (tiny / name).symlink_to(tmp_path / "theirs")
    work = {"figures": report.main, "notebooks": importlib.import_module("analysis.notebooks.__main__").main}[name]
    assert work([str(tiny)]) == 1
    assert capsys.readouterr().err == f"{tiny / name} cannot be written: it is a link, so it is left as it is\n"
    assert not [*(tmp_path / "theirs").iterdir()]


@pytest.fixture
def tiny(finished: Callable[..., Path]) -> Path:
    return finished("grid.hidden=3", "grid.init=he", "grid.lr=0.1", "seeds.count=4", "base.epochs=5")


@pytest.mark.parametrize(("kind", "after"), [("threads", 0.8), ("loky", 2.3), ("train", 0.4), ("small batches", 1.5)])
def test_an_interrupt_ends_a_command_in_one_line(kind: str, after: float, tmp_path: Path) -> None:
    """A sample of what interrupt_anywhere.py does many times."""
    assert Interrupts(tmp_path).interrupt(kind, after, signal.SIGINT) == ""


@pytest.mark.parametrize("numbers", list(itertools.permutations((signal.SIGINT, signal.SIGTERM))))
def test_the_first_signal_decides_the_status(numbers: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "setitimer", lambda *_: None)
    listener = entry.Listener()
    listener.over = False
    with pytest.raises(KeyboardInterrupt):
        listener._hear(numbers[0], None)
    listener.over = True  # while the answer to it is being told
    listener._hear(numbers[1], None)
    assert listener.heard == {signal.SIGINT: entry.INTERRUPTED, signal.SIGTERM: entry.TERMINATED}[numbers[0]]


@pytest.mark.parametrize("heard", [0, entry.INTERRUPTED])
def test_what_an_interrupt_left_half_made_is_not_told(heard: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A string of LLVM's was destroyed before it was made, and its traceback stood beside the one line."""
    listener, told = entry.Listener(), list[object]()
    listener.heard = heard
    monkeypatch.setattr(sys, "__unraisablehook__", told.append)
    listener._swallowed(SimpleNamespace(exc_value=AttributeError("_owned")))  # type: ignore[arg-type]
    assert bool(told) != bool(heard)


def test_a_killed_helper_leaves_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of what was cancelled its pool's thread dies in some versions of Python (gh-107219)."""
    told = list[threading.ExceptHookArgs]()
    monkeypatch.setattr(threading, "__excepthook__", told.append)
    monkeypatch.setattr(threading, "excepthook", entry.Listener()._in_a_thread)
    with processes.helpers("json") as pool:
        working = [pool.submit(time.sleep, 60) for _ in range(8)]
        assert working[-1].cancel()
        for process in pool._processes.values():
            process.kill()
        with pytest.raises(BrokenProcessPool):
            working[0].result(timeout=30)
    assert not told


def test_an_interrupt_while_helpers_start_leaves_none_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def interrupted() -> Iterator[None]:
        yield
        raise KeyboardInterrupt  # SIGTERM, which is heard even there

    monkeypatch.setattr(processes, "deaf", interrupted)
    before = multiprocessing.active_children()  # of tests that ran here: loky's, a cluster's
    with pytest.raises(KeyboardInterrupt), processes.helpers("json"):
        pass
    left, end = [each for each in multiprocessing.active_children() if each not in before], time.monotonic() + 10
    for process in left:
        while process.is_alive() and time.monotonic() < end:  # the pool's thread waits too: one join may see nothing
            time.sleep(0.01)
    assert not any(process.is_alive() for process in left)
