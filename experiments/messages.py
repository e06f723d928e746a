"""Where the configurations are, and words for messages about them; imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

import conf

CONF = Path(conf.__file__).parent


def names(group: str) -> list[str]:
    """Names of the files in conf/GROUP, sorted; those in a folder of it as FOLDER/NAME."""
    paths = (path.relative_to(CONF / group).with_suffix("") for path in (CONF / group).rglob("*.yaml"))
    return sorted(path.as_posix() for path in paths)
