"""Where the configurations are, and how a file of YAML is read; imports nothing heavy."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

import conf
from analysis.data.door import read_text

CONF = Path(conf.__file__).parent

FOLDERS = [CONF]
"""The folders in which files of a group are sought, the user's (--config-dir) before ours; a command sets them."""


def names(group: str, folders: Iterable[Path] | None = None) -> list[str]:
    """Names of the files of a group, in `FOLDERS` or others, sorted; those in a folder of it as FOLDER/NAME."""
    paths = {
        path.relative_to(folder / group).with_suffix("").as_posix()
        for folder in (FOLDERS if folders is None else folders)
        for path in (folder / group).rglob("*.yaml")
    }
    return sorted(paths)


def found(group: str, name: str) -> Path:
    """The file of a name in a group, the user's before ours."""
    paths = [folder / group / f"{name}.yaml" for folder in FOLDERS]
    return next((path for path in paths if path.exists()), paths[-1])


MOST_YAML, DEEPEST = 2**22, 100
"""Bytes of a file of YAML, and levels of nesting in it, at most."""


def read_yaml(path: Path) -> Any:
    """What a regular file of YAML holds; OSError or ValueError, in one line, says what is wrong with it."""
    text, depth = read_text(path, MOST_YAML), 0
    try:
        for event in yaml.parse(text, yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if isinstance(event, yaml.AliasEvent) or depth > DEEPEST:
                raise ValueError("it repeats itself by reference, or is nested too deeply")  # and so grows without end
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
