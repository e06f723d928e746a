"""How tests compose configurations and run commands."""

import contextlib
import copy
import functools
import hashlib
import importlib
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis.entry import guarded
from experiments import cli, composing
from experiments.execution import estimate
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, in_schema, plain
from experiments.store.counts import SCHEMA, count_rows
from experiments.study import catalog
from nnxor import engines
from nnxor.condition import Condition
from nnxor.engines import runner
from nnxor.engines.llvm_numbers import compiled

ROOT = Path(__file__).parent.parent


def compose(*overrides: str, config_name: str = "run") -> dict[str, Any]:
    """The configuration that the command would get from these overrides.

    A study is composed once. What only sets keys of it is entered: tests run the same studies in many ways.
    """
    chosen = tuple(each for each in overrides if re.fullmatch(r"(study|parallel)=[\w/]+", each))
    found = [re.fullmatch(SETTING, each) for each in overrides if each not in chosen]
    settings = [(match[1].split("."), match[2]) for match in found if match]
    config = copy.deepcopy(composed(chosen, config_name))
    if len(settings) < len(found) or not all(_is_set(config, path) for path, _ in settings):
        return copy.deepcopy(composed(overrides, config_name))
    for (*section, key), text in settings:
        words = text.strip("[]").split(",")
        values = [word if re.match("[a-z/]", word) and word not in CONSTANTS else json.loads(word) for word in words]
        (config[section[0]] if section else config)[key] = values if text.startswith("[") else values[0]
    return config


def _is_set(config: dict[str, Any], path: list[str]) -> bool:
    node = config.get(path[0], {}) if len(path) == 2 else config
    return isinstance(node, dict) and path[-1] in node and not isinstance(node[path[-1]], dict)


@functools.cache
def composed(overrides: tuple[str, ...], config_name: str = "run") -> dict[str, Any]:
    """What Hydra makes of these overrides."""
    return composing.composed(config_name, list(overrides))


CONSTANTS = ("true", "false", "null")
WORD = r"(?:-?(?:0|[1-9]\d*)(?:\.\d+)?|(?!nan|inf|on|off|yes|no)[a-z][a-z_0-9]*)"
SETTING = rf"((?:base|grid|seeds|parallel)\.\w+|\w+)=({WORD}|\[{WORD}(?:,{WORD})*\]|/[\w/.-]+)"
"""A key and a number, a word, a list of those, or a path, which are to Hydra what they seem to be."""


SMALL = ("study=smoke", "grid.lr=[0.1,0.2]", "base.epochs=60", "seeds.count=20", "report=false", "parallel.n_jobs=1")
"""A study of 8 conditions that takes a moment."""


def compile_for_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """No kernel is there, and to compile one takes an hour by the clock of estimates; nobody else uses the machine."""
    kernels: list[str] = []

    def slowly(text: str) -> Callable[..., None]:
        kernels.append(text)
        return compiled.__wrapped__(text)

    monkeypatch.setattr(runner, "compiled", functools.cache(slowly))

    def hours() -> float:
        return time.thread_time() + 3600 * len(kernels)

    clocks = {"thread_time": hours, "perf_counter": hours}
    monkeypatch.setattr(estimate, "time", SimpleNamespace(**{**vars(time), **clocks}))
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))


def command(*arguments: str, module: str = "experiments.run", **options: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of the project as a user does, and wait for it."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=options.pop("cwd", ROOT),
        env={**os.environ, "PYTHONPATH": str(ROOT), **options.pop("env", {})},
        capture_output=True,
        text=True,
        timeout=120,
        **options,
    )


def inside(*arguments: str, module: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command of the project in this process, which has imported everything already.

    All but the process is the command's own: how a process starts and ends, and what signals do to
    it, is for those tests that start one with `command` or `launch`.
    """
    statuses: list[int] = []
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.chdir(cwd)
        patch.setenv("HYDRA_FULL_ERROR", "1")  # restored at the end, which the command does not
        patch.setattr(sys, "argv", [module, *arguments])
        patch.setattr(cli, "finish", lambda work: statuses.append(guarded(work)))
        patch.setenv("MPLBACKEND", "Agg")
        patch.setattr(catalog, "FOLDERS", [*catalog.FOLDERS])  # a user's folder joins them for one command
        importlib.import_module(module).main()
    (status,) = statuses
    return subprocess.CompletedProcess([module, *arguments], status, out.getvalue(), err.getvalue())


def typed(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What a command does that is shown to be typed: a shell in that folder does all but run Python."""
    script = f"python() {{ printf '%s\\0' \"$@\"; }}; {line}"
    shell = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True)
    assert (shell.returncode, shell.stderr) == (0, "")
    flag, module, *arguments = shell.stdout.removesuffix("\0").split("\0")
    assert flag == "-m"
    return inside(*arguments, module=module, cwd=folder)


def launch(*overrides: str) -> subprocess.Popen[str]:
    """Start a run in a session of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "experiments.run", *overrides],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_parts(run: subprocess.Popen[str], output: Path, count: int) -> None:
    """Wait until a run has written that many parts."""
    until = time.monotonic() + 60
    while len(list((output / "parts").glob("*.parquet"))) < count:
        assert run.poll() is None, run.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def processes_of(session: int) -> list[int]:
    """Processes of a session that are alive."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def nobody_left(session: int) -> bool:
    """Whether all processes of a session are gone within some seconds."""
    until = time.monotonic() + 10
    while processes_of(session):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def rewrite(trials: pd.DataFrame, folder: Path) -> None:
    """Put another table into a result folder, and its hash into the manifest, as if a run had written it so."""
    manifest = folder / "manifest.json"
    files = write_tables(pa.Table.from_pandas(trials, preserve_index=False), folder)
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "files": files}), encoding="utf-8")


def write_tables(trials: pa.Table, folder: Path) -> dict[str, str]:
    """Write rows and their counts as a run does; returns their hashes."""
    rows = [field for field in trials.schema if field.name.startswith("y_")]
    texts = in_schema(trials, plain(pa.schema([*CONDITION_COLUMNS.items(), *RESULT_COLUMNS.items(), *rows])))
    pieces = [plain(SCHEMA).empty_table()]
    for key in pc.unique(texts["condition"]).to_pylist():
        mine = texts.filter(pc.equal(texts["condition"], key)).sort_by("seed")
        counts = count_rows(mine)
        fixed = {name: pa.repeat(mine[name][0], len(counts)) for name in CONDITION_COLUMNS}
        counted = pa.table({**fixed, **{name: counts[name] for name in counts.column_names}})
        pieces.append(in_schema(counted, plain(SCHEMA)))
    pq.write_table(trials, folder / "trials.parquet")
    pq.write_table(pa.concat_tables(pieces).combine_chunks().cast(SCHEMA), folder / "counts.parquet")
    paths = [folder / name for name in ("trials.parquet", "counts.parquet")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def own_folder(folder: Path) -> Path:
    """A folder of the user's own, for --config-dir: the study mine, the init half, the task own in YAML and CSV."""
    for name, content in {
        "study/mine.yaml": "# @package _global_\nname: mine\nquestion: Mine?\nbase: {task: own, hidden: 3, epochs: 9}\n"
        "grid: {init: [half, he]}\nseeds: {start: 0, count: 4}\n",
        "init/half.yaml": "weights: {distribution: normal, std: 0.5}\nbiases: {distribution: constant, value: 0}\n",
        "task/own.yaml": "rows: [[0, 0], [1, 1]]\n",
        "task/own.csv": "x1,t\n0,0\n1,1\n",
    }.items():
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_text(content)
    return folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[], Path]) -> Path:
    """A folder that is made once a session, by whichever worker first asks for it; nobody may change it."""
    base = factory.getbasetemp()
    kept = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "once" / name
    if not kept.exists():
        made = make()
        kept.parent.mkdir(exist_ok=True)
        with contextlib.suppress(OSError):  # another worker was faster
            made.rename(kept)
    return kept


def faulty(fails: Callable[[Condition, range], bool]) -> Callable[[str], engines.Train]:
    """As `engines.load`, but the engines have no room for some conditions and seeds."""
    load = engines.load

    def loaded(name: str) -> engines.Train:
        def train(condition, start, seeds):  # type: ignore[no-untyped-def]
            if fails(condition, seeds):
                raise MemoryError("no room")
            return load(name)(condition, start, seeds)

        return train

    return loaded
