"""What stands where in a report: the figure that answers the question, and what folds below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from analysis.data.conditions import NUMBERS, others
from analysis.figures import PLOTS
from analysis.figures.plot import Plot
from analysis.figures.style import NotApplicable
from analysis.findings.findings import Findings
from analysis.findings.planner import has_widths
from analysis.report_parts import tables
from analysis.report_parts.published_rows import published_table
from analysis.report_parts.svg import inline
from analysis.report_parts.tables import Table
from analysis.text.answers import asked

INSTEAD = {"landscape": ("success_rate", "success_map", "composition"), "success_rate": ("success_map",)}
"""Figures whose numbers another one shows already, if that is drawn."""


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it: as wide as the page, and as narrow as a phone."""

    name: str
    title: str
    text: str
    reading: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Section:
    """A part of the report that folds: figures first, then tables; `gist` is one line about it."""

    id: str
    title: str
    gist: str
    figures: Sequence[Picture]
    tables: Sequence[Table] = ()


def pictures(found: Findings, folder: Path) -> tuple[dict[str, Picture], list[str]]:
    """The figures that were drawn into a folder, by name, and why the others were not."""
    drawn, missing = {}, []
    for plot in PLOTS:
        try:
            drawn[plot.name] = picture(plot, found, folder)
        except NotApplicable as reason:
            for ending in (".png", ".svg", "-phone.svg"):
                (folder / f"{plot.name}{ending}").unlink(missing_ok=True)
            missing += [] if plot.quiet else [f"{plot.title}: {reason}"]
    for name, shown in INSTEAD.items():
        for other in shown if name in drawn else ():
            drawn.pop(other, None)
    return drawn, missing


def picture(plot: Plot, found: Findings, folder: Path) -> Picture:
    """A figure that was drawn into a folder; NotApplicable if there is none."""
    text = plot.describe(found)
    wide, narrow = (inline(folder / f"{plot.name}{kind}.svg", f"{plot.title}. {text}") for kind in ("", "-phone"))
    text, reading = (each.replace(" %", "\N{NO-BREAK SPACE}%") for each in (text, plot.reading))
    return Picture(plot.name, plot.title, text, reading, wide, narrow)


def hero(found: Findings, asks: Sequence[str], wanted: str | None, drawn: dict[str, Picture]) -> Picture | None:
    """The figure that answers the study's question: the one that it names, or the first that fits what it asks."""
    fields = asked(found, asks)
    numbers = [name for name in fields if name in NUMBERS]
    names = [wanted or ""]
    names += ["published"] if found.published else []
    names += ["freed_by_rescue"] if "rescue" in fields else []
    names += ["landscape"] if len(numbers) > 1 else []
    names += ["paired_effects"] if not numbers else []
    names += ["success_rate", "landscape", "success_map", "composition"]
    return next((drawn[name] for name in names if name in drawn), None)


def sections(found: Findings, drawn: dict[str, Picture]) -> list[Section]:
    """What folds below the answer, of the figures that are left; a figure that no section names comes last."""
    left = dict(drawn)

    def take(*names: str) -> list[Picture]:
        return [left.pop(name) for name in names if name in left]

    made = [
        Section("ends", "Where the runs end", "every condition: its success rate, and the traps of the other runs",
                take("success_rate", "success_map", "landscape", "composition", "merged_rows"),
                [tables.conditions_table(found)]),
        Section("published", "Published figures beside ours", "the settings, and what agreement means",
                take("published"), [published_table(found.published)] if found.published else []),
        Section("freed", "What frees stuck runs", "interventions in runs that were stuck, and training on",
                take("freed_by_rescue"), _rescue_tables(found)),
        Section("causes", "Why runs get stuck", "dead units, and what the runs rest at",
                take("dead_units", "stuck_by_live_units", "resting_points"), _cause_tables(found)),
        Section("helps", "What helps", "comparisons seed by seed, drawing again, and waiting",
                take("paired_effects", "drawing_again", "epochs_to_solve"), _help_tables(found)),
        Section("runs", "What single runs look like", "one run of each outcome", take("loss_curves", "functions")),
    ]  # fmt: skip
    made.append(Section("more", "More figures", "", list(left.values())))
    return [each for each in made if each.figures or any(table.rows for table in each.tables)]


def _cause_tables(found: Findings) -> list[Table]:
    shown = [tables.start_table(found), tables.causes_table(found)]
    return [each for each in shown if each.rows] + (tables.resting_tables(found) if found.resting else [])


def _help_tables(found: Findings) -> list[Table]:
    shown = []
    if len(found.inits):
        fields = others(found.trials, "init")
        shown.append(tables.comparison_table("He against the other draw", tables.COMPARED, fields, found.inits))
    if len(found.widths):
        widths, note = tables.telling(found.widths)
        shown.append(tables.comparison_table("More units", note, others(found.trials, "hidden"), widths))
    return shown + ([tables.widths_table(found)] if has_widths(found.trials) else [])


def _rescue_tables(found: Findings) -> list[Table]:
    if not found.freed:
        return []
    return [
        tables.rescue_table(found.rescues, found.freed),
        *([tables.redrawn_table(found)] if len(found.redrawn) else []),
    ]
