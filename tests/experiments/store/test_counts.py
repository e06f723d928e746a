"""Studies that keep counts: the same as from rows, however they were cut, killed, resumed, grown or folded."""

import hashlib
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness import SMALL, compose, faulty
from hypothesis import given, strategies as st

from analysis.data.door import beside
from analysis.entry import InputError
from experiments.execution.backends import execute
from experiments.execution.parallel import AHEAD
from experiments.execution.session import run as run_study
from experiments.store import counts, folder as folder_module, parts, rows_and_counts as tables
from experiments.store.columns import in_schema, part_schema, part_table
from experiments.study import batches
from experiments.study.batches import Batch
from experiments.study.study import Study, read_study
from nnxor.condition import Condition

Run = Callable[..., Path]
SUMMARY = ("record=summary", "parallel.batch=8")


def digest(folder: Path, name: str = "counts.parquet") -> str:
    return hashlib.sha256((folder / name).read_bytes()).hexdigest()


def manifest(folder: Path) -> dict[str, object]:
    content = json.loads((folder / "manifest.json").read_text())
    assert isinstance(content, dict)
    return content


def fold_after(patch: pytest.MonkeyPatch, parts: int) -> None:
    patch.setattr(folder_module, "FOLD", parts)
    patch.setattr(folder_module, "FOLD_EACH", 0)


# --- counting

ROWS = st.lists(
    st.sampled_from(
        [
            ("solved", None, None, 0, 0, 17, None),
            ("solved", None, None, 1, 1, 30, None),
            ("stuck_1/4", "alive_but_merged", "00=10", 0, 1, None, 5),
            ("stuck_1/2", "died_in_training", "00=01=10=11", 1, 4, None, 8),
            ("diverged", "step_too_large", None, 0, None, None, None),
        ]
    ),
    min_size=1,
    max_size=60,
)


def part_rows(rows: list[tuple[object, ...]], start: int) -> pa.Table:
    names = ("outcome", "cause", "merged", "dead_init", "dead_final", "solved_epoch", "first_death_epoch")
    columns = {name: pa.array([row[i] for row in rows]) for i, name in enumerate(names)}
    whole = {name: columns[name].cast(pa.string() if i < 3 else pa.int32()) for i, name in enumerate(names)}
    n = len(rows)
    table = pa.table({"seed": np.arange(start, start + n), **whole, "status": ["ok"] * n})
    return in_schema(table, part_schema(Condition()))


def settled(folder: Path, study: Study, pieces: list[parts.Part], held: dict[str, counts.Held], whole: bool) -> Path:
    """counts.parquet with these parts added."""
    done = tables.write(folder, study, held, pieces, whole)
    assert done["failed"] == 0
    return beside(folder / "counts.parquet").replace(folder / "counts.parquet")


def written(folder: Path, table: pa.Table, cuts: list[int], order: int) -> bytes:
    """counts.parquet of a table that came in pieces, half of them folded in before the others."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    start, n = table["seed"][0].as_py(), len(table)
    bounds = [0, *sorted({cut for cut in cuts if cut < n}), n]
    pieces = []
    for first, last in itertools.pairwise(bounds):
        if first < last:
            batch = Batch(Condition(), range(start + first, start + last))
            pieces.append(parts.write_part(folder, batch, table.slice(first, last - first)))
    pieces = pieces[order % len(pieces) :] + pieces[: order % len(pieces)]
    study = Study("s", "Q?", (Condition(),), range(start, start + n), "summary")
    path, half = folder / "counts.parquet", len(pieces) // 2
    held: dict[str, counts.Held] = {}
    if half:
        held = counts.scan(settled(folder, study, pieces[:half], {}, whole=False))
    (found,) = counts.scan(settled(folder, study, pieces[half:], held, whole=True)).values()
    assert (found.trained, found.seeds) == (study.seeds, (study.seeds,))
    return path.read_bytes()


STARTS = st.sampled_from([0, 3, counts.CHUNK - 7])


@given(rows=ROWS, start=STARTS, cuts=st.lists(st.integers(1, 59)), order=st.integers(0, 9))
def test_counts_are_those_of_the_rows_however_they_are_cut(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[object, ...]], start: int, cuts: list[int], order: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "cut"
    table = part_rows(rows, start)
    assert written(folder, table, cuts, order) == written(folder, table, [], 0)
    kept = pq.read_table(folder / "counts.parquet").to_pylist()
    runs = {
        (row["outcome"], row["cause"], row["merged"], row["dead_init"], row["dead_final"]): (row["count"], row["seed"])
        for row in kept
        if row["kind"] == "runs"
    }
    assert runs == {key[:5]: (rows.count(key), start + rows.index(key)) for key in rows}
    for place, name in ((5, "solved_epoch"), (6, "first_death_epoch")):
        epochs = [row[place] for row in rows if row[place] is not None]
        assert {row["epoch"]: row["count"] for row in kept if row["kind"] == name} == {
            epoch: epochs.count(epoch) for epoch in epochs
        }
    solved = [
        (row["seed"] + i, bool(bit))
        for row in kept
        if row["kind"] == "seeds"
        for i, bit in enumerate(np.unpackbits(np.frombuffer(row["solved"], np.uint8), count=row["count"]))
    ]
    assert solved == [(start + i, row[0] == "solved") for i, row in enumerate(rows)]


def test_seeds_are_kept_as_a_bit_each_in_chunks(tmp_path: Path) -> None:
    n = 3 * counts.CHUNK + 5
    flags = np.arange(n) % 3 == 0
    half = 7 + n // 2
    rows = counts.seed_rows([(range(half, 7 + n), flags[n // 2 :]), (range(7, half), flags[: n // 2])])
    assert [row["seed"] % counts.CHUNK for row in rows.to_pylist()] == [7, 0, 0, 0]
    assert sum(len(row["solved"]) for row in rows.to_pylist()) <= n / 8 + 4
    assert np.array_equal(np.concatenate([piece for _, piece in counts.solved_seeds(rows)]), flags)


def test_failed_trainings_are_counted_and_not_among_the_seeds() -> None:
    rows = in_schema(part_table({}, range(5, 9), "MemoryError: no room"), part_schema(Condition()))
    table = counts.count_rows(rows)
    (row,) = table.to_pylist()
    assert (row["kind"], row["status"], row["error"], row["count"], row["seed"]) == (
        "runs", "failed", "MemoryError: no room", 4, 5,
    )  # fmt: skip


# --- studies


def test_summary_and_verdicts_are_to_the_byte_those_of_the_rows(finished: Run) -> None:
    from analysis.data.door import FolderError
    from analysis.data.reading import Counted, load

    rows, summary = finished(folder="rows"), finished(*SUMMARY, folder="summary")
    assert digest(rows, "summary.csv") == digest(summary, "summary.csv")
    assert digest(rows) == digest(summary)
    assert not (summary / "trials.parquet").exists()
    assert (manifest(rows)["record"], manifest(summary)["record"]) == ("trials", "summary")
    assert "record: summary" in (summary / "config.yaml").read_text()
    a, b = Counted.of(rows), Counted.of(summary)
    pd.testing.assert_frame_equal(a.runs, b.runs)
    pd.testing.assert_frame_equal(a.every_epoch, b.every_epoch)
    keys = list(a.solved.bits)
    for one, other in itertools.combinations(keys[:4], 2):
        assert a.solved.compare(one, other) == b.solved.compare(one, other)
    with pytest.raises(FolderError, match="holds counts and no trials"):
        load(summary)


@pytest.mark.parametrize("how", [("parallel.batch=3",), ("parallel.n_jobs=2",), ("engine=numpy",)], ids=" ".join)
def test_how_a_study_runs_never_shows_in_its_counts(run: Run, finished: Run, how: tuple[str, ...]) -> None:
    a, b = finished("record=summary"), run("record=summary", *how, folder="b", told=False)
    assert digest(a) == digest(b)
    assert manifest(a)["digest"] == manifest(b)["digest"]


@pytest.mark.parametrize("fold", [3, 512])
def test_growing_and_folding_end_at_the_same_bytes(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, fold: int
) -> None:
    fold_after(monkeypatch, fold)
    grown = run(*SUMMARY, "seeds.start=5", "seeds.count=7", "grid.hidden=10", folder="grown", told=False)
    run(*SUMMARY, folder="grown", told=False)
    assert [each["trained"] for each in manifest(grown)["runs"]] == [28, 132]  # type: ignore[attr-defined]
    assert digest(grown) == digest(finished("record=summary"))
    assert not (grown / "parts").exists()


class StopError(Exception):
    """Ends a run in the middle."""


@pytest.mark.parametrize(("after", "fold"), [(1, 512), (20, 512), (20, 6), (23, 6)])
def test_a_run_that_was_cut_off_goes_on_to_the_same_bytes(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, after: int, fold: int
) -> None:
    write, done = parts.write_part, []

    def stop_after(*arguments: object) -> object:
        if len(done) == after:
            raise StopError
        done.append(arguments)
        return write(*arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(folder_module, "write_part", stop_after)
        fold_after(patch, fold)
        with pytest.raises(StopError):
            run(*SUMMARY, folder="broken", told=False)
    broken = Path(str(done[0][0])).parent
    assert len(list((broken / "parts").iterdir())) == after % fold
    run("record=summary", "parallel.batch=5", folder="broken")
    assert digest(broken) == digest(finished("record=summary"))
    assert digest(broken, "summary.csv") == digest(finished(folder="rows"), "summary.csv")


def test_a_run_killed_between_counting_parts_and_dropping_them_counts_none_twice(
    run: Run, finished: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    unlink = Path.unlink

    def stop(path: Path, missing_ok: bool = False) -> None:
        if path.parent.name == "parts" and path.suffix == ".parquet":
            raise StopError
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        fold_after(patch, 6)
        patch.setattr(Path, "unlink", stop)
        with pytest.raises(StopError):
            run(*SUMMARY, folder="broken", told=False)
    broken = tmp_path / "broken"
    assert (broken / "counts.parquet").exists()
    assert len(list((broken / "parts").glob("*.parquet"))) == 6
    run("record=summary", folder="broken", told=False)
    assert digest(broken) == digest(finished("record=summary"))
    assert not (broken / "parts").exists()


def test_parts_that_overlap_are_counted_once_and_torn_or_foreign_ones_never(
    run: Run, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise StopError

    cut = {}
    for name, overrides in (("a", ()), ("b", ("parallel.batch=5",)), ("other", ("base.epochs=61",))):
        with monkeypatch.context() as patch:
            patch.setattr(folder_module.ResultFolder, "compact", fail)
            with pytest.raises(StopError):
                run(*SUMMARY, *overrides, folder=name)
        cut[name] = sorted((tmp_path / name / "parts").glob("*.parquet"))
    for path in (*cut["b"], cut["other"][0]):
        shutil.copy(path, tmp_path / "a" / "parts" / path.name)
    torn, *_ = cut["a"]
    torn.write_bytes(torn.read_bytes()[:-20])
    run("record=summary", folder="a", told=False)
    said = capsys.readouterr().out
    assert f"left aside: {torn}: torn or altered" in said
    assert f"{cut['other'][0].name}: a part of another study" in said
    assert digest(tmp_path / "a") == digest(finished("record=summary"))


@pytest.mark.parametrize(("first", "then"), [("trials", "summary"), ("summary", "trials")])
def test_what_a_folder_keeps_cannot_change(run: Run, finished: Run, first: str, then: str) -> None:
    finished(f"record={first}", folder="out")
    with pytest.raises(InputError) as refusal:
        run(f"record={then}")
    assert f"was made with record={first}, this is {then}" in str(refusal.value)
    assert "overwrite=true" in str(refusal.value)
    out = run(f"record={then}", "overwrite=true", told=False)
    kept = {"trials": {"trials.parquet", "counts.parquet"}, "summary": {"counts.parquet"}}[then]
    assert {path.name for path in out.glob("*.parquet")} == kept


def test_failed_trainings_are_tried_again(
    run: Run, finished: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nnxor import engines

    output = tmp_path / "faulty"
    with monkeypatch.context() as patch:
        patch.setattr(engines, "load", faulty(lambda c, _: (c.hidden, c.lr) == (10, 0.1)))
        fold_after(patch, 4)
        assert run_study(compose(*SMALL, *SUMMARY, f"output={output}")) == 1
    assert (manifest(output)["trials"], manifest(output)["failed"]) == (160, 40)
    run(*SUMMARY, folder="faulty", told=False)
    assert [each["trained"] for each in manifest(output)["runs"]] == [160, 40]  # type: ignore[attr-defined]
    assert digest(output) == digest(finished(*SUMMARY))


def test_damaged_counts_are_refused(run: Run, finished: Run) -> None:
    out = finished(*SUMMARY, folder="out")
    content = bytearray((out / "counts.parquet").read_bytes())
    content[100] ^= 1
    (out / "counts.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"is not what manifest\.json says"):
        run(*SUMMARY, "seeds.count=21")


# --- larger than memory


def test_a_hundred_million_trainings_are_planned_without_listing_their_batches(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = read_study(compose("seeds.count=6250000"))
    assert study.n_trainings == 10**8
    told = batches.left(study, {}, "numba", None)
    first = list(itertools.islice(batches.missing(told), 3))
    assert [batch.seeds.start for batch in first] == [0, len(first[0].seeds), 2 * len(first[0].seeds)]
    assert sum(each.trainings for each in told) == 10**8
    assert len(told) == len(study.conditions)
    largest = ("seeds.count=6250000000", "record=summary", f"output={tmp_path / 'x'}")
    assert run_study(compose(*largest, "dry_run=true")) == 0
    assert "missing      100,000,000,000 in " in capsys.readouterr().out


@given(st.lists(st.integers(0, 30), max_size=4), st.integers(1, 40), st.integers(1, 9))
def test_what_is_left_is_told_as_the_batches_say(done: list[int], count: int, size: int) -> None:
    study = Study("s", "Q?", (Condition(), Condition(lr=0.2)), range(count))
    spans = {Condition().key: batches.merge([range(seed, seed + 3) for seed in done])}
    told = batches.left(study, spans, "numba", size)
    made = list(batches.missing(told))
    trained = {key: {seed for span in found for seed in span} for key, found in spans.items()}
    asked = [(c.key, seed) for c in study.conditions for seed in study.seeds if seed not in trained.get(c.key, ())]
    assert sorted((batch.condition.key, seed) for batch in made for seed in batch.seeds) == sorted(asked)
    assert sum(each.batches for each in told) == len(made)
    assert sum(each.trainings for each in told) == sum(len(batch.seeds) for batch in made)
    firsts = {batch.condition.key: batch for batch in reversed(made)}
    assert {each.first.condition.key: each.first for each in told} == firsts


def test_batches_are_taken_as_they_are_needed() -> None:
    taken = []

    def endless():  # type: ignore[no-untyped-def]
        for start in itertools.count():
            taken.append(start)
            yield Batch(Condition(epochs=0), range(start, start + 1))

    results = execute(endless(), "numpy", "threads", 1)
    assert [len(next(results)[1]) for _ in range(3)] == [1, 1, 1]
    assert len(taken) <= 3 + AHEAD
    results.close()  # type: ignore[attr-defined]


def test_more_trainings_than_a_record_can_bear_are_refused() -> None:
    with pytest.raises(InputError, match="at most 1,000,000,000, or 100,000,000,000 with record=summary"):
        read_study(compose("seeds.count=62500001"))
    assert read_study(compose("seeds.count=62500001", "record=summary")).n_trainings == 16 * 62500001
    with pytest.raises(InputError, match="record=rows is not allowed; allowed: trials, summary"):
        read_study(compose("record=rows"))


def test_folders_of_counts_are_compared_like_folders_of_rows(run: Run) -> None:
    from analysis.findings.side_by_side import compare_folders

    base = ("grid.hidden=4", "grid.init=[uniform,he]", "grid.lr=0.2")
    sides = {
        (name, record): run(*base, f"record={record}", *more, folder=f"{name}-{record}", told=False)
        for name, more in (("a", ()), ("b", ("base.epochs=70", "seeds.start=9")), ("c", ("seeds.start=3",)))
        for record in ("trials", "summary")
    }
    for other in ("b", "c"):
        rows = compare_folders(sides["a", "trials"], sides[other, "trials"])
        summary = compare_folders(sides["a", "summary"], sides[other, "summary"])
        mixed = compare_folders(sides["a", "summary"], sides[other, "trials"])
        assert rows.rows == summary.rows == mixed.rows
        assert rows.checked == summary.checked == mixed.checked == (0 if other == "b" else 34)
        assert (rows.broken, summary.broken) == (0, 0)
