"""The result folder: the same bytes however a study was run, growth, refusal, and nothing lost."""

import fcntl
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from forging import refused, status_of
from harness import SMALL, compose, faulty
from hypothesis import given, strategies as st

from analysis.data.door import beside
from analysis.entry import InputError, RunError
from experiments.execution.session import run as run_study
from experiments.store import folder as folder_module, parts
from experiments.store.columns import CONDITION_COLUMNS, RESULT_COLUMNS, Digest, plain
from experiments.store.folder import lacking
from experiments.study.batches import merge, subtract
from experiments.study.study import read_study

Run = Callable[..., Path]


def digest(folder: Path) -> str:
    return hashlib.sha256((folder / "trials.parquet").read_bytes()).hexdigest()


def manifest(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "manifest.json").read_text())
    assert isinstance(content, dict)
    return content


def trained(folder: Path) -> list[int]:
    """Trainings of each run in the folder."""
    runs = manifest(folder)["runs"]
    assert isinstance(runs, list)
    return [run["trained"] for run in runs]


@pytest.mark.parametrize(
    "how",
    [
        ("engine=numpy",),
        ("parallel.n_jobs=2", "parallel.batch=7"),
        ("parallel.batch=3",),
    ],
    ids=" ".join,
)
def test_how_a_study_runs_never_shows_in_its_trials(run: Run, finished: Run, how: tuple[str, ...]) -> None:
    a, b = finished(), run(*how, folder="b", told=False)
    assert digest(a) == digest(b)
    assert manifest(a)["digest"] == manifest(b)["digest"]


def test_every_field_comes_through_the_store_alike_for_both_engines(run: Run) -> None:
    fields = (
        "grid.loss=[half_sse,mse]", "grid.hidden=3", "grid.lr=0.2", "grid.init=torch",
        "blocks=[{},{task:[parity3],activation:[leaky_relu],dtype:[float64],bias:[false]}]",  # two kernels in all
    )  # fmt: skip
    fields = (*fields, "seeds.count=3")
    a, b = run(*fields, folder="a", told=False), run(*fields, "engine=numpy", folder="b", told=False)
    assert digest(a) == digest(b)
    table = pq.read_table(a / "trials.parquet").to_pandas()
    assert len(table) == 4 * 3
    assert table.loc[table["task"] == "xor", "y_7"].isna().all()
    assert table.loc[table["task"] == "parity3", "y_7"].notna().all()


def test_exact_repeats_come_through_the_store_alike_for_both_engines(run: Run) -> None:
    fields = ("base.epochs=600", "grid.hidden=3", "grid.lr=[0.1,0.3]", "seeds.count=70")
    a = run(*fields, folder="a", told=False)
    assert digest(a) == digest(run(*fields, "engine=numpy", folder="b", told=False))
    assert digest(a) == digest(run(*fields, "parallel.batch=9", folder="c", told=False))
    table = pq.read_table(a / "trials.parquet").to_pandas()
    assert 0.3 < table["period"].notna().mean() < 1
    assert (table["period"].notna() == table["settled_epoch"].notna()).all()
    assert (table["settled_epoch"] + table["period"]).max() < 600


def test_the_reference_runs_too_and_ends_alike(run: Run) -> None:
    a = run("grid.hidden=4", folder="a", told=False)
    b = run("grid.hidden=4", "engine=reference", folder="b", told=False)
    outcomes = [pq.read_table(folder / "trials.parquet").to_pandas()["outcome"].astype(str) for folder in (a, b)]
    assert (outcomes[0] == outcomes[1]).mean() >= 0.98


def test_whatever_is_lost_of_what_a_run_leaves_is_found_and_made_again(
    run: Run, finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = "grid.hidden=4", "published=[{source: a, setting: s, where: {init: he}, solved: 0.5, n: 9}]"
    out = finished(*study, folder="out")
    asked = read_study(compose(*SMALL, *study))
    lost = [name for name in lacking(tmp_path, asked) if not name.endswith(".parquet")]
    assert {path.name for path in out.iterdir()} == {".lock", "manifest.json", *folder_module.TABLES, *lost}
    before = {name: (out / name).read_bytes() for name in lost}
    for name in lost:
        (out / name).unlink()
        assert status_of(out) == (2 if name == "config.yaml" else 1)
        assert f"{out / name} is missing" in refused(capsys)
        run(*study)
        said, made = capsys.readouterr().out, name in ("config.yaml", "datapackage.json")
        assert ("nothing left to do" in said) != made
        assert (out / name).read_bytes() == before[name] or name == "datapackage.json"  # which says when
    assert set(trained(out)) == {80, 0}
    assert status_of(out, "sample=1") == 0
    assert lacking(out, asked) == []
    assert lacking(out, asked, drawn=True) == ["explorer.html", "report.html", "figures"]
    (out / "exemplars.json").write_text((out / "laws.json").read_text())
    assert status_of(out) == 1
    assert "exemplars.json is damaged" in refused(capsys)
    (out / "laws.json").unlink()
    (out / "laws.json").mkdir()
    assert lacking(out, asked) == ["laws.json"]


def test_tables_that_a_killed_run_did_not_put_in_their_place_are_not_called_altered(
    run: Run, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished(folder="out")
    before = digest(out)
    for name in folder_module.TABLES:
        (out / name).rename(beside(out / name))
    assert status_of(out) == 2
    assert "is not finished; run its study again with output=" in refused(capsys)
    run()
    assert status_of(out, "sample=1") == 0
    assert digest(out) == before


def test_a_growth_that_trained_nothing_yet_can_be_taken_back(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = finished(folder="broken")
    before = digest(out)
    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_part", lambda *_: (_ for _ in ()).throw(StopError()))
        with pytest.raises(StopError):
            run("seeds.count=30", folder="broken")
    run(folder="broken", told=False)
    assert digest(out) == before


def test_the_folder_holds_what_the_design_lists_and_no_parts(finished: Run) -> None:
    out = finished()
    names = {path.name for path in out.iterdir()}
    assert {"config.yaml", "manifest.json", "trials.parquet", "summary.csv"} <= names
    assert "parts" not in names
    record = manifest(out)
    assert record["complete"] is True
    assert record["trials"] == 160
    (one,) = record["runs"]  # type: ignore[misc]
    assert one.keys() >= {"start", "end", "wall_s", "engine", "backend", "python", "libraries", "cpu", "git", "command"}


def test_trials_have_every_column_in_order_and_are_sorted_by_condition_and_seed(finished: Run) -> None:
    table = pq.read_table(finished() / "trials.parquet")
    y = ["y_00", "y_01", "y_10", "y_11"]
    expected = [*CONDITION_COLUMNS, *RESULT_COLUMNS]
    at = expected.index("solved_epoch") + 1
    assert table.column_names == [*expected[:at], *y, *expected[at:]]
    rows = table.select(["hidden", "init", "lr", "seed"]).to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["hidden"], row["init"], row["lr"], row["seed"]))
    assert len({tuple(row.values()) for row in rows}) == len(rows) == 160
    assert set(table["status"].to_pylist()) == {"ok"}
    for name in ("settled_epoch", "period"):
        assert table.schema.field(name).type == pa.int32()


def test_the_same_command_again_does_nothing(run: Run, finished: Run, capsys: pytest.CaptureFixture[str]) -> None:
    out = finished(folder="out")
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    run()
    assert "nothing left to do" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (["seeds.count=12"], ["seeds.count=20"]),
        (["seeds.start=5", "seeds.count=10"], ["seeds.count=20"]),
        (["grid.hidden=10"], ["grid.hidden=[4,10]"]),
        (["grid.lr=[0.2]", "seeds.count=3"], []),
    ],
)
def test_growing_runs_only_what_is_new_and_ends_at_the_same_bytes(
    run: Run, finished: Run, first: list[str], then: list[str]
) -> None:
    grown = run(*first, folder="grown", told=False)
    had = trained(grown)[0]
    run(*then, folder="grown", told=False)
    whole = finished(*then)
    assert digest(grown) == digest(whole)
    assert trained(grown) == [had, trained(whole)[0] - had]


RESCUE = ("grid.hidden=4", "grid.init=he", "grid.lr=[0.1,0.2]", "base.epochs=200")
ALL_RESCUES = "grid.rescue=[null,nothing,redraw_dead,redraw_alive,redraw_all,leaky,nudge_bias]"


def test_rescues_are_stored_grown_and_split_like_everything_else(run: Run, finished: Run) -> None:
    whole = finished(*RESCUE, ALL_RESCUES)
    grown = run(*RESCUE, "grid.rescue=[leaky,redraw_alive]", "seeds.count=7", folder="grown", told=False)
    run(*RESCUE, "grid.rescue=[leaky,redraw_alive]", folder="grown", told=False)
    loky = ("parallel=loky", "parallel.n_jobs=2", "parallel.batch=11")
    run(*RESCUE, ALL_RESCUES, *loky, folder="grown", told=False)
    assert trained(grown) == [2 * 2 * 7, 2 * 2 * 13, 2 * 5 * 20]
    assert digest(grown) == digest(whole)


@pytest.mark.slow  # the study is another's as well, and trained once
def test_a_rescue_is_paired_with_the_training_without_it(finished: Run) -> None:
    table = pq.read_table(finished(*RESCUE, ALL_RESCUES) / "trials.parquet").to_pandas()
    table = table.astype({"outcome": "str", "outcome_before": "str"}).sort_values(["lr", "seed"])
    plain = table[table["rescue"].isna()]
    assert plain["outcome_before"].isna().all()
    stuck = plain["outcome"].str.startswith("stuck").to_numpy()
    assert 5 < stuck.sum() < 35
    for rescue, part in table.groupby("rescue", observed=True):
        assert list(part["outcome_before"]) == list(plain["outcome"]), rescue
        freed = stuck & (part["outcome"] == "solved").to_numpy()
        assert freed.any() == (rescue != "nothing")
        assert (part["solved_epoch"].to_numpy(float)[freed] > 200).all()


def test_some_of_what_a_folder_holds_is_told_and_nothing_is_touched(
    run: Run, finished: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished(folder="out")
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    capsys.readouterr()
    assert run("grid.hidden=4", "grid.init=he") == out
    told = capsys.readouterr().out
    assert f"nothing left to do: {out} holds its 40 trainings, and others" in told
    rows = [line.split() for line in told.splitlines()]
    assert [row[0] for row in rows if row[1:2] == ["20"]] == ["0.1", "0.2"]
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("then", "words"),
    [
        (["seeds.count=10"], "holds seeds 0 to 19, more than this study's 0 to 9"),
        (["grid.hidden=[4,5]"], "it also holds hidden=10;"),
        (["base.epochs=61"], "it also holds epochs=60"),
        (
            ["success.tolerance=0.01"],
            "conditions that this study does not ask for (8 of 8): it also holds success",
        ),
    ],
)
def test_a_folder_of_another_study_is_refused_with_the_ways_out(
    run: Run, finished: Run, then: list[str], words: str
) -> None:
    out = finished(folder="out")
    before = digest(out)
    with pytest.raises(InputError) as refusal:
        run(*then)
    assert words in str(refusal.value)
    assert "output=DIR" in str(refusal.value)
    assert "overwrite=true" in str(refusal.value)
    assert digest(out) == before
    run(*then, "overwrite=true", told=False)
    assert digest(out) != before


def test_another_protocol_is_refused(run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    finished(folder="out")
    monkeypatch.setattr("analysis.data.door.PROTOCOL", 3)
    with pytest.raises(InputError, match="was made by protocol 2, this is 3"):
        run()


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path, run: Run) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    for overwrite in ("false", "true"):
        with pytest.raises(InputError, match=r"holds files but no manifest\.json"):
            run(f"overwrite={overwrite}")
    assert [path.name for path in (tmp_path / "out").glob("[!.]*")] == ["thesis.txt"]


def test_overwriting_leaves_files_of_others(run: Run, finished: Run) -> None:
    out = finished(folder="out")
    (out / "notes.txt").write_text("mine")
    run("overwrite=true", told=False)
    assert (out / "notes.txt").read_text() == "mine"


def test_a_second_run_in_the_same_folder_is_refused(run: Run, finished: Run) -> None:
    out = finished(folder="out")
    with open(out / ".lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another run is using"):
            run("seeds.count=21")


class StopError(Exception):
    """Ends a run in the middle."""


def interrupted(run: Run, monkeypatch: pytest.MonkeyPatch, after: int, error: BaseException, *overrides: str) -> Path:
    """A folder whose run was ended by an error when it had written some parts."""
    write = parts.write_part
    written: list[object] = []

    def stop_after(*arguments: object) -> object:
        if len(written) == after:
            raise error
        written.append(arguments)
        return write(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_part", stop_after)
        with pytest.raises((type(error), RunError)):
            run("parallel.batch=8", *overrides, folder="broken")
    return Path(str(written[0][0])).parent  # type: ignore[index]


@pytest.mark.parametrize("after", [1, 5, 23])
def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = finished()
    broken = interrupted(run, monkeypatch, after, StopError())
    assert len(list((broken / "parts").glob("*.parquet"))) == after
    assert not (broken / "trials.parquet").exists()
    run("parallel.batch=5", folder="broken", told=False)
    assert digest(broken) == digest(whole)
    assert not (broken / "parts").exists()
    assert 160 - 8 * after <= trained(broken)[-1] <= 160 - 4 * after


def test_a_full_disk_keeps_what_there_is_and_says_so(run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = finished()
    broken = interrupted(run, monkeypatch, 9, OSError(28, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(
            folder_module, "write_part", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
        )
        with pytest.raises(RunError, match=r"No space left on device.*what was trained is kept"):
            run(folder="broken")
    run(folder="broken", told=False)
    assert digest(broken) == digest(whole)


def test_torn_and_foreign_files_among_the_parts_are_left_aside(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = finished()
    broken = interrupted(run, monkeypatch, 12, StopError())
    torn, flipped, *_ = sorted((broken / "parts").glob("*.parquet"))
    torn.write_bytes(torn.read_bytes()[:-40])
    content = bytearray(flipped.read_bytes())
    content[content.rindex(b"outcome") + 1] ^= 1  # in the footer, which no checksum of Parquet's own covers
    flipped.write_bytes(content)
    (broken / "parts" / "notes.txt").write_text("not a part")
    pq.write_table(pa.table({"seed": [1, 2]}), broken / "parts" / "foreign.parquet")
    (broken / "parts" / f".{flipped.name}.123.tmp").write_bytes(b"PAR1")
    (broken / "parts" / ".somebody's.tmp").write_bytes(b"mine")
    run(folder="broken", told=False)
    said = capsys.readouterr().out
    for name in (torn.name, flipped.name, "notes.txt", "foreign.parquet", ".somebody's.tmp"):
        assert f"left aside: {broken / 'parts' / name}" in said
    assert digest(broken) == digest(whole)
    left = {path.name for path in (broken / "parts").iterdir()}
    assert left == {"notes.txt", "foreign.parquet", ".somebody's.tmp"}  # damaged ones were trained anew


def test_a_part_of_another_study_is_not_read_as_data(run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = interrupted(run, monkeypatch, 3, StopError())
    other = interrupted(run, monkeypatch, 3, StopError(), "base.epochs=61", "output=" + str(broken.parent / "other"))
    for path in (other / "parts").glob("*.parquet"):
        path.rename(broken / "parts" / path.name)
    run(folder="broken", told=False)
    assert digest(broken) == digest(finished())


@pytest.mark.parametrize("name", ["trials.parquet", "counts.parquet"])
@pytest.mark.parametrize("change", ["seeds.count=21", "report=false"])
def test_a_table_that_is_not_what_the_manifest_says_is_neither_grown_nor_reported(
    run: Run, finished: Run, name: str, change: str
) -> None:
    out = finished(folder="out")
    content = bytearray((out / name).read_bytes())
    content[content.rindex(b"outcome") + 1] ^= 1  # the name of a column: its values would be null, and signed anew
    (out / name).write_bytes(content)
    with pytest.raises(InputError, match=r"is not what manifest\.json says: it was altered; .*verify.*overwrite=true"):
        run(change)
    assert (out / name).read_bytes() == content
    run(change, "overwrite=true")


def test_a_training_that_fails_is_a_row_with_a_status_and_is_tried_again(
    run: Run, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnxor import engines

    output = tmp_path / "faulty"
    with monkeypatch.context() as patch:
        patch.setattr(engines, "load", faulty(lambda c, _: (c.hidden, c.lr) == (10, 0.1)))
        assert run_study(compose(*SMALL, f"output={output}")) == 1
    table = pq.read_table(output / "trials.parquet").to_pandas()
    failed = table[table["status"] == "failed"]
    assert len(failed) == 40
    assert set(failed["error"]) == {"MemoryError: no room"}
    assert failed["outcome"].isna().all()
    assert manifest(output)["failed"] == 40
    run(folder="faulty", told=False)
    assert trained(output) == [160, 40]
    assert digest(output) == digest(finished())


def test_the_digest_is_that_of_the_values_however_they_are_cut(finished: Run) -> None:
    out = finished()
    table = pq.read_table(out / "trials.parquet")
    table = table.cast(plain(table.schema))
    pieces = Digest()
    for start in range(0, 160, 37):
        pieces.update(table.slice(start, 37))
    assert pieces.hexdigest() == manifest(out)["digest"]
    changed = Digest()
    changed.update(table.set_column(table.column_names.index("hidden"), "hidden", pa.array([4] * 160, pa.int32())))
    assert changed.hexdigest() != manifest(out)["digest"]


def test_the_digest_of_a_small_study_is_what_it_is_on_every_machine(finished: Run) -> None:
    """Golden: it changes when results do, and then the protocol's version must go up (nnxor/protocol.py)."""
    assert (
        manifest(finished("grid.lr=[0.01,0.03,0.1,0.2]"))["digest"]
        == "e4413f3513ae193058d52def577ce44cc39d922e81ca6dd2366a0b4a4195c741"
    )


RANGES = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 20)).map(lambda t: range(t[0], t[0] + t[1])), max_size=8)


@given(spans=RANGES, start=st.integers(0, 30), length=st.integers(1, 40))
def test_ranges_of_seeds_are_merged_and_subtracted_like_sets(spans: list[range], start: int, length: int) -> None:
    merged = merge(spans)
    covered = {seed for span in spans for seed in span}
    assert sorted(covered) == [seed for span in merged for seed in span]
    seeds = range(start, start + length)
    assert [seed for span in subtract(seeds, merged) for seed in span] == sorted(set(seeds) - covered)


def test_a_dry_run_says_what_is_done_and_missing_and_writes_nothing(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    out = run("seeds.count=5")
    before = sorted(out.iterdir())
    capsys.readouterr()
    run("dry_run=true")
    said = capsys.readouterr().out
    for line in (
        "conditions   8",
        "trainings    160",
        "done         40",
        "missing      120",
        "training     ",
        "size         about",
    ):
        assert line in said
    assert sorted(out.iterdir()) == before


def test_a_trap_has_its_name_and_level_in_every_loss(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    grid = "grid.loss=[half_sse,mse]", "grid.hidden=[4]", "grid.init=[uniform]", "grid.lr=[0.2]"
    out = run("base.epochs=3000", *grid, "seeds.count=60")
    assert "1/4 (at 0.125 or 0.25)" in " ".join(capsys.readouterr().out.split())
    summary = pd.read_csv(out / "summary.csv").set_index("loss")
    assert summary["stuck_1/4_level"].to_dict() == {"half_sse": 0.25, "mse": 0.125}
    assert (summary[["stuck_1/4", "stuck_1/3"]] > 0).all(axis=None)
    assert (summary["stuck"] == 0).all()
