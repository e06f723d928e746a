"""Axes in short: the same numbers everywhere, ends exact, and one line for what makes no axis."""

import shlex

import pytest
from harness import compose
from hypothesis import given, strategies as st

from analysis.entry import InputError
from experiments import composing
from experiments.study.given_fields import spell_out
from experiments.study.study import read_study


def axis(name: str, form: str, *numbers: float) -> list[object]:
    return spell_out(f"grid.{name}", name, [{form: list(numbers)}])


def test_numbers_are_spread_by_ratio_or_by_difference_and_read_well() -> None:
    assert axis("lr", "geomspace", 0.01, 1, 3) == [0.01, 0.1, 1]
    assert axis("lr", "geomspace", 0.01, 0.1, 4) == [0.01, 0.02154, 0.04642, 0.1]
    assert axis("scale", "linspace", 0.5, 2, 4) == [0.5, 1.0, 1.5, 2]
    assert axis("hidden", "geomspace", 2, 16, 7) == [2, 3, 4, 6, 8, 11, 16]


def test_numbers_too_close_for_few_digits_keep_more() -> None:
    found = axis("lr", "linspace", 1, 1.0001, 11)
    assert len(set(found)) == 11
    assert found[1] == 1.00001


@given(st.floats(1e-3, 1e3), st.floats(1.5, 1e3), st.integers(2, 100), st.sampled_from(["geomspace", "linspace"]))
def test_ends_are_exact_and_numbers_ascend(first: float, ratio: float, count: int, form: str) -> None:
    found = axis("lr", form, first, first * ratio, count)
    assert found[0] == first
    assert found[-1] == first * ratio
    assert found == sorted(set(found))  # type: ignore[type-var]
    assert len(found) == count


def test_a_study_takes_them_beside_plain_values_and_a_list_replaces_them() -> None:
    found = read_study(compose("study=smoke", "grid.hidden=4", "grid.init=he", "grid.lr=[{geomspace:[0.01,1,3]},0.2]"))
    assert [condition.lr for condition in found.conditions] == [0.01, 0.1, 0.2, 1.0]
    found = read_study(compose("study=landscape", "grid.lr=[0.1]", "grid.scale=2"))
    assert [(condition.lr, condition.scale) for condition in found.conditions] == [(0.1, 2.0)]


@pytest.mark.parametrize(
    ("name", "given_", "words"),
    [
        ("lr", {"geomspace": [0.01, 1]}, "allowed: numbers, {geomspace: [first, last, count]}"),
        ("lr", {"logspace": [0.01, 1, 3]}, "allowed: numbers, {geomspace: [first, last, count]}"),
        ("lr", {"geomspace": [0.01, 1, 3], "linspace": [0, 1, 3]}, "allowed: numbers, {geomspace"),
        ("lr", {"geomspace": [0.01, 1, 1]}, "count=1"),
        ("lr", {"geomspace": [0.01, 1, 2.5]}, "count=2.5"),
        ("lr", {"geomspace": [0, 1, 3]}, "both above 0"),
        ("scale", {"linspace": [1, 1, 3]}, "two different ends"),
        ("hidden", "range(2,9,0)", "allowed: range(START,STOP,STEP) of integers"),
        ("hidden", "range(9,2)", "has 0 numbers; allowed: 1 to 4096"),
        ("hidden", "range(0,1000000000)", "has 1,000,000,000 numbers; allowed: 1 to 4096"),
        ("hidden", "range()", "allowed: range(START,STOP,STEP) of integers"),
        ("hidden", "range(0,1,2,3)", "allowed: range(START,STOP,STEP) of integers"),
        ("hidden", f"range({10**30})", "allowed: range(START,STOP,STEP) of integers"),
        ("hidden", "range(2,a)", "allowed: range(START,STOP,STEP) of integers"),
        ("hidden", {"range": [2, 9]}, "or range(START,STOP,STEP)"),
    ],
)
def test_what_makes_no_axis_is_refused(name: str, given_: object, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        spell_out(f"grid.{name}", name, [given_])
    assert f"grid.{name}" in str(refusal.value)
    assert words in str(refusal.value)


def test_impossible_scales_are_refused() -> None:
    for scale in ("0", "-1", "1e7", "true"):
        with pytest.raises(InputError, match=r"grid\.scale=.* is not allowed; allowed: a number above 0"):
            read_study(compose("study=smoke", f"grid.scale=[1,{scale}]"))


def test_a_range_is_written_as_in_python() -> None:
    assert spell_out("grid.hidden", "hidden", ["range(2,7)"]) == [2, 3, 4, 5, 6]
    assert spell_out("grid.hidden", "hidden", [2, "range(3, 6)", 9]) == [2, 3, 4, 5, 9]
    assert spell_out("grid.hidden", "hidden", ["range(6,1,-2)"]) == [6, 4, 2]
    assert spell_out("grid.epochs", "epochs", ["range(3)"]) == [0, 1, 2]


def test_a_range_can_stand_on_the_command_line_and_in_a_list() -> None:
    for given_ in ("range(2,5)", "[2,'range(3,5)']"):
        found = read_study(compose("study=smoke", f"grid.hidden={given_}", "grid.init=he", "grid.lr=0.1"))
        assert [condition.hidden for condition in found.conditions] == [2, 3, 4]
    (quoted,) = composing.overrides("run", ["grid.hidden=range(2,5)"], ())
    assert shlex.quote(quoted) == """'grid.hidden="range(2,5)"'""", "as reports show it"
    assert composing.overrides("run", ["-m", "grid.hidden=range(2,5)"], ()) == ["grid.hidden=range(2,5)", "-m"]


def test_a_grid_is_counted_before_it_is_built() -> None:
    huge = ("grid.lr=[{geomspace:[0.001,1,4096]}]", "grid.hidden=range(1,2001)", "seeds.count=1")
    with pytest.raises(InputError, match="has 16,384,000 combinations; allowed: at most 100,000"):
        read_study(compose(*huge))
