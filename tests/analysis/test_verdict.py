"""The rules of the verdict, each on data made for it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.data.reading import Counted, load
from analysis.findings.findings import Findings
from analysis.findings.paired import compare_he
from analysis.findings.verdict import CLAIMS, NOT_JUDGED, Verdict
from analysis.report import read_results
from analysis.report_parts.sections import render
from analysis.report_parts.tables import causes_table

Run = Callable[..., Path]


def judge(folder: Path) -> dict[str, Verdict]:
    return {each.number: each for each in all_of(folder)}


def all_of(folder: Path) -> list[Verdict]:
    return Findings.of(folder).verdicts


def one(n_solved: int, rest: str = "stuck_1/3") -> list[str]:
    """The outcomes of 400 runs."""
    return ["solved"] * n_solved + [rest] * (400 - n_solved)


def test_no_study_without_certificates_says_minimum(handmade: Path) -> None:
    verdict = judge(handmade)["1"]
    assert (verdict.kind, verdict.effect) == ("open", "")
    assert "certify=true" in verdict.rule


@pytest.mark.parametrize(
    ("n_minimum", "kind"), [(30, "holds"), (10, "fails"), (21, "undecided"), (19, "undecided")]
)  # of 40
def test_stuck_runs_are_in_minima_where_most_certificates_say_so(make, n_minimum: int, kind: str, certify) -> None:
    folder = make({"a": ({}, ["solved"] * 9 + ["stuck_1/4"] * 40)})
    verdict = judge(certify(folder, a=["minimum"] * n_minimum + ["kink"] * (40 - n_minimum)))["1"]
    assert verdict.kind == kind
    n = "n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}40"
    assert re.search(rf"minimum: {n_minimum / 0.4:.1f}.% \([^)]*{n}\)\.", verdict.effect)
    assert f"{40 - n_minimum} runs rest at a kink" in verdict.effect
    assert "infinity" not in verdict.effect


def test_minima_at_infinity_are_minima_and_are_told(make, certify) -> None:
    folder = make({"a": ({}, ["stuck_1/4"] * 40)})
    verdict = judge(certify(folder, a=["infinity"] * 25 + ["minimum"] * 10 + ["kink"] * 5))["1"]
    assert verdict.kind == "holds"
    text = verdict.effect.replace("\N{NO-BREAK SPACE}", " ")
    assert (
        "87.5 % (73.9\N{EN DASH}94.5, n = 40), 25.0 % at a finite one and 62.5 % on the way to one at infinity. "
        in text
    )
    assert "Counted as minima are those at infinity (25)" in verdict.effect


def test_one_run_rests(make, certify) -> None:
    found = judge(certify(make({"a": ({}, ["stuck_1/4"])}), a=["kink"]))["1"]
    assert "1 run rests at a kink, where" in found.effect


def test_answers_are_counted_condition_by_condition(make, certify) -> None:
    folder = make({"a": ({"lr": 0.1}, ["stuck_1/4"] * 30), "b": ({"lr": 0.2}, ["stuck_1/2"] * 30),
                   "c": ({"lr": 0.4}, ["solved"] * 30)})  # fmt: skip
    verdict = judge(certify(folder, a=["kink"] * 27 + ["saddle"] * 3, b=["minimum"] * 29 + ["unknown"]))["1"]
    assert verdict.verdict == "yes in 1, no in 1 of 2 conditions", "one without stuck runs has no say"
    text = verdict.effect.replace("\N{NO-BREAK SPACE}", " ")
    assert "nearest to the article (lr 0.1): 0.0 % (" in text
    assert "; over both conditions from 0.0 % (0.0\N{EN DASH}11.4, n = 30) to 96.7 % (" in text
    assert ". Yes: lr 0.2. No: lr 0.1." in text
    told = {number: each.effect.replace("\N{NO-BREAK SPACE}", " ") for number, each in judge(folder).items()}
    assert (
        "None of the runs with lr 0.1 was solved, so that at least 39 draws make a success 99 % likely, if any do."
        in told["5"]
    )
    assert "How many of the runs with lr 0.1 get stuck, by the units that are dead" in told["2"]


@pytest.mark.parametrize(
    ("rest", "kind"), [("stuck_1/3", "holds"), ("stuck_1/4", "fails")]
)  # thirds died in training, quarters are alive but merged
def test_dying_is_the_reason_where_most_stuck_runs_have_too_few_live_units(make, rest: str, kind: str) -> None:
    assert judge(make({"a": ({}, one(100, rest=rest))}))["2"].kind == kind


def test_what_dead_units_account_for_is_told_beside_it(handmade: Path) -> None:
    text = judge(handmade)["2"].effect.replace("\N{NO-BREAK SPACE}", " ")
    for told in ("none dead: 42.9 % (21.4", "1 dead: 46.2 % (", "2 dead: 46.2 % (", "until it lives, 4.8 % ("):
        assert told in text


@pytest.mark.parametrize("law", ["normal(mean=0.0,std=0.5)|constant(value=0.0)|mirror", "19ed161e973475c3"])
def test_nothing_is_saved_where_units_are_not_drawn_independently(make, law: str) -> None:
    """Of mirrored pairs and given weights it was told what drawing each dead unit again would save."""
    spec = {"a": ({}, ["solved", "stuck_1/3", "solved"] * 20)}
    folder = make(spec)
    assert "If every dead unit were drawn again" in judge(folder)["2"].effect
    assert "saved" in causes_table(Findings.of(folder)).heads
    told = json.loads((folder / "manifest.json").read_text())
    told["conditions"] = {"a": f"protocol=2;init=mine:{law}"}
    (folder / "manifest.json").write_text(json.dumps(told))
    assert "drawn again" not in judge(folder)["2"].effect
    assert "saved" not in causes_table(Findings.of(folder)).heads


def test_dying_is_no_reason_where_there_are_fewer_units_than_the_task_needs(make) -> None:
    """All 30 runs of a single unit were stuck for deaths, of which the same verdict said that they cost none."""
    narrow, wide = ({"hidden": 1}, ["stuck_1/2"] * 30), ({}, ["solved"] * 10 + ["stuck_1/4"] * 20)
    found = judge(make({"a": narrow}))["2"]
    assert (found.kind, found.rule) == ("open", CLAIMS[1].nothing)
    assert judge(make({"a": narrow, "b": wide}))["2"].verdict == "does not hold"


def test_dying_is_undecided_where_one_half_is_possible(make) -> None:
    assert judge(make({"a": ({}, ["solved"] * 5 + ["stuck_1/3"] * 10 + ["stuck_1/4"] * 10)}))["2"].kind == "undecided"


def test_dying_is_not_measured_with_other_activations_or_without_stuck_runs(make) -> None:
    assert judge(make({"a": ({"activation": "leaky_relu"}, one(10))}))["2"].kind == "open"
    found = judge(make({"a": ({}, ["solved"] * 9)}))
    assert {(found[n].kind, found[n].rule) for n in "12"} == {("open", "No run is stuck.")}
    assert "certify=true" in judge(make({"a": ({}, one(9))}))["1"].rule


@pytest.mark.parametrize(("n_solved", "sure"), [(400, "holds"), (300, "fails"), (382, "undecided")])
def test_that_more_units_help_is_one_claim_and_that_ten_are_almost_sure_another(make, n_solved: int, sure: str) -> None:
    found = judge(make({"a": ({"hidden": 4}, one(200)), "b": ({"hidden": 10}, one(n_solved))}))
    assert (found["3a"].kind, found["3b"].kind) == ("holds", sure)
    assert f"(4 to 10\N{NO-BREAK SPACE}units): +{(n_solved - 200) / 4:.1f} points" in found["3a"].effect


def test_about_ten_are_not_measured_without_them_and_more_units_not_with_one_width(make) -> None:
    found = judge(make({"a": ({"hidden": 2}, one(200)), "b": ({"hidden": 4}, one(300))}))
    assert (found["3a"].kind, found["3b"].kind) == ("holds", "open")
    assert judge(make({"a": ({}, one(200))}))["3a"].kind == "open"


def test_a_reversal_of_more_units_is_named(make) -> None:
    folder = make({
        "a": ({"hidden": 4, "lr": 0.1}, one(300)), "b": ({"hidden": 10, "lr": 0.1}, one(395)),
        "c": ({"hidden": 4, "lr": 0.2}, one(300)), "d": ({"hidden": 10, "lr": 0.2}, one(100)),
    })  # fmt: skip
    found = judge(folder)
    assert "No: 4 to 10\N{NO-BREAK SPACE}units, lr\N{NO-BREAK SPACE}0.2." in found["3a"].effect
    assert "from \N{MINUS SIGN}50.0 points (" in found["3a"].effect
    assert found["3b"].verdict == "yes in 1, no in 1 of 2 conditions"


def test_he_helps_only_where_it_does(make) -> None:
    folder = make({
        "a": ({"init": "uniform", "lr": 0.01}, one(200)), "b": ({"init": "he", "lr": 0.01}, one(260)),
        "c": ({"init": "uniform", "lr": 0.2}, one(200)), "d": ({"init": "he", "lr": 0.2}, one(150)),
    })  # fmt: skip
    verdict = judge(folder)["4"]
    assert (verdict.kind, verdict.verdict) == ("partly", "yes in 1, no in 1 of 2 pairs")
    assert re.search(r"from \N{MINUS SIGN}12\.5 points \(.*\) to \+15\.0 points \(", verdict.effect)


def test_a_rule_is_corrected_for_the_number_of_conditions_that_it_is_put_to(make) -> None:
    """Of 16 conditions one with p = 0.046 is no finding, and nothing is said of those that are undecided."""
    ends = ["solved"] * 20 + ["stuck_1/3"] * 21 + ["stuck_1/4"] * 10  # 21 of 31: p 0.07; 22 of 31: p 0.03
    luckier = ["solved"] * 20 + ["stuck_1/3"] * 22 + ["stuck_1/4"] * 9
    alone = judge(make({"a": ({"lr": 0.1}, luckier)}))["2"]
    assert (alone.kind, alone.verdict) == ("holds", "holds")
    among = {f"c{i}": ({"lr": i / 100}, luckier if i == 1 else ends) for i in range(1, 17)}
    found = judge(make(among))["2"]
    assert (found.kind, found.verdict) == ("undecided", "undecided in all 16 conditions")


def test_no_in_one_of_eight_and_nothing_elsewhere_is_not_that_it_does_not_hold(make) -> None:
    spec = {}
    for i in range(1, 5):
        spec[f"u{i}"] = ({"init": "uniform", "lr": i / 100}, one(200))
        spec[f"h{i}"] = ({"init": "he", "lr": i / 100}, one(150 if i == 1 else 200))
    found = judge(make(spec))["4"]
    assert (found.kind, found.verdict) == ("partly", "no in 1, undecided in 3 of 4 pairs")


def test_he_is_not_measured_alone(make) -> None:
    assert judge(make({"a": ({"init": "he"}, one(9))}))["4"].kind == "open"
    assert judge(make({"a": ({"init": "uniform"}, one(9)), "b": ({"init": "torch"}, one(9))}))["4"].kind == "open"


def test_he_is_not_paired_with_weights_that_were_given(make) -> None:
    spec = {"a": ({"init": "a.npz"}, one(200)), "b": ({"init": "he"}, one(300)), "c": ({"init": "torch"}, one(200))}
    folder = make(spec)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["conditions"]["a"] = "protocol=2;init=a.npz:0123456789abcdef"
    path.write_text(json.dumps(manifest))
    (pair,) = compare_he(load(folder), Counted.of(folder).solved).to_dict("records")
    assert (pair["first"], pair["second"]) == ("torch", "he")


@pytest.mark.parametrize(("n_solved", "kind"), [(200, "holds"), (0, "fails"), (82, "undecided")])
def test_drawing_again_holds_within_twenty_draws(make, n_solved: int, kind: str) -> None:
    """Twenty draws make a success 99 % likely if one is solved in 20.6 % of the cases."""
    assert judge(make({"a": ({}, one(n_solved))}))["5"].kind == kind


def test_on_another_task_no_claim_is_judged(run: Run) -> None:
    folder = run("grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1", "base.task=parity3", told=False)
    found = all_of(folder)
    assert [each.claim for each in found] == [each.text for each in CLAIMS]
    for each in found:
        assert (each.kind, each.verdict, each.effect) == ("open", NOT_JUDGED, "")
        assert each.rule.endswith("learnt by ReLU units. They are not judged for other rows (parity3).")


@pytest.mark.parametrize("activation", ["tanh", "sigmoid", "leaky_relu"])
def test_of_units_other_than_relu_no_claim_is_judged(run: Run, activation: str) -> None:
    found = all_of(run("grid.hidden=[4,10]", f"base.activation={activation}", told=False))
    assert {each.verdict for each in found} == {NOT_JUDGED}
    assert all(f"other units ({activation})" in each.rule for each in found)


@pytest.mark.parametrize("record", ["trials", "summary"])
def test_conditions_beyond_the_article_have_no_say(run: Run, record: str) -> None:
    """The verdicts of a study that holds more are those of the article's part of it, from rows and from counts."""
    fields = (f"record={record}", "grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1", "base.epochs=150")
    alone = run(*fields, folder="alone", told=False)
    more = run(*fields, "grid.task=[xor,and,parity3]", "grid.activation=[relu,tanh]", folder="more", told=False)
    assert all_of(more) == all_of(alone)
    assert Findings.of(alone).scope == ""
    said = Findings.of(more).scope
    assert said.startswith("Judged are 4 of 24 conditions.")
    assert said.endswith(". They are not judged for other rows (and, parity3) and other units (tanh).")
    text = render(read_results(more), [])
    assert "Judged are 4 of 24 conditions." in text
    assert "Judged are" not in render(read_results(alone), [])


def test_xor_in_a_csv_file_is_xor_but_does_not_tell_how_many_units_it_needs(run: Run, tmp_path: Path) -> None:
    rows = "x1,x2,t{}\n0,0,0{}\n0,1,1{}\n1,0,1{}\n1,1,0{}\n"
    (tmp_path / "mine.csv").write_text(rows.format(*[""] * 5))
    (tmp_path / "often.csv").write_text(rows.format(",times", *[",2"] * 4))
    grid = ("grid.hidden=[4,10]", "grid.init=[uniform,he]", "grid.lr=0.1")
    named = all_of(run(*grid, folder="named", told=False))
    mine = all_of(run(*grid, f"base.task={tmp_path / 'mine.csv'}", folder="mine", told=False))
    assert [each for each in mine if each.number != "2"] == [each for each in named if each.number != "2"]
    assert (mine[1].kind, "does not say how many units" in mine[1].rule) == ("open", True)
    often = all_of(run(*grid, f"base.task={tmp_path / 'often.csv'}", folder="often", told=False))
    assert {each.verdict for each in often} == {NOT_JUDGED}, "rows that count twice have other levels"
