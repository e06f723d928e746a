"""Registries: what can be chosen by name. Code looks a name up and asks its entry; it never compares names."""

import difflib
import importlib
import pkgutil
from collections.abc import Iterable
from typing import Any, TypeVar

Entry = TypeVar("Entry", bound=Any)  # it has a name, by which configurations and tables know it


def hint(word: str, allowed: Iterable[str]) -> str:
    """'did you mean b? allowed: a, b', with the guess left out where no name is near."""
    names = list(allowed)
    plain = {name.lower(): name for name in names}  # elsewhere it may be called ReLU, or SGD
    close = difflib.get_close_matches(word.lower(), plain, 1)
    guess = f"did you mean {plain[close[0]]}? " if close else ""
    return f"{guess}allowed: {', '.join(names)}"


class Registry(dict[str, Entry]):
    """Entries by name, in the order in which they were registered; `what` they are stands in messages."""

    def __init__(self, what: str, *entries: Entry) -> None:
        self.what = what
        for entry in entries:
            self.register(entry)

    def register(self, entry: Entry) -> None:
        """Add an entry; ValueError if its name is taken."""
        if entry.name in self:
            raise ValueError(f"{self.what}={entry.name} is registered already")
        self[entry.name] = entry

    def __missing__(self, name: str) -> Entry:
        """Refuse a name that no entry has; the ValueError says what is allowed."""
        raise ValueError(f"{self.what}={name} is unknown; {hint(str(name), self)}")


def entries_of(package: str, first: Iterable[str] = ()) -> list[Any]:
    """The `ENTRY` of each module of a package: of those named `first`, then by alphabet."""
    found = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    names = sorted(found, key=lambda name: [*first, name].index(name))
    return [importlib.import_module(f"{package}.{name}").ENTRY for name in names]
