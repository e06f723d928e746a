"""`python -m experiments.verify DIR`: whether a result folder is whole and its trainings come out again."""

from __future__ import annotations

import argparse
import re
import sys
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.cli import Parser, finish
from experiments.errors import DONE, FAILED, InputError
from experiments.words import hint

if TYPE_CHECKING:
    from experiments.audit import Record, Table
    from experiments.batches import Batch
    from experiments.retrain import Findings

WIDTH = 80
DESCRIPTION = """\
Checks a result folder that experiments.run made: its manifest against its
config.yaml, trials.parquet against the SHA-256 and the digest in the manifest,
and that every condition has a row for every seed, once and in order. Then
trains rows again with another engine and says whether all recorded bits agree.

  sample=N|all    rows to train again (default 200): runs of neighbouring seeds
                  in 16 conditions or more, drawn at random
  seed=N          which draw of the sample (default 0)
  engine=NAME     numba, numpy, reference, or auto (default): numpy for what
                  numba trained, else numba

Where exp, log or tanh take part (tanh, sigmoid, bce), and with the reference
engine, rounding may differ. There outcomes must agree, and for runs that came
to rest losses, gradient norms and predictions within 0.01; the verdict says so.
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
                raise InputError(f"{key} is no known key; {hint(key, list(settings))}")
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
    from experiments.audit import check_bytes, check_manifest, check_table, read_record

    record = read_record(arguments.folder)
    study = record.study
    conditions = "condition" if len(study.conditions) == 1 else "conditions"
    by = f"trained with {' and '.join(record.engines)}" if record.engines else "trained with an engine unknown"
    _say("folder", f"{record.path}: {study.name}, {len(study.conditions):,} {conditions} x {len(study.seeds):,}, {by}")
    check_manifest(record)
    _say("manifest", f"protocol {record.manifest['protocol']}; its conditions and seeds are those of config.yaml")
    _say("file", _bytes_words(check_bytes(record), record.trials.name))
    if study.record == "summary":
        _say("rows", "none were kept (record=summary), so none can be trained again and compared")
        return DONE
    table = check_table(record)
    _say("values", f"the digest is that of the values ({record.manifest['digest'][:16]}...)")
    _say("rows", f"{study.n_trainings:,}: each condition and seed once, in order")
    if table.failed:
        _say("failed", f"{table.failed:,} trainings failed when they were run; nothing is recorded of them to compare")
    if table.lacking:
        _say("skipped", f"columns that the version which made it did not record: {', '.join(table.lacking)}")
    if table.unknown:
        _say("skipped", f"columns that this version does not know: {', '.join(table.unknown)}")
    return retrain_and_tell(record, table, arguments)


def _bytes_words(checked: bool, name: str) -> str:
    if checked:
        return f"{name} is byte for byte what was written (SHA-256)"
    return "made by a version that recorded no SHA-256 of it: its page checksums and values are checked instead"


def retrain_and_tell(record: Record, table: Table, arguments: Arguments) -> int:
    """Train rows again and print what came of it; returns the exit status."""
    from experiments.execute import warm_up
    from experiments.progress import Progress, duration
    from experiments.retrain import Findings, draw_sample, retrain

    engine = _engine(record, arguments.engine)
    batches = draw_sample(record, arguments.sample, arguments.seed, engine)
    total = sum(len(batch.seeds) for batch in batches)
    _say("sample", _sample_words(record, batches, arguments.seed))
    again = ", which trained it (name another with engine=NAME)" if engine in record.engines else ""
    _say("engine", f"{engine}{again}")
    began = time.monotonic()
    warm_up(batches, engine)
    findings = Findings()
    with Progress(total) as progress:
        for out in retrain(record, table, batches, engine, findings):
            progress.update(out)
    _say("retrained", f"{total:,} trainings in {duration(time.monotonic() - began)}")
    return tell(record, table, findings)


def _sample_words(record: Record, batches: list[Batch], seed: int) -> str:
    total, conditions = sum(len(batch.seeds) for batch in batches), {batch.condition.key for batch in batches}
    if total == record.study.n_trainings:
        return f"all {total:,} rows"
    return f"{total:,} rows: neighbouring seeds in {len(conditions):,} conditions, at random (seed {seed})"


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


def tell(record: Record, table: Table, findings: Findings) -> int:
    """Print the verdict; returns the exit status."""
    if findings.unrecorded:
        _say(
            "skipped", f"columns null in every row, which this version fills: {', '.join(sorted(findings.unrecorded))}"
        )
    if not findings.rows:
        print("NOT VERIFIED: every training of the sample had failed, so nothing was compared.")
        return FAILED
    compared = len(table.columns) - len(findings.unrecorded)
    exactly = findings.rows - findings.by_tolerance
    how = f"in every bit of {compared} columns" if exactly else "within the tolerance (--help says which)"
    if exactly and findings.by_tolerance:
        how += f" ({findings.by_tolerance:,} of them within the tolerance: --help says which)"
    if not findings.differing:
        _print(f"verified: all {findings.rows:,} rows agree {how}.")
        return DONE
    first = findings.first
    assert first is not None
    counts = ", ".join(f"{name} {count:,}" for name, count in findings.columns.most_common())
    rows = "1 row does" if findings.differing == 1 else f"{findings.differing:,} rows do"
    _print(f"DIFFERENT: {rows} not come out as recorded, of {findings.rows:,}. The first:")
    _print(f"{record.words(first.condition)}, seed {first.seed}: {first.column}", "  ")
    _print(f"recorded    {_value(first.recorded)}", "    ")
    _print(f"recomputed  {_value(first.recomputed)}", "    ")
    _print(f"rows that differ, by column: {counts}", "  ")
    return FAILED


def _value(value: object) -> str:
    return "null" if value is None else repr(value) if isinstance(value, float) else str(value)


def _say(what: str, text: str) -> None:
    _print(text, f"{what:<11}", 11)


def _print(text: str, first: str = "", indent: int = 4) -> None:
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False)
    print("\n".join(lines), flush=True)


if __name__ == "__main__":
    main()
