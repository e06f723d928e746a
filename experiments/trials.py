"""The table of all trials: what of a study it holds, and how it is written from parts."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.batches import Spans, merge, subtract
from experiments.errors import RunError
from experiments.files import replacing
from experiments.parts import Part, first_line, read_table
from experiments.study import Study
from experiments.table import Digest, encode, schema, with_condition

ROW_GROUP = 65_536
"""Rows in a row group of trials.parquet."""


@dataclass(frozen=True)
class Rows:
    """Where trials.parquet holds a condition: its rows first … last − 1, and which seeds are fine."""

    first: int
    last: int
    seeds: Spans


@dataclass(frozen=True)
class Written:
    """What was written: rows, how many of them are failed trainings, their digest, and that of the file's bytes."""

    rows: int
    failed: int
    digest: str
    sha256: str


def scan(path: Path) -> dict[str, Rows]:
    """What trials.parquet holds, by condition key; RunError if it is damaged, nothing if it is not there."""
    if not path.exists():
        return {}
    try:
        table = read_table(path, ["condition", "seed", "status"])
    except (pa.ArrowException, OSError) as error:
        raise RunError(
            f"{path} is damaged ({first_line(error)}); use output=DIR for another folder, or overwrite=true"
        ) from None
    column = pc.dictionary_encode(table["condition"].combine_chunks().cast(pa.string()))
    codes = column.indices.to_numpy(zero_copy_only=False)
    seeds = table["seed"].combine_chunks().to_numpy()
    fine = _is_fine(table).to_numpy(zero_copy_only=False)
    bounds = [int(bound) for bound in np.flatnonzero(np.diff(codes, prepend=-1, append=-1))]
    return {
        column.dictionary[int(codes[first])].as_py(): Rows(first, last, _spans(seeds[first:last][fine[first:last]]))
        for first, last in itertools.pairwise(bounds)
    }


def write(path: Path, study: Study, held: dict[str, Rows], parts: dict[str, list[Part]]) -> Written:
    """Write trials.parquet anew from the rows that it holds and the parts; RunError if trainings are missing."""
    wanted = schema(study.conditions)
    digest, failed, rows = Digest(), 0, 0
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, wanted, compression="zstd", write_page_checksum=True) as writer:
            for table in _in_groups(_sorted(path, study, held, parts, wanted)):
                encoded = encode(table, wanted)
                writer.write_table(encoded, row_group_size=ROW_GROUP)
                digest.update(encoded)
                rows += len(encoded)
                failed += len(encoded) - pc.sum(_is_fine(encoded)).as_py()
        sha256 = sha256_of(temporary)
    return Written(rows, failed, digest.hexdigest(), sha256)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes: unlike page checksums it also covers Parquet's own headers."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sorted(
    path: Path, study: Study, held: dict[str, Rows], parts: dict[str, list[Part]], wanted: pa.Schema
) -> Iterator[pa.Table]:
    """All rows of the study, one table a condition, by seed; each seed once."""
    old = Slices(path) if held else None
    for condition in study.conditions:
        pieces = []
        covered: Spans = []
        if old and condition.key in held:
            where = held[condition.key]
            rows = old.read(where.first, where.last)
            pieces.append(with_condition(rows.filter(_is_fine(rows)), condition, wanted))
            covered = where.seeds
        for part in sorted(parts.get(condition.key, []), key=lambda part: part.seeds.start):
            table = read_table(part.path)
            new = (table.slice(s.start - part.seeds.start, len(s)) for s in subtract(part.seeds, covered))
            pieces.extend(with_condition(rows, condition, wanted) for rows in new)
            covered = merge([*covered, part.seeds])
        if covered != [study.seeds_of(condition)]:
            raise RunError(f"{path}: trainings of {condition.text()} are missing; run the same command again")
        yield pa.concat_tables(pieces).sort_by("seed")


class Slices:
    """Rows first … last − 1 of a Parquet file, read a row group at a time; the last group is kept."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._kept: tuple[int, pa.Table] | None = None

    def read(self, first: int, last: int) -> pa.Table:
        """The rows, as a table."""
        pieces = []
        low = int(np.searchsorted(self._starts, first, "right")) - 1
        for group in range(low, int(np.searchsorted(self._starts, last, "left"))):
            start, table = int(self._starts[group]), self._group(group)
            begin, end = max(first - start, 0), min(last - start, len(table))
            pieces.append(table.slice(begin, end - begin))
        return pa.concat_tables(pieces)

    def _group(self, group: int) -> pa.Table:
        if self._kept is None or self._kept[0] != group:
            self._kept = (group, self._file.read_row_group(group))
        return self._kept[1]


def _in_groups(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in pieces of ROW_GROUP, however they came."""
    waiting: list[pa.Table] = []
    n = 0
    for table in tables:
        waiting.append(table)
        n += len(table)
        while n >= ROW_GROUP:
            together = pa.concat_tables(waiting)
            yield together.slice(0, ROW_GROUP)
            waiting, n = [together.slice(ROW_GROUP)], n - ROW_GROUP
    if n:
        yield pa.concat_tables(waiting)


def _is_fine(table: pa.Table) -> pa.Array:
    return pc.equal(table["status"].combine_chunks().cast(pa.string()), "ok")


def _spans(seeds: np.ndarray) -> Spans:
    """Ascending seeds as ranges."""
    if len(seeds) == 0:
        return []
    cuts = np.flatnonzero(np.diff(seeds) != 1) + 1
    return [range(int(run[0]), int(run[-1]) + 1) for run in np.split(seeds, cuts)]
