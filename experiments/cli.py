"""What every command shares: how it starts, one-line errors, exit statuses, signals."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from analysis.data.signals import LISTENER, Terminated
from experiments.errors import BAD_INPUT, DONE, FAILED, INTERRUPTED, TERMINATED, InputError, RunError

LEAST_MEMORY = 1500  # MB of address space (`ulimit -v`); with less, libraries or threads fail in ways of their own
LONGEST_LINE = 1000  # characters of an error's line that are shown
LONGEST_ARGUMENT = 10_000  # characters of an argument
SELDOM = 500_000  # objects between two looks for garbage: there are fewer, none of them garbage, after all imports


def command(config: str, work: str, positional: tuple[str, ...] = ()) -> Callable[[], NoReturn]:
    """A command: compose conf/CONFIG.yaml with the command line, have `work`, MODULE:FUNCTION, do it, and exit.

    `positional` names the keys that arguments without '=' stand for, in their order. What takes long to import is
    imported only when signals are listened to.
    """
    return lambda: finish(lambda: answer(config, work, positional, sys.argv[1:]))


def answer(config: str, work: str, positional: tuple[str, ...], arguments: list[str]) -> int:
    """Do a command's work; returns the exit status."""
    if "--version" in arguments:
        print(f"nnxor {importlib.import_module('nnxor').__version__}")
        return DONE
    refuse_strange_text(arguments)
    refuse_little_memory()
    gc.set_threshold(SELDOM)
    os.environ["MPLBACKEND"] = "Agg"
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # threads for such small matrices wait for each other
    composing = importlib.import_module("experiments.composing")
    return int(composing.compose_and_work(config, work, composing.overrides(config, arguments, positional)))


def refuse_strange_text(arguments: list[str]) -> None:
    """InputError for an argument that is no text in this locale: it could neither be stored nor shown."""
    for argument in arguments:
        if len(argument) > LONGEST_ARGUMENT:
            long = f"{argument[:30]}... has {len(argument):,} characters, which Hydra would read for minutes"
            raise InputError(f"{long}; allowed: {LONGEST_ARGUMENT:,}; longer lists stand in a study's file")
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            how = "encode it as UTF-8, for example with LC_ALL=C.UTF-8"
            raise InputError(f"{argument!a:.200} is not UTF-8 text; {how}") from None


def refuse_little_memory() -> None:
    """RunError where the address space is limited to less than the libraries need."""
    try:
        resource: Any = importlib.import_module("resource")
    except ModuleNotFoundError:  # Windows has no such limit
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY * 10**6:
        what = f"memory is limited to {limit // 10**6:,} MB of address space (ulimit -v), which is too little"
        raise RunError(f"{what}; allowed: at least {LEAST_MEMORY:,} MB")


def finish(work: Callable[[], int]) -> NoReturn:
    """Do a command's work and exit with its status, leaving no process behind.

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
        status = guarded(work)
        LISTENER.over = True
    except KeyboardInterrupt as stop:  # it came when the work was over, or its end was being told
        LISTENER.over = True
        status = TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
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


def guarded(work: Callable[[], int]) -> int:
    """Do the work; an error becomes one line on stderr and its exit status."""
    try:
        return work()
    except KeyboardInterrupt as error:
        tell(error if str(error) else "interrupted")
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    except Exception as error:
        if LISTENER.heard:  # a library made an error of the interrupt
            tell("interrupted")
            return TERMINATED if LISTENER.kind is Terminated else INTERRUPTED
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
