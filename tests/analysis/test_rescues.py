"""What frees stuck runs: counted anew from the handmade study, and nothing of it where there is none."""

import html
import json
import re
from pathlib import Path

import pandas as pd
import pytest
from harness import rewrite

from analysis import report
from analysis.data.conditions import phrase, value_text
from analysis.data.reading import load, size
from analysis.figures import PLOTS
from analysis.figures.failures.freed_by_rescue import describe
from analysis.figures.style import NotApplicable
from analysis.findings.findings import Findings
from analysis.findings.statistics import binomial, wilson
from analysis.findings.stuck import freed, interventions, redrawn
from analysis.report_parts import sections

Free = dict[float, dict[str, set[int]]]
STUCK = range(8, 40)
FIGURE = next(plot for plot in PLOTS if plot.name == "freed_by_rescue")


def test_every_intervention_is_counted_and_set_against_both_controls(rescued: Path, free_seeds: Free) -> None:
    found = {(each.row["lr"], each.intervention): each for each in freed(load(rescued))}
    assert list(found) == [(lr, name) for lr in free_seeds for name in free_seeds[lr]]
    ps = []
    for (lr, name), each in found.items():
        assert (each.rate.count, each.rate.n) == (len(free_seeds[lr][name]), len(STUCK))
        controls = {"nothing": [], "redraw_alive": ["nothing"]}.get(name, ["nothing", "redraw_alive"])
        assert list(each.against) == controls
        for control, pair in each.against.items():
            mine, other = free_seeds[lr][name], free_seeds[lr][control]
            assert (pair.only_first, pair.only_second, pair.n) == (len(other - mine), len(mine - other), 32)
            assert pair.difference == pytest.approx((len(mine) - len(other)) / 32)
            assert pair.p == binomial(len(mine - other), len(mine ^ other), 0.5)
            ps.append(pair.p)
    assert len(ps) == 10
    smallest = min((p, place) for place, p in enumerate(ps))
    adjusted = [p for each in found.values() for p in each.p_holm.values()]
    assert adjusted[smallest[1]] == pytest.approx(10 * smallest[0])


def test_dead_units_are_set_against_live_ones_by_how_many_are_dead(rescued: Path, free_seeds: Free) -> None:
    """Pooled, strata of opposite sign made one misleading number."""
    found = redrawn(load(rescued))
    assert [(each.row["lr"], each.dead) for each in found] == [(lr, dead) for lr in free_seeds for dead in (1, 2, 3)]
    for each in found:
        stratum = {seed for seed in STUCK if seed % 4 == each.dead}
        fresh, live = (free_seeds[each.row["lr"]][name] & stratum for name in ("redraw_dead", "redraw_alive"))
        (pair,) = each.against.values()
        assert (pair.n, pair.only_first, pair.only_second) == (8, len(live - fresh), len(fresh - live))
        assert (each.rate.count, each.rate.n) == (len(fresh), 8)
    least = min(each.against["redraw_alive"].p for each in found)
    assert min(each.p_holm["redraw_alive"] for each in found) == pytest.approx(min(1, 6 * least))


def test_the_slope_of_a_leak_tells_interventions_apart_but_not_runs(rescued: Path) -> None:
    trials = load(rescued)
    steep = trials[(trials["rescue"] == "leaky").to_numpy(bool)].assign(slope=0.2)
    steep = steep.assign(condition=steep["condition"].astype(str) + "steep")
    trials = pd.concat([trials.astype({"condition": "str"}), steep], ignore_index=True)
    assert interventions(trials) == ["nothing", "redraw_dead", "redraw_alive", "leaky", "leaky 0.2"]
    found = {(each.row["lr"], each.intervention): each for each in freed(trials)}
    assert found[0.1, "leaky 0.2"].against["redraw_alive"].n == 32
    assert len(found) == 10


def test_the_figure_shows_each_share_with_its_interval(rescued: Path, free_seeds: Free) -> None:
    figure = FIGURE.draw(Findings.of(rescued))
    (ax,) = figure.axes
    names = [value_text("rescue", name) for name in ("nothing", "redraw_dead", "redraw_alive", "leaky")]
    assert [label.get_text() for label in ax.get_yticklabels()] == names
    title = ax.get_title(loc="left").replace("\N{NO-BREAK SPACE}", " ")
    assert title == "lr 0.1 n = 32, lr 0.2 n = 32 stuck runs"
    others = next(plot for plot in PLOTS if plot.name == "composition").draw(Findings.of(rescued))
    assert "left alone" in others.get_supxlabel(), "of 160 runs it shows 80, and did not say so"
    assert "left alone" not in figure.get_supxlabel()
    shown = {}
    marks = [line for line in ax.lines if len(line.get_xdata())]
    for line, bars in zip(marks, ax.collections, strict=True):
        for x, y, ((low, _), (high, _)) in zip(*line.get_data(), bars.get_segments(), strict=True):
            shown[float(x), round(float(y))] = (low, high)
    for names in free_seeds.values():
        for y, free in enumerate(names.values()):
            low, high = wilson(len(free), 32)
            assert shown[100 * len(free) / 32, y] == pytest.approx((100 * float(low), 100 * float(high)), abs=1e-9)


def test_its_sentence_is_of_the_condition_nearest_to_the_articles(rescued: Path) -> None:
    text = describe(Findings.of(rescued)).replace("\N{NO-BREAK SPACE}", " ")
    assert "(lr 0.1)" in text
    assert f"{value_text('rescue', 'redraw_dead')} 75.0 %" in text
    assert "more training 0.0 %" in text


def test_the_figure_says_why_it_is_not_drawn(handmade: Path, make) -> None:
    with pytest.raises(NotApplicable, match="rescues no runs"):
        FIGURE.draw(Findings.of(handmade))
    with pytest.raises(NotApplicable, match="no run was stuck"):
        FIGURE.draw(Findings.of(make({"a": ({"rescue": "leaky"}, ["solved"] * 3)})))


def render(folder: Path) -> str:
    text = sections.render(report.read_results(folder), figures=False)
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", " ", text))).replace("\N{NO-BREAK SPACE}", " ")


def test_the_report_sets_fresh_dead_units_beside_live_ones_by_how_many_are_dead(rescued: Path) -> None:
    text = render(rescued)
    assert "What frees stuck runs" in text
    assert "(lr 0.1): redrawing the dead units 75.0 %" in text
    table = text[text.index("Redrawing dead units, by how many are dead") :]
    assert "1 dead, lr 0.1 8 " in table
    assert "difference is one of widths as much as of death" in table


def test_where_some_conditions_alone_are_rescued_they_are_named(rescued: Path) -> None:
    """The sentence stood beside one about lr 0.1, of which no run was rescued."""
    trials = pd.read_parquet(rescued / "trials.parquet")
    trials = trials[(trials["rescue"].isna() | (trials["lr"] == 0.2)).to_numpy(bool)]
    rewrite(trials, rescued)
    told = json.loads((rescued / "manifest.json").read_text(encoding="utf-8"))
    held = {name: told["conditions"][name] for name in trials["condition"].unique()}
    (rescued / "manifest.json").write_text(json.dumps({**told, "trials": len(trials), "conditions": held}))
    text = render(rescued)
    assert "What frees the stuck runs most like the article\N{RIGHT SINGLE QUOTATION MARK}s (lr 0.2): " in text
    assert "redrawing the dead units, lr 0.2" in text


def test_no_differences_are_told_of_a_study_without_controls(rescued_by_a_leak: Path) -> None:
    """Four columns held dashes alone, below a note of how the differences are paired."""
    text = render(rescued_by_a_leak)
    table = text[text.index("What frees stuck runs Of the runs that were stuck") :].partition("Why runs get stuck")[0]
    assert "minus" not in table
    assert "Differences" not in table


def test_the_claims_are_judged_on_the_runs_that_were_left_alone(rescued: Path) -> None:
    text = render(rescued)
    assert "4. A better initial draw (He) helps. not measured by this study" in text
    assert "leaky" not in text[text.index("claims what this study says") : text.index("Where the runs end every")]
    assert size(Findings.of(rescued).trials) == 80
    assert len(Findings.of(rescued).rescues) == 400


def test_a_study_of_rescued_runs_alone_has_a_report_without_claims(rescued_alone: Path) -> None:
    text = render(rescued_alone)
    assert text.count("every run that gets stuck is rescued") == 1, "a reason is told once"
    assert text.count("not measured by this study") == 6
    assert "What frees stuck runs" in text
    data = Findings.of(rescued_alone)
    for plot in PLOTS:
        try:
            plot.draw(data)
            plot.describe(data)
        except NotApplicable:
            assert plot.name in ("loss_curves", "functions") or plot.quiet


def test_of_equally_distant_rescues_nothing_is_nearest_and_no_unit_is_called_missing(rescued_alone: Path) -> None:
    """A leaky ReLU came first, by its name; and of runs whose dead units come back it was said that they do not."""
    assert Findings.of(rescued_alone).nearest["rescue"] == "nothing"
    text = render(rescued_alone)
    assert "Saved is the attributable fraction" in text
    dead = Findings.of(rescued_alone).every_summary.groupby("rescue", observed=True)["dead_final_mean"].count()
    assert dead.to_dict() == {"nothing": 2, "redraw_dead": 2, "redraw_alive": 2, "leaky": 0}, "no leaky unit is dead"
    assert re.search(r"a leaky ReLU \d+ of 40 \N{EM DASH} ", text), "nor are runs said to have none"
    assert "missing" not in text


def test_only_what_was_rescued_is_leaky_in_the_end(make) -> None:
    """Of a study of such rescues in which no run was stuck the figure said "nan at the end"."""
    folder = make({"a": ({"rescue": "leaky"}, ["solved"] * 40)})
    assert Findings.of(folder).every_summary["dead_final_mean"].tolist() == [39 / 40]
    (plot,) = [plot for plot in PLOTS if plot.name == "dead_units"]
    assert "nan" not in plot.describe(Findings.of(folder))
    trials = pd.read_parquet(folder / "trials.parquet")
    rewrite(trials.assign(outcome_before=["stuck_1/4", *["solved"] * 39]), folder)
    assert Findings.of(folder).every_summary["dead_final_mean"].isna().all()
    with pytest.raises(NotApplicable, match="only units that can be dead"):
        plot.draw(Findings.of(folder))


def test_without_a_rescue_nothing_of_it_appears(handmade: Path, reported: Path) -> None:
    found = Findings.of(handmade)
    assert (found.freed, found.redrawn) == ([], [])
    assert "rescue" not in render(handmade).lower()
    page = (reported / "report.html").read_text(encoding="utf-8")
    assert "freed_by_rescue" not in page
    assert not (reported / "figures" / "freed_by_rescue.png").exists()


def test_a_missing_rescue_is_told_apart_from_all_rows(rescued: Path, free_seeds: Free) -> None:
    from analysis.findings.summary import table_lines
    from analysis.report_parts.tables import conditions_table

    found = Findings.of(rescued)
    names = {row[0].rpartition(", ")[2] for row in conditions_table(found).rows}
    assert names == {phrase("rescue", name) for name in (None, *free_seeds[0.1])}
    assert any(line.split()[:2] == ["0.1", "-"] for line in table_lines(found.every_summary))


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("recycle_every", 1000.0, "1,000"),
        ("batch_size", 2.0, "2"),
        ("lr", 1.0, "1"),
        ("lr", 0.0004, "0.0004"),
        ("slope", -1.0, "−1"),
    ],
)
def test_whole_numbers_beside_nulls_are_written_as_whole_numbers(name: str, value: float, text: str) -> None:
    """Every 1e+03 epochs, said the report of a study with and without recycle_every."""
    assert value_text(name, value) == text
