"""How the commands of the analysis start and end: arguments, one-line errors, exit statuses, signals."""

import argparse
import atexit
import signal
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any

from analysis.data.door import FolderError

EPILOG = "Exit status: 0 done, 2 bad input, 130 or 143 interrupted, 1 anything else."

FOLDER: dict[str, Any] = {"metavar": "DIR", "help": "a result folder that experiments.run made"}


class FailedError(Exception):
    """What could not be done: one line that says what and why. Exit status 1."""


def command(
    module: str, what: str, work: Callable[[Path], Iterable[str]], arguments: list[str] | None, **path: Any
) -> int:
    """Do the work of `python -m MODULE` on the path that it is given, and print what it tells; returns the exit status.

    `what` is said by --help, `path` tells argparse of the path (`FOLDER`, say).
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=what, epilog=EPILOG)
    parser.error = lambda message: parser.exit(2, f"{message}; --help says more\n")  # type: ignore[method-assign]
    parser.add_argument("path", type=Path, **path)
    parser.add_argument("--version", action="version", version=f"nnxor {version('nnxor')}")
    given: Path = parser.parse_args(arguments).path
    told, status, over = "", 0, False

    def hear(number: int, _frame: FrameType | None) -> None:
        if not over:
            raise KeyboardInterrupt(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, hear)
        atexit.register(signal.signal, number, signal.SIG_IGN)  # Python itself ends without ours
    try:
        for line in work(given):
            print(line)
    except (FolderError, FailedError) as error:
        told, status = str(error), 2 if isinstance(error, FolderError) else 1
    except OSError as error:
        told, status = f"{error.filename or given} cannot be written: {error.strerror or error}", 1
    except KeyboardInterrupt as stop:
        over = True
        told, status = "interrupted; each file is either as before or new", stop.args[0] if stop.args else 130
    over = True
    if told:
        print(told, file=sys.stderr)
    return status
