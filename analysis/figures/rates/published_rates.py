"""Success rates that others have published, beside ours."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure

from analysis.figures.layout import footnote, n_text, rows_of
from analysis.figures.plot import Plot
from analysis.figures.style import SERIES, NotApplicable, error_bars, looks, sheet, styled
from analysis.findings.findings import Findings
from analysis.findings.published import AGREE, DIFFER, Beside
from analysis.findings.statistics import Rate


@styled
def published(found: Findings) -> Figure:
    """A row a published figure: theirs and ours with their intervals."""
    shown = _shown(found)
    figure = sheet(0.42 * len(shown) + 1.4)
    ax = figure.subplots()
    look = looks(["theirs", "ours"], False)
    theirs = [Rate.of(round((each.theirs or 0) * each.runs), each.runs) for each in shown]
    for i, (who, rates) in enumerate({"theirs": theirs, "ours": [each.solved for each in shown]}.items()):
        places = [y + (i - 0.5) * 0.3 for y in range(len(shown))]
        error_bars(ax, places, rates, look[who], upright=False, line=False)
        ax.plot([], [], label=who, **{**look[who].line, "linestyle": "none"})
    rows_of(
        ax,
        [
            ", ".join(
                filter(
                    None,
                    [
                        textwrap.shorten(each.source, 30, placeholder="\N{HORIZONTAL ELLIPSIS}"),
                        each.where or each.setting,
                    ],
                )
            )
            for each in shown
        ],
    )
    for label, each in zip(ax.get_yticklabels(), shown, strict=True):
        label.set_color(SERIES[1] if each.verdict == DIFFER else "#333333")
    ax.set_xlim(-3, 103)
    ax.set_xlabel("solved, %")
    figure.legend(loc="outside upper center", ncols=2)
    runs = f"Theirs {n_text([each.runs for each in shown])}, ours {n_text([each.solved.n for each in shown])}."
    footnote(figure, "Bars: 95 % Wilson intervals. Red names: the two differ.", runs)
    return figure


def _name(each: Beside) -> str:
    source = textwrap.shorten(each.source, 30, placeholder="\N{HORIZONTAL ELLIPSIS}")
    return ", ".join(filter(None, [source, each.where or each.setting]))


def _shown(found: Findings) -> list[Beside]:
    shown = [each for each in found.published if each.theirs is not None and each.runs and each.solved.n]
    if not shown:
        raise NotApplicable("the study repeats no published success rate")
    return shown


def describe(found: Findings) -> str:
    """How many agree, in a sentence."""
    shown = _shown(found)
    agree, differ = (sum(each.verdict == verdict for each in shown) for verdict in (AGREE, DIFFER))
    return f"Of {len(shown):,} published rates {agree:,} agree with ours and {differ:,} differ."


PLOT = Plot(
    "published", "Published figures beside ours",
    "Each row is a published success rate and the same setting trained here.",
    published, describe, quiet=True, order=4,
)  # fmt: skip
