"""Reading result folders: files only, nothing of the code that wrote them."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

FIELDS = (
    "task", "hidden", "activation", "slope", "relu_at_zero", "output", "bias", "init", "lr", "epochs",
    "loss", "optimizer", "batch_size", "dtype",
)  # fmt: skip
"""The fields of a condition, as columns of trials.parquet."""


class FolderError(Exception):
    """A folder that cannot be read as results: one line that says why and what to do."""


def load(folder: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """The trials in a result folder, sorted by condition and seed; `columns` limits what is read.

    Raises FolderError for a folder that is missing, unfinished or damaged.
    """
    manifest = folder / "manifest.json"
    trials = folder / "trials.parquet"
    if not manifest.is_file():
        raise FolderError(f"{folder} is no result folder: it has no manifest.json; name one that experiments.run made")
    if not trials.is_file():
        raise FolderError(f"{folder} is not finished: it has no trials.parquet; run its study again to finish it")
    try:
        json.loads(manifest.read_text(encoding="utf-8"))
        table = pq.read_table(trials, columns=columns, page_checksum_verification=True)
    except (ValueError, OSError) as error:
        raise FolderError(f"{folder} is damaged ({str(error).splitlines()[0]}); run its study with overwrite=true") from None
    return table.to_pandas(split_blocks=True, self_destruct=True)


def swept(trials: pd.DataFrame) -> list[str]:
    """The fields that take more than one value."""
    return [name for name in FIELDS if trials[name].nunique(dropna=False) > 1]
