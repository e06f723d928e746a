"""What `experiments.verify` does, a line a step."""

import time
from collections.abc import Mapping
from typing import Any

from experiments.errors import InputError
from experiments.execution.options import ENGINE, read_path
from experiments.execution.progress import Progress, duration
from experiments.execution.worker import warm_up
from experiments.study.checked import checked, known_keys, whole
from experiments.verification.audit import check_bytes, check_derived, check_manifest
from experiments.verification.ledger import Ledger
from experiments.verification.record import read_record
from experiments.verification.retrain import Retraining
from experiments.verification.sample import draw_sample
from experiments.verification.telling import say, tell
from nnxor import engines


def verify(config: Mapping[str, Any]) -> int:
    """Check, train again, print; returns the exit status."""
    known_keys("", config, ["folder", "sample", "engine", "seed"])
    if config["folder"] is None:
        raise InputError("a result folder must be named: DIR")
    size = None if config["sample"] == "all" else whole("sample", config["sample"], 1)
    asked = checked("engine", config["engine"], ENGINE)
    draw = whole("seed", config["seed"], 0)
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
    if asked == "auto":  # one that did not train it
        asked = "numpy" if "numba" in record.engines or engines.fastest()[0] == "numpy" else "numba"
    try:
        engines.load(asked)
    except ImportError as error:
        raise InputError(f"engine={asked} cannot be loaded: {error}; allowed: numpy, reference") from None
    failed = {condition.key: ledger.failed(condition) for condition in study.conditions}
    retraining = Retraining(ledger, draw_sample(study, size, draw, asked, failed), asked)
    follow(retraining, draw)
    return tell(retraining)


def follow(retraining: Retraining, seed: int) -> None:
    """Say what is trained again, train it, show how it goes on, and how long it took."""
    sample, engine = retraining.sample, retraining.engine
    conditions = f"{len(sample.firsts):,} conditions"
    drawn = f"{sample.trainings:,} trainings: neighbouring seeds in {conditions}, at random (seed {seed})"
    say("sample", f"all {sample.trainings:,} trainings" if sample.whole else drawn)
    again = ", which trained it (name another with engine=NAME)" if engine in retraining.ledger.record.engines else ""
    say("engine", f"{engine}{again}")
    began = time.monotonic()
    warm_up(sample.firsts, engine)
    with Progress(sample.trainings) as progress:
        for out in retraining:
            progress.update(out)
    say("retrained", f"{sample.trainings:,} trainings in {duration(time.monotonic() - began)}")
