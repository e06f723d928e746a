"""Success rates that others have published, beside ours."""

from analysis.figures import Figure, Findings, Plot, layout, register, shapes, style
from analysis.findings.published import AGREE, DIFFER, Beside, brief


def published(found: Findings) -> Figure:
    """A row a published figure: theirs and ours with their intervals."""
    shown = _shown(found)
    short = [", ".join(filter(None, [brief(each.source).rpartition("/")[2], each.where])) for each in shown]
    told = []
    for name, each in zip(short, shown, strict=True):  # where two are called alike, the end of their source differs
        end = f", {each.source.rpartition(', ')[2]}" * (short.count(name) > 1)
        told.append(f"{'≠ ' * (each.verdict == DIFFER)}{name}{end}")
    rows = [[shapes.percent(each.theirs, "theirs"), shapes.percent(each.solved, "ours")] for each in shown]
    figure, (ax,) = shapes.forests([("", told, rows)], style.looks(["theirs", "ours"]), "solved, %", percent_to=103)
    for label in ax.get_yticklabels():
        label.set_color(style.SERIES[4] if label.get_text().startswith("≠") else "#333333")
    theirs = layout.n_text([each.theirs.n for each in shown if each.theirs])
    ours = layout.n_text([each.solved.n for each in shown])
    differ = "≠ they differ." * any(each.verdict == DIFFER for each in shown)
    layout.footnote(figure, differ, "Lines: 95 % Wilson intervals.", f"Theirs {theirs}, ours {ours}.")
    return figure


def _shown(found: Findings) -> list[Beside]:
    shown = [each for each in found.published if each.theirs and each.solved.n]
    style.need(shown, "the study repeats no published success rate")
    return shown


def describe(found: Findings) -> str:
    """How many agree, in a sentence."""
    shown = _shown(found)
    agree, differ = (sum(each.verdict == verdict for each in shown) for verdict in (AGREE, DIFFER))
    rest = f"; too few runs to tell: {few:,}" if (few := len(shown) - agree - differ) else ""
    return f"Published rates that agree with ours: {agree:,}; that differ: {differ:,}{rest}."


register(Plot(
    "published", "Published figures beside ours",
    "Each row is a published success rate and the same setting trained here.",
    published, describe, quiet=True, order=4, section="published",
    answers=lambda found, _fields: 5 if any(each.verdict in (AGREE, DIFFER) for each in found.published) else 0,
))  # fmt: skip
