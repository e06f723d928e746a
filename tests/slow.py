"""Which tests are slow: `make slow` runs all and writes down, in slow.txt, those that take a third of a second.

`make check` leaves them out, as it does those that are marked by hand. A function counts with its slowest case.
"""

import re
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).with_name("slow.txt")
SECONDS = 0.33


def slow() -> set[str]:
    """The functions that are slow, as FILE::FUNCTION."""
    return {*LIST.read_text(encoding="utf-8").split()}


def listed(report: str) -> list[str]:
    """The same from what pytest prints with --durations=0."""
    found = re.findall(r"^ *([0-9.]+)s (?:call|setup) +([^\s\[]+)", report, re.MULTILINE)
    return sorted({name for seconds, name in found if float(seconds) >= SECONDS})


if __name__ == "__main__":
    options = ["-n", "auto", "--dist", "worksteal", "--durations=0", f"--durations-min={SECONDS}"]
    run = [sys.executable, "-m", "pytest", *options]
    done = subprocess.run(run, stdout=subprocess.PIPE, text=True)
    LIST.write_text("\n".join(listed(done.stdout)) + "\n", encoding="utf-8")
    sys.exit(done.returncode)
