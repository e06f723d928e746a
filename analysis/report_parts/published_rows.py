"""Published figures beside ours, as a table."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.findings.published import Beside
from analysis.findings.statistics import wilson
from analysis.report_parts.tables import Table, short
from analysis.text import words


def published_table(found: Sequence[Beside]) -> Table:
    """Published figures beside ours, for the report."""
    rows = []
    for each in found:
        name = ", ".join(filter(None, [each.setting, each.where]))
        source = f"{each.source} ({each.quoted})" if each.quoted else each.source
        theirs = f"\N{LEFT DOUBLE QUOTATION MARK}{each.says}\N{RIGHT DOUBLE QUOTATION MARK}"
        if each.theirs is not None:
            low, high = wilson(each.theirs * each.runs, each.runs)
            theirs = f"{100 * each.theirs:.1f} ({words.interval(float(low), float(high))}), n{words.IS}{each.runs:,}"
        ours = f"{short(each.solved)}, n{words.IS}{each.solved.n:,}"
        if each.theirs is None:
            ours += f"; stuck {short(each.stuck)}"
        verdict = ": ".join(filter(None, [each.verdict, each.margin]))
        setting = f"{name}. {each.note}".rstrip(". ") if each.note else name
        rows.append([source, theirs, ours, verdict, setting])
    return Table(
        "Published figures beside ours",
        "Percent solved, with 95 % Wilson intervals and the number of runs; ours over the runs of all conditions that "
        "repeat the setting. The two agree if they differ by at most "
        "3\N{MIDDLE DOT}\N{SQUARE ROOT}(p(1 \N{MINUS SIGN} p)(1/n\N{SUBSCRIPT ONE} + 1/n\N{SUBSCRIPT TWO})), p being "
        "the share of both together. What a source says only in words is shown and not judged, nor are figures of "
        "so few runs that hardly any rate could disagree.",
        ["source", "theirs", "ours", "agreement", "setting"],
        rows,
        prose=True,
    )
