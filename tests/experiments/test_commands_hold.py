"""Commands hold whatever surrounds them: little memory, full disks, closed pipes, strange text, interrupts."""

from __future__ import annotations

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from harness import ROOT, command, inside
from interrupt_anywhere import interrupt

from experiments import cli


@pytest.mark.parametrize("megabytes", [300, 600, 900])
def test_too_little_memory_is_said_in_one_line_before_any_work(
    megabytes: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (megabytes * 1_000_000, -1))
    assert cli.guarded(lambda: cli.command("run", "experiments.execution.session:command", (), [])) == 1
    assert capsys.readouterr().err.startswith(f"memory is limited to {megabytes} MB")


def test_a_real_limit_of_memory_ends_a_command_at_once() -> None:
    script = f"ulimit -v 600000; exec {sys.executable} -m experiments.run study=smoke"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("memory is limited to 614 MB")
    assert done.stderr.count("\n") == 1


def test_running_out_of_memory_is_said_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise MemoryError

    assert cli.guarded(work) == 1
    assert capsys.readouterr().err.startswith("out of memory")


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
        (["output='/tmp/\x1b[31mred'"], "output='/tmp/\\x1b[31mred' is not allowed; allowed: a path"),
        (["question='\x1b[31mred'"], "question=\\x1b[31mred is not allowed; allowed: a sentence"),
        (["question=what's up"], "two pairs of quotes"),
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
    strange = {"NUMBA_NUM_THREADS": "0", "MPLBACKEND": "bogus", "OTHER": "\udcff"}
    done = command("epochs=1", f"plot={tmp_path}", "~init.weights", module="experiments.train", env=strange)
    assert (done.returncode, done.stderr) == (0, "")
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".svg"}


def test_a_benchmark_takes_each_width_once() -> None:
    assert "hidden=[4, 4] is not allowed" in inside("hidden=[4,4]", module="experiments.benchmark").stderr


@pytest.mark.parametrize("name", ["run", "train", "diagnose", "compare", "benchmark"])
def test_every_command_says_its_version(name: str) -> None:
    done = inside("--version", module=f"experiments.{name}")
    assert done.returncode == 0
    assert done.stdout.startswith("nnxor ")


@pytest.mark.parametrize(("kind", "after"), [("threads", 1.0), ("loky", 2.5), ("train", 0.6), ("scanning", 1.7)])
def test_an_interrupt_ends_a_command_in_one_line(kind: str, after: float, tmp_path: Path) -> None:
    """A sample of what interrupt_anywhere.py does many times."""
    assert interrupt(kind, tmp_path, after, signal.SIGINT) == ""
