"""What `experiments.benchmark` does: every engine against what people use, and whole commands, on one machine."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from analysis.data.door import FolderError, write_text
from analysis.data.processes import available_cores
from analysis.entry import DONE, InputError, RunError, turning
from analysis.speed import PICTURES, write_figures
from experiments.benchmarking import contenders as who
from experiments.execution.progress import say
from experiments.store.manifest import now, provenance
from experiments.study.checked import checked, path, section
from nnxor import engines
from nnxor.checks import Check, allowing, instance, whole
from nnxor.condition import MOST_EPOCHS

FILES = (*(f"{name}.csv" for name in who.TABLES), "commands.csv", "machine.json", *PICTURES)  # in the end
WIDTHS = "a width, or a list of different ones"
SETTINGS: dict[str, Check] = {
    "hidden": instance((int, list), WIDTHS),
    "epochs": whole(1, MOST_EPOCHS), "repeats": whole(1, 1000), "trainings": whole(0, 10**9), "output": path,
}  # fmt: skip
LAUNCHER = """
import json, resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace")
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps([time.perf_counter() - began, peak / 1e6, done.returncode, done.stderr[-2000:]]))
"""
"""A small process between: the system counts as a process's own peak what the one had that started it."""


def benchmark(config: Mapping[str, Any]) -> int:
    """Time all contenders for each width, then whole commands; print tables, write files and a figure."""
    hidden, epochs, repeats, trainings, folder = section("", config, SETTINGS).values()
    widths = hidden if isinstance(hidden, list) else [hidden]
    for width in widths:
        checked("hidden", width, whole(1, 4096))
    checked("hidden", widths, allowing(lambda each: 0 < len({*each}) == len(each), WIDTHS))
    checked("trainings", trainings, allowing(lambda n: n % 16 == 0, "a multiple of 16, the default study's conditions"))
    for engine in engines.ENGINES.values():
        if engine.fault:
            raise RunError(f"the engine {engine.name} cannot be loaded: {engine.fault}; nothing was timed or removed")
    with turning(OSError, InputError, f"output={folder} cannot be a folder for the figures: "):  # before any work
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:  # of an earlier run
            (folder / name).unlink(missing_ok=True)
        (folder / "machine.json").touch()
    machine = {"started": now(), "cores": available_cores(), **provenance()}
    try:
        write_text(folder / "machine.json", json.dumps(machine, indent=2) + "\n")
        time_engines(widths, epochs, repeats, folder)
        if trainings:
            time_commands(epochs, trainings, repeats, folder)
        write_figures(folder)
    except BrokenPipeError:
        raise
    except (OSError, FolderError) as error:
        raise RunError(f"stopped: {error}; the tables so far are in {folder}") from None
    say(f"\nfigures: {folder}")
    return DONE


def time_engines(widths: list[int], epochs: int, repeats: int, folder: Path) -> None:
    """Time all contenders, what the numba engine leaves out, and kinds of condition against JAX, width by width."""
    timed: dict[str, list[who.Row]] = {name: [] for name in who.TABLES}
    for hidden in widths:
        for name in who.TABLES:
            rows = who.timed(name, hidden, epochs, repeats)
            timed[name] += rows
            write_csv(folder / f"{name}.csv", timed[name])
            say(f"\n{hidden} hidden units, {epochs:,} epochs{SHOWN[name](pd.DataFrame(rows))}")
    if len(widths) > 1:
        say(f"\nall widths{left_out_table(pd.DataFrame(timed['left_out']))}")


def time_commands(epochs: int, trainings: int, repeats: int, folder: Path) -> None:
    """Time whole commands."""
    rows: list[who.Row] = []
    say("\nwhole commands: trainings, runs, seconds (least to most), MB of memory")
    for command in commands(epochs, trainings):
        rows.append(row := time_command(command, repeats))
        span = f"({row['seconds_min']:.3g} to {row['seconds_max']:.3g})"
        done = f"{row['command']:<22}{row['trainings']:>11,}{row['runs']:>4}"
        say(f"{done}{row['seconds']:>8.3g} {span:<18}{row['peak_mb']:>8,.0f}")
        write_csv(folder / "commands.csv", rows)


def engines_table(timed: pd.DataFrame) -> str:
    """The contenders of one width, with the ratios to the article's loop and to JAX."""
    ms = timed.set_index("contender")["ms_per_training"]
    table = timed[["cores"]].assign(ms=timed["ms_per_training"]).set_axis(timed["contender"])
    for name, short in ((who.PYTORCH_LOOP, "x PyTorch"), (who.NUMPY_LOOP, "x NumPy"), (who.JAX, "x JAX")):
        if name in ms:
            table[short] = ms[name] / table["ms"]
    return f" per training (init {who.INIT}, lr {who.LR})\n{_lines(table)}"


def left_out_table(timed: pd.DataFrame) -> str:
    """What the numba engine takes under each condition, with how many times faster leaving out each thing makes it."""
    where = timed["init"] + " " + timed["lr"].astype(str)
    ms = timed.pivot_table("ms_per_training", where, "left_out", "sum", sort=False)
    ms.loc["all"] = ms.sum()
    ratios = {name: ms["in full"] / ms[name] for name in ("dead units", "repeats", "both")}
    table = pd.DataFrame({"ms in full": ms["in full"], **ratios, "both, ms": ms["both"]})
    what = "ms of CPU of the numba engine, and how many times faster it is if it leaves out:"
    return f", the default study's conditions on 1 core\n{what}\n{_lines(table)}"


def kinds_table(timed: pd.DataFrame) -> str:
    """Kinds of condition, and how many times longer others take for them where they are installed."""
    us = 1e3 * timed.pivot_table("ms_per_training", "kind", "contender", sort=False)
    table = us.rename(columns=lambda name: name.partition(",")[0])
    for name in table.columns[1:]:
        table[f"x {name}"] = table[name] / table["engine numba"]
    return f", lr 0.01: µs of CPU per training\n{_lines(table)}"


SHOWN = {"engines": engines_table, "left_out": left_out_table, "kinds": kinds_table}  # of one width, in words


def _lines(table: pd.DataFrame) -> str:
    return table.rename_axis(None).to_string(float_format="{:,.4g}".format, na_rep="", col_space=9)


def write_csv(path: Path, rows: list[who.Row]) -> None:
    """Write rows that have the same columns."""
    write_text(path, pd.DataFrame(rows).to_csv(index=False, na_rep="nan"))


class Command(NamedTuple):
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


def time_command(command: Command, repeats: int) -> who.Row:
    """Median seconds of several runs, each into an empty folder, and the most memory of any process of any run."""
    runs = []
    for _ in range(1 if command.once else repeats):
        with tempfile.TemporaryDirectory() as folder:
            output = [f"output={folder}/results"] if command.trainings else []
            runs.append(_run([sys.executable, "-m", *command.arguments, *output]))
    seconds, peaks = zip(*runs, strict=True)
    what = {"command": command.name, "trainings": command.trainings, "runs": len(runs)}
    span = {"seconds": statistics.median(seconds), "seconds_min": min(seconds), "seconds_max": max(seconds)}
    return {**what, **span, "peak_mb": max(peaks)}


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
