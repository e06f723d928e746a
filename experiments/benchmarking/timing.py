"""What `experiments.benchmark` does: every engine against what people use, in one run on one machine."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.data.door import FolderError, replacing
from analysis.speed import write_figure
from experiments.benchmarking.contenders import (
    INIT,
    JAX,
    LEFT_OUT,
    LR,
    NUMPY_LOOP,
    PYTORCH_LOOP,
    Row,
    time_left_out,
    time_width,
)
from experiments.benchmarking.kinds import kinds_table, time_kinds
from experiments.benchmarking.whole_commands import commands, time_command
from experiments.errors import DONE, InputError, RunError
from experiments.execution.options import available_cores, read_path
from experiments.execution.progress import say
from experiments.store.origin import now, provenance
from experiments.study.checked import known_keys, whole
from nnxor.condition import MOST_EPOCHS

FILES = ("engines.csv", "left_out.csv", "kinds.csv", "commands.csv", "machine.json", "speed.png", "speed.svg")
"""What the folder holds in the end."""


def benchmark(config: Mapping[str, Any]) -> int:
    """Time all contenders for each width, then whole commands; print tables, write files and a figure."""
    known_keys("", config, ["hidden", "epochs", "repeats", "trainings", "output"])
    widths = _widths(config["hidden"])
    epochs, repeats = whole("epochs", config["epochs"], 1, MOST_EPOCHS), whole("repeats", config["repeats"], 1, 1000)
    trainings = _trainings(config["trainings"])
    folder = _folder(read_path("output", config["output"]))

    try:
        write_machine(folder)
        time_engines(widths, epochs, repeats, folder)
        if trainings:
            time_commands(epochs, trainings, repeats, folder)
        write_figure(folder)
    except BrokenPipeError:
        raise
    except (OSError, FolderError) as error:
        raise RunError(f"stopped: {error}; the tables so far are in {folder}") from None
    say(f"\nfigures: {folder}")
    return DONE


def write_machine(folder: Path) -> None:
    """Write where and with what the figures come about."""
    machine = {"started": now(), "cores": available_cores(), **provenance()}
    (folder / "machine.json").write_text(json.dumps(machine, indent=2) + "\n", encoding="utf-8")


def time_engines(widths: Sequence[int], epochs: int, repeats: int, folder: Path) -> None:
    """Time all contenders, what the numba engine leaves out, and kinds of condition against JAX, width by width."""
    engines: list[Row] = []
    left_out: list[Row] = []
    kinds: list[Row] = []
    for hidden in widths:
        timed = time_width(hidden, epochs, repeats)
        engines += timed
        say("\n".join(table(timed)))
        write_csv(folder / "engines.csv", engines)
        timed = time_left_out(hidden, epochs, repeats)
        left_out += timed
        say("\n".join(left_out_table(timed)))
        write_csv(folder / "left_out.csv", left_out)
        timed = time_kinds(hidden, epochs, repeats)
        kinds += timed
        say("\n".join(kinds_table(timed)))
        write_csv(folder / "kinds.csv", kinds)
    if len(widths) > 1:
        say(all_widths(left_out))


def time_commands(epochs: int, trainings: int, repeats: int, folder: Path) -> None:
    """Time whole commands."""
    rows: list[Row] = []
    say("\n".join(commands_head()))
    for command in commands(epochs, trainings):
        rows.append(time_command(command, repeats))
        say(commands_line(rows[-1]))
        write_csv(folder / "commands.csv", rows)


def _widths(value: object) -> list[int]:
    given = value if isinstance(value, list) else [value]
    widths = [whole("hidden", width, 1, 4096) for width in given]
    if not widths or len(set(widths)) < len(widths):
        raise InputError(f"hidden={value} is not allowed; allowed: a width, or a list of different ones")
    return widths


def _trainings(value: object) -> int:
    trainings = whole("trainings", value, 0, 10**9)
    if trainings % 16:
        raise InputError(
            f"trainings={trainings} is not allowed; allowed: a multiple of 16, the default study's conditions"
        )
    return trainings


def _folder(path: Path) -> Path:
    """The folder for the files, empty of those of an earlier run; InputError, before any work, if that cannot be."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (path / name).unlink(missing_ok=True)
        (path / "machine.json").touch()
    except OSError as error:
        raise InputError(f"output={path} cannot be a folder for the figures: {error.strerror or error}") from None
    return path


def table(chosen: list[Row]) -> list[str]:
    """The rows of one width as lines of text, with the ratios to the article's loop and to JAX."""
    by_name = {row["contender"]: row["ms_per_training"] for row in chosen}
    measures = {PYTORCH_LOOP: "x PyTorch", NUMPY_LOOP: "x NumPy", JAX: "x JAX"}
    measures = {name: short for name, short in measures.items() if name in by_name}
    hidden, epochs = chosen[0]["hidden"], chosen[0]["epochs"]
    lines = ["", f"{hidden} hidden units, {epochs:,} epochs a training (init {INIT}, lr {LR})"]
    lines.append(f"{'':<24}{'cores':>6}{'ms':>11}" + "".join(f"{short:>11}" for short in measures.values()))
    for row in chosen:
        ratios = "".join(f"{by_name[name] / row['ms_per_training']:>11,.3g}" for name in measures)
        lines.append(f"{row['contender']:<24}{row['cores']:>6}{row['ms_per_training']:>11.4g}{ratios}")
    return lines


def left_out_table(rows: list[Row]) -> list[str]:
    """The rows of `time_left_out` of one width as lines of text, with how many times faster each makes it."""
    lines = [
        "",
        f"{rows[0]['hidden']} hidden units, {rows[0]['epochs']:,} epochs, the default study's conditions on 1 core",
        "ms of CPU of the numba engine, and how many times faster it is if it leaves out:",
        f"{'':<14}{'ms in full':>12}{'dead units':>14}{'repeats':>12}{'both':>10}{'both, ms':>12}",
    ]
    for n in range(0, len(rows), len(LEFT_OUT)):
        some = rows[n : n + len(LEFT_OUT)]
        ms = {row["left_out"]: row["ms_per_training"] for row in some}
        lines.append(_left_out_line(f"{some[0]['init']:<9}{some[0]['lr']:>5}", ms))
    return [*lines, _left_out_line("all", _sums(rows))]


def all_widths(rows: list[Row]) -> str:
    """The line for all conditions of all widths."""
    return "\n" + _left_out_line("all widths", _sums(rows))


def _left_out_line(name: str, ms: Mapping[str, float]) -> str:
    full = ms["in full"]
    faster = f"{full / ms['dead units']:>14.3g}{full / ms['repeats']:>12.3g}{full / ms['both']:>10.3g}"
    return f"{name:<14}{full:>12.4g}{faster}{ms['both']:>12.4g}"


def _sums(rows: list[Row]) -> dict[str, float]:
    return {name: sum(row["ms_per_training"] for row in rows if row["left_out"] == name) for name in LEFT_OUT}


def commands_head() -> list[str]:
    """The head of the table of whole commands."""
    head = f"{'':<26}{'trainings':>12}{'runs':>6}{'s':>8}{'min':>8}{'max':>8}{'peak MB':>10}"
    return ["", "whole commands, from process start to end", head]


def commands_line(row: Row) -> str:
    """A row of `time_command` as a line of text."""
    times = "".join(f"{row[name]:>8.3g}" for name in ("seconds", "seconds_min", "seconds_max"))
    return f"{row['command']:<26}{row['trainings']:>12,}{row['runs']:>6}{times}{row['peak_mb']:>10,.0f}"


def write_csv(path: Path, rows: list[Row]) -> None:
    """Write rows that have the same columns."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
