"""Interrupts commands at random moments: each must end at once, in one line, and leave nobody behind.

    python tests/interrupt_anywhere.py FOLDER COUNT [SEED]

prints what went wrong, then how many interrupts there were of each kind.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

from harness import ROOT, nobody_left

FEW = ("experiments.run", "study=smoke", "seeds.count=256", "parallel.n_jobs=2", "report=false", "output={new}")
MANY = ("study=article", "seeds.count=40", "base.epochs=1", "parallel.batch=1", "report=false", "output={new}")
LITTLE = ("experiments.run", "study=smoke", "seeds.count=8", "base.epochs=100")
KINDS: dict[str, tuple[str, ...]] = {
    "threads": (*FEW, "parallel=threads", "base.epochs=2000"),
    "loky": (*FEW, "parallel=loky", "engine=numpy", "base.epochs=50"),
    "scanning": ("experiments.run", *MANY),
    "drawing": (*LITTLE, "output={new}"),
    "finished": (*LITTLE, "output={done}"),
    "verify": ("experiments.verify", "{done}", "engine=reference"),
    "compare": ("experiments.compare", "{done}", "{done}"),
    "train": ("experiments.train", "epochs=3000", "plot={new}"),
    "diagnose": ("experiments.diagnose", "loss=0.25"),
}
STARTUP = 0.25
"""Seconds in which Python itself starts, which answers an interrupt in its own way."""


def start(kind: str, folder: Path) -> subprocess.Popen[str]:
    """Start a command of a kind; what it writes is new."""
    new, done = folder / "new", folder / "done"
    shutil.rmtree(new, ignore_errors=True)
    module, *arguments = (each.format(new=new, done=done) for each in KINDS[kind])
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def interrupt(kind: str, folder: Path, after: float, sign: signal.Signals) -> str:
    """Interrupt a command after so many seconds; returns what went wrong, or nothing."""
    process = start(kind, folder)
    time.sleep(after)
    if process.poll() is None:
        os.killpg(process.pid, sign) if sign == signal.SIGINT else process.send_signal(sign)
    try:
        _, err = process.communicate(timeout=30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "it went on"
    lines = err.strip().splitlines()
    expected = {signal.SIGINT: 130, signal.SIGTERM: 143}[sign]
    if process.returncode not in (0, expected):
        return f"status {process.returncode}: {err[:600]} ... {err[-600:]}"
    if len(lines) > 1 or "Traceback" in err or (process.returncode == 0) != (not lines):
        return f"status {process.returncode}: {err[:600]} ... {err[-600:]}"
    return "" if nobody_left(process.pid) else "processes are left"


def seconds(kind: str, folder: Path) -> float:
    """How long a command takes if nobody interrupts it."""
    began = time.monotonic()
    process = start(kind, folder)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return time.monotonic() - began


def interrupts(
    folder: Path, count: int, seed: int, kinds: tuple[str, ...] = tuple(KINDS)
) -> tuple[dict[str, int], list[str]]:
    """Interrupt commands of all kinds in turn; how often, by kind, and what went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-m", *(each.format(new=folder / "done") for each in KINDS["drawing"])],
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
    )
    draw, wrong, last = random.Random(seed), list[str](), {kind: seconds(kind, folder) for kind in kinds}
    done: Counter[str] = Counter()
    for n in range(count):
        kind = kinds[n % len(kinds)]
        after = draw.uniform(STARTUP, last[kind])
        sign = signal.SIGINT if n % 4 else signal.SIGTERM
        if problem := interrupt(kind, folder, after, sign):
            wrong.append(f"{kind} after {after:.3f} s, {sign.name}: {problem}")
        done[kind] += 1
    return dict(done), wrong


if __name__ == "__main__":
    figures, problems = interrupts(
        Path(sys.argv[1]), int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0]), tuple(sys.argv[4:]) or tuple(KINDS)
    )
    told = ", ".join(f"{kind} {n}" for kind, n in figures.items())
    print("\n".join([*problems, f"{len(problems)} of {sum(figures.values())} went wrong; {told}"]))
    sys.exit(bool(problems))
