"""`python -m experiments.verify`: whatever was changed in a result folder is found, and nothing else."""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from harness import ROOT, SMALL, all_counts, command, compose, inside

from analysis.data.door import sha256_of
from experiments.cli import guarded
from experiments.errors import RunError
from experiments.execution.session import run as run_study
from experiments.store import counts
from experiments.store import rows_and_counts as tables
from experiments.store.columns import RESULTS, Digest, encode, with_condition
from experiments.store.manifest import describe
from experiments.study import batches
from experiments.study.batches import Batch
from experiments.verification import retrain, verifying
from experiments.verification.audit import Ledger, Record, check_bytes, read_record
from experiments.verification.retrain import draw_sample
from nnxor import engines

Run = Callable[..., Path]

TINY = ("grid.hidden=3", "grid.init=[uniform,torch]", "grid.lr=0.1", "seeds.count=12", "base.epochs=40")
"""Two conditions of 12 seeds; torch, so that units die and biases differ."""


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrain, "available_cores", lambda: 1)


def made(folder: Path, *overrides: str) -> Path:
    assert run_study(compose(*SMALL, *overrides, f"output={folder}")) == 0
    return folder


@pytest.fixture(scope="module")
def tiny_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("tiny") / "out", *TINY)


@pytest.fixture
def tiny(tiny_made: Path, tmp_path: Path) -> Path:
    """A copy of the tiny study's folder, for one test alone."""
    return Path(shutil.copytree(tiny_made, tmp_path / "out"))


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
        counted = [with_condition(all_counts(rows), c, counts.SCHEMA) for c, rows in mine if len(rows)]
        whole = pa.concat_tables(counted) if counted else counts.SCHEMA.empty_table()
        pq.write_table(encode(whole, counts.SCHEMA), folder / "counts.parquet")
    digest = Digest()
    digest.update(table)
    files = {each: sha256_of(folder / each) for each in ("config.yaml", *tables.names(study.record))}
    edit(folder, digest=digest.hexdigest(), files=files, **manifest)
    (folder / "datapackage.json").write_text(describe(read_record(folder).manifest, folder, study))
    (folder / "summary.csv").unlink(missing_ok=True)


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


# --- what agrees


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_a_folder_is_verified_by_an_engine_that_did_not_make_it(
    run: Run, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(*TINY, f"engine={engine}")
    capsys.readouterr()
    assert status_of(folder, "sample=all") == 0
    lines = capsys.readouterr().out.splitlines()
    other = {"numba": "numpy", "numpy": "numba"}[engine]
    assert f"engine     {other}" in lines
    assert lines[-1] == "verified: all 24 rows agree in every bit of every column."
    assert "byte for byte what was written (SHA-256)" in " ".join(" ".join(lines).split())
    assert max(map(len, lines[2:])) <= 80  # the first two hold the folder's name


def test_all_kinds_of_columns_come_out_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(
        "grid.hidden=3", "grid.init=torch", "grid.lr=[0.2,4]", "seeds.count=5",
        "blocks=[{},{task:[parity3],bias:[false]},{batch_size:[2]}]",
    )  # fmt: skip
    assert status_of(folder, "sample=all") == 0
    assert "all 30 rows agree in every bit" in capsys.readouterr().out


@pytest.mark.parametrize("seeds", [1, 3, 50])
def test_a_sample_is_drawn_from_everywhere_reproducibly_and_no_row_twice(run: Run, seeds: int) -> None:
    record = read_record(run("base.epochs=0", f"seeds.count={seeds}", "seeds.start=7"))
    for size in (1, 10, 40, 200):
        rows = Counter((batch.condition.key, seed) for batch in sample(record, size, 0) for seed in batch.seeds)
        assert sum(rows.values()) == len(rows) == min(size, record.study.n_trainings)
        assert len({key for key, _ in rows}) == min(size, 16)
        assert {seed for _, seed in rows} <= set(record.study.seeds)
    assert sample(record, 10, 5) == sample(record, 10, 5)
    drawn = {(b.condition.key, seed) for draw in range(600) for b in sample(record, 40, draw) for seed in b.seeds}
    assert len(drawn) == record.study.n_trainings


def sample(record: Record, size: int, seed: int) -> list[Batch]:
    drawn = draw_sample(record.study, size, seed, "numpy", {})
    found = list(batches.missing(drawn))
    assert sum(each.batches for each in drawn) == len(found)
    assert sum(each.trainings for each in drawn) == sum(len(batch.seeds) for batch in found)
    assert {each.first.condition.key for each in drawn} == {batch.condition.key for batch in found}
    return found


def test_where_tanh_takes_part_rows_come_out_to_the_bit_as_well(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(*TINY, "base.activation=tanh", "base.lr=null")
    assert status_of(folder, "sample=all") == 0
    assert "all 24 rows agree in every bit" in capsys.readouterr().out
    row = pq.read_table(folder / "trials.parquet")["outcome"].to_pylist().index("unsettled")
    forge(folder, with_value("outcome", row, "diverged"))
    assert status_of(folder, "sample=all") == 1
    assert "outcome" in capsys.readouterr().out


def test_within_the_tolerance_numbers_count_for_runs_at_rest(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run("base.activation=tanh", "grid.hidden=4", "grid.init=torch", "grid.lr=0.2", "base.epochs=2000")
    table = pq.read_table(folder / "trials.parquet")
    row = table["outcome"].to_pylist().index("solved")
    value = table["y_01"][row].as_py()
    forge(folder, with_value("y_01", row, value + 0.001))
    assert status_of(folder, "sample=all", "engine=reference") == 0
    forge(folder, with_value("y_01", row, value + 0.1))
    assert status_of(folder, "sample=all", "engine=reference") == 1
    assert "y_01" in capsys.readouterr().out


def test_the_reference_engine_verifies_too(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(tiny, "sample=10", "engine=reference") == 0
    assert "all 10 rows agree within the tolerance" in capsys.readouterr().out


# --- what does not


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("final_loss", 0.25), ("grad_norm", None), ("y_10", -0.5), ("solved_epoch", 3), ("outcome", "diverged"),
        ("patterns_final", "0000 0000 0000"), ("first_death_epoch", 999), ("cause", "step_too_large"),
        ("dead_init", 9), ("settled_epoch", 4), ("merged", "00=11"), ("error", "none"),
    ],
)  # fmt: skip
def test_one_forged_value_is_found_and_named(
    tiny: Path, column: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(tiny, with_value(column, 17, value))
    capsys.readouterr()
    assert status_of(tiny, "sample=all") == 1
    said = capsys.readouterr().out
    assert "DIFFERENT: 1 row does not come out as recorded, of 24." in said
    assert f"init uniform, seed 5: {column}\n" in said
    assert f"    recorded    {'null' if value is None else value}\n" in said
    assert f"rows that differ, by column: {column} 1" in said


def test_the_last_bit_and_the_sign_of_a_zero_count(tiny: Path) -> None:
    table = pq.read_table(tiny / "trials.parquet")
    forge(tiny, with_value("final_loss", 3, np.nextafter(table["final_loss"][3].as_py(), 1)))
    assert status_of(tiny, "sample=all") == 1
    zeros = pa.array([0.0]), pa.array([-0.0])
    assert retrain.differs_in_a_bit(*zeros).all()


def test_a_training_that_cannot_be_repeated_is_a_difference(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(engines, "load", lambda _: broken)
    assert status_of(tiny, "engine=numba") == 1
    assert "24 rows do not come out as recorded" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: pa.concat_tables([t.slice(0, 5), t.slice(6)]), "init torch: of 12 trainings 11 are counted"),
        (lambda t: t.slice(0, 23), "init uniform: of 12 trainings 11 are counted"),
        (lambda t: t.slice(0, 0), "init torch: its counts are missing or out of order"),
        (lambda t: pa.concat_tables([t.slice(0, 6), t.slice(5)]), "init torch: seed 5 is counted twice"),
        (lambda t: t.take([1, 0, *range(2, 24)]), "init torch: seed 0 is counted twice, out of order"),
        (with_value("seed", 23, 99), "seed 99 is counted twice, out of order, or not one of its seeds"),
        (with_value("condition", 2, "0123456789abcdef"), "holds 24 rows, but 23 trainings are counted"),
        (with_value("lr", 2, 0.5), "init torch: rows of another condition are among its rows"),
        (
            lambda t: t.drop_columns(["momentum"]),
            "the columns of trials.parquet are not those of its study: see momentum",
        ),
        (
            lambda t: t.drop_columns(["outcome"]),
            "the columns of trials.parquet are not those of its study: see outcome",
        ),
    ],
)
def test_rows_must_be_complete_unique_and_sorted(
    tiny: Path, change: Callable[[pa.Table], pa.Table], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(tiny, change)
    assert status_of(tiny) == 1
    assert words in refused(capsys)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"digest": "0" * 64}, "has other values than were written"),
        ({"files": {}}, "is not the file that was written"),
        ({"question": "Another one?"}, "question is 'Another one?', but should be"),
        ({"published": [{"source": "nobody"}]}, "published is [{'source': 'nobody'}], but should be []"),
        ({"seeds": [0, 13]}, "seeds is [0, 13], but should be [0, 12]"),
        ({"trials": 25}, "trials is 25, but should be 24"),
        ({"failed": 1, "complete": False}, "holds 0 failed trainings, by manifest.json 1"),
        ({"conditions": {}}, "2 of its 2 conditions are others there"),
        ({"success": ["margin 0.1"]}, "success is ['margin 0.1']"),
        ({"study": "other"}, "study is 'other', but should be 'smoke'"),
    ],
)
def test_an_edited_manifest_is_found(
    tiny: Path, changes: dict[str, object], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(tiny, **changes)
    assert status_of(tiny) == 1
    assert words in refused(capsys)


def test_words_of_another_version_are_told_and_no_damage(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = json.loads((tiny / "manifest.json").read_text())
    manifest["fields"]["lr"]["label"] = "step"
    edit(tiny, **manifest)
    assert status_of(tiny) == 1
    assert "fields is not what this version writes" in refused(capsys)
    manifest["runs"][-1]["git"] = {"commit": "0" * 40, "dirty": False}
    edit(tiny, **manifest)
    assert status_of(tiny) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "fields: in the words of the version that wrote them, which is not this one" in said


def test_an_edited_config_is_found(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny / "config.yaml"
    path.write_text(path.read_text().replace("epochs: 40", "epochs: 41"))
    assert status_of(tiny) == 1
    assert "does not fit config.yaml" in refused(capsys)


def test_every_flipped_byte_is_found(tiny: Path) -> None:
    path = tiny / "trials.parquet"
    record, content = read_record(tiny), path.read_bytes()
    for offset in range(0, len(content), 53):
        path.write_bytes(flipped(content, offset))
        with pytest.raises(RunError, match="is not the file that was written"):
            check_bytes(record)


def test_even_where_its_hash_is_mended_a_flipped_byte_is_found_or_changes_no_value(tiny: Path) -> None:
    path = tiny / "trials.parquet"
    record, content, values = read_record(tiny), path.read_bytes(), pq.read_table(path)
    found = 0
    for offset in range(0, len(content), 53):
        path.write_bytes(flipped(content, offset))
        try:
            Ledger(record)
        except RunError as error:
            found += 1
            assert "\n" not in str(error)
        else:
            assert pq.read_table(path).equals(values), offset
    assert found > 50


def flipped(content: bytes, offset: int) -> bytes:
    changed = bytearray(content)
    changed[offset] ^= 1 << offset % 8
    return bytes(changed)


def test_failed_trainings_are_reported_and_must_fail_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = engines.load

    def faulty(name: str) -> engines.Train:
        def train(condition, start, seeds):  # type: ignore[no-untyped-def]
            if condition.init.name == "torch" and condition.epochs:
                raise MemoryError("no room")
            return load(name)(condition, start, seeds)

        return train

    with monkeypatch.context() as patch:
        patch.setattr(engines, "load", faulty)
        assert run_study(compose("study=smoke", *TINY, "report=false", f"output={tmp_path / 'out'}")) == 1
        assert status_of(tmp_path / "out", "sample=all", "engine=numba") == 0  # they fail again
    said = capsys.readouterr().out
    assert "12 trainings failed" in said
    assert "verified: all 24 rows agree" in said
    assert status_of(tmp_path / "out", "sample=1") == 1
    said = capsys.readouterr().out
    assert re.search("DIFFERENT: 12 rows do not come out as recorded, of 1[23]", said)
    assert re.search("by column: .*status 12", " ".join(said.split()))


def test_a_row_that_was_hidden_as_failed_is_trained_again_whatever_is_drawn(
    tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def hide(table: pa.Table) -> pa.Table:
        for name in RESULTS:
            if name not in ("seed", "status", "dead_init"):
                table = with_value(name, 17, None)(table) if table[name][17].is_valid else table
        for name in ("y_00", "y_01", "y_10", "y_11", "dead_init"):
            table = with_value(name, 17, None)(table)
        return with_value("status", 17, "failed")(table)

    forge(tiny, hide, failed=1, complete=False)
    for draw in range(3):
        assert status_of(tiny, "sample=1", f"seed={draw}") == 1
        assert "DIFFERENT: 1 row does not come out as recorded" in capsys.readouterr().out


def test_repeats_that_were_set_to_null_everywhere_are_found(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run("base.epochs=1100", "grid.hidden=3", "grid.init=he", "grid.lr=0.3", "seeds.count=20")
    assert pq.read_table(folder / "trials.parquet")["period"].null_count < 20

    def forget(table: pa.Table) -> pa.Table:
        for name in ("period", "settled_epoch"):
            table = table.set_column(table.column_names.index(name), name, pa.nulls(len(table), pa.int32()))
        return table

    forge(folder, forget)
    capsys.readouterr()
    assert status_of(folder, "sample=10") == 1
    assert "settled_epoch" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["summary.csv", "datapackage.json"])
def test_an_edited_summary_or_description_is_found(tiny: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tiny / name
    path.write_text(path.read_text().replace("uniform", "torch").replace("trials", "trails"))
    assert status_of(tiny) == 1
    assert f"{name} is not what follows from" in refused(capsys)


def test_counts_that_are_not_those_of_the_rows_are_found(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table(tiny / "counts.parquet")
    place = table["kind"].to_pylist().index("runs")
    table = with_value("cause", place, "step_too_large")(table)
    pq.write_table(table, tiny / "counts.parquet")
    record = read_record(tiny)
    edit(tiny, files={**record.manifest["files"], "counts.parquet": sha256_of(tiny / "counts.parquet")})
    (tiny / "datapackage.json").write_text(describe(read_record(tiny).manifest, tiny, record.study))
    assert status_of(tiny) == 1
    assert "its rows are not those that counts.parquet counts" in refused(capsys)


# --- bad input


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "a result folder must be named: DIR"),
        (["a", "b"], "b is not a setting; write KEY=VALUE"),
        (["nowhere"], "nowhere is not a folder"),
        ([str(ROOT / "conf")], "has no manifest.json"),
        (["a", "smaple=3"], "smaple is not a known key; did you mean sample? allowed: "),
        (["a", "sample=0"], "sample=0 is not allowed; allowed: an integer from 1"),
        (["a", "sample=many"], "sample=many is not allowed"),
        (["a", "seed=-1"], "seed=-1 is not allowed; allowed: an integer from 0"),
        (["a", "engine=numbas"], "engine=numbas is not allowed; did you mean numba?"),
        (["a", "engine=numba,numpy"], "engine"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], words: str) -> None:
    done = inside(*arguments, module="experiments.verify")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("manifest.json", "{", "cannot be read"),
        ("manifest.json", "[]", "cannot be read (it names no protocol)"),
        ("manifest.json", '{"protocol": 99}', "was made by protocol 99"),
        ("manifest.json", "[" * 100_000, "cannot be read"),
        ("manifest.json", '{"protocol": 2, "trials": 3, "study": 4}', "is damaged or cannot be read (study is 4)"),
        ("config.yaml", "a: [", "cannot be read"),
        ("config.yaml", "a: 3", "must hold name, question"),
        ("config.yaml", "seeds: 3", "must hold name, question"),
        ("config.yaml", "name: &a [*a]", "grows without end by references to itself"),
        ("config.yaml", "".join(f"{i}: &a{i} [{f'*a{i - 1}, ' * 9}]\n" for i in range(9)), "grows without end"),
        ("config.yaml", "[" * 100_000, "cannot be read"),
    ],
)
def test_a_folder_that_cannot_be_audited_is_one_line(
    tiny: Path, name: str, content: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tiny / name).write_text(content)
    assert status_of(tiny) == 2
    assert words in refused(capsys)


@pytest.mark.parametrize("lost", ["manifest.json", "config.yaml", "trials.parquet"])
def test_a_lost_file_is_one_line(tiny: Path, lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tiny / lost).unlink()
    assert status_of(tiny) == 2
    refused(capsys)


def test_a_task_whose_file_is_gone_or_changed_is_one_line(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "task.csv"
    file.write_text("x1,x2,t\n0,0,0\n0,1,1\n1,0,1\n1,1,1\n")
    folder = run(*TINY, f"base.task={file}")
    assert status_of(folder) == 0
    file.write_text("x1,x2,t\n0,0,0\n0,1,1\n1,0,1\n1,1,0\n")
    capsys.readouterr()
    assert status_of(folder) == 1
    assert "or a file that it names changed?" in refused(capsys)
    file.unlink()
    assert status_of(folder) == 2
    assert str(file) in refused(capsys)


def test_weights_whose_file_is_gone_are_one_line(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "start.npz"
    draw = np.random.default_rng(0).normal
    np.savez(file, W1=draw(size=(4, 2, 3)), b1=draw(size=(4, 3)), W2=draw(size=(4, 3, 1)), b2=draw(size=(4, 1)))
    folder = run("grid.hidden=3", f"grid.init={file}", "grid.lr=0.1", "seeds.count=4")
    assert status_of(folder) == 0
    file.unlink()
    capsys.readouterr()
    assert status_of(folder) == 2
    assert str(file) in refused(capsys)


# --- the command itself


def test_help_fits_80_columns_and_names_everything() -> None:
    result = command("--help", module="experiments.verify", env={"COLUMNS": "200"})
    assert result.returncode == 0
    assert max(map(len, result.stdout.splitlines())) <= 80
    for word in ("sample=", "engine=", "seed=", "SHA-256", "Exit status"):
        assert word in result.stdout


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_is_one_line_and_its_status(run: Run, number: signal.Signals, status: int) -> None:
    folder = run("base.epochs=100000", "seeds.count=2", "grid.init=he", "grid.hidden=4")
    work = subprocess.Popen(
        [sys.executable, "-u", "-m", "experiments.verify", str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert work.stdout is not None
    while not work.stdout.readline().startswith("engine"):
        assert work.poll() is None
    time.sleep(0.5)
    os.kill(work.pid, number)
    _, error = work.communicate(timeout=60)
    assert work.returncode == status
    assert "interrupted\n" in error
    assert "Traceback" not in error


# --- counts

COUNTS = "counts.parquet"
MANY = ("record=summary", "grid.hidden=[3,5]", "grid.init=[uniform,torch]", "grid.lr=[0.1,0.3]", "base.epochs=200",
        "seeds.start=3", "seeds.count=30")  # fmt: skip
"""Eight conditions of 30 seeds, of which some are solved."""


@pytest.fixture(scope="module")
def counted_made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("counted") / "out", *MANY)


@pytest.fixture
def counted(counted_made: Path, tmp_path: Path) -> Path:
    """A copy of the folder of counts, for one test alone."""
    return Path(shutil.copytree(counted_made, tmp_path / "out"))


def row_of_kind(folder: Path, kind: str, init: str = "uniform", **values: object) -> int:
    """The first row of counts of a kind, of hidden 5, that init and lr 0.3."""
    wanted = {"kind": kind, "hidden": 5, "init": init, "lr": 0.3, **values}
    rows = pq.read_table(folder / COUNTS).to_pylist()
    return next(n for n, row in enumerate(rows) if all(row[name] == value for name, value in wanted.items()))


def with_bits_flipped(row: int, *places: int) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        content = bytearray(table["solved"][row].as_py())
        for place in places:
            content[place // 8] ^= 128 >> place % 8
        return with_value("solved", row, bytes(content))(table)

    return change


def bits_of(folder: Path, row: int) -> list[int]:
    table = pq.read_table(folder / COUNTS)
    packed = np.frombuffer(table["solved"][row].as_py(), np.uint8)
    return [int(bit) for bit in np.unpackbits(packed, count=table["count"][row].as_py())]


@pytest.mark.parametrize("engine", ["numba", "numpy"])
def test_counts_are_trained_again_by_an_engine_that_did_not_make_them(
    run: Run, engine: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(*MANY, f"engine={engine}")
    capsys.readouterr()
    assert status_of(folder, "sample=40") == 0
    lines = capsys.readouterr().out.splitlines()
    other = {"numba": "numpy", "numpy": "numba"}[engine]
    assert f"engine     {other}" in lines
    assert "counts.parquet: byte for byte what was written" in " ".join(lines)
    assert "verified: all 40 seeds were solved or not as recorded (sample=all" in " ".join(lines)
    assert status_of(folder, "sample=all") == 0
    table = pq.read_table(folder / COUNTS)
    n_counts = len(table) - table["kind"].to_pylist().count("seeds")
    said = " ".join(capsys.readouterr().out.split())
    assert f"verified: all 240 seeds were solved or not as recorded, and all {n_counts} counts agree." in said


def test_a_condition_is_counted_again_whatever_its_batches_and_chunks(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name, value in ((counts, "CHUNK", 8), (tables, "COUNTS_GROUP", 5), (batches, "LARGEST", 7)):
        monkeypatch.setattr(module, name, value)
    for name, engine in engines.ENGINES.items():
        monkeypatch.setitem(engines.ENGINES, name, dataclasses.replace(engine, at_once=1))
    folder = run(*MANY)
    assert pq.read_table(folder / COUNTS)["kind"].to_pylist().count("seeds") == 8 * 5  # 3-7, 8-15, 16-23, 24-31, 32
    assert len(list(batches.missing(draw_sample(read_record(folder).study, None, 0, "numpy", {})))) == 8 * 5
    assert status_of(folder, "sample=all") == status_of(folder, "sample=50", "engine=reference") == 0
    row = row_of_kind(folder, "seeds", seed=16)
    one, none = bits_of(folder, row).index(1), bits_of(folder, row).index(0)
    forge(folder, with_bits_flipped(row, one, none), COUNTS)
    capsys.readouterr()
    assert status_of(folder, "sample=all") == 1
    said = capsys.readouterr().out
    assert "DIFFERENT: 2 seeds do not come out as recorded, of 240." in said
    assert f"seed {16 + min(one, none)}: solved\n" in said


def test_a_forged_bit_is_found_and_its_seed_named(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = row_of_kind(counted, "seeds")
    solved = bits_of(counted, row)[11]
    forge(counted, with_bits_flipped(row, 11), COUNTS)
    capsys.readouterr()
    assert status_of(counted, "sample=all") == 1
    said = capsys.readouterr().out
    n = sum(bits_of(counted, row)) - (1 - 2 * solved)
    assert f"solved are {n} by its runs, {n} by its epochs, {n + 1 - 2 * solved} by its seeds" in " ".join(said.split())
    assert "DIFFERENT: 1 seed does not come out as recorded, of 240. The first:\n" in said
    assert "  hidden 5, init uniform, lr 0.3, seed 14: solved\n" in said
    assert f"    recorded    {not solved}\n    recomputed  {bool(solved)}\n" in said
    found = {seed: status_of(counted, "sample=32", f"seed={seed}") for seed in range(4)}
    assert set(found.values()) == {1}  # the sums do not fit, whatever is drawn


def test_a_sample_finds_the_forged_bits_that_it_draws(counted: Path) -> None:
    row = row_of_kind(counted, "seeds")
    bits = bits_of(counted, row)
    one, none = bits.index(1), bits.index(0)
    forge(counted, with_bits_flipped(row, one, none), COUNTS)  # the sums still fit
    key = next(
        c.key for c in read_record(counted).study.conditions if (c.hidden, c.init.name, c.lr) == (5, "uniform", 0.3)
    )
    drawn, status = {}, {}
    for draw in range(8):
        again = batches.missing(draw_sample(read_record(counted).study, 120, draw, "numpy", {}))
        seeds = {seed for batch in again if batch.condition.key == key for seed in batch.seeds}
        drawn[draw] = bool(seeds & {3 + one, 3 + none})
        status[draw] = status_of(counted, "sample=120", f"seed={draw}")
    assert set(drawn.values()) == {True, False}
    assert status == {draw: int(hit) for draw, hit in drawn.items()}


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("first_death_epoch", lambda row: {"count": row["count"] + 1}, "first_death_epoch {epoch}"),
        ("solved_epoch", lambda _: {"epoch": 1}, "solved_epoch {epoch}"),
        ("runs", lambda row: {"seed": row["seed"] + 1}, "runs of outcome {outcome}"),
        ("runs", lambda _: {"dead_init": 4}, "runs of outcome {outcome}"),
        ("runs", lambda _: {"cause": "step_too_large"}, "runs of outcome {outcome}"),
    ],
)
def test_a_forged_count_is_found_by_counting_all_again(
    counted: Path,
    kind: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = row_of_kind(counted, kind, "torch")
    row = pq.read_table(counted / COUNTS).to_pylist()[place]
    for name, value in change(row).items():
        forge(counted, with_value(name, place, value), COUNTS)
    assert status_of(counted, "sample=40") == 0
    capsys.readouterr()
    assert status_of(counted, "sample=all") == 1
    said = capsys.readouterr().out
    assert f"  hidden 5, init torch, lr 0.3: {words.format(**{**row, **change(row)})}" in said
    assert re.search(r"DIFFERENT: (1 count does|2 counts do) not come out as recorded, of \d+\. The first:\n", said)
    assert re.search(rf"counts that differ, by kind: {kind} [12]\n", said)
    assert "seed does" not in said


def test_a_row_that_counts_something_twice_is_no_way_around(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = row_of_kind(counted, "first_death_epoch", "torch")
    forge(counted, lambda t: pa.concat_tables([t.slice(0, place), t.slice(place, 1), t.slice(place)]), COUNTS)
    assert status_of(counted, "sample=all") == 1
    assert "DIFFERENT: 1 count does not" in capsys.readouterr().out


def test_counts_that_contradict_each_other_are_found_by_any_sample(
    counted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = row_of_kind(counted, "solved_epoch")
    count = pq.read_table(counted / COUNTS)["count"][place].as_py()
    forge(counted, with_value("count", place, count + 1), COUNTS)
    assert status_of(counted, "sample=8") == 1
    said = capsys.readouterr().out
    assert "sums       hidden 5, init uniform, lr 0.3: solved are" in said
    assert "DIFFERENT: counts contradict each other (sums, above), though all 8 seeds" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.slice(1), "of 30 trainings"),
        (
            lambda t: t.slice(0, len(t) - 1),
            "hidden 5, init uniform, lr 0.3: of 30 trainings 30 are counted, .* for 0 it is recorded",
        ),
        (lambda t: t.filter(pc.not_equal(t["hidden"], 3)), "hidden 3, init torch, lr 0.1: its counts are missing"),
        (lambda t: pa.concat_tables([t.filter(pc.equal(t["lr"], lr)) for lr in (0.1, 0.3)]), "out of order"),
        (lambda t: t.take([1, 0, *range(2, len(t))]).take([len(t) - 1, *range(len(t) - 1)]), "out of order"),
        (lambda t: pa.concat_tables([t, t.slice(len(t) - 1)]), "seed 3 is counted twice"),
        (with_value("condition", 0, "0123456789abcdef"), "out of order"),
        (with_value("hidden", 0, 7), "rows of another condition are among its counts"),
        (with_value("kind", 0, "walks"), "it holds counts of another kind"),
        (with_value("count", 0, 1000), "of 30 trainings"),
        (with_value("count", -1, 29), "but for 29 it is recorded whether they were solved"),
        (with_value("seed", -1, 4), "seed 4 is counted twice, out of order, or not one of its seeds"),
        (with_value("count", -1, 90), "bits of its seeds are missing"),
        (with_value("count", -1, None), "is damaged"),
        (lambda t: t.drop_columns(["revived"]), "its columns are not those of counts"),
    ],
)
def test_counts_must_be_complete_and_each_seed_counted_once(
    counted: Path, change: Callable[[pa.Table], pa.Table], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    forge(counted, change, COUNTS)
    capsys.readouterr()
    assert status_of(counted) == 1
    assert re.search(words, refused(capsys))


@pytest.mark.parametrize("wrong", ["sample=0", "sample=some", "seed=x", "engine=fast", "samples=3"])
def test_wrong_values_are_refused_before_counts_are_looked_at(
    counted: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (counted / COUNTS).write_bytes(b"")
    capsys.readouterr()
    assert status_of(counted, wrong) == 2
    assert wrong.partition("=")[0] in refused(capsys)


def test_changed_bytes_of_counts_are_found(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = (counted / COUNTS).read_bytes()
    (counted / COUNTS).write_bytes(flipped(content, len(content) // 2))
    capsys.readouterr()
    assert status_of(counted) == 1
    assert "is not the file that was written" in refused(capsys)
    edit(counted, sha256=None, digest="0" * 64)
    (counted / COUNTS).write_bytes(content)
    assert status_of(counted) == 1
    assert "has other values than were written" in refused(capsys)


def test_with_the_reference_engine_counts_agree_by_outcome_and_the_verdict_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run(*TINY, "record=summary", "base.activation=tanh", "base.lr=null")
    assert status_of(folder, "sample=all", "engine=reference") == 0
    assert "For 24 of the seeds bits are not promised" in " ".join(capsys.readouterr().out.split())
    kept = pq.read_table(folder / COUNTS)
    place = next(n for n, row in enumerate(kept.to_pylist()) if row["kind"] == "runs" and row["outcome"] == "unsettled")
    forge(folder, with_value("cause", place, "step_too_large"), COUNTS)
    assert status_of(folder, "sample=all", "engine=reference") == 0
    forge(folder, with_value("outcome", place, "diverged"), COUNTS)
    capsys.readouterr()
    assert status_of(folder, "sample=all", "engine=reference") == 1
    assert "runs of outcome diverged" in capsys.readouterr().out


def test_failed_trainings_are_counted_and_must_fail_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    load = engines.load

    def faulty(name: str) -> engines.Train:
        def train(condition, start, seeds):  # type: ignore[no-untyped-def]
            if condition.init.name == "torch" and condition.epochs > 1 and 4 in seeds:
                raise MemoryError("no room")
            return load(name)(condition, start, seeds)

        return train

    with monkeypatch.context() as patch:
        patch.setattr(engines, "load", faulty)
        config = compose(
            "study=smoke", *TINY, "record=summary", "parallel.batch=5", "report=false", f"output={tmp_path / 'out'}"
        )
        assert run_study(config) == 1
    for sample in ("sample=all", "sample=1"):
        assert status_of(tmp_path / "out", sample) == 1
        said = capsys.readouterr().out
        assert "5 trainings failed" in said
        assert "DIFFERENT: 5 seeds do not come out as recorded" in said


def test_a_seed_that_cannot_be_trained_again_is_a_difference(
    counted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(engines, "load", lambda _: broken)
    assert status_of(counted, "sample=all", "engine=numba") == 1
    said = capsys.readouterr().out
    assert "DIFFERENT: 240 seeds do not come out as recorded, of 240." in said
    assert "recomputed  null" in said


# --- certificates, seeds that differ


def test_certificates_and_conditions_with_seeds_of_their_own_are_verified(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    textbook = "{W1: [[1, 1], [1, 1]], b1: [0, -1], W2: [1, -2], b2: 0, name: textbook}"
    folder = run(*TINY[1:], f"grid.init=[he,{textbook}]", "grid.hidden=2", "certify=true", "base.epochs=3000")
    assert pq.read_table(folder / "trials.parquet")["minimum"].null_count < 13
    assert status_of(folder, "sample=all") == 0
    assert "all 13 rows agree" in capsys.readouterr().out
    forge(folder, with_value("minimum", 1, "saddle"))
    assert status_of(folder, "sample=all") == 1
    assert "minimum" in capsys.readouterr().out
    summary = run(
        *TINY[1:], f"grid.init=[he,{textbook}]", "grid.hidden=2", "certify=true", "record=summary", folder="c"
    )
    assert status_of(summary, "sample=all") == 0
    assert "verified: all 13 seeds" in capsys.readouterr().out
