"""The explorer's arithmetic and diagnosis are nnxor's: what is printed is current, and trainings agree bit for bit."""

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from browser import CHROMIUM
from pairs import SHORT, choices, conditions, expected, sample, short_quenches
from print_explorer import FILE, printed

from experiments.study import catalog
from nnxor.condition import FIELDS, Condition, fitting
from nnxor.interventions import INTERVENTIONS

CORE = ("printed", "draws", "network", "condition", "history", "regions", "diagnosis")
NODE = shutil.which("node")


def test_what_is_printed_is_what_would_be_printed_now() -> None:
    assert FILE.read_text(encoding="utf-8") == printed(), "run `make printed`"


def test_the_page_can_make_every_shipped_intervention() -> None:
    text = (FILE.parent / "touching.js").read_text(encoding="utf-8")
    changes = text[text.index("const CHANGES") : text.index("};", text.index("const CHANGES"))]
    assert re.findall(r"^  (\w+): \(c, p", changes, re.MULTILINE) == list(INTERVENTIONS)


@pytest.mark.skipif(NODE is None or CHROMIUM is not None, reason="no node here, or test_page compares in a browser")
def test_trainings_agree_in_every_bit_and_every_column(tmp_path: Path) -> None:
    """A sample; `make bits` compares 2,000 and more in a browser."""
    assert differing(sample(), tmp_path) == []


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_runs_whose_leaky_units_have_one_pattern_are_stuck_in_both(tmp_path: Path) -> None:
    leaky = Condition(hidden=2, activation="leaky_relu", init=catalog.init("he"), lr=0.5, epochs=1000, **fitting("bce"))
    with short_quenches():
        found = expected(leaky, range(60), "numba")
    alike = [len({*each["columns"]["patterns_final"].split()}) == 1 for each in found]
    assert sum(each["columns"]["outcome"] == "stuck" for each in itertools.compress(found, alike)) > 5
    assert differing(json.dumps(found), tmp_path) == []


def differing(found: str, tmp_path: Path) -> object:
    """In which pairs of a condition and a seed the explorer finds something else."""
    texts = [(FILE.parent / f"{name}.js").read_text(encoding="utf-8") for name in CORE]
    texts.append(Path(__file__).with_name("compare.js").read_text(encoding="utf-8"))
    texts.append(f"console.log(JSON.stringify(compareAll({found}, {SHORT})));")
    (tmp_path / "compare.js").write_text("\n".join(texts), encoding="utf-8")
    done = subprocess.run([str(NODE), tmp_path / "compare.js"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.mark.skipif(NODE is None, reason="no node here")
def test_no_unit_is_called_dead_that_cannot_die_and_no_smooth_one_has_a_kink(tmp_path: Path) -> None:
    """A leaky unit below 0 on every row is a line; `dead_final` counts it."""
    texts = [(FILE.parent / f"{name}.js").read_text(encoding="utf-8") for name in (*CORE, "sentences")]
    row = "{ outcome: 'stuck', cause: 'alive_but_merged', dead_final: 2, period: -1 }"
    told = f"(name) => evidence(readAddress(`activation=${{name}}&hidden=4`).c, {row})"
    texts.append(f"console.log(JSON.stringify(['relu', 'leaky_relu', 'tanh'].map({told})));")
    (tmp_path / "told.js").write_text("\n".join(texts), encoding="utf-8")
    done = subprocess.run([str(NODE), tmp_path / "told.js"], capture_output=True, text=True, timeout=60)
    merged = "Units are alive, but their kinks leave rows of different targets together."
    assert json.loads(done.stdout) == [f"{merged} 2 of 4 units are dead.", merged, ""]


def test_forty_conditions_use_every_value_of_every_field() -> None:
    found = conditions(40)
    for name in FIELDS:
        used = {str(getattr(condition, name)) for condition in found if condition.uses(name)}
        assert name == "rescue" or used >= {str(value) for value in choices()[name]}, name
