"""Registries: what can be chosen by name. Code looks a name up and asks its entry; it never compares names."""

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

Entry = TypeVar("Entry", bound=Any)  # it has a name, by which configurations and tables know it
About = ParamSpec("About")


def hint(word: str, allowed: Iterable[str]) -> str:
    """'did you mean b? allowed: a, b', with the guess left out where no name is near."""
    names = list(allowed)
    plain = {name.lower(): name for name in names}  # elsewhere it may be called ReLU, or SGD
    close = difflib.get_close_matches(word.lower(), plain, 1)
    guess = f"did you mean {plain[close[0]]}? " if close else ""
    return f"{guess}allowed: {', '.join(names)}"


class Registry(dict[str, Entry]):
    """Entries by name, in the order in which they were registered; `what` they are stands in messages."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what

    def register(self, entry: Entry) -> Entry:
        """Add an entry and return it; ValueError if its name is taken."""
        if entry.name in self:
            raise ValueError(f"{self.what}={entry.name} is registered already")
        self[entry.name] = entry
        return entry

    def discover(self, package: str, first: Iterable[str] = ()) -> None:
        """Import every module of a package, each of which makes an entry: those named `first`, then by alphabet."""
        found = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
        for name in sorted(found, key=lambda name: [*first, name].index(name)):
            importlib.import_module(f"{package}.{name}")

    def __missing__(self, name: str) -> Entry:
        """Refuse a name that no entry has; the ValueError says what is allowed."""
        raise ValueError(f"{self.what}={name} is unknown; {hint(str(name), self)}")


def registering(kind: Callable[About, Entry], register: Callable[[Entry], Entry]) -> Callable[About, Entry]:
    """A function that makes an entry of a kind, with the arguments of its class, and registers it."""

    def make(*args: About.args, **about: About.kwargs) -> Entry:
        return register(kind(*args, **about))

    return make
