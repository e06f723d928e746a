"""The tables of a result folder: trials.parquet, a row a training, and counts.parquet, their exact counts.

Both are written at once from what they held before and the parts that came since; with `record: summary` there are
counts alone. They are written beside the old ones, and take their place once the manifest knows their hashes.
"""

import functools
import itertools
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.data.door import COUNTS, TRIALS, beside, flush, sha256_of
from analysis.entry import RunError
from experiments.store import counts
from experiments.store.columns import Digest, in_schema, plain, schema, schema_like, with_condition
from experiments.store.counts import PLAIN, Held
from experiments.store.parts import Part
from experiments.study.batches import Spans, merge, subtract
from experiments.study.study import Study

ROW_GROUP = 65_536  # rows in a row group of trials.parquet
COUNTS_GROUP = 8_192  # rows in a row group of counts.parquet


def names(record: str) -> tuple[str, ...]:
    """The tables that a study with this `record` keeps; the digest is that of the first one."""
    return (COUNTS,) if record == "summary" else (TRIALS, COUNTS)


class Writer:
    """A Parquet file written in row groups of one size, however its rows (of plain text) come; `digest` is of these."""

    def __init__(self, path: Path, wanted: pa.Schema, size: int) -> None:
        self.digest = Digest()
        self._wanted, self._size = wanted, size
        self._waiting: list[pa.Table] = []
        self._n = 0
        self._threads = ThreadPoolExecutor(2)  # one writes a row group, one hashes it, while the next one is gathered
        self._written = self._threads.submit(lambda: None)
        self._file = pq.ParquetWriter(path, wanted, compression="zstd", write_page_checksum=True)

    def close(self) -> None:
        """Write what is left, and end the file."""
        if self._n:
            self._hand_over(pa.concat_tables(self._waiting))
        self._written.result()
        self._threads.shutdown()
        self._file.close()

    def add(self, table: pa.Table) -> None:
        """Add rows."""
        self._waiting.append(table)
        self._n += len(table)
        while self._n >= self._size:
            together = pa.concat_tables(self._waiting)
            self._hand_over(together.slice(0, self._size))
            self._waiting, self._n = [together.slice(self._size)], self._n - self._size

    def _hand_over(self, table: pa.Table) -> None:
        self._written.result()
        self._written = self._threads.submit(self._write, table)

    def _write(self, table: pa.Table) -> None:
        whole = table.combine_chunks()  # so that dictionaries hold their values in order of appearance
        hashed = self._threads.submit(self.digest.update, whole)
        self._file.write_table(whole.cast(self._wanted), row_group_size=self._size)
        hashed.result()


class Slices:
    """Reads rows of a Parquet file, from the first to before the last; the row groups read last are kept in memory."""

    def __init__(self, path: Path) -> None:
        self._file = pq.ParquetFile(path, page_checksum_verification=True)
        sizes = (self._file.metadata.row_group(i).num_rows for i in range(self._file.num_row_groups))
        self._starts = [*itertools.accumulate(sizes, initial=0)]
        self._read_groups = functools.lru_cache(1)(self._file.read_row_groups)

    def pieces(self, first: int, last: int) -> Iterator[pa.Table]:
        """The rows, in tables of at most a row group."""
        for start in range(first, last, ROW_GROUP):
            yield self.read(start, min(start + ROW_GROUP, last))

    def read(self, first: int, last: int) -> pa.Table:
        """The rows, as a table of plain text."""
        low = bisect_right(self._starts, first) - 1
        groups = self._read_groups(range(low, bisect_left(self._starts, last)))
        return groups.slice(first - self._starts[low], last - first).cast(plain(groups.schema))


def check_rows(path: Path, held: Sequence[Held], wanted: pa.Schema | None = None) -> None:
    """ValueError unless trials.parquet has our columns, or those `wanted`, and a row for each training counted."""
    with pq.ParquetFile(path) as file:
        n, found = file.metadata.num_rows, file.schema_arrow
    if not found.equals(wanted or schema_like(found)):
        odd = sorted({field.name for field in set(wanted or schema_like(found)) ^ set(found)}) or ["their order"]
        raise ValueError(f"the columns of {path.name} are not those of its study: see {odd[0]}")
    counted = sum(len(each.trained) for each in held)
    if n != counted:
        raise ValueError(f"{path.name} holds {n:,} rows, but {counted:,} trainings are counted")


def write(folder: Path, study: Study, held: Mapping[str, Held], parts: Iterable[Part], whole: bool) -> dict[str, Any]:
    """Write the tables beside the old ones, from what those hold and the parts; flushed to disk when this returns.

    Returns what a manifest says: numbers of `trials` and of `failed` ones, the `digest` of their values, the SHA-256 of
    each of `files`. RunError if trainings of the `whole` study are missing, or if a part was changed meanwhile.
    """
    n = failed = 0
    found = defaultdict[str, list[Part]](list)
    for each in parts:
        found[each.key].append(each)
    schemas = {TRIALS: (schema(study.conditions), ROW_GROUP), COUNTS: (counts.SCHEMA, COUNTS_GROUP)}
    writers = {name: Writer(beside(folder / name), *schemas[name]) for name in names(study.record)}
    old = {name: Slices(folder / name) for name in writers} if held else {}
    for condition in study.conditions:
        mine = held.get(condition.key, Held())
        segments = _segments(mine, found[condition.key])
        if whole and merge([seeds for seeds, _ in segments]) != [study.seeds_of(condition)]:
            raise RunError(f"{folder}: trainings of {condition.text()} are missing; run the same command again")
        tallies = []
        if mine.last:
            counted = in_schema(old[COUNTS].read(mine.first, mine.last), PLAIN)
            tallies.append(counted.filter(pc.fill_null(pc.equal(counted["status"], "ok"), True)))  # others were retried
        for seeds, part in segments:
            n += len(seeds)
            pieces: Iterable[pa.Table] = ()
            if part is not None:
                pieces = [part.rows(seeds)]
                tallies += map(counts.count_rows, pieces)
            elif TRIALS in old:
                pieces = old[TRIALS].pieces(*mine.rows_of(seeds))
            if TRIALS in writers:
                for rows in pieces:
                    writers[TRIALS].add(with_condition(rows, condition, schemas[TRIALS][0]))
        tally = tallies[0] if len(tallies) == 1 else counts.add_up([*tallies, PLAIN.empty_table()])
        failed += counts.total(tally, status="failed")
        writers[COUNTS].add(with_condition(tally, condition, counts.SCHEMA))
    for name, writer in writers.items():
        writer.close()
        flush(beside(folder / name))
    files = {name: sha256_of(beside(folder / name)) for name in writers}
    digest = writers[names(study.record)[0]].digest.hexdigest()
    return {"trials": n, "failed": failed, "digest": digest, "files": files}


def _segments(held: Held, parts: list[Part]) -> list[tuple[range, Part | None]]:
    """A condition's seeds in ascending ranges, each seed once, and the part that has them, or None for the tables."""
    segments: list[tuple[range, Part | None]] = [(seeds, None) for seeds in held.seeds]
    covered: Spans = list(held.seeds)
    for part in sorted(parts, key=lambda part: part.seeds.start):
        segments.extend((span, part) for span in subtract(part.seeds, covered))
        covered = merge([*covered, part.seeds])
    return sorted(segments, key=lambda segment: segment[0].start)
