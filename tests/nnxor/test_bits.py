"""Every fast engine gives the same bits for every condition: here for a few kinds, with `make bits` for many."""

import pytest
from bits import differing, random_condition

from nnxor.condition import Condition
from nnxor.engines import engine_numba


@pytest.mark.parametrize("seed", (2, 3))
def test_the_fast_engines_agree_to_the_bit_on_any_condition(seed: int) -> None:
    assert differing(random_condition(seed)) == []


def test_conditions_that_differ_in_numbers_alone_share_a_kernel() -> None:
    text = engine_numba.variant(Condition())
    assert engine_numba.variant(Condition(lr=0.3, hidden=7, epochs=5)) == text
    assert engine_numba.variant(Condition(relu_at_zero=1)) != text
    assert engine_numba.variant(Condition(freeze="W1")) != text
