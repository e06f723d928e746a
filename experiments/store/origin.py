"""Where results come from: versions, machine, command line."""

import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("numpy", "scipy", "numba", "llvmlite", "pandas", "pyarrow", "joblib", "hydra-core")


def now() -> str:
    """The time, in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def provenance() -> dict[str, object]:
    """Versions of everything that takes part, the machine, and the command line."""
    return {
        "package": _version("nnxor"),
        "git": _git(),
        "python": platform.python_version(),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "platform": platform.platform(),
        "cpu": _cpu(),
        "command": _command(),
    }


def _command() -> list[str]:
    """The command line as it was typed, without the paths of this machine."""
    module = sys.modules["__main__"].__spec__
    if module is not None:  # python -m MODULE, whatever flags of Python's own stand between
        return ["python", "-m", module.name.removesuffix(".__main__"), *sys.argv[1:]]
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git() -> dict[str, object] | None:
    """Commit of the code and whether it was changed since; None outside a repository."""

    def git(*arguments: str) -> str:
        how: dict[str, Any] = {"capture_output": True, "text": True, "check": True, "timeout": 10}
        return str(subprocess.run(["git", *arguments], cwd=Path(__file__).parent, **how).stdout.strip())

    try:
        git("ls-files", "--error-unmatch", Path(__file__).name)  # not a repository that merely holds an installation
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:(.*)", info.read_text(errors="replace")) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
