"""Reading result folders, rows, counts and the JSON files beside them: nothing of the code that wrote them.

What follows from them takes frames in which a row stands for `count` trainings that agree in all of `COUNTED`, and is
small however many trainings there are.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from analysis.data.conditions import FIELDS, NAMING, asks, defaults, learn
from analysis.data.door import (
    ANEW,
    CONFIG,
    COUNTED,
    COUNTS,
    FILES,
    TRIALS,
    FolderError,
    read_finished,
    read_json,
    sha256_of,
)
from analysis.findings.statistics import Paired, Rate, paired_counts

# Every outcome, in the order in which tables and figures show them, and those that count as stuck.
OUTCOMES = ("solved", "stuck_1/4", "stuck_1/3", "stuck_1/2", "stuck", "oscillating", "diverged", "unsettled", "unclear")
STUCK = tuple(name for name in OUTCOMES if name.startswith("stuck"))

CAUSES = {  # of an unsolved run, and as readers see them
    "few_alive_at_start": "too few live units from the start", "died_in_training": "units died in training",
    "alive_but_linear": "enough live units, all of them linear", "alive_but_merged": "enough live units, rows merged",
    "step_too_large": "step too large", "not_finished": "not finished", "unclear": "unclear",
}  # fmt: skip
KINDS = {  # what certificates say of stuck runs, and as readers see it
    "minimum": "at a minimum", "infinity": "on the way to infinity", "saddle": "at a saddle", "kink": "at a kink",
    "shoulder": "on a shoulder", "unknown": "unknown",
}  # fmt: skip

NULLABLE_COUNTS = ("solved_epoch", "first_death_epoch", "settled_epoch", "period", "revived")
ORDERS = {"outcome": OUTCOMES, "outcome_before": OUTCOMES, "cause": CAUSES, "minimum": KINDS}  # what columns hold

DEFAULT_LAW = "uniform(low=-1.0,high=1.0)|constant(value=0.0)"
DEFAULT_TABLE = "0.0,0.0,0.0|0.0,1.0,1.0|1.0,0.0,1.0|1.0,1.0,0.0"
USUAL = {"init": f":{DEFAULT_LAW}", "task": f":{DEFAULT_TABLE}", "units": "2"}  # what canonical texts leave out

PROMISED = (  # columns of the exemplary runs that the figures need
    "seed", "outcome", "predictions", "epoch", "curve", "rows", "inputs", "targets", "final", "patterns_final",
    "kinked", "surface",
)  # fmt: skip


def read_manifest(folder: Path) -> dict[str, Any]:
    """What manifest.json of a finished folder holds; FolderError if it is none, damaged or of another protocol."""
    manifest = read_finished(folder, "use the version that made it, or run the study again with overwrite=true")
    with damage_told(folder):
        if not manifest["files"] or {*manifest["files"]} - {*FILES}:
            raise ValueError("its manifest names no files, or others")
        for name, sha256 in manifest["files"].items():
            there = (folder / name).is_file()
            if name == CONFIG and not (there and sha256_of(folder / name) == sha256):
                raise FolderError(f"{folder / name} is {'altered' if there else 'missing'}; {ANEW}")
            if not there:
                raise ValueError(f"{name} is missing")
            if sha256_of(folder / name) != sha256:
                raise ValueError(f"{name} is not what manifest.json says: python -m experiments.verify looks closer")
        names = pq.read_schema(folder / COUNTS).names
        if names[1 : names.index("kind") if "kind" in names else 0] != list(manifest["fields"]):
            raise ValueError("the fields of which its manifest tells are not those of its tables")
    learn(manifest["fields"])
    return manifest


@contextmanager
def damage_told(place: Path, what_to_do: str = "run its study again with overwrite=true") -> Iterator[None]:
    """Whatever goes wrong with a file is told as FolderError of it or its folder, but for want of memory."""
    try:
        yield
    except (FolderError, MemoryError):
        raise
    except Exception as error:
        why = (str(error) or repr(error)).splitlines()[0]
        raise FolderError(f"{place} is damaged ({why}); {what_to_do}") from None


def load(folder: str | Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The trials in a result folder, sorted by condition and seed; `columns` limits what is read.

    Outcomes and causes are ordered categories with every value there is, fields that are text ordered categories with
    the article's value first; epochs, periods, `revived` and fields that may be none are Int32. With the column
    `condition` come three more: `init_law`, the distributions of weights|biases (or the digest of given weights),
    `task_table`, the task's rows, and `task_units`, the fewest ReLU units that can represent it ('None' if unknown).
    Raises FolderError as `read_manifest` does.

    >>> import analysis
    >>> analysis.load("results/article", ["seed", "outcome"]).columns.tolist()
    ['seed', 'outcome']
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest["record"] == "summary":
        raise FolderError(f"{folder} holds counts and no trials (record: summary); run its study with record=trials")
    with damage_told(folder):
        held = pq.read_schema(folder / TRIALS).names
        missing = [name for name in (columns or ["condition", *FIELDS, "outcome", "status"]) if name not in held]
        if missing:
            raise ValueError(f"trials.parquet lacks {', '.join(missing)}")
        table = read_table(folder / TRIALS, columns)
        if len(table) != manifest["trials"]:
            raise ValueError(f"{len(table)} trials instead of {manifest['trials']}")
        trials = typed(table)
    return with_texts(trials, manifest["conditions"]) if "condition" in trials else trials


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A Parquet file, or some columns of it, checked; `pyarrow.parquet.read_table` imports far more than it needs."""
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns)


def typed(table: pa.Table) -> pd.DataFrame:
    """The columns of a table in the types that `load` promises; it is used up."""
    nullable = {*NULLABLE_COUNTS, *(name for name, default in defaults().items() if default is None)}
    whole = {each.name for each in table.schema if each.type == pa.int32()}
    kinds: dict[str, Any] = dict.fromkeys(nullable & whole, "Int32")
    trials: pd.DataFrame = table.to_pandas(split_blocks=True, self_destruct=True)
    usual = {name: default for name, default in defaults().items() if isinstance(default, str)}
    orders: dict[str, Collection[str]] = {**dict.fromkeys(usual, ()), **ORDERS, "rescue": FIELDS["rescue"].entries}
    for name in orders.keys() & {*trials}:
        held = {*trials[name].dropna().unique()}
        others = sorted(held - {*orders[name]}, key=lambda value: (value != usual.get(name), value))
        if others and name in ORDERS:
            raise ValueError(f"{name} holds {others[0]!r:.40}, which this version does not know")
        kinds[name] = pd.CategoricalDtype([*orders[name], *others], ordered=True)
    return trials.assign(**{name: trials[name].astype(kind) for name, kind in kinds.items()})


def with_texts(trials: pd.DataFrame, texts: dict[str, str]) -> pd.DataFrame:
    """Add init_law, task_table and task_units, as the manifest's canonical texts of conditions give them."""
    keys = trials["condition"].astype("category").cat
    told = pd.DataFrame([texts_of(texts.get(key, "")) for key in keys.categories]).astype("category")
    return trials.assign(**{str(name): column.array.take(keys.codes) for name, column in told.items()})


def texts_of(text: str) -> dict[str, str]:
    """What a condition's canonical text says of its init and its task, how often rows count where that is not once."""
    part = {**USUAL, **dict(each.partition("=")[::2] for each in text.split(";"))}
    law, rows = (part[name].partition(":")[2] for name in ("init", "task"))
    times = f";times={part['times']}" if "times" in part else ""
    return {"init_law": law, "task_table": rows + times, "task_units": part["units"]}


def is_given(law: str) -> bool:
    """Whether an `init_law` is the digest of weights from a file, which no seed draws."""
    return "|" not in law


def fine(trials: pd.DataFrame) -> pd.DataFrame:
    """The trainings that went through without an error."""
    return trials[(trials["status"] == "ok").to_numpy()]


def is_stuck(trials: pd.DataFrame, column: str = "outcome") -> NDArray[np.bool_]:
    """Which trials ended stuck (or, by `outcome_before`, were so before a rescue), at whatever level."""
    return trials[column].isin(STUCK).to_numpy(bool)


def can_die(trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Which trials have units that can be dead: of others the columns count those that are above 0 on no row."""
    dying = [name for name in FIELDS["activation"].entries if asks("activation", name, "can_die")]
    return trials["activation"].isin(dying).to_numpy(bool)


def can_end_dead(trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Which trials have such units to their end, as have all of their condition: no rescue made any of them leaky."""
    leaky = [name for name in FIELDS["rescue"].entries if "slope" in asks("rescue", name, "settings")]
    made = trials["condition"][trials["rescue"].isin(leaky).to_numpy(bool) & is_stuck(trials, "outcome_before")]
    return can_die(trials) & ~trials["condition"].isin(made).to_numpy(bool)


def left_alone(trials: pd.DataFrame) -> pd.DataFrame:
    """The trainings without a rescue, of which the article's claims are; all of them if there is no such training."""
    alone = trials["rescue"].isna().to_numpy(bool)
    return trials if alone.all() or not alone.any() else trials[alone]


def size(frame: pd.DataFrame) -> int:
    """Number of trainings in a frame."""
    return int(frame["count"].sum())


def count_where(frame: pd.DataFrame, chosen: Any) -> int:
    """Number of trainings in the rows chosen by a boolean array."""
    return int(frame["count"].to_numpy()[np.asarray(chosen, bool)].sum())


def sums(frame: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """Sums of whole numbers over the trainings of each condition, by its key in the order of the frame."""
    (places, keys), counts = pd.factorize(frame["condition"]), frame["count"].to_numpy()
    found = {name: np.bincount(places, counts * np.asarray(each), len(keys)) for name, each in values.items()}
    return pd.DataFrame(found, keys, dtype=np.int64)


def quantiles(values: Any, counts: Any, shares: ArrayLike) -> Any:
    """Quantiles of ascending values that come so many times, interpolated as NumPy does; NaN for none."""
    if not len(values):
        return np.full(np.shape(shares), np.nan)
    ends = np.cumsum(counts)
    places = np.column_stack([ends - counts, ends - 1]).ravel()  # of the first and the last time that a value comes
    return np.interp(np.multiply(shares, ends[-1] - 1), places, np.repeat(values, 2))


class Solved(NamedTuple):
    """Which seeds each condition trained, and which it solved, as bits of two numbers: bit `stop` - 1 - seed."""

    stop: int
    bits: dict[str, tuple[int, int]]

    def rate(self, key: str) -> Rate:
        """How many seeds of a condition were solved, of those that were trained."""
        trained, solved = self.bits.get(key, (0, 0))
        return Rate.of(solved.bit_count(), trained.bit_count())

    def compare(self, one: str, other: str, among: Self | None = None) -> Paired:
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

    `runs` is a row for each combination of condition and `COUNTED` that occurs: the condition's key and fields,
    `count`, and `seed`, the lowest that ended so. `every_epoch` is a row for each condition and solved_epoch (null for
    runs that were not solved), with `count`, of the runs without an error. `solved`: the seeds each condition solved.
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
        with damage_told(folder):
            table = read_table(folder / COUNTS)
            wanted = {"runs": [*FIELDS, *COUNTED, "count", "seed"], "solved_epoch": ["epoch", "count"],
                      "seeds": ["seed", "count", "solved"]}  # fmt: skip
            counted, solved, seeds = (
                table.filter(pc.equal(table["kind"], kind)).select(["condition", *columns])
                for kind, columns in wanted.items()
            )
            if (n := pc.sum(counted["count"]).as_py() or 0) != manifest["trials"]:
                raise ValueError(f"{n} trials instead of {manifest['trials']}")
            runs = with_texts(typed(counted), manifest["conditions"])
            fields = runs.drop(columns=[*COUNTED, "count", "seed"]).drop_duplicates("condition")
            epochs = fields.merge(_with_unsolved(solved.to_pandas(), runs), on="condition")
            return cls(folder, manifest, runs, epochs, _solved(seeds.to_pandas(), manifest["seeds"]))


def _with_unsolved(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """Solved epochs, and before them a row for the runs of each condition that have none."""
    trained, solved = (each.groupby("condition")["count"].sum() for each in (fine(runs), epochs))
    left = trained.sub(solved, fill_value=0).reset_index()
    together = pd.concat([left[left["count"] > 0], epochs]).rename(columns={"epoch": "solved_epoch"})
    return together.astype({"solved_epoch": "Int32", "count": np.int64})


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


TO_DO = "delete it, and run its study again"


def load_laws(folder: Path) -> dict[str, float]:
    """The probability that a unit is dead at the start, by condition key, where an exact law is known."""
    path = folder / "laws.json"
    with damage_told(path, TO_DO):
        laws = read_json(path) if path.is_file() else {}
        return {key: float(law["dead"]) for key, law in laws.items()}


def dead_law(trials: pd.DataFrame, laws: Mapping[str, float]) -> NDArray[np.float64] | None:
    """Probabilities of 0 … H dead units at the start, of trials that share H and one law; None if that is not known."""
    first = trials.iloc[0]
    hidden, dead = int(first["hidden"]), laws.get(str(first["condition"]))  # units are independent of each other
    return None if dead is None else reduce(np.convolve, [np.array([1 - dead, dead])] * hidden)


def load_exemplars(folder: Path, swept: Iterable[str] = ()) -> pd.DataFrame:
    """A row for one run of each outcome, in the order of outcomes; empty if the folder has none.

    Columns: the fields, seed, outcome, predictions, and as lists and dicts the loss curve (`epoch`, `curve`), the task
    (`rows`, `inputs`, `targets`) and the weights at the end (`final`: W1 (D, H), b1 (H,), W2 (H,), b2 (1,)), `surface`,
    what the network computes around a task of two inputs (`x1`, `x2`, `y`), `kinked`, whether its units have a kink,
    and `told`, the fields it is called by: `NAMING` and those that are `swept`. FolderError for a damaged file.
    """
    path = folder / "exemplars.json"
    with damage_told(path, TO_DO):
        runs = pd.DataFrame(read_json(path) if path.is_file() else [])
        if not len(runs):
            return runs
        runs = runs[[*PROMISED, *runs.columns.difference([*PROMISED])]]
        runs["told"] = [[name for name in FIELDS if name in {*NAMING, *swept}]] * len(runs)
        return runs.iloc[runs["outcome"].map(OUTCOMES.index).argsort()].reset_index(drop=True)
