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

from experiments.errors import RunError
from experiments.store.columns import Digest, encode, schema, with_condition
from experiments.store.files import replacing
from experiments.store.parts import Part, first_line, read_table
from experiments.study.batches import Spans, merge, subtract
from experiments.study.study import Study

ROW_GROUP = 65_536
"""Rows in a row group of trials.parquet."""


@dataclass(frozen=True)
class Rows:
    """Where trials.parquet holds a condition: (first row, seeds) of each run of consecutive seeds that are fine."""

    runs: list[tuple[int, range]]

    @property
    def seeds(self) -> Spans:
        """The seeds that are fine."""
        return merge([seeds for _, seeds in self.runs])


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
    found: dict[str, Rows] = {}
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            at = 0
            for group in range(file.num_row_groups):
                table = file.read_row_group(group, ["condition", "seed", "status"])
                _note(found, table, at)
                at += len(table)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None
    return found


def damaged(path: Path, error: Exception) -> RunError:
    """What to raise for a file that cannot be read."""
    return RunError(f"{path} is damaged ({first_line(error)}); use output=DIR for another folder, or overwrite=true")


def _note(found: dict[str, Rows], table: pa.Table, at: int) -> None:
    """Add to `found` what rows from row number `at` on hold."""
    column = pc.dictionary_encode(table["condition"].combine_chunks().cast(pa.string()))
    codes = column.indices.to_numpy(zero_copy_only=False)
    seeds = table["seed"].combine_chunks().to_numpy()
    fine = _is_fine(table).to_numpy(zero_copy_only=False)
    cuts = (np.diff(codes) != 0) | (np.diff(seeds) != 1) | (np.diff(fine.astype(np.int8)) != 0)
    bounds = [0, *(int(cut) + 1 for cut in np.flatnonzero(cuts)), len(table)]
    for first, last in itertools.pairwise(bounds):
        runs = found.setdefault(column.dictionary[int(codes[first])].as_py(), Rows([])).runs
        if not fine[first]:
            continue
        row, span = at + first, range(int(seeds[first]), int(seeds[last - 1]) + 1)
        if runs and runs[-1][1].stop == span.start and runs[-1][0] + len(runs[-1][1]) == row:
            row, span = runs[-1][0], range(runs[-1][1].start, span.stop)
            runs.pop()
        runs.append((row, span))


def write(path: Path, study: Study, held: dict[str, Rows], parts: dict[str, list[Part]]) -> Written:
    """Write trials.parquet anew from the rows that it holds and the parts; RunError if trainings are missing."""
    wanted = schema(study.conditions)
    digest, failed, rows = Digest(), 0, 0
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, wanted, compression="zstd", write_page_checksum=True) as writer:
            for table in in_groups(_sorted(path, study, held, parts, wanted), ROW_GROUP):
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
    """All rows of the study, condition by condition, by seed; each seed once. No condition is held as a whole."""
    old = Slices(path) if held else None
    for condition in study.conditions:
        mine = held.get(condition.key, Rows([]))
        segments: list[tuple[range, int | Part]] = [(seeds, row) for row, seeds in mine.runs]
        covered = mine.seeds
        for part in sorted(parts.get(condition.key, []), key=lambda part: part.seeds.start):
            segments.extend((span, part) for span in subtract(part.seeds, covered))
            covered = merge([*covered, part.seeds])
        if covered != [study.seeds_of(condition)]:
            raise RunError(f"{path}: trainings of {condition.text()} are missing; run the same command again")
        for seeds, source in sorted(segments, key=lambda segment: segment[0].start):
            if isinstance(source, Part):
                pieces = iter([read_table(source.path).slice(seeds.start - source.seeds.start, len(seeds))])
            else:
                assert old is not None
                pieces = old.pieces(source, source + len(seeds), ROW_GROUP)
            for rows in pieces:
                yield with_condition(rows, condition, wanted)


class Slices:
    """Rows first … last − 1 of a Parquet file, read a row group at a time; the last group is kept."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        sizes = [self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups)]
        self._starts = np.concatenate([[0], np.cumsum(sizes)])
        self._kept: tuple[int, pa.Table] | None = None

    def pieces(self, first: int, last: int, most: int) -> Iterator[pa.Table]:
        """The rows, in tables of at most so many."""
        for start in range(first, last, most):
            yield self.read(start, min(start + most, last))

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


def in_groups(tables: Iterator[pa.Table], size: int) -> Iterator[pa.Table]:
    """The same rows in pieces of that size, however they came."""
    waiting: list[pa.Table] = []
    n = 0
    for table in tables:
        waiting.append(table)
        n += len(table)
        while n >= size:
            together = pa.concat_tables(waiting)
            yield together.slice(0, size)
            waiting, n = [together.slice(size)], n - size
    if n:
        yield pa.concat_tables(waiting)


def _is_fine(table: pa.Table) -> pa.Array:
    return pc.equal(table["status"].combine_chunks().cast(pa.string()), "ok")
