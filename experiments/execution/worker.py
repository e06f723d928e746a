"""What a worker does: train a batch, whatever happens; and end with the process that it works for."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

import nnxor
from experiments.store.columns import Digest, failed_table, part_table
from experiments.store.origin import package_version
from experiments.study.batches import Batch
from nnxor import engines, protocol
from nnxor.condition import Condition
from nnxor.rescue import onward_condition
from nnxor.trial import trials

WATCH_EVERY = 1.0
"""Seconds between two looks at whether the process that a worker works for is alive."""


def train_batch(batch: Batch, engine: str) -> pa.Table:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    try:
        found = trials(batch.condition, batch.seeds, engines.load(engine), batch.certify)
        return part_table(found.columns, batch.seeds)
    except Exception as error:  # whatever a training does, the others go on
        return failed(batch, f"{type(error).__name__}: {error}")


def failed(batch: Batch, why: str) -> pa.Table:
    """What is kept of a batch that could not be trained."""
    return failed_table(batch.seeds, why)


def warm_up(batches: Iterable[Batch], engine: str) -> None:
    """Run each kernel for an epoch, so that what has to be compiled is, once, before workers start."""
    if engine != "numba":
        return
    from nnxor.engines.compiled import variant

    seen = set()
    for batch in batches:
        for condition in (batch.condition, onward_condition(batch.condition)):
            kind = variant(condition)
            if kind not in seen:
                seen.add(kind)
                seed = batch.seeds.start
                train_batch(Batch(replace(condition, epochs=1), range(seed, seed + 1)), engine)  # whatever goes wrong


class Call:
    """A call that happens where it is unpickled: dask's scheduler, which may lack this package, unpickles no more."""

    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        return self.call[0], self.call[1:]


def facts(engine: str, condition: Condition) -> dict[str, object]:
    """What must be equal on two machines that train a study together; compiles the kernel by the way."""
    table = train_batch(Batch(replace(condition, epochs=min(condition.epochs, 64)), range(16)), engine)
    bits, source = Digest(), hashlib.sha256()
    bits.update(table)
    for path in sorted(Path(nnxor.__file__).parent.rglob("*.py")):
        source.update(path.read_bytes())
    trained = bits.hexdigest()[:12] if engine != "reference" else "works"
    return {
        "Python": "{}.{}".format(*sys.version_info),
        "dask.distributed": package_version("distributed"),
        "protocol": protocol.PROTOCOL_VERSION,
        "source of nnxor": source.hexdigest()[:12],
        f"a training by engine {engine}": table["error"][0].as_py() or trained,
    }


def begin(parent: int) -> None:
    """Begin to work for a process, whose end is the worker's."""
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(WATCH_EVERY)
    os._exit(1)
