"""Where the configurations are, and words for messages about them; imports nothing heavy."""

from __future__ import annotations

import difflib
from pathlib import Path

import conf

CONF = Path(conf.__file__).parent


def names(group: str) -> list[str]:
    """Names of the files in conf/GROUP, sorted."""
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


def hint(word: str, allowed: list[str]) -> str:
    """'allowed: a, b' with a guess at what was meant."""
    close = difflib.get_close_matches(word, allowed, 1)
    guess = f"did you mean {close[0]}? " if close else ""
    return f"{guess}allowed: {', '.join(allowed)}"
