"""Live units go first and come back: nothing is lost on the way, and the kernel may leave the others out."""

import numpy as np
import pytest
from drawn import draw
from hypothesis import given, strategies as st

from nnxor.arithmetic import networks as arithmetic
from nnxor.condition import Condition
from nnxor.engines import cycles, engine_numba
from nnxor.engines.cycles import History, Table, in_order, live_first, to_table, to_weights
from nnxor.network.draws import initial_weights
from nnxor.network.inits_in_yaml import UNIFORM


def table_of(hidden: int, n: int, first_seed: int = 0) -> Table:
    return to_table(draw(UNIFORM, 2, hidden, range(first_seed, first_seed + n)))


def identity(hidden: int, n: int) -> np.ndarray:
    return np.repeat(np.arange(hidden, dtype=np.int16)[:, None], n, axis=1)


def alive(table: Table) -> np.ndarray:
    condition = Condition(hidden=(len(table) - 1) // 4)
    return arithmetic.any_active(condition, arithmetic.preactivations(condition, to_weights(condition, table)))


@given(hidden=st.integers(1, 9), n=st.integers(1, 20), first_seed=st.integers(0, 1000), data=st.data())
def test_live_units_come_first_in_their_order(hidden: int, n: int, first_seed: int, data: st.DataObject) -> None:
    table = table_of(hidden, n, first_seed)
    columns = np.array(data.draw(st.permutations(range(n))))[: data.draw(st.integers(0, n))]  # perhaps none
    packed, units = live_first(table, identity(hidden, n), alive(table), columns)
    for j, live in enumerate(alive(table)[:, columns].sum(axis=0)):
        assert alive(packed)[:, j].tolist() == [True] * live + [False] * (hidden - live)
        assert sorted(units[:live, j]) == units[:live, j].tolist()
        assert sorted(units[:, j]) == list(range(hidden))


@given(hidden=st.integers(1, 9), n=st.integers(1, 20), first_seed=st.integers(0, 1000), data=st.data())
def test_they_come_back_to_where_they_were(hidden: int, n: int, first_seed: int, data: st.DataObject) -> None:
    table = table_of(hidden, n, first_seed)
    columns = np.array(data.draw(st.permutations(range(n))))
    packed, units = live_first(table, identity(hidden, n), alive(table), columns)
    again, units = live_first(packed, units, alive(packed), np.arange(n)[::-1])  # packed twice
    back = in_order(again, units)[:, np.argsort(columns[::-1])]
    assert back.tobytes() == table.tobytes()


def test_a_history_gives_each_training_its_own_state_whatever_order_it_was_kept_in() -> None:
    hidden, n = 5, 6
    first, second = table_of(hidden, n), table_of(hidden, n, 100)
    history = History(np.array([0, 64, 100]), first, identity(hidden, n))
    history.keep(first, np.arange(n), identity(hidden, n))
    stay = np.array([4, 0, 2])
    packed, units = live_first(second, identity(hidden, n), alive(second), stay)
    history.keep(packed, stay, units)
    states = history.at(np.array([0, 1, 1, 0]), np.array([5, 2, 4, 1]))
    assert np.array_equal(states, np.stack([first[:, 5], second[:, 2], second[:, 4], first[:, 1]], axis=1))


def test_units_may_be_packed_again_before_anybody_has_counted_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_numba, "MOVING", 0)  # packed at every occasion, and there are many
    monkeypatch.setattr(cycles, "watched", lambda checkpoint: cycles.stretch(checkpoint) // 8)
    condition, seeds = Condition(hidden=10, lr=0.3, epochs=400), range(192)
    start = initial_weights(condition, seeds)
    packed, whole = (engine_numba.train(condition, start, seeds, drop=drop) for drop in (True, False))
    for one, other in zip(packed.weights, whole.weights, strict=True):
        assert one.tobytes() == other.tobytes()
