"""A task in a CSV file of the user: columns x1 … xD, t, and perhaps `times`, how often each row counts."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from analysis.data.door import read_bytes
from experiments.errors import InputError
from nnxor.network.tasks import Task

MOST_BYTES = 2**24
MOST_ROWS = 1024
MOST_INPUTS = 256
MOST_TIMES = 10**6

FORM = "a header x1,x2,...,t (and times, if rows count more than once), then a row of numbers for each point"


def load_task(key: str, name: str) -> Task:
    """The task in a CSV file; InputError names the row that is wrong."""
    where = f"{key}={name}"
    (_, head), *rows = _lines(key, name)
    n_inputs, times = _header(where, [cell.strip() for cell in head])
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InputError(f"{where} holds {len(rows)} rows; allowed: 1 to {MOST_ROWS}")
    inputs, targets, counts = [], [], []
    for n, row in rows:
        line = f"{where}: line {n}"
        if len(row) != len(head):
            raise InputError(f"{line} holds {len(row)} values; the header has {len(head)}")
        inputs.append(tuple(_number(line, f"x{d + 1}", row[d]) for d in range(n_inputs)))
        targets.append(_number(line, "t", row[n_inputs]))
        counts.append(_times(line, row[-1]) if times else 1)
    return Task(Path(name).name, tuple(inputs), tuple(targets), None, tuple(counts))


def _lines(key: str, name: str) -> list[tuple[int, list[str]]]:
    """The lines of a CSV file that are not blank, with their numbers; at least one."""
    path = Path(name)
    try:
        text = io.StringIO(read_bytes(path, MOST_BYTES).decode("utf-8-sig"), newline="")
        lines = [(n, row) for n, row in enumerate(csv.reader(text, strict=True), 1) if any(map(str.strip, row))]
    except FileNotFoundError:
        raise InputError(f"{key}={name} does not exist; allowed: a name in conf/task, or a .csv file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{key}={name} cannot be read as CSV ({' '.join(str(error).split())}); allowed: {FORM}"
        ) from None
    if set(path.name) & set(";:") or not path.name.isprintable():
        raise InputError(
            f"{key}={name!r} is not allowed; allowed: a file's name of printable characters but ';' and ':'"
        )
    if not lines:
        raise InputError(f"{key}={name} is empty; allowed: {FORM}")
    return lines


def _header(where: str, names: list[str]) -> tuple[int, bool]:
    """Number of inputs, and whether there is a column `times`."""
    times = bool(names) and names[-1] == "times"
    fields = names[:-1] if times else names
    n_inputs = len(fields) - 1
    if n_inputs < 1 or fields != [*(f"x{d + 1}" for d in range(n_inputs)), "t"]:
        raise InputError(f"{where}: its header is {','.join(names)!r}; allowed: {FORM}")
    if n_inputs > MOST_INPUTS:
        raise InputError(f"{where} has {n_inputs} inputs; allowed: 1 to {MOST_INPUTS}")
    return n_inputs, times


def _number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= 1e30:
        raise InputError(f"{where}: {name}={text.strip()!r} is not allowed; allowed: a finite number, at most 1e30")
    return value + 0.0  # no -0


def _times(where: str, text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if not 1 <= value <= MOST_TIMES:
        raise InputError(f"{where}: times={text.strip()!r} is not allowed; allowed: an integer from 1 to {MOST_TIMES}")
    return value
