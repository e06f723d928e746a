"""Bad input: one line that names the key, the value and what is allowed; exit status 2; nothing written."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from harness import ROOT, command, compose, composed, inside, own_folder

from analysis.entry import InputError
from experiments import composing
from experiments.execution.options import read_options
from experiments.study import catalog
from experiments.study.study import read_study
from nnxor.condition import FIELDS

REFUSED = [
    ("seeds.count=abc", "seeds.count=abc is not allowed; allowed: an integer from 1"),
    ("seeds.count=0", "an integer from 1"),
    ("seeds.count=1.5", "an integer from 1"),
    ("seeds.start=-1", "seeds.start=-1"),
    ("seeds.start=9223372036854775807", "beyond the last seed"),
    ("+foo=1", "foo is not a known key"),
    ("+grid.hiden=[4]", "grid.hiden is not a known key; did you mean hidden?"),
    ("+base.foo=1", "base.foo is not a known key"),
    ("+seeds.foo=1", "seeds.foo is not a known key"),
    ("+success.foo=1", "success.foo is not a known key"),
    ("grid.hidden=[]", "grid.hidden=[] is empty"),
    ("grid.hidden=[4,4]", "grid.hidden holds 4 twice"),
    ("grid.hidden=[4,4.0]", "grid.hidden=4.0 is not allowed"),
    ("grid.hidden=[[4]]", "an integer from 1"),
    ("grid.lr=[0.1,1e-1]", "grid.lr holds 0.1 twice"),
    ("grid.bias=[1]", "allowed: true, false"),
    ("grid.relu_at_zero=[true]", "allowed: 0, 1"),
    ("base.epochs=-1", "base.epochs=-1"),
    ("base.epochs=3000000000", "an integer from 0 to 2147483646"),
    ("grid.lr=[-1]", "grid.lr=-1 is not allowed; allowed: a finite number above 0"),
    ("grid.lr=[nan]", "grid.lr=nan"),
    ("grid.lr=[inf]", "grid.lr=inf"),
    ("grid.lr=[1e-60]", "lr=1e-60 is 0 in float32"),
    ("base.hidden=0", "base.hidden=0 is not allowed; allowed: an integer from 1"),
    ("base.lr=0.3", "base.lr=0.3 would do nothing, since the grid sweeps lr"),
    ("base.slope=0.3", "slope would do nothing"),
    ("grid.init=[foo]", f"grid.init=foo is unknown; allowed: {catalog.names('init')[0]},"),
    ("grid.init=[hee]", "did you mean he?"),
    ("asks=[lr,lr]", "asks=['lr', 'lr'] is not allowed; allowed: fields, each once"),
    ("asks=[]", "asks=[] is not allowed; allowed: fields, each once"),
    ("asks=[hiden]", "asks=hiden is not allowed; did you mean hidden?"),
    ("grid.task=[foo]", f"grid.task=foo is unknown; allowed: {catalog.names('task')[0]},"),
    ("grid.init=[3]", "allowed: a name"),
    ("engine=[numba]", "allowed: auto"),
    ("engine=foo", "engine=foo is not allowed; allowed: auto, reference, numpy, numba"),
    ("parallel.n_jobs=0", "parallel.n_jobs=0"),
    ("parallel.batch=0", "parallel.batch=0"),
    ("parallel.backend=foo", "allowed: auto, threads, loky, dask"),
    ("+parallel.foo=1", "parallel.foo is not a known key"),
    ("name=../x", "name=../x is not allowed"),
    ("name=a/b", "name=a/b is not allowed"),
    ("question=[1]", "allowed: a sentence"),
    ("question=", "question= is not allowed; allowed: a sentence"),
    ("grid=4", "grid=4 is not allowed; allowed: keys and values"),
    ("seeds=3", "seeds=3 is not allowed"),
    ("blocks=[]", "a list of grids, at least one"),
    ("blocks=[{hiden:[2]}]", "blocks[0].hiden is not a known key"),
    ("exclude=3", "allowed: a list of"),
    ("exclude=[{}]", "exclude[0] names no field"),
    ("exclude=[{hidden:[7,8]}]", "exclude[0] (hidden=7,8) matches no condition"),
    ("grid.lr=[{linspace:[0.1,0.2]}]", "grid.lr={linspace:[0.1, 0.2]} is not allowed; allowed: numbers, {geomspace"),
    ("exclude=[{hidden:[4,10]}]", "leaves no condition"),
    ("success.tolerance=0", "success.tolerance=0"),
    ("success.rule=foo", "success.rule=foo is not allowed"),
    ("dry_run=maybe", "allowed: true, false"),
    ("output=true", "output=true is not allowed; allowed: null, a path"),
]


@pytest.mark.parametrize(("override", "words"), REFUSED)
def test_bad_values_are_refused_in_one_line(override: str, words: str) -> None:
    with pytest.raises(InputError) as refusal:
        config = compose("study=smoke", override)
        read_study(config)
        read_options(config)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


TOGETHER = [
    (["base.loss=bce"], "loss=bce needs a probability; output=identity; allowed: output=sigmoid"),
    (["base.batch_size=5"], "batch_size=5 is more than the 4 examples of task=xor"),
    (["base.batch_size=0"], "base.batch_size=0 is not allowed; allowed: null, an integer from 1"),
    (["base.momentum=0.5"], "momentum would do nothing, since no condition has optimizer=momentum"),
    (["base.optimizer=momentum", "base.momentum=1"], "base.momentum=1 is not allowed; allowed: a number from 0 to"),
    (["base.activation=tanh", "base.relu_at_zero=1"], "relu_at_zero would do nothing"),
    (["success.rule=threshold", "success.tolerance=0.1"], "success.tolerance would do nothing"),
    (["success.ties=pass"], "success.ties would do nothing with success.rule=loss"),
    (["success.rule=threshold", "success.ties=maybe"], "success.ties=maybe is not allowed; allowed: null, fail, pass"),
    (["base.task=none.csv"], "base.task=none.csv does not exist"),
    (["~grid.init", "base.init=none.npz"], "base.init=none.npz does not exist"),
    (["~grid.init", "base.init={normal:{foo:1}}"], "foo is no parameter of normal"),
    (["~grid.init", "base.init={normal:3}"], "allowed: {NAME: {parameter: value}}"),
    (["base.rescue=foo"], "base.rescue=foo is not allowed; allowed: null, nothing, redraw_dead, redraw_alive, redraw"),
    (["grid.rescue=[null,none]"], "grid.rescue=none is not allowed; allowed: null"),
    (["base.rescue=nudge_bias", "base.bias=false"], "rescue=nudge_bias lifts biases; bias=false has none"),
    (["base.rescue=leaky", "base.activation=tanh"], "rescue=leaky makes ReLU leaky; activation=tanh; allowed: activ"),
    (["base.rescue=leaky", "base.activation=leaky_relu"], "rescue=leaky makes ReLU leaky; activation=leaky_relu"),
    *(
        ([f"base.rescue={rescue}", "base.activation=tanh"], f"rescue={rescue} needs units that can be dead")
        for rescue in ("redraw_dead", "redraw_alive", "nudge_bias")
    ),
    (["base.rescue=nothing", "base.epochs=2000000000"], "epochs=2000000000 is too many with rescue=nothing"),
    (["base.rescue=nothing", "base.slope=0.2"], "slope would do nothing, since no condition has activation=leaky_relu"),
    (["grid.init=[margin]"], "init=margin never keeps its margin 0.3 on a row of zeros, where units are given"),
    (["base.freeze=W1+b1+W2+b2"], "freeze=W1+b1+W2+b2 leaves nothing to train; allowed: fewer of W1, b1, W2, b2"),
    (["base.freeze=W1+W2", "base.bias=false"], "freeze=W1+W2 leaves nothing to train"),
    (["+blocks=[{hidden:[2],success:{rule:foo}}]"], "blocks[0].success.rule=foo is not allowed"),
]


@pytest.mark.parametrize(("overrides", "words"), TOGETHER)
def test_values_that_do_not_go_together_are_refused_in_one_line(overrides: list[str], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        read_study(compose("study=smoke", *[each.replace("+blocks", "blocks") for each in overrides]))
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("rescue", ["redraw_dead", "redraw_alive", "redraw_all"])
def test_given_weights_cannot_be_drawn_afresh(rescue: str, tmp_path: Path) -> None:
    shapes = {"W1": (3, 2, 4), "b1": (3, 4), "W2": (3, 4, 1), "b2": (3, 1)}
    np.savez(tmp_path / "sets.npz", **{name: np.ones(shape, np.float32) for name, shape in shapes.items()})
    fields = ["seeds.count=3", "grid.hidden=4", "~grid.init", f"base.init={tmp_path / 'sets.npz'}"]
    assert len(read_study(compose("study=smoke", *fields, "base.rescue=nudge_bias")).conditions) > 0
    with pytest.raises(InputError, match=f"rescue={rescue} draws fresh weights, and init="):
        read_study(compose("study=smoke", *fields, f"base.rescue={rescue}"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["seeds.count=abc"], "seeds.count=abc is not allowed"),
        (["foo=1"], "foo is not a known key; allowed: "),
        (["grid.hiden=[4]"], "grid.hiden is not a known key; did you mean hidden?"),
        (["study=foo"], "study=foo is unknown; allowed: article"),
        (["study=../run"], "study=../run is not allowed"),
        (["parallel=foo"], f"parallel=foo is unknown; allowed: {', '.join(catalog.names('parallel'))}"),
        (["grid.hidden=1,2"], "write a list as grid.hidden=[1,2]"),
        (["grid.hidden=[range(2,4),8]"], """write 'grid.hidden=["range(2,4)",8]'"""),
        (["grid.lr=[${foo}]"], "foo"),
        (["init=he"], "use base.init or grid.init"),
        (["~grid"], "grid is missing"),
        (["output=/dev/null/x"], "cannot be written"),
        (["~parallel"], "parallel is missing"),
        (["parallel=null"], "Config group override must be a string"),
        (["hydra.run.dir=/proc/x"], "/proc/x"),
    ],
)
def test_the_command_says_it_in_one_line_and_exits_with_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    anew = words.startswith(("seeds.count", "study=../run", "/proc/x"))  # a check of ours, of a file's name, and Hydra
    done = command(*arguments, cwd=tmp_path) if anew else inside(*arguments, module="experiments.run", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_help_is_the_whole_story_within_80_columns() -> None:
    done = inside("--help", module="experiments.run")
    assert done.returncode == 0
    for word in (
        "grid.FIELD",
        "base.FIELD",
        "seeds.count",
        "engine=",
        "parallel.n_jobs",
        "output=",
        "dry_run",
        "Exit status",
    ):
        assert word in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(("name", "left_out"), [("run", {"success"}), ("train", {"success", "rescue"})])
def test_help_says_of_every_field_its_default_and_what_is_allowed(name: str, left_out: set[str]) -> None:
    text = inside("--help", module=f"experiments.{name}").stdout
    assert max(map(len, text.splitlines())) <= 80
    for field in FIELDS.keys() - left_out:
        assert f"\n  {field}=" in text
    for words in (
        "hidden=4            an integer from 1 to 4096\n",
        f"init=uniform        {', '.join(catalog.names('init')[:2])}, ",
        "tanh, sigmoid",
    ):
        assert words in text


def test_help_names_every_shipped_study() -> None:
    text = inside("--help", module="experiments.run").stdout
    for path in (ROOT / "conf" / "study").rglob("*.yaml"):
        assert path.stem in text


def test_a_study_of_another_name_asks_what_it_is_told_to(tmp_path: Path) -> None:
    how = ("study=smoke", "name=own", "base.epochs=5", "seeds.count=2", "report=false", f"output={tmp_path / 'out'}")
    assert inside(*how, "asks=lr", module="experiments.run").returncode == 0
    kept = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert (kept["asks"], kept["hero"], kept["question"][:21]) == ("lr", None, "How do the settings o")
    assert "asks=foo is not allowed" in inside(*how, "asks=foo", module="experiments.run").stderr
    shown = yaml.safe_load(inside("name=own", "--cfg", "job", module="experiments.run").stdout)
    assert (shown["asks"], shown["question"]) == (None, kept["question"])
    shown = yaml.safe_load(
        inside("study=width", "name=own", "grid.lr=0.2", "--cfg", "job", module="experiments.run").stdout
    )
    assert (shown["name"], shown["asks"]) == ("own", "hidden"), "another sweep of the same question"
    assert shown["question"] == yaml.safe_load((ROOT / "conf/study/width.yaml").read_text())["question"]


def test_a_folder_of_the_user_is_found_listed_and_needed_no_more_afterwards(tmp_path: Path) -> None:
    own_folder(tmp_path)
    told = inside("--config-dir", str(tmp_path), "--help", module="experiments.run").stdout
    assert "studies mine; inits half; tasks own, own.csv" in told
    arguments = ("study=mine", "--config-dir", str(tmp_path), f"output={tmp_path / 'out'}", "report=false")
    assert inside(*arguments, module="experiments.run").returncode == 0
    done = command(str(tmp_path / "out"), "sample=4", "engine=numba", module="experiments.verify")  # never saw it
    assert (done.returncode, done.stderr) == (0, "")


def test_whatever_names_an_init_of_the_user_needs_no_folder_afterwards(tmp_path: Path) -> None:
    parts = {
        "name": "parts", "question": "Parts?", "grid": {"hidden": [2, 3], "lr": 0.1}, "base": {"epochs": 5},
        "blocks": [{"init": ["half", "he"]}, {"init": "torch"}], "exclude": [{"init": "half", "hidden": 2}],
        "published": [{"source": "s", "setting": "s", "where": {"init": ["half"]}, "says": "words"}],
        "seeds": {"count": 3},
    }  # fmt: skip
    (own_folder(tmp_path) / "study/parts.yaml").write_text(f"# @package _global_\n{json.dumps(parts)}")
    arguments = ("study=parts", f"--config-dir={tmp_path}", f"output={tmp_path / 'out'}", "report=false")
    assert inside(*arguments, module="experiments.run").returncode == 0
    done = inside(str(tmp_path / "out"), "sample=all", "engine=numba", module="experiments.verify")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("overrides", "config_name"),
    [
        (("study=smoke", "parallel=threads", "parallel.n_jobs=1", "seeds.count=20", "report=false"), "run"),
        (("grid.init=[uniform,he]", "grid.lr=[0.1,-2]", "base.loss=mse", "grid.hidden=null", "output=/a-b.c"), "run"),
        (("study=published/all", "record=summary", "grid.bias=[true,false]", "seeds.start=0", "seeds.start=7"), "run"),
        (("init=he", "seed=8", "lr=0.5", "loss=bce", "weights=/tmp/net.npz"), "train"),
    ],
)  # fmt: skip
def test_settings_that_tests_enter_by_themselves_are_what_hydra_makes_of_them(
    overrides: tuple[str, ...], config_name: str
) -> None:
    assert repr(compose(*overrides, config_name=config_name)) == repr(composed(overrides, config_name))


@pytest.mark.parametrize("folder", [r"a\b", "a\\", r"a\\b", "it's", r"a\'b", "a b"])
def test_a_folder_that_is_named_without_its_key_may_have_any_name(folder: str) -> None:
    """Each backslash had been doubled."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (written,) = composing.overrides("verify", [folder], ("output",))
    assert OverridesParser.create().parse_override(written).value() == folder
