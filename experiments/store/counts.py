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
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.data.door import COUNTED
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, TEXT, in_schema, plain
from experiments.study.batches import merge

EPOCHS = ("solved_epoch", "first_death_epoch")  # epochs of which every value is counted
CHUNK = 65_536  # seeds in a row `seeds`, at most; such rows end at multiples of it

SCHEMA = pa.schema(
    [
        *CONDITION_COLUMNS.items(),
        ("kind", TEXT),
        *((name, TEXT if RESULT_COLUMNS[name] == pa.string() else RESULT_COLUMNS[name]) for name in COUNTED),
        ("epoch", pa.int32()),
        ("seed", pa.int64()),
        ("count", pa.int64()),
        ("solved", pa.binary()),
    ]
)

PLAIN = plain(pa.schema([field for field in SCHEMA if field.name not in CONDITION_COLUMNS]))  # of one condition
Piece = tuple[int, np.ndarray]  # consecutive seeds: the first, and for each whether it was solved


@dataclass(frozen=True)
class Held:
    """Where the tables hold a condition.

    In counts.parquet its rows are first … last − 1, and from `bits` on they are of kind `seeds`; `starts` are the first
    seeds of those. In trials.parquet its rows begin at `row`: one for each of the `trainings` consecutive seeds from
    `start` on, of which `seeds` went well.
    """

    first: int = 0
    bits: int = 0
    last: int = 0
    row: int = 0
    start: int = 0
    trainings: int = 0
    seeds: tuple[range, ...] = ()
    starts: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64), compare=False)

    def row_of(self, seed: int) -> int:
        """The row of a seed in trials.parquet."""
        return self.row + seed - self.start


def count_rows(rows: pa.Table) -> pa.Table:
    """The counts of rows of one condition (`experiments.store.columns.part_schema`), without those of kind `seeds`."""
    ones = pa.repeat(pa.scalar(1, pa.int64()), len(rows))
    tables = [
        pa.table({"kind": pa.repeat("runs", len(rows)), **{n: rows[n] for n in (*COUNTED, "seed")}, "count": ones})
    ]
    for name in EPOCHS:
        epochs, times = rows[name].drop_null().value_counts().flatten()
        tables.append(pa.table({"kind": pa.repeat(name, len(epochs)), "epoch": epochs, "count": times}))
    return add_up([in_schema(table, PLAIN) for table in tables])


def add_up(tables: Sequence[pa.Table]) -> pa.Table:
    """Counts of one condition, without rows of kind `seeds`, as one table: equal rows added up, in a fixed order."""
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


def is_solved(rows: pa.Table) -> pa.Array:
    """Which trainings were solved."""
    return pc.fill_null(pc.equal(rows["outcome"].cast(pa.string()), "solved"), False)


def solved_seeds(rows: pa.Table) -> Iterator[Piece]:
    """Which seeds were solved, of rows with ascending seeds; trainings that failed are left out."""
    fine = rows.select(["seed", "outcome"]).filter(pc.equal(rows["status"].cast(pa.string()), "ok"))
    solved, seeds = is_solved(fine).to_numpy(), fine["seed"].to_numpy()
    bounds = np.flatnonzero(np.diff(seeds) != 1) + 1
    for first, last in itertools.pairwise([0, *bounds.tolist(), len(seeds)]):
        if first < last:
            yield int(seeds[first]), solved[first:last]


def solved_pieces(counts: pa.Table) -> Iterator[Piece]:
    """Which seeds were solved, read from rows of kind `seeds`."""
    for seed, count, solved in zip(*(counts[name].to_pylist() for name in ("seed", "count", "solved")), strict=True):
        yield seed, np.unpackbits(np.frombuffer(solved, np.uint8), count=count).astype(bool)


def seed_rows(pieces: Iterable[Piece]) -> Iterator[pa.Table]:
    """Rows of kind `seeds` for ascending pieces: a new row begins only at a gap or at the end of a chunk."""
    start, n = 0, 0
    waiting: list[np.ndarray] = []
    for first, flags in pieces:
        if n and first != start + n:
            yield _seed_row(start, waiting)
            waiting, n = [], 0
        start = start if n else first
        while len(flags):
            room = CHUNK - (start + n) % CHUNK
            waiting.append(flags[:room])
            n += len(flags[:room])
            flags = flags[room:]
            if (start + n) % CHUNK == 0:
                yield _seed_row(start, waiting)
                start, waiting, n = start + n, [], 0
    if n:
        yield _seed_row(start, waiting)


def _seed_row(start: int, flags: list[np.ndarray]) -> pa.Table:
    solved = np.concatenate(flags)
    row = {"kind": "seeds", "seed": start, "count": len(solved), "solved": np.packbits(solved).tobytes()}
    return pa.Table.from_pylist([row], schema=PLAIN)


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
    all_runs, all_spans = (pc.equal(kinds, name).to_numpy(zero_copy_only=False) for name in ("runs", "seeds"))
    numbers = (table["seed"], table["count"], pa.chunked_array(lengths, pa.int32()))
    all_seeds, all_counts, all_lengths = (pc.fill_null(each, -1).to_numpy() for each in numbers)
    found: dict[str, Held] = {}
    row = 0
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1)).tolist()
    for first, last in itertools.pairwise(bounds):
        runs, spans, seed, count = (each[first:last] for each in (all_runs, all_spans, all_seeds, all_counts))
        n, bits, starts = int(count[runs].sum()), last - int(spans.sum()), seed[spans]
        odd = names[codes[first]] in found or not n or count.min() < 1 or seed[spans | runs].min() < 0
        if odd or spans[: bits - first].any():
            raise ValueError("its counts are out of order")
        if (all_lengths[first:last][spans] != (count[spans] + 7) // 8).any():
            raise ValueError("bits of its seeds are missing, or there are too many")
        held = merge([range(*ends) for ends in zip(starts.tolist(), (starts + count[spans]).tolist(), strict=True)])
        found[names[codes[first]]] = Held(first, bits, last, row, int(seed[runs].min()), n, tuple(held), starts)
        row += n
    return found
