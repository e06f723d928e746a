"""The end of a run: the summary in the terminal and as a file, what others published, figures and report."""

import importlib
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

from analysis.data.door import FolderError, write_text
from analysis.data.processes import DRAWING
from analysis.entry import InputError, RunError, turning
from analysis.findings.findings import Findings
from analysis.findings.published import print_published
from analysis.findings.summary import print_summary
from analysis.report import write_report
from experiments.execution.progress import say
from experiments.store.exemplars import write_exemplars, write_laws
from experiments.store.folder import ResultFolder
from nnxor.registry import hint


def refuse_unknown(figure: str) -> None:
    """InputError for a figure that no report has."""
    from analysis.figures import PLOTS  # which takes long

    if figure not in (names := [plot.name for plot in PLOTS]):
        raise InputError(f"hero={figure} is unknown; {hint(figure, names)}")


def report(folder: ResultFolder, drawn: bool, others: ProcessPoolExecutor | None = None) -> None:
    """Tell how a study ended; if `drawn`, write figures and report with others' help. RunError if it cannot be read."""
    with turning(FolderError, RunError):
        with suppress(BrokenProcessPool):
            if others:
                others.submit(importlib.import_module(DRAWING).read, folder.path)  # meanwhile
        found = Findings.of(folder.path)
        ours = found.every_summary["condition"].isin([condition.key for condition in folder.study.conditions])
        summary = found.every_summary[ours].reset_index(drop=True)
        print_summary(summary, found.together(summary))
        if folder.holds_more:  # what is written is of all conditions in the folder, and some are of other studies
            return
        print_published(found.published)
        write_exemplars(folder.path, folder.study, found.every)
        write_laws(folder.path, folder.study.conditions)
        for name, text in found.derived.items():
            write_text(folder.path / name, text)
        if drawn:
            say("drawing figures and report (report=false leaves them out) ...")
            say(f"report: {write_report(folder.path, found, others)}")
    say(f"results: {folder.path}")
