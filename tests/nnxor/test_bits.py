"""Every fast engine gives the same bits for every condition: here for a few kinds, with `make bits` for many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from bits import differing, random_condition

from nnxor.arithmetic import kernel_files
from nnxor.condition import Condition
from nnxor.engines import compiled


@pytest.mark.parametrize("seed", (2, 3))
def test_the_fast_engines_agree_to_the_bit_on_any_condition(seed: int) -> None:
    assert differing(random_condition(seed)) == []


def test_conditions_that_differ_in_numbers_alone_share_a_kernel() -> None:
    text = compiled.variant(Condition())
    assert compiled.variant(Condition(lr=0.3, hidden=7, epochs=5)) == text
    assert compiled.variant(Condition(relu_at_zero=1)) != text
    assert compiled.variant(Condition(freeze="W1")) != text


def test_a_kernel_file_is_used_only_if_it_holds_what_would_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = Path(kernel_files._written("kernel_x", "text"))
    assert path.parent == tmp_path / "nnxor"
    stamp = path.stat().st_mtime
    path.write_text("another text")
    assert kernel_files._written("kernel_x", "text") == str(path)
    assert path.read_text() == "text"
    assert path.stat().st_mtime == stamp  # Numba's cache goes by it
    assert os.listdir(path.parent) == [path.name]


def test_without_a_cache_folder_a_temporary_one_serves_and_a_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    path = Path(kernel_files._written("kernel_x", "text"))
    assert path.read_text() == "text"
    assert capsys.readouterr().err.count("\n") == 1
