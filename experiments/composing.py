"""Composing a command's configuration with Hydra, and saying in one line what cannot be composed."""

import importlib
import os
import re
import shlex
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import hydra
import yaml
from hydra import version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException, OverrideParseException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from analysis.entry import (
    BAD_INPUT,
    DONE,
    FAILED,
    INTERRUPTED,
    LISTENER,
    TERMINATED,
    InputError,
    guarded,
    in_a_line,
    quoted,
)
from experiments.study import catalog
from experiments.study.catalog import CONF, found, names, read_yaml
from experiments.study.given_fields import FILES, RANGE, SCHEMAS, files_of, told
from nnxor.registry import hint

GROUPS = {"run": ("study", "parallel")}  # groups of files among which a command chooses

PARSER = get_args_parser()
PARSER.exit_on_error = False
OPTIONS = {flag: action for action in PARSER._actions for flag in action.option_strings}  # Hydra's own


def prepare_hydra() -> None:
    """Tell Hydra the fields of a condition (the group `schema`), and turn off what would slow it down."""
    for name, node in SCHEMAS.items():
        ConfigStore.instance().store(group="schema", name=name, node=node, package="_global_")
    OmegaConf.register_new_resolver("fields", told, replace=True)  # ${fields:COMMAND,INDENT} in a text of help
    OmegaConf.register_new_resolver("files", files_of, replace=True)  # ${files:GROUP,INDENT,OURS}
    Hydra.format_config_groups = lambda *_: ""  # type: ignore[method-assign]  # it would read every file for a list
    # The mode is what the command line says: Hydra would compose everything once more to look for one in files.
    Hydra.get_mode = lambda _, config_name, overrides: (  # type: ignore[method-assign, assignment]  # noqa: ARG005
        RunMode.MULTIRUN if "hydra.mode=MULTIRUN" in overrides else None
    )


def overrides(config: str, arguments: list[str], positional: tuple[str, ...]) -> list[str]:
    """The arguments as Hydra reads them; InputError for those that it would misread.

    An argument without '=' gets its key from `positional`. init=he becomes init.name=he: Hydra would take it for a
    choice among the files of conf/init, and it may be a file of the user as well.
    """
    keys, given, options = list(positional), list[str](), list[str]()
    for argument, before in zip(arguments, ["", *arguments], strict=False):
        flag, equals, _ = argument.partition("=")
        if flag.startswith("-") and flag not in OPTIONS:
            raise InputError(f"{flag} is not an option; settings are written KEY=VALUE; --help says more")
        of_an_option = before in OPTIONS and OPTIONS[before].nargs != 0
        if not equals and not argument.startswith(("-", "~", "+")) and not of_an_option:
            if not keys:
                raise InputError(f"{argument} is not a setting; write KEY=VALUE; --help says more")
            argument = f"{keys.pop(0)}={quoted(argument)}"
        key, _, value = argument.lstrip("+").partition("=")
        if ".." in value and key in GROUPS.get(config, ()):
            raise InputError(f"{argument} is not allowed; {hint('', names(key))}")
        (options if flag in OPTIONS or of_an_option else given).append(argument)
    if not {"--multirun", "-m"} & set(arguments):  # where Hydra itself has a range for several jobs
        given = [re.sub(rf"^(grid\.\w+)=({RANGE.pattern})$", r'\1="\2"', argument) for argument in given]
    if any(key in top_level(config) for key in FILES):
        given = [re.sub(rf"^(\+*)({'|'.join(FILES)})=", r"\1\2.name=", argument) for argument in given]
    return given + options  # settings on both sides of an option are more than argparse takes


def compose_and_work(config: str, work: str, arguments: list[str]) -> int:
    """Compose and have MODULE:FUNCTION do the work, for each job of a --multirun; returns the exit status."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us instead of being printed over many lines
    prepare_hydra()
    sys.argv[1:] = arguments
    statuses: list[int] = []

    def job(composed: DictConfig) -> None:
        statuses.append(FAILED)  # until it is done; what goes wrong from here on is nothing that cannot be composed
        sources = HydraConfig.get().runtime.config_sources
        catalog.FOLDERS[:] = [Path(source.path) for source in sources if source.schema == "file"]
        statuses[-1] = guarded(lambda: do(work, shown, plain(composed, config)))
        if statuses[-1] in (INTERRUPTED, TERMINATED):
            sys.exit(statuses[-1])

    try:
        given = PARSER.parse_args(arguments)  # Hydra's own would print several lines
        if given.config_dir:  # --help needs it before anything is composed
            catalog.FOLDERS[:] = [Path(given.config_dir).absolute(), CONF]
        refuse_odd_studies(arguments)
        if shown := given.cfg == "job":
            given.cfg = None  # which Hydra would answer with what was given alone
        version.setbase("1.3")
        _run_hydra(args=given, args_parser=PARSER, task_function=job, config_path=str(CONF), config_name=config)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explained(error, config)) from None
    except yaml.YAMLError as error:
        raise InputError(f"a file in conf is not YAML: {in_a_line(error)}") from None
    except SystemExit as stop:
        return next((status for status in (DONE, INTERRUPTED, TERMINATED) if status == stop.code), BAD_INPUT)
    except Exception as error:
        full = isinstance(error, OSError) and not error.filename  # standard output, say
        if statuses or LISTENER.heard or isinstance(error, MemoryError | InputError) or full:
            raise
        raise InputError(f"the overrides cannot be composed: {in_a_line(error)}") from None
    return max(statuses, default=DONE)


def refuse_odd_studies(arguments: list[str]) -> None:
    """InputError for a study's file that Hydra could not read, or only without end."""
    for name in (name for each in arguments if each.startswith("study=") for name in each[6:].split(",")):
        path = found("study", name)
        try:
            content = read_yaml(path)
        except FileNotFoundError:
            continue  # which Hydra tells
        except (OSError, ValueError) as error:
            raise InputError(f"study={name}: {path} cannot be read ({in_a_line(error)})") from None
        if not isinstance(content, dict):
            raise InputError(f"study={name}: {path} must hold keys and values")


def composed(config: str, arguments: list[str], folder: str | Path | None = None) -> dict[str, Any]:
    """The configuration that a command would get from these arguments, and with a folder of the user's own."""
    prepare_hydra()
    own = [] if folder is None else [Path(folder).absolute()]
    if own and not os.path.isdir(own[0]):
        raise InputError(f"config_dir={folder} is not a folder")
    catalog.FOLDERS[:] = [*own, CONF]
    sought = f"hydra.searchpath=[{''.join(quoted(str(each)) for each in own)}]"
    try:
        with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
            return plain(hydra.compose(config, [*overrides(config, arguments, ()), sought]), config)
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(explained(error, config)) from None


def do(work: str, shown: bool, config: dict[str, Any]) -> int:
    """Have MODULE:FUNCTION do the work, or show the values that hold for it (`--cfg job`); returns the exit status."""
    name, _, function = work.partition(":")
    module = importlib.import_module(name)
    if not shown:
        return int(getattr(module, function)(config))
    print(yaml.safe_dump(getattr(module, "shown", dict)(config), sort_keys=False, allow_unicode=True), end="")
    return DONE


def plain(config: DictConfig, name: str) -> dict[str, Any]:
    """A composed configuration as plain values; InputError where a key of the command is missing."""
    try:
        content: Any = OmegaConf.to_container(config, resolve=True)
    except OmegaConfBaseException as error:
        raise InputError(in_a_line(error)) from None
    given = {str(key): value for key, value in content.items()}
    for key in (*top_level(name), *(["parallel"] if name == "run" else [])):
        if key not in given:
            raise InputError(f"{key} is missing; it cannot be removed")
    for key in FILES:  # VALUE for {name: VALUE}
        if isinstance(given.get(key), dict) and set(given[key]) == {"name"}:
            given[key] = given[key]["name"]
    return given


def explained(error: Exception, config: str) -> str:
    """Hydra's message in one line, with what is allowed."""
    if isinstance(error, OverrideParseException):
        key, _, value = error.override.replace(".name=", "=").partition("=")
        text = f'{key}="{value}"' if not set('"[{(') & set(value) else 'KEY="a text"'
        how = "lists without blanks, [a,b], and other texts than plain words in two pairs of quotes"
        return f"cannot read {key}={value}; write {how}: {shlex.quote(text)}"
    found = ((say, re.search(pattern, str(error))) for pattern, say in SAID.items())
    return next((say(config, *match.groups()) for say, match in found if match), in_a_line(error))


SAID: dict[str, Callable[..., str]] = {  # instead of Hydra's messages: of the command, and of the parts of a pattern
    r"Could not delete[^']*'([^']+)'": lambda _, key: f"{key} cannot be removed",
    r"Could not (?:override|append to config|delete).*?'([^']+)'": lambda config, key: unknown_key(key, config),
    r"Error merging override (grid[.]\w+)=\[(.*)\]": lambda _, key, values: (
        f"{key} takes plain values: write " + shlex.quote(re.sub(r"(\w+\([^()]*\))", r'"\1"', f"{key}=[{values}]"))
    ),
    r"Error merging override (grid[.]\w+)=(.*)": lambda _, key, value: f"{key} takes a list: write {key}=[{value}]",
    r"Could not find '(\w+)/([^']+)'": lambda _, key, name: f"{key}={name} is unknown; {hint(name, names(key))}",
    r"Ambiguous value for argument '(([^=']+)=([^']*))'": lambda _, given, key, value: (
        f"{given} is ambiguous; write a list as {key}=[{value}], a text as '{key}=\"{value}\"'"
    ),
}


@cache
def top_level(config: str) -> dict[str, Any]:
    """What conf/CONFIG.yaml itself holds."""
    content = yaml.safe_load((CONF / f"{config}.yaml").read_text(encoding="utf-8"))
    return {key: value for key, value in content.items() if key not in ("defaults", "hydra")} | SCHEMAS.get(config, {})


def unknown_key(key: str, config: str) -> str:
    """The message for an override of a key that the configuration does not have."""
    node: Any = top_level(config)
    *parents, last = key.split("@")[0].split(".")
    for parent in parents:
        node = node.get(parent) if isinstance(node, Mapping) else None
    if not parents and last in (node.get("base") or {}):
        return f"{key} cannot be given alone; use base.{key} or grid.{key}"
    if parents[1:2] == ["init"]:
        return f"{key} is not a known key; write {'.'.join(parents[:2])}={{NAME: {{{last}: X}}}}"
    allowed = list(node) if isinstance(node, Mapping) else []
    if parents == ["parallel"]:
        from experiments.execution import backends, options

        own = [f"{name} (with parallel={each.name})" for each in backends.BACKENDS.values() for name in each.settings]
        allowed = [*options.PARALLEL, *own]
    if not parents:
        allowed += GROUPS.get(config, ())
    return f"{key} is not a known key; {hint(last, allowed)}" if allowed else f"{key} is not a known key"
