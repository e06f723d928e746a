"""What a worker does: train a batch, whatever happens, and say what must be equal for two machines to share a study."""

import hashlib
import sys
from collections.abc import Iterable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from experiments.store.columns import part_table
from experiments.study.batches import Batch
from nnxor import engines, protocol
from nnxor.condition import Condition
from nnxor.rescue import onward_condition
from nnxor.trial import trials


def train_batch(batch: Batch, engine: str) -> pa.Table:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    try:
        found = trials(batch.condition, batch.seeds, engines.load(engine), batch.certify)
        return part_table(found.columns, batch.seeds)
    except Exception as error:  # whatever a training does, the others go on
        return part_table({}, batch.seeds, f"{type(error).__name__}: {error}")


def warm_up(batches: Iterable[Batch], engine: str) -> None:
    """Train each kind of condition for one epoch, so that its kernel is compiled once, before workers start."""
    variant, seen = engines.ENGINES[engine].offers("variant"), set()
    if variant is None:
        return
    for batch in batches:
        for condition in (batch.condition, onward_condition(batch.condition)):
            if (kind := variant(condition)) not in seen:
                seen.add(kind)
                train_batch(Batch(replace(condition, epochs=1), batch.seeds[:1]), engine)  # whatever goes wrong


def facts(engine: str, condition: Condition) -> dict[str, object]:
    """What must be equal on two machines that train a study together. Compiles the kernel as a side effect."""
    table = train_batch(Batch(replace(condition, epochs=min(condition.epochs, 64)), range(16)), engine)
    source = b"".join(path.read_bytes() for path in sorted(Path(protocol.__file__).parent.rglob("*.py")))
    rows, exact = repr(table.to_pydict()).encode(), engines.ENGINES[engine].exact
    trained = hashlib.sha256(rows).hexdigest()[:12] if exact else "works"
    return {
        "Python": "{}.{}".format(*sys.version_info), "dask.distributed": version("distributed"),
        "protocol": protocol.PROTOCOL_VERSION, "source of nnxor": hashlib.sha256(source).hexdigest()[:12],
        f"a training by engine {engine}": table["error"][0].as_py() or trained,
    }  # fmt: skip
