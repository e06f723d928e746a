"""`python -m experiments.verify`: what agrees is said to agree, and bad input is one line."""

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from forging import TINY, forge, refused, status_of, with_value
from harness import ROOT, inside

from experiments.study import batches
from experiments.study.batches import Batch
from experiments.verification.audit import Record, read_record
from experiments.verification.verifying import draw_sample

Run = Callable[..., Path]


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
    assert lines[-1] == "verified: all 24 rows agreed in every bit of every column."
    assert "byte for byte what was written (SHA-256)" in " ".join(" ".join(lines).split())
    assert max(map(len, lines[2:])) <= 80  # the first two hold the folder's name


def test_a_single_training_is_told_as_one(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    one = ("grid.hidden=3", "grid.init=he", "grid.lr=0.1", "base.epochs=0", "seeds.count=1")
    for folder in (run(*one), run(*one, "record=summary", folder="counted")):
        capsys.readouterr()
        assert status_of(folder, "sample=all") == 0
        said = " ".join(capsys.readouterr().out.split())
        assert "sample the training engine" in said
        assert "verified: the row agreed in every bit" in said or "verified: the seed came out solved or not" in said
        assert not re.search(r"\b1 [a-z]+s\b", said), said


def test_all_kinds_of_columns_come_out_again(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(
        "grid.hidden=3", "grid.init=torch", "grid.lr=[0.2,4]", "seeds.count=5",
        "blocks=[{},{task:[parity3],bias:[false]},{batch_size:[2]}]",
    )  # fmt: skip
    assert status_of(folder, "sample=all") == 0
    assert "all 30 rows agreed in every bit" in capsys.readouterr().out


@pytest.mark.parametrize("seeds", [1, 3, 50])
def test_a_sample_is_drawn_from_everywhere_reproducibly_and_no_row_twice(run: Run, seeds: int) -> None:
    few = ("base.epochs=0", "grid.lr=[0.01,0.03,0.1,0.2]", f"seeds.count={seeds}", "seeds.start=7")
    record = read_record(run(*few, told=False))
    for size in (1, 10, 40, 200):
        rows = Counter((batch.condition.key, seed) for batch in sample(record, size, 0) for seed in batch.seeds)
        assert sum(rows.values()) == len(rows) == min(size, record.study.n_trainings)
        assert len({key for key, _ in rows}) == min(size, 16)
        assert {seed for _, seed in rows} <= set(record.study.seeds)
    assert sample(record, 10, 5) == sample(record, 10, 5)
    drawn = {(b.condition.key, seed) for draw in range(300) for b in sample(record, 40, draw) for seed in b.seeds}
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
    assert "all 24 rows agreed in every bit" in capsys.readouterr().out
    row = pq.read_table(folder / "trials.parquet")["outcome"].to_pylist().index("unsettled")
    forge(folder, with_value("outcome", row, "diverged"))
    assert status_of(folder, "sample=all") == 1
    assert "outcome" in capsys.readouterr().out


def test_within_the_tolerance_numbers_count_for_runs_at_rest(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run(
        "base.activation=tanh", "grid.hidden=4", "grid.init=torch", "grid.lr=0.2", "base.epochs=2000", "seeds.count=2"
    )
    table = pq.read_table(folder / "trials.parquet")
    row = table["outcome"].to_pylist().index("solved")
    value = table["y_01"][row].as_py()
    forge(folder, with_value("y_01", row, value + 0.001))
    assert status_of(folder, "sample=all", "engine=reference") == 0
    forge(folder, with_value("accuracy", row, 0.75))
    assert status_of(folder, "sample=all", "engine=reference") == 1
    assert "accuracy" in capsys.readouterr().out
    forge(folder, with_value("accuracy", row, 1.0))
    forge(folder, with_value("y_01", row, value + 0.1))
    assert status_of(folder, "sample=all", "engine=reference") == 1
    assert "y_01" in capsys.readouterr().out


def test_a_prediction_halfway_between_the_targets_may_fall_to_either_side(run: Run) -> None:
    """Seed 6 of the study smoke is stuck where a row's prediction is 0.5, but for its last bits."""
    folder = run("grid.hidden=4", "grid.init=he", "grid.lr=0.1", "base.epochs=1000", "seeds.start=6", "seeds.count=1")
    assert pq.read_table(folder / "trials.parquet")["accuracy"].to_pylist() == [0.75]
    assert status_of(folder, "sample=all", "engine=reference") == 0


def test_the_reference_engine_verifies_too(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(tiny, "sample=10", "engine=reference") == 0
    assert "all 10 rows agreed within the tolerance" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "a result folder must be named: DIR"),
        (["a", "b"], "b is not a setting; write KEY=VALUE"),
        (["nowhere"], "nowhere is not a folder"),
        ([str(ROOT / "conf")], "has no manifest.json"),
        (["a", "smaple=3"], "smaple is not a known key; did you mean sample? allowed: "),
        (["a", "sample=0"], "sample=0 is not allowed; allowed: all, an integer from 1"),
        (["a", "sample=many"], "sample=many is not allowed; allowed: all, an integer from 1"),
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


def test_help_fits_80_columns_and_names_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = inside("--help", module="experiments.verify")
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


def test_certificates_and_conditions_with_seeds_of_their_own_are_verified(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    textbook = "{W1: [[1, 1], [1, 1]], b1: [0, -1], W2: [1, -2], b2: 0, name: textbook}"
    folder = run(*TINY[1:], f"grid.init=[he,{textbook}]", "grid.hidden=2", "certify=true", "base.epochs=1000")
    assert pq.read_table(folder / "trials.parquet")["minimum"].null_count < 13
    assert status_of(folder, "sample=all") == 0
    assert "all 13 rows agreed" in capsys.readouterr().out
    forge(folder, with_value("minimum", 1, "saddle"))
    assert status_of(folder, "sample=all") == 1
    assert "minimum" in capsys.readouterr().out
    summary = run(
        *TINY[1:], f"grid.init=[he,{textbook}]", "grid.hidden=2", "certify=true", "record=summary", folder="c"
    )
    assert status_of(summary, "sample=all") == 0
    assert "verified: all 13 seeds" in capsys.readouterr().out
