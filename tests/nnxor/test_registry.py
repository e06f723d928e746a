"""A registry hands out entries by name, and says what is allowed where there is none."""

from dataclasses import dataclass

import pytest

from nnxor.registry import Registry


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
