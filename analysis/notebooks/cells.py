"""What the notebooks' cells call to show sentences, figures, tables and verdicts.

Whatever comes from a result folder is escaped, since a study may be named by anybody.
"""

from __future__ import annotations

import base64
import html
import io
import itertools
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import matplotlib as mpl
from IPython.display import Markdown, display

from analysis.data.tallies import tally
from analysis.figures import PLOTS
from analysis.figures.style import STYLE, NotApplicable
from analysis.findings.verdict import Verdict
from analysis.report import Results, read_results
from analysis.report_parts.tables import Table
from analysis.text import words

DPI = 144
CSS_WIDTH = 1000


def read(folder: str) -> Results:
    """A finished result folder; FolderError says what is wrong with it."""
    return read_results(Path(folder))


def plain(text: str) -> str:
    """Text in Markdown that shows as it stands, whatever characters it has."""
    return re.sub(r"([\\`*_\[\]<>&!|~$#]|:(?=//))", r"\\\1", re.sub(r"[ \t\r\n]+", " ", text))


def say(*sentences: str) -> None:
    """A paragraph of sentences; empty ones are left out."""
    display(Markdown(plain(" ".join(filter(None, sentences)))))


def show_figure(results: Results, name: str) -> None:
    """A figure of the report and what it says, or why it is not drawn for this study."""
    plot = next(plot for plot in PLOTS if plot.name == name)
    try:
        figure, text = plot.draw(results.found), plot.describe(results.found)
    except NotApplicable as reason:
        say(f"Not drawn: {reason}.")
        return
    image = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure.savefig(image, format="png", dpi=DPI, metadata={"Software": None})
    alt = html.escape(f"{plot.title}. {text}")
    display(
        {"image/png": base64.b64encode(image.getvalue()).decode("ascii"), "text/plain": plot.title},
        metadata={"image/png": {"alt": alt, "width": CSS_WIDTH}},
        raw=True,
    )
    say(text)


def show_table(table: Table) -> None:
    """A table of the report; nothing if it has no rows."""
    if not table.rows:
        return

    def row(cells: Sequence[str], tag: str) -> str:
        kinds = (' class="name"' if i < table.names else "" for i in range(len(cells)))
        return "".join(f"<{tag}{kind}>{html.escape(cell)}</{tag}>" for kind, cell in zip(kinds, cells, strict=True))

    body = "\n".join(f"<tr>{row(cells, 'td')}</tr>" for cells in table.rows)
    shown = f"<table>\n<thead><tr>{row(table.heads, 'th')}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    title = html.escape(table.title)
    region = f'<div class="wide" tabindex="0" role="region" aria-label="{title}">\n{shown}\n</div>'
    note = f'<p class="note">{html.escape(table.note)}</p>'
    display({"text/html": f"{note}\n{region}", "text/plain": table.title}, raw=True)


def show_verdict(verdict: Verdict) -> None:
    """A claim of the article and what the study says of it."""
    tally = f" ({plain(verdict.tally)})" if verdict.tally else ""
    display(
        Markdown(
            f"> The article: {plain(verdict.claim)}\n\n{plain(verdict.measured)} {plain(verdict.effect)}\n\n"
            f"**Verdict: {plain(verdict.verdict)}**{tally}"
        )
    )


def shared_predictions(task_table: str) -> Table:
    """The loss, half the sum of squared errors, where some rows share one prediction and the others are right.

    `task_table` as `analysis.data.reading.load` gives it. The best shared prediction is the mean of the
    rows' targets; rows with one target lose nothing by sharing and are left out.
    """
    rows = [[int(float(x)) for x in row.split(",")] for row in task_table.split("|")]
    found = []
    for size in range(2, len(rows) + 1):
        for shared in itertools.combinations(rows, size):
            targets = [row[-1] for row in shared]
            mean = Fraction(sum(targets), size)
            loss = sum((target - mean) ** 2 for target in targets) / 2
            if loss:
                found.append([" = ".join("".join(map(str, row[:-1])) for row in shared), str(mean), str(loss)])
    note = "Computed from the task's rows: rows that share a prediction, the best such prediction, the loss left."
    return Table("Losses of shared predictions", note, ["rows", "prediction", "loss"], found, 1)


def counted(number: int, what: str) -> str:
    """'1 run', '1,000 runs'."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def size(results: Results) -> str:
    """The study's question and its size, in two sentences."""
    trainings = tally(results.trials, "condition")
    n, each = len(trainings), words.listed(sorted({f"{count:,}" for count in trainings}), "or")
    return (
        f"Study {results.manifest['study']}: {results.question} "
        f"{counted(n, 'condition')} with {each} seeds each, {counted(int(trainings.sum()), 'training')} in all."
    )
