"""Figures that others have published, beside the conditions that repeat their setting.

A study's key `published` is a list of

    {source: who and where, setting: what they did, where: {field: value or values},
     solved: share, n: runs}            or, where no figures are given,   says: in words

and may add `quoted: from memory` and a `note`. `where` chooses the conditions that repeat it.
"""

from collections.abc import Mapping
from typing import Any

from experiments.errors import InputError
from experiments.study.checked import checked, known_keys, whole
from experiments.study.fields import FIELDS, read_field
from nnxor import checks
from nnxor.condition import Condition

KEYS = ["source", "setting", "where", "solved", "n", "says", "quoted", "note"]

FORM = "{source: ..., where: ...}"
SHARE = checks.number(lambda value: 0 <= value <= 1, "a share from 0 to 1")


def read_published(given: object, conditions: tuple[Condition, ...]) -> tuple[dict[str, Any], ...]:
    """The published figures of a study, as plain values, each with the keys of the `conditions` that repeat it."""
    listed = checked("published", [] if given is None else given, checks.instance(list, f"a list of {FORM}"))
    return tuple(_read(f"published[{n}]", entry, conditions) for n, entry in enumerate(listed))


def _read(where: str, entry: Mapping[str, Any], conditions: tuple[Condition, ...]) -> dict[str, Any]:
    checked(where, entry, checks.instance(Mapping, FORM))
    known_keys(where, entry, KEYS)
    for name in ("source", "setting"):
        if not isinstance(entry.get(name), str):
            raise InputError(f"{where}.{name} is missing; allowed: a sentence")
    solved, n, says = entry.get("solved"), entry.get("n"), entry.get("says")
    if (solved is None) != (n is None) or (solved is None) == (says is None):
        raise InputError(f"{where} needs solved and n, or says in words")
    return {
        "source": entry["source"],
        "setting": entry["setting"],
        "solved": None if solved is None else checked(f"{where}.solved", solved, SHARE),
        "n": None if n is None else whole(f"{where}.n", n, 1),
        **{name: str(entry.get(name) or "") for name in ("says", "quoted", "note")},
        "conditions": _chosen(f"{where}.where", entry.get("where"), conditions),
    }


def _chosen(where: str, given: object, conditions: tuple[Condition, ...]) -> list[str]:
    """Keys of the conditions with these fields; InputError where there is none."""
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{where}={given} is not allowed; allowed: {{field: value or values}}")
    known_keys(where, given, list(FIELDS))
    wanted = {
        name: [read_field(where, name, value) for value in (values if isinstance(values, list) else [values])]
        for name, values in given.items()
    }
    keys = [c.key for c in conditions if all(getattr(c, name) in values for name, values in wanted.items())]
    if not keys:
        raise InputError(f"{where}={dict(given)} matches no condition of the study")
    return keys
