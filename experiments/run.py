"""`python -m experiments.run`: train a study, whatever of it is missing, and report it."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from experiments.cli import start
from experiments.errors import DONE, FAILED, InputError, RunError

if TYPE_CHECKING:
    from experiments.execution.options import Options
    from experiments.store.folder import ResultFolder
    from experiments.study.batches import Batch, Left
    from experiments.study.study import Study


def main() -> None:
    """The command."""
    start("run", lambda config: run(with_own_question(config, sys.argv[1:])))


def with_own_question(config: Mapping[str, Any], arguments: list[str]) -> Mapping[str, Any]:
    """A study that got another name on the command line asks another question than the one it was made from."""
    given = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    if "name" in given and "question" not in given:
        return {
            **config,
            "question": "How do the settings of this sweep change how often training succeeds?",
            "asks": None,
        }
    return config


def run(config: Mapping[str, Any]) -> int:
    """Run the study that a composed configuration describes; returns the exit status."""
    from experiments.execution.options import read_options
    from experiments.study.study import read_study

    study = read_study(config)
    options = read_options(config)

    from experiments.store.folder import ResultFolder
    from experiments.study import batches

    folder = ResultFolder(options.output, study)
    if options.dry_run:
        return plan(study, options, folder)
    with folder.claim(options.overwrite), keeping(folder):
        done = folder.done()
        todo = list(batches.left(study, done, options.engine, options.batch))
        report_left_aside(folder)
        if todo or not folder.is_compact():
            options = with_working_engine(options)
            outdated = not options.report and (folder.path / "report.html").exists()
            folder.begin(resolved(config), options.how())
            missing = batches.missing(study, done, options.engine, options.batch)
            train(study, options, folder, todo, missing)
            failed = folder.compact()
            report(folder, options)
            if outdated:
                print(
                    f"removed: report.html of what was there before; python -m analysis.report {folder.path} draws it"
                )
            return report_failed(folder, failed)
        return nothing_left(study, options, folder)


def plan(study: Study, options: Options, folder: ResultFolder) -> int:
    """Say what would be done (`dry_run=true`); returns the exit status."""
    from experiments.execution.estimate import describe
    from experiments.study import batches

    folder.check(options.overwrite)
    done = {} if options.overwrite else folder.done()
    describe(study, options, list(batches.left(study, done, options.engine, options.batch)))
    return DONE


def nothing_left(study: Study, options: Options, folder: ResultFolder) -> int:
    """Say that a study is finished, and report it if it is not; returns the exit status."""
    print(f"{study.name}: nothing left to do; {study.n_trainings:,} trainings are in {folder.path}")
    if not reported(folder, options):
        report(folder, options)
    elif options.report:
        print(f"report: {folder.path / 'report.html'}")
    return DONE


@contextmanager
def keeping(folder: ResultFolder) -> Iterator[None]:
    """Say what was kept and how to go on, whatever ends the work in the folder."""
    try:
        yield
    except KeyboardInterrupt as stop:
        for another in (signal.SIGINT, signal.SIGTERM):
            signal.signal(another, signal.SIG_IGN)  # it must not cut the answer to the first
        kept, total = folder.kept(), folder.study.n_trainings
        raise type(stop)(
            f"interrupted; {kept:,} of {total:,} trainings kept in {folder.path}; the same command goes on from there"
        ) from None
    except BrokenPipeError:
        raise
    except OSError as error:
        where = error.filename or folder.path
        raise RunError(
            f"stopped at {where}: {error.strerror or error}; what was trained is kept in {folder.path}; "
            "mend it and run the same command again"
        ) from None


def resolved(config: Mapping[str, Any]) -> dict[str, object]:
    """The configuration of the study alone, as config.yaml keeps it."""
    from experiments.study.study import KEYS

    return {key: config[key] for key in KEYS}


def report_left_aside(folder: ResultFolder) -> None:
    """Say which files among the parts are none of ours."""
    for line in folder.left_aside:
        print(f"left aside: {line}")


def with_working_engine(options: Options) -> Options:
    """Load the engine; where `auto` chose one that is broken, take numpy and say why."""
    from nnxor import engines

    try:
        engines.load(options.engine)
    except ImportError as error:
        why = f"{options.engine} cannot be loaded: {error}"
        if not options.auto:
            raise InputError(f"engine={why}; allowed: engine=auto, or one that is installed") from None
        return replace(options, engine="numpy", note=why)
    return options


def train(study: Study, options: Options, folder: ResultFolder, todo: list[Left], missing: Iterator[Batch]) -> None:
    """Train the missing batches, of which `todo` tells, writing each to the folder as it comes."""
    from experiments.execution.execute import execute, warm_up
    from experiments.execution.progress import Progress, paragraph, say

    total = sum(left.trainings for left in todo)
    how = f"{options.engine}, {options.workers}{' (' + options.note + ')' if options.note else ''}"
    counts = f"{len(study.conditions):,} conditions x {len(study.seeds):,} seeds, {total:,} trainings to do"
    counts = re.sub(r"\b1 (condition|seed|training)s", r"1 \1", counts)
    say(paragraph(f"{study.name}: {study.question}"))
    say(paragraph(f"{counts}, with {how}"))
    warm_up((left.first for left in todo), options.engine)
    results = execute(missing, options.engine, options.backend, options.n_jobs, options.cluster)
    with Progress(total) as progress, closing(results):
        for batch, table in results:
            folder.append(batch, table)
            progress.update(table)
    say(progress.summary())


def report(folder: ResultFolder, options: Options) -> None:
    """The summary, as a table in the terminal and as summary.csv, what others published; then figures and report."""
    from analysis.data.reading import FolderError
    from analysis.data.tallies import load_counts
    from analysis.findings.published import report_published
    from analysis.findings.summary import print_summary, summarise, write_summary

    try:
        counted = load_counts(folder.path)
        summary = summarise(counted.runs, counted.epochs)
        write_summary(summary, folder.path)
        print_summary(summary)
        report_published(summary, folder.path)
        if options.report:
            from analysis.report import write_report
            from experiments.store.exact_laws import write_laws
            from experiments.store.exemplars import write_exemplars

            print("drawing figures and report (report=false leaves them out) ...", flush=True)
            write_exemplars(folder.path, folder.study)
            write_laws(folder.path, folder.study.conditions)
            print(f"report: {write_report(folder.path)}")
    except FolderError as error:
        raise RunError(str(error)) from None
    print(f"results: {folder.path}")


def reported(folder: ResultFolder, options: Options) -> bool:
    """Whether everything that `report` writes is there."""
    names = ("summary.csv", "report.html") if options.report else ("summary.csv",)
    return all((folder.path / name).exists() for name in names)


def report_failed(folder: ResultFolder, failed: int) -> int:
    """Say how many trainings failed, if any did; returns the exit status."""
    if not failed:
        return DONE
    print(
        f"{failed:,} trainings failed: see the column error in {folder.trials}; the same command tries them again",
        file=sys.stderr,
    )
    return FAILED


if __name__ == "__main__":
    main()
