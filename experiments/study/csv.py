"""A task in a CSV file of the user: columns x1 … xD, t, and perhaps `times`, how often each row counts."""

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
    names = [cell.strip() for cell in head]
    inputs = [f"x{d + 1}" for d in range(len(names) - 1 - (names[-1] == "times"))]
    if not inputs or names not in ([*inputs, "t"], [*inputs, "t", "times"]):
        raise InputError(f"{where}: its header is {','.join(names)!r}; allowed: {FORM}")
    for what, n, most in (("inputs", len(inputs), MOST_INPUTS), ("rows", len(rows), MOST_ROWS)):
        if not 1 <= n <= most:
            raise InputError(f"{where} holds {n} {what}; allowed: 1 to {most}")
    table = []
    for n, row in rows:
        if len(row) != len(head):
            raise InputError(f"{where}: line {n} holds {len(row)} values; the header has {len(head)}")
        table.append([_number(f"{where}: line {n}", *cell) for cell in zip(names, row, strict=True)])
    points = tuple(tuple(row[: len(inputs)]) for row in table)
    counts = tuple(int(row[-1]) if names[-1] == "times" else 1 for row in table)
    return Task(Path(name).name, points, tuple(row[len(inputs)] for row in table), None, counts)


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


def _number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    times = name == "times"
    if not (text.strip().isdecimal() and 1 <= value <= MOST_TIMES if times else abs(value) <= 1e30):
        allowed = f"an integer from 1 to {MOST_TIMES}" if times else "a finite number, at most 1e30"
        raise InputError(f"{where}: {name}={text.strip()!r} is not allowed; allowed: {allowed}")
    return value + 0.0  # no -0
