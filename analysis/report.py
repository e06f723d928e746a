"""The report of a result folder: report.html, one file, and the figures.

    python -m analysis.report DIR

draws the figures into DIR/figures and writes DIR/report.html. Exit status: 0 done, 2 a folder that
cannot be read as results, 1 anything else.
"""

from __future__ import annotations

import argparse
import base64
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from analysis.data.reading import FolderError

if TYPE_CHECKING:
    import pandas as pd

    from analysis.data.tallies import Solved
    from analysis.figures import Plot
    from analysis.findings.findings import Findings
    from analysis.findings.verdict import Verdict
    from analysis.report_parts.tables import Table

MARKS = {"holds": "\N{CHECK MARK}", "partly": "\N{CIRCLE WITH LEFT HALF BLACK}", "fails": "\N{BALLOT X}",
         "undecided": "?", "open": "?"}  # fmt: skip


@dataclass(frozen=True)
class Results:
    """What a finished result folder holds."""

    found: Findings
    config: str
    question: str

    @property
    def manifest(self) -> dict[str, Any]:
        """What manifest.json tells."""
        return self.found.manifest

    @property
    def solved(self) -> Solved:
        """Which seeds each condition solved."""
        return self.found.solved

    @property
    def epochs(self) -> pd.DataFrame:
        """The epochs at which the trials were solved."""
        return self.found.epochs

    @property
    def trials(self) -> pd.DataFrame:
        """The trials that went through without an error, as counts (see `analysis.data.tallies`)."""
        return self.found.trials


@dataclass(frozen=True)
class Picture:
    """A figure as the report shows it: `source` a data: address, or empty and `text` says why it is not drawn."""

    name: str
    title: str
    reading: str
    text: str
    source: str = ""
    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class Rescue:
    """What the report says of rescues: the verdict on dead units, and tables."""

    verdict: Verdict
    tables: list[Table]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.report",
        description="Draws the figures of a finished study into DIR/figures and writes DIR/report.html.",
        epilog="Exit status: 0 done, 2 bad input, 130 or 143 interrupted, 1 anything else.",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="a result folder that experiments.run made")
    folder: Path = parser.parse_args(arguments).folder
    signal.signal(signal.SIGTERM, _terminate)
    try:
        print(f"report: {write_report(folder)}")
    except FolderError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{folder} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as stop:
        print("interrupted; the figures and report of before are as they were, or drawn anew", file=sys.stderr)
        return stop.args[0] if stop.args else 130
    return 0


def _terminate(_signum: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(143)


def write_report(folder: Path, found: Findings | None = None) -> Path:
    """Draw the figures of a result folder and write its report.html; returns the report's path.

    `found` is what the folder comes to, where that is at hand. The same results give the same bytes. Raises
    FolderError for a folder that cannot be read as results, OSError where it cannot be written.
    """
    from analysis.report_parts.drawing import draw_figures
    from analysis.report_parts.pages import write_text

    results = read_results(folder, found)
    (folder / "figures").mkdir(exist_ok=True)
    draw_figures(results.found, folder / "figures")
    write_text(folder / "report.html", render(results, pictures_of(results, folder / "figures")))
    return folder / "report.html"


def read_results(folder: Path, found: Findings | None = None) -> Results:
    """Everything that the report needs of a result folder; FolderError says what is wrong with it."""
    import yaml

    from analysis.findings.findings import Findings

    found = found or Findings.of(folder)
    if not len(found.every):
        raise FolderError(f"{folder} holds no training that went well; run its study again")
    try:
        config = (folder / "config.yaml").read_text(encoding="utf-8")
        question = str(dict(yaml.safe_load(config)).get("question") or found.manifest["study"])
    except (OSError, ValueError, TypeError, KeyError, yaml.YAMLError):
        raise FolderError(f"{folder}/config.yaml is missing or damaged; run the study again to write it") from None
    return Results(found, config, question)


def pictures_of(results: Results, folder: Path) -> list[Picture]:
    """The figures that were drawn into a folder, and why the others were not."""
    from analysis.figures import PLOTS

    pictures = [picture(plot, results.found, folder) for plot in PLOTS]
    quiet = {plot.name for plot in PLOTS if plot.quiet}
    return [each for each in pictures if each.source or each.name not in quiet]


def picture(plot: Plot, found: Findings, folder: Path) -> Picture:
    """A figure that was drawn into a folder, or why there is none; an old one of that name is then removed."""
    from analysis.figures.style import NotApplicable

    try:
        text = plot.describe(found)
    except NotApplicable as reason:
        for ending in (".png", ".svg", "-phone.svg"):
            (folder / f"{plot.name}{ending}").unlink(missing_ok=True)
        return Picture(plot.name, plot.title, plot.reading, str(reason))
    return Picture(plot.name, plot.title, plot.reading, text, _embedded(folder / plot.name), *_size(folder / plot.name))


def _embedded(path: Path) -> str:
    """A figure as a data: address: the SVG, or the PNG where that is smaller."""
    kinds = {"svg": "image/svg+xml", "png": "image/png"}
    files = {suffix: path.with_name(f"{path.name}.{suffix}").read_bytes() for suffix in kinds}
    suffix = min(files, key=lambda name: len(files[name]))
    return f"data:{kinds[suffix]};base64,{base64.b64encode(files[suffix]).decode('ascii')}"


def _size(path: Path) -> tuple[int, int]:
    """Width and height in pixels of a figure's PNG, as its header has them, halved."""
    header = path.with_name(f"{path.name}.png").read_bytes()[:24]
    return int.from_bytes(header[16:20], "big") // 2, int.from_bytes(header[20:24], "big") // 2


def render(results: Results, pictures: list[Picture]) -> str:
    """The report as one HTML text; every string is escaped."""
    from analysis.findings import verdict
    from analysis.findings.published import published_table
    from analysis.report_parts import pages, provenance
    from analysis.text.advice import advice
    from analysis.text.commands import reproducing

    found, tables, planner = _judge(results)
    return pages.render(
        "report.html.j2",
        title=results.manifest["study"],
        question=results.question,
        lead=_lead(results.trials, results.found.every),
        facts=_facts(results),
        verdicts=found,
        scope=results.found.scope,
        marks=MARKS,
        rules=verdict.__doc__,
        advice=advice(results.trials, results.epochs, results.manifest),
        published=published_table(results.found.published) if results.found.published else None,
        figures=pictures,
        rescue=_rescue(results.found.rescues),
        left_alone=bool(results.trials["rescue"].isna().all()),
        tables=tables,
        planner=planner,
        method=provenance.method(results.trials, results.manifest),
        provenance=provenance.provenance(results.manifest),
        commands=reproducing(results.manifest, results.found.exemplars),
        config=results.config,
    )


def _judge(results: Results) -> tuple[list[Verdict], list[Table], list[Table]]:
    """The verdicts, the tables behind them, and the planner's."""
    from analysis.data.conditions import others
    from analysis.findings.planner import has_widths
    from analysis.findings.rest_points import is_certified
    from analysis.report_parts import tables

    trials, found = results.trials, results.found
    why, widths, inits = found.failure_causes, found.widths, found.inits
    every = tables.conditions_table(results.found.every, results.found.every_epoch)
    behind = [every, tables.culprits_table(trials, why)]
    if is_certified(trials):
        behind += tables.resting_tables(trials)
    if len(inits):
        behind.append(tables.comparison_table("What He buys", tables.COMPARED, others(trials, "init"), inits))
    if len(widths):
        shown, note = tables.telling(widths)
        behind.append(tables.comparison_table("What more units buy", note, others(trials, "hidden"), shown))
    planner = [tables.draws_table(trials)]
    if has_widths(trials):
        planner.append(tables.widths_table(trials))
    return results.found.verdicts, behind, planner


def _rescue(trials: pd.DataFrame) -> Rescue | None:
    """What the report says of rescues; None if the study has none."""
    from analysis.findings import rescues, verdict
    from analysis.report_parts import tables

    if not rescues.has_rescues(trials):
        return None
    found, pairs = rescues.freed(trials), rescues.like_for_like(trials)
    shown = [tables.rescue_table(trials, found)]
    if len(pairs):
        fields = [name for name in rescues.fields_of(trials) if name in pairs]
        title = "Dead against live units, like for like"
        shown.append(tables.comparison_table(title, tables.LIKE_FOR_LIKE, fields, pairs))
    return Rescue(verdict.reviving(trials, found, pairs), shown)


def _lead(trials: pd.DataFrame, everything: pd.DataFrame) -> str:
    """The answer for the condition nearest to the article's, in a sentence or two."""
    from analysis.data.conditions import nearest
    from analysis.data.reading import swept
    from analysis.findings.statistics import Rate
    from analysis.findings.summary import settled_of_stuck, stuck_total, summarise
    from analysis.text import words

    summary, row = summarise(trials), nearest(trials)
    at = summary[(summary["condition"] == row["condition"]).to_numpy(bool)].iloc[0]
    n, stuck = int(at["n"]), int(stuck_total(summary)[at.name])
    fields = list(dict.fromkeys(["hidden", "init", "lr", *swept(trials)]))
    text = (
        f"In the condition nearest to the article's ({words.condition(row, fields)}) "
        f"{words.rate(Rate.of(int(at['solved']), n))} of the runs learn it, and "
        f"{words.rate(Rate.of(stuck, n))} get stuck."
    )
    settled = Rate.of(*settled_of_stuck(summary))
    proved = (
        f"Stuck for ever: proved for {words.rate(settled)} of all stuck runs, whose parameters repeat exactly, "
        "bit for bit, from some epoch on."
    )
    over = _range(summary, " without a rescue" if len(trials) < len(everything) else "")
    return " ".join(filter(None, [text, over, proved if settled.count else ""]))


def _range(summary: pd.DataFrame, which: str) -> str:
    """The worst and the best condition, in a sentence; empty for a single one."""
    from analysis.data.reading import swept
    from analysis.findings.statistics import Rate
    from analysis.text import words

    if len(summary) == 1:
        return ""
    worst, best = (summary.iloc[at] for at in (summary["solved_rate"].argmin(), summary["solved_rate"].argmax()))
    ends = [
        f"{words.rate(Rate.of(int(each['solved']), int(each['n'])))} ({words.condition(each, swept(summary))})"
        for each in (worst, best)
    ]
    return f"Over the study's {len(summary)} conditions{which} success ranges from {ends[0]} to {ends[1]}."


def _facts(results: Results) -> list[str]:
    """The study's size, for the page's head."""
    from analysis.data.tallies import size

    manifest, (first, stop) = results.manifest, results.manifest["seeds"]
    epochs = sorted(results.trials["epochs"].unique())
    facts = [
        f"{len(manifest['conditions']):,} conditions",
        f"{stop - first:,} seeds each",
        f"{manifest['trials']:,} trainings",
        f"{' or '.join(f'{value:,}' for value in epochs)} epochs",
    ]
    failed = manifest["trials"] - size(results.found.every)
    return [*facts, f"{failed:,} trainings failed with an error and are left out"] if failed else facts


if __name__ == "__main__":
    sys.exit(main())
