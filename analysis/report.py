"""The report of a result folder: report.html, one file, and the figures; `python -m analysis.report DIR`."""

from __future__ import annotations

import importlib
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.data.door import CONFIG, FolderError, own_folder, read_text, write_text
from analysis.data.processes import DRAWING, helpers, uncollected
from analysis.entry import FOLDER, command
from analysis.explorer.page import write_page
from analysis.text import words

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from analysis.findings.findings import Findings

DATA = {
    "explorer.html": "train such networks in this browser", "trials.parquet": "one row per training",
    "counts.parquet": "exact counts", "summary.csv": "one row per condition",
    "published.csv": "published figures beside ours", "config.yaml": "the study as it was run",
    "manifest.json": "versions, machine and commands", "datapackage.json": "what the columns mean",
}  # fmt: skip
"""Files that the report links to, where they are there."""


def write_report(folder: Path, found: Findings | None = None, pool: ProcessPoolExecutor | None = None) -> Path:
    """Draw the figures of a result folder and write its report.html; returns the report's path.

    `found` are its findings and `pool` the `helpers` with `DRAWING`, if the caller has them already. The same results
    give the same bytes. Raises FolderError for a folder that cannot be read as results, OSError where it cannot be
    written.
    """
    found = read_results(folder, found)
    with uncollected(), nullcontext(pool) if pool else helpers(DRAWING) as others:
        help_to_draw = importlib.import_module(DRAWING).begin_to_draw(found, own_folder(folder / "figures"), others)
        told = _told(found)
        help_to_draw()
    write_page(folder / "explorer.html")
    write_text(folder / "report.html", _page(found, told))
    return folder / "report.html"


def read_results(folder: Path, found: Findings | None = None) -> Findings:
    """The findings of a finished result folder; FolderError says what is wrong with it."""
    from analysis.findings.findings import Findings

    found = found or Findings.of(folder)
    if not len(found.every):
        raise FolderError(f"{folder} has no training that finished without an error; run its study again")
    _ = found.config
    return found


def render(found: Findings, figures: bool = True) -> str:
    """The report as one HTML text; every string is escaped. Without `figures` none is shown."""
    return _page(found, _told(found, figures))


def _told(found: Findings, figures: bool = True) -> dict[str, Any]:
    """What a report tells in words and tables."""
    from analysis.findings import verdict
    from analysis.report_parts import provenance
    from analysis.report_parts.sections import described, sections
    from analysis.text.advice import advice
    from analysis.text.answers import answer
    from analysis.text.commands import reproducing

    addresses = found.exemplars.reindex(columns=["outcome", "explorer"]).dropna().to_dict("records")
    shown, missing = described(found) if figures else (None, [])
    return {
        "found": found, "shown": shown, "missing": missing, "verdicts": found.verdicts,
        "answer": answer(found, found.asks), "facts": _facts(found), "advice": advice(found),
        "watched": [{**each, "outcome": words.outcome(each["outcome"])} for each in addresses],
        "rules": " ".join(str(verdict.__doc__).split("\n\n")[-1].split()), "sections": sections(found),
        "provenance": provenance.provenance(found.manifest), **provenance.method(found),
        "commands": reproducing(found.manifest, found.exemplars), "config": read_text(found.folder / CONFIG),
    }  # fmt: skip


def _page(found: Findings, told: dict[str, Any]) -> str:
    """The report with its figures, as HTML."""
    from analysis.report_parts import pages
    from analysis.report_parts.sections import hero, illustrated, pictures

    drawn = {} if told["shown"] is None else pictures(told["shown"], found.folder / "figures")
    first = hero(found, drawn)
    parts = illustrated(told["sections"], [each for each in drawn.values() if each is not first])
    data = {name: what for name, what in DATA.items() if (found.folder / name).exists()}
    return pages.render("report.html.j2", **{**told, "sections": parts, "hero": first, "data": data})


def _facts(found: Findings) -> list[str]:
    """The study's size, for the page's head."""
    first, stop = found.manifest["seeds"]
    *fewer, most = sorted(found.trials["epochs"].unique())
    epochs = words.listed([*(f"{each:,}" for each in fewer), words.counted(most, "epoch")], "or")
    failed = [f"{words.counted(found.failed, 'training')} failed with an error (left out)"] if found.failed else []
    n = len(found.manifest["conditions"])
    sizes = [words.counted(n, "condition"), f"{words.counted(stop - first, 'seed')}{' each' * (n > 1)}"]
    return [*sizes, words.counted(found.manifest["trials"], "training"), epochs, *failed]


WHAT = "Draws the figures of a finished study into DIR/figures and writes DIR/report.html."
main = command("analysis.report", WHAT, lambda folder: [f"report: {write_report(folder)}"], **FOLDER)

if __name__ == "__main__":
    sys.exit(main())
