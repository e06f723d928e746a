"""The end of a run: the summary in the terminal and as a file, what others published, figures and report."""

from __future__ import annotations

from analysis.data.reading import FolderError
from analysis.data.tallies import load_counts
from analysis.findings.published import report_published
from analysis.findings.summary import print_summary, summarise, write_summary
from analysis.report import write_report
from experiments.errors import RunError
from experiments.execution.progress import say
from experiments.store.exact_laws import write_laws
from experiments.store.exemplars import write_exemplars
from experiments.store.folder import ResultFolder


def report(folder: ResultFolder, drawn: bool) -> None:
    """Tell how a study ended and, if `drawn`, write figures and report; RunError if the folder cannot be read."""
    try:
        counted = load_counts(folder.path)
        summary = summarise(counted.runs, counted.epochs)
        write_summary(summary, folder.path)
        print_summary(summary)
        report_published(summary, folder.path)
        if drawn:
            say("drawing figures and report (report=false leaves them out) ...")
            write_exemplars(folder.path, folder.study)
            write_laws(folder.path, folder.study.conditions)
            say(f"report: {write_report(folder.path)}")
    except FolderError as error:
        raise RunError(str(error)) from None
    say(f"results: {folder.path}")
