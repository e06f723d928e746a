"""The report of a result folder: report.html, one file, and the figures.

    python -m analysis.report DIR

draws the figures into DIR/figures and writes DIR/report.html. Exit status: 0 done, 2 a folder that
cannot be read as results, 1 anything else.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis.data.door import CONFIG, FolderError, own_folder, read_text, write_text
from analysis.entry import FOLDER, command
from analysis.explorer.page import write_page
from analysis.text import words

if TYPE_CHECKING:
    import pandas as pd

    from analysis.findings.findings import Findings

DATA = {
    "explorer.html": "train such networks in this browser", "trials.parquet": "one row per training",
    "counts.parquet": "exact counts", "summary.csv": "one row per condition",
    "published.csv": "published figures beside ours", "config.yaml": "the study as it was run",
    "manifest.json": "versions, machine and commands", "datapackage.json": "what the columns mean",
}  # fmt: skip
"""Files that the report links to, where they are there."""


@dataclass(frozen=True)
class Results:
    """A finished result folder, and what its study asks: `asks` names fields, `hero` the first figure if it matters."""

    found: Findings
    config: str
    question: str
    asks: tuple[str, ...] = ()
    hero: str | None = None

    @property
    def manifest(self) -> dict[str, Any]:
        """What manifest.json tells."""
        return self.found.manifest


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    what = "Draws the figures of a finished study into DIR/figures and writes DIR/report.html."
    return command("analysis.report", what, lambda folder: [f"report: {write_report(folder)}"], arguments, **FOLDER)


def write_report(folder: Path, found: Findings | None = None) -> Path:
    """Draw the figures of a result folder and write its report.html; returns the report's path.

    `found` is what the folder comes to, where that is at hand. The same results give the same bytes. Raises
    FolderError for a folder that cannot be read as results, OSError where it cannot be written.
    """
    from analysis.report_parts.drawing import draw_figures

    results = read_results(folder, found)
    draw_figures(results.found, own_folder(folder / "figures"))
    write_page(folder / "explorer.html")
    write_text(folder / "report.html", render(results))
    return folder / "report.html"


def read_results(folder: Path, found: Findings | None = None) -> Results:
    """Everything that the report needs of a result folder; FolderError says what is wrong with it."""
    import yaml

    from analysis.findings.findings import Findings

    found = found or Findings.of(folder)
    if not len(found.every):
        raise FolderError(f"{folder} has no training that finished without an error; run its study again")
    try:
        config = read_text(folder / CONFIG)
        read = dict(yaml.safe_load(config))
        asks = read.get("asks") or []
        question = str(read.get("question") or found.manifest["study"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise FolderError(f"{folder}/config.yaml is missing or damaged; run the study again to write it") from None
    return Results(found, config, question, (asks,) if isinstance(asks, str) else tuple(asks), read.get("hero"))


def render(results: Results, figures: bool = True) -> str:
    """The report as one HTML text; every string is escaped. Without `figures` none is shown."""
    from analysis.findings import verdict
    from analysis.report_parts import pages, provenance
    from analysis.report_parts.sections import hero, pictures, sections
    from analysis.text.advice import advice
    from analysis.text.answers import answer
    from analysis.text.commands import reproducing

    found = results.found
    drawn, missing = pictures(found, found.folder / "figures") if figures else ({}, [])
    first = hero(found, results.asks, results.hero, drawn)
    rest = {name: each for name, each in drawn.items() if each is not first}
    return pages.render(
        "report.html.j2",
        title=results.manifest["study"],
        question=results.question,
        answer=answer(found, results.asks),
        facts=_facts(results),
        hero=first,
        advice=advice(found),
        watched=_watched(found.exemplars),
        verdicts=found.verdicts,
        scope=found.scope,
        reviving=found.reviving if found.freed else None,
        rules=verdict.__doc__,
        sections=sections(found, rest),
        missing=missing,
        method=provenance.method(found.trials, results.manifest),
        provenance=provenance.provenance(results.manifest),
        data={name: what for name, what in DATA.items() if (found.folder / name).exists()},
        commands=reproducing(results.manifest, found.exemplars),
        config=results.config,
    )


def _watched(exemplars: pd.DataFrame) -> list[dict[str, str]]:
    """The exemplary runs that the explorer can show: outcome and address."""
    shown = exemplars[exemplars["explorer"].notna()] if "explorer" in exemplars else exemplars[:0]
    return [{"outcome": words.outcome(run["outcome"]), "explorer": run["explorer"]} for _, run in shown.iterrows()]


def _facts(results: Results) -> list[str]:
    """The study's size, for the page's head."""
    manifest, (first, stop) = results.manifest, results.manifest["seeds"]
    epochs = sorted(results.found.trials["epochs"].unique())
    facts = [
        f"{len(manifest['conditions']):,} conditions",
        f"{stop - first:,} seeds each",
        f"{manifest['trials']:,} trainings",
        f"{' or '.join(f'{value:,}' for value in epochs)} epochs",
    ]
    failed = results.found.failed
    return [*facts, f"{failed:,} trainings failed with an error and are left out"] if failed else facts


if __name__ == "__main__":
    sys.exit(main())
