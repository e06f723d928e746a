"""Damaged result folders, all made from a real one: what each command must do with them is in `asked`."""

import contextlib
import io
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from harness import compose

from analysis.data.door import SHAPE, sha256_of
from analysis.entry import guarded
from experiments import comparing
from experiments.execution.session import run
from experiments.verification import verifying

STUDY = (
    "study=smoke", "base.epochs=5", "grid.hidden=3", "grid.init=[he,torch]", "grid.lr=[0.1,0.2]",
    "report=false", "parallel.n_jobs=1", "engine=numba",
)  # fmt: skip
SEEDS, GROWN = "seeds.count=6", "seeds.count=9"

Damage = Callable[[Path], object]

TEXTS = ("config.yaml", "manifest.json", "datapackage.json", "summary.csv")
TABLES = ("trials.parquet", "counts.parquet")
LONGEST = 60
"""Seconds that an answer may take."""

FORGED: set[str] = set()
"""Damages whose hashes were mended: no command but verify can tell them from what a run wrote."""


def to_files() -> Iterator[tuple[str, Damage]]:
    """What can happen to each file."""
    for name in (*TEXTS, *TABLES):
        yield f"{name} removed", lambda f, n=name: (f / n).unlink()
        yield f"{name} emptied", lambda f, n=name: (f / n).write_bytes(b"")
        yield f"{name} cut in half", lambda f, n=name: _change(f / n, lambda c: c[: len(c) // 2])
        yield f"{name} cut by two bytes", lambda f, n=name: _change(f / n, lambda c: c[:-2])
        yield f"{name} doubled", lambda f, n=name: _change(f / n, lambda c: c + c)
        yield f"{name} a folder", lambda f, n=name: ((f / n).unlink(), (f / n).mkdir())
        yield f"{name} a FIFO", lambda f, n=name: ((f / n).unlink(), os.mkfifo(f / n))
        yield f"{name} a link to itself", lambda f, n=name: ((f / n).unlink(), (f / n).symlink_to(n))
        yield f"{name} a link to nothing", lambda f, n=name: ((f / n).unlink(), (f / n).symlink_to("nothing"))
        yield f"{name} a huge hole", lambda f, n=name: _hole(f / n)
        yield f"{name} noise", lambda f, n=name: (f / n).write_bytes(bytes(range(256)) * 40)
        other = "summary.csv" if name != "summary.csv" else "config.yaml"
        yield f"{name} another file", lambda f, n=name, o=other: shutil.copyfile(f / o, f / n)
        for part in range(2 if name == "manifest.json" else 5):  # behind that it tells of the machine
            yield f"{name} flipped {part}", lambda f, n=name, p=part: _flip(f / n, p)
    for name in TEXTS[:3]:
        yield f"{name} nested deeply", lambda f, n=name: (f / n).write_text("[" * 200_000)
        yield f"{name} nested keys", lambda f, n=name: (f / n).write_text('{"a":' * 100_000)
        yield f"{name} no UTF-8", lambda f, n=name: _change(f / n, lambda c: c.replace(b"smoke", b"sm\xffke"))
        yield f"{name} a list", lambda f, n=name: (f / n).write_text("[1, 2]")
        yield f"{name} a number", lambda f, n=name: (f / n).write_text("7")


def to_manifest() -> Iterator[tuple[str, Damage]]:
    """What can be wrong with each entry of the manifest."""
    for name in SHAPE:
        yield f"manifest without {name}", lambda f, n=name: _edit(f, lambda m: m.pop(n))
        for value in (None, "x", -1, [[]], {"a": []}, [None], 1e300):
            yield f"manifest {name} = {value!r}", lambda f, n=name, v=value: _edit(f, lambda m: m.update({n: v}))
    for seeds in (["0", "6"], [0, 2**62], [6, 0], [0], [0.0, 6.0], [-3, 3], [0, 10**30]):
        yield f"manifest seeds = {seeds}", lambda f, s=seeds: _edit(f, lambda m: m.update(seeds=s))
    yield "manifest of protocol 1", lambda f: _edit(f, lambda m: m.update(protocol=1))
    yield "manifest of a run without anything", lambda f: _edit(f, lambda m: m.update(runs=[{}]))
    yield "manifest of another field", lambda f: _edit(f, lambda m: m["fields"].update(other=m["fields"].pop("slope")))
    yield "manifest of another label", lambda f: _edit(f, lambda m: m["fields"]["slope"].update(label="x"))
    yield "manifest of a field without words", lambda f: _edit(f, lambda m: m["fields"]["slope"].pop("words"))
    yield "manifest of another trap", lambda f: _edit(f, lambda m: m.update(traps=[{}]))
    yield "manifest of no runs", lambda f: _edit(f, lambda m: m.update(runs=[]))
    yield "manifest of other tables", lambda f: _edit(f, lambda m: m["files"].update({"../x": "0"}))
    yield "manifest of other hashes", lambda f: _edit(f, lambda m: m.update(files=dict.fromkeys(TABLES, "0" * 64)))
    yield (
        "manifest of another condition",
        lambda f: _edit(f, lambda m: m["conditions"].update({"a" * 16: "protocol=2"})),
    )


def to_tables() -> Iterator[tuple[str, Damage]]:
    """Tables that were changed, and their hashes mended."""
    for name in TABLES:
        columns = ("condition", "seed", "status", "outcome", "hidden") if name == TABLES[0] else (
            "condition", "seed", "kind", "count", "solved", "status", "epoch"
        )  # fmt: skip
        for column in columns:
            yield f"{name} without {column}", lambda f, n=name, c=column: _forge(f, n, lambda t: t.drop_columns([c]))
            yield f"{name} {column} null", lambda f, n=name, c=column: _forge(f, n, lambda t: _nulled(t, c))
            yield (
                f"{name} {column} renamed",
                lambda f, n=name, c=column: _forge(
                    f, n, lambda t: t.rename_columns([x if x != c else f"{c}_" for x in t.column_names])
                ),
            )
        yield f"{name} without rows", lambda f, n=name: _forge(f, n, lambda t: t.slice(0, 0))
        yield f"{name} without a row", lambda f, n=name: _forge(f, n, lambda t: t.slice(1))
        yield f"{name} backwards", lambda f, n=name: _forge(f, n, lambda t: t.take(list(range(len(t) - 1, -1, -1))))
        yield f"{name} twice", lambda f, n=name: _forge(f, n, lambda t: pa.concat_tables([t, t]))
        yield f"{name} of something else", lambda f, n=name: _forge(f, n, lambda _: pa.table({"x": [1, 2]}))
        for value in (-1, 2**62):
            yield f"{name} seed {value}", lambda f, n=name, v=value: _forge(f, n, lambda t: _with(t, "seed", v))
    for value in (-1, 0, 2**62):
        yield f"counts {value}", lambda f, v=value: _forge(f, TABLES[1], lambda t: _with(t, "count", v))
    for value in ("", "x", "solved", "é" * 1000):
        yield f"outcome {value:.9}", lambda f, v=value: _forge(f, TABLES[0], lambda t: _with(t, "outcome", v))
        yield f"kind {value:.9}", lambda f, v=value: _forge(f, TABLES[1], lambda t: _with(t, "kind", v))


def damages() -> dict[str, Damage]:
    """All of them, by name."""
    forged = dict(to_tables())
    FORGED.update(forged)
    return {**dict(to_files()), **dict(to_manifest()), **forged}


def _change(path: Path, change: Callable[[bytes], bytes]) -> None:
    content = path.read_bytes()
    assert change(content) != content
    path.write_bytes(change(content))


def _flip(path: Path, part: int) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) * part // 5 + 3] ^= 1 << part
    path.write_bytes(content)


def _hole(path: Path) -> None:
    with open(path, "wb") as file:
        file.truncate(2**40)


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "manifest.json"
    content = json.loads(path.read_text())
    before = json.dumps(content)
    change(content)
    assert json.dumps(content) != before
    path.write_text(json.dumps(content))


def _forge(folder: Path, name: str, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(folder / name)), folder / name)
    sha256, path = sha256_of(folder / name), folder / "datapackage.json"
    _edit(folder, lambda m: m["files"].update({name: sha256}))
    described = json.loads(path.read_text())
    (resource,) = (each for each in described["resources"] if each["path"] == name)
    resource |= {"bytes": (folder / name).stat().st_size, "hash": f"sha256:{sha256}"}
    path.write_text(json.dumps(described, indent=1, ensure_ascii=False) + "\n")


def _nulled(table: pa.Table, name: str) -> pa.Table:
    field = table.schema.field(name)
    return table.set_column(table.column_names.index(name), field, pa.nulls(len(table), field.type))


def _with(table: pa.Table, name: str, value: object) -> pa.Table:
    field = table.schema.field(name)
    plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    values = pa.array([value, *table[name].to_pylist()[1:]], plain).cast(field.type)
    return table.set_column(table.column_names.index(name), field, values)


# --- what is asked of them


def quietly(work: Callable[[], int]) -> tuple[int, str, str]:
    """Do a command's work as a command does; its status, output and errors."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = guarded(work)
    return status, out.getvalue(), err.getvalue()


def one_line(err: str) -> bool:
    """Whether errors are told in one line that blames the folder."""
    return err.count("\n") == 1 and "standard output" not in err


def _late(*_: object) -> None:
    raise TimeoutError(f"no answer in {LONGEST} s")


def made(folder: Path, seeds: str = SEEDS, *more: str) -> Path:
    """The real folder."""
    status, _, err = quietly(lambda: run(compose(*STUDY, seeds, f"output={folder}", *more)))
    assert status == 0, err
    return folder


class Asked:
    """Asks commands what they make of a damaged copy of a folder; `wrong` says what no command may do."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.real, self.grown = made(root / "real"), made(root / "grown", GROWN)
        self.trials = {name: (root / name / "trials.parquet").read_bytes() for name in ("real", "grown")}
        signal.signal(signal.SIGALRM, _late)

    def wrong(self, name: str, damage: Damage) -> list[str]:
        """What is wrong with the answers to one damage."""
        found = []
        outside = self.root / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "thesis.txt").write_text("precious")
        for question in ("verify", "run", "grow", "compare"):
            folder = self.root / "damaged"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.real, folder)
            damage(folder)
            (folder / "notes.txt").write_text("mine")
            signal.alarm(LONGEST)
            try:
                said = getattr(self, question)(name, folder)
            except BaseException as error:  # a traceback, or no answer
                said = f"{type(error).__name__}: {error}"
            signal.alarm(0)
            if (folder / "notes.txt").read_text() != "mine" or (outside / "thesis.txt").read_text() != "precious":
                said = "a foreign file was touched"
            if said:
                found.append(f"{question}: {name}: {said[:300]}")
        return found

    def verify(self, _: str, folder: Path) -> str:
        """It must find the damage."""
        config = {"folder": str(folder), "sample": 2, "engine": "numba", "seed": 0}
        status, out, err = quietly(lambda: verifying.verify(config))
        if status == 0:
            return "not found"
        return "" if one_line(err) or (status == 1 and "DIFFERENT" in out) else f"not one line: {err}"

    def run(self, name: str, folder: Path) -> str:
        """It refuses in one line, or the table ends as it was."""
        return self._run(name, folder, SEEDS, "real")

    def grow(self, name: str, folder: Path) -> str:
        """It refuses in one line, or the table ends as that of a whole run."""
        return self._run(name, folder, GROWN, "grown")

    def _run(self, name: str, folder: Path, seeds: str, whole: str) -> str:
        status, _, err = quietly(lambda: run(compose(*STUDY, seeds, f"output={folder}")))
        if status:
            return "" if one_line(err) else f"not one line: {err}"
        same = (folder / "trials.parquet").read_bytes() == self.trials[whole]
        return "" if same or name in FORGED else "wrong bytes"

    def compare(self, _: str, folder: Path) -> str:
        """It refuses in one line, or finds the same trainings."""
        config = {"a": str(folder), "b": str(self.real), "html": None, "csv": None, "json": None}
        status, out, err = quietly(lambda: comparing.compare({**config, "fail_on_difference": False}))
        if status:
            return "" if one_line(err) else f"not one line: {err}"
        return "" if "24" in out or "same" in out else "another result"


def main(root: Path, share: slice = slice(None)) -> tuple[int, list[str]]:
    """Ask about a share of the damages; how many there were, and what was wrong."""
    asked = Asked(root)
    chosen = list(damages().items())[share]
    return len(chosen), [line for name, damage in chosen for line in asked.wrong(name, damage)]
