"""Comparing two result folders: what is aligned, how it is compared, what counts as a difference."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from drawn import draw
from harness import rewrite
from scipy.stats import binomtest, fisher_exact

from analysis.data.conditions import defaults
from analysis.data.door import FolderError
from analysis.findings.side_by_side import FEW_SHARED, GIVEN, align, compare_folders
from analysis.findings.statistics import Paired, Rate, holm
from analysis.report_parts.pages import render
from analysis.report_parts.tables import compare_tables
from analysis.text import words
from experiments.comparing import compare, sentences
from experiments.study import catalog

Run = Callable[..., Path]
EPOCHS = ("base.epochs=200", "grid.lr=[0.2]")


def conditions(*changes: dict[str, object]) -> dict[str, dict[str, object]]:
    return {json.dumps(change, sort_keys=True): {**defaults(), **change} for change in changes}


def test_the_same_conditions_are_aligned_first() -> None:
    a = conditions({"init": "uniform"}, {"init": "he"})
    b = conditions({"init": "he"}, {"init": "xavier"})
    pairs, changed = align(a, b)
    he, uniform, xavier = (json.dumps({"init": name}) for name in ("he", "uniform", "xavier"))
    assert pairs == [(uniform, xavier), (he, he)]
    assert changed == ("init",)


def test_a_field_that_differs_everywhere_does_not_keep_the_others_from_aligning() -> None:
    grid = [(hidden, lr) for hidden in (4, 10) for lr in (0.1, 0.2)]
    a = conditions(*({"hidden": hidden, "lr": lr} for hidden, lr in grid))
    b = conditions(*({"hidden": hidden, "lr": lr, "init": "he"} for hidden, lr in grid))
    pairs, changed = align(a, b)
    assert changed == ("init",)
    assert len(pairs) == 4
    assert all((a[x]["hidden"], a[x]["lr"]) == (b[y]["hidden"], b[y]["lr"]) for x, y in pairs)


def test_two_fields_may_differ_but_not_three() -> None:
    a = conditions({})
    assert align(a, conditions({"init": "he", "lr": 0.2}))[1] == ("init", "lr")
    assert align(a, conditions({"init": "he", "lr": 0.2, "hidden": 10})) == ([], ())


def test_a_condition_of_both_is_set_beside_what_differs_from_it_in_one_field() -> None:
    """A sweep of the width and one of the step that share a condition: no pair of the others differs in one field."""
    a = conditions(*({"hidden": hidden, "lr": 0.1} for hidden in (3, 4, 5)))
    b = conditions(*({"hidden": 4, "lr": lr} for lr in (0.05, 0.1, 0.2)))
    pairs, changed = align(a, b)
    shared = json.dumps({"hidden": 4, "lr": 0.1})
    assert changed == ("lr",)
    assert pairs == [(shared, json.dumps({"hidden": 4, "lr": lr})) for lr in (0.05, 0.2, 0.1)]


def test_the_field_that_aligns_most_conditions_is_let_differ() -> None:
    a = conditions({"lr": 0.1}, {"lr": 0.2})
    b = conditions({"lr": 0.1, "init": "he"}, {"lr": 0.2, "init": "he"}, {"lr": 0.3})
    assert align(a, b)[1] == ("init",)


def frame(folder: Path) -> pd.DataFrame:
    return pq.read_table(folder / "trials.parquet").to_pandas()


def test_shared_seeds_are_compared_in_pairs_as_an_independent_count_has_it(finished: Run) -> None:
    a = finished("grid.init=[uniform]", *EPOCHS, folder="a")
    b = finished("grid.init=[he]", *EPOCHS, folder="b")
    found = compare_folders(a, b)
    both = frame(a).merge(frame(b), on=["hidden", "lr", "seed"], suffixes=("_a", "_b"))
    p = []
    for row, (hidden, part) in zip(found.rows, both.groupby("hidden"), strict=True):
        first, second = part["outcome_a"] == "solved", part["outcome_b"] == "solved"
        assert isinstance(row.difference, Paired)
        assert row.name == f"{hidden} units, init U(−1, 1) → He"
        assert (row.a.count, row.b.count, row.a.n, row.b.n) == (first.sum(), second.sum(), 20, 20)
        assert (row.difference.only_first, row.difference.only_second) == (
            (first & ~second).sum(),
            (second & ~first).sum(),
        )
        assert row.difference.difference == pytest.approx(second.mean() - first.mean())
        discordant = int((first != second).sum())
        p.append(binomtest(int((first & ~second).sum()), discordant).pvalue if discordant else 1.0)
        assert row.how.startswith("paired: 20 seeds")
    assert [row.p_holm for row in found.rows] == pytest.approx(list(holm(p)))
    assert found.changed == ("init",)
    assert ("init", "U(−1, 1)", "He") in found.differences


def test_the_same_trap_is_told_by_one_name_under_two_losses(finished: Run, capsys) -> None:
    """Twice the step under the mean of four squares is the same descent as under half their sum."""
    a = finished("grid.init=[he]", "grid.hidden=[4]", "grid.lr=[0.1]", EPOCHS[0], folder="a")
    b = finished("grid.init=[he]", "grid.hidden=[4]", "grid.lr=[0.2]", "base.loss=mse", EPOCHS[0], folder="b")
    (row,) = compare_folders(a, b).rows
    told = {part.split(" A ")[0]: part.split(" A ")[1].split(", B ") for part in row.traps.split("; ")}
    ends = frame(a)["outcome"].value_counts()
    assert told.keys() == {f"stuck at {trap}" for trap in ("1/4", "1/3", "1/2") if f"stuck_{trap}" in ends}
    assert "of all" not in row.traps, "they are the runs compared"
    for trap, (first, second) in told.items():
        assert first == second == words.bare(Rate.of(int(ends[f"stuck_{trap.split()[-1]}"]), len(frame(a))))
    assert row.traps in " ".join(compare_tables(compare_folders(a, b))["rows"].rows[0])
    capsys.readouterr()
    compare({"a": str(a), "b": str(b), "fail_on_difference": False})
    assert words.plain(row.traps) in " ".join(capsys.readouterr().out.split())


def test_a_field_that_one_side_alone_has_is_told_of_that_side_and_traps_of_other_runs_with_their_number(
    make: Run,
) -> None:
    """'slope 0.01' stood beside ReLU, which has none, and traps of 20 runs beside rates of 15 pairs."""
    leaky = {f"leaky {k}": ({"activation": "leaky_relu", "slope": k}, ["stuck_1/4"] * 20) for k in (0.01, 0.1)}
    relu = make({"relu": ({}, ["solved"] * 15)})
    relu = relu.rename(relu.with_name("relu"))
    found = compare_folders(make(leaky), relu)
    assert [row.name for row in found.rows] == [f"activation leaky ReLU → ReLU, slope {k} in A" for k in (0.01, 0.1)]
    assert (found.changed, ("slope", "0.01 and 0.1", "none") in found.differences) == (("activation",), True)
    assert {row.difference.n for row in found.rows if isinstance(row.difference, Paired)} == {15}
    assert all(row.traps.endswith(" (of all 20 runs in A and 15 in B)") for row in found.rows)
    leaky.popitem()
    assert [row.name for row in compare_folders(make(leaky), relu).rows] == ["activation leaky ReLU → ReLU"]


def test_numbers_that_are_short_for_the_same_are_told_in_full(finished: Run) -> None:
    a, b = (
        finished("grid.init=[he]", "grid.hidden=[4]", f"grid.lr=[{lr}]", EPOCHS[0], folder=f"lr{lr}")
        for lr in (0.1, 0.10001)
    )
    found = compare_folders(a, b)
    assert [row.name for row in found.rows] == ["lr 0.1 → 0.10001"]
    assert found.differences == [("lr", "0.1", "0.10001")]


def test_other_seeds_are_compared_unpaired(finished: Run) -> None:
    a = finished(*EPOCHS, folder="a")
    b = finished(*EPOCHS, "seeds.start=15", folder="b")  # five seeds of twenty in both
    found = compare_folders(a, b)
    counts = [[[rate.count, rate.n - rate.count] for rate in (row.a, row.b)] for row in found.rows]
    exact = holm([fisher_exact(each)[1] for each in counts])
    assert [row.p_holm for row in found.rows] == pytest.approx(exact)
    for row in found.rows:
        assert row.how == "unpaired: 20 runs in A, 20 in B"
        assert not row.same
    assert f"Not paired: 4 of 4, since {FEW_SHARED}." in sentences(found)
    assert ("seeds", "0 to 19", "15 to 34") in found.differences
    assert (found.checked, found.broken) == (20, 0)


def test_a_folder_does_not_differ_from_itself(finished: Run) -> None:
    folder = finished(*EPOCHS)
    found = compare_folders(folder, folder)
    assert found.differences == []
    assert all(row.same and row.difference.difference == 0 for row in found.rows)
    assert (found.checked, found.broken, found.differs) == (80, 0, False)


def tampered(folder: Path, seed: int) -> None:
    """Give another outcome to the training of the article's condition with this seed."""
    data = pq.read_table(folder / "trials.parquet").to_pandas()
    data["outcome"] = data["outcome"].astype("str")
    data.loc[(data["seed"] == seed) & (data["init"] == "he") & (data["hidden"] == 10), "outcome"] = "diverged"
    rewrite(data, folder)


def test_a_training_that_ends_otherwise_is_a_difference_and_is_named(finished: Run) -> None:
    a, b = finished(*EPOCHS, folder="a"), finished(*EPOCHS, folder="b")
    tampered(b, 7)
    found = compare_folders(a, b)
    assert (found.checked, found.broken, found.differs) == (80, 1, True)
    assert found.example.startswith("10 units, He, seed 7: A ")
    assert found.example.endswith("B diverged")


def test_outcomes_under_other_success_rules_are_not_checked(finished: Run) -> None:
    a, b = finished(*EPOCHS, folder="a"), finished(*EPOCHS, "success.tolerance=0.1", folder="b")
    found = compare_folders(a, b)
    assert found.checked == 0
    assert (
        "success",
        "loss \N{LESS-THAN OR EQUAL TO} 0.001",
        "loss \N{LESS-THAN OR EQUAL TO} 0.1",
    ) in found.differences
    assert not any(row.same for row in found.rows)


def test_versions_that_differ_are_listed(finished: Run) -> None:
    a, b = finished(*EPOCHS, folder="a"), finished(*EPOCHS, folder="b")
    manifest = json.loads((b / "manifest.json").read_text())
    manifest["runs"][0]["libraries"]["numpy"] = "0.0.1"
    (b / "manifest.json").write_text(json.dumps(manifest))
    ((what, _, there),) = compare_folders(a, b).differences
    assert (what, there) == ("numpy", "0.0.1")


def test_folders_that_share_nothing_are_refused_in_a_line(finished: Run) -> None:
    a = finished("grid.hidden=[4]", "grid.init=[uniform]", "grid.lr=[0.1]", folder="a")
    b = finished("grid.hidden=[10]", "grid.init=[he]", "grid.lr=[0.2]", folder="b")
    with pytest.raises(FolderError, match="share nothing"):
        compare_folders(a, b)


def test_the_page_escapes_names_and_loads_nothing(finished: Run, tmp_path: Path) -> None:
    a = finished("grid.init=[uniform]", *EPOCHS, folder="a")
    b = finished("grid.init=[he]", *EPOCHS, folder="b")
    manifest = json.loads((b / "manifest.json").read_text())
    manifest["study"] = "<script>x</script>"
    (b / "manifest.json").write_text(json.dumps(manifest))
    found = compare_folders(a, b)
    page = render("compare.html.j2", found=found, sentences=["A <b> sentence."], **compare_tables(found))
    page = page.replace("<span>", "").replace("</span>", "")
    assert "<script>x" not in page
    assert "A &lt;b&gt; sentence." in page
    assert not re.search(r"""(src|href)=(?!["']?(#|data:))|url\(|@import""", page)
    for row in compare_tables(found)["rows"].rows:
        assert all(cell.replace("<", "&lt;") in page for cell in row)


def save_sets(path: Path, init: str, sets: int = 20) -> Path:
    """Weights of two-input networks of 3 units, one set a seed, in a file."""
    path.parent.mkdir(exist_ok=True)
    W1, b1, W2, b2 = (np.moveaxis(array, -1, 0) for array in draw(catalog.init(init), 2, 3, range(sets)))
    np.savez(path, W1=W1, b1=b1, W2=W2[:, :, None], b2=b2[:, None])
    return path


@pytest.mark.parametrize(("theirs", "paired"), [("torch", True), ("he", False)])
@pytest.mark.parametrize("record", ["trials", "summary"])
def test_given_weights_are_paired_with_the_same_weights_alone(
    run: Run, tmp_path: Path, theirs: str, paired: bool, record: str
) -> None:
    fields = ("grid.hidden=3", f"record={record}")
    one, other = save_sets(tmp_path / "a" / "mine.npz", "torch"), save_sets(tmp_path / "b" / "mine.npz", theirs)
    a = run(*fields, f"grid.init={one}", "grid.lr=0.1", folder="one", told=False)
    b = run(*fields, f"grid.init={other}", "grid.lr=0.2", folder="other", told=False)
    (row,) = compare_folders(a, b).rows
    assert isinstance(row.difference, Paired) == paired
    assert row.unpaired == ("" if paired else GIVEN)
    assert row.how.startswith("paired: 20 seeds" if paired else "unpaired: 20 runs in A, 20 in B")


def test_given_weights_are_not_paired_with_drawn_ones(run: Run, tmp_path: Path) -> None:
    fields = ("grid.hidden=3", "grid.lr=0.1")
    a = run(*fields, "grid.init=torch", folder="drawn", told=False)
    b = run(*fields, f"grid.init={save_sets(tmp_path / 'w' / 'mine.npz', 'he')}", folder="given", told=False)
    for found in (compare_folders(a, b), compare_folders(b, a)):
        assert [row.unpaired for row in found.rows] == [GIVEN]
        assert f"Not paired: 1 of 1, since {GIVEN}." in sentences(found)


@pytest.mark.parametrize(
    "override", ["grid.scale=0.5", "grid.task=parity3", "grid.hidden=5", "grid.init=he", "grid.dtype=float64"]
)
def test_seeds_share_their_draws_whatever_else_differs(run: Run, finished: Run, override: str) -> None:
    fields = ("grid.hidden=4", "grid.init=uniform", "grid.lr=0.2")
    found = compare_folders(finished(*fields, folder="a"), run(*fields, override, folder="b", told=False))
    assert [row.unpaired for row in found.rows] == [""]
    assert not any("Not paired" in sentence for sentence in sentences(found))
