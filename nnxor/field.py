"""What a field of a condition is: one line of `nnxor.condition` defines everything about it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nnxor.checks import Check, choice, optional
from nnxor.registry import Registry


@dataclass(frozen=True)
class Field:
    """A field of a condition.

    check: which values are allowed (`nnxor.checks`); a registry in its place allows the names of its entries.
    symbol: its short name, in tables and sentences; label: its name along an axis.
    scale: how its values lie along an axis: 'linear', 'log', or 'names' for what is no number.
    phrase: a value in a sentence, '{}' standing for it; words: the values that are said in other words.
    setting: whether it counts only where an entry that another field chooses makes use of it.
    needs: the field without whose value it does nothing, if there is one.
    type: its annotation; registry: the entries that it chooses from by name, if it does.
    """

    default: Any
    check: Check
    symbol: str = ""
    label: str = ""
    scale: str = "names"
    phrase: str = ""
    words: Mapping[Any, str] = dataclasses.field(default_factory=dict)
    setting: bool = False
    needs: str = ""
    name: str = ""
    type: str = ""
    registry: Registry[Any] | None = None

    def about(self) -> dict[str, Any]:
        """What readers of results must know of it, in plain values."""
        about = {name: getattr(self, name) for name in ("symbol", "label", "scale", "phrase", "setting")}
        words = {str(value): words for value, words in self.words.items()}
        entries = {entry.name: entry.about() for entry in (self.registry or {}).values()}
        return {"default": plain(self.default), **about, "words": words, "entries": entries}


def plain(value: Any) -> Any:
    """A field's value as tables hold it: a task and an init by name, a success rule in words."""
    if value is None or isinstance(value, int | float | str):
        return value
    return getattr(value, "name", None) or str(value)


def labelled(value: Any) -> str:
    """A task or an init as figures name it."""
    return str(getattr(value, "label", "") or value.name)


def field(default: Any, check: Check | Registry[Any], *words: Any, **about: Any) -> Any:
    """A field of the dataclass `Condition`, from what `Field` holds in this order."""
    if isinstance(check, Registry):
        about["registry"] = check
        check = optional(choice(check)) if default is None else choice(check)
    return dataclasses.field(default=default, metadata={"field": Field(default, check, *words, **about)})


def fields_of(condition: type) -> dict[str, Field]:
    """The fields of a dataclass by name, in their order, as `field` declared them."""
    found = {}
    for each in dataclasses.fields(condition):
        about: Field = each.metadata["field"]
        symbol = about.symbol or each.name.replace("_", " ")
        label, phrase = about.label or symbol, about.phrase or f"{symbol} = {{}}"
        found[each.name] = replace(
            about, name=each.name, type=str(each.type), symbol=symbol, label=label, phrase=phrase
        )
    return found
