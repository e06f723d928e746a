"""Fuzzing of what reads files: tasks (CSV), weights (NPZ), manifests and parts; the seeds are real ones, and odd ones.

Inputs are changed at random (bits, bytes, pieces doubled, cut or moved, numbers replaced) and those that reach new
lines of the readers are changed further, so that coverage guides the search.
"""

import json
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import numpy as np
from damage import SEEDS, STUDY, made
from harness import compose

from analysis.data import conditions
from analysis.data.door import FolderError
from analysis.data.reading import read_manifest
from analysis.entry import InputError
from experiments.execution.worker import train_batch
from experiments.store.parts import NotAPartError, read_part, write_part
from experiments.study.batches import Batch
from experiments.study.catalog import load_task
from experiments.study.study import read_study
from experiments.study.weight_files import load_given
from experiments.verification.audit import read_record

READERS = ("csv", "weight_files", "door", "reading", "parts", "manifest", "audit", "files")
"""Modules whose lines guide the search."""

TOKENS = (
    b"",
    b"0",
    b"-1",
    b"1e999",
    b"nan",
    b"null",
    b"[]",
    b"{}",
    b'"',
    b",",
    b"\n",
    b"\0",
    b"\xff",
    b"PAR1",
    b"18446744073709551616",
)

LONGEST = 20
"""Seconds that a reader may take, ten times slower for being watched."""

Target = tuple[Path, Callable[[], object], tuple[type[Exception], ...]]


def targets(root: Path) -> dict[str, Target]:
    """What is read, by kind: the file that is changed, the reader, and what it may raise."""
    folder = made(root / "fuzz")
    study = read_study(compose(*STUDY, SEEDS))
    condition = study.conditions[0]
    batch = Batch(condition, study.seeds)
    part = write_part(root, batch, train_batch(batch, "numpy"))
    task, weights = root / "task.csv", root / "weights.npz"
    task.write_text("x1,x2,t,times\n0,0,0,1\n0,1,1,2\n1,0,1.5,1\n1,1,-0.25,1\n")
    np.savez(weights, W1=np.ones((2, 2, 3)), b1=np.ones((2, 3)), W2=np.ones((2, 3, 1)), b2=np.ones((2, 1)))
    return {
        "task": (task, lambda: load_task("base.task", str(task)), (InputError,)),
        "weights": (weights, lambda: load_given("base.init", str(weights)), (InputError,)),
        "manifest": (folder / "manifest.json", lambda: read_record(folder), (InputError,)),
        "manifest, by the analysis": (folder / "manifest.json", lambda: read_manifest(folder), (FolderError,)),
        "config": (folder / "config.yaml", lambda: read_record(folder), (InputError,)),
        "part": (part.path, lambda: read_part(part.path, {condition.key: condition}), (NotAPartError,)),
    }


class Coverage:
    """Lines of the readers that were reached, in all."""

    def __init__(self) -> None:
        self.lines: set[tuple[CodeType, int]] = set()

    def new(self, work: Callable[[], object]) -> bool:
        """Do the work; whether it reached a line for the first time."""
        before = len(self.lines)
        sys.settrace(self._trace)
        try:
            work()
        finally:
            sys.settrace(None)
        return len(self.lines) > before

    def _trace(self, frame, event, _):  # type: ignore[no-untyped-def]
        if event == "call" and Path(frame.f_code.co_filename).stem not in READERS:
            return None
        if event == "line":
            self.lines.add((frame.f_code, frame.f_lineno))
        return self._trace


def changed(content: bytes, chance: random.Random) -> bytes:
    """The content with a few random changes."""
    found = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, n = chance.randrange(len(found) + 1), chance.choice((1, 2, 8, 64))
        kind = chance.randrange(5)
        if kind == 0 and at < len(found):
            found[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del found[at : at + n]
        elif kind == 2:
            found[at:at] = found[at : at + n]
        elif kind == 3:
            found[at : at + n] = chance.choice(TOKENS)
        else:
            found[at:at] = chance.choice(TOKENS) * chance.choice((1, 1, 3, 1000))
    return bytes(found)


def late(*_: object) -> None:
    """End a reader that takes too long."""
    raise TimeoutError(f"no answer in {LONGEST} s")


def main(root: Path, seconds: float, seed: int = 0) -> tuple[dict[str, int], list[str]]:
    """Fuzz each reader for its share of the time; how many inputs each had, and what it raised that it may not."""
    counts: dict[str, int] = {}
    wrong: list[str] = []
    kinds = targets(root)
    read_manifest(root / "fuzz")
    known = set(conditions.FIELDS)
    for kind, (path, read, allowed) in kinds.items():
        chance, coverage = random.Random(seed), Coverage()
        original = path.read_bytes()
        corpus = [original]
        until = time.monotonic() + seconds / len(kinds)
        while time.monotonic() < until:
            content = changed(chance.choice(corpus), chance)[: 2**20]
            path.write_bytes(content)

            def tried(read: Callable[[], object] = read, allowed: tuple[type[Exception], ...] = allowed) -> None:
                try:
                    read()
                except allowed as error:
                    if "\n" in str(error):
                        raise ValueError(f"more than one line: {error}") from None

            signal.signal(signal.SIGALRM, late)
            signal.alarm(LONGEST)
            try:
                if coverage.new(tried):
                    corpus.append(content)
                if conditions.FIELDS.keys() != known:
                    raise ValueError("a damaged manifest taught the analysis fields that no table has")
            except Exception as error:
                wrong.append(f"{kind}: {type(error).__name__}: {str(error)[:200]}; content {content[:300]!r}")
                if len(wrong) > 20:
                    return counts, wrong
            signal.alarm(0)
            counts[kind] = counts.get(kind, 0) + 1
        path.write_bytes(original)
    return counts, wrong


if __name__ == "__main__":
    told, problems = main(Path(sys.argv[1]), float(sys.argv[2]))
    print("\n".join([*problems, json.dumps(told)]))
