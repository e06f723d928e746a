"""Conditions, comparisons, failure causes, planner and the law of dead units, against counting by hand."""

import itertools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from harness import rewrite

from analysis.data.conditions import few, slices
from analysis.data.door import FolderError
from analysis.data.reading import Counted, dead_law, load, load_laws
from analysis.findings.findings import Findings
from analysis.findings.paired import compare_values
from analysis.findings.statistics import wilson
from analysis.findings.stuck import STUCK_CAUSES, attributed, by_dead_at_start, failure_causes
from analysis.findings.summary import draws, print_summary
from analysis.report_parts import tables


def test_the_summary_counts_every_outcome(handmade: Path) -> None:
    row = Findings.of(handmade).every_summary.iloc[0]
    assert (row["n"], row["solved"], row["stuck_1/4"], row["stuck_1/3"], row["stuck_1/2"]) == (40, 20, 8, 7, 3)
    assert (row["oscillating"], row["unsettled"], row["diverged"]) == (1, 1, 0)
    assert row["solved_rate"] == 0.5
    assert row["diverged_low"] == 0
    assert (row["solved_low"], row["solved_high"]) == pytest.approx([float(end) for end in wilson(20, 40)])
    assert row["solved_epoch_median"] == 109.5
    assert row["dead_init_mean"] == pytest.approx(np.mean([seed % 3 for seed in range(40)]))


def test_stuck_runs_that_repeat_are_counted_and_told(handmade: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import pandas as pd

    print_summary(Findings.of(handmade).every_summary, load(handmade))
    assert "for ever" not in capsys.readouterr().out
    trials = pd.read_parquet(handmade / "trials.parquet")
    some = trials["outcome"].isin(["stuck_1/4", "solved"])
    trials["period"] = pd.array([1 if it else None for it in some], dtype="Int32")
    rewrite(trials, handmade)
    summary = Findings.of(handmade).every_summary
    assert list(summary["settled"]) == [8, 4, 1, 0]
    assert list(summary["settled_rate"])[:3] == pytest.approx([8 / 18, 4 / 10, 1])
    assert summary["settled_rate"].isna()[3]
    assert summary["settled_low"][0] == pytest.approx(float(wilson(8, 18)[0]))
    print_summary(summary, load(handmade))
    said = capsys.readouterr().out
    assert re.search(r"stuck for ever: proved for 44\.8 % \(.*\) of 29 stuck runs", said)
    assert "(these intervals allow for the seeds that conditions share)" in said
    assert max(map(len, said.splitlines())) <= 80


def test_failed_trainings_count_as_nothing(handmade: Path, make) -> None:
    import pandas as pd

    trials = pd.read_parquet(handmade / "trials.parquet").astype({"status": "str", "outcome": "str"})
    trials.loc[:4, "status"] = "failed"
    trials.loc[:4, "outcome"] = None
    rewrite(trials, handmade)
    row = Findings.of(handmade).every_summary.iloc[0]
    assert (row["n"], row["failed"], row["solved"]) == (35, 5, 15)


def test_the_nearest_condition_is_the_articles_own_or_close_to_it(handmade: Path, make) -> None:
    assert Findings.of(handmade).nearest["condition"] == "uniform4"
    far = make({
        "a": ({"init": "he", "lr": 0.1}, ["solved"]),
        "b": ({"init": "uniform", "lr": 0.4}, ["solved"]),
        "c": ({"init": "uniform", "lr": 0.05}, ["solved"]),
    })  # fmt: skip
    assert Findings.of(far).nearest["condition"] == "c"


def test_slices_part_the_trials(handmade: Path) -> None:
    trials = load(handmade)
    parts = [part for _, part in slices(trials, ["hidden", "init"])]
    assert [len(part) for part in parts] == [40, 40, 40, 40]
    assert sum(len(part) for _, part in slices(trials, [])) == len(trials)


def test_rows_of_a_slice_keep_their_order(handmade: Path) -> None:
    """Bars of many conditions stood in any order."""
    trials = load(handmade).assign(place=range(160), even=[place % 2 for place in range(160)])
    assert all(part["place"].is_monotonic_increasing for _, part in slices(trials, ["even"]))


@pytest.mark.parametrize("most", [1, 2, 3, 4, 9])
def test_few_values_hold_the_ends_and_what_must_stay(most: int) -> None:
    found = list(range(9))
    kept = few(found, most, keep=4)
    assert kept == sorted(set(kept))
    assert len(kept) == most
    assert 4 in kept or most < 3
    if most >= 2:
        assert kept[0] == 0 or kept[-1] == 8


def test_comparisons_are_paired_by_seed(handmade: Path) -> None:
    table = compare_values(load(handmade), "init", Counted.of(handmade).solved, [("uniform", "he")])
    assert list(table["hidden"]) == [4, 10]
    first = table.iloc[0]  # seeds 0-19 are solved by both, 20-29 by He alone
    assert [first[k] for k in ("n", "both", "only_first", "only_second", "neither")] == [40, 20, 0, 10, 10]
    assert first["difference"] == 0.25
    assert first["p"] == pytest.approx(2 / 2**10)
    assert first["p_holm"] == pytest.approx(4 / 2**10)
    assert table.iloc[1]["p"] == 1


def test_seeds_that_only_one_condition_has_are_left_out(make) -> None:
    folder = make({"a": ({"lr": 0.1}, ["solved"] * 5), "b": ({"lr": 0.2}, ["stuck_1/2"] * 3)})
    (row,) = compare_values(load(folder), "lr", Counted.of(folder).solved).to_dict("records")
    assert (row["n"], row["only_first"]) == (3, 3)


def test_every_pair_of_widths_is_compared(make) -> None:
    folder = make({str(h): ({"hidden": h}, ["solved"] * h) for h in (2, 3, 4, 5)})
    table = compare_values(load(folder), "hidden", Counted.of(folder).solved)
    assert list(zip(table["first"], table["second"], strict=True)) == list(itertools.combinations((2, 3, 4, 5), 2))


def test_causes_are_counted_among_the_stuck(handmade: Path) -> None:
    first = failure_causes(Counted.of(handmade).runs).iloc[0]
    assert (first["stuck"], first["n"], first["no_dead"], first["too_few"]) == (18, 40, 8, 10)
    assert first[[*STUCK_CAUSES]].tolist() == [3, 7, 0, 8]


def test_what_dead_units_at_the_start_account_for(handmade: Path) -> None:
    """Of the handmade condition seeds 20 to 37 are stuck, and seed s starts with s % 3 dead units."""
    trials = Counted.of(handmade).runs
    found = by_dead_at_start(trials[(trials["condition"] == "uniform4").to_numpy(bool)])
    stuck = [len([seed for seed in range(20, 38) if seed % 3 == dead]) for dead in range(3)]
    assert [(dead, rate.count, rate.n) for dead, rate in found.items()] == [
        (dead, stuck[dead], len(range(dead, 40, 3))) for dead in range(3)
    ]
    assert attributed(found).rate == pytest.approx(1 - (stuck[0] / 14) / (18 / 40))


def test_draws_follow_from_the_rate_and_its_interval(handmade: Path) -> None:
    table = Findings.of(handmade).every_summary.set_index("condition")
    number, few, most = draws(table.loc["uniform4"])
    assert number == 7  # 1 - 0.5^7 = 0.992
    ends = (float(end) for end in wilson(20, 40))
    assert [most, few] == [next(k for k in range(1, 99) if 1 - (1 - end) ** k >= 0.99) for end in ends]
    assert draws(table.loc["he10"])[0] == 1


def test_the_narrowest_width_that_reaches_a_rate(handmade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "WANTED", (0.75, 0.999))
    (table,) = tables.width_tables(Findings.of(handmade))
    assert [row[1:] for row in table.rows] == [["10", "none"], ["4 (10)", "10 (none)"]]


def test_dead_units_follow_the_binomial_of_the_law_in_the_folder(handmade: Path) -> None:
    laws = {"uniform4": {"dead": 0.25, "error": 0.0, "method": "closed form"}}
    (handmade / "laws.json").write_text(json.dumps(laws))
    trials, laws = load(handmade), load_laws(handmade)
    law = dead_law(trials[(trials["condition"] == "uniform4").to_numpy(bool)], laws)
    assert law == pytest.approx([81 / 256, 108 / 256, 54 / 256, 12 / 256, 1 / 256])
    assert dead_law(trials[(trials["condition"] == "he10").to_numpy(bool)], laws) is None


@pytest.mark.parametrize("content", ["[]", "{", '{"uniform4": 3}', '{"uniform4": {"dead": "often"}}'])
def test_a_damaged_file_of_laws_is_said_so(handmade: Path, content: str) -> None:
    (handmade / "laws.json").write_text(content)
    with pytest.raises(FolderError, match=r"laws\.json is damaged"):
        load_laws(handmade)


def test_results_without_what_a_field_needs_are_read(handmade: Path) -> None:
    """Those that were written before manifests said it."""
    told = json.loads((handmade / "manifest.json").read_text())
    for each in told["fields"].values():
        each.pop("needs", None)
    (handmade / "manifest.json").write_text(json.dumps(told))
    assert len(load(handmade))
