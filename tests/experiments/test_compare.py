"""`python -m experiments.compare`: what it prints, and its exit statuses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness import command, inside

Run = Callable[..., Path]


@pytest.fixture
def two(run: Run) -> list[str]:
    """Folders that differ much: few epochs against more."""
    some = ("grid.hidden=[10]", "grid.init=[uniform]", "grid.lr=[0.1, 0.2]")
    return [str(run(*some, "base.epochs=20", folder="a")), str(run(*some, "base.epochs=500", folder="b"))]


def test_what_differs_comes_first_then_conditions_side_by_side(
    two: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(two) == 0
    text = capsys.readouterr().out
    assert text.index("What differs") < text.index("epochs: A 20, B 500") < text.index("B-A") < text.index("Aligned")
    assert text.count("paired: 20 seeds") == 2
    assert "2 of 2 conditions differ" in text
    assert max(map(len, text.splitlines()[2:])) <= 80


def test_a_difference_fails_only_when_asked_to(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([*two, "--fail-on-difference"]) == 1
    assert compare.main([two[0], two[0], "--fail-on-difference"]) == 0
    assert "No differences." in capsys.readouterr().out


def test_the_page_is_written_where_it_is_asked_for(two: list[str], tmp_path: Path) -> None:
    assert compare.main([*two, "--html", str(tmp_path / "page.html")]) == 0
    assert "2 of 2 conditions differ" in (tmp_path / "page.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere", "nowhere"], 2, "nowhere is no folder"),
        (["nowhere"], 2, "required: B"),
        (["a", "b", "--other"], 2, "--other"),
    ],
)
def test_bad_input_is_refused_in_one_line(
    arguments: list[str], status: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main(arguments) == status
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_a_page_that_cannot_be_written_is_one_line(two: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.main([*two, "--html", "/nowhere/page.html"]) == 1
    assert capsys.readouterr().err == "--html /nowhere/page.html cannot be written: No such file or directory\n"


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "compare", interrupted)
    assert compare.main(["a", "b"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_help_fits_80_columns_and_names_everything() -> None:
    result = command("--help", module="experiments.compare", env={"COLUMNS": "200"})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("--html", "--fail-on-difference", "Exit status", "Holm", "paired"):
        assert word in result.stdout
