"""What `experiments.verify` does, a line a step."""

import time
from collections.abc import Mapping
from typing import Any

from analysis.entry import DONE, FAILED, InputError
from experiments.execution import progress
from experiments.execution.options import engine_name
from experiments.execution.progress import Progress, all_of, duration
from experiments.execution.worker import warm_up
from experiments.study.checked import path, section
from experiments.verification.audit import Ledger, check_bytes, check_derived, check_manifest, read_record
from experiments.verification.retrain import Compared, Difference, Retraining, draw_sample
from nnxor import checks, engines


def verify(config: Mapping[str, Any]) -> int:
    """Check, train again, print; returns the exit status."""
    if config["folder"] is None:
        raise InputError("a result folder must be named: DIR")
    number = checks.choice(("all",)) if config["sample"] == "all" else checks.whole(1)
    given = section("", config, {"folder": path, "sample": number, "engine": engine_name, "seed": checks.whole(0)})
    record, asked = read_record(given["folder"]), given["engine"]
    study, manifest = record.study, record.manifest
    by = f"trained with {' and '.join(record.engines)}" if record.engines else "trained with an engine unknown"
    say("folder", f"{record.path}: {study.name}, {len(study.conditions):,} conditions x {len(study.seeds):,}, {by}")
    others = check_manifest(record)
    say("manifest", f"protocol {manifest['protocol']}; it says what config.yaml says")
    if others:
        whose = "in the words of the version that wrote them, which is not this one"
        say("", f"{others}: {whose}; no result depends on them")
    check_bytes(record)
    say("files", f"{', '.join(manifest['files'])}: byte for byte what was written (SHA-256)")
    ledger = Ledger(record)
    say("values", f"the digest is that of the values ({manifest['digest'][:16]}...)")
    what = "rows" if record.has_rows else "counts"
    say(what, f"{study.n_trainings:,}: of each condition every seed once, in order")
    if ledger.n_failed:
        say("failed", f"{ledger.n_failed:,} trainings failed when they were run; they are trained again")
    say("sums", ledger.contradiction or "runs, epochs and seeds of each condition agree on how many were solved")
    if derived := check_derived(record):
        say("derived", f"{' and '.join(derived)}: what follows from the counts")
    if asked == "auto":  # the fastest that did not train it, if there is one
        exact = [engine for engine in engines.ENGINES.values() if engine.exact and engine.installed]
        asked = min(exact, key=lambda engine: (engine.name in record.engines, engine.seconds)).name
    try:
        engines.load(asked)
    except ImportError as error:
        others = ", ".join(name for name in engines.ENGINES if name != asked)
        raise InputError(f"engine={asked} cannot be loaded: {error}; allowed: {others}") from None
    size = None if given["sample"] == "all" else given["sample"]
    sample = draw_sample(study, size, given["seed"], asked, ledger.failed)
    retraining = Retraining(ledger, sample, asked)
    follow(retraining, given["seed"])
    return tell(retraining)


def follow(retraining: Retraining, seed: int) -> None:
    """Say what is trained again, train it, show how it goes on, and how long it took."""
    sample, engine, trainings = retraining.sample, retraining.engine, f"{retraining.trainings:,} trainings"
    drawn = f"{trainings}: neighbouring seeds in {len(sample):,} conditions, at random (seed {seed})"
    say("sample", all_of(retraining.trainings, "training") if retraining.whole else drawn)
    again = ", which trained it (name another with engine=NAME)" if engine in retraining.ledger.record.engines else ""
    say("engine", f"{engine}{again}")
    began = time.monotonic()
    warm_up((each.first for each in sample), engine)
    with Progress(retraining.trainings) as shown:
        for out in retraining:
            shown.update(out)
    say("retrained", f"{trainings} in {duration(time.monotonic() - began)}")


def say(what: str, text: str) -> None:
    """Print what was looked at, and what was found."""
    progress.say(progress.filled(text, f"{what:<11}", " " * 11))


def tell(found: Retraining) -> int:
    """Print the verdict; returns the exit status."""
    lines = [
        line for each in (found.rows, found.counts) if each.first for line in _differences(found, each, each.first)
    ]
    failed = bool(lines or found.ledger.contradiction)
    how = "DIFFERENT: counts contradict each other (sums, above), though" if failed else "verified:"
    for indent, line in lines or [("", f"{how} {_agreement(found)}")]:
        progress.say(progress.filled(line, indent, "    "))
    return FAILED if failed else DONE


def _agreement(found: Retraining) -> str:
    n = found.rows.n
    if found.rows.what == "row":
        how = "within the tolerance (--help says which)" if found.loosely else "in every bit of every column"
        return f"{all_of(n, 'row')} agreed {how}."
    counts = f", and {all_of(found.counts.n, 'count')} agreed." if found.whole else " (sample=all compares counts too)."
    bits = " Bits are not promised here: outcomes are compared, and dead units at the start (--help says more)."
    return f"{all_of(n, 'seed')} came out solved or not as recorded{counts}{bits if found.loosely else ''}"


def _differences(found: Retraining, of: Compared, first: Difference) -> list[tuple[str, str]]:
    """Lines, indented, that say how many rows, seeds or counts differ, the first of them, and in what."""
    values = (first.recorded, first.recomputed)
    before, after = ("null" if x is None else repr(x) if isinstance(x, float) else str(x) for x in values)
    do_not = f"1 {of.what} does not" if of.differing == 1 else f"{of.differing:,} {of.what}s do not"
    seed = "" if first.seed is None else f", seed {first.seed}"
    where = ", ".join(f"{name} {count:,}" for name, count in of.where.most_common())
    return [
        ("", f"DIFFERENT: {do_not} come out as recorded, of {of.n:,}. The first:"),
        ("  ", f"{found.ledger.record.words(first.condition)}{seed}: {first.what}"),
        ("    ", f"recorded    {before}"),
        ("    ", f"recomputed  {after}"),
        ("  ", f"{of.what}s that differ, by {'kind' if of.what == 'count' else 'column'}: {where}"),
    ]
