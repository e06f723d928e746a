"""`python -m experiments.compare`: what it prints, and its exit statuses."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import inside

from experiments import comparing

Run = Callable[..., Path]


@pytest.fixture
def two(run: Run) -> list[str]:
    """Folders that differ much: few epochs against more."""
    some = ("grid.hidden=[10]", "grid.init=[uniform]", "grid.lr=[0.1, 0.2]")
    return [
        str(run(*some, f"base.epochs={epochs}", folder=name, told=False)) for name, epochs in (("a", 20), ("b", 500))
    ]


def compare(*arguments: str) -> tuple[int, str, str]:
    done = inside(*arguments, module="experiments.compare")
    return done.returncode, done.stdout, done.stderr


def test_what_differs_comes_first_then_conditions_side_by_side(two: list[str]) -> None:
    status, text, _ = compare(*two)
    assert status == 0
    assert text.index("What differs") < text.index("epochs 20 ") < text.index("B-A") < text.index("Aligned")
    assert text.count("paired: 20 seeds") == 2
    assert "Percent solved, of the runs compared, and in traps, of all runs; 95 % Wilson" in text
    assert "2 of 2 conditions differ" in text
    assert max(map(len, text.splitlines()[2:])) <= 80


def test_one_condition_differs(run: Run) -> None:
    one = ("grid.hidden=[10]", "grid.init=[he]", "grid.lr=[0.1]")
    folders = [run(*one, f"base.epochs={n}", folder=f"{n}", told=False) for n in (20, 500)]
    text = compare(*map(str, folders))[1]
    assert "Aligned: 1 pair differing in epochs." in text
    assert "1 of 1 condition differs (Holm" in text


def test_of_many_pairs_the_terminal_shows_some_and_says_where_all_are(
    two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparing, "MOST_PAIRS", 1)
    text = compare(*two)[1]
    assert text.count("paired: 20 seeds") == 1
    assert "Shown are 1 of 2 pairs, evenly spread; csv=FILE has them all." in text
    assert "2 of 2 conditions differ" in text


def test_where_nothing_differs_one_line_says_so(two: list[str]) -> None:
    status, text, _ = compare(two[0], two[0])
    assert status == 0
    assert text.splitlines()[-1] == "No differences: all 40 trainings of 2 conditions ended the same way."
    assert len([line for line in text.splitlines() if not line.startswith(("A  ", "B  ", "   "))]) == 1


def test_a_difference_fails_only_when_asked_to(two: list[str]) -> None:
    assert compare(*two, "fail_on_difference=true")[0] == 1
    assert compare(two[0], two[0], "fail_on_difference=true")[0] == 0


def test_files_are_written_where_they_are_asked_for(two: list[str], tmp_path: Path) -> None:
    files = [tmp_path / f"page.{kind}" for kind in ("html", "csv", "json")]
    assert compare(*two, *(f"{path.suffix[1:]}={path}" for path in files))[0] == 0
    page, table, content = (path.read_text(encoding="utf-8") for path in files)
    assert "2 of 2 conditions differ" in page
    rows = list(csv.DictReader(table.splitlines()))
    assert [(row["a_n"], row["b_n"]) for row in rows] == [("20", "20")] * 2
    said = json.loads(content)
    assert [row["condition"] for row in said["conditions"]] == [row["condition"] for row in rows]
    assert said["conditions"][0]["difference"] == float(rows[0]["difference"])


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["nowhere", "nowhere"], 2, "nowhere is not a folder"),
        (["nowhere"], 2, "two result folders must be named"),
        (["a", "b", "c"], 2, "c is not a setting"),
        (["a", "b", "other=1"], 2, "other is not a known key"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments: list[str], status: int, message: str) -> None:
    found, _, error = compare(*arguments)
    assert found == status
    assert message in error
    assert error.count("\n") == 1


def test_a_page_that_cannot_be_written_is_one_line(two: list[str]) -> None:
    status, _, error = compare(*two, "html=/nowhere/page.html")
    told = "html=/nowhere/page.html cannot be written; allowed: a regular file in a folder that is there\n"
    assert (status, error) == (2, told)


def test_help_fits_80_columns_and_names_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = inside("--help", module="experiments.compare")
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("html=", "csv=", "json=", "fail_on_difference", "Exit status", "Holm", "paired"):
        assert word in result.stdout
