"""What the notebooks' cells call; a folder's texts are escaped, since a study may be named by anybody."""

import base64
import html
import itertools
import re
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import matplotlib as mpl
from IPython.display import Markdown, display
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures import PLOTS, NotApplicable, style
from analysis.findings.findings import Findings
from analysis.findings.verdict import Verdict
from analysis.report_parts.pages import ENVIRONMENT
from analysis.report_parts.tables import Table
from analysis.text import words

DPI = 144
CSS_WIDTH = 1000


def plain(text: str) -> str:
    """Text in Markdown that shows as it stands, whatever characters it has."""
    return re.sub(r"([\\`*_\[\]<>&!|~$#]|:(?=//))", r"\\\1", re.sub(r"[ \t\r\n]+", " ", text))


def say(*sentences: str) -> None:
    """A paragraph of sentences; empty ones are left out."""
    display(Markdown(plain(" ".join(filter(None, sentences)))))


def show_figure(found: Findings, name: str) -> None:
    """A figure of the report and what it says, or why it is not drawn for this study."""
    plot = next(plot for plot in PLOTS if plot.name == name)
    try:
        _show(plot.draw(found), plot.title, plot.describe(found))
    except NotApplicable as reason:
        say(f"Not drawn: {reason}.")


@contextmanager
def canvas(title: str, text: str, height: float = 3.5) -> Iterator[Axes]:
    """Axes to draw on, as seaborn's functions take them, so many inches high; then the figure and what it says."""
    with mpl.rc_context(style.STYLE):
        figure = style.sheet(height)
        yield figure.subplots()
        _show(figure, title, text)


@style.styled
def _show(figure: Figure, title: str, text: str) -> None:
    image = style.png(style.lay_out(figure), DPI)
    alt = html.escape(f"{title}. {text}")
    shown = {"image/png": base64.b64encode(image).decode("ascii"), "text/plain": title}
    display(shown, metadata={"image/png": {"alt": alt, "width": CSS_WIDTH}}, raw=True)
    say(text)


def show_table(table: Table) -> None:
    """A table of the report; nothing if it has no rows."""
    parts: Any = ENVIRONMENT.get_template("parts.html.j2").module
    if table.rows:
        display({"text/html": str(parts.table(table)), "text/plain": table.title}, raw=True)


def show_verdict(verdict: Verdict) -> None:
    """A claim of the article and what the study says of it."""
    told = f"**{plain(verdict.verdict)}** {plain(verdict.effect)}"
    display(Markdown(f"> The article: {plain(verdict.claim)}\n\n{told}\n\n{plain(verdict.rule)}"))


def shared_predictions(task_table: str) -> Table:
    """The loss (half the sum of squared errors) where some rows share one prediction and the others are right.

    The best shared prediction is the mean of the rows' targets; rows with one target, which lose nothing, are left out.
    """
    rows = [[int(float(x)) for x in row.split(",")] for row in task_table.split("|")]
    found = []
    for shared in (each for size in range(2, len(rows) + 1) for each in itertools.combinations(rows, size)):
        targets = [Fraction(row[-1]) for row in shared]
        if loss := len(shared) * statistics.pvariance(targets) / 2:
            names = " = ".join("".join(map(str, row[:-1])) for row in shared)
            found.append([names, str(statistics.mean(targets)), str(loss)])
    note = "Computed from the task's rows: those that share a prediction, the best such prediction, and the loss left."
    return Table("Losses of shared predictions", note, ["rows", "prediction", "loss"], found)


def open_with(found: Findings, question: str, *sentences: str) -> None:
    """The question of a notebook and its answer in this folder, as the first thing that it shows."""
    n, trials = len(found.manifest["conditions"]), found.manifest["trials"]
    asked = "" if question == found.question else f" It asks: {found.question}"
    size = f"{words.counted(n, 'condition')}, {words.counted(trials, 'training')}"
    told = f"Study {found.manifest['study']}: {size}.{asked}"
    listed = "\n".join(f"- {plain(sentence)}" for sentence in sentences if sentence)
    display(Markdown(f"**{plain(question)}**\n\n{listed}\n\n{plain(told)} {plain(found.scope)}"))
