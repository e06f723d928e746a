"""Reading result folders: typed columns, and one line for what cannot be read."""

import json
from pathlib import Path

import pandas as pd
import pytest

from analysis.data import reading
from analysis.data.door import PROTOCOL, FolderError
from analysis.data.reading import CAUSES, DEFAULT_LAW, OUTCOMES, load
from nnxor import diagnosis
from nnxor.condition import Condition
from nnxor.protocol import PROTOCOL_VERSION


def test_the_words_of_results_are_those_of_the_science() -> None:
    assert diagnosis.OUTCOMES == OUTCOMES
    assert diagnosis.CAUSES[1:] == tuple(CAUSES)
    assert PROTOCOL_VERSION == PROTOCOL
    law = Condition().init
    assert (
        "|".join(
            f"{each.name}({','.join(f'{k}={v}' for k, v in each.parameters)})" for each in (law.weights, law.biases)
        )
        == DEFAULT_LAW
    )


def test_columns_are_typed(handmade: Path) -> None:
    trials = load(handmade)
    assert list(trials["outcome"].cat.categories) == list(OUTCOMES)
    assert trials["outcome"].cat.ordered
    assert list(trials["init"].cat.categories) == ["uniform", "he"]
    assert {str(trials[name].dtype) for name in ("solved_epoch", "batch_size", "recycle_every")} == {"Int32"}
    assert trials["recycle_every"].isna().all(), "also where there is none"
    assert set(trials.loc[trials["init"] == "he", "init_law"]) == {
        "normal(mean=0.0,std=sqrt(2/fan_in))|constant(value=0.0)"
    }
    assert set(trials.loc[trials["init"] == "uniform", "init_law"]) == {DEFAULT_LAW}


def test_only_the_columns_asked_for_are_read(handmade: Path) -> None:
    assert list(load(handmade, ["seed", "outcome"])) == ["seed", "outcome"]


def change_manifest(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def tear(folder: Path) -> None:
    path = folder / "trials.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_byte(folder: Path) -> None:
    path = folder / "trials.parquet"
    content = bytearray(path.read_bytes())
    content[:8] = b"12345678"
    path.write_bytes(bytes(content))


def of_something_else(folder: Path) -> None:
    pd.DataFrame({"x": range(160)}).to_parquet(folder / "trials.parquet")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
        (lambda f: (f / "manifest.json").write_text("{"), "manifest.json is damaged"),
        (lambda f: (f / "manifest.json").write_text("[1]"), "manifest.json is damaged"),
        (lambda f: change_manifest(f, trials=None, complete=False), "is not finished"),
        (lambda f: (f / "trials.parquet").unlink(), "trials.parquet is missing"),
        (lambda f: change_manifest(f, conditions=None), "conditions is null"),
        (lambda f: change_manifest(f, seeds=["0", 2**80]), 'seeds is ["0"'),
        (lambda f: change_manifest(f, files={"../trials.parquet": "0"}), "names no files, or others"),
        (lambda f: change_manifest(f, protocol=99), "protocol 99"),
        (lambda f: change_manifest(f, trials=161), "160 trials instead of 161"),
        (tear, "is damaged"),
        (flip_a_byte, "is damaged"),
        (of_something_else, "is not what manifest.json says"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_line(handmade: Path, spoil, why: str) -> None:
    spoil(handmade)
    with pytest.raises(FolderError) as refusal:
        load(handmade)
    assert why in str(refusal.value)
    assert str(handmade) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert ";" in str(refusal.value), "it says what to do"


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is not a folder"):
        load(tmp_path / "nowhere")


def test_want_of_memory_is_no_damage(handmade: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reading, "read_table", full)
    with pytest.raises(MemoryError):
        load(handmade)
