"""Whatever was changed in a result folder is found, and nothing else."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import TINY, edit, flipped, forge, refused, status_of, with_value
from harness import compose, faulty

from analysis.data.door import sha256_of
from analysis.entry import RunError
from experiments.execution.session import run as run_study
from experiments.store.columns import RESULTS
from experiments.store.manifest import describe, only_in
from experiments.verification import verifying
from experiments.verification.audit import Ledger, check_bytes, read_record
from nnxor import engines

Run = Callable[..., Path]


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
    assert verifying.differs_in_a_bit(*zeros).all()


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
        (lambda t: pa.concat_tables([t.slice(0, 6), t.slice(5)]), "init torch: of 12 trainings 13 are counted"),
        (lambda t: t.take([1, 0, *range(2, 24)]), "init torch: rows are missing, doubled, out of order"),
        (
            with_value("seed", 23, 99),
            "init uniform: of 12 trainings 12 are counted, 12 of them as fine, but for 11 it is recorded",
        ),
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
    assert "does not fit config.yaml" in (said := refused(capsys))
    assert "(config.yaml: epochs=41; manifest: epochs=40)" in said


def test_what_conditions_have_that_no_other_has_is_told_in_words() -> None:
    ours = ["protocol=2", "protocol=2;hidden=3;lr=0.2", "protocol=2;lr=0.2"]
    assert only_in(ours, ["protocol=2;hidden=5"]) == "hidden=4, hidden=3, lr=0.2"
    assert only_in(ours, ours[:2]) == "lr=0.2"
    assert only_in([*ours[1:], ours[0]], ["protocol=2;hidden=3", *ours[1:]]) == "the default condition"
    assert only_in(ours[1:], ours) == "none"


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
    for offset in range(0, len(content), 151):
        path.write_bytes(flipped(content, offset))
        try:
            Ledger(record)
        except RunError as error:
            found += 1
            assert "\n" not in str(error)
        else:
            assert pq.read_table(path).equals(values), offset
    assert found > 50


def test_failed_trainings_are_reported_and_must_fail_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(
            engines, "load", faulty(lambda condition, _: condition.init.name == "torch" and bool(condition.epochs))
        )
        assert run_study(compose("study=smoke", *TINY, "report=false", f"output={tmp_path / 'out'}")) == 1
        assert status_of(tmp_path / "out", "sample=all", "engine=numba") == 0  # they fail again
    said = capsys.readouterr().out
    assert "12 trainings failed" in said
    assert "verified: all 24 rows agreed" in said
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


@pytest.mark.parametrize("name", ["summary.csv", "datapackage.json", "published.csv"])
def test_an_edited_summary_or_description_is_found(tiny: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As is published.csv where nothing was published."""
    path = tiny / name
    held = path.read_text() if path.exists() else "source"
    path.write_text(held.replace("uniform", "torch").replace("trials", "trails"))
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
