"""How commands start and end, those of experiments too: one-line errors, exit statuses, signals."""

from __future__ import annotations

import argparse
import atexit
import errno
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import InvalidStateError
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

DONE, FAILED, BAD_INPUT, INTERRUPTED, TERMINATED = 0, 1, 2, 130, 143


class InputError(Exception):
    """Bad input: one line that names the key, the value and what is allowed. Exit status 2."""


class RunError(Exception):
    """A run could not go on: one line that says what was kept and what to do. Exit status 1."""


def in_a_line(error: BaseException) -> str:
    """An error's message in one line; its kind where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def turning(
    errors: type[Exception] | tuple[type[Exception], ...], into: type[Exception], before: str = "", after: str = ""
) -> Iterator[None]:
    """Turn errors of these kinds into another kind: one line, in which their own words stand between two texts."""
    try:
        yield
    except errors as error:
        raise into(f"{before}{getattr(error, 'strerror', None) or in_a_line(error)}{after}") from None


AGAIN = 2.0  # seconds after which an interrupt is raised again if it was swallowed, as libraries do here and there
LONGEST_LINE = 1000  # characters of an error's line that are shown
EPILOG = "Exit status: 0 done, 2 bad input, 130 or 143 interrupted, 1 anything else."
WHOLE = "interrupted; each file is either as before or new"
FOLDER: dict[str, Any] = {"metavar": "DIR", "help": "a result folder that experiments.run made"}


class Listener:
    """SIGINT and SIGTERM become a KeyboardInterrupt, until the work is over."""

    over = True
    heard = 0  # the exit status that the first signal asks for

    def listen(self) -> None:
        """Listen from now on."""
        self.over = False
        signal.signal(signal.SIGTERM, self._hear)
        signal.signal(signal.SIGINT, self._hear)  # also where a shell's `&` has turned it off
        signal.signal(signal.SIGALRM, self._repeat)
        sys.unraisablehook = self._swallowed
        threading.excepthook = self._in_a_thread

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.heard = self.heard or (TERMINATED if number == signal.SIGTERM else INTERRUPTED)
        self._repeat()

    def _repeat(self, *_: object) -> None:
        if not self.over:
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
            raise KeyboardInterrupt

    def _swallowed(self, what: sys.UnraisableHookArgs) -> None:
        """An interrupt that fell where none can be raised, into a destructor say, is raised again at once."""
        if isinstance(what.exc_value, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, 0.01)
        elif not self.heard:  # else it is the destructor of something that an interrupt left half made
            sys.__unraisablehook__(what)

    def _in_a_thread(self, what: threading.ExceptHookArgs) -> None:
        if not (self.heard or what.exc_type is InvalidStateError):  # else its pool is being ended, or broke
            threading.__excepthook__(what)


LISTENER = Listener()


def command(module: str, what: str, work: Callable[[Path], Iterable[str]], **path: Any) -> Callable[..., int]:
    """The command `python -m MODULE`: do the work on the path that it is given, and print what it tells.

    `what` is said by --help, `path` tells argparse of the path (`FOLDER`, say). It takes a list of arguments and
    returns the exit status; without arguments this process is the command's own, and ends with it.
    """

    def main(arguments: list[str] | None = None) -> int:
        parser = argparse.ArgumentParser(prog=f"python -m {module}", description=what, epilog=EPILOG)
        parser.error = lambda message: parser.exit(2, f"{message}; --help says more\n")  # type: ignore[method-assign]
        parser.add_argument("path", type=Path, **path)
        parser.add_argument("--version", action="version", version=f"nnxor {version('nnxor')}")
        given: Path = parser.parse_args(arguments).path

        def worked() -> int:
            try:
                lines = [*work(given)]
            except OSError as error:
                raise RunError(f"{error.filename or given} cannot be written: {error.strerror or error}") from None
            print(*lines, sep="\n")
            return DONE

        return finish(worked, WHOLE) if arguments is None else guarded(worked, WHOLE)

    return main


def quoted(text: str) -> str:
    """A text as Hydra's grammar takes any: backslashes count twice only before a quotation mark."""
    return "'" + re.sub(r"(\\*)('|\Z)", lambda end: 2 * end[1] + ("\\'" if end[2] else ""), text) + "'"


def finish(work: Callable[[], int], interrupted: str = "interrupted") -> NoReturn:
    """Do a command's work and exit with its status, leaving no process behind; an interrupt is told in these words.

    Python then takes itself apart, which is a tenth of a command's time: it is left at the end of what others have
    registered to be done before.
    """
    done: list[int] = []
    atexit.register(lambda: os._exit(DONE) if done else None)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115 - None where the caller closed it
        stream.reconfigure(errors="replace")  # a question may hold what the terminal cannot show
        setattr(sys, name, stream)
    LISTENER.listen()
    sys.warnoptions.append("ignore:resource_tracker")  # it tidies up after what was stopped
    try:
        status = guarded(work, interrupted)
        LISTENER.over = True
    except KeyboardInterrupt:  # it came when the work was over
        status = LISTENER.heard or INTERRUPTED
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    status = guarded(lambda: flushed(status))
    if status != DONE:
        os._exit(status)  # work may be going on in threads: it cannot be waited for, nor live through an exit
    done.append(status)
    sys.exit(status)


def flushed(status: int) -> int:
    """Flush what was printed; returns the status."""
    sys.stderr.flush()
    sys.stdout.flush()
    return status


def guarded(work: Callable[[], int], interrupted: str = "interrupted") -> int:
    """Do the work; an error becomes one line on stderr and its exit status."""
    try:
        return work()
    except KeyboardInterrupt as error:
        LISTENER.over = True  # another must not cut the answer to the first
        tell(error if str(error) else interrupted)
        return LISTENER.heard or INTERRUPTED
    except Exception as error:
        if LISTENER.heard:  # a library made an error of the interrupt
            tell(interrupted)
            return LISTENER.heard
        return failed(error)


def failed(error: Exception) -> int:
    """Say in one line what went wrong, as far as it was foreseen; returns the exit status."""
    match error:
        case InputError() | RunError():
            tell(error)
            return BAD_INPUT if isinstance(error, InputError) else FAILED
        case BrokenPipeError():
            silence()
        case ModuleNotFoundError():
            tell(f"{error.name} is not installed here: `make setup` makes .venv; then `. .venv/bin/activate`")
        case MemoryError():
            tell(f"out of memory: {str(error) or 'use fewer workers, or smaller batches'}; the same command goes on")
        case OSError():
            full = error.filename is None and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO, errno.EFBIG)
            if full:
                silence()
            what = "standard output" if full else error.filename or "a file"
            tell(f"{what} cannot be used: {error.strerror or error}")
        case _:
            raise error
    return FAILED


def silence() -> None:
    """What is still to be written to a standard output that takes no more goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def tell(error: object) -> None:
    """Print an error in one line of bearable length, without what a terminal would obey."""
    line = re.sub(r"[^\S ]+", " ", str(error))
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE * 2 // 3]} ... {line[-LONGEST_LINE // 3 :]}"
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
