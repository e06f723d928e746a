"""Counts are compared both ways, and the first that differs is the first of the study."""

from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from harness import compose

from experiments.store.counts import PLAIN
from experiments.study.study import read_study
from experiments.verification.verifying import Compared, Retraining, draw_sample, times_counted
from nnxor.condition import Condition

STUDY = read_study(compose("study=smoke"))


def counts_compared(*compared: tuple[Condition, pa.Table, pa.Table]) -> Compared:
    """What comes of comparing counts of conditions of the smoke study, recorded and counted again."""
    record: Any = SimpleNamespace(study=STUDY, engines=["numba"])
    ledger: Any = SimpleNamespace(record=record, rows=None)
    retraining = Retraining(ledger, draw_sample(STUDY, 1, 0, "numpy", {}), "numpy")
    for condition, *counts in compared:
        retraining.compare(retraining.counts, condition, *map(times_counted, counts))
    return retraining.counts


def counts_of(**epochs: int) -> pa.Table:
    """Counts of solved epochs, e17=3: three runs were solved at epoch 17."""
    rows = [{"kind": "solved_epoch", "epoch": int(name[1:]), "count": count} for name, count in epochs.items()]
    return pa.Table.from_pylist(rows, schema=PLAIN)


@pytest.mark.parametrize(
    ("recorded", "again", "first"),
    [
        ({"e17": 3, "e18": 1}, {"e17": 3}, ("1", "none")),
        ({"e17": 3}, {"e17": 3, "e18": 1}, ("none", "1")),
        ({"e17": 3}, {"e17": 2}, ("3", "2")),
    ],
)
def test_a_count_too_many_too_few_or_too_large_is_one_that_differs(
    recorded: dict[str, int], again: dict[str, int], first: tuple[str, str]
) -> None:
    found = counts_compared((STUDY.conditions[0], counts_of(**recorded), counts_of(**again)))
    assert (found.differing, found.where) == (1, {"solved_epoch": 1})
    assert found.first is not None
    assert (found.first.recorded, found.first.recomputed) == first


def test_the_first_difference_is_that_of_the_studys_first_condition_whichever_comes_first() -> None:
    one, other = STUDY.conditions[:2]
    for order in ((one, other), (other, one)):
        found = counts_compared(*((condition, counts_of(e1=1), counts_of(e1=2)) for condition in order))
        assert found.n == 2
        assert found.first is not None
        assert found.first.condition is one


def test_equal_counts_do_not_differ() -> None:
    found = counts_compared((STUDY.conditions[0], counts_of(e1=1, e9=2), counts_of(e9=2, e1=1)))
    assert not found.first
    assert found.differing == 0
