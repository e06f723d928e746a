"""The columns of `trials.parquet`, and the tables that hold them."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nnxor.condition import FIELDS, Condition
from nnxor.diagnosis import Columns

TEXT = pa.dictionary(pa.int32(), pa.string())
TYPES = {"int": pa.int32(), "float": pa.float64(), "bool": pa.bool_()}  # all else is text
CONDITION_COLUMNS: dict[str, pa.DataType] = {"condition": TEXT}
CONDITION_COLUMNS |= {name: TYPES.get(about.type.removesuffix(" | None"), TEXT) for name, about in FIELDS.items()}
"""A condition's key and its fields; the same for every row of a part, so parts leave them out."""

RESULTS: dict[str, tuple[pa.DataType, str]] = {
    "seed": (pa.int64(), "which draw of the initial weights"),
    "outcome": (TEXT, "how the training ended"),
    "final_loss": (pa.float64(), "loss of the parameters after the last update"),
    "grad_norm": (pa.float64(), "norm of the loss's gradient there"),
    "accuracy": (pa.float64(), "share of the rows whose prediction is on its target's side"),
    "plateau": (pa.float64(), "the level that a stuck run sits on"),
    "merged": (TEXT, "rows that share one wrong prediction"),
    "solved_epoch": (pa.int32(), "first epoch from which the success rule held to the end"),
    "dead_init": (pa.int32(), "units that are active on no row, at the start"),
    "dead_final": (pa.int32(), "units that are active on no row, at the end"),
    "linear_final": (pa.int32(), "units that are active on every row, at the end"),
    "patterns_init": (pa.string(), "rows where each unit is active at the start: a word per unit, a bit per row"),
    "patterns_final": (pa.string(), "rows on which each unit is active, at the end"),
    "first_death_epoch": (pa.int32(), "first epoch at which a unit that was alive at the start was dead"),
    "revived": (pa.int32(), "units that were dead at some epoch and alive at a later one"),
    "cause": (TEXT, "why an unsolved run failed"),
    "minimum": (TEXT, "what a certificate says of the point at which a stuck run rests"),
    "outcome_before": (TEXT, "outcome when a rescue steps in"),
    "settled_epoch": (pa.int32(), "first epoch from which the parameters repeat exactly"),
    "period": (pa.int32(), "after how many epochs they do"),
    "status": (TEXT, "ok, or failed"),
    "error": (pa.string(), "what went wrong in a failed training"),
}
"""What is recorded of a training, besides its final predictions y_…: the type of a column, and what it means.
All but the seed, status and error is computed under these names by `nnxor.trial.trials`."""

RESULT_COLUMNS = {name: kind for name, (kind, _) in RESULTS.items()}  # the types of what is recorded


def schema(conditions: Iterable[Condition]) -> pa.Schema:
    """The schema of the trials of a study: all fields, all results, and the y columns of its tasks."""
    names = {name for task in {condition.task for condition in conditions} for name in task.row_names}
    return pa.schema(CONDITION_COLUMNS | _results(names))


def schema_like(found: pa.Schema) -> pa.Schema:
    """The schema of trials of the tasks that a table has the y columns of."""
    rows = (name.removeprefix("y_") for name in found.names if name.startswith("y_"))
    return pa.schema(CONDITION_COLUMNS | _results(rows))


def part_schema(condition: Condition) -> pa.Schema:
    """The schema of a part: all results and the y columns of its task, with text as text."""
    return plain(pa.schema(_results(condition.task.row_names)))


def plain(schema: pa.Schema) -> pa.Schema:
    """The same columns, with text as text."""
    return pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in schema])


def _results(rows: Iterable[str]) -> dict[str, pa.DataType]:
    """The columns of results, with a prediction for each of these rows of tasks behind `solved_epoch`."""
    names = list(RESULT_COLUMNS)
    after = names.index("solved_epoch") + 1
    names[after:after] = [f"y_{row}" for row in sorted(rows, key=lambda row: (len(row), row))]
    return {name: RESULT_COLUMNS.get(name, pa.float64()) for name in names}


def part_table(columns: Columns, seeds: range, error: str | None = None) -> pa.Table:
    """Rows of diagnosed trainings, or of those that failed; sentinels (see `nnxor.diagnosis.diagnose`) become nulls."""
    told = {name: _array(values) for name, values in columns.items()}
    status = "ok" if error is None else "failed"
    told |= {"status": pa.repeat(status, len(seeds)), "error": pa.repeat(pa.scalar(error, pa.string()), len(seeds))}
    return pa.table({"seed": np.arange(seeds.start, seeds.stop, dtype=np.int64), **told})


def _array(values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "f":
        return pa.array(values.astype(np.float64), mask=np.isnan(values))
    if values.dtype.kind in "iu":
        return pa.array(values.astype(np.int32), mask=values < 0)
    return pa.array(values, mask=values == values.dtype.type()).cast(pa.string())  # where it is empty, in bytes or not


def in_schema(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The table's rows in the wanted columns; a column that it lacks is null."""
    held = dict(zip(table.column_names, table.columns, strict=True))
    columns = [held[f.name].cast(f.type) if f.name in held else pa.nulls(len(table), f.type) for f in wanted]
    return pa.table(columns, schema=wanted)


def with_condition(rows: pa.Table, condition: Condition, wanted: pa.Schema) -> pa.Table:
    """Rows with the condition's columns, in the wanted schema; text is plain."""
    texts, fixed = plain(wanted), {"condition": condition.key, **condition.values()}
    constant = {name: pa.repeat(pa.scalar(x, texts.field(name).type), len(rows)) for name, x in fixed.items()}
    return in_schema(pa.table(dict(zip(rows.column_names, rows.columns, strict=True)) | constant), texts)


class Digest:
    """SHA-256 of the values of a table of plain text that comes in pieces; how it is cut does not matter."""

    def __init__(self) -> None:
        self._columns: dict[str, dict[str, hashlib._Hash]] = defaultdict(lambda: defaultdict(hashlib.sha256))

    def update(self, table: pa.Table) -> None:
        """Add rows."""
        for name in table.column_names:
            for stream, content in _streams(table[name].combine_chunks()).items():
                self._columns[name][stream].update(content)

    def hexdigest(self) -> str:
        """The digest of the rows so far: over each column's name and its streams of bytes."""
        whole = hashlib.sha256()
        for name, streams in sorted(self._columns.items()):
            parts = (f"{stream}={content.hexdigest()}" for stream, content in sorted(streams.items()))
            whole.update(f"{' '.join([name, *parts])}\n".encode())
        return whole.hexdigest()


def _streams(column: pa.Array) -> dict[str, bytes | memoryview]:
    """A column as bytes that can be joined row by row: values, nulls, and lengths where it is text."""
    nulls = column.is_null().to_numpy(zero_copy_only=False).tobytes()
    text = pa.types.is_string(column.type) or pa.types.is_binary(column.type)
    filled = pc.fill_null(column, pa.scalar("" if text else 0).cast(column.type)) if column.null_count else column
    if not text:
        values = filled.to_numpy(zero_copy_only=False)
        return {"nulls": nulls, "values": values.astype(values.dtype.newbyteorder("<")).tobytes()}
    _, ends, joined = filled.buffers()
    ends = np.frombuffer(ends, np.int32)[filled.offset :][: len(filled) + 1]
    values = memoryview(joined or b"")[ends[0] : ends[-1]] if len(filled) else b""
    return {"nulls": nulls, "values": values, "lengths": np.diff(ends).astype("<i8").tobytes()}
