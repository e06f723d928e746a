"""Figures that others have published, beside the conditions that repeat their setting.

A study's key `published` is a list of

    {source: who and where, setting: what they did, where: {field: value or values},
     solved: share, n: runs}            or, where no figures are given,   says: in words

and may add `quoted: from memory` and a `note`. `where` chooses the conditions that repeat it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from experiments.errors import InputError
from experiments.study.checked import known_keys, whole
from experiments.study.fields import FIELDS, read_field
from nnxor.condition import Condition

KEYS = ["source", "setting", "where", "solved", "n", "says", "quoted", "note"]


@dataclass(frozen=True)
class Published:
    """A published figure: `solved` is the share of `n` runs that succeeded, or null where `says` has the words."""

    source: str
    setting: str
    solved: float | None
    n: int | None
    says: str
    quoted: str
    note: str
    conditions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the manifest."""
        return {**asdict(self), "conditions": list(self.conditions)}


def read_published(given: object, conditions: tuple[Condition, ...]) -> tuple[Published, ...]:
    """The published figures of a study, each with the keys of the conditions that repeat it."""
    if given is None:
        return ()
    if not isinstance(given, list):
        raise InputError(f"published={given} is not allowed; allowed: a list of {{source: ..., where: ...}}")
    return tuple(_read(f"published[{n}]", entry, conditions) for n, entry in enumerate(given))


def _read(where: str, entry: object, conditions: tuple[Condition, ...]) -> Published:
    if not isinstance(entry, Mapping):
        raise InputError(f"{where}={entry} is not allowed; allowed: {{source: ..., where: ...}}")
    known_keys(where, entry, KEYS)
    for name in ("source", "setting"):
        if not isinstance(entry.get(name), str):
            raise InputError(f"{where}.{name} is missing; allowed: a sentence")
    solved, n, says = entry.get("solved"), entry.get("n"), entry.get("says")
    if (solved is None) != (n is None) or (solved is None) == (says is None):
        raise InputError(f"{where} needs solved and n, or says in words")
    if solved is not None and not (isinstance(solved, int | float) and 0 <= solved <= 1):
        raise InputError(f"{where}.solved={solved} is not allowed; allowed: a share from 0 to 1")
    return Published(
        source=str(entry["source"]),
        setting=str(entry["setting"]),
        solved=None if solved is None else float(solved),
        n=None if n is None else whole(f"{where}.n", n, 1),
        says=str(says or ""),
        quoted=str(entry.get("quoted") or ""),
        note=str(entry.get("note") or ""),
        conditions=_chosen(f"{where}.where", entry.get("where"), conditions),
    )


def _chosen(where: str, given: object, conditions: tuple[Condition, ...]) -> tuple[str, ...]:
    """Keys of the conditions with these fields; InputError where there is none."""
    if not isinstance(given, Mapping) or not given:
        raise InputError(f"{where}={given} is not allowed; allowed: {{field: value or values}}")
    known_keys(where, given, list(FIELDS))
    wanted = {
        name: [read_field(where, name, value) for value in (values if isinstance(values, list) else [values])]
        for name, values in given.items()
    }
    keys = tuple(c.key for c in conditions if all(getattr(c, name) in values for name, values in wanted.items()))
    if not keys:
        raise InputError(f"{where}={dict(given)} matches no condition of the study")
    return keys
