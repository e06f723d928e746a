"""What every command shares: composing its configuration, one-line errors, exit statuses, signals."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, NoReturn

from experiments.errors import BAD_INPUT, DONE, FAILED, INTERRUPTED, TERMINATED, InputError, RunError, Terminated
from experiments.messages import CONF, names
from nnxor.registry import hint

Work = Callable[[dict[str, Any]], int]


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise InputError."""
        raise InputError(f"{message}; {self.prog} --help says more")


def start(config_name: str, work: Work) -> NoReturn:
    """Compose conf/CONFIG_NAME.yaml with the command line, do the work, and exit with its status."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us instead of being printed over many lines
    finish(lambda: _compose_and_work(config_name, work))


def finish(work: Callable[[], int]) -> NoReturn:
    """Do a command's work and exit with its status, leaving no process behind."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w")  # noqa: SIM115 - None where the caller closed it
        stream.reconfigure(errors="replace")  # a question may hold what the terminal cannot show
        setattr(sys, name, stream)
    signal.signal(signal.SIGTERM, _terminate)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell's `&` has turned it off
    status = guarded(work)
    for late in (signal.SIGINT, signal.SIGTERM):
        signal.signal(late, signal.SIG_IGN)  # the work is over: there is nothing left to interrupt
    sys.stdout.flush()
    sys.stderr.flush()
    if status != DONE:
        kill_workers()
        os._exit(status)  # work may be going on in threads: it cannot be waited for, nor live through an exit
    sys.exit(status)


def named(arguments: list[str], *groups: str) -> list[str]:
    """The arguments with GROUP=NAME written as GROUP.name=NAME.

    Hydra takes the name of a folder of conf for a choice among its files; here it is a value, which
    may be a file of the user.
    """
    return [re.sub(rf"^({'|'.join(groups)})=", r"\1.name=", argument) for argument in arguments]


def guarded(work: Callable[[], int]) -> int:
    """Do the work; an error becomes one line on stderr and its exit status."""
    try:
        return work()
    except (InputError, RunError) as error:
        print(error, file=sys.stderr)
        return BAD_INPUT if isinstance(error, InputError) else FAILED
    except KeyboardInterrupt as error:
        print(str(error) or "interrupted", file=sys.stderr)
        return TERMINATED if isinstance(error, Terminated) else INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def kill_workers() -> None:
    """End joblib's worker processes, if there are any, without waiting for what they do."""
    if "joblib.externals.loky" in sys.modules:
        from multiprocessing import util

        from joblib.externals.loky import reusable_executor

        executor = reusable_executor._executor
        if executor is not None:
            executor.shutdown(wait=False, kill_workers=True)
        for thread in threading.enumerate():
            if thread.name == "ExecutorManagerThread":
                thread.join(5)  # until it has tidied up
        util._run_finalizers(0)  # type: ignore[attr-defined]  # what is left: joblib's tracker would complain of it


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise Terminated


def _compose_and_work(config_name: str, work: Work) -> int:
    try:
        import hydra
        import yaml
    except ModuleNotFoundError:
        raise RunError(
            "hydra-core is not installed here: `make setup` makes .venv; then `. .venv/bin/activate`"
        ) from None
    from hydra.errors import HydraException
    from omegaconf import DictConfig
    from omegaconf.errors import OmegaConfBaseException

    _refuse_other_folders(sys.argv[1:])
    statuses: list[int] = []
    composed: list[DictConfig] = []

    def job(config: DictConfig) -> None:
        composed.append(config)
        statuses.append(guarded(lambda: work(_plain(config, config_name))))
        if statuses[-1] in (INTERRUPTED, TERMINATED):
            sys.exit(statuses[-1])

    try:
        hydra.main(version_base="1.3", config_path=str(CONF), config_name=config_name)(job)()
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(_explain(error, config_name)) from None
    except yaml.YAMLError as error:
        raise InputError(f"a file in conf is not YAML: {_one_line(error)}") from None
    except Exception as error:
        if composed:
            raise
        raise InputError(f"the overrides cannot be composed: {_one_line(error)}") from None
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else FAILED
        return code if code in (DONE, INTERRUPTED, TERMINATED) else BAD_INPUT
    return max(statuses, default=DONE)


def _refuse_other_folders(arguments: list[str]) -> None:
    """InputError for a group's file that would be sought outside conf."""
    for argument in arguments:
        group = argument.split("=")[0].lstrip("+")
        if re.match(r"\+*[\w/]+=.*\.\.", argument) and group in ("study", "parallel"):
            raise InputError(f"{argument} is not allowed; {_options(group)}")


def _plain(config: Any, config_name: str) -> dict[str, Any]:
    """A composed configuration as plain values; InputError where a key of the command is missing."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        plain = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(_one_line(error)) from None
    assert isinstance(plain, dict)
    given = {str(key): value for key, value in plain.items()}
    for key in (*top_level_keys(config_name), *(["parallel"] if config_name == "run" else [])):
        if key not in given:
            raise InputError(f"{key} is missing; it cannot be removed")
    return given


def _explain(error: Exception, config_name: str) -> str:
    """Hydra's message in one line, with what is allowed."""
    text = str(error)
    if match := re.search(r"Could not (?:override|append to config|delete).*?'([^']+)'", text):
        return _unknown_key(match[1], config_name)
    if match := re.search(r"Error merging override (grid[.]\w+)=(.*)", text):
        return f"{match[1]} takes a list: write {match[1]}=[{match[2]}]"
    if match := re.search(r"Could not find '(\w+)/([^']+)'", text):
        return f"{match[1]}={match[2]} is unknown; {_options(match[1], match[2])}"
    if match := re.search(r"Ambiguous value for argument '([^']+)'", text):
        key, _, value = match[1].partition("=")
        return f"{match[1]} is ambiguous; for a list write {key}=[{value}]"
    if match := re.search(r"^(no viable alternative|mismatched|extraneous|missing|token recognition).*", text):
        given = " ".join(sys.argv[1:])
        return f"cannot read the overrides ({match[0]}): {given}; write lists without blanks, [a,b], or quote them"
    return _one_line(error)


def _options(group: str, given: str = "") -> str:
    return hint(given, names(group))


def top_level_keys(config_name: str) -> list[str]:
    """The keys that conf/CONFIG_NAME.yaml itself holds."""
    return [key for key in _defaults(config_name) if key not in ("defaults", "hydra")]


def _defaults(config_name: str) -> dict[str, Any]:
    import yaml

    content: dict[str, Any] = yaml.safe_load((CONF / f"{config_name}.yaml").read_text(encoding="utf-8"))
    return content


def _unknown_key(key: str, config_name: str) -> str:
    """The message for an override of a key that the configuration does not have."""
    node: Any = _defaults(config_name)
    *parents, last = key.split("@")[0].split(".")
    for parent in parents:
        node = node.get(parent) if isinstance(node, Mapping) else None
    if not parents and last in (node.get("base") or {}):
        return f"{key} cannot be given alone; use base.{key} or grid.{key}"
    if parents[1:2] == ["init"]:
        return f"{key} is no known key; write {'.'.join(parents[:2])}={{NAME: {{{last}: X}}}}"
    allowed = [name for name in node if name not in ("defaults", "hydra")] if isinstance(node, Mapping) else []
    if parents == ["parallel"]:
        from experiments.execution.options import CLUSTER, PARALLEL

        allowed = [*PARALLEL, *(f"{name} (with parallel=dask)" for name in CLUSTER)]
    if not parents and config_name == "run":
        allowed += ["study", "parallel"]
    return f"{key} is no known key; {hint(last, allowed)}" if allowed else f"{key} is no known key"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
