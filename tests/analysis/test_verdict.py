"""The rules of the verdict, each on data made for it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.data.reading import load
from analysis.data.tallies import load_counts
from analysis.findings.verdict import CLAIMS, NOT_JUDGED, Verdict, compare_he, scope, verdicts, where
from analysis.report import read_results, render

Run = Callable[..., Path]


def judge(folder: Path) -> dict[int, Verdict]:
    return dict(enumerate(verdicts(load(folder)), 1))


def one(n_solved: int, rest: str = "stuck_1/3") -> list[str]:
    """The outcomes of 400 runs."""
    return ["solved"] * n_solved + [rest] * (400 - n_solved)


def test_no_study_without_certificates_says_minimum(handmade: Path) -> None:
    verdict = judge(handmade)[1]
    assert verdict.kind == "open"
    assert "Of 31 unsolved runs 29 are at rest" in verdict.measured
    assert "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}20" in verdict.effect


@pytest.mark.parametrize(
    ("n_minimum", "kind"), [(30, "holds"), (10, "fails"), (21, "undecided"), (19, "undecided")]
)  # of 40: Wilson's interval of 30 ends at 59.8 %, of 10 at 40.2 %, those of 21 and 19 hold 50 %
def test_stuck_runs_are_in_minima_where_most_certificates_say_so(make, n_minimum: int, kind: str, certify) -> None:
    folder = make({"a": ({}, ["solved"] * 9 + ["stuck_1/4"] * 40)})
    verdict = judge(certify(folder, a=["minimum"] * n_minimum + ["kink"] * (40 - n_minimum)))[1]
    assert verdict.kind == kind
    n = "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}40"
    assert re.search(rf"Of 40 stuck runs {n_minimum / 0.4:.1f}.% \([^)]*{n}\) are true minima and", verdict.measured)
    assert f"{100 - n_minimum / 0.4:.1f}\N{NO-BREAK SPACE}%" in verdict.measured
    assert "None is a saddle or is left unknown" in verdict.measured


def test_minima_are_judged_condition_by_condition(make, certify) -> None:
    folder = make({"a": ({"lr": 0.1}, ["stuck_1/4"] * 30), "b": ({"lr": 0.2}, ["stuck_1/2"] * 30),
                   "c": ({"lr": 0.4}, ["solved"] * 30)})  # fmt: skip
    verdict = judge(certify(folder, a=["kink"] * 27 + ["saddle"] * 3, b=["minimum"] * 29 + ["unknown"]))[1]
    assert verdict.verdict == "holds only if lr\N{NO-BREAK SPACE}0.2"
    assert verdict.tally == "yes in 1, no in 1, undecided in 0 of 2", "a condition without stuck runs has no say"
    for share, words in (("48.3", "true minima"), ("45.0", "artefacts"), ("5.0", "saddles"), ("1.7", "unknown")):
        assert re.search(rf"{share}.% \([^)]*60\) are {words}", verdict.measured)
    assert "None" not in verdict.measured
    assert "90.0\N{NO-BREAK SPACE}% (74.4" in verdict.effect


@pytest.mark.parametrize(
    ("rest", "kind"), [("stuck_1/3", "holds"), ("stuck_1/4", "fails")]
)  # thirds died in training, quarters are alive but merged
def test_dying_is_the_culprit_where_most_stuck_runs_have_too_few_live_units(make, rest: str, kind: str) -> None:
    assert judge(make({"a": ({}, one(100, rest=rest))}))[2].kind == kind


def test_dying_is_undecided_where_the_interval_holds_one_half(make) -> None:
    assert judge(make({"a": ({}, ["solved"] * 5 + ["stuck_1/3"] * 10 + ["stuck_1/4"] * 10)}))[2].kind == "undecided"


def test_dying_is_not_measured_with_other_activations_or_without_stuck_runs(make) -> None:
    assert judge(make({"a": ({"activation": "leaky_relu"}, one(10))}))[2].kind == "open"
    assert judge(make({"a": ({}, ["solved"] * 9)}))[2].kind == "open"


@pytest.mark.parametrize(("n_solved", "kind"), [(400, "holds"), (300, "fails"), (382, "undecided")])
def test_more_units_hold_if_ten_solve_it_almost_surely(make, n_solved: int, kind: str) -> None:
    folder = make({"a": ({"hidden": 4}, one(200)), "b": ({"hidden": 10}, one(n_solved))})
    verdict = judge(folder)[3]
    assert verdict.kind == kind
    assert f"against 4\N{NO-BREAK SPACE}units: +{(n_solved - 200) / 4:.1f} points" in verdict.effect
    assert "Nowhere" in verdict.effect


def test_more_units_are_not_measured_without_about_ten(make) -> None:
    folder = make({"a": ({"hidden": 2}, one(200)), "b": ({"hidden": 4}, one(300))})
    assert judge(folder)[3].kind == "open"


def test_a_reversal_of_more_units_is_named(make) -> None:
    folder = make({
        "a": ({"hidden": 4, "lr": 0.1}, one(300)), "b": ({"hidden": 10, "lr": 0.1}, one(395)),
        "c": ({"hidden": 4, "lr": 0.2}, one(300)), "d": ({"hidden": 10, "lr": 0.2}, one(100)),
    })  # fmt: skip
    verdict = judge(folder)[3]
    assert "in 1 of 2 comparisons" in verdict.effect
    assert "4 to 10\N{NO-BREAK SPACE}units \N{MINUS SIGN}50.0 points" in verdict.effect
    assert verdict.verdict == "holds only if lr\N{NO-BREAK SPACE}0.1"


def test_he_helps_only_where_it_does(make) -> None:
    folder = make({
        "a": ({"init": "uniform", "lr": 0.01}, one(200)), "b": ({"init": "he", "lr": 0.01}, one(260)),
        "c": ({"init": "uniform", "lr": 0.2}, one(200)), "d": ({"init": "he", "lr": 0.2}, one(150)),
    })  # fmt: skip
    verdict = judge(folder)[4]
    assert verdict.verdict == "holds only if lr\N{NO-BREAK SPACE}0.01"
    assert verdict.tally == "yes in 1, no in 1, undecided in 0 of 2"
    assert "\N{MINUS SIGN}12.5 points" in verdict.effect
    assert "+15.0 points" in verdict.effect


def test_he_is_not_measured_alone(make) -> None:
    assert judge(make({"a": ({"init": "he"}, one(9))}))[4].kind == "open"
    assert judge(make({"a": ({"init": "uniform"}, one(9)), "b": ({"init": "torch"}, one(9))}))[4].kind == "open"


def test_he_is_not_paired_with_weights_that_were_given(make) -> None:
    spec = {"a": ({"init": "a.npz"}, one(200)), "b": ({"init": "he"}, one(300)), "c": ({"init": "torch"}, one(200))}
    folder = make(spec)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["conditions"]["a"] = "protocol=2;init=a.npz:0123456789abcdef"
    path.write_text(json.dumps(manifest))
    (pair,) = compare_he(load(folder)).to_dict("records")
    assert (pair["first"], pair["second"]) == ("torch", "he")


@pytest.mark.parametrize(("n_solved", "kind"), [(200, "holds"), (0, "fails"), (90, "undecided")])
def test_drawing_again_holds_within_twenty_draws(make, n_solved: int, kind: str) -> None:
    assert judge(make({"a": ({}, one(n_solved))}))[5].kind == kind


def test_conditions_are_named_in_few_words() -> None:
    table = pd.DataFrame({"init": ["u"] * 4 + ["he"] * 4, "lr": [0.01, 0.03, 0.1, 0.2] * 2})
    assert where(table, [True, True, False, False] * 2, ["init", "lr"]) == "lr 0.01 or 0.03"
    assert where(table, [True] * 4 + [False] * 4, ["init", "lr"]) == "u"
    assert (
        where(table, [True, True, True, False, True, False, False, False], ["init", "lr"])
        == "u with lr 0.01 to 0.1; or He with lr\N{NO-BREAK SPACE}0.01"
    )


def from_counts(folder: Path) -> list[Verdict]:
    counted = load_counts(folder)
    return verdicts(counted.runs, counted.solved)


def test_on_another_task_no_claim_is_judged(run: Run) -> None:
    folder = run("grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1", "base.task=parity3")
    found = verdicts(load(folder))
    assert [each.claim for each in found] == list(CLAIMS)
    for each in found:
        assert (each.kind, each.verdict, each.effect, each.tally) == ("open", NOT_JUDGED, "", "")
        assert each.measured.endswith("about XOR learnt by ReLU units; not judged are tasks other than XOR (parity3).")
    assert from_counts(folder) == found


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "leaky_relu"])
def test_of_units_that_do_not_die_no_claim_is_judged(run: Run, activation: str) -> None:
    found = verdicts(load(run("grid.hidden=[4,10]", f"base.activation={activation}")))
    assert {each.verdict for each in found} == {NOT_JUDGED}
    assert all(f"units that do not die ({activation})" in each.measured for each in found)


@pytest.mark.parametrize("record", ["trials", "summary"])
def test_conditions_beyond_the_article_have_no_say(run: Run, record: str) -> None:
    """The verdicts of a study that holds more are those of the article's part of it, from rows and from counts."""
    fields = (f"record={record}", "grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1", "base.epochs=400")
    alone = run(*fields, folder="alone")
    more = run(*fields, "grid.task=[xor,and,parity3]", "grid.activation=[relu,tanh]", folder="more")
    assert from_counts(more) == from_counts(alone)
    assert scope(load_counts(alone).runs) == ""
    said = scope(load_counts(more).runs)
    assert said.startswith("Judged are 4 of 24 conditions.")
    assert said.endswith("; not judged are tasks other than XOR (and, parity3) and units that do not die (tanh).")
    text = render(read_results(more), [])
    assert "Judged are 4 of 24 conditions." in text
    assert "Judged are" not in render(read_results(alone), [])


def test_xor_in_a_csv_file_is_xor_but_does_not_tell_how_many_units_it_needs(run: Run, tmp_path: Path) -> None:
    rows = "x1,x2,t{}\n0,0,0{}\n0,1,1{}\n1,0,1{}\n1,1,0{}\n"
    (tmp_path / "mine.csv").write_text(rows.format(*[""] * 5))
    (tmp_path / "often.csv").write_text(rows.format(",times", *[",2"] * 4))
    grid = ("grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1")
    named = verdicts(load(run(*grid, folder="named")))
    mine = verdicts(load(run(*grid, f"base.task={tmp_path / 'mine.csv'}", folder="mine")))
    assert [mine[i] for i in (0, 2, 3, 4)] == [named[i] for i in (0, 2, 3, 4)]
    assert (mine[1].kind, "do not say how many units" in mine[1].measured) == ("open", True)
    often = verdicts(load(run(*grid, f"base.task={tmp_path / 'often.csv'}", folder="often")))
    assert {each.verdict for each in often} == {NOT_JUDGED}, "rows that count twice have other levels"
