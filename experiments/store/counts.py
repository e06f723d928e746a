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
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, TEXT, plain
from experiments.study.batches import merge

EPOCHS = ("solved_epoch", "first_death_epoch")
"""Epochs of which every value is counted."""

CHUNK = 65_536
"""Seeds in a row `seeds`, at most; such rows end at multiples of it."""

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

PLAIN = plain(pa.schema([field for field in SCHEMA if field.name not in CONDITION_COLUMNS]))
"""The columns of counts of one condition, with text as text."""

Piece = tuple[int, np.ndarray]
"""Consecutive seeds: the first, and for each whether it was solved."""


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


def count_rows(table: pa.Table) -> pa.Table:
    """The counts of rows of one condition, with ascending seeds; see `experiments.store.columns.part_schema`."""
    n = len(table)
    ones = pa.array(np.ones(n, np.int64))
    runs = {name: table[name].cast(PLAIN.field(name).type) for name in COUNTED}
    pieces = [_rows("runs", n, {**runs, "seed": table["seed"], "count": ones})]
    for name in EPOCHS:
        epochs = table[name].drop_null()
        pieces.append(_rows(name, len(epochs), {"epoch": epochs, "count": ones.slice(0, len(epochs))}))
    fine = table.filter(pc.equal(runs["status"], "ok"))
    return add_up([*pieces, *seed_rows(_pieces(fine))])


def is_solved(rows: pa.Table) -> pa.Array:
    """Which trainings were solved."""
    return pc.fill_null(pc.equal(rows["outcome"].cast(pa.string()), "solved"), False)


def _pieces(fine: pa.Table) -> Iterator[Piece]:
    """Runs of consecutive seeds of trainings that went well, and which of them were solved."""
    solved = is_solved(fine).to_numpy()
    seeds = fine["seed"].to_numpy()
    bounds = np.flatnonzero(np.diff(seeds) != 1) + 1
    for first, last in itertools.pairwise([0, *(int(bound) for bound in bounds), len(seeds)]):
        if first < last:
            yield int(seeds[first]), solved[first:last]


def _rows(kind: str, n: int, columns: dict[str, pa.Array]) -> pa.Table:
    filled = {"kind": pa.repeat(kind, n), **columns}
    return pa.table([filled.get(field.name, pa.nulls(n, field.type)) for field in PLAIN], schema=PLAIN)


def add_up(tables: Sequence[pa.Table]) -> pa.Table:
    """Counts as one table: equal rows added up and in a fixed order; rows `seeds`, which do not add up, at the end."""
    together = pa.concat_tables(tables)
    keys = ["kind", *COUNTED, "epoch"]
    summed = without_seeds(together).group_by(keys, use_threads=False)
    counts = summed.aggregate([("seed", "min"), ("count", "sum")])
    counts = counts.rename_columns([{"seed_min": "seed", "count_sum": "count"}.get(n, n) for n in counts.column_names])
    order = pc.index_in(counts["kind"], pa.array(["runs", *EPOCHS]))
    sorted_ = counts.append_column("order", order).sort_by([(name, "ascending") for name in ("order", *keys)])
    bits = pa.nulls(len(sorted_), pa.binary())
    ordered = [sorted_[name] if name != "solved" else bits for name in PLAIN.names]
    return pa.concat_tables([pa.table(ordered, schema=PLAIN), only_seeds(together)])


def only_seeds(table: pa.Table) -> pa.Table:
    """The rows of kind `seeds`."""
    return table.filter(pc.equal(table["kind"], "seeds"))


def without_seeds(table: pa.Table) -> pa.Table:
    """The rows of the other kinds."""
    return table.filter(pc.not_equal(table["kind"], "seeds"))


def without_failed(table: pa.Table) -> pa.Table:
    """The counts without those of trainings that failed."""
    return table.filter(pc.fill_null(pc.equal(table["status"], "ok"), True))


def trainings(counts: pa.Table) -> int:
    """How many trainings a table of counts counts."""
    return int(pc.sum(counts.filter(pc.equal(counts["kind"], "runs"))["count"]).as_py() or 0)


def solved_pieces(rows: pa.Table) -> Iterator[Piece]:
    """What rows of kind `seeds` say."""
    for seed, count, solved in zip(*(rows[name].to_pylist() for name in ("seed", "count", "solved")), strict=True):
        yield seed, np.unpackbits(np.frombuffer(solved, np.uint8), count=count).astype(bool)


def seed_rows(pieces: Iterable[Piece]) -> Iterator[pa.Table]:
    """Rows of kind `seeds` of ascending pieces: as few as chunks and gaps allow."""
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
    bits = pa.array([np.packbits(solved).tobytes()], pa.binary())
    return _rows("seeds", 1, {"seed": pa.array([start]), "count": pa.array([len(solved)]), "solved": bits})


def scan(path: Path) -> dict[str, Held]:
    """What the tables hold, by condition key, as counts.parquet at `path` says; ValueError if that cannot be."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        if not file.schema_arrow.equals(SCHEMA):
            raise ValueError("its columns are not those of counts")
        table = file.read(["condition", "kind", "seed", "count"])
    key, kind = (pc.dictionary_encode(table[name].combine_chunks().cast(pa.string())) for name in ("condition", "kind"))
    if not {*kind.dictionary.to_pylist()} <= {"runs", *EPOCHS, "seeds"}:
        raise ValueError("it holds counts of another kind")
    codes, names, kinds = key.indices.to_numpy(), key.dictionary.to_pylist(), kind.dictionary_decode()
    all_runs, all_spans = (pc.equal(kinds, name).to_numpy(zero_copy_only=False) for name in ("runs", "seeds"))
    all_seeds, all_counts = (pc.fill_null(table[name], -1).to_numpy() for name in ("seed", "count"))
    found: dict[str, Held] = {}
    row = 0
    bounds = np.flatnonzero(np.diff(codes, prepend=-1, append=-1)).tolist()
    for first, last in itertools.pairwise(bounds):
        runs, spans, seed, count = (each[first:last] for each in (all_runs, all_spans, all_seeds, all_counts))
        n, bits, starts = int(count[runs].sum()), last - int(spans.sum()), seed[spans]
        odd = names[codes[first]] in found or not n or count.min() < 1 or seed[spans | runs].min() < 0
        if odd or spans[: bits - first].any():
            raise ValueError("its counts are out of order")
        held = merge([range(*ends) for ends in zip(starts.tolist(), (starts + count[spans]).tolist(), strict=True)])
        start = int(seed[runs].min())
        found[names[codes[first]]] = Held(first, bits, last, row, start, n, tuple(held), starts)
        row += n
    return found
