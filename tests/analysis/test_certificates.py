"""What stuck runs rest at, counted by hand; words that are those of the science."""

import io
import itertools
import re
from pathlib import Path

import pandas as pd
import pytest
from harness import rewrite

from analysis import figures, report
from analysis.data.reading import KINDS, load
from analysis.figures import PLOTS
from analysis.findings.findings import Findings
from analysis.findings.summary import certificates, print_summary, resting
from analysis.report_parts import sections
from analysis.report_parts.drawing import draw
from analysis.report_parts.sections import described
from nnxor.condition import FIELDS
from nnxor.landscape import escape


@pytest.fixture
def certified(handmade: Path, certify) -> Path:
    """The handmade study: of 18 stuck runs 8 rest at 1/4, 7 at 1/3, 3 at 1/2; of 10 4, 3 and 3; of 1 one at 1/4."""
    return certify(
        handmade,
        uniform4=["minimum"] * 6 + ["kink"] * 2 + ["minimum"] * 1 + ["kink"] * 6 + ["saddle"] * 2 + ["unknown"],
        he4=["kink"] * 10,
        uniform10=["minimum"],
    )


def test_the_kinds_are_those_of_the_science() -> None:
    assert tuple(KINDS) == escape.KINDS
    assert not {*KINDS} & {*FIELDS}, "a column of the summary has the name of a field"


def test_kinds_are_counted_for_each_condition(certified: Path) -> None:
    found = resting(Findings.of(certified).every_summary).set_index("condition")
    assert list(found.index) == ["uniform4", "he4", "uniform10"], "conditions with stuck runs"
    assert found[[*KINDS]].to_numpy().tolist() == [[7, 0, 2, 8, 0, 1], [0, 0, 0, 10, 0, 0], [1, 0, 0, 0, 0, 0]]
    assert found.loc["uniform4", "n"] == 18


def test_kinds_are_counted_for_each_level(certified: Path) -> None:
    by_level = {
        "stuck_1/4": [7, 0, 6, 0], "stuck_1/3": [1, 0, 9, 0], "stuck_1/2": [0, 2, 3, 1], None: [8, 2, 18, 1],
    }  # fmt: skip
    for level, counts in by_level.items():
        kinds = certificates(load(certified), level)
        assert [kinds[kind].count for kind in KINDS if kind in kinds] == counts
        assert {rate.n for rate in kinds.values()} == {sum(counts)}


def test_the_summary_has_the_counts(certified: Path) -> None:
    table = pd.read_csv(io.StringIO(Findings.of(certified).derived["summary.csv"])).set_index("condition")
    assert table.loc["uniform4", list(KINDS)].tolist() == [7, 0, 2, 8, 0, 1]
    assert table.loc["he10", list(KINDS)].tolist() == [0, 0, 0, 0, 0, 0]


def test_without_certificates_the_counts_are_empty(handmade: Path, capsys) -> None:
    trials, summary = load(handmade), Findings.of(handmade).every_summary
    assert summary[list(KINDS)].isna().all(axis=None)
    print_summary(summary, trials)
    assert "certificates" not in capsys.readouterr().out


def test_the_terminal_says_it_below_the_table(certified: Path, capsys) -> None:
    found = Findings.of(certified)
    print_summary(found.every_summary, found.together(found.every_summary))
    out = " ".join(capsys.readouterr().out.split())
    told = r"of 29 stuck runs 27\.6 % \(.*\) at a minimum, 6\.9 % \(.*\) at a saddle, 62\.1 % \(.*\) at a kink"
    assert re.search(told, out)
    assert re.search(r"3\.4 % \([^)]*\) unknown \(these intervals allow for the seeds that conditions share\)$", out)


def test_a_single_stuck_run_is_told_as_one(make, certify, capsys) -> None:
    folder = certify(make({"a": ({}, ["stuck_1/4"])}), a=["minimum"])
    print_summary(Findings.of(folder).every_summary, load(folder))
    assert "certificates: of 1 stuck run 100.0 % (20.7-100.0) at a minimum" in capsys.readouterr().out


def test_the_report_has_the_tables_only_with_certificates(certified: Path, tmp_path: Path) -> None:
    results = report.read_results(certified)
    text = sections.render(results, figures=False).replace("<span>", "").replace("</span>", "")
    assert "What stuck runs rest at, by level" in text
    assert "38.9 (20.3\N{EN DASH}61.4)" in text, "7 of 18"
    trials = pd.read_parquet(certified / "trials.parquet")
    rewrite(trials.assign(minimum=pd.Series(dtype="str")), certified)
    assert "What stuck runs rest at" not in sections.render(report.read_results(certified), figures=False)


def test_a_single_level_is_told_once_and_infinity_explained(make, certify) -> None:
    folder = certify(make({"a": ({}, ["stuck_1/4"] * 4)}), a=["infinity", "infinity", "minimum", "kink"])
    text = sections.render(report.read_results(folder), figures=False)
    assert "all levels" not in text
    assert "On the way to infinity: no finite weights have the lowest loss" in text


def test_the_method_is_true_in_both_cases(certified: Path) -> None:
    with_ = method(certified)
    assert "float64" in with_
    assert "Nothing here says" not in with_
    trials = pd.read_parquet(certified / "trials.parquet")
    rewrite(trials.assign(minimum=pd.Series(dtype="str")), certified)
    without = method(certified)
    assert "Nothing here says &#8216;minimum&#8217;" in without


def method(folder: Path) -> str:
    text = sections.render(report.read_results(folder), figures=False)
    return text[text.index('id="method"') : text.index('id="source"')]


def test_the_figure_is_mentioned_only_where_it_is_drawn(certified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [plot for plot in PLOTS if plot.name in ("functions", "resting_points")]
    monkeypatch.setattr("analysis.figures.PLOTS", some)
    monkeypatch.setattr("analysis.report_parts.sections.PLOTS", some)
    shown, why = names_of_pictures(certified)
    assert (shown, why[:27]) == ("resting_points", "What these networks compute")
    trials = pd.read_parquet(certified / "trials.parquet")
    rewrite(trials.assign(minimum=pd.Series(dtype="str")), certified)
    assert len(names_of_pictures(certified)) == 1, "the other one says why it is not drawn"
    assert not list((certified / "figures").glob("resting_points.*"))


def names_of_pictures(folder: Path) -> list[str]:
    results = report.read_results(folder)
    (folder / "figures").mkdir(exist_ok=True)
    for plot, phone in itertools.product(figures.PLOTS, (False, True)):
        draw(plot, phone, results, folder / "figures")
    shown, missing = described(results)
    return [*(plot.name for plot, _ in shown), *missing]
