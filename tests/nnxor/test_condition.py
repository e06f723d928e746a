"""A condition's key: stable, free of defaults, and different for whatever trains differently."""

from __future__ import annotations

import dataclasses

from experiments import catalog
from nnxor.condition import Condition
from nnxor.inits import Distribution, Init
from nnxor.tasks import XOR, Task


def test_keys_are_what_they_have_always_been() -> None:
    """Golden: a change here makes every stored result unreadable, and needs a new protocol version."""
    assert Condition().text() == "protocol=1"
    assert Condition().key == "7ff56d57b13363b1"
    he = Condition(hidden=10, init=catalog.init("he"), lr=0.03)
    assert he.text() == "protocol=1;hidden=10;init=he:normal(mean=0.0,std=sqrt(2/fan_in))|constant(value=0.0);lr=0.03"
    assert he.key == "1e9e29fad525e053"
    other = Condition(task=catalog.task("and"), activation="leaky_relu", slope=0.2, bias=False, dtype="float64")
    assert other.key == "e74fb2fed293f7a0"


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
        "lr": 0.2,
        "epochs": 5,
        "loss": "mse",
        "optimizer": "adam",
        "batch_size": 1,
        "dtype": "float64",
    }
    fields = {field.name for field in dataclasses.fields(Condition)}
    assert changes.keys() == fields - {"slope"}
    keys = {Condition(**{name: value}).key for name, value in changes.items()}  # type: ignore[arg-type]
    assert len(keys | {Condition().key}) == len(changes) + 1


def test_the_slope_counts_for_leaky_relu_alone() -> None:
    assert Condition(slope=0.3).key == Condition().key
    assert Condition(activation="leaky_relu", slope=0.3).key != Condition(activation="leaky_relu").key


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
