"""Bad inputs: a command line, its exit status, and words that its one line must hold."""

import json
import os
import signal
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import inside

from nnxor.condition import FIELDS

LONGEST = 60
"""Seconds that an answer may take."""

LINE = 1100
"""Characters of an answer, at most."""

Case = tuple[str, tuple[str, ...], str]
"""A module, its arguments, and words of the answer."""

ODD = ("x y", "[[1]]", "{a: 1}", "'é'", "-1e999", "[1,", "${oc.env:HOME}", "a;b=c", "*", "??", "0x", "'\x1b[31m'")
"""Values that no field takes."""

NUMBERS = ("x", "-1", "nan", "inf", "-inf", "1e400", "true", "'1'", "1__0", "[]", "1j")
"""Values that no field of numbers takes."""

SWITCHES = ("yes!", "2", "0.5", "maybe", "[true, false]")


def fields() -> Iterator[Case]:
    """Each field of a condition with values that it does not take, alone and in a grid."""
    for name in (name for name in FIELDS if name != "success"):
        for value in ODD:
            yield "experiments.run", (f"base.{name}={value}",), ""
            yield "experiments.train", (f"{name}={value}",), ""
        yield "experiments.run", (f"grid.{name}=[]",), "empty"
        yield "experiments.run", (f"grid.{name}=[nosuch,nosuch]",), ""
        if FIELDS[name].type.startswith(("int", "float")):
            for value in NUMBERS:
                yield "experiments.run", (f"base.{name}={value}",), ""


def studies() -> Iterator[Case]:
    """Keys of a study and options of a run."""
    for key in ("seeds.start", "seeds.count"):
        for value in ("-1", "1.5", "x", "null", "[1]", "1e30", str(2**64)):
            yield "experiments.run", (f"{key}={value}",), "seeds"
    for key in ("certify", "report", "overwrite", "dry_run"):
        for value in SWITCHES:
            yield "experiments.run", (f"{key}={value}",), key
    for value in ("rows", "[trials]", "1"):
        yield "experiments.run", (f"record={value}",), "record"
    for value in ("''", "a/b", "../x", "é", "a" * 200, "[a]"):
        yield "experiments.run", (f"name={value}",), "name"
    for value in ("cuda", "Numba", "[numba]", "1"):
        yield "experiments.run", (f"engine={value}",), "engine"
    for key, value in (
        ("n_jobs", "0"),
        ("n_jobs", "-2"),
        ("n_jobs", "x"),
        ("batch", "0"),
        ("batch", "1.5"),
        ("backend", "x"),
    ):
        yield "experiments.run", (f"parallel.{key}={value}",), ""
    for arguments in (
        ("nosuch=1",),
        ("study=nosuch",),
        ("study=../article",),
        ("+foo=1",),
        ("~grid",),
        ("base.nosuch=1",),
        ("grid.nosuch=[1]",),
        ("exclude=[{hidden: 99}]",),
        ("exclude=3",),
        ("blocks=[]",),
        ("blocks=[3]",),
        ("union=[nosuch]",),
        ("union=[]",),
        ("published=[3]",),
        ("published=[{source: a}]",),
        ("success.rule=luck",),
        ("success.tolerance=-1",),
        ("success.x=1",),
        ("seeds.count=1000000000000",),
        ("grid.lr=[{geomspace:[1,2,10000000]}]",),
        ("grid.lr=[{geomspace:[0.001,1,4096]}]", "grid.hidden=[{linspace:[1,2000,2000]}]"),
        ("grid.lr=geomspace(1,2,9)",),
        ("base.lr=0.1",),
        ("grid.lr=[0.1,0.1]",),
        ("output=",),
        ("study",),
        ("a", "b"),
        ("grid.hidden=range(1,100000000)",),
        ("--config-dir",),
        ("--info", "nosuch"),
        ("--cfg", "nosuch"),
        ("study=smoke", "--config-dir", "conf", "base.nosuch=1"),
    ):
        yield "experiments.run", arguments, ""


def others() -> Iterator[Case]:
    """The other commands."""
    for value in ("0", "-1", "x", "1.5", "[1]", "null"):
        yield "experiments.verify", ("nowhere", f"sample={value}"), "sample"
        yield "experiments.verify", ("nowhere", f"seed={value}" if value != "0" else "seed=-3"), "seed"
    for arguments in (
        (),
        ("nowhere",),
        ("a", "b"),
        ("nowhere", "engine=cuda"),
        ("conf",),
        ("README.md",),
        ("nowhere", "x=1"),
    ):
        yield "experiments.verify", arguments, ""
    for arguments in (
        (),
        ("a",),
        ("a", "b", "c"),
        ("a", "b", "x=1"),
        ("conf", "tests"),
        ("a", "b", "fail_on_difference=2"),
    ):
        yield "experiments.compare", arguments, ""
    for value in ("0", "-1", "[]", "[4,4]", "x", "5000", "4.5"):
        yield "experiments.benchmark", (f"hidden={value}", "repeats=1"), "hidden"
    for key in ("epochs", "repeats", "trainings"):
        for value in ("-1", "x", "1.5", "[2]", "null"):
            yield "experiments.benchmark", (f"{key}={value}",), key
    for value in ("x", "-1", "nan", "[[1]]"):
        yield "experiments.diagnose", (f"loss={value}",), "loss"
    for arguments in (("weights=nowhere.npz",), ("weights=README.md",), ("loss=0.25", "x=1"), ("a", "b", "c")):
        yield "experiments.diagnose", arguments, ""
    for arguments in (
        ("seed=-1",),
        ("seed=x",),
        ("save=/nowhere/x.npz",),
        ("save=.",),
        ("plot=README.md",),
    ):
        yield "experiments.train", arguments, ""


FORMULAS = {
    "too long": "+".join(["1"] * 5000),
    "too deep": "(" * 500 + "1" + ")" * 500,
    "signs": "-" * 20000 + "1",
    "a comment alone": "# ;task=evil",
    "a call": "__import__('os').getcwd()",
    "an attribute": "fan_in.real",
    "a name": "nosuch",
    "a string": "'1'",
    "a list": "[1]",
    "power tower": "9**9**9**9",
    "division": "1/0",
    "nothing": "",
    "two lines": "1\n2",
    "a lambda": "(lambda: 1)()",
    "walrus": "(x := 1)",
    "f-string": "f'{1}'",
}
"""Formulas of an init that are none."""


def files(folder: Path) -> Iterator[Case]:
    """Files of the user: tasks, weights and folders that are none."""
    os.mkfifo(folder / "fifo.csv")
    os.mkfifo(folder / "fifo.npz")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "folder.csv").mkdir()
    with open(folder / "huge.csv", "wb") as file:
        file.truncate(2**40)
    with open(folder / "huge.npz", "wb") as file:
        file.truncate(2**40)
    texts = {
        "empty": b"",
        "no header": b"1,2,3\n",
        "words": b"x1,x2,t\na,b,c\n",
        "short": b"x1,x2,t\n1,2\n",
        "latin": b"x1,t\n\xe9,1\n",
        "nul": b"x1,t\n\0,1\n",
        "infinite": b"x1,t\ninf,1\n",
        "quote": b'x1,t\n"1,1\n',
        "only header": b"x1,t\n",
        "many": b"x1,t\n" + b"1,1\n" * 2000,
        "times": b"x1,t,times\n1,1,-1\n",
        "again": b"x1,x1,t\n1,1,1\n",
        "wide": ",".join([*(f"x{d}" for d in range(1, 400)), "t"]).encode() + b"\n",
        "utf16": "x1,t\n1,1\n".encode("utf-16"),
    }
    for name, content in texts.items():
        (folder / f"{name}.csv").write_bytes(content)
    for name in ("fifo", "loop", "folder", "huge", "nowhere", *texts):
        yield "experiments.run", (f'base.task="{folder / name}.csv"',), "task"
    _archives(folder)
    for path in (*folder.glob("*.npz"), folder / "nowhere.npz"):
        yield "experiments.run", (f'grid.init=["{path}"]',), "init"
        if path.stem != "shape":  # which lies as PyTorch has it
            yield "experiments.diagnose", (f'weights="{path}"',), "weights"
    for n, formula in enumerate(FORMULAS.values()):
        (folder / "init").mkdir(exist_ok=True)
        text = f"{{distribution: normal, std: {json.dumps(formula)}}}\nbiases: {{distribution: constant, value: 0}}\n"
        (folder / "init" / f"odd{n}.yaml").write_text(f"weights: {text}")
        yield "experiments.run", ("--config-dir", str(folder), f"grid.init=[odd{n}]", "dry_run=true"), "cannot evaluate"
    odd = {"nested": b"[" * 10**5, "latin": b"a: \xe9", "list": b"[1, 2]", "alias": b"a: &a [*a]", "empty": b""}
    for group, argument in (("init", "grid.init=[{}]"), ("task", "base.task={}"), ("study", "study={}")):
        (folder / group).mkdir(exist_ok=True)
        for name, content in odd.items():
            (folder / group / f"{name}.yaml").write_bytes(content)
        os.mkfifo(folder / group / "fifo.yaml")
        with open(folder / group / "huge.yaml", "wb") as file:
            file.truncate(2**40)
        for name in ("nested", "latin", "list", "alias", "empty", "fifo", "huge"):
            if (group, name) != ("study", "empty"):  # which changes nothing
                yield "experiments.run", ("--config-dir", str(folder), argument.format(name), "dry_run=true"), ""
    for place in (
        folder / "fifo.csv",
        Path("README.md"),
        Path("/proc/version"),
        folder / "loop.csv",
        folder / "init" / "odd0.yaml",
    ):
        yield "experiments.run", (f"output={place}",), "output"
        yield "experiments.verify", (str(place),), ""
        yield "experiments.compare", (str(place), "conf"), ""


def _archives(folder: Path) -> None:
    shapes = {"W1": (2, 3), "b1": (3,), "W2": (3, 1), "b2": (1,)}
    whole = {name: np.ones(shape) for name, shape in shapes.items()}
    odd = {
        "nan": {**whole, "b1": np.array([1, np.nan, 1])},
        "text": {**whole, "b1": np.array(["a", "b", "c"])},
        "objects": {**whole, "b1": np.array([{}, 1, 2], dtype=object)},
        "shape": {**whole, "W2": np.ones((1, 3))},
        "lacking": {"W1": whole["W1"]},
        "none": {**whole, "W1": np.ones((2, 0))},
        "complex": {**whole, "b2": np.array([1j])},
    }
    for name, arrays in odd.items():
        np.savez(folder / f"{name}.npz", **arrays)
    np.savez(folder / "whole.npz", **whole)
    content = (folder / "whole.npz").read_bytes()
    (folder / "torn.npz").write_bytes(content[:-30])
    (folder / "flipped.npz").write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    (folder / "whole.npz").unlink()
    with zipfile.ZipFile(folder / "bomb.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        for name in shapes:
            with bomb.open(f"{name}.npy", "w", force_zip64=True) as entry:
                entry.write(bytes(2**26 + 2**24))
    header = (
        b"\x93NUMPY\x01\x00v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776, 16), }".ljust(127)
        + b"\n"
    )
    with zipfile.ZipFile(folder / "claims.npz", "w") as claims:
        for name in shapes:
            claims.writestr(f"{name}.npy", header)


def inputs(folder: Path) -> list[Case]:
    """All of them."""
    return [*fields(), *studies(), *others(), *files(folder)]


def wrong(case: Case) -> str:
    """What is wrong with the answer to a bad input; nothing if it is one line that says what is wrong with it."""
    module, arguments, words = case

    def late(*_: object) -> None:
        raise TimeoutError(f"no answer in {LONGEST} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LONGEST)
    try:
        done = inside(*arguments, module=module)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    finally:
        signal.alarm(0)
    said = done.stderr
    if done.returncode != 2:
        return f"status {done.returncode}: {said[-200:]!r}"
    if said.count("\n") != 1 or len(said) > LINE or not said.strip().isprintable():
        return f"not one line: {said[:300]!r}"
    return "" if words in said else f"says nothing of {words}: {said[:200]!r}"


def main(folder: Path, share: slice = slice(None)) -> tuple[int, list[str]]:
    """Give a share of the bad inputs; how many there were, and what was wrong."""
    chosen = inputs(folder)[share]
    return len(chosen), answered_wrongly(chosen)


def answered_wrongly(cases: list[Case]) -> list[str]:
    """Which bad inputs are answered wrongly, and how."""
    answers = [(case, wrong(case)) for case in cases]
    return [f"{case[0]} {' '.join(case[1])[:120]}: {why}" for case, why in answers if why]
