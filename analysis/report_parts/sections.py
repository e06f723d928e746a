"""The sections of a report: the figure that answers the question, and what folds below it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from markupsafe import Markup

from analysis.figures import PLOTS, Plot
from analysis.figures.style import NotApplicable
from analysis.findings.findings import Findings
from analysis.report_parts import tables
from analysis.report_parts.pages import inline
from analysis.report_parts.tables import Table
from analysis.text.answers import asked


@dataclass(frozen=True)
class Picture:
    """A figure as a page shows it: as wide as the page, and as narrow as a phone."""

    plot: Plot
    text: str
    wide: Markup
    narrow: Markup


@dataclass(frozen=True)
class Section:
    """A part of the report that folds: figures first, then tables; `gist` is one line about it."""

    id: str
    title: str
    gist: str
    make: Callable[[Findings], Sequence[Table]] = lambda _found: []
    figures: Sequence[Picture] = ()
    tables: Sequence[Table] = ()


SECTIONS = (
    Section("ends", "Where the runs end", "every condition: its success rate, and the traps of the other runs",
            lambda found: [tables.conditions_table(found)]),
    Section("published", "Published figures beside ours", "the settings, and what agreement means",
            lambda found: tables.published_tables(found.published)),
    Section("freed", "What frees stuck runs", "interventions in runs that were stuck, and training on",
            tables.rescue_tables),
    Section("causes", "Why runs get stuck", "dead units, and what the runs rest at", tables.cause_tables),
    Section("helps", "What helps", "comparisons seed by seed, drawing again, and waiting", tables.width_tables),
    Section("runs", "What single runs look like", "one run of each outcome"),
    Section("more", "More figures", ""),
)  # fmt: skip


def described(found: Findings) -> tuple[list[tuple[Plot, str]], list[str]]:
    """The figures that make sense for the findings, each with what it shows, and why the others do not."""
    shown, missing = [], []
    for plot in PLOTS:
        try:
            shown.append((plot, plot.describe(found)))
        except NotApplicable as reason:
            missing += [] if plot.quiet else [f"{plot.title}: {reason}"]
    return shown, missing


def pictures(shown: Sequence[tuple[Plot, str]], folder: Path) -> dict[str, Picture]:
    """These figures, by name, as they were drawn into a folder; the files of all other figures are removed."""
    drawn = {}
    for plot, text in shown:
        pages = (inline(folder / f"{plot.name}{kind}.svg", f"{plot.title}. {text}") for kind in ("", "-phone"))
        drawn[plot.name] = Picture(plot, text.replace(" %", "\N{NO-BREAK SPACE}%"), *pages)
    for name in {plot.name for plot in PLOTS} - {*drawn}:
        for ending in (".png", ".svg", "-phone.svg"):
            (folder / f"{name}{ending}").unlink(missing_ok=True)
    told = [other for each in drawn.values() for other in each.plot.instead]
    return {name: each for name, each in drawn.items() if name not in told}


def hero(found: Findings, drawn: dict[str, Picture]) -> Picture | None:
    """The figure that answers the study's question: the one it names, if drawn, or the one that fits best."""
    fields = asked(found, found.asks)
    fits = {name: each.plot.answers(found, fields) for name, each in drawn.items()}
    best = max(fits, key=lambda name: fits[name], default="")
    return drawn.get(str(found.config.get("hero"))) or (drawn[best] if fits.get(best) else None)


def sections(found: Findings) -> list[Section]:
    """What folds below the answer, but for its figures."""
    return [replace(each, tables=[table for table in each.make(found) if table.rows]) for each in SECTIONS]


def illustrated(parts: Sequence[Section], left: Sequence[Picture]) -> list[Section]:
    """The sections that hold something, with the figures that are left; a figure of an unknown section comes last."""
    known = [each.id for each in parts]
    placed = [(each.plot.section if each.plot.section in known else "more", each) for each in left]
    filled = [replace(part, figures=[each for place, each in placed if place == part.id]) for part in parts]
    return [part for part in filled if part.figures or part.tables]
