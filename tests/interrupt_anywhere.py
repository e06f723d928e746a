"""Interrupts commands at random moments: each must end at once, in one line, and leave nobody behind.

    python tests/interrupt_anywhere.py FOLDER COUNT [SEED]

prints what went wrong, then how many interrupts there were of each kind. One in eight commands is a Python that starts
anew and imports what it needs; the others are forked from one that has done so (see `warm`).
"""

import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness import launch, nobody_left, wait_for_parts
from warm import Forked, Warm, listens, start

SMOKE = ("experiments.run", "study=smoke", "parallel.n_jobs=2", "output={new}")
PARTS = ("study=article", "base.epochs=1", "parallel.batch=1", "parallel.n_jobs=2", "report=false")
MANY = (*PARTS, "seeds.count=24")
ONE = ("seeds.count=8", "base.epochs=100", "grid.hidden=3", "grid.init=he", "grid.lr=[0.1]")
KINDS: dict[str, tuple[str, ...]] = {
    "threads": (*SMOKE, "report=false", "parallel=threads", "seeds.count=128", "base.epochs=500"),
    "loky": (*SMOKE, "report=false", "parallel=loky", "seeds.count=64", "engine=numpy", "base.epochs=50"),
    "small batches": ("experiments.run", *PARTS, "seeds.count=6", "output={new}"),
    "scanning": ("experiments.run", *MANY, "output={parts}"),
    "drawing": (*SMOKE, *ONE),
    "finished": ("experiments.run", "study=smoke", *ONE, "output={done}"),
    "verify": ("experiments.verify", "{done}", "engine=reference", "sample=8"),
    "compare": ("experiments.compare", "{done}", "{done}"),
    "train": ("experiments.train", "epochs=1000", "plot={new}"),
    "diagnose": ("experiments.diagnose", "loss=0.25"),
    "report": ("analysis.report", "{done}"),
}
"""Commands: {new} is not there before, {done} is finished, and {parts} holds nearly all parts of its run."""

OFTEN = {"loky": 2, "drawing": 2, "report": 1}
"""How often a kind has its turn in a round, if not 3 times: other processes start and import, which takes long."""

COLD = 1 / 8
"""Share of the commands that start anew."""


class Interrupts:
    """Interrupts commands that work in a folder."""

    def __init__(self, folder: Path, warm: Warm | None = None) -> None:
        self.folder, self.warm = folder, warm
        self.err = folder / "err"

    def prepare(self) -> None:
        """Make the folders that commands need."""
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [each.format(done=self.folder / "done") for each in KINDS["finished"]]
        assert start(words, self.err, self.warm).wait() == 0, self.err.read_text()
        run = launch(*MANY, f"output={self.folder / 'some'}")
        wait_for_parts(run, self.folder / "some", 360)
        run.kill()
        run.communicate()

    def start(self, kind: str, cold: bool = True) -> "Forked | subprocess.Popen[bytes]":
        """Start a command of a kind; what it writes is new."""
        places = {name: self.folder / name for name in ("new", "done", "parts")}
        for name in ("new", "parts"):
            shutil.rmtree(places[name], ignore_errors=True)
        if "{parts}" in KINDS[kind][-1]:
            shutil.copytree(self.folder / "some", places["parts"])
        return start([each.format(**places) for each in KINDS[kind]], self.err, None if cold else self.warm)

    def interrupt(self, kind: str, after: float, sign: signal.Signals, cold: bool = True) -> str:
        """Interrupt a command so many seconds after it listens to signals; returns what went wrong, or nothing."""
        process = self.start(kind, cold)
        if listens(process):
            time.sleep(after)
        if process.poll() is None:
            os.killpg(process.pid, sign) if sign == signal.SIGINT else os.kill(process.pid, sign)
        try:
            status = process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return "it went on"
        err = self.err.read_text()
        lines = err.strip().splitlines()
        expected = {signal.SIGINT: 130, signal.SIGTERM: 143}[sign]
        if status not in (0, expected) or len(lines) > 1 or "Traceback" in err or (status == 0) != (not lines):
            return f"status {status}: {err[:600]} ... {err[-600:]}"
        return "" if nobody_left(process.pid) else "processes are left"

    def seconds(self, kind: str, cold: bool) -> float:
        """How long a command takes, once it listens to signals, if nobody interrupts it."""
        process = self.start(kind, cold)
        listens(process)
        began = time.monotonic()
        assert process.wait() == 0, self.err.read_text()
        return time.monotonic() - began


def interrupts(folder: Path, count: int, seed: int, kinds: tuple[str, ...] = ()) -> tuple[dict[str, int], list[str]]:
    """Interrupt commands of all kinds in turn; how often, by kind, and what went wrong."""
    draw, wrong = random.Random(seed), list[str]()
    done: Counter[str] = Counter()
    last: dict[tuple[str, bool], float] = {}
    turns = kinds or [kind for n in range(3) for kind in KINDS if n < OFTEN.get(kind, 3)]
    with Warm() as warm:
        work = Interrupts(folder, warm)
        work.prepare()
        for kind in itertools.islice(itertools.cycle(turns), count):
            cold = draw.random() < COLD
            if (kind, cold) not in last:
                last[kind, cold] = work.seconds(kind, cold)
            after = draw.uniform(0, last[kind, cold])
            sign = draw.choice([signal.SIGINT] * 3 + [signal.SIGTERM])
            if problem := work.interrupt(kind, after, sign, cold):
                wrong.append(f"{'a new ' * cold}{kind} after {after:.3f} s, {sign.name}: {problem}")
            done[kind] += 1
            done["of new processes"] += cold
    return dict(done), wrong


if __name__ == "__main__":
    figures, problems = interrupts(
        Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0]), tuple(sys.argv[4:])
    )
    told = ", ".join(f"{kind} {n}" for kind, n in figures.items())
    print("\n".join([*problems, f"{len(problems)} of {sys.argv[2]} went wrong; {told}"]))
    sys.exit(bool(problems))
