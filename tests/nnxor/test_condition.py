"""A condition's key: stable, free of defaults, and different for whatever trains differently."""

import json
import math
from typing import Any

import pytest

from experiments.study import catalog
from nnxor.condition import FIELDS, Condition, Success
from nnxor.network.inits_in_yaml import Distribution, Init
from nnxor.network.tasks import XOR, Task


def test_keys_are_what_they_have_always_been() -> None:
    """Golden: a change here makes every stored result unreadable, and needs a new protocol version."""
    assert Condition().text() == "protocol=2"
    assert Condition().key == "0ad170ecbd44a0e2"
    he = Condition(hidden=10, init=catalog.init("he"), lr=0.03)
    assert he.text() == "protocol=2;hidden=10;init=he:normal(mean=0.0,std=sqrt(2/fan_in))|constant(value=0.0);lr=0.03"
    assert he.key == "742970c9feb0af33"
    other = Condition(task=catalog.task("and"), activation="leaky_relu", slope=0.2, bias=False, dtype="float64")
    assert other.key == "ed2bd688aee6f116"


def test_the_shipped_defaults_are_the_defaults_of_the_code() -> None:
    assert catalog.init("uniform") == Condition().init
    assert catalog.task("xor") == XOR
    assert Condition(task=catalog.task("xor"), init=catalog.init("uniform"), lr=0.1).key == Condition().key


def test_every_field_counts() -> None:
    changes: dict[str, object] = {
        "task": catalog.task("or"),
        "hidden": 5,
        "activation": "leaky_relu",
        "relu_at_zero": 1,
        "output": "sigmoid",
        "bias": False,
        "init": catalog.init("he"),
        "scale": 2.0,
        "lr": 0.2,
        "epochs": 5,
        "loss": "mse",
        "optimizer": "adam",
        "batch_size": 1,
        "freeze": "W2",
        "recycle_every": 100,
        "dtype": "float64",
        "rescue": "nothing",
        "success": Success("margin", 0.1),
    }
    assert changes.keys() == {name for name, about in FIELDS.items() if not (about.setting or about.needs)} | {
        "relu_at_zero"
    }
    keys = {Condition(**{name: value}).key for name, value in changes.items()}  # type: ignore[arg-type]
    assert len(keys | {Condition().key}) == len(changes) + 1


@pytest.mark.parametrize(
    ("setting", "user"),
    [
        ({"slope": 0.3}, {"activation": "leaky_relu"}),
        ({"momentum": 0.5}, {"optimizer": "momentum"}),
        ({"beta1": 0.5}, {"optimizer": "adam"}),
        ({"beta2": 0.5}, {"optimizer": "adam"}),
        ({"epsilon": 0.5}, {"optimizer": "adam"}),
        ({"order": "fixed"}, {"batch_size": 2}),
    ],
)
def test_a_setting_counts_only_where_it_is_used(setting: dict[str, Any], user: dict[str, Any]) -> None:
    assert Condition(**setting).key == Condition().key
    assert Condition(**setting, **user).key != Condition(**user).key


def test_a_leaky_slope_may_have_either_sign_but_not_be_zero() -> None:
    assert Condition(activation="leaky_relu", slope=-0.5).slope == -0.5
    with pytest.raises(ValueError, match=r"slope=0.0 is not allowed; allowed: a number other than 0, from -"):
        Condition(activation="leaky_relu", slope=0.0)


def test_a_smooth_unit_forgets_the_derivative_at_zero() -> None:
    assert Condition(activation="tanh", relu_at_zero=1).key == Condition(activation="tanh").key


def test_rows_that_count_more_than_once_make_another_condition_and_rows_that_count_once_do_not() -> None:
    once, twice = (Task("xor", XOR.inputs, XOR.targets, 2, times) for times in ((1, 1, 1, 1), (1, 2, 1, 1)))
    assert Condition(task=once).key == Condition().key
    assert Condition(task=twice).key != Condition().key


def test_rows_may_count_equally_or_each_as_often_as_it_is_said_to() -> None:
    rows = [[0, 0, 0], [0, 1, 1], [1, 1, 0]]
    assert Task.of("own", {"rows": rows, "times": 2}).multiplicities == (2, 2, 2)
    assert Task.of("own", {"rows": rows, "times": [3, 2, 1]}).multiplicities == (3, 2, 1)
    for times in ([3, 2], [3, 2, 0], [1, 1, 2.5], "3"):
        with pytest.raises(ValueError, match=r"one for each row|one per row"):
            Task.of("own", {"rows": rows, "times": times})


def test_a_row_of_a_task_holds_numbers_that_are_finite_in_single_precision() -> None:
    for value in (10**400, 1e39, math.nan, True, "1"):
        with pytest.raises(ValueError, match="row 2 must hold finite numbers"):
            Task.of("own", {"rows": [[0, 0], [value, 1]]})


def test_a_success_rule_forgets_what_it_does_not_use() -> None:
    assert Condition(success=Success("loss", ties="pass")).key == Condition().key
    assert Success("threshold", tolerance=0.5) == Success("threshold")
    assert str(Success("threshold", ties="pass")) == "threshold (ties pass)"
    assert Condition(success=Success("loss", 0.01)).text() == "protocol=2;success=loss 0.01"


def test_another_table_or_law_under_an_old_name_is_another_condition() -> None:
    impostor = Task("xor", XOR.inputs, (1, 0, 0, 1), units=2)
    assert Condition(task=impostor).key != Condition().key
    law = Distribution.of({"distribution": "normal", "std": 1})
    assert Condition(init=Init("uniform", law, law)).key != Condition().key


def test_blanks_in_a_formula_do_not_count() -> None:
    spaced, dense = (
        Init("he", Distribution.of({"distribution": "normal", "std": std}), Condition().init.biases)
        for std in ("sqrt( 2 / fan_in )", "sqrt(2/fan_in)")
    )
    assert Condition(init=spaced).key == Condition(init=dense).key


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"activation": "rely"}, r"^activation=rely is not allowed; did you mean relu\? allowed: relu, leaky_relu, "),
        ({"rescue": "redraw"}, r"^rescue=redraw is not allowed; did you mean .*\? allowed: null, nothing, "),
        ({"hidden": 0}, "^hidden=0 is not allowed; allowed: an integer from 1 to 4096$"),
        ({"hidden": True}, "^hidden=true is not allowed"),
        ({"lr": float("nan")}, "^lr=nan is not allowed; allowed: a finite number above 0$"),
        ({"freeze": "W3"}, r"^freeze=W3 is not allowed; allowed: null, one of W1, b1, W2, b2, or several: W1[+]b1$"),
        ({"order": "sorted"}, "^order=sorted is not allowed; allowed: shuffled, fixed$"),
        ({"recycle_every": 0}, "^recycle_every=0 is not allowed; allowed: null, an integer from 1$"),
        ({"bias": 1}, "^bias=1 is not allowed; allowed: true, false$"),
        ({"init": "he"}, "^init=he is not allowed; allowed: an Init, or GivenWeights$"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_with_what_is(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Condition(**values)


def test_a_whole_number_is_a_number_of_its_field() -> None:
    assert Condition(lr=1).key == Condition(lr=1.0).key


def test_a_field_tells_readers_all_they_need_in_plain_values() -> None:
    about = json.loads(json.dumps({name: field.about() for name, field in FIELDS.items()}))
    assert about["hidden"]["phrase"].format(4) == "4 units"
    assert about["init"]["default"] == "uniform"
    assert about["success"]["default"] == "loss 0.001"
    assert about["lr"]["scale"] == "log"
    assert about["activation"]["entries"]["tanh"]["smooth"]
    assert about["slope"]["setting"]


def test_parameters_that_are_frozen_have_one_order() -> None:
    assert Condition(freeze="b2+W1").key == Condition(freeze="W1+b2").key
