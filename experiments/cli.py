"""How every command of experiments starts; how it ends is what `analysis.entry` says."""

import gc
import importlib
import os
import resource
import sys
from collections.abc import Callable
from typing import NoReturn

from analysis.entry import DONE, InputError, RunError, finish

LEAST_MEMORY = 1500  # MB of address space (`ulimit -v`); with less, libraries or threads fail in ways of their own
LONGEST_ARGUMENT = 10_000  # characters of an argument
SELDOM = 500_000  # new objects between two looks for garbage: all imports make fewer, and hardly any are garbage


def command(config: str, work: str, positional: tuple[str, ...] = ()) -> Callable[[], NoReturn]:
    """A command: compose conf/CONFIG.yaml with the command line, have `work`, MODULE:FUNCTION, do it, and exit.

    `positional` names the keys that arguments without '=' stand for, in their order.
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
    composing = importlib.import_module("experiments.composing")  # which takes long: signals are listened to by now
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
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST_MEMORY * 10**6:
        what = f"memory is limited to {limit // 10**6:,} MB of address space (ulimit -v), which is too little"
        raise RunError(f"{what}; allowed: at least {LEAST_MEMORY:,} MB")
