"""Drawing a result folder's figures into files, on two cores.

    python -m analysis.report_parts.drawing DIR

draws every second figure; the report runs it beside itself and draws the rest, since most of its
time is spent drawing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from analysis.data.tallies import Counted
    from analysis.figures import Plot


class Beside:
    """Another process that draws every second figure while this one draws the rest."""

    def __init__(self, folder: Path) -> None:
        """Start it, if there is a second core."""
        self._process: subprocess.Popen[bytes] | None = None
        if _cores() > 1:
            root = str(Path(__file__).parents[2])
            path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
            command = [sys.executable, "-m", "analysis.report_parts.drawing", str(folder.resolve())]
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "PYTHONPATH": path},
                stdin=subprocess.PIPE,  # it ends with this process: see end_with_parent
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def __enter__(self) -> Beside:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process and self._process.stdin:
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()

    def share(self, plots: Sequence[Plot]) -> tuple[list[Plot], list[Plot]]:
        """The figures that this process draws, and those that the other one does."""
        return (list(plots[::2]), list(plots[1::2])) if self._process else (list(plots), [])

    def finished(self) -> bool:
        """Wait for the other process; whether it drew all that it had to."""
        return self._process is None or self._process.wait() == 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def read(folder: Path) -> dict[str, pd.DataFrame]:
    """What figures are drawn of, without trainings that failed with an error; FolderError if they cannot be read.

    As counts (`analysis.data.tallies`) the `trials` that were left alone when they got stuck and their solved
    `epochs`, and all of them, `every` and `every_epoch`; `rescues`, a row a training, of a study that has
    some; and `exemplars`.
    """
    from analysis.data.tallies import load_counts

    return frames(folder, load_counts(folder))


def frames(folder: Path, counted: Counted) -> dict[str, pd.DataFrame]:
    """The same of a folder whose counts are at hand."""
    from analysis.data.dead_unit_law import with_laws
    from analysis.data.exemplary_runs import load_exemplars
    from analysis.data.reading import FIELDS, fine, left_alone, load
    from analysis.findings.rescues import COLUMNS

    every, every_epoch = with_laws(fine(counted.runs), folder), counted.epochs
    rescued = every["rescue"].notna().any()
    rescues = fine(load(folder, ["condition", *FIELDS, *COLUMNS])) if rescued else every.iloc[:0]
    return {
        "trials": left_alone(every),
        "epochs": left_alone(every_epoch),
        "every": every,
        "every_epoch": every_epoch,
        "rescues": rescues,
        "exemplars": load_exemplars(folder),
    }


def draw(plot: Plot, data: dict[str, pd.DataFrame], folder: Path) -> None:
    """Save one figure as PNG and SVG, and as NAME-phone.svg, in a folder; none if it makes no sense for the data."""
    from analysis.figures.style import NotApplicable, on_phone, save

    try:
        save(plot.draw(data[plot.of]), folder, plot.name)
    except NotApplicable:
        return
    with on_phone():
        save(plot.draw(data[plot.of]), folder, f"{plot.name}-phone", ["svg"])


def end_with_parent() -> None:
    """Leave at once when the pipe from the parent closes, so that a killed report leaves nobody drawing."""

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)  # not sys.stdin.read, which aborts an interpreter that shuts down
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Draw the share of the other process (see `Beside`)."""
    end_with_parent()
    from analysis.figures import PLOTS

    folder = Path(sys.argv[1])
    data = read(folder)
    for plot in PLOTS[1::2]:
        draw(plot, data, folder / "figures")


if __name__ == "__main__":
    main()
