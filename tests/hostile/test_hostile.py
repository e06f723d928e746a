"""A sample of what `make hostile` does in full: bad inputs, damaged folders, flipped bits, fuzzing and kills."""

import signal
from collections.abc import Iterator
from pathlib import Path

import damage
import flips
import fuzzing
import inputs
import kills
import pytest


@pytest.fixture(autouse=True)
def no_alarm_is_left() -> Iterator[None]:
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_bad_input_is_answered_in_one_line_and_status_2(tmp_path: Path) -> None:
    every = inputs.inputs(tmp_path)
    assert len(every) >= 400, "as many as the docs say"
    assert inputs.answered_wrongly(every[::97]) == []


def test_no_damage_ends_in_a_traceback_a_hang_wrong_bytes_or_a_foreign_file_touched(tmp_path: Path) -> None:
    assert len(damage.damages()) >= 150, "as many as the docs say"
    assert damage.main(tmp_path, slice(None, None, 41))[1] == []


def test_a_table_with_fewer_rows_than_are_counted_is_refused_in_one_line(tmp_path: Path) -> None:
    asked = damage.Asked(tmp_path)
    for name in ("trials.parquet without a row", "trials.parquet twice", "manifest of another field"):
        assert asked.wrong(name, damage.damages()[name]) == []


def test_flipped_bits_of_parts_and_tables_are_found(tmp_path: Path) -> None:
    counts, wrong = flips.main(tmp_path, slice(None, None, 2003))
    assert wrong == []
    assert counts.keys() == {"a part", "trials.parquet", "counts.parquet"}


def test_readers_raise_nothing_but_their_own_errors(tmp_path: Path) -> None:
    counts, wrong = fuzzing.main(tmp_path, seconds=3, seed=1)
    assert wrong == []
    assert min(counts.values()) >= 1


@pytest.mark.parametrize("case", ["first", "growing", "overwriting", "counts only and growing"])
def test_a_run_killed_at_a_file_operation_is_finished_to_the_same_bytes(tmp_path: Path, case: str) -> None:
    n, wrong = kills.at_operations(tmp_path, slice(None, None, 13), case)
    assert wrong == []
    assert n >= 2
