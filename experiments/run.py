"""`python -m experiments.run`: train a study, whatever of it is missing, and report it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.cli import start
from experiments.errors import DONE, FAILED, RunError

if TYPE_CHECKING:
    from experiments.batches import Batch
    from experiments.folder import ResultFolder
    from experiments.options import Options
    from experiments.study import Study


def main() -> None:
    """The command."""
    start("run", run)


def run(config: Mapping[str, Any]) -> int:
    """Run the study that a composed configuration describes; returns the exit status."""
    from experiments.options import read_options
    from experiments.study import read_study

    study = read_study(config)
    options = read_options(config)

    from experiments import batches
    from experiments.folder import ResultFolder

    folder = ResultFolder(options.output, study)
    if options.dry_run:
        folder.check(options.overwrite)
        done = {} if options.overwrite else folder.done()
        from experiments.plan import describe

        describe(study, options, list(batches.missing(study, done, options.engine, options.batch)))
        return DONE
    with folder.claim(options.overwrite):
        todo = list(batches.missing(study, folder.done(), options.engine, options.batch))
        report_left_aside(folder)
        if not todo and folder.is_finished():
            print(f"{study.name}: nothing left to do; {study.n_trainings:,} trainings are in {folder.path}")
            return DONE
        folder.begin(resolved(config), {"engine": options.engine, "backend": options.backend, "n_jobs": options.n_jobs})
        train(study, options, folder, todo)
        failed = folder.compact()
        report(folder)
    return FAILED if failed else DONE


def resolved(config: Mapping[str, Any]) -> dict[str, object]:
    """The configuration of the study alone, as config.yaml keeps it."""
    from experiments.study import KEYS

    return {key: config[key] for key in KEYS}


def report_left_aside(folder: ResultFolder) -> None:
    """Say which files among the parts are none of ours."""
    for line in folder.left_aside:
        print(f"left aside: {line}")


def train(study: Study, options: Options, folder: ResultFolder, todo: list[Batch]) -> None:
    """Train the missing batches, writing each to the folder as it comes."""
    from experiments.execute import execute, warm_up
    from experiments.progress import Progress, paragraph, say

    total = sum(len(batch.seeds) for batch in todo)
    say(paragraph(f"{study.name}: {study.question}"))
    how = f"{options.engine}, {options.n_jobs} {options.backend}{' (' + options.note + ')' if options.note else ''}"
    counts = f"{len(study.conditions):,} conditions x {len(study.seeds):,} seeds, {total:,} trainings to do"
    say(paragraph(f"{counts}, with {how}"))
    if options.engine == "numba":
        warm_up(todo, study.success, options.engine)
    progress = Progress(total)
    kept = "interrupted; {} of {} trainings kept in {}; the same command goes on from there"
    try:
        with progress:
            for batch, table in execute(todo, study.success, options.engine, options.backend, options.n_jobs):
                folder.append(batch, table)
                progress.update(table)
    except KeyboardInterrupt as error:
        have = study.n_trainings - total + progress.trained
        raise type(error)(kept.format(f"{have:,}", f"{study.n_trainings:,}", folder.path)) from None
    except OSError as error:
        raise RunError(
            f"{folder.path} cannot be written ({error.strerror or error}); what was trained is kept; "
            "mend it and run the same command again"
        ) from None
    say(progress.summary())


def report(folder: ResultFolder) -> None:
    """The summary, as a table in the terminal and as summary.csv."""
    from analysis.summary import COLUMNS, print_summary, summarise, write_summary
    from analysis.trials import load

    summary = summarise(load(folder.path, COLUMNS))
    write_summary(summary, folder.path)
    print_summary(summary)
    print(f"results: {folder.path}")


if __name__ == "__main__":
    main()
