"""The comparison of two result folders as a page: the answer and a forest plot first, then what folds."""

from collections.abc import Sequence
from pathlib import Path

from analysis.data.door import write_text
from analysis.findings.side_by_side import Comparison, Row
from analysis.report_parts.pages import render
from analysis.report_parts.tables import Table
from analysis.text import words


def p_text(row: Row) -> str:
    """The adjusted p; a dash where nothing was tested."""
    return "\N{EM DASH}" if row.same else words.p_value(row.p_holm)


def tables(found: Comparison) -> list[Table]:
    """What differs, and the aligned conditions: the same trainings first, then those that differ."""
    ordered = sorted(found.rows, key=lambda row: (not row.same, not row.differs))

    def cells(row: Row) -> list[str]:
        rates = [words.difference(row.difference), *map(words.bare, (row.a, row.b))]
        return [row.name, *rates, p_text(row), row.how, row.traps]

    differs = Table("What differs", "Protocol, versions and settings.", ["", "A", "B"], found.differences, prose=True)
    return [differs, Table(
        "Side by side",
        "Percent solved of the runs that are compared, with 95 % Wilson intervals; the difference with Newcombe's 95 % "
        "interval; exact p of McNemar (paired) or Fisher (unpaired), adjusted by Holm's method. Trainings that are the "
        "same in both folders are checked, not tested.",
        ["condition", "B \N{MINUS SIGN} A", "A solved, %", "B solved, %", "p (Holm)", "compared", "in traps, %"],
        [cells(row) for row in ordered], 2, marks=[row.difference for row in ordered],
    )]  # fmt: skip


def write_html(found: Comparison, sentences: Sequence[str], path: Path) -> None:
    """Write the comparison and what it comes to as one HTML file; every string is escaped."""
    differences, rows = tables(found)
    write_text(path, render("compare.html.j2", found=found, sentences=sentences, differences=differences, rows=rows))
