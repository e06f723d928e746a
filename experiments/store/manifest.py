"""manifest.json of a result folder: what it must hold, checked once, at the door."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from experiments.errors import InputError
from experiments.store.files import read_text

Shape = Any
"""A type; None; [shape] of a list's entries; {name: shape}, where `str` stands for any names; a tuple of choices."""

WHOLE = (int, None)

RUN: Shape = {"start": str, "end": (str, None), "trained": int, "engine": str}

SHAPE: Shape = {
    "study": str,
    "question": str,
    "record": str,
    "protocol": int,
    "complete": bool,
    "trials": WHOLE,
    "failed": WHOLE,
    "digest": (str, None),
    "files": {str: str},
    "certify": bool,
    "published": [dict],
    "success": [str],
    "seeds": [int],
    "given": {str: dict},
    "fields": {str: dict},
    "traps": [dict],
    "conditions": {str: str},
    "runs": [RUN],
}


def read_manifest(folder: Path, ways_out: str) -> dict[str, Any] | None:
    """What manifest.json holds; None if there is none, InputError if it is none of ours, with the ways out."""
    path = folder / "manifest.json"
    try:
        content = json.loads(read_text(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error) or "nested too deeply"
        raise InputError(f"{path} cannot be read ({why}); {ways_out}") from None
    if not isinstance(content, dict) or not isinstance(content.get("protocol"), int):
        raise InputError(f"{path} is not a manifest; {ways_out}")
    return content


def check_shape(content: dict[str, Any], path: Path, ways_out: str) -> None:
    """InputError unless a manifest holds what this version writes, with the ways out."""
    wrong = [name for name, shape in SHAPE.items() if name not in content or not fits(content[name], shape)]
    if not wrong and not (len(content["seeds"]) == 2 and 0 <= content["seeds"][0] < content["seeds"][1] <= 2**63):
        wrong = ["seeds"]
    if wrong:
        raise InputError(f"{path} is damaged: {wrong[0]} is {_short(content.get(wrong[0]))}; {ways_out}")


def fits(value: object, shape: Shape) -> bool:
    """Whether a value of a JSON file has a shape."""
    if isinstance(shape, tuple):
        return any(fits(value, each) for each in shape)
    if isinstance(shape, list):
        return isinstance(value, list) and all(fits(each, shape[0]) for each in value)
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return False
        if str in shape:
            return all(fits(each, shape[str]) for each in value.values())
        return all(name in value and fits(value[name], each) for name, each in shape.items())
    if shape is None:
        return value is None
    return isinstance(value, shape) and (shape is bool or not isinstance(value, bool))


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
