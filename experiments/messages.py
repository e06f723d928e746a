"""Where the configurations are, and words for messages about them; imports nothing heavy."""

from __future__ import annotations

import difflib
from pathlib import Path

import conf

CONF = Path(conf.__file__).parent


def names(group: str) -> list[str]:
    """Names of the files in conf/GROUP, sorted; those in a folder of it as FOLDER/NAME."""
    paths = (path.relative_to(CONF / group).with_suffix("") for path in (CONF / group).rglob("*.yaml"))
    return sorted(path.as_posix() for path in paths)


def hint(word: str, allowed: list[str]) -> str:
    """'allowed: a, b' with a guess at what was meant."""
    close = difflib.get_close_matches(word, allowed, 1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"{guess}allowed: {', '.join(allowed)}"
