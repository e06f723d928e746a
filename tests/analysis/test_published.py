"""Published figures beside ours: the rule by hand, words where there are no figures, nothing hidden."""

import io
import json
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from harness import rewrite

from analysis import report
from analysis.data.conditions import FIELDS
from analysis.data.reading import OUTCOMES, load, read_manifest
from analysis.figures import PLOTS
from analysis.findings.findings import Findings
from analysis.findings.published import (
    AGREE,
    DIFFER,
    NOT_RUN,
    TOO_FEW,
    WORDS,
    Beside,
    beside,
    print_published,
    published_frame,
    published_lines,
)
from analysis.findings.statistics import Rate
from analysis.report_parts import sections
from analysis.text.answers import answer


def publish(folder: Path, *entries: dict[str, Any]) -> Path:
    """Put published figures into a folder's manifest."""
    path = folder / "manifest.json"
    empty = {"solved": None, "n": None, "error": None, "says": "", "quoted": "", "note": ""}
    whole = [{"source": "Somebody (1999)", "setting": "2-H-1", **empty, **entry} for entry in entries]
    path.write_text(json.dumps({**json.loads(path.read_text()), "published": whole}), encoding="utf-8")
    return folder


def found(folder: Path) -> list[Any]:
    return beside(Findings.of(folder).every_summary, load(folder), read_manifest(folder))


def allowed(p0: float, n0: int, p1: float, n1: int) -> float:
    """The largest difference from p1 of n1 runs of ours with which p0 of n0 published runs agrees."""
    told = dict.fromkeys(("source", "setting", "says", "quoted", "note", "where"), "")
    rates = {"theirs": Rate.of(p0 * n0, n0), "solved": Rate.of(p1 * n1, n1), "stuck": Rate.of(0, n1)}
    return Beside(**told, **rates, conditions=[]).allowed  # type: ignore[arg-type]


def test_the_rule_is_that_of_the_issue() -> None:
    assert allowed(0.8, 100, 0.6, 300) == pytest.approx(3 * math.sqrt(0.65 * 0.35 * (1 / 100 + 1 / 300)))
    assert allowed(1.0, 1, 1.0, 5000) == 0
    assert math.isnan(allowed(0.5, 10, math.nan, 0))


@pytest.mark.parametrize(
    ("solved", "limit", "verdict"),
    [
        (0.50, 0.2487, AGREE),
        (0.72, 0.2280, AGREE),
        (0.73, 0.2260, DIFFER),
        (0.28, 0.2280, AGREE),
        (0.27, 0.2260, DIFFER),
    ],
)
def test_shares_agree_within_three_standard_errors(handmade: Path, solved: float, limit: float, verdict: str) -> None:
    """Ours 20 of 40, theirs of 400; at 0.72 the pooled share is 308 of 440, and 0.22 is within the limit."""
    (each,) = found(publish(handmade, {"solved": solved, "n": 400, "conditions": ["uniform4"]}))
    assert each.allowed == pytest.approx(limit, abs=5e-5)
    assert each.difference == pytest.approx(0.5 - solved)
    assert each.verdict == verdict


def test_conditions_of_an_entry_are_counted_together(handmade: Path) -> None:
    (each,) = found(publish(handmade, {"solved": 0.5, "n": 10, "conditions": ["uniform4", "he4"]}))
    assert (each.solved.count, each.solved.n) == (50, 80)
    assert (each.stuck.count, each.stuck.n) == (28, 80)


def test_what_cannot_disagree_does_not_agree(make) -> None:
    folder = make({"a": ({}, ["solved"] * 40)})
    one, many = found(publish(folder, *({"solved": 1.0, "n": n, "conditions": ["a"]} for n in (1, 100))))
    assert (one.verdict, one.margin) == (TOO_FEW, "")
    assert (many.verdict, many.margin) == (AGREE, "0.0 points")
    assert "allowed" not in "".join(published_lines([one, many]))


def test_words_are_set_beside_and_not_judged(handmade: Path) -> None:
    (each,) = found(publish(handmade, {"says": "nearly always", "conditions": ["he10"]}))
    assert each.verdict == WORDS
    lines = "\n".join(published_lines([each]))
    assert '"nearly always"' in lines
    assert "ours 100.0 (91.2-100.0) of 40, stuck 0.0 (0.0-8.8) of 40" in lines


def test_conditions_that_were_not_run_are_said_to_be_so(handmade: Path) -> None:
    (each,) = found(publish(handmade, {"solved": 0.5, "n": 10, "conditions": ["gone"]}))
    assert each.verdict == NOT_RUN
    assert "no runs" in "\n".join(published_lines([each]))


def test_entries_of_one_setting_are_told_apart_by_their_fields(handmade: Path) -> None:
    entries = found(
        publish(
            handmade,
            {"solved": 0.5, "n": 10, "conditions": ["uniform4", "he4"]},
            {"solved": 0.5, "n": 10, "conditions": ["uniform10", "he10"]},
            {"solved": 0.5, "n": 10, "conditions": ["uniform4"], "setting": "another"},
        )
    )
    assert [each.where.replace("\N{NO-BREAK SPACE}", "") for each in entries] == ["4units", "10units", ""]


def test_the_end_of_a_run_says_it_within_80_columns(handmade: Path, capsys) -> None:
    publish(
        handmade,
        {"solved": 0.929, "n": 1000, "quoted": "from memory", "conditions": ["uniform4"], "source": "A name " * 20},
        {"solved": 0.98, "n": 100, "conditions": ["uniform10"]},
        {"says": "many words " * 20, "conditions": ["he4"]},
    )
    print_published(Findings.of(handmade).published)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "(from memory)" in out
    assert "theirs 92.9 (91.1-94.3) of 1,000; ours 50.0 (35.2-64.8) of 40" in out
    assert "DIFFER (-42.9 points, 13.7 allowed)" in out
    assert "agree (-0.5 points, 8.1 allowed)" in out


def test_published_csv_holds_every_number(handmade: Path) -> None:
    publish(
        handmade,
        {"solved": 0.929, "n": 1000, "quoted": "from memory", "conditions": ["uniform4"]},
        {"says": "nearly always", "conditions": ["he4", "he10"]},
    )
    first, second = pd.read_csv(io.StringIO(Findings.of(handmade).derived["published.csv"])).to_dict("records")
    assert (first["published_rate"], first["published_n"]) == (0.929, 1000)
    assert (first["solved"], first["n"], first["stuck"]) == (20, 40, 18)
    assert (first["solved_low"], first["solved_high"]) == pytest.approx((0.351997, 0.648003), abs=1e-5)
    assert (first["verdict"], first["quoted"]) == (DIFFER, "from memory")
    assert first["difference"] == pytest.approx(-0.429)
    assert first["allowed"] == pytest.approx(allowed(0.929, 1000, 0.5, 40), rel=1e-5)
    assert (second["says"], second["conditions"], second["n"]) == ("nearly always", "he4 he10", 80)
    assert math.isnan(second["published_rate"])


def test_published_csv_calls_a_draw_as_everything_else_does(handmade: Path) -> None:
    publish(handmade, {"says": "x", "conditions": ["uniform4"]}, {"says": "y", "conditions": ["he4"]})
    table = pd.read_csv(io.StringIO(Findings.of(handmade).derived["published.csv"]))
    assert table["where"].tolist() == ["U(\N{MINUS SIGN}1, 1)", "He"]


@pytest.mark.parametrize(
    ("error", "digits"), [(0.375, 16), (0.375 + 1e-12, 11), (0.4, 1), (4.0, 0)], ids=["same", "nearly", "first", "none"]
)
def test_a_mean_error_is_told_digit_by_digit(make, error: float, digits: int) -> None:
    """Ours is that of the predictions 0.25, 0.75, 0.5, 0.5 on XOR."""
    folder = make({"a": ({}, ["unsettled"])})
    trials = pd.read_parquet(folder / "trials.parquet")
    rewrite(trials.assign(y_00=0.25, y_01=0.75, y_10=0.5, y_11=0.5), folder)
    publish(folder, {"says": "mean error", "error": error, "conditions": ["a"]})
    (each,) = Findings.of(folder).published
    assert each.errors == (error, 0.375)
    assert each.verdict == f"the same to {digits} digit{'s' * (digits != 1)}"
    assert "ours 0.375" in "\n".join(published_lines([each]))
    assert published_frame([each])["ours"].tolist() == ["0.375"]
    told = answer(Findings.of(folder))
    assert told == [f"Somebody (1999): mean error, ours 0.375, {each.verdict}."]
    text = sections.render(report.read_results(folder), figures=False)
    assert re.search(rf"<td[^>]*>0.375</td>\s*<td[^>]*>{each.verdict}", text)


def test_a_study_that_repeats_nothing_has_no_published_csv(handmade: Path, capsys) -> None:
    print_published(Findings.of(handmade).published)
    assert list(Findings.of(handmade).derived) == ["summary.csv"]
    assert capsys.readouterr().out == ""
    assert "Published figures" not in sections.render(report.read_results(handmade), figures=False)


def test_the_report_sets_them_side_by_side(handmade: Path) -> None:
    publish(
        handmade, {"solved": 0.929, "n": 1000, "quoted": "from memory", "note": "A <note>.", "conditions": ["uniform4"]}
    )
    text = sections.render(report.read_results(handmade), figures=False).replace("\N{NO-BREAK SPACE}", " ")
    assert "Published figures beside ours" in text
    assert "Somebody (1999) (from memory)" in text
    assert "92.9 (91.1\N{EN DASH}94.3), n = 1,000" in text
    assert "50.0 (35.2\N{EN DASH}64.8), n = 40" in text
    assert "differ: \N{MINUS SIGN}42.9 points, 13.7 allowed" in text
    assert "A &lt;note&gt;" in text


def test_the_figure_counts_what_cannot_be_judged(make) -> None:
    folder = make({"a": ({}, ["solved"] * 40)})
    publish(folder, *({"solved": 1.0, "n": n, "conditions": ["a"]} for n in (1, 100)))
    (plot,) = [plot for plot in PLOTS if plot.name == "published"]
    told = "Published rates that agree with ours: 1; that differ: 0; too few runs to tell: 1."
    assert plot.describe(Findings.of(folder)) == told


def test_the_figure_shows_theirs_and_ours_with_n(handmade: Path) -> None:
    publish(handmade, {"solved": 0.929, "n": 1000, "conditions": ["uniform4"]})
    (plot,) = [plot for plot in PLOTS if plot.name == "published"]
    figure = plot.draw(Findings.of(handmade))
    points = [float(line.get_xdata()[0]) for line in figure.axes[0].lines if len(line.get_xdata()) == 1]
    assert points[0] == pytest.approx(92.9)
    assert 50.0 in points
    assert "Theirs n = 1,000, ours n = 40." in figure.get_supxlabel()


def test_every_column_of_the_tables_that_a_run_writes_is_documented(handmade: Path) -> None:
    """`stuck_rate` is of runs at levels without a name in one of them, and of all that are stuck in the other."""
    publish(handmade, {"solved": 0.929, "n": 1000, "conditions": ["uniform4"]})
    own = Findings.of(handmade).every_summary
    text = (Path(__file__).parents[2] / "docs" / "columns.md").read_text(encoding="utf-8")
    _, summary, published = (set(re.findall(r"[\w/]+", part)) for part in re.split("\n# The columns of ", text)[-3:])
    ends = {f"{outcome}_{end}" for outcome in (*OUTCOMES, "settled") for end in ("rate", "low", "high")}
    assert {*own.columns} - {*FIELDS} <= summary | ends
    assert {*published_frame(found(handmade)).columns} <= published
