"""Result folders of the verification's tests, and how they are forged."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from harness import SMALL, compose

from analysis.data.door import FolderError, sha256_of
from analysis.entry import guarded
from analysis.findings.findings import Findings
from experiments.execution.session import run as run_study
from experiments.store import counts, rows_and_counts as tables
from experiments.store.columns import Digest, plain, with_condition
from experiments.store.manifest import describe
from experiments.verification import verifying
from experiments.verification.audit import read_record

TINY = ("grid.hidden=3", "grid.init=[uniform,torch]", "grid.lr=0.1", "seeds.count=12", "base.epochs=40")
"""Two conditions of 12 seeds; torch, so that units die and biases differ."""


def made(folder: Path, *overrides: str) -> Path:
    assert run_study(compose(*SMALL, *overrides, f"output={folder}")) == 0
    return folder


def status_of(folder: Path, *settings: str) -> int:
    """What verify makes of a folder; its settings as on the command line."""
    given = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
    config = {"folder": str(folder), "sample": 200, "engine": "auto", "seed": 0, **given}
    return guarded(lambda: verifying.verify(config))


def forge(
    folder: Path, change: Callable[[pa.Table], pa.Table], name: str = "trials.parquet", **manifest: object
) -> None:
    """Change a table and make all else fit: what counts it, every hash and digest, and what follows from them."""
    table = change(pq.read_table(folder / name))
    pq.write_table(table, folder / name, compression="zstd", write_page_checksum=True)
    study = read_record(folder).study
    if name == "trials.parquet" and {"condition", "seed", "outcome"} <= set(table.column_names):
        keys = table["condition"].cast(pa.string())
        mine = [(c, table.filter(pc.equal(keys, c.key))) for c in study.conditions]
        counted = [with_condition(counts.count_rows(rows), c, counts.SCHEMA) for c, rows in mine if len(rows)]
        whole = pa.concat_tables(counted) if counted else counts.SCHEMA.empty_table()
        pq.write_table(whole.combine_chunks().cast(counts.SCHEMA), folder / "counts.parquet")
    digest = Digest()
    digest.update(table.cast(plain(table.schema)))
    files = {each: sha256_of(folder / each) for each in ("config.yaml", *tables.names(study.record))}
    edit(folder, digest=digest.hexdigest(), files=files, **manifest)
    (folder / "datapackage.json").write_text(describe(read_record(folder).manifest, folder, study))
    with suppress(FolderError):
        (folder / "summary.csv").write_text(Findings.of(folder).derived["summary.csv"])


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def with_value(name: str, row: int, value: Any) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        kind = table.schema.field(name).type
        values = table[name].to_pylist()
        assert values[row] != value or np.signbit(values[row]) != np.signbit(value)
        values[row] = value
        plain = kind.value_type if pa.types.is_dictionary(kind) else kind
        return table.set_column(table.column_names.index(name), name, pa.array(values, plain).cast(kind))

    return change


def refused(capsys: pytest.CaptureFixture[str]) -> str:
    """What stderr says, which is one line."""
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def flipped(content: bytes, offset: int) -> bytes:
    changed = bytearray(content)
    changed[offset] ^= 1 << offset % 8
    return bytes(changed)
