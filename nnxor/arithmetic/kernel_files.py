"""Printed kernels as modules: files in the user's cache folder, so that a machine compiles each kind only once.

A file is named after the hash of its text and is used only if it holds exactly that text. It is written under another
name and then renamed, always with one time stamp, so that any number of processes may do so at once: Numba's own cache
beside it goes by size and time stamp. Where the folder cannot be written, a temporary one serves, and a line says so.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from typing import Any

Kernel = Callable[..., Any]


def cache_folder() -> str:
    """Where kernels are kept: nnxor/ in $XDG_CACHE_HOME, %LOCALAPPDATA% or ~/.cache."""
    home = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    return os.path.join(home, "nnxor")


@cache
def kernel(text: str) -> Kernel:
    """The function `kernel` of a printed module; it is compiled, or taken from Numba's cache, when first called."""
    name = "kernel_" + hashlib.sha256(text.encode()).hexdigest()[:20]
    spec = importlib.util.spec_from_file_location(name, _written(name, text))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # Numba's cache finds it there
    spec.loader.exec_module(module)
    compiled: Kernel = module.kernel
    return compiled


def _written(name: str, text: str) -> str:
    try:
        return _write(cache_folder(), name, text)
    except OSError as error:
        print(
            f"kernels cannot be kept in {cache_folder()} ({error.strerror}): compiled anew each time", file=sys.stderr
        )
        return _write(_temporary_folder(), name, text)


@cache
def _temporary_folder() -> str:
    return tempfile.mkdtemp(prefix="nnxor-")


def _write(folder: str, name: str, text: str) -> str:
    """The path of the file with this text, written if it is not there."""
    path = os.path.join(folder, name + ".py")
    if _read(path) == text:
        return path
    os.makedirs(folder, mode=0o700, exist_ok=True)
    number, temporary = tempfile.mkstemp(dir=folder, prefix=name, suffix=".new")
    with os.fdopen(number, "w", encoding="utf-8") as file:
        file.write(text)
    os.utime(temporary, (0, 0))
    os.replace(temporary, path)
    return path


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError):
        return None
