"""A study as counts: all that summary, figures, tables and verdicts need, from rows or from a study that kept none.

Figures and tables take frames in which a row stands for `count` trainings that agree in every column
that anything here asks about (see `COUNTED`). Such a frame is small however many trainings there are. It is read
from counts.parquet, which every study leaves. A frame without the column `count` holds a training a row,
and does as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from analysis.data.door import COUNTED
from analysis.data.field_labels import FIELDS
from analysis.data.reading import damaged, read_manifest, typed, with_texts
from analysis.findings.statistics import Paired, Rate, paired_counts

NUMBERS = ("dead_init", "dead_final", "linear_final", "revived", "period")
"""Those of `COUNTED` that are numbers; the others are text."""

Bits = NDArray[np.uint8]


def counts_of(frame: pd.DataFrame) -> NDArray[np.int64]:
    """How many trainings each row stands for."""
    return frame["count"].to_numpy(np.int64) if "count" in frame else np.ones(len(frame), np.int64)


def size(frame: pd.DataFrame) -> int:
    """Number of trainings in a frame."""
    return int(counts_of(frame).sum())


def count_where(frame: pd.DataFrame, chosen: Any) -> int:
    """Number of trainings in the rows chosen by a boolean array."""
    return int(counts_of(frame)[np.asarray(chosen, bool)].sum())


def sums(frame: pd.DataFrame, values: Any = 1) -> pd.Series:
    """The sum of a value over the trainings of each condition, by its key in the order of the frame."""
    weights = pd.Series(counts_of(frame) * np.asarray(values))
    return weights.groupby(frame["condition"].to_numpy(), sort=False).sum()


def tally(frame: pd.DataFrame, column: str) -> pd.Series:
    """Number of trainings of each value of a column; missing values are left out."""
    counted = pd.Series(counts_of(frame), index=frame.index).groupby(frame[column], observed=True).sum()
    return counted[counted > 0]


def mean(frame: pd.DataFrame, column: str) -> float:
    """Mean of a column over trainings; missing values are left out, NaN if nothing is left."""
    counted = tally(frame, column)
    n = int(counted.sum())
    return float((counted.to_numpy() * counted.index.to_numpy(float)).sum() / n) if n else float("nan")


def quantile(values: Any, counts: Any, share: float) -> float:
    """The quantile of ascending values that come so many times, interpolated as NumPy does; NaN for none."""
    ends = np.cumsum(counts)
    if not len(ends) or ends[-1] == 0:
        return float("nan")
    place = (int(ends[-1]) - 1) * share
    low, high = (float(values[np.searchsorted(ends, at, "right")]) for at in (math.floor(place), math.ceil(place)))
    return low + (high - low) * (place - math.floor(place))


@dataclass(frozen=True)
class Solved:
    """Which seeds each condition solved, and which it trained: a bit a seed, the lowest bit `first`."""

    first: int
    bits: dict[str, tuple[Bits, Bits]]

    def n(self, key: str) -> int:
        """How many seeds of a condition were trained."""
        return int(np.bitwise_count(self.bits[key][0]).sum()) if key in self.bits else 0

    def rate(self, key: str) -> Rate:
        """How many seeds of a condition were solved."""
        return Rate.of(int(np.bitwise_count(self.bits[key][1]).sum()) if key in self.bits else 0, self.n(key))

    def compare(self, one: str, other: str, among: Solved | None = None) -> Paired:
        """Two conditions, by key, over the seeds that both have; the other one `among` those of another study."""
        among = among or self
        nothing = np.zeros(0, np.uint8)
        first = max(self.first, among.first)  # multiples of 8 both, so bytes of one match bytes of the other
        starts = [(first - each.first) // 8 for each in (self, among)]
        pairs = [each.bits.get(key, (nothing, nothing)) for each, key in ((self, one), (among, other))]
        stop = min(len(known) - start for (known, _), start in zip(pairs, starts, strict=True))
        (a_known, a), (b_known, b) = (
            [bits[start : start + max(stop, 0)] for bits in pair] for pair, start in zip(pairs, starts, strict=True)
        )
        known = a_known & b_known
        both, only_a, only_b = (int(np.bitwise_count(x & known).sum()) for x in (a & b, a & ~b, ~a & b))
        return paired_counts(both, only_a, only_b, int(np.bitwise_count(known).sum()) - both - only_a - only_b)

    @classmethod
    def of(cls, trials: pd.DataFrame) -> Solved:
        """Of a frame with a training a row."""
        good = trials[(trials["status"] == "ok").to_numpy()]
        seeds = good["seed"].to_numpy(np.int64)
        bits = Bitmaps(int(seeds.min()) if len(seeds) else 0, int(seeds.max()) + 1 if len(seeds) else 1)
        solved = (good["outcome"] == "solved").to_numpy(bool)
        for key, rows in good.groupby("condition", observed=True, sort=False).indices.items():
            bits.add(str(key), seeds[rows], solved[rows])
        return bits.finished()


class Bitmaps:
    """Bits of a study's conditions, set piece by piece."""

    def __init__(self, start: int, stop: int) -> None:
        self._first = start // 8 * 8
        self._bytes = -(-(stop - self._first) // 8)
        self._bits: dict[str, tuple[Bits, Bits]] = {}

    def add(self, key: str, seeds: NDArray[np.int64], solved: NDArray[np.bool_]) -> None:
        """Note that these seeds of a condition were trained, and which of them were solved; ascending, each once."""
        if not len(seeds):
            return
        if key not in self._bits:
            self._bits[key] = (np.zeros(self._bytes, np.uint8), np.zeros(self._bytes, np.uint8))
        low = (int(seeds[0]) - self._first) // 8
        places = seeds - self._first - 8 * low
        for bits, chosen in zip(self._bits[key], (places, places[solved]), strict=True):
            flags = np.zeros(int(places[-1]) + 1, bool)
            flags[chosen] = True
            packed = np.packbits(flags)
            if low < 0 or low + len(packed) > len(bits):
                raise ValueError("seeds beyond those of the manifest")
            bits[low : low + len(packed)] |= packed

    def finished(self) -> Solved:
        """All that was set."""
        return Solved(self._first, self._bits)


@dataclass(frozen=True)
class Counted:
    """A study as counts.

    `runs` is a row for each combination of condition and `COUNTED` that occurs: the condition's key and
    fields, `count`, and `seed`, the lowest seed that ended so. `epochs` is a row for each condition and
    solved_epoch (null for runs that were not solved), with `count`, of the runs without an error.
    """

    runs: pd.DataFrame
    epochs: pd.DataFrame
    solved: Solved


def load_counts(folder: Path) -> Counted:
    """A finished result folder as counts; FolderError for one that cannot be read as results."""
    manifest = read_manifest(folder)
    try:
        return _counted(folder, manifest)
    except Exception as error:  # a damaged file can fail in any way
        raise damaged(folder, (str(error) or repr(error)).splitlines()[0]) from None


def _counted(folder: Path, manifest: dict[str, Any]) -> Counted:
    start, stop = manifest["seeds"]
    bits = Bitmaps(start, stop)
    pieces = list(_from_counts(folder, bits))
    texts = manifest["conditions"]
    fields = pd.concat([piece[0] for piece in pieces]).drop_duplicates("condition").reset_index(drop=True)
    runs = _together([piece[1] for piece in pieces], ["condition", *COUNTED])
    epochs = _together([piece[2] for piece in pieces], ["condition", "epoch"])
    found = int(runs["count"].sum())
    if found != manifest["trials"]:
        raise ValueError(f"{found} trials instead of {manifest['trials']}")
    epochs = _with_unsolved(epochs.rename(columns={"epoch": "solved_epoch"}), runs).assign(status="ok")
    return Counted(_with_fields(runs, fields, texts), _with_fields(epochs, fields, texts), bits.finished())


def _together(tables: Sequence[pa.Table], keys: list[str]) -> pd.DataFrame:
    """Tables of counts as one, a row a combination of the keys, in the order in which conditions appear."""
    table = add_up(pa.concat_tables(tables), keys)
    order = pc.index_in(table["condition"], pc.unique(table["condition"]))  # add_up keeps the order of conditions
    frame: pd.DataFrame = table.append_column("order", order).to_pandas()
    return frame.sort_values(["order", *keys[1:]], na_position="first", ignore_index=True).drop(columns="order")


def add_up(table: pa.Table, keys: list[str]) -> pa.Table:
    """A row for each combination of the keys: `count` summed and, where there is one, the lowest `seed`."""
    lowest = [("seed", "min")] if "seed" in table.column_names else []
    summed = table.group_by(keys, use_threads=False).aggregate([("count", "sum"), *lowest])
    names = [{"count_sum": "count", "seed_min": "seed"}.get(name, name) for name in summed.column_names]
    return summed.rename_columns(names).select([*keys, "count", *(["seed"] if lowest else [])])


def _with_unsolved(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Solved epochs with a row for each condition's runs that have none, before the others."""
    fine = runs[(runs["status"] == "ok").to_numpy(bool)]
    n = fine.groupby("condition", sort=False)["count"].sum()
    left = n.sub(epochs.groupby("condition", sort=False)["count"].sum(), fill_value=0).reindex(n.index).astype("int64")
    unsolved = left[left > 0].rename("count").reset_index().assign(solved_epoch=None)
    order = {key: place for place, key in enumerate(n.index)}
    together = pd.concat([unsolved.astype({"solved_epoch": "Int32"}), epochs.astype({"solved_epoch": "Int32"})])
    places = together["condition"].map(order).argsort(kind="stable")
    return together.iloc[places].reset_index(drop=True)


def _with_fields(frame: pd.DataFrame, fields: pd.DataFrame, texts: dict[str, str]) -> pd.DataFrame:
    """Counts with the fields of their conditions, in the types of `analysis.data.reading.load`."""
    codes = pd.Index(fields["condition"]).get_indexer(pd.Index(frame["condition"]))
    typed_fields = with_texts(typed(fields), texts)
    together: pd.DataFrame = typed_fields.iloc[codes].reset_index(drop=True)
    return together.join(typed(frame.drop(columns="condition")))


Piece = tuple[pd.DataFrame, pa.Table, pa.Table]
"""Fields of conditions (a row each), counts of runs, counts of solved epochs."""


def _text(column: pa.Array) -> pa.Array:
    return column.cast(pa.string())


def _decoded(table: pa.Table) -> pa.Table:
    columns = [_text(column) if pa.types.is_dictionary(column.type) else column for column in table.columns]
    return pa.table(columns, names=table.column_names)


def _from_counts(folder: Path, bits: Bitmaps) -> Iterator[Piece]:
    """What counts.parquet holds, a row group at a time (see `experiments.store.counts`)."""
    with pq.ParquetFile(folder / "counts.parquet", page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            table = _decoded(file.read_row_group(group))
            kinds = {kind: table.filter(pc.equal(table["kind"], kind)) for kind in ("runs", "solved_epoch", "seeds")}
            seeds = kinds["seeds"].select(["condition", "seed", "count", "solved"]).to_pydict()
            for key, first, count, solved in zip(*seeds.values(), strict=True):
                flags = np.unpackbits(np.frombuffer(solved, np.uint8), count=count).astype(bool)
                bits.add(key, np.arange(first, first + count), flags)
            codes = pc.dictionary_encode(table["condition"].combine_chunks()).indices.to_numpy()
            fields = (
                table.select(["condition", *FIELDS])
                .take(pa.array(np.flatnonzero(np.diff(codes, prepend=-1))))
                .to_pandas()
            )
            runs = kinds["runs"].select(["condition", *COUNTED, "count", "seed"])
            yield fields, runs, kinds["solved_epoch"].select(["condition", "epoch", "count"])
