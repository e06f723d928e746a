"""What `experiments.verify` does, a line a step."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from experiments.errors import InputError
from experiments.execution.options import read_path
from experiments.execution.progress import Progress, duration
from experiments.execution.worker import warm_up
from experiments.study.checked import known_keys, whole
from experiments.verification.audit import check_bytes, check_derived, check_manifest
from experiments.verification.ledger import Ledger
from experiments.verification.record import Record, read_record
from experiments.verification.retrain import Retraining
from experiments.verification.sample import Sample, draw_sample
from experiments.verification.telling import say, tell
from nnxor import engines
from nnxor.registry import hint


def verify(config: Mapping[str, Any]) -> int:
    """Check, train again, print; returns the exit status."""
    known_keys("", config, ["folder", "sample", "engine", "seed"])
    if config["folder"] is None:
        raise InputError("a result folder must be named: DIR")
    size = None if config["sample"] == "all" else whole("sample", config["sample"], 1)
    asked, draw = _asked(config["engine"]), whole("seed", config["seed"], 0)
    record = read_record(read_path("folder", config["folder"]))
    study, manifest = record.study, record.manifest
    conditions = "condition" if len(study.conditions) == 1 else "conditions"
    by = f"trained with {' and '.join(record.engines)}" if record.engines else "trained with an engine unknown"
    say("folder", f"{record.path}: {study.name}, {len(study.conditions):,} {conditions} x {len(study.seeds):,}, {by}")
    check_manifest(record)
    say("manifest", f"protocol {manifest['protocol']}; it says what config.yaml says")
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
    engine = _engine(record, asked)
    failed = {condition.key: ledger.failed(condition) for condition in study.conditions}
    sample = draw_sample(study, size, draw, engine, failed)
    retraining = Retraining(ledger, sample, engine)
    follow(record, sample, draw, engine, retraining)
    return tell(ledger, sample, retraining.findings)


def follow(record: Record, sample: Sample, seed: int, engine: str, trained: Iterable[pa.Table]) -> None:
    """Say what is trained again, show how it goes on, and how long it took."""
    conditions = f"{len(sample.firsts):,} conditions"
    drawn = f"{sample.trainings:,} trainings: neighbouring seeds in {conditions}, at random (seed {seed})"
    say("sample", f"all {sample.trainings:,} trainings" if sample.whole else drawn)
    again = ", which trained it (name another with engine=NAME)" if engine in record.engines else ""
    say("engine", f"{engine}{again}")
    began = time.monotonic()
    warm_up(sample.firsts, engine)
    with Progress(sample.trainings) as progress:
        for out in trained:
            progress.update(out)
    say("retrained", f"{sample.trainings:,} trainings in {duration(time.monotonic() - began)}")


def _asked(engine: object) -> str:
    allowed = ["auto", *engines.ENGINES]
    if engine not in allowed:
        raise InputError(f"engine={engine} is not allowed; {hint(str(engine), allowed)}")
    return str(engine)


def _engine(record: Record, asked: str) -> str:
    """The engine to train with: by itself one that did not train the folder; InputError if it cannot be loaded."""
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
