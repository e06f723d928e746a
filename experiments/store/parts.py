"""A part: the Parquet file of one batch, which says what it is and proves that it is whole."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.store.files import replacing
from experiments.study.batches import Batch
from nnxor.protocol import PROTOCOL_VERSION


@dataclass(frozen=True)
class Part:
    """A part on disk: its condition's key, its seeds, and whether its trainings went well."""

    key: str
    seeds: range
    path: Path
    fine: bool


class NotAPartError(Exception):
    """A file that is not a part of this study, and why."""


def write_part(folder: Path, batch: Batch, table: pa.Table) -> Part:
    """Write the rows of a batch; when this returns, they are on the disk."""
    key, seeds = batch.condition.key, batch.seeds
    identity = {"protocol": PROTOCOL_VERSION, "condition": key, "seeds": [seeds.start, seeds.stop]}
    if batch.record != "trials":
        identity["record"] = batch.record
    path = folder / f"{key}-{seeds.start}-{len(seeds)}.parquet"
    with replacing(path) as temporary:
        pq.write_table(
            table.replace_schema_metadata({"nnxor": json.dumps(identity)}),
            temporary,
            compression="zstd",
            write_page_checksum=True,
        )
    return Part(key, seeds, path, _fine(table))


def read_part(path: Path, keys: set[str], record: str = "trials") -> Part:
    """The part in a file; NotAPartError if it is torn, foreign, of another study or another `record`."""
    if path.suffix != ".parquet" or not path.is_file():
        raise NotAPartError("not a part")
    try:
        table = read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise NotAPartError(f"torn or damaged ({first_line(error)})") from None
    try:
        identity = json.loads((table.schema.metadata or {})[b"nnxor"])
        protocol, key, seeds = identity["protocol"], str(identity["condition"]), range(*identity["seeds"])
    except (KeyError, ValueError, TypeError):
        raise NotAPartError("not a part") from None
    if protocol != PROTOCOL_VERSION:
        raise NotAPartError("a part of another protocol")
    if key not in keys:
        raise NotAPartError("a part of another study")
    if identity.get("record", "trials") != record:
        raise NotAPartError(f"a part of a study with record={identity.get('record', 'trials')}")
    if not _holds(table, seeds):
        raise NotAPartError("its seeds are not those that it names")
    return Part(key, seeds, path, _fine(table))


def _holds(table: pa.Table, seeds: range) -> bool:
    """Whether a table holds these seeds, as rows or as counts."""
    if "kind" in table.column_names:
        runs = table.filter(pc.equal(table["kind"], "runs"))
        return bool(pc.sum(runs["count"]).as_py() == len(seeds) and pc.min(runs["seed"]).as_py() == seeds.start)
    return np.array_equal(table["seed"].combine_chunks().to_numpy(), np.arange(seeds.start, seeds.stop))


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read a Parquet file and verify its page checksums; unlike `pq.read_table`, without importing pandas."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns)


def is_temporary(path: Path) -> bool:
    """Whether a killed run left this file half written (see `experiments.store.files.replacing`)."""
    return path.name.startswith(".") and path.name.endswith(".tmp")


def first_line(error: BaseException) -> str:
    """The beginning of an error's message."""
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def _fine(table: pa.Table) -> bool:
    return len(table) == 0 or bool(table["status"][0].as_py() == "ok")
