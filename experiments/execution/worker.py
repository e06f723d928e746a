"""What a worker does: train a batch, whatever happens."""

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from experiments.store.columns import failed_table, part_table
from experiments.study.batches import Batch
from nnxor import engines
from nnxor.rescue import onward_condition
from nnxor.trial import trials


def train_batch(batch: Batch, engine: str) -> pa.Table:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    try:
        found = trials(batch.condition, batch.seeds, engines.load(engine), batch.certify)
        return part_table(found.columns, batch.seeds)
    except Exception as error:  # whatever a training does, the others go on
        return failed_table(batch.seeds, f"{type(error).__name__}: {error}")


def warm_up(batches: Iterable[Batch], engine: str) -> None:
    """Run each kernel for an epoch, so that what has to be compiled is, once, before workers start."""
    variant, seen = engines.ENGINES[engine].offers("variant"), set()
    if variant is None:
        return
    for batch in batches:
        for condition in (batch.condition, onward_condition(batch.condition)):
            kind = variant(condition)
            if kind not in seen:
                seen.add(kind)
                seed = batch.seeds.start
                train_batch(Batch(replace(condition, epochs=1), range(seed, seed + 1)), engine)  # whatever goes wrong
