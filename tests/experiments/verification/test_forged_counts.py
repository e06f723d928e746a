"""Whatever was changed in the counts of a study without rows is found, and nothing else."""

import dataclasses
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from forging import TINY, edit, flipped, forge, made, refused, status_of, with_value
from harness import compose, faulty

from experiments.execution.session import run as run_study
from experiments.store import counts, rows_and_counts as tables
from experiments.study import batches
from experiments.verification.audit import read_record
from experiments.verification.verifying import draw_sample
from nnxor import engines

Run = Callable[..., Path]


COUNTS = "counts.parquet"
MANY = ("record=summary", "grid.hidden=[3,5]", "grid.init=[uniform,torch]", "grid.lr=[0.1,0.3]", "base.epochs=100",
        "seeds.start=3", "seeds.count=30")  # fmt: skip
"""Eight conditions of 30 seeds, of which some are solved."""

FAST = "engine=numba"  # where it is no matter which engine trains again


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
    assert "verified: all 40 seeds came out solved or not as recorded (sample=all" in " ".join(lines)
    assert status_of(folder, "sample=all") == 0
    table = pq.read_table(folder / COUNTS)
    n_counts = len(table) - table["kind"].to_pylist().count("seeds")
    said = " ".join(capsys.readouterr().out.split())
    assert f"verified: all 240 seeds came out solved or not as recorded, and all {n_counts} counts agreed." in said


def test_a_condition_is_counted_again_whatever_its_batches_and_chunks(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module, name, value in ((counts, "CHUNK", 8), (tables, "COUNTS_GROUP", 5), (batches, "LARGEST", 7)):
        monkeypatch.setattr(module, name, value)
    for name, engine in engines.ENGINES.items():
        monkeypatch.setitem(engines.ENGINES, name, dataclasses.replace(engine, at_once=1))
    folder = run(*MANY, "grid.lr=0.3")
    assert pq.read_table(folder / COUNTS)["kind"].to_pylist().count("seeds") == 4 * 5  # 3-7, 8-15, 16-23, 24-31, 32
    assert len(list(batches.missing(draw_sample(read_record(folder).study, None, 0, "numpy", {})))) == 4 * 5
    assert status_of(folder, "sample=all", FAST) == status_of(folder, "sample=25", "engine=reference") == 0
    row = row_of_kind(folder, "seeds", seed=16)
    one, none = bits_of(folder, row).index(1), bits_of(folder, row).index(0)
    forge(folder, with_bits_flipped(row, one, none), COUNTS)
    capsys.readouterr()
    assert status_of(folder, "sample=all", FAST) == 1
    said = capsys.readouterr().out
    assert "DIFFERENT: 2 seeds do not come out as recorded, of 120." in said
    assert f"seed {16 + min(one, none)}: solved\n" in said


def test_a_forged_bit_is_found_and_its_seed_named(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = row_of_kind(counted, "seeds")
    solved = bits_of(counted, row)[11]
    forge(counted, with_bits_flipped(row, 11), COUNTS)
    capsys.readouterr()
    assert status_of(counted, "sample=all", FAST) == 1
    said = capsys.readouterr().out
    n = sum(bits_of(counted, row)) - (1 - 2 * solved)
    assert f"solved are {n} by its runs, {n} by its epochs, {n + 1 - 2 * solved} by its seeds" in " ".join(said.split())
    assert "DIFFERENT: 1 seed does not come out as recorded, of 240. The first:\n" in said
    assert "  hidden 5, init uniform, lr 0.3, seed 14: solved\n" in said
    assert f"    recorded    {not solved}\n    recomputed  {bool(solved)}\n" in said
    found = {seed: status_of(counted, "sample=32", FAST, f"seed={seed}") for seed in range(2)}
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
    for draw in range(2, 6):  # two hit, two miss
        again = batches.missing(draw_sample(read_record(counted).study, 120, draw, "numpy", {}))
        seeds = {seed for batch in again if batch.condition.key == key for seed in batch.seeds}
        drawn[draw] = bool(seeds & {3 + one, 3 + none})
        status[draw] = status_of(counted, "sample=120", FAST, f"seed={draw}")
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
    assert status_of(counted, "sample=40", FAST) == 0
    capsys.readouterr()
    assert status_of(counted, "sample=all", FAST) == 1
    said = capsys.readouterr().out
    assert f"  hidden 5, init torch, lr 0.3: {words.format(**{**row, **change(row)})}" in said
    assert re.search(r"DIFFERENT: (1 count does|2 counts do) not come out as recorded, of \d+\. The first:\n", said)
    assert re.search(rf"counts that differ, by kind: {kind} [12]\n", said)
    assert "seed does" not in said


def test_a_row_that_counts_something_twice_is_no_way_around(counted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = row_of_kind(counted, "first_death_epoch", "torch")
    forge(counted, lambda t: pa.concat_tables([t.slice(0, place), t.slice(place, 1), t.slice(place)]), COUNTS)
    assert status_of(counted, "sample=all", FAST) == 1
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
        (with_value("seed", -1, 4), "but for 29 it is recorded whether they were solved"),
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
    said = " ".join(capsys.readouterr().out.split())
    assert "all 24 seeds came out solved or not as recorded, and all" in said
    assert "Bits are not promised here: outcomes are compared, and dead units" in said
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
    with monkeypatch.context() as patch:
        patch.setattr(
            engines,
            "load",
            faulty(lambda condition, seeds: condition.init.name == "torch" and condition.epochs > 1 and 4 in seeds),
        )
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
