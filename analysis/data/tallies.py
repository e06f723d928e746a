"""A study as counts: all that summary, figures, tables and verdicts need, from rows or from a study that kept none.

Figures and tables take frames in which a row stands for `count` trainings that agree in every column that anything here
asks about (see `COUNTED`). Such a frame is small however many trainings there are. It is read from counts.parquet,
which every study leaves. A frame without the column `count` holds a training a row, and does as well.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from analysis.data.door import COUNTED, COUNTS
from analysis.data.field_labels import FIELDS
from analysis.data.reading import damaged, read_manifest, read_table, typed, with_texts
from analysis.findings.statistics import Paired, Rate, paired_counts


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


def mean(frame: pd.DataFrame, column: str) -> float:
    """Mean of a column over trainings; missing values are left out, NaN if nothing is left."""
    known = frame[frame[column].notna().to_numpy(bool)]
    return float(np.average(known[column].to_numpy(float), weights=counts_of(known))) if len(known) else math.nan


def quantile(values: Any, counts: Any, share: float) -> float:
    """The quantile of ascending values that come so many times, interpolated as NumPy does; NaN for none."""
    ends = np.cumsum(counts)
    if not len(ends) or ends[-1] == 0:
        return math.nan
    place = (int(ends[-1]) - 1) * share
    low, high = (float(values[np.searchsorted(ends, at, "right")]) for at in (math.floor(place), math.ceil(place)))
    return low + (high - low) * (place - math.floor(place))


@dataclass(frozen=True)
class Solved:
    """Which seeds each condition trained, and which it solved, as bits of two numbers: bit `stop` - 1 - seed."""

    stop: int
    bits: dict[str, tuple[int, int]]

    def rate(self, key: str) -> Rate:
        """How many seeds of a condition were solved, of those that were trained."""
        trained, solved = self.bits.get(key, (0, 0))
        return Rate.of(solved.bit_count(), trained.bit_count())

    def compare(self, one: str, other: str, among: Solved | None = None) -> Paired:
        """Two conditions, by key, over the seeds that both have; the other one `among` those of another study."""
        sides = ((self, one), (among or self, other))
        stop = min(side.stop for side, _ in sides)
        found = [[bits >> side.stop - stop for bits in side.bits.get(key, (0, 0))] for side, key in sides]
        (a_known, a), (b_known, b) = found
        known = a_known & b_known
        both, only_a, only_b = ((each & known).bit_count() for each in (a & b, a & ~b, ~a & b))
        return paired_counts(both, only_a, only_b, known.bit_count() - both - only_a - only_b)


@dataclass(frozen=True)
class Counted:
    """A finished result folder as counts (see `experiments.store.counts`).

    `runs` is a row for each combination of condition and `COUNTED` that occurs: the condition's key and
    fields, `count`, and `seed`, the lowest seed that ended so. `every_epoch` is a row for each condition and
    solved_epoch (null for runs that were not solved), with `count`, of the runs without an error. `solved` tells which
    seeds each condition solved.
    """

    folder: Path
    manifest: dict[str, Any]
    runs: pd.DataFrame
    every_epoch: pd.DataFrame
    solved: Solved

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read a folder; FolderError for one that cannot be read as results."""
        manifest = read_manifest(folder)
        try:
            table = read_table(folder / COUNTS)
            kinds = {kind: table.filter(pc.equal(table["kind"], kind)) for kind in ("runs", "solved_epoch", "seeds")}
            runs = _frame(kinds["runs"], [*COUNTED, "count", "seed"])
            if (n := runs["count"].sum()) != manifest["trials"]:
                raise ValueError(f"{n} trials instead of {manifest['trials']}")
            epochs = _with_unsolved(_frame(kinds["solved_epoch"], ["epoch", "count"]), runs)
            firsts = np.unique(table["condition"].combine_chunks().indices, return_index=True)[1]
            fields = with_texts(typed(_frame(table.take(np.sort(firsts)), [*FIELDS])), manifest["conditions"])
            solved = _solved(_frame(kinds["seeds"], ["seed", "count", "solved"]), manifest["seeds"])
            runs, epochs = (fields.merge(each, on="condition") for each in (typed(runs), epochs))
            return cls(folder, manifest, runs, epochs, solved)
        except Exception as error:  # a damaged file can fail in any way
            raise damaged(folder, (str(error) or repr(error)).splitlines()[0]) from None


def _frame(table: pa.Table, columns: list[str]) -> pd.DataFrame:
    """The condition's key and some columns, texts as plain texts."""
    chosen = table.select(["condition", *columns])
    types = [getattr(field.type, "value_type", field.type) for field in chosen.schema]
    return pd.DataFrame(chosen.cast(pa.schema(zip(chosen.column_names, types, strict=True))).to_pandas())


def _with_unsolved(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Solved epochs, and before them a row for the runs of each condition that have none."""
    n, told = (each.groupby("condition")["count"].sum() for each in (runs[runs["status"] == "ok"], epochs))
    left = n.sub(told, fill_value=0).astype("int64").reset_index().assign(epoch=None)
    together = pd.concat([left[left["count"] > 0].astype({"epoch": "Int32"}), epochs.astype({"epoch": "Int32"})])
    return together.rename(columns={"epoch": "solved_epoch"})


def _solved(rows: pd.DataFrame, seeds: tuple[int, int]) -> Solved:
    """What the rows of kind `seeds` say; ValueError where they name seeds that the study does not have."""
    first, stop = seeds
    bits: dict[str, tuple[int, int]] = {}
    for key, seed, count, packed in rows.itertuples(index=False):
        if seed < first or seed + count > stop:
            raise ValueError("seeds beyond those of the manifest")
        solved, (all_trained, all_solved) = int.from_bytes(packed, "big") >> -count % 8, bits.get(key, (0, 0))
        place = stop - seed - count
        bits[key] = all_trained | ((1 << count) - 1) << place, all_solved | solved << place
    return Solved(stop, bits)
