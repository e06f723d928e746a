"""The named traps: each known one has its level in the condition's own loss, and one name under all of them."""

import math
from dataclasses import replace
from typing import Any

import pytest

from experiments.study import catalog
from nnxor.condition import Condition, fitting
from nnxor.landscape.levels import is_xor_shaped, known_traps, levels, traps
from nnxor.network.tasks import XOR, Task

SIGNS = Task("signs", ((-1, -1), (-1, 1), (1, -1), (1, 1)), (-1, 1, 1, -1))
LN2 = math.log(2)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [1 / 4, 1 / 3, 1 / 2]),
        ({"loss": "mse"}, [1 / 8, 1 / 6, 1 / 4]),
        ({"loss": "bce", "output": "sigmoid"}, [LN2 / 2, 0.75 * (math.log(3) - 2 / 3 * LN2), LN2]),
        ({"task": SIGNS}, [1, 4 / 3, 2]),
    ],
)
def test_every_loss_has_the_same_three_traps_at_levels_of_its_own(
    fields: dict[str, Any], expected: list[float]
) -> None:
    condition = replace(Condition(), **fields)
    found = traps(condition)
    assert [*found] == ["stuck_1/4", "stuck_1/3", "stuck_1/2"]
    assert [*found.values()] == pytest.approx(expected, abs=1e-15)
    enumerated = levels(replace(condition, hidden=4)).levels[1:]
    assert condition.task == SIGNS or [f"stuck_{level.name}" for level in enumerated] == [*found]
    assert [level.value for level in enumerated] == pytest.approx([*found.values()], abs=1e-9)
    assert [{len(group) for rest in level.rests for group in rest.merged} for level in enumerated] == [{2}, {3}, {4}]


def test_rows_that_all_count_more_often_leave_a_mean_where_it_is_and_multiply_a_sum() -> None:
    often = replace(XOR, multiplicities=(250,) * 4)
    for loss, factor in (("half_sse", 250), ("mse", 1), ("bce", 1)):
        once, then = (traps(Condition(task=task, **fitting(loss))) for task in (XOR, often))
        assert [*then.values()] == pytest.approx([factor * level for level in once.values()])
        assert [level.value for level in levels(Condition(often, loss=loss)).levels[1:]] == pytest.approx(
            [*then.values()]
        )


def test_xor_is_known_by_its_shape_and_not_by_its_name() -> None:
    assert is_xor_shaped(XOR)
    assert is_xor_shaped(catalog.task("xnor"))
    assert is_xor_shaped(Task("turned", ((0, 0), (2, 1), (1, 2), (3, 3)), (5, 7, 7, 5)))
    assert is_xor_shaped(Task("sorted", ((0, 0), (1, 1), (0, 1), (1, 0)), (0, 0, 1, 1)))
    assert not is_xor_shaped(catalog.task("and"))
    assert not is_xor_shaped(catalog.task("parity3"))
    assert not is_xor_shaped(Task("lines", XOR.inputs, (0, 0, 1, 1)))
    assert not is_xor_shaped(Task("bent", ((0, 0), (0, 1), (1, 0), (1, 2)), XOR.targets))


@pytest.mark.parametrize(
    "fields",
    [{"bias": False}, {"activation": "leaky_relu"}, {"activation": "tanh"}, {"output": "sigmoid"}, {"freeze": "W2+b2"}],
    ids=str,
)
def test_networks_that_rest_at_levels_of_their_own_have_no_named_traps(fields: dict[str, Any]) -> None:
    assert traps(replace(Condition(), **fields)) == {}


def test_the_traps_of_a_study_are_told_once_for_each_task_and_loss() -> None:
    conditions = [Condition(loss=loss, lr=lr) for loss in ("half_sse", "mse") for lr in (0.1, 0.2)]
    told = known_traps([*conditions, Condition(activation="tanh")])
    assert [(entry["loss"], entry["levels"]["stuck_1/4"]) for entry in told] == [("half_sse", 0.25), ("mse", 0.125)]
