"""A run of a study, a line a step: `run` is its table of contents."""

import importlib
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from functools import partial
from threading import Thread
from typing import Any

from analysis.data.processes import DRAWING, helpers
from analysis.entry import DONE, FAILED, LISTENER, RunError
from experiments.execution.backends import execute
from experiments.execution.options import Options, read_options, refuse_broken
from experiments.execution.progress import Progress, paragraph, say
from experiments.store.folder import ResultFolder, lacking
from experiments.study import batches
from experiments.study.study import Study, effective, read_study
from nnxor import engines

reporting = partial(importlib.import_module, "experiments.execution.reporting")  # imported when it is first needed
OWN_QUESTION = "How do the settings of this sweep change how often training succeeds?"


def command(config: Mapping[str, Any]) -> int:
    """Run the study that the command line describes; returns the exit status."""
    return run(named(config, sys.argv[1:]))


def shown(config: Mapping[str, Any]) -> dict[str, object]:
    """The values that hold for the study that the command line describes (`--cfg job`)."""
    return effective(named(config, sys.argv[1:]))


def named(config: Mapping[str, Any], words: Iterable[str]) -> dict[str, Any]:
    """The study of a command line, which asks its own question with `name=`, and without `study=` or with `asks=`."""
    given = {word.lstrip("+").partition("=")[0] for word in words}
    new = "name" in given and ("study" not in given or "asks" in given)
    own = {"question": OWN_QUESTION, "asks": None, "hero": None} if new else {}
    return {**config, **{key: value for key, value in own.items() if key not in given}}


def run(config: Mapping[str, Any]) -> int:
    """Run the study that a composed configuration describes; returns the exit status."""
    study = read_study(config)
    options = read_options(config)
    if config["hero"] is not None:
        reporting().refuse_unknown(str(config["hero"]))
    folder = ResultFolder(options.output, study)
    if options.dry_run:
        from experiments.execution.estimate import describe  # a finished study needs nothing that trains

        describe(folder, options)
        return DONE
    if not (options.auto or folder.path.exists()):
        refuse_broken(options.engine)  # before a folder is made
    with folder.claim(options.overwrite), keeping(folder):
        todo = batches.left(study, folder.done(), options.engine, options.batch)
        for line in folder.left_aside:
            say(f"left aside: {line}")
        told = effective(config)
        if not todo and folder.is_compact() and (folder.holds_more or folder.is_told(told)):
            return nothing_left(study, options, folder)
        options = options.fitting(todo)
        folder.begin(told, options.how())
        with helpers(DRAWING) if options.report else nullcontext() as others:
            aside = train(study, options, folder, todo)
            failed = folder.compact()
            aside.join()
            reporting().report(folder, options.report, others)
        if failed:
            what = f"{failed:,} trainings failed: see the column error in {folder.trials}"
            print(f"{what}; the same command tries them again", file=sys.stderr)
        return FAILED if failed else DONE


@contextmanager
def keeping(folder: ResultFolder) -> Iterator[None]:
    """Say what was kept and how to go on, whatever ends the work in the folder."""
    try:
        yield
    except KeyboardInterrupt:
        LISTENER.over = True  # another must not cut the answer to the first
        kept = sum(len(span) for spans in folder.done().values() for span in spans)
        what = f"interrupted; {kept:,} of {folder.study.n_trainings:,} trainings kept in {folder.path}"
        raise KeyboardInterrupt(f"{what}; the same command goes on from there") from None
    except BrokenPipeError:
        raise
    except OSError as error:
        why = f"stopped at {error.filename or folder.path}: {error.strerror or error}"
        rest = f"what was trained is kept in {folder.path}; fix it and run the same command again"
        raise RunError(f"{why}; {rest}") from None


def nothing_left(study: Study, options: Options, folder: ResultFolder) -> int:
    """Say that a study is finished, and report it if it is not; returns the exit status."""
    more = ", and others" if folder.holds_more else ""
    say(f"{study.name}: nothing left to do: {folder.path} holds its {study.n_trainings:,} trainings{more}")
    if folder.holds_more or lacking(folder.path, study, options.report):
        reporting().report(folder, options.report)
    elif options.report:
        say(f"report: {folder.path / 'report.html'}")
    return DONE


def train(study: Study, options: Options, folder: ResultFolder, todo: list[batches.Left]) -> Thread:
    """Train what is left and write each batch as it comes; returns a thread that makes ready for the report."""
    from experiments.execution.worker import warm_up

    total = sum(left.trainings for left in todo)
    note = engines.fastest()[1] if options.auto else ""
    how = f"{options.engine}, {options.workers}{' (' + note + ')' if note else ''}"
    counts = f"{len(study.conditions):,} conditions x {len(study.seeds):,} seeds, {total:,} trainings to do"
    say(paragraph(f"{study.name}: {study.question}"))
    say(paragraph(f"{counts}, with {how}"))
    warm_up((left.first for left in todo), options.engine)
    aside = Thread(target=make_ready, args=(study, options.report), daemon=True)
    aside.start()
    results = execute(batches.missing(todo), options.engine, options.backend, options.n_jobs, **options.settings)
    with Progress(total) as progress, closing(results):
        for batch, table in results:
            folder.append(batch, table)
            progress.update(table)
    say(progress.summary())
    return aside


def make_ready(study: Study, drawn: bool) -> None:
    """Prepare for the report while trainings run: import what it needs, and compute the laws."""
    reporting()
    importlib.import_module("experiments.store.exemplars").laws(study.conditions)
    if drawn:
        importlib.import_module(DRAWING)
