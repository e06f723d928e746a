"""`python -m experiments.verify DIR`: whether a result folder is whole and its trainings come out again."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.cli import Parser, finish
from experiments.errors import InputError
from experiments.verification.telling import WIDTH, say, tell_counts, tell_rows
from nnxor.registry import hint

if TYPE_CHECKING:
    import pyarrow as pa

    from experiments.verification.audit import Record
    from experiments.verification.sample import Sample

DESCRIPTION = """\
Checks a result folder that experiments.run made: its manifest against its
config.yaml, trials.parquet against the SHA-256 and the digest in the manifest,
and that every condition has a row for every seed, once and in order. Then
trains rows again with another engine and says whether all recorded bits agree.

Of a folder with record=summary, counts.parquet is checked in the same way; then
seeds are trained again, and each must be solved, or not, as its bit says. With
sample=all, all is counted anew, and every count must agree.

  sample=N|all    trainings to do again (default 200): neighbouring seeds in 16
                  conditions or more, drawn at random
  seed=N          which draw of the sample (default 0)
  engine=NAME     numba, numpy, reference, or auto (default): numpy for what
                  numba trained, else numba

Where exp, log or tanh take part (tanh, sigmoid, bce), and with the reference
engine, rounding may differ. There outcomes must agree, and for runs that came
to rest losses, gradient norms and predictions within 0.01; the verdict says so.
Of counts there: who was solved, and the runs by outcome, dead_init, status and
error.
"""
EPILOG = """\
Exit status: 0 all agrees; 1 something does not, and anything else; 2 bad input,
and folders that cannot be verified; 130 or 143 interrupted.
"""


class Arguments(argparse.Namespace):
    """What the command line asks for; `sample` None stands for all."""

    folder: Path
    sample: int | None
    engine: str
    seed: int


def main() -> None:
    """The command."""
    finish(lambda: verify(parse(sys.argv[1:])))


def parse(arguments: list[str]) -> Arguments:
    """The command line; InputError says what is wrong with it."""
    from nnxor.engines import ENGINES

    parser = Parser(
        prog="python -m experiments.verify",
        usage="%(prog)s DIR [sample=N|all] [engine=NAME] [seed=N]",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=WIDTH),
    )
    parser.add_argument("given", nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments).given
    folders = [argument for argument in given if not re.match(r"\w+=", argument)]
    settings = {"sample": "200", "engine": "auto", "seed": "0"}
    for argument in given:
        if argument not in folders:
            key, _, value = argument.partition("=")
            if key not in settings:
                raise InputError(f"{key} is not a known key; {hint(key, list(settings))}")
            settings[key] = value
    if len(folders) != 1:
        raise InputError(f"{len(folders)} folders are named; allowed: one; {parser.prog} --help says more")
    if settings["engine"] not in ("auto", *ENGINES):
        raise InputError(f"engine={settings['engine']} is not allowed; {hint(settings['engine'], ['auto', *ENGINES])}")
    return Arguments(
        folder=Path(folders[0]),
        sample=None if settings["sample"] == "all" else _whole("sample", settings["sample"], 1, "all, or "),
        engine=settings["engine"],
        seed=_whole("seed", settings["seed"], 0),
    )


def _whole(key: str, text: str, low: int, other: str = "") -> int:
    if not re.fullmatch(r"[0-9]{1,18}", text) or int(text) < low:
        raise InputError(f"{key}={text} is not allowed; allowed: {other}an integer from {low}")
    return int(text)


def verify(arguments: Arguments) -> int:
    """Check, train again, print; returns the exit status."""
    from experiments.verification.audit import check_bytes, check_manifest, read_record

    record = read_record(arguments.folder)
    study = record.study
    conditions = "condition" if len(study.conditions) == 1 else "conditions"
    by = f"trained with {' and '.join(record.engines)}" if record.engines else "trained with an engine unknown"
    say("folder", f"{record.path}: {study.name}, {len(study.conditions):,} {conditions} x {len(study.seeds):,}, {by}")
    check_manifest(record)
    say("manifest", f"protocol {record.manifest['protocol']}; its conditions and seeds are those of config.yaml")
    say("file", _bytes_words(check_bytes(record), record.trials.name))
    return (verify_counts if study.record == "summary" else verify_rows)(record, arguments)


def _bytes_words(checked: bool, name: str) -> str:
    if checked:
        return f"{name} is byte for byte what was written (SHA-256)"
    return "made by a version that recorded no SHA-256 of it: its page checksums and values are checked instead"


def verify_rows(record: Record, arguments: Arguments) -> int:
    """Check the table of trials and train rows again; returns the exit status."""
    from experiments.verification.audit import check_table
    from experiments.verification.retrain import Findings, retrain
    from experiments.verification.sample import draw_sample

    table = check_table(record)
    _say_checked(record, "rows", "each condition and seed once, in order", table.failed)
    if table.lacking:
        say("skipped", f"columns that the version which made it did not record: {', '.join(table.lacking)}")
    if table.unknown:
        say("skipped", f"columns that this version does not know: {', '.join(table.unknown)}")
    engine = _engine(record, arguments.engine)
    sample = draw_sample(record, arguments.sample, arguments.seed, engine)
    findings = Findings()
    follow(record, sample, arguments.seed, engine, retrain(record, table, sample, engine, findings))
    return tell_rows(record, table, findings)


def verify_counts(record: Record, arguments: Arguments) -> int:
    """Check the table of counts, train seeds again and count them anew; returns the exit status."""
    from experiments.verification.audit_counts import check_counts
    from experiments.verification.recount import Recount, recount
    from experiments.verification.sample import draw_sample

    ledger = check_counts(record)
    _say_checked(record, "counts", "of each condition every seed once, in order", ledger.n_failed)
    say("sums", ledger.contradiction or "runs, epochs and seeds of each condition agree on how many were solved")
    engine = _engine(record, arguments.engine)
    sample = draw_sample(record, arguments.sample, arguments.seed, engine, but=ledger.failed)
    findings = Recount()
    follow(record, sample, arguments.seed, engine, recount(record, ledger, sample, engine, findings))
    return tell_counts(record, ledger.contradiction, sample.whole, findings)


def _say_checked(record: Record, what: str, how: str, failed: int) -> None:
    say("values", f"the digest is that of the values ({record.manifest['digest'][:16]}...)")
    say(what, f"{record.study.n_trainings:,}: {how}")
    if failed:
        say("failed", f"{failed:,} trainings failed when they were run; nothing is recorded of them to compare")


def follow(record: Record, sample: Sample, seed: int, engine: str, trained: Iterator[pa.Table]) -> None:
    """Say what is trained again, show how it goes on, and how long it took."""
    from experiments.execution.progress import Progress, duration
    from experiments.execution.worker import warm_up

    say("sample", _sample_words(sample, seed))
    again = ", which trained it (name another with engine=NAME)" if engine in record.engines else ""
    say("engine", f"{engine}{again}")
    began = time.monotonic()
    warm_up(sample.firsts, engine)
    with Progress(sample.trainings) as progress:
        for out in trained:
            progress.update(out)
    say("retrained", f"{sample.trainings:,} trainings in {duration(time.monotonic() - began)}")


def _sample_words(sample: Sample, seed: int) -> str:
    if sample.whole:
        return f"all {sample.trainings:,} trainings"
    conditions = f"{len(sample.firsts):,} conditions"
    return f"{sample.trainings:,} trainings: neighbouring seeds in {conditions}, at random (seed {seed})"


def _engine(record: Record, asked: str) -> str:
    """The engine to train with: by itself one that did not train the folder; InputError if it cannot be loaded."""
    from nnxor import engines

    engine = asked
    if asked == "auto":
        engine = "numpy" if "numba" in record.engines or engines.fastest()[0] == "numpy" else "numba"
    try:
        engines.load(engine)
    except ImportError as error:
        raise InputError(
            f"engine={engine} cannot be loaded: {error}; allowed: engine=numpy, engine=reference"
        ) from None
    return engine


if __name__ == "__main__":
    main()
