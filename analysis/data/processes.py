"""Processes that work for this one, wherever they are started: how many, deaf to Ctrl-C, and gone when it is."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

WATCH_EVERY = 1.0  # seconds between two looks at whether the process that another works for is alive


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that start in here never hear Ctrl-C: it is for the one that ends them.

    Their `multiprocessing.resource_tracker`, if they need one, must run before: where it starts it unblocks signals.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with(parent: int) -> None:
    """Have this process end soon after the one that it works for and was started by."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(WATCH_EVERY)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
