"""What a field of a condition is: one line of `nnxor.condition` says all that anybody must know of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nnxor.checks import Check, choice, optional
from nnxor.registry import Registry


@dataclass(frozen=True)
class Field:
    """A field of a condition.

    type: its annotation; check: which values are allowed (`nnxor.checks`).
    registry: the entries that it chooses from by name, if it does.
    symbol: its short name, in tables and sentences; label: its name along an axis.
    scale: how its values lie along an axis: 'linear', 'log', or 'names' for what is no number.
    phrase: a value in a sentence, '{}' standing for it; words: the values that are said in other words.
    setting: whether it counts only where an entry that another field chooses makes use of it.
    needs: the field without whose value it does nothing, if there is one.
    """

    name: str
    type: str
    default: Any
    check: Check
    registry: Registry[Any] | None
    symbol: str
    label: str
    scale: str
    phrase: str
    words: Mapping[Any, str]
    setting: bool
    needs: str

    def about(self) -> dict[str, Any]:
        """What those must know of it who read results, in plain values."""
        about = {name: getattr(self, name) for name in ("symbol", "label", "scale", "phrase", "setting")}
        words = {str(value): words for value, words in self.words.items()}
        entries = {entry.name: entry.about() for entry in (self.registry or {}).values()}
        return {"default": plain(self.default), **about, "words": words, "entries": entries}


def plain(value: Any) -> Any:
    """A field's value as tables hold it: a task and an init by name, a success rule in words."""
    if value is None or isinstance(value, int | float | str):
        return value
    return getattr(value, "name", None) or str(value)


def field(
    default: object,
    check: Check | Registry[Any] | None = None,
    symbol: str = "",
    label: str = "",
    scale: str = "names",
    phrase: str = "",
    words: Mapping[Any, str] | None = None,
    setting: bool = False,
    needs: str = "",
) -> Any:
    """A field of the dataclass `Condition`, see `Field`; a registry in place of a check allows its names."""
    about: dict[str, Any] = {"symbol": symbol, "label": label, "scale": scale, "phrase": phrase, "words": words or {}}
    registry = check if isinstance(check, Registry) else None
    if registry is not None:
        check = optional(choice(registry)) if default is None else choice(registry)
    about |= {"check": check, "registry": registry, "setting": setting, "needs": needs}
    return dataclasses.field(default=default, metadata=about)


def fields_of(condition: type) -> dict[str, Field]:
    """The fields of a dataclass by name, in their order, as `field` declared them."""
    found = {}
    for each in dataclasses.fields(condition):
        about: dict[str, Any] = dict(each.metadata)
        about["symbol"] = about["symbol"] or each.name.replace("_", " ")
        about["label"] = about["label"] or about["symbol"]
        about["phrase"] = about["phrase"] or f"{about['symbol']} = {{}}"
        found[each.name] = Field(name=each.name, type=str(each.type), default=each.default, **about)
    return found
