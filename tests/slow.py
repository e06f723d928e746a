"""Which tests are slow: `make slow` runs all, and then the rest, and writes those of a third of a second to slow.txt.

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
    run, names, status = [sys.executable, "-m", "pytest", *options], set[str](), 0
    for those in ([], ["-m", "not slow"]):  # the second time for tests that pay for what slow ones had made before
        done = subprocess.run([*run, *those], stdout=subprocess.PIPE, text=True)
        names, status = names | {*listed(done.stdout)}, status or done.returncode
        LIST.write_text("\n".join(sorted(names)) + "\n", encoding="utf-8")
    sys.exit(status)
