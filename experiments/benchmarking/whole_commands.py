"""What whole commands take, from the start of their process to its end: seconds and peak memory."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Any

from experiments.errors import RunError

Row = dict[str, Any]


@dataclass(frozen=True)
class Command:
    """A command of the package: in words, its arguments, how many trainings it does, whether it is timed but once."""

    name: str
    arguments: tuple[str, ...]
    trainings: int
    once: bool = False


def commands(epochs: int, trainings: int) -> list[Command]:
    """Those that people wait for; `trainings` is the size of the large study, a multiple of its 16 conditions."""
    study = ("experiments.run", f"base.epochs={epochs}")
    large = (*study, "report=false", f"seeds.count={trainings // 16}")
    return [
        Command("help", ("experiments.run", "--help"), 0),
        Command("default study, summary", (*study, "report=false"), 16_000),
        Command("default study, report", study, 16_000),
        Command("large study, summary", large, trainings, once=True),
    ]


def time_command(command: Command, repeats: int) -> Row:
    """Median seconds of several runs, each into an empty folder, and the most memory of any process of any run."""
    seconds, peaks = [], []
    for _ in range(1 if command.once else repeats):
        with tempfile.TemporaryDirectory() as folder:
            output = [f"output={folder}/results"] if command.trainings else []
            taken, peak = _run([sys.executable, "-m", *command.arguments, *output])
        seconds.append(taken)
        peaks.append(peak)
    return {
        "command": command.name,
        "trainings": command.trainings,
        "runs": len(seconds),
        "seconds": statistics.median(seconds),
        "seconds_min": min(seconds),
        "seconds_max": max(seconds),
        "peak_mb": max(peaks),
    }


LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([time.perf_counter() - began, peak / 1e6, done.returncode, done.stderr[-2000:]]))
"""
"""A small process between: the system counts as a process's own peak what the one had that started it."""


def _run(arguments: list[str]) -> tuple[float, float]:
    """Wall seconds of a process, and the megabytes of the largest one among it and those that it waited for."""
    launcher = [sys.executable, "-c", LAUNCHER, *arguments]
    with subprocess.Popen(launcher, stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            seconds, peak, status, said = json.loads(process.communicate()[0])
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)  # nothing stays behind an interrupted benchmark
            raise
    if status:
        words = said.strip().splitlines()
        raise RunError(f"{' '.join(arguments[1:])} ended with {status}: {words[-1] if words else 'no word'}")
    return seconds, peak
