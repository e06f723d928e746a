"""Where the configurations are; imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import conf

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
    return next((path for path in paths if path.is_file()), paths[-1])
