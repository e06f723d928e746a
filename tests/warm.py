"""Commands as processes forked from one that has imported everything: a start takes hundredths of a second.

All else is a command's own: its module runs as `__main__`, in a session of its own, and ends as Python ends.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

from harness import ROOT, inside

WARMING: tuple[tuple[str, ...], ...] = (
    (
        "experiments.run", "study=smoke", "base.epochs=2", "seeds.count=2", "report=false", "parallel.n_jobs=1",
        "output={}",
    ),
    ("experiments.train", "epochs=2", "plot={}.png"),
    ("experiments.diagnose", "loss=0.25"),
)  # fmt: skip
"""What is done once, for what functions import, and for kernels."""

ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}


class Forked:
    """A command that was forked, with the part of Popen that is needed here."""

    def __init__(self, pid: int, told: IO[str]) -> None:
        self.pid, self._told = pid, told
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit status, or None while it runs."""
        return self._look(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once there is one; TimeoutExpired if there is none in time."""
        if (status := self._look(timeout)) is None:
            raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0)
        return status

    def _look(self, timeout: float | None) -> int | None:
        with selectors.DefaultSelector() as told:
            told.register(self._told, selectors.EVENT_READ)
            if self.returncode is None and told.select(timeout):
                self.returncode = int(self._told.readline())
        return self.returncode


class Warm:
    """The process that commands are forked from, one at a time."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, __file__],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._server.stdin and self._server.stdout
        self._asked, self._told = self._server.stdin, self._server.stdout
        assert self._told.readline() == "ready\n"

    def start(self, words: list[str], err: Path) -> Forked:
        """Start `python -m` of these words; what it writes to stderr goes to a file."""
        print(json.dumps([str(err), *words]), file=self._asked, flush=True)
        return Forked(int(self._told.readline()), self._told)

    def __enter__(self) -> "Warm":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()


def start(words: list[str], err: Path, warm: Warm | None) -> "Forked | subprocess.Popen[bytes]":
    """Start `python -m` of these words, forked from a warm process or anew; what it writes to stderr goes to a file."""
    if warm:
        return warm.start(words, err)
    with open(err, "wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=subprocess.DEVNULL,
            stderr=file,
            start_new_session=True,
        )


def listens(process: "Forked | subprocess.Popen[bytes]") -> bool:
    """Wait until a command listens to signals (before, Python answers in its own way); whether it came to that."""
    while process.poll() is None:
        status = Path(f"/proc/{process.pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        if caught >> signal.SIGTERM - 1 & 1:
            return True
        time.sleep(0.002)
    return False


def warm_up() -> None:
    """Import everything, and load kernels."""
    for package in map(importlib.import_module, ("nnxor", "experiments", "analysis")):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and "analysis.notebooks." not in module.name:
                importlib.import_module(module.name)
    with tempfile.TemporaryDirectory() as folder:
        for module, *arguments in WARMING:
            done = inside(*(each.format(f"{folder}/new") for each in arguments), module=module)
            assert done.returncode == 0, done.stderr
    gc.collect()
    gc.freeze()


def serve() -> str:
    """Fork what is asked for, tell its process and how it ended; returns, in each that was forked, its module."""
    print("ready", flush=True)
    for line in sys.stdin:
        err, module, *arguments = json.loads(line)
        if child := os.fork():
            print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
            continue
        os.setsid()
        print(os.getpid(), flush=True)
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number, other in ((0, nowhere), (1, nowhere), (2, os.open(err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))):
            os.dup2(other, number)
        sys.argv, sys.path[0] = ["", *arguments], str(ROOT)
        return str(module)
    return ""


if __name__ == "__main__":
    warm_up()
    if name := serve():
        sys.modules.pop(name, None)
        runpy.run_module(name, run_name="__main__", alter_sys=True)
