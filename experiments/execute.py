"""Training batches: one, or all of them as a stream, on threads or processes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from joblib import Parallel, delayed

from experiments.batches import Batch
from experiments.table import failed_table, part_table
from nnxor import engines
from nnxor.condition import Success
from nnxor.diagnosis import diagnose
from nnxor.draws import draw

Result = tuple[Batch, pa.Table]


def train_batch(batch: Batch, success: Success, engine: str) -> Result:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    condition = batch.condition
    try:
        start = draw(condition.init, condition.task.n_inputs, condition.hidden, batch.seeds, condition.bias)
        trained = engines.load(engine)(condition, success, start)
        return batch, part_table(diagnose(condition, success, start, trained), batch.seeds)
    except Exception as error:  # whatever a training does, the others go on
        return batch, failed_table(batch.seeds, f"{type(error).__name__}: {error}")


def warm_up(batches: Iterable[Batch], success: Success, engine: str) -> None:
    """Run each kind of batch for no epoch, so that what has to be compiled is, once, before workers start."""
    seen = set()
    for batch in batches:
        c = batch.condition
        kind = (c.task.is_square, c.activation, c.relu_at_zero, c.dtype)
        if kind not in seen:
            seen.add(kind)
            train_batch(Batch(c.with_(epochs=0), range(batch.seeds.start, batch.seeds.start + 1)), success, engine)


def execute(batches: Iterable[Batch], success: Success, engine: str, backend: str, n_jobs: int) -> Iterator[Result]:
    """Train the batches with joblib; results come as they finish, in any order."""
    parallel = Parallel(
        n_jobs=n_jobs,
        backend={"threads": "threading", "loky": "loky"}[backend],
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2*n_jobs",
    )
    results: Iterator[Result] = parallel(delayed(train_batch)(batch, success, engine) for batch in batches)
    return results
