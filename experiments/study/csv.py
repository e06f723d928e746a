"""A task in a CSV file of the user: columns x1 … xD, t, and perhaps `times`, how often each row counts."""

import csv
import io
import math
from pathlib import Path

from analysis.data.door import read_bytes
from experiments.errors import InputError, in_a_line
from nnxor.network.tasks import Task

MOST_BYTES = 2**24
MOST_ROWS = 1024
MOST_INPUTS = 256
MOST_TIMES = 10**6

FORM = "a header x1,x2,...,t (and times, if rows count more than once), then a row of numbers for each point"


def load_task(key: str, name: str) -> Task:
    """The task in a CSV file; InputError names the row that is wrong."""
    where, path = f"{key}={name}", Path(name)
    (_, head), *rows = _lines(where, path)
    inputs = [f"x{d + 1}" for d in range(len(head) - 1 - (head[-1] == "times"))]
    if not inputs or head not in ([*inputs, "t"], [*inputs, "t", "times"]):
        raise InputError(f"{where}: its header is {','.join(head)!r}; allowed: {FORM}")
    for what, n, most in (("inputs", len(inputs), MOST_INPUTS), ("rows", len(rows), MOST_ROWS)):
        if not 1 <= n <= most:
            raise InputError(f"{where} holds {n} {what}; allowed: 1 to {most}")
    points, targets, times = [], [], []
    for n, row in rows:
        if len(row) != len(head):
            raise InputError(f"{where}: line {n} holds {len(row)} values; the header has {len(head)}")
        numbers = [_number(f"{where}: line {n}", *cell) for cell in zip(head, row, strict=True)]
        points.append(tuple(numbers[: len(inputs)]))
        targets.append(numbers[len(inputs)])
        times.append(int(numbers[-1]) if head[-1] == "times" else 1)
    return Task(path.name, tuple(points), tuple(targets), None, tuple(times))


def _lines(where: str, path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a CSV file that are not blank, with their numbers; at least one."""
    try:
        text = io.StringIO(read_bytes(path, MOST_BYTES).decode("utf-8-sig"), newline="")
        rows = [[cell.strip() for cell in row] for row in csv.reader(text, strict=True)]
    except FileNotFoundError:
        raise InputError(f"{where} does not exist; allowed: a name in conf/task, or a .csv file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{where} cannot be read as CSV ({in_a_line(error)}); allowed: {FORM}") from None
    if set(path.name) & set(";:") or not path.name.isprintable():
        raise InputError(f"{where!r} is not allowed; allowed: a file's name of printable characters but ';' and ':'")
    if not any(map(any, rows)):
        raise InputError(f"{where} is empty; allowed: {FORM}")
    return [(n, row) for n, row in enumerate(rows, 1) if any(row)]


def _number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    times = name == "times"
    if not (text.isdecimal() and 1 <= value <= MOST_TIMES if times else abs(value) <= 1e30):
        allowed = f"an integer from 1 to {MOST_TIMES}" if times else "a finite number, at most 1e30"
        raise InputError(f"{where}: {name}={text!r} is not allowed; allowed: {allowed}")
    return value + 0.0  # no -0
