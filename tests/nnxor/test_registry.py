"""A registry hands out entries by name, and says what is allowed where there is none."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from nnxor.registry import Registry, entries_of


@dataclass(frozen=True)
class Fruit:
    name: str


def fruits() -> Registry[Fruit]:
    return Registry("fruit", Fruit("apple"), Fruit("pear"))


def test_an_unknown_name_raises_with_the_nearest_name_and_what_is_allowed() -> None:
    with pytest.raises(ValueError, match=r"^fruit=peer is unknown; did you mean pear[?] allowed: apple, pear$"):
        fruits()["peer"]


def test_a_name_is_registered_once() -> None:
    with pytest.raises(ValueError, match="fruit=pear is registered already"):
        fruits().register(Fruit("pear"))


def test_entries_keep_the_order_in_which_they_were_registered() -> None:
    assert list(fruits()) == ["apple", "pear"]


def test_entries_of_a_package_are_those_of_its_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "basket").mkdir()
    for name in ("__init__", "apple", "fig", "pear"):
        (tmp_path / "basket" / f"{name}.py").write_text(f"ENTRY = {name!r}\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert entries_of("basket") == ["apple", "fig", "pear"]
    assert entries_of("basket", first=("pear", "apple")) == ["pear", "apple", "fig"]
