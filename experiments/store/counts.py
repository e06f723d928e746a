"""What a study with `record: summary` keeps instead of rows: exact counts, merged as they come.

counts.parquet holds, for each condition in the study's order, with its key and fields, rows of four kinds:

    runs               how many trainings (`count`) agree in all of `COUNTED`, and the lowest `seed` of them
    solved_epoch       how many were solved from `epoch` on; and so for each of `EPOCHS`
    first_death_epoch
    seeds              which seeds are counted: `count` of them from `seed` on, and in the bits of `solved`
                       (the first seed is the highest bit of the first byte) which of them were solved

A part is the same table of one batch. Everything adds up exactly, so the file is the same however its
seeds were cut into batches; each seed is counted once, because the rows `seeds` say which were. A part
that overlaps them cannot be taken apart again: it is dropped, and what it alone had is trained anew.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from experiments.errors import RunError
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, TEXT, Digest, encode, with_condition
from experiments.store.files import replacing
from experiments.store.parts import Part, read_table
from experiments.store.trials import Slices, Written, damaged, in_groups, sha256_of
from experiments.study.batches import Spans, merge, subtract
from experiments.study.study import Study

COUNTED = (
    "status", "error", "outcome", "cause", "merged", "dead_init", "dead_final", "linear_final", "revived", "minimum",
    "outcome_before", "period",
)  # fmt: skip
"""What tells trainings of a condition apart: all that summary, figures, tables and verdicts ask about."""

EPOCHS = ("solved_epoch", "first_death_epoch")
"""Epochs of which every value is counted."""

CHUNK = 65_536
"""Seeds in a row `seeds`, at most; such rows end at multiples of it."""

ROW_GROUP = 8_192
"""Rows in a row group of counts.parquet."""

FOLD = 512
"""Parts that are left on the disk before they are added to counts.parquet while a study runs; see `is_time_to_fold`."""

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

PLAIN = pa.schema(
    [(field.name, pa.string() if pa.types.is_dictionary(field.type) else field.type) for field in SCHEMA][
        len(CONDITION_COLUMNS) :
    ]
)
"""The columns of a part: nothing of the condition, text as text."""

Piece = tuple[int, np.ndarray]
"""Consecutive seeds: the first, and for each whether it was solved."""


@dataclass(frozen=True)
class Held:
    """Where counts.parquet holds a condition: its rows first … last − 1, those of kind `seeds` from `bits` on."""

    first: int
    bits: int
    last: int
    seeds: Spans


def count_rows(table: pa.Table) -> pa.Table:
    """The counts of a table of trainings with consecutive seeds (see `experiments.store.columns`)."""
    n = len(table)
    columns = {name: table[name] if name in table.column_names else pa.nulls(n) for name in (*COUNTED, *EPOCHS)}
    ones = pa.array(np.ones(n, np.int64))
    runs = {name: columns[name].cast(PLAIN.field(name).type) for name in COUNTED}
    pieces = [_rows("runs", {**runs, "seed": table["seed"], "count": ones}, n)]
    for name in EPOCHS:
        epochs = columns[name].cast(pa.int32())
        known = epochs.is_valid()
        pieces.append(_rows(name, {"epoch": epochs.filter(known), "count": ones.filter(known)}))
    fine = pc.equal(table["status"], "ok").to_numpy()
    if fine.all():
        solved = pc.fill_null(pc.equal(columns["outcome"].cast(pa.string()), "solved"), False).to_numpy()
        pieces.extend(_seed_rows([(table["seed"][0].as_py(), solved)] if n else []))
    return add_up(pieces)


def _rows(kind: str, columns: dict[str, pa.Array], n: int | None = None) -> pa.Table:
    n = len(columns["count"]) if n is None else n
    filled = {"kind": pa.repeat(kind, n), **columns}
    return pa.table([filled.get(field.name, pa.nulls(n, field.type)) for field in PLAIN], schema=PLAIN)


def add_up(tables: Sequence[pa.Table]) -> pa.Table:
    """Counts as one table: equal rows added up and in a fixed order; rows `seeds`, which do not add up, at the end."""
    together = pa.concat_tables(tables)
    are_seeds = pc.equal(together["kind"], "seeds")
    keys = ["kind", *COUNTED, "epoch"]
    summed = together.filter(pc.invert(are_seeds)).group_by(keys, use_threads=False)
    counts = summed.aggregate([("seed", "min"), ("count", "sum")])
    counts = counts.rename_columns([{"seed_min": "seed", "count_sum": "count"}.get(n, n) for n in counts.column_names])
    order = pc.index_in(counts["kind"], pa.array(["runs", *EPOCHS]))
    sorted_ = counts.append_column("order", order).sort_by([(name, "ascending") for name in ("order", *keys)])
    bits = pa.nulls(len(sorted_), pa.binary())
    ordered = [sorted_[name] if name != "solved" else bits for name in PLAIN.names]
    return pa.concat_tables([pa.table(ordered, schema=PLAIN), together.filter(are_seeds)])


def trainings(table: pa.Table) -> int:
    """How many trainings a table of counts counts."""
    return int(pc.sum(pc.if_else(pc.equal(table["kind"].cast(pa.string()), "runs"), table["count"], 0)).as_py() or 0)


def outcomes(table: pa.Table) -> dict[str, int]:
    """How many trainings a table of counts holds of each outcome."""
    runs = table.filter(pc.equal(table["kind"], "runs")).group_by("outcome").aggregate([("count", "sum")])
    return dict(zip(runs["outcome"].to_pylist(), runs["count_sum"].to_pylist(), strict=True))


def spans(table: pa.Table) -> Spans:
    """The seeds that a table of counts has counted."""
    rows = table.filter(pc.equal(table["kind"].cast(pa.string()), "seeds"))
    starts, counts = rows["seed"].to_pylist(), rows["count"].to_pylist()
    return merge([range(start, start + count) for start, count in zip(starts, counts, strict=True)])


def usable(parts: list[Part], held: Spans) -> tuple[list[Part], list[Part]]:
    """The parts that can be added to what is counted, each seed once; and those that cannot."""
    taken, dropped, covered = [], [], held
    for part in sorted(parts, key=lambda part: (part.seeds.start, part.seeds.stop)):
        if subtract(part.seeds, covered) == [part.seeds]:
            taken.append(part)
            covered = merge([*covered, part.seeds])
        else:
            dropped.append(part)
    return taken, dropped


def is_time_to_fold(waiting: int, conditions: int) -> bool:
    """Whether so many parts are to be added up: seldom enough that writing the file anew costs little."""
    return waiting >= max(FOLD, 4 * conditions)


# --- bits


def solved_pieces(rows: pa.Table) -> Iterator[Piece]:
    """What rows of kind `seeds` say."""
    for seed, count, solved in zip(*(rows[name].to_pylist() for name in ("seed", "count", "solved")), strict=True):
        yield seed, np.unpackbits(np.frombuffer(solved, np.uint8), count=count).astype(bool)


def _seed_rows(pieces: Iterable[Piece]) -> Iterator[pa.Table]:
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
    return _rows("seeds", {"seed": pa.array([start]), "count": pa.array([len(solved)]), "solved": bits})


# --- the file


def scan(path: Path) -> dict[str, Held]:
    """What counts.parquet holds, by condition key; RunError if it is damaged, nothing if it is not there."""
    if not path.exists():
        return {}
    found: dict[str, Held] = {}
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            at = 0
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, ["condition", "kind", "seed", "count"])
                _note(found, rows, at)
                at += len(rows)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None
    return found


def _note(found: dict[str, Held], rows: pa.Table, at: int) -> None:
    """Add to `found` what rows from row number `at` on hold."""
    keys = pc.dictionary_encode(rows["condition"].combine_chunks().cast(pa.string()))
    codes = keys.indices.to_numpy(zero_copy_only=False)
    bounds = [int(bound) for bound in np.flatnonzero(np.diff(codes, prepend=-1, append=-1))]
    for first, last in itertools.pairwise(bounds):
        key, part = keys.dictionary[int(codes[first])].as_py(), rows.slice(first, last - first)
        before = found.get(key) or Held(at + first, at + first, at + first, [])
        new = spans(part)
        others = len(part) - pc.sum(pc.equal(part["kind"].cast(pa.string()), "seeds")).as_py()
        bits = before.bits + others if before.bits == before.last else before.bits
        found[key] = Held(before.first, bits, at + last, merge([*before.seeds, *new]))


def write(path: Path, study: Study, held: dict[str, Held], parts: dict[str, list[Part]], whole: bool = True) -> Written:
    """Write counts.parquet anew from what it holds and the parts; RunError if trainings of the `whole` are missing."""
    digest, rows, failed = Digest(), 0, 0
    with replacing(path) as temporary:
        with pq.ParquetWriter(temporary, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
            for table in in_groups(_merged(path, study, held, parts, whole), ROW_GROUP):
                encoded = encode(table, SCHEMA)
                writer.write_table(encoded, row_group_size=ROW_GROUP)
                digest.update(encoded)
                rows += trainings(table)
                failed += trainings(table.filter(pc.fill_null(pc.not_equal(table["status"], "ok"), False)))
        sha256 = sha256_of(temporary)
    return Written(rows, failed, digest.hexdigest(), sha256)


def _merged(
    path: Path, study: Study, held: dict[str, Held], parts: dict[str, list[Part]], whole: bool
) -> Iterator[pa.Table]:
    """All counts of the study, piece by piece, with their condition."""
    old = Slices(path) if held else None
    for condition in study.conditions:
        mine, where = parts.get(condition.key, []), held.get(condition.key)
        covered = merge([*(where.seeds if where else []), *(part.seeds for part in mine)])
        if whole and covered != [study.seeds_of(condition)]:
            raise RunError(f"{path}: trainings of {condition.text()} are missing; run the same command again")
        new = [read_table(part.path).replace_schema_metadata(None) for part in mine]
        counts = [table.filter(pc.not_equal(table["kind"], "seeds")) for table in new]
        bits = sorted(
            (piece for table in new for piece in solved_pieces(only_seeds(table))), key=lambda piece: piece[0]
        )
        before: Iterator[Piece] = iter(())
        if old and where:
            counts.extend(without_failed(table) for table in old.pieces(where.first, where.bits, ROW_GROUP))
            before = (piece for table in old.pieces(where.bits, where.last, 64) for piece in solved_pieces(table))
        if len(counts) > 1 and new:
            counts = [add_up(counts)]
        for table in counts:
            yield with_condition(table, condition, SCHEMA)
        for table in _seed_rows(heapq.merge(before, bits, key=lambda piece: piece[0])):
            yield with_condition(table, condition, SCHEMA)


def only_seeds(table: pa.Table) -> pa.Table:
    """The rows of kind `seeds`."""
    return table.filter(pc.equal(table["kind"], "seeds"))


def without_failed(table: pa.Table) -> pa.Table:
    """Counts of the file as a part holds them, without trainings that failed."""
    plain = table.select(PLAIN.names).cast(PLAIN)
    return plain.filter(pc.fill_null(pc.equal(plain["status"], "ok"), True))
