"""The columns of `trials.parquet`, and the tables that hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from nnxor.condition import FIELDS, Condition
from nnxor.diagnosis import Columns

TEXT = pa.dictionary(pa.int32(), pa.string())

TYPES = {"int": pa.int32(), "int | None": pa.int32(), "float": pa.float64(), "bool": pa.bool_()}
"""Types of columns by the types of fields; whatever else is text."""

CONDITION_COLUMNS: dict[str, pa.DataType] = {
    "condition": TEXT,
    **{name: TYPES.get(about.type, TEXT) for name, about in FIELDS.items()},
}
"""A condition's key and its fields; the same for every row of a part, so parts leave them out."""

RESULT_COLUMNS: dict[str, pa.DataType] = {
    "seed": pa.int64(),
    "outcome": TEXT,
    "final_loss": pa.float64(),
    "grad_norm": pa.float64(),
    "accuracy": pa.float64(),
    "plateau": pa.float64(),
    "merged": TEXT,
    "solved_epoch": pa.int32(),
    "dead_init": pa.int32(),
    "dead_final": pa.int32(),
    "linear_final": pa.int32(),
    "patterns_init": pa.string(),
    "patterns_final": pa.string(),
    "first_death_epoch": pa.int32(),
    "revived": pa.int32(),
    "cause": TEXT,
    "minimum": TEXT,
    "outcome_before": TEXT,
    "settled_epoch": pa.int32(),
    "period": pa.int32(),
    "status": TEXT,
    "error": pa.string(),
}
"""What is recorded of a training, besides its final predictions y_…."""

NULLABLE_COUNTS = (
    "solved_epoch",
    "first_death_epoch",
    "settled_epoch",
    "period",
    "dead_final",
    "linear_final",
    "revived",
)


def schema(conditions: Iterable[Condition]) -> pa.Schema:
    """The schema of the trials of a study: all fields, all results, and the y columns of its tasks."""
    tasks = {condition.task for condition in conditions}
    names = sorted({f"y_{name}" for task in tasks for name in task.row_names}, key=lambda n: (len(n), n))
    results = dict(RESULT_COLUMNS)
    after = list(results).index("solved_epoch") + 1
    ordered = [
        *list(results.items())[:after],
        *((name, pa.float64()) for name in names),
        *list(results.items())[after:],
    ]
    return pa.schema([*CONDITION_COLUMNS.items(), *ordered])


def part_table(columns: Columns, seeds: range) -> pa.Table:
    """A table of diagnosed trainings: sentinels (see `nnxor.diagnosis.diagnose`) become nulls."""
    n = len(seeds)
    arrays = {"seed": pa.array(np.arange(seeds.start, seeds.stop, dtype=np.int64))}
    for name, values in columns.items():
        arrays[name] = _array(name, values)
    arrays["status"] = pa.array(["ok"] * n, pa.string())
    arrays["error"] = pa.nulls(n, pa.string())
    return pa.table(arrays)


def failed_table(seeds: range, error: str) -> pa.Table:
    """A table of trainings that failed: their seeds, the status and what went wrong."""
    n = len(seeds)
    return pa.table(
        {
            "seed": pa.array(np.arange(seeds.start, seeds.stop, dtype=np.int64)),
            "status": pa.array(["failed"] * n, pa.string()),
            "error": pa.array([error] * n, pa.string()),
        }
    )


def _array(name: str, values: np.ndarray) -> pa.Array:
    if values.dtype.kind == "f":
        return pa.array(values.astype(np.float64), mask=np.isnan(values))
    if values.dtype.kind in "iu":
        return pa.array(values.astype(np.int32), mask=values < 0 if name in NULLABLE_COUNTS else None)
    if values.dtype.kind == "S":
        return pa.array(values, mask=values == b"").cast(pa.string())
    return pa.array(values, pa.string(), mask=values == "")


def with_condition(table: pa.Table, condition: Condition, wanted: pa.Schema) -> pa.Table:
    """A part's rows with the condition's columns added, in the wanted schema; text is plain."""
    fixed: Mapping[str, object] = {"condition": condition.key, **condition.values()}
    n = len(table)
    arrays = []
    for field in wanted:
        plain = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if field.name in CONDITION_COLUMNS:
            arrays.append(pa.repeat(pa.scalar(fixed[field.name], plain), n))
        elif field.name in table.column_names:
            arrays.append(table[field.name].cast(plain))
        else:
            arrays.append(pa.nulls(n, plain))
    return pa.table(arrays, names=wanted.names)


def encode(table: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The table in the wanted schema; each dictionary holds its values in order of appearance."""
    columns = []
    for field in wanted:
        column = table[field.name].combine_chunks()
        if pa.types.is_dictionary(field.type):
            column = pc.dictionary_encode(column.cast(pa.string())).cast(field.type)
        columns.append(column)
    return pa.table(columns, schema=wanted)


class Digest:
    """SHA-256 of the values of a table that comes piece by piece, however it is cut into pieces."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[str, hashlib._Hash]] = {}

    def update(self, table: pa.Table) -> None:
        """Add rows."""
        for name in table.column_names:
            streams = self._streams.setdefault(name, {})
            for stream, content in _streams(table[name].combine_chunks()).items():
                streams.setdefault(stream, hashlib.sha256()).update(content)

    def hexdigest(self) -> str:
        """The digest of the rows so far: over each column's name and its streams of bytes."""
        whole = hashlib.sha256()
        for name, streams in sorted(self._streams.items()):
            parts = " ".join(f"{stream}={content.hexdigest()}" for stream, content in sorted(streams.items()))
            whole.update(f"{name} {parts}\n".encode())
        return whole.hexdigest()


def _streams(column: pa.Array) -> dict[str, bytes]:
    """A column as bytes that can be joined row by row: values, nulls, and lengths where it is text."""
    nulls = column.is_null().to_numpy(zero_copy_only=False).tobytes()
    if pa.types.is_dictionary(column.type):
        column = column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_binary(column.type):
        filled = pc.fill_null(column, "" if pa.types.is_string(column.type) else b"")
        lengths = pc.binary_length(filled).to_numpy(zero_copy_only=False).astype("<i8")
        return {"nulls": nulls, "values": _characters(filled), "lengths": lengths.tobytes()}
    if pa.types.is_boolean(column.type):
        return {"nulls": nulls, "values": pc.fill_null(column, False).to_numpy(zero_copy_only=False).tobytes()}
    little = np.dtype(column.type.to_pandas_dtype()).newbyteorder("<")
    return {"nulls": nulls, "values": pc.fill_null(column, 0).to_numpy(zero_copy_only=False).astype(little).tobytes()}


def _characters(column: pa.StringArray) -> bytes:
    _, offsets, characters = column.buffers()
    if characters is None:
        return b""
    ends = np.frombuffer(offsets, np.int32)[column.offset : column.offset + len(column) + 1]
    return bytes(characters[int(ends[0]) : int(ends[-1])])
