"""The laws of a unit at the start, held against closed forms known by hand and against a million draws each."""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import scipy
from drawn import draw
from hypothesis import given, settings, strategies as st

from experiments.study import catalog
from nnxor.network import dead_at_start as theory, draws
from nnxor.network.draws import Weights
from nnxor.network.inits_in_yaml import Distribution, Init
from nnxor.network.tasks import XOR, Task

SIGNS = Task("signs", ((-1, -1), (-1, 1), (1, -1), (1, 1)), (0, 1, 1, 0))
REAL = Task("real", ((0.3, -1), (2, 1.5), (1, -0.2)), (0, 1, 1))
LINE = Task("line", ((-1,), (0,), (2,)), (0, 1, 1))
TASKS = {task.name: task for task in (XOR, SIGNS, REAL, LINE, catalog.task("parity3"))}


def law(name: str, **parameters: float | str) -> Distribution:
    return Distribution.of({"distribution": name, **parameters})


ZERO = law("constant", value=0)
MADE = {
    init.name: init
    for init in (
        Init("shifted", law("normal", mean=0.3, std=0.7), law("normal", mean=-0.2, std=0.5)),
        Init("cut", law("truncated_normal", mean=0.1, std=1, cut=0.7), law("truncated_normal", mean=0.1, std=0.5)),
        Init("frankle", law("truncated_normal", std=0.1), ZERO),
        Init("positive", law("uniform", low=0.1, high=0.8), law("uniform", low=-1, high=-0.2)),
        Init("fixed_weights", law("constant", value=0.3), law("uniform", low=-1, high=0.2)),
        Init("fixed_bias", law("normal", std=1), law("constant", value=-0.4)),
        Init("small_bias", law("normal", std=1), law("uniform", low=-1e-9, high=1e-9)),
        Init("ties", law("constant", value=0.25), law("constant", value=-0.25)),
        Init("wide_bias", law("normal", std=1e-3), law("normal", std=1)),
    )
}
INITS = {name: catalog.init(name) for name in catalog.names("init")} | MADE


@pytest.fixture(autouse=True)
def _same_lots(monkeypatch: pytest.MonkeyPatch) -> None:
    """All laws are asked for the same lots, which are drawn once."""
    monkeypatch.setattr(draws, "_of_philox", LOTS)


LOTS = lru_cache(maxsize=60)(draws._of_philox)


def units(init: Init, n_inputs: int, seeds: int, bias: bool = True) -> Iterator[Weights]:
    """Layers of 10 units, in parts that stay in the processor's cache; nobody looks at their output weights."""
    for first in range(0, seeds, 5_000):
        part = range(first, min(first + 5_000, seeds))
        yield draw(replace(init, outputs=ZERO), n_inputs, 10, part, bias=bias)


def dead_share(task: Task, init: Init, seeds: int, bias: bool) -> float:
    """Share of the units that are dead among 10 × seeds, in the protocol's float32 arithmetic."""
    n_dead = 0
    for weights in units(init, task.n_inputs, seeds, bias):
        dead = np.ones(weights.b1.shape, bool)
        for row in task.x(np.dtype(np.float32)):
            z = weights.b1
            for d in np.flatnonzero(row):
                z = z + row[d] * weights.W1[d]
            dead &= z <= 0
        n_dead += int(dead.sum())
    return n_dead / (10 * seeds)


def check(task: Task, init: Init, sigmas: float = 4.5, seeds: int = 100_000, bias: bool = True) -> None:
    share, found = dead_share(task, init, seeds, bias), theory.dead_probability(task, init, 10, bias)
    n, p = 10 * seeds, found.value
    # Float32 rounding makes ties of the order of 1e-7 that the real law has not.
    assert abs(share - p) <= sigmas * math.sqrt(max(p * (1 - p), 1 / n) / n) + 4 * found.error + 3e-6


@pytest.mark.parametrize("name", INITS)
def test_each_law_is_that_of_a_million_units_on_xor(name: str) -> None:
    check(XOR, INITS[name])


@pytest.mark.parametrize(
    ("task", "init"),
    [
        ("signs", "torch"), ("signs", "he"), ("signs", "shifted"), ("real", "uniform"), ("real", "cut"), ("real", "he"),
        ("line", "torch"), ("line", "shifted"), ("line", "fixed_bias"), ("parity3", "torch"), ("parity3", "he"),
        ("parity3", "fixed_weights"), ("parity3", "cut"),
    ],
)  # fmt: skip
def test_each_law_is_that_of_a_million_units_on_other_tasks(task: str, init: str) -> None:
    check(TASKS[task], INITS[init])


def test_without_biases_the_law_of_the_biases_does_not_matter() -> None:
    check(SIGNS, MADE["shifted"], bias=False)


NUMBER = st.floats(-1, 1, width=16)
POSITIVE = st.floats(0.0625, 2, width=16)
LAWS = st.one_of(
    st.builds(lambda v: law("constant", value=v), NUMBER),
    st.builds(lambda low, width: law("uniform", low=low, high=low + width), NUMBER, POSITIVE),
    st.builds(lambda mean, std: law("normal", mean=mean, std=std), NUMBER, POSITIVE),
    st.builds(lambda mean, std, cut: law("truncated_normal", mean=mean, std=std, cut=cut), NUMBER, POSITIVE, POSITIVE),
)


@given(LAWS, LAWS, st.sampled_from(["xor", "signs", "real", "line"]))
@settings(max_examples=30)
def test_any_law_is_that_of_its_draws(weights: Distribution, biases: Distribution, task: str) -> None:
    check(TASKS[task], Init("any", weights, biases), sigmas=5, seeds=20_000)


@pytest.mark.parametrize("name", ["uniform", "he", "lecun", "normal", "xavier", "frankle"])
def test_with_zero_biases_and_symmetric_weights_a_quarter_of_the_units_is_dead_on_xor(name: str) -> None:
    dead = theory.dead_probability(XOR, INITS[name], 4)
    assert dead.value == pytest.approx(1 / 4, abs=1e-12)
    assert dead.error < 1e-12


def test_positive_weights_leave_no_unit_dead() -> None:
    assert theory.dead_probability(XOR, INITS["uniform01"], 4).value == 0


def test_the_dead_share_of_pytorch_is_13_in_48() -> None:
    """In units of 1/√2: b > 0 makes row 00 active; at b = −β the square [−1, β]² loses the triangle w1 + w2 > β.

    So P = ½ ∫ ((1 + β)² − β²/2)/4 dβ over (0, 1) = (7/3 − 1/6)/8.
    """
    dead = theory.dead_probability(XOR, INITS["torch"], 4)
    assert dead.value == pytest.approx(13 / 48, abs=1e-12)
    assert dead.error < 1e-10


def test_on_the_cube_a_unit_with_zero_bias_is_dead_where_every_weight_is_negative() -> None:
    cube = Task("cube", tuple((a, b, c, d) for a in (0, 1) for b in (0, 1) for c in (0, 1) for d in (0, 1)), (0,) * 16)
    dead = theory.dead_probability(cube, INITS["he"], 4)
    assert (dead.value, dead.error) == (pytest.approx(1 / 16, abs=1e-14), pytest.approx(0, abs=1e-12))


@pytest.mark.parametrize("width", [1e-1, 1e-3, 1e-6, 1e-9])
def test_a_bias_from_a_tiny_interval_is_not_a_zero_bias(width: float) -> None:
    """Row 00 has z = b: never active at b = 0, active half of the time however small the interval."""
    tiny = Init("tiny", law("uniform", low=-1, high=1), law("uniform", low=-width, high=width))
    assert theory.dead_probability(XOR, tiny, 4).value == pytest.approx(1 / 8, abs=width)
    zero = Init("zero", tiny.weights, law("uniform", low=0, high=0))
    assert theory.dead_probability(XOR, zero, 4).value == pytest.approx(1 / 4, abs=1e-12)


def test_the_law_depends_on_the_width_where_the_init_does() -> None:
    xavier = Init("xavier_biased", INITS["xavier"].weights, law("uniform", low=-0.5, high=0.5))
    narrow, wide = (theory.dead_probability(XOR, xavier, hidden).value for hidden in (2, 40))
    assert abs(narrow - wide) > 0.005


def by_qhull(A: np.ndarray, b: np.ndarray) -> float:
    """The volume of the part of the unit cube where A·s ≤ b, by its corners as Qhull finds them."""
    unit = np.eye(A.shape[1])
    sides = np.concatenate([np.column_stack([A, -b]), np.column_stack([-unit, 0 * unit[0]])])
    sides = np.concatenate([sides, np.column_stack([unit, 0 * unit[0] - 1])])
    sides = sides / np.linalg.norm(sides[:, :-1], axis=1, keepdims=True)
    ball = scipy.optimize.linprog(
        [*(0 * unit[0]), -1.0], np.column_stack([sides[:, :-1], sides[:, -1] * 0 + 1]), -sides[:, -1]
    )
    if ball.x is None or ball.x[-1] < 1e-12:
        return 0.0
    corners = scipy.spatial.HalfspaceIntersection(np.unique(sides, axis=0), ball.x[:-1]).intersections
    return float(scipy.spatial.ConvexHull(corners).volume)


def test_volumes_are_those_of_qhull() -> None:
    rng = np.random.default_rng(0)
    for n in range(60):
        shape = (int(rng.integers(1, 9)), int(rng.integers(2, 5)))
        A = rng.normal(size=shape) if n % 2 else rng.integers(-2, 3, size=shape).astype(float)
        A = A[A.any(axis=1)]
        b = rng.normal(size=len(A)) / 2 if n % 3 else np.zeros(len(A))
        assert theory._volume(A, b) == pytest.approx(by_qhull(A, b), abs=1e-13)


@pytest.mark.parametrize("name", ["torch", "uniform", "he"])
def test_the_law_of_many_inputs_is_found_in_time(name: str) -> None:
    rows = tuple(tuple(float(n >> d & 1) for d in range(8)) for n in range(256))
    check(Task("cube8", rows, (0,) * 256), INITS[name], seeds=2_000)


def test_the_law_of_more_inputs_than_an_array_has_dimensions_is_found() -> None:
    """A task may have 256 inputs; of 66 the report of a sweep ended in a traceback."""
    rows = tuple(tuple(1.0 if n // 33 == half else 0.0 for n in range(66)) for half in range(2))
    found = theory.dead_probability(Task("halves", rows, (0, 1)), INITS["lecun"], 4)
    assert found.value == pytest.approx(0.25, abs=5 * found.error), "the halves are independent, and each even"


def test_a_tie_of_constants_is_not_active() -> None:
    """0.25 − 0.25 = 0 on rows 01 and 10, 0.25 on row 11, which OR's first three rows lack."""
    three = Task("three", XOR.inputs[:3], XOR.targets[:3])
    dead = [theory.dead_probability(task, MADE["ties"], 4).value for task in (XOR, three)]
    assert dead == [0, 1]


def test_normal_laws_of_many_rows_have_an_honest_error() -> None:
    rows = tuple(tuple(float(n >> d & 1) for d in range(6)) for n in range(64))
    task = Task("cube6", rows, (0,) * 64)
    init = Init("any", law("normal", std=1), law("normal", mean=-1, std=1))
    dead = theory.dead_probability(task, init, 10)
    assert dead.method == theory.SAMPLED
    worst = [w.b1 + np.fmax(w.W1, 0).sum(axis=0) for w in units(init, 6, 100_000)]  # row of a cube
    share = float(np.mean(np.array(worst) <= 0))
    spread = math.sqrt(share * (1 - share) / 1e6)
    assert abs(share - dead.value) <= 4.5 * (spread + dead.error)
    assert dead.error < 1e-3
