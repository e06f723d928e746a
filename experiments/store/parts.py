"""A part: the rows of one batch in a Parquet file whose name holds the hash of its content."""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.data.door import is_regular, read_bytes, replacing
from analysis.entry import RunError, turning
from experiments.store.columns import in_schema, part_schema
from experiments.study.batches import Batch
from nnxor.condition import Condition
from nnxor.protocol import PROTOCOL_VERSION

NAME = re.compile(r"([0-9a-f]{16})-([0-9]{1,19})-([1-9][0-9]{0,8})-([0-9a-f]{64})\.parquet")
"""A part's name: the key of its condition, its first seed, how many there are, and the SHA-256 of its content."""

MOST_BYTES = 2**28  # bytes of a part, at most; one of 4,096 trainings has some hundred thousand


class NotAPartError(Exception):
    """A file that is not a part of this study, and why."""


class Part(NamedTuple):
    """A part on disk: its condition's key, its seeds, and whether its trainings went well."""

    key: str
    seeds: range
    path: Path
    fine: bool

    def rows(self, seeds: range) -> pa.Table:
        """Those of its rows, read anew; RunError if it was changed since."""
        with turning(NotAPartError, RunError, f"{self.path} was changed (", "); run the same command again"):
            return _read(self.path).slice(seeds.start - self.seeds.start, len(seeds))


def write_part(folder: Path, batch: Batch, table: pa.Table) -> Part:
    """Write the rows of a batch; when this returns, they are on the disk."""
    key, seeds = batch.condition.key, batch.seeds
    rows = in_schema(table, part_schema(batch.condition)).replace_schema_metadata(_identity(key, seeds))
    content = in_parquet(rows, "lz4")  # which takes half as long as what tables are kept in
    path = folder / f"{key}-{seeds.start}-{len(seeds)}-{hashlib.sha256(content).hexdigest()}.parquet"
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Part(key, seeds, path, table["status"][0].as_py() == "ok")


def in_parquet(table: pa.Table, compression: str = "zstd") -> pa.Buffer:
    """The bytes of a table as a Parquet file."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression=compression)
    return sink.getvalue()


def read_part(path: Path, conditions: Mapping[str, Condition | None]) -> Part:
    """The part in a file; NotAPartError if it is torn, altered, foreign or of no condition whose key is given."""
    match = NAME.fullmatch(path.name)
    if match is None or not is_regular(path):
        raise NotAPartError("not a part")
    table, key, start = _read(path), match[1], int(match[2])
    seeds = range(start, start + int(match[3]))
    if (table.schema.metadata or {}) != _identity(key, seeds):
        raise NotAPartError("a part of another protocol, or not what its name says")
    if key not in conditions:
        raise NotAPartError("a part of another study")
    condition = conditions[key]  # None where it is the folder alone that knows it, and not the study
    if condition and not table.schema.equals(part_schema(condition)):
        raise NotAPartError("its columns are not those of this version")
    if table["seed"].to_pylist() != [*seeds]:
        raise NotAPartError("its seeds are not those that it names")
    return Part(key, seeds, path, table["status"][0].as_py() == "ok")


def _identity(key: str, seeds: range) -> dict[bytes, bytes]:
    """What a part says of itself, among its content, so that a name alone can claim nothing."""
    return {b"nnxor": f"protocol {PROTOCOL_VERSION}, {key}, {seeds.start} to {seeds.stop}".encode()}


def _read(path: Path) -> pa.Table:
    with turning((pa.ArrowException, OSError), NotAPartError, "it cannot be read (", ")"):
        content = read_bytes(path, MOST_BYTES)
        if hashlib.sha256(content).hexdigest() != NAME.fullmatch(path.name)[4]:  # type: ignore[index]
            raise NotAPartError("torn or altered: its content has not the hash that its name holds")
        with pq.ParquetFile(pa.BufferReader(content)) as file:
            return file.read(use_threads=False)
