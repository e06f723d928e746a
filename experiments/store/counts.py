"""Exact counts of trainings: what the analysis reads of a study, whether its rows were kept or not.

counts.parquet holds, for each condition in the study's order, with its key and fields, rows of four kinds:

    runs               how many trainings (`count`) agree in all of `COUNTED`, and the lowest `seed` of them
    solved_epoch       how many were solved from `epoch` on; and so for each of `EPOCHS`
    first_death_epoch
    seeds              which seeds are counted: `count` of them from `seed` on, and in the bits of `solved`
                       (the first seed is the highest bit of the first byte) which of them were solved

Everything adds up exactly, so the file is the same however its seeds were cut into batches. The rows `seeds`
say which trainings the tables of a folder hold; those that failed are counted and not among them.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.data.door import COUNTED
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, TEXT, in_schema, plain
from experiments.study.batches import merge

EPOCHS = ("solved_epoch", "first_death_epoch")  # epochs of which every value is counted
CHUNK = 65_536  # seeds in a row `seeds`, at most; such rows end at multiples of it

_RESULTS = {name: TEXT if RESULT_COLUMNS[name] == pa.string() else RESULT_COLUMNS[name] for name in COUNTED}
_OWN = {"kind": TEXT, **_RESULTS, "epoch": pa.int32(), "seed": pa.int64(), "count": pa.int64(), "solved": pa.binary()}
SCHEMA = pa.schema(CONDITION_COLUMNS | _OWN)
PLAIN = plain(pa.schema(_OWN))  # of one condition

Piece = tuple[range, np.ndarray]  # consecutive seeds, and for each whether it was solved


class Held(NamedTuple):
    """Where the tables hold a condition."""

    first: int = 0  # its rows in counts.parquet are first … last − 1
    last: int = 0
    row: int = 0  # its first one in trials.parquet, which has one for each of the consecutive seeds `trained`
    trained: range = range(0)
    seeds: tuple[range, ...] = ()  # those of them that went well

    def rows_of(self, seeds: range) -> tuple[int, int]:
        """Where the rows of these seeds begin and end in trials.parquet."""
        return self.row + seeds.start - self.trained.start, self.row + seeds.stop - self.trained.start


def count_rows(rows: pa.Table) -> pa.Table:
    """The counts of rows of one condition (`experiments.store.columns.part_schema`), with ascending seeds."""
    runs = {name: rows[name] for name in (*COUNTED, "seed")}
    tables = [pa.table({"kind": pa.repeat("runs", len(rows)), **runs, "count": pa.repeat(1, len(rows))})]
    for name in EPOCHS:
        epochs, times = rows[name].drop_null().value_counts().flatten()
        tables.append(pa.table({"kind": pa.repeat(name, len(epochs)), "epoch": epochs, "count": times}))
    fine = rows.select(["seed", "outcome"]).filter(pc.equal(rows["status"], "ok"))
    seeds, solved = fine["seed"].to_numpy(), pc.fill_null(pc.equal(fine["outcome"], "solved"), False).to_numpy()
    gaps = np.flatnonzero(np.diff(seeds) != 1) + 1
    cut = zip(np.split(seeds, gaps), np.split(solved, gaps), strict=True)
    pieces = [(range(int(part[0]), int(part[-1]) + 1), flags) for part, flags in cut if len(part)]
    return pa.concat_tables([_summed([in_schema(table, PLAIN) for table in tables]), seed_rows(pieces)])


def add_up(tables: Sequence[pa.Table]) -> pa.Table:
    """Counts of one condition, no seed in two of them, as one table: equal rows added up, in a fixed order."""
    others = [table.filter(pc.not_equal(table["kind"], "seeds")) for table in tables]
    return pa.concat_tables([_summed(others), seed_rows(piece for table in tables for piece in solved_seeds(table))])


def _summed(tables: Sequence[pa.Table]) -> pa.Table:
    """Counts added up as `add_up` does, without rows of kind `seeds`."""
    keys = ["kind", *COUNTED, "epoch"]
    summed = pa.concat_tables(tables).group_by(keys, use_threads=False).aggregate([("seed", "min"), ("count", "sum")])
    counts = summed.rename_columns([name.removesuffix("_min").removesuffix("_sum") for name in summed.column_names])
    order = pc.index_in(counts["kind"], pa.array(["runs", *EPOCHS]))
    counts = counts.append_column("order", order).sort_by([(name, "ascending") for name in ("order", *keys)])
    return in_schema(counts, PLAIN)


def total(counts: pa.Table, **wanted: str) -> int:
    """The sum of the counts in the rows whose columns have these values; of kind `runs` it is a number of trainings."""
    for column, value in wanted.items():
        counts = counts.filter(pc.equal(counts[column], value))
    return int(pc.sum(counts["count"]).as_py() or 0)


def solved_seeds(counts: pa.Table) -> Iterator[Piece]:
    """Which seeds were solved, as the rows of kind `seeds` say, one after the other."""
    rows = counts.filter(pc.equal(counts["kind"], "seeds"))
    for seed, count, solved in zip(*(rows[name].to_pylist() for name in ("seed", "count", "solved")), strict=True):
        yield range(seed, seed + count), np.unpackbits(np.frombuffer(solved, np.uint8), count=count).astype(bool)


def seed_rows(pieces: Iterable[Piece]) -> pa.Table:
    """Rows of kind `seeds`, ascending: a new one begins only at a gap or at a multiple of `CHUNK`."""
    ordered = sorted(pieces, key=lambda piece: piece[0].start)
    solved = np.concatenate([np.zeros(0, bool), *(flags for _, flags in ordered)])
    rows = []
    for span in merge([span for span, _ in ordered]):
        inner = range((span.start // CHUNK + 1) * CHUNK, span.stop, CHUNK)
        for start, stop in itertools.pairwise([span.start, *inner, span.stop]):
            bits, solved = np.split(solved, [stop - start])
            rows.append({"kind": "seeds", "seed": start, "count": len(bits), "solved": np.packbits(bits).tobytes()})
    return pa.Table.from_pylist(rows, schema=PLAIN)


def scan(path: Path) -> dict[str, Held]:
    """What the tables hold, by condition key, as counts.parquet at `path` says; ValueError if it contradicts itself."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise ValueError("its columns are not those of counts")
        table = file.read(["condition", "kind", "seed", "count"])
        lengths = [pc.binary_length(each["solved"]) for each in file.iter_batches(columns=["solved"])]
    key, kind = (pc.dictionary_encode(table[name].combine_chunks().cast(pa.string())) for name in ("condition", "kind"))
    if key.null_count or kind.null_count or not {*kind.dictionary.to_pylist()} <= {"runs", *EPOCHS, "seeds"}:
        raise ValueError("it holds counts of another kind")
    codes, names, kinds = key.indices.to_numpy(), key.dictionary.to_pylist(), kind.dictionary_decode()
    runs, spans = (pc.equal(kinds, name).to_numpy(zero_copy_only=False) for name in ("runs", "seeds"))
    numbers = (table["seed"], table["count"], pa.chunked_array(lengths, pa.int32()))
    seeds, counts, n_bytes = (pc.fill_null(each, -1).to_numpy() for each in numbers)
    if (n_bytes[spans] != (counts[spans] + 7) // 8).any():
        raise ValueError("bits of its seeds are missing, or there are too many")
    found: dict[str, Held] = {}
    row = 0
    for first, last in itertools.pairwise(np.flatnonzero(np.diff(codes, prepend=-1, append=-1)).tolist()):
        seed, count, of_runs, of_seeds = (each[first:last] for each in (seeds, counts, runs, spans))
        n, starts, lengths = int(count[of_runs].sum()), seed[of_seeds], count[of_seeds]
        if names[codes[first]] in found or not n or count.min() < 1 or seed[of_runs | of_seeds].min() < 0:
            raise ValueError("its counts are out of order")
        if len(twice := starts[1:][np.diff(starts) < lengths[:-1]]):
            raise ValueError(f"seed {twice[0]} is counted twice, or out of order")
        held = merge([range(start, start + n) for start, n in zip(starts.tolist(), lengths.tolist(), strict=True)])
        start = int(seed[of_runs].min())
        found[names[codes[first]]] = Held(first, last, row, range(start, start + n), tuple(held))
        row += n
    return found
