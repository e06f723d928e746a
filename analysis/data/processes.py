"""Helper processes: how many, how they ignore Ctrl-C, and how they end with the process that they work for."""

import atexit
import gc
import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker

WATCH_EVERY = 1.0  # seconds between two looks at whether the process that another works for is alive
MOST_HELPERS = 8
DRAWING = "analysis.report_parts.drawing"  # draws a report's figures, and takes long to import


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def deaf() -> Iterator[None]:
    """Processes that start in here ignore Ctrl-C: the process that started them ends them.

    Their `multiprocessing.resource_tracker`, if they need one, must run already: as it starts it unblocks signals.
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


@contextmanager
def uncollected() -> Iterator[None]:
    """Turn garbage collection off: while figures are drawn it takes time and frees little."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


@contextmanager
def helpers(module: str) -> Iterator[ProcessPoolExecutor]:
    """Processes for the other cores, which start now and import a module; they end with this, at once if it fails."""
    resource_tracker.ensure_running()
    n, others = min(max(available_cores() - 1, 1), MOST_HELPERS), multiprocessing.active_children()
    pool = ProcessPoolExecutor(n, multiprocessing.get_context("spawn"), _help, (os.getpid(), module))
    try:
        with deaf():
            for _ in range(n):
                pool.submit(os.getpid)
        yield pool
    except BaseException as error:
        awaited = isinstance(error, Exception)  # killed, it would fail what was cancelled, and complain
        pool.shutdown(wait=awaited, cancel_futures=True)
        for process in () if awaited else {*multiprocessing.active_children()} - {*others}:
            process.kill()  # nobody will look at what they do
        raise
    pool.shutdown()


def _help(parent: int, module: str) -> None:
    end_with(parent)
    atexit.register(os._exit, 0)  # the last of all: to take apart what was imported takes tenths of a second
    gc.disable()  # as in `uncollected`
    importlib.import_module(module)
