"""How often it is solved: a line a draw along the width or the learning rate; and as others have published it."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.data.conditions import NAMING
from analysis.data.field_labels import is_number
from analysis.figures import Plot, register
from analysis.figures.layout import axis_field, footnote, n_text, place, places
from analysis.figures.shapes import error_bars, forests, lines, percent, percent_across
from analysis.figures.style import SERIES, Look, NotApplicable, looks
from analysis.findings.findings import Findings
from analysis.findings.published import AGREE, DIFFER, Beside, brief
from analysis.findings.statistics import Rate
from analysis.text import words


def success_rate(found: Findings) -> Figure:
    """Share solved along the swept number (width or learning rate), a line an init, Wilson intervals as bars."""
    field = axis_field(found.summary, 1)
    series = next((name for name in ("init", *NAMING, *found.fields) if name in {*found.fields} - {field}), None)
    names, where = [name for name in (series, field) if name], places(field, found.summary)

    def draw(ax: Axes, part: pd.DataFrame, look: Look, beside: float) -> float:
        part = part.sort_values(field)
        rates = Rate.of_all(part["solved"], part["n"])
        apart = 0 if is_number(field) else 0.06 * beside
        x = [(where[each] if each in where else where[None]) + apart for each in part[field]]
        said = (words.condition(row, names) for _, row in part.iterrows())
        texts = [f"{name}: {words.rate(rate)}" for name, rate in zip(said, rates, strict=True)]
        error_bars(ax, x, rates, look, texts, is_number(field))
        return 100 * rates[-1].rate

    return lines(
        found, found.summary, series, draw, lambda ax, rows: place(ax, field, rows), axis=field, most=6,
        most_panels=12, columns=3, count=lambda rows: f"{n_text(rows['n'])} per point", label="solved, %",
        notes=["Bars: 95 % Wilson intervals."],
    )  # fmt: skip


def describe(found: Findings) -> str:
    """Best and worst condition, in a sentence."""
    axis_field(found.summary, 1)
    rates = found.summary["solved_rate"]
    ends = [found.summary.iloc[place] for place in (rates.argmax(), rates.argmin())]
    best, worst = (f"{words.condition(row, found.fields)} with {words.share(row)}" for row in ends)
    if rates.max() == rates.min():
        fewest = found.summary.iloc[found.summary["n"].argmin()]
        return f"Solved equally often in every condition: {words.share(fewest)}."
    return f"Most often solved: {best}; least often: {worst}."


register(Plot(
    "success_rate", "How often it is solved",
    "Each point is the share of seeds whose run meets the success rule.",
    success_rate, describe, order=1, section="ends", answers=lambda _found, _fields: 1,
))  # fmt: skip


def published(found: Findings) -> Figure:
    """A row a published figure: theirs and ours with their intervals."""
    shown = _shown(found)
    short = [", ".join(filter(None, [brief(each.source).rpartition("/")[2], each.where])) for each in shown]
    told = []
    for name, each in zip(short, shown, strict=True):  # where two are called alike, the end of their source differs
        end = f", {each.source.rpartition(', ')[2]}" * (short.count(name) > 1)
        told.append(f"{'≠ ' * (each.verdict == DIFFER)}{name}{end}")
    rows = [[percent(each.theirs, "theirs"), percent(each.solved, "ours")] for each in shown]
    figure, axes = forests([("", told, rows)], looks(["theirs", "ours"]), "solved, %")
    percent_across(axes)
    for label in (label for ax in axes for label in ax.get_yticklabels()):
        label.set_color(SERIES[4] if label.get_text().startswith("≠") else "#333333")
    theirs, ours = n_text([each.theirs.n for each in shown if each.theirs]), n_text([each.solved.n for each in shown])
    differ = "≠ they differ." * any(each.verdict == DIFFER for each in shown)
    footnote(figure, differ, "Lines: 95 % Wilson intervals.", f"Theirs {theirs}, ours {ours}.")
    return figure


def _shown(found: Findings) -> list[Beside]:
    shown = [each for each in found.published if each.theirs and each.solved.n]
    if not shown:
        raise NotApplicable("the study repeats no published success rate")
    return shown


def describe_published(found: Findings) -> str:
    """How many agree, in a sentence."""
    shown = _shown(found)
    agree, differ = (sum(each.verdict == verdict for each in shown) for verdict in (AGREE, DIFFER))
    rest = f"; too few runs to tell: {few:,}" if (few := len(shown) - agree - differ) else ""
    return f"Published rates that agree with ours: {agree:,}; that differ: {differ:,}{rest}."


register(Plot(
    "published", "Published figures beside ours",
    "Each row is a published success rate and the same setting trained here.",
    published, describe_published, quiet=True, order=4, section="published",
    answers=lambda found, _fields: 5 if any(each.verdict in (AGREE, DIFFER) for each in found.published) else 0,
))  # fmt: skip
