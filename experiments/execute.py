"""Training batches: one, or all of them as a stream, on threads or processes."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterable, Iterator

import pyarrow as pa
from joblib import Parallel, delayed
from joblib.externals.loky.process_executor import TerminatedWorkerError

from experiments.batches import Batch
from experiments.errors import RunError
from experiments.options import Cluster
from experiments.table import failed_table, part_table
from nnxor import engines
from nnxor.diagnosis import diagnose
from nnxor.draws import draw

Result = tuple[Batch, pa.Table]

MOST_DEATHS = 3
"""Worker processes that may die in a run before it gives up."""


def train_batch(batch: Batch, engine: str) -> Result:
    """Draw, train and diagnose a batch. An exception becomes rows with a status, not a lost run."""
    try:
        return batch, _train(batch, engine)
    except Exception as error:  # whatever a training does, the others go on
        return batch, failed_table(batch.seeds, f"{type(error).__name__}: {error}")


def _train(batch: Batch, engine: str) -> pa.Table:
    condition = batch.condition
    start = draw(condition.init, condition.task.n_inputs, condition.hidden, batch.seeds, condition.bias)
    trained = engines.load(engine)(condition, start, batch.seeds)
    return part_table(diagnose(condition, start, trained), batch.seeds)


def warm_up(batches: Iterable[Batch], engine: str) -> None:
    """Run each kernel for no epoch, so that what has to be compiled is, once, before workers start."""
    if engine != "numba":
        return
    from nnxor.engines.compiled import variant

    seen = set()
    for batch in batches:
        kind = variant(batch.condition)
        if kind not in seen:
            seen.add(kind)
            _train(Batch(batch.condition.with_(epochs=0), range(batch.seeds.start, batch.seeds.start + 1)), engine)


def execute(
    batches: Iterable[Batch], engine: str, backend: str, n_jobs: int, cluster: Cluster | None = None
) -> Generator[Result, None, None]:
    """Train the batches with joblib or, given a cluster, dask; results come as they finish, in any order.

    What a dead worker had in hand is trained again; RunError if workers keep dying.
    """
    if cluster is not None:
        from experiments.cluster import stream

        yield from stream(batches, engine, n_jobs, cluster)
        return
    left = dict(enumerate(batches))
    deaths = 0
    while left:
        try:
            for number, table in _stream(left, engine, backend, n_jobs):
                yield left.pop(number), table
        except TerminatedWorkerError:
            deaths += 1
            if deaths > MOST_DEATHS:
                raise RunError(
                    f"worker processes died {deaths} times (killed, or out of memory?); what was trained is kept; "
                    "use fewer with parallel.n_jobs, then the same command goes on"
                ) from None


def _stream(left: dict[int, Batch], engine: str, backend: str, n_jobs: int) -> Iterator[tuple[int, pa.Table]]:
    # An interrupted run leaves batches behind on purpose; joblib would advise to submit fewer.
    warnings.filterwarnings("ignore", message=".*tasks which were still being processed", category=UserWarning)
    parallel = Parallel(
        n_jobs=n_jobs,
        backend={"threads": "threading", "loky": "loky"}[backend],
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="2*n_jobs",
    )
    results: Iterator[tuple[int, pa.Table]] = parallel(
        delayed(_train_numbered)(number, batch, engine) for number, batch in list(left.items())
    )
    return results


def _train_numbered(number: int, batch: Batch, engine: str) -> tuple[int, pa.Table]:
    return number, train_batch(batch, engine)[1]
