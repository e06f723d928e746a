"""The report of a result folder: report.html, one file, and the figures; `python -m analysis.report DIR`."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.data.door import FolderError, own_folder, write_text
from analysis.data.processes import DRAWING, helpers, uncollected
from analysis.entry import FOLDER, command
from analysis.explorer import write_page

if TYPE_CHECKING:
    from analysis.findings.findings import Findings


def write_report(folder: Path, found: Findings | None = None, pool: ProcessPoolExecutor | None = None) -> Path:
    """Draw the figures of a result folder and write its report.html; returns the report's path.

    `found` are its findings and `pool` the `helpers` with `DRAWING`, if the caller has them already. The same results
    give the same bytes. FolderError for a folder that cannot be read as results, OSError where it cannot be written.
    """
    found = read_results(folder, found)
    with uncollected(), nullcontext(pool) if pool else helpers(DRAWING) as others:
        from analysis.report_parts.drawing import begin_to_draw  # both take long

        help_to_draw = begin_to_draw(found, own_folder(folder / "figures"), others)
        from analysis.report_parts.sections import render

        write_page(folder / "explorer.html")
        write_text(folder / "report.html", render(found, finish_drawing=help_to_draw))
    return folder / "report.html"


def read_results(folder: str | Path, found: Findings | None = None) -> Findings:
    """The findings of a finished result folder; FolderError says what is wrong with it."""
    from analysis.findings.findings import Findings

    found = found or Findings.of(Path(folder))
    if not len(found.every):
        raise FolderError(f"{folder} has no training that finished without an error; run its study again")
    _ = found.config
    return found


WHAT = "Draws the figures of a finished study into DIR/figures and writes DIR/report.html."
main = command("analysis.report", WHAT, lambda folder: [f"report: {write_report(folder)}"], **FOLDER)

if __name__ == "__main__":
    main()
