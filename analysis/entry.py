"""How the commands of the analysis start and end: arguments, one-line errors, exit statuses, signals."""

import argparse
import atexit
import signal
import sys
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from analysis.data.door import FolderError
from analysis.data.signals import LISTENER, Terminated

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
    told, status = "", 0
    if arguments is None:  # this process is the command's own
        LISTENER.listen()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            atexit.register(signal.signal, number, signal.SIG_IGN)  # Python itself ends without ours
    try:
        for line in work(given):
            print(line)
    except (Exception, KeyboardInterrupt) as error:
        LISTENER.over = True
        if LISTENER.heard or isinstance(error, KeyboardInterrupt):  # of which libraries make errors of their own
            ended = Terminated in (type(error), getattr(LISTENER, "kind", None))
            told, status = "interrupted; each file is either as before or new", 143 if ended else 130
        elif isinstance(error, FolderError | FailedError):
            told, status = str(error), 2 if isinstance(error, FolderError) else 1
        elif isinstance(error, OSError):
            told, status = f"{error.filename or given} cannot be written: {error.strerror or error}", 1
        else:
            raise
    LISTENER.over = True
    if told:
        print(told, file=sys.stderr)
    return status
