"""The table in the terminal: 80 columns, whatever a study sweeps."""

from pathlib import Path

import pytest

from analysis.data.conditions import phrase, success
from analysis.data.reading import load
from analysis.findings.findings import Findings
from analysis.findings.summary import print_summary, table_lines
from analysis.text import words

SMOOTH = {
    "activation": "sigmoid", "output": "sigmoid", "optimizer": "momentum", "init": "truncated_normal(std=0.1)",
    "bias": False, "epochs": 5000, "batch_size": 2,
}  # fmt: skip


def lines(folder: Path) -> list[str]:
    return table_lines(Findings.of(folder).every_summary)


def test_a_study_of_few_fields_has_a_line_a_condition(handmade: Path) -> None:
    heads, *rows = lines(handmade)
    assert heads.split()[:3] == ["hidden", "init", "n"]
    assert len(rows) == 4


def test_a_study_of_many_fields_fits_80_columns_too(make, capsys) -> None:
    folder = make({
        "a": ({}, ["solved"] * 3 + ["stuck_1/4"]),
        "b": ({"hidden": 10}, ["solved"] * 2 + ["stuck_1/3"] * 2),
        "c": (SMOOTH, ["solved"] + ["stuck_1/2"] * 3),
    })  # fmt: skip
    print_summary(Findings.of(folder).every_summary, load(folder))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    text = " ".join(out.split())
    assert "unless a condition says otherwise: hidden=4, activation=relu, output=identity, bias=True," in text
    assert "1 (all as said above)" in text
    assert "2 hidden=10" in text
    own = "3 activation=sigmoid, output=sigmoid, bias=False, init=truncated_normal(std=0.1), epochs=5000,"
    assert own in text
    assert "batch_size=2" in text
    assert " 75.0 30.1-95.4" in text
    assert " 25.0 4.6-69.9" in text


def test_numbers_stand_below_their_heads(make) -> None:
    folder = make({"a": ({}, ["solved"] * 4), "c": (SMOOTH, ["stuck_1/2"] * 4)})
    heads, *rest = [line for line in lines(folder) if len(line) == 80]
    assert len(rest) == 2
    assert all(line[heads.index("solved %") - 1] == " " for line in rest)
    assert [line.split()[-1] for line in (heads, *rest)] == ["epochs", "102", "-"]


def test_a_column_in_which_nothing_is_counted_is_left_out(make, capsys) -> None:
    """Units of tanh cannot die, and their column held dashes alone."""
    smooth = Findings.of(make({"a": (SMOOTH, ["solved"] * 3 + ["unsettled"]), "b": ({**SMOOTH, "lr": 1}, ["solved"])}))
    heads, *_ = lines(smooth.folder)
    assert heads.split() == ["lr", "n", "solved", "%", "95", "%", "CI", "other", "epochs"]
    print_summary(smooth.every_summary, smooth.rows)
    told = "solved: % with 95 % Wilson interval; other: % that ended there; epochs: median to solve, of the solved"
    assert told in " ".join(capsys.readouterr().out.split())


def test_every_stuck_run_counts_where_levels_differ(make) -> None:
    folder = make({
        "a": ({"loss": "mse"}, ["solved", "stuck"]), "b": ({}, ["solved", "stuck_1/4", "stuck_1/3", "unsettled"]),
    })  # fmt: skip
    heads, a, b = lines(folder)
    assert heads.split()[-4:] == ["stuck", "other", "dead", "epochs"]
    assert a.split()[-4:-2] == ["50.0", "-"]
    assert b.split()[-4:-2] == ["50.0", "25.0"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("success", "loss 0.001", "solved: loss \N{LESS-THAN OR EQUAL TO} 0.001"),
        ("success", "margin 0.1", "solved: every row within 0.1"),
        (
            "success",
            "threshold (ties pass)",
            "solved: every row on its side (ties pass)",
        ),
        ("batch_size", None, "full batch"),
        ("batch_size", 2, "batches of 2"),
        ("bias", False, "no biases"),
        ("output", "sigmoid", "sigmoid output"),
        ("optimizer", "adam", "Adam"),
        ("momentum", 0.9, "momentum 0.9"),
        ("beta1", 0.9, "\N{GREEK SMALL LETTER BETA}1 = 0.9"),
        ("relu_at_zero", 1, "relu\N{PRIME}(0) = 1"),
        ("lr", 0.1, "lr 0.1"),
        ("epochs", 1, "1 epoch"),
        ("recycle_every", 1, "dead units redrawn every 1 epoch"),
    ],
)
def test_fields_read_well(name: str, value: object, text: str) -> None:
    assert phrase(name, value).replace("\N{NO-BREAK SPACE}", " ") == text
    assert success(success(str(value))) == success(str(value))


def test_nothing_is_less_than_nothing() -> None:
    """An interval of a share that began just below 0 was told as '−0.0 to 5.8'."""
    assert words.interval(-0.0003, 0.058) == f"0.0{words.DASH}5.8"
    assert words.interval(-0.0006, 0.058) == f"{words.MINUS}0.1 to 5.8"
    assert [words.points(each) for each in (-0.0004, 0.0, 0.0004, -0.012)] == ["0.0", "0.0", "0.0", f"{words.MINUS}1.2"]
    assert words.percent(-0.0001).startswith("0.0")
