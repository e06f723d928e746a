"""The columns of a trial: what is computed and what is stored are the same."""

from experiments.store.columns import RESULT_COLUMNS
from nnxor import engines
from nnxor.condition import Condition
from nnxor.trial import trials


def test_each_column_that_is_stored_is_computed_and_the_other_way_round() -> None:
    condition = Condition(hidden=2, epochs=50, rescue="nothing")
    found = trials(condition, range(4), engines.load("numba"), certified=True).columns
    predictions = {f"y_{row}" for row in condition.task.row_names}
    assert {*found} - predictions == {*RESULT_COLUMNS} - {"seed", "status", "error"}, "others would be lost, or null"
