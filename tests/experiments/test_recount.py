"""Counts are compared both ways, and the first that differs is the first of the study."""

from __future__ import annotations

import pyarrow as pa
import pytest
from experiments.verification.recount import Recount
from harness import compose

from experiments.store.counts import PLAIN
from experiments.study.study import read_study
from experiments.verification.audit import Record
from nnxor.condition import Condition


class Rows:
    """As much of a record as counts need: a study and its order."""

    def __init__(self) -> None:
        self.study = read_study(compose("study=smoke"))

    def row_of(self, condition: Condition, seed: int) -> int:
        return self.study.conditions.index(condition) * len(self.study.seeds) + seed


@pytest.fixture
def record() -> Record:
    return Rows()


def counts_of(**epochs: int) -> pa.Table:
    """Counts of solved epochs, e17=3: three runs were solved at epoch 17."""
    rows = [{"kind": "solved_epoch", "epoch": int(name[1:]), "count": count} for name, count in epochs.items()]
    return pa.Table.from_pylist(rows, schema=PLAIN)


@pytest.mark.parametrize(
    ("recorded", "again", "first"),
    [
        ({"e17": 3, "e18": 1}, {"e17": 3}, ((1, None), None)),
        ({"e17": 3}, {"e17": 3, "e18": 1}, (None, (1, None))),
        ({"e17": 3}, {"e17": 2}, ((3, None), (2, None))),
    ],
)
def test_a_count_too_many_too_few_or_too_large_is_one_that_differs(
    record: Record, recorded: dict[str, int], again: dict[str, int], first: tuple[object, object]
) -> None:
    found = Recount()
    found.add(record, record.study.conditions[0], counts_of(**recorded), counts_of(**again))
    assert found.differing
    assert found.kinds == {"solved_epoch": 1}
    assert found.first is not None
    assert (found.first.recorded, found.first.recomputed) == first


def test_the_first_difference_is_that_of_the_studys_first_condition_whichever_comes_first(record: Record) -> None:
    one, other = record.study.conditions[:2]
    for order in ((one, other), (other, one)):
        found = Recount()
        for condition in order:
            found.add(record, condition, counts_of(e1=1), counts_of(e1=2))
        assert found.counts == 2
        assert found.first is not None
        assert found.first.condition is one


def test_equal_counts_do_not_differ(record: Record) -> None:
    found = Recount()
    found.add(record, record.study.conditions[0], counts_of(e1=1, e9=2), counts_of(e9=2, e1=1))
    assert not found.differing
    assert found.first is None
