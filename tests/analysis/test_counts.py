"""A study as counts says what its rows say."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, strategies as st
from scipy.stats import CensoredData, ecdf

from analysis.data.door import FolderError
from analysis.data.reading import Counted, Solved, count_where, fine, load, quantiles, size
from analysis.findings.statistics import paired, unsolved_after
from analysis.findings.stuck import failure_causes
from analysis.findings.summary import summarise


def test_a_frame_of_counts_says_what_the_rows_say(handmade: Path) -> None:
    rows, counted = load(handmade).assign(count=1), Counted.of(handmade)
    assert len(counted.runs) < len(rows) == size(counted.runs) == size(counted.every_epoch)
    pd.testing.assert_frame_equal(
        summarise(rows, rows), summarise(counted.runs, counted.every_epoch), check_dtype=False, check_categorical=False
    )
    pd.testing.assert_frame_equal(
        failure_causes(rows), failure_causes(counted.runs), check_dtype=False, check_categorical=False
    )
    for key, part in rows.groupby("condition", observed=True):
        rate = counted.solved.rate(str(key))
        assert (rate.count, rate.n) == ((part["outcome"] == "solved").sum(), len(part))


def test_each_count_names_the_lowest_seed_that_ended_so(handmade: Path) -> None:
    rows, runs = fine(load(handmade)), Counted.of(handmade).runs
    lowest = rows.groupby(["condition", "outcome"], observed=True)["seed"].min()
    assert runs.groupby(["condition", "outcome"], observed=True)["seed"].min().to_dict() == lowest.to_dict()


def test_conditions_keep_their_order(handmade: Path) -> None:
    rows, counted = load(handmade), Counted.of(handmade)
    for frame in (counted.runs, counted.every_epoch):
        assert list(frame["condition"].unique()) == list(rows["condition"].unique())
        assert {name: frame[name].dtype for name in ("init", "lr")} == {
            name: rows[name].dtype for name in ("init", "lr")
        }


def test_counts_that_are_not_those_of_the_manifest_are_refused(handmade: Path) -> None:
    table = pd.read_parquet(handmade / "trials.parquet")
    table.iloc[:-1].to_parquet(handmade / "trials.parquet")
    with pytest.raises(FolderError, match=r"is not what manifest\.json says"):
        Counted.of(handmade)


VALUES = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5)), max_size=20)


@given(VALUES, st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
def test_quantiles_of_counts_are_those_of_the_values(pairs: list[tuple[int, int]], share: float) -> None:
    counted = dict(sorted(dict(pairs).items()))
    values = np.repeat(list(counted), list(counted.values())) if counted else np.array([])
    found = quantiles(np.array(list(counted)), np.array(list(counted.values())), share)
    assert found == pytest.approx(np.quantile(values, share)) if len(values) else np.isnan(found)


@given(st.lists(st.tuples(st.one_of(st.none(), st.integers(1, 40)), st.integers(1, 4)), min_size=1, max_size=20))
def test_survival_of_counts_is_kaplan_meiers(pairs: list[tuple[int | None, int]]) -> None:
    times = np.array([np.nan if time is None else time for time, _ in pairs], float)
    counts = np.array([count for _, count in pairs])
    at = np.arange(40.0)
    each = np.repeat(times, counts)
    theirs = ecdf(CensoredData.right_censored(np.where(np.isnan(each), 40, each), np.isnan(each))).sf
    assert unsolved_after(at, times, counts)[0] == pytest.approx(theirs.evaluate(at))


@given(
    st.lists(st.sampled_from(["solved", "stuck_1/4", None]), min_size=1, max_size=40),
    st.lists(st.sampled_from(["solved", "stuck_1/4", None]), min_size=1, max_size=40),
    st.integers(40, 200),
    st.integers(40, 200),
)
def test_bits_pair_seeds_like_sets(a: list[str | None], b: list[str | None], end: int, other: int) -> None:
    """Seeds of two studies that end elsewhere: those that both have are compared."""

    def bits(outcomes: list[str | None], stop: int) -> Solved:
        each = [
            sum(1 << stop - 1 - i for i, outcome in enumerate(outcomes) if is_so(outcome))
            for is_so in (bool, lambda outcome: outcome == "solved")
        ]
        return Solved(stop, {"x": (each[0], each[1])})

    both = [(x == "solved", y == "solved") for x, y in zip(a, b, strict=False) if x and y]
    expected = paired([x for x, _ in both], [y for _, y in both])
    found = bits(a, end).compare("x", "x", bits(b, other))
    assert vars(found) == pytest.approx(vars(expected), nan_ok=True)


def test_weights_are_counted_with() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, np.nan], "count": [3, 1, 5]})
    assert (size(frame), count_where(frame, frame["x"] > 1)) == (9, 1)
