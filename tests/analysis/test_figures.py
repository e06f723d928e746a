"""Figures: one look, n on each, the same bytes twice, and a reason where one makes no sense."""

import importlib.util
import itertools
import json
import re
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from harness import rewrite
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from analysis.data.conditions import value_text
from analysis.data.reading import OUTCOMES, load
from analysis.figures import PLOTS, Plot
from analysis.figures.failures.deaths import live_trials
from analysis.figures.layout import named_parts, thin
from analysis.figures.shapes import Mark, forests
from analysis.figures.style import OUTCOME_COLOURS, OUTCOME_HATCHES, STYLE, NotApplicable, looks, on_phone, save, svg
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, wilson
from analysis.report_parts import drawing
from analysis.text import words
from analysis.text.answers import answer

BY_NAME = {plot.name: plot for plot in PLOTS}

ALONE = [plot for plot in PLOTS if plot.name not in ("published", "other_effects")]
"""Figures that need nothing but results; for the others see test_published, and `test_what_is_asked_comes_first`."""


def exemplar(outcome: str, **changes: Any) -> dict[str, Any]:
    """A run with two units, written by hand: y = relu(x1 - x2) + relu(x2 - x1), which is XOR."""
    W1, W2 = [[1.0, -1.0], [-1.0, 1.0]], [1.0, 1.0]
    return {
        "condition": "c", "task": "xor", "hidden": 2, "activation": "relu", "slope": 0.01, "relu_at_zero": 0,
        "output": "identity", "bias": True, "init": "uniform", "lr": 0.1, "epochs": 1000, "loss": "half_sse",
        "optimizer": "gd", "batch_size": None, "dtype": "float32", "seed": 7, "outcome": outcome, "final_loss": 0.25,
        "rows": ["00", "01", "10", "11"], "inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0],
        "predictions": [0.0, 1.0, 1.0, 0.0], "patterns_final": "0010 0100", "epoch": [0, 1, 10, 100, 1000],
        "curve": [1.0, 0.8, 0.5, 0.3, 0.25], "final": {"W1": W1, "b1": [0.0, 0.0], "W2": W2, "b2": [0.0]},
        "kinked": True, "surface": {"x1": [-0.3, 1.3], "x2": [-0.3, 1.3], "y": [[0.0, 1.6], [1.6, 0.0]]}, **changes,
    }  # fmt: skip


def data_of(folder: Path, *exemplars: dict[str, Any]) -> Findings:
    (folder / "exemplars.json").write_text(json.dumps(exemplars), encoding="utf-8")
    return Findings.of(folder)


@pytest.fixture(scope="module")
def data(handmade_at, certify, tmp_path_factory: pytest.TempPathFactory) -> Findings:
    """The handmade study with certificates and two runs, which no figure changes."""
    handmade = handmade_at(tmp_path_factory.mktemp("figures") / "handmade")
    certify(handmade, uniform4=["minimum"] * 6 + ["kink"] * 12, he4=["kink"] * 9 + ["saddle"], uniform10=["unknown"])
    return data_of(
        handmade, exemplar("solved", final_loss=1e-9, curve=[1.0, 0.3, 1e-3, 1e-6, 1e-9]), exemplar("stuck_1/4")
    )


def texts(figure: Figure) -> str:
    """All that is written in a figure."""
    return "\n".join(text.get_text() for text in figure.findobj(mpl.text.Text))


def fine_grid(make) -> Path:
    """A study of 12 x 10 conditions, in which the first 6 learning rates solve every seed and the others none."""
    spec = {
        f"{i}-{j}": ({"lr": round(0.01 * 2**i, 6), "scale": 0.25 * (j + 1)}, ["solved" if i < 6 else "stuck_1/2"] * 4)
        for i in range(12)
        for j in range(10)
    }
    return make(spec)


@pytest.fixture
def data_for(data: Findings, rescued: Path, make) -> Callable[[Plot], Findings]:
    """What a figure is drawn of: the handmade study, a rescued one, or one with a grid fine enough for a landscape."""
    own = {"landscape": lambda: data_of(fine_grid(make)), "freed_by_rescue": lambda: Findings.of(rescued)}
    return lambda plot: own.get(plot.name, lambda: data)()


@pytest.mark.parametrize("plot", ALONE, ids=lambda plot: plot.name)
def test_every_figure_has_its_n_and_its_study_on_it_and_the_same_bytes_twice(
    plot: Plot, data_for, tmp_path: Path
) -> None:
    data, settings = data_for(plot), dict(mpl.rcParams)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        figure = plot.draw(data)
        written = plain(texts(figure))
        save(figure, tmp_path / name, plot.name)
    assert dict(mpl.rcParams) == settings, "those of the caller"
    for suffix in ("png", "svg"):
        first, second = ((tmp_path / name / f"{plot.name}.{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
        assert len(first) > 1000
    if plot.name == "functions":
        assert written.count("seed 7") == 2
    else:
        assert "n = " in written
    assert re.search(r"(handmade|rescued).*: XOR, .*epochs", written), "which study it is"


def test_figures_are_saved_at_200_dpi(data: Findings, tmp_path: Path) -> None:
    save(BY_NAME["success_rate"].draw(data), tmp_path, "it")
    header = (tmp_path / "it.png").read_bytes()[16:20]
    assert int.from_bytes(header, "big") == 10 * 200
    assert "<dc:date>" not in (tmp_path / "it.svg").read_text()


def test_every_outcome_has_a_colour_and_is_told_apart_in_grey() -> None:
    assert set(OUTCOME_COLOURS) == set(OUTCOMES)
    grey = {name: float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114])) for name, colour in OUTCOME_COLOURS.items()}
    for a in OUTCOMES:
        for b in OUTCOMES:
            same_hatch = OUTCOME_HATCHES.get(a) == OUTCOME_HATCHES.get(b)
            assert a >= b or abs(grey[a] - grey[b]) > 0.1 or not same_hatch, (a, b)


def test_the_success_rate_shows_rates_with_their_intervals(data: Findings) -> None:
    figure = BY_NAME["success_rate"].draw(data)
    line = figure.axes[0].containers[0].lines[0]
    assert list(line.get_xdata()) == [4, 10]
    assert list(line.get_ydata()) == [50.0, 97.5]


def test_bars_of_outcomes_add_up(data: Findings) -> None:
    figure = BY_NAME["composition"].draw(data)
    for ax in figure.axes:
        tops = [sum(bars[i].get_height() for bars in ax.containers) for i in range(len(ax.containers[0]))]
        assert tops == pytest.approx([100.0] * len(tops))


def test_the_culprit_counts_every_failure_and_diverged_runs_are_failures(data: Findings, make) -> None:
    live = live_trials(data)
    at_two = live[((live["condition"] == "uniform4") & (live["live"] == 2)).to_numpy(bool)]
    figure = BY_NAME["stuck_by_live_units"].draw(data)
    (panel,) = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("U(")]
    line = panel.containers[0].lines[0]
    where = dict(zip(np.round(line.get_xdata()), line.get_ydata(), strict=True))
    assert where[2] == pytest.approx(100 * at_two["failed"].sum() / at_two["count"].sum())
    said = plain(BY_NAME["stuck_by_live_units"].describe(data))  # which reads well where either share is 'no runs'
    assert re.search(r"with at least one dead unit at the start: [\d.]+ % \(.+\); with none: [\d.]+ %", said)
    diverged = Findings.of(make({"a": ({"lr": 0.1}, ["solved"] * 30), "b": ({"lr": 1.0}, ["diverged"] * 30)}))
    (panel,) = BY_NAME["stuck_by_live_units"].draw(diverged).axes
    assert [set(bars.lines[0].get_ydata()) for bars in panel.containers] == [{0.0}, {100.0}]


def test_losses_that_lie_close_together_fill_their_axis(handmade: Path) -> None:
    """The plateaus of a study whose losses went from 0.095 to 0.07 lay side by side at the top of three decades."""
    data = data_of(handmade, exemplar("stuck", final_loss=0.07, curve=[0.095, 0.095, 0.075, 0.075, 0.07]))
    (ax,) = BY_NAME["loss_curves"].draw(data).axes
    assert (0.095 - 0.07) / np.subtract(*ax.get_ylim()[::-1]) > 0.4
    assert {text.get_text() for text in ax.get_yticklabels()} >= {"0.07", "0.08", "0.09"}


def test_conditions_that_nothing_can_be_set_beside_are_not_set_side_by_side(make: Callable[..., Path]) -> None:
    fields = ({"hidden": h, "lr": h / 100, "epochs": 1000 * h} for h in range(2, 10))
    union = Findings.of(make({f"c{n}": (each, ["solved", "stuck_1/4"]) for n, each in enumerate(fields)}))
    for name in ("success_rate", "composition", "epochs_to_solve"):
        assert not applies(BY_NAME[name].draw, union)
        assert not applies(BY_NAME[name].describe, union)


def test_no_row_of_a_forest_is_left_out() -> None:
    names = [f"row {n}" for n in range(40)]
    _, (ax,) = forests([("", names, [[Mark(n, n, n)] for n in range(40)])], looks(["ours"]), "%")
    assert [text.get_text() for text in ax.get_yticklabels()] == names


def test_inits_have_one_look_in_every_panel_and_figure(make) -> None:
    spec = {
        f"{init}{width}{lr}": ({"init": init, "hidden": width, "lr": lr}, ["solved", "stuck_1/4"] * 5)
        for init, width in (("he", 2), ("torch", 2), ("uniform", 4), ("he", 4))
        for lr in (0.1, 0.2)
    }
    found = Findings.of(make(spec))
    looks: dict[str, set[str]] = {}
    figure = BY_NAME["success_rate"].draw(found)
    for ax in figure.axes:
        names = [text.get_text() for text in ax.texts]
        marks = [line.get_color() for line in ax.lines if line.get_xdata()[-1] == 1.06]
        for name, mark in zip(names, marks, strict=True):
            looks.setdefault(name, set()).add(str(mark))
    assert set(looks) == {value_text("init", name) for name in ("he", "torch", "uniform")}
    assert all(len(marks) == 1 for marks in looks.values())
    assert len(set.union(*looks.values())) == 3


def unsolved(make: Callable[..., Path]) -> Path:
    return make({"a": ({"lr": 0.1}, ["stuck_1/2"] * 4), "b": ({"lr": 0.2}, ["diverged"] * 4)})


def one_condition(make: Callable[..., Path]) -> Path:
    return make({"a": ({}, ["solved", "solved", "stuck_1/4", "stuck_1/3", "unsettled"])})


def leaky(make: Callable[..., Path]) -> Path:
    return make(
        {"a": ({"activation": "leaky_relu", "hidden": 2}, ["solved"] * 5), "b": ({"activation": "tanh"}, ["unsettled"])}
    )


def other_task(make: Callable[..., Path]) -> Path:
    fields = {"task": "parity3", "loss": "mse"}
    return make({str(h): ({**fields, "hidden": h}, ["solved"] * h + ["stuck"] * 3) for h in (2, 5, 7)})


STUDIES = (unsolved, one_condition, leaky, other_task)


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.__name__)
def test_a_figure_that_makes_no_sense_says_so_twice(study, make) -> None:
    cube = [[float(b) for b in f"{n:03b}"] for n in range(8)]
    data = data_of(study(make), exemplar("diverged", inputs=cube))
    for plot in PLOTS:
        drawn = applies(plot.draw, data)
        assert drawn == applies(plot.describe, data), plot.name
        assert drawn or plot.name in NOT_DRAWN[study.__name__]
        assert not drawn or plot.name not in NOT_DRAWN[study.__name__]


NEVER = {"landscape", "functions", "resting_points", "freed_by_rescue", "published", "other_effects"}

FEW = {"stuck_by_live_units"}  # a point needs more runs than these studies have

NOT_DRAWN = {
    "unsolved": {*NEVER, "epochs_to_solve", "paired_effects", *FEW},
    "one_condition": {*NEVER, "success_rate", "paired_effects", *FEW},
    "leaky": {*NEVER, "success_rate", "dead_units", "stuck_by_live_units", "merged_rows", "paired_effects"},
    "other_task": {*NEVER, *FEW},
}


def test_a_landscape_shows_each_cell_in_its_place(make) -> None:
    data = data_of(fine_grid(make))
    (ax, *_) = BY_NAME["landscape"].draw(data).axes
    (mesh,) = (each for each in ax.collections if isinstance(each, QuadMesh))
    rates = mesh.get_array().reshape(10, 12)
    assert (rates[:, :6] == 100).all()
    assert (rates[:, 6:] == 0).all()
    corners = mesh.get_coordinates()
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    for i in range(12):
        assert corners[0, i, 0] < 0.01 * 2**i < corners[0, i + 1, 0]
    for j in range(10):
        assert corners[j, 0, 1] < 0.25 * (j + 1) < corners[j + 1, 0, 1]
    said = BY_NAME["landscape"].describe(data)
    assert "of 120 cells, 60 are solved more often than not and 60 less often" in said.replace("50 %", "")
    tips = re.findall("<title>(.+?)</title>", svg(BY_NAME["landscape"].draw(data)).decode())
    assert len(tips) == 120
    assert plain(tips[0]) == "lr 0.01, scale 0.25: 100 % solved"


def applies(function: Callable[[Findings], object], data: Findings) -> bool:
    try:
        function(data)
    except NotApplicable as reason:
        assert str(reason)
        return False
    return True


def test_one_panel_of_many_conditions_leaves_nothing_out(data: Findings) -> None:
    """'Shown of all values: .' stood below the landscape of 4,096 cells."""
    rows = data.summary.loc[[0] * 100]
    ((_, shown),), note = named_parts(rows, [])
    assert (len(shown), note) == (100, "")


def test_without_exemplars_their_figures_are_not_drawn(handmade: Path) -> None:
    data = Findings.of(handmade)
    assert not applies(BY_NAME["loss_curves"].draw, data)
    assert not applies(BY_NAME["functions"].draw, data)


def test_a_run_without_finite_weights_is_left_out_of_the_functions(handmade: Path) -> None:
    broken = exemplar("diverged", curve=[1.0, None, None, None, None], predictions=[None] * 4)
    for surface in (None, broken["surface"]):  # the other one is of finite weights whose loss is not finite
        data = data_of(handmade, exemplar("solved"), {**broken, "surface": surface})
        assert "diverged" not in texts(BY_NAME["functions"].draw(data))
        assert "diverged" in texts(BY_NAME["loss_curves"].draw(data))


@pytest.mark.parametrize(("curve", "n_axes"), [
    ([1.0, 0.4, 0.25], 1), ([0.09, 0.04, 1e-5], 1), ([1.0, 0.2, 1e-9], 2), ([1.0, 0.2, 0.0], 2),
    ([0.0, 0.0, 0.0], 1),  # the textbook solution, from the start: its logarithm ended the report in a traceback
])  # fmt: skip
def test_no_part_of_the_axis_of_losses_stands_empty(handmade: Path, curve: list[float], n_axes: int) -> None:
    data = data_of(handmade, exemplar("solved", curve=[*curve, *curve[-1:] * 2]))
    figure = BY_NAME["loss_curves"].draw(data)
    assert len(figure.axes) == n_axes
    for ax in figure.axes:
        low, high = ax.get_ylim()
        assert any(low <= y <= high for line in ax.get_lines() for y in line.get_ydata())


@pytest.mark.parametrize("curve", [[1.0, 8.0, 20.0], [0.7, 900.0, 1e30], [1e5, 1e5, 1e5, 1e5], [2e4], [1e-3, 1e9]])
def test_every_loss_lies_within_an_axis(handmade: Path, curve: list[float]) -> None:
    """What was above 6 was cut off without a word, and a plateau far above drew the axis out until no trap was seen."""
    lost = exemplar("unclear", curve=[*curve, *[None] * (5 - len(curve))], final_loss=curve[-1])
    figure = BY_NAME["loss_curves"].draw(data_of(handmade, exemplar("stuck_1/4"), lost))
    traps = figure.axes[-1 - (min(curve) < 0.1)]
    assert [text.get_text() for text in traps.texts] == ["stuck at 1/4"]
    assert traps.get_ylim()[1] <= 30
    mine = [(line, ax.get_ylim()) for ax in figure.axes for line in ax.lines if line.get_label().startswith("unclear")]
    for loss in curve:
        assert any(low <= loss <= high for _, (low, high) in mine)
    assert any(line.get_markevery() for line, _ in mine), "a run of one loss has no line, but a mark"
    assert not faults(figure)


def test_no_colour_is_of_an_output_that_there_cannot_be(handmade: Path) -> None:
    """The colours of a sigmoid output went from -0.5 to 1.5."""
    for highest, limits in ((1.0, (0.0, 1.0)), (0.8, (0.0, 1.0)), (1.2, (-0.2, 1.2)), (9.0, (-0.5, 1.5))):
        surface = {"x1": [-0.3, 1.3], "x2": [-0.3, 1.3], "y": [[0.0, highest], [highest, 0.0]]}
        figure = BY_NAME["functions"].draw(data_of(handmade, exemplar("solved", surface=surface)))
        assert figure.axes[0].images[0].get_clim() == pytest.approx(limits)
        assert texts(figure).count("9.00") == 0
    far = exemplar("unclear", predictions=[160026.62, -160026.62, 0.0, -0.001])
    figure = BY_NAME["functions"].draw(data_of(handmade, far))
    assert {"00: 1.6e+05", "01: \N{MINUS SIGN}1.6e+05", "11: 0.00"} < {*texts(figure).splitlines()}


def test_groups_of_merged_rows_are_told_apart_and_no_init_is_dropped_unsaid(make) -> None:
    inits = ("uniform", "he", "lecun", "xavier", "torch")
    folder = make({init: ({"init": init, "loss": "mse"}, ["stuck_1/4"] * 2) for init in inits})
    rewrite(pd.read_parquet(folder / "trials.parquet").assign(merged="1=2 3=5=6"), folder)
    found = Findings.of(folder)
    figure = BY_NAME["merged_rows"].draw(found)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["1 = 2 and 3 = 5 = 6"]
    assert "Only a part is shown: initialization" in figure.get_supxlabel()
    assert "1=2 and 3=5=6 in 100.0" in BY_NAME["merged_rows"].describe(found)


def test_a_label_stands_where_a_line_ends(make) -> None:
    """Lines of narrow networks end early, and those of few runs are not drawn: both had labels at the right."""
    spec = {h: ({"hidden": h}, ["solved", "stuck_1/4"] * (8 if h < 9 else 3)) for h in (3, 4, 9)}
    figure = BY_NAME["stuck_by_live_units"].draw(Findings.of(make({str(h): each for h, each in spec.items()})))
    (ax,), (legend,) = figure.axes, figure.legends
    assert [plain(text.get_text()) for text in legend.get_texts()] == ["3 units", "4 units"]
    assert not ax.texts
    assert "n = 16 per line" in ax.get_title(loc="left")


def test_names_along_an_axis_are_joined_by_no_line_in_a_label_either(make) -> None:
    both = [(loss, init) for loss in ("half_sse", "mse") for init in ("uniform", "he")]
    spec = {loss + init: ({"loss": loss, "init": init}, ["solved", "stuck_1/4"]) for loss, init in both}
    figure = BY_NAME["success_rate"].draw(Findings.of(make(spec)))
    assert {line.get_linestyle() for line in figure.axes[0].lines} == {"None"}


def test_starts_that_differ_have_their_colours_in_the_legend_and_their_names_have_room(make) -> None:
    names = {"uniform": 9, "he": 9, "normal(mean=0.0, std=sqrt(2 / fan_in))": 8}
    spec = {
        f"{init}{h}": ({"init": init, "hidden": h}, ["solved"] * n) for init, n in names.items() for h in (2, 3, 4, 5)
    }
    figure = BY_NAME["dead_units"].draw(Findings.of(make(spec)))
    first, second, third = (text.get_text() for text in figure.legends[0].get_texts())
    assert (first, third) == ("U(\N{MINUS SIGN}1, 1) and He", "solved")
    assert second.startswith("normal(")
    assert not faults(figure)


def test_what_is_left_out_of_a_figure_is_said(make) -> None:
    folder = make({str(h): ({"hidden": h}, ["solved"] * 3) for h in range(2, 12)})
    shown, note = thin(load(folder), ["hidden"], 4)
    assert sorted(shown["hidden"].unique()) == [2, 4, 8, 11]
    assert note == "Only a part is shown: hidden units 2, 4, 8, 11."


def test_the_share_not_yet_solved_ends_at_the_share_unsolved(data: Findings) -> None:
    figure = BY_NAME["epochs_to_solve"].draw(data)
    ends = [line.get_ydata()[-1] for line in figure.axes[0].lines if len(line.get_ydata()) > 3]
    assert ends == pytest.approx([50.0, 2.5])


def test_bars_of_resting_points_are_the_certificates_shares(data: Findings) -> None:
    figure = BY_NAME["resting_points"].draw(data)
    by_title = {ax.get_title(loc="left"): ax for ax in figure.axes}
    heights = [[bar.get_height() for bar in ax.patches] for ax in (by_title["U(\N{MINUS SIGN}1, 1)"], by_title["He"])]
    assert heights[0] == pytest.approx([100 * 6 / 18, 0, 100 * 12 / 18, 0, 0, 100])  # no saddle among them
    assert heights[1] == pytest.approx([10, 90])
    ends = [[100 * float(end) for end in wilson(*lowest)] for lowest in ((6, 18), (1, 1), (1, 10))]
    drawn = [
        segment[:, 1] for ax in by_title.values() for bars in ax.collections[::2] for segment in bars.get_segments()
    ]
    assert np.allclose(drawn, ends), "of the lowest share of each bar; one without minima had the interval of minima"
    assert "n = 18" in texts(figure)
    assert "n = 1" in texts(figure)
    assert "in 1 of the study's conditions" in texts(figure)


def test_an_exemplar_is_shown_with_its_certificate(handmade: Path) -> None:
    data = data_of(handmade, exemplar("solved"), exemplar("stuck_1/4", minimum="kink"))
    assert "stuck at 1/4, at a kink" in texts(BY_NAME["functions"].draw(data))


def test_figures_of_the_nearest_conditions_name_what_they_hold_fixed(make) -> None:
    fields = [(init, lr) for init in ("uniform", "he") for lr in (0.1, 0.2)]
    folder = make({
        f"{init}{lr}": ({"init": init, "lr": lr}, ["solved", "stuck_1/4", "stuck_1/3"] * 3) for init, lr in fields
    })  # fmt: skip
    trials = Findings.of(folder)
    assert "lr 0.1" in plain(texts(BY_NAME["dead_units"].draw(trials)))
    assert "stuck at 1/4: U(\N{MINUS SIGN}1, 1) n = 3, He n = 3" in plain(texts(BY_NAME["merged_rows"].draw(trials)))
    rate, three = words.rate(Rate.of(6, 6)), words.interval(Rate.of(3, 3).low, 1)
    told = BY_NAME["merged_rows"].describe(trials)
    assert rate not in told and f"({three}, n{words.IS}6)" in told, "both draws have the same three seeds"


def test_figures_of_one_init_name_what_they_hold_fixed_too(make, certify) -> None:
    """Their legend would have said it, and a single look has none."""
    spec = {f"{lr}": ({"lr": lr, "init": "he"}, ["solved"] + ["stuck_1/4"] * (lr == 0.1)) for lr in (0.1, 0.2)}
    trials = Findings.of(certify(make(spec), **{"0.1": ["kink"]}))
    assert "stuck at 1/4: lr 0.1, n = 1" in plain(texts(BY_NAME["merged_rows"].draw(trials)))
    assert "have no bar. Shown: lr 0.1." in plain(texts(BY_NAME["resting_points"].draw(trials))).replace("\n", " ")
    frozen = make({name: ({"freeze": freeze}, ["solved"]) for name, freeze in (("a", None), ("b", "W1"))})
    assert "On average, with nothing frozen, " in plain(BY_NAME["dead_units"].describe(Findings.of(frozen)))


def test_full_batches_come_first_along_an_axis(make) -> None:
    """The line of rates went from 1 to 3 and then back to the full batch; bars had that last."""
    sizes = {None: 1, 1: 2, 3: 4}
    data = Findings.of(make({
        str(size): ({"batch_size": size}, ["solved"] * n + ["stuck_1/4"] * (4 - n)) for size, n in sizes.items()
    }))  # fmt: skip
    line = BY_NAME["success_rate"].draw(data).axes[0].containers[0].lines[0]
    assert [*zip(line.get_xdata(), line.get_ydata(), strict=True)] == [(0, 25.0), (1, 50.0), (2, 100.0)]
    (solved, *_) = BY_NAME["composition"].draw(data).axes[0].containers
    assert [bar.get_height() for bar in solved] == [25.0, 50.0, 100.0]


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def ragged(make: Callable[..., Path]) -> Path:
    """Conditions that each have fields of their own, so that most combinations of values do not occur."""
    spec = {}
    for n in range(8):
        fields = {"init": f"init{n}", "lr": 0.1 + n / 100, "epochs": 100 + n, "slope": 0.1 + n, "relu_at_zero": n % 2}
        spec[str(n)] = ({**fields, "hidden": 2 + n % 3}, ["solved", "stuck_1/4"])
    return make(spec)


def test_a_study_that_is_no_grid_has_panels_that_hold_something(make) -> None:
    panels, note = named_parts(load(ragged(make)), ["init", "lr", "epochs", "slope"], 3)
    assert len(panels) == 3
    assert "3 of the study\N{RIGHT SINGLE QUOTATION MARK}s 8 combinations" in note


def test_full_batches_stay_among_the_values_that_are_shown(make) -> None:
    sizes = [None, 1, 2, 3, 4]
    trials = load(make({str(size): ({"batch_size": size}, ["solved"]) for size in sizes}))
    shown, note = thin(trials, ["batch_size"], 3)
    assert "full batch" in note
    assert shown["batch_size"].isna().sum() == 1
    assert len(shown) == 3


def test_panels_of_many_fields_name_what_is_not_as_usual(make) -> None:
    fields = {"lr": 0.1, "epochs": 10, "slope": 0.1, "relu_at_zero": 0}
    folder = make({
        "a": ({**fields, "init": "he"}, ["solved"]),
        "b": ({**fields, "init": "he", "lr": 0.2}, ["solved"]),
        "c": ({**fields, "init": "he", "epochs": 20, "slope": 0.5, "relu_at_zero": 1}, ["solved"]),
        "d": ({**fields, "init": "uniform"}, ["solved"]),
    })  # fmt: skip
    panels, note = named_parts(load(folder), ["init", "lr", "epochs", "slope", "relu_at_zero"])
    titles = {plain(title) for title, _ in panels}
    assert titles == {"as usual", "lr 0.2", "20 epochs, slope 0.5, relu\N{PRIME}(0) = 1", "U(\N{MINUS SIGN}1, 1)"}
    assert "He, lr 0.1, 10 epochs, slope 0.1, relu\N{PRIME}(0) = 0" in plain(note)


def test_full_batches_are_named_where_small_ones_are_usual(make) -> None:
    fields = {"lr": 0.1, "epochs": 10, "slope": 0.1, "batch_size": 2}
    folder = make({
        "a": ({**fields, "hidden": 4}, ["solved"]),
        "b": ({**fields, "hidden": 5, "lr": 0.2}, ["solved"]),
        "c": ({**fields, "hidden": 4, "batch_size": None}, ["solved"]),
        "d": ({**fields, "hidden": 4, "epochs": 20, "slope": 0.5}, ["solved"]),
    })  # fmt: skip
    panels, note = named_parts(load(folder), ["hidden", "lr", "epochs", "slope", "batch_size"])
    assert "full batch" in {plain(title) for title, _ in panels}
    assert "4 units, lr 0.1, 10 epochs, slope 0.1, batches of 2" in plain(note)


def diverging(make: Callable[..., Path]) -> Path:
    """Some learning rates diverge, and He's draw is missing at one of them."""
    spec = {
        f"{init}{lr}": ({"init": init, "lr": lr}, ["solved", "stuck_1/2"] * 4 if lr < 0.5 else ["diverged"] * 8)
        for init in ("uniform", "he")
        for lr in (0.003, 0.1, 0.6)
        if (init, lr) != ("he", 0.1)
    }
    return make(spec)


def hundred(make: Callable[..., Path]) -> Path:
    """A hundred conditions, with names that are far too long."""
    names = [
        "uniform",
        "normal(mean=0.0, std=sqrt(2 / fan_in)), biases constant(value=0.0)",
        *(f"own{n}" for n in range(3)),
    ]
    spec = {
        f"{n}": ({"init": names[n % 5], "lr": 0.01 * 1.3 ** (n // 5)}, ["solved"] * (n % 7) + ["stuck_1/4"] * 3)
        for n in range(100)
    }
    return make(spec)


@pytest.mark.parametrize("study", [ragged, diverging, hundred, one_condition], ids=lambda study: study.__name__)
def test_nothing_is_clipped_or_covered(study, make) -> None:
    other = {"loss": "bce", "output": "sigmoid", "optimizer": "rmsprop", "success": "margin 0.1", "batch_size": 2}
    found = data_of(study(make), exemplar("solved"), exemplar("stuck_1/4", seed=123456), exemplar("stuck_1/3", **other))
    for where, plot in itertools.product((nullcontext, on_phone), PLOTS):
        try:
            with where():
                figure = plot.draw(found)
        except NotApplicable:
            continue
        assert not faults(figure), (plot.name, where.__name__)


@pytest.mark.parametrize("name", ["composition", "success_rate"])
def test_numbers_along_an_axis_have_room(name: str, make) -> None:
    """Ten learning rates of a log scale lay on each other in panels of half and of a third of the width."""
    rates = np.geomspace(0.001, 1, 10).round(5).tolist()
    spec = {f"{h}-{lr}": ({"hidden": h, "lr": lr}, ["solved", "stuck_1/4"]) for h in (2, 3, 4) for lr in rates}
    spec |= {f"{key}he": ({**fields, "init": "he"}, ends) for key, (fields, ends) in spec.items()}
    assert not faults(BY_NAME[name].draw(Findings.of(make(spec))))


def faults(figure: Figure) -> list[str]:
    """Texts that reach beyond the page, and pairs that lie on each other."""
    with mpl.rc_context(STYLE):
        canvas = FigureCanvasAgg(figure)
        figure.draw_without_rendering()
        unseen = {label for ax in figure.axes for axis in (ax.xaxis, ax.yaxis) for label in unseen_labels(axis)}
        every = [text for text in figure.findobj(mpl.text.Text) if text.get_visible() and text.get_text().strip()]
        shown = [text for text in every if text not in unseen]
        boxes = [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in shown]
    page = figure.bbox.padded(1)
    found = [f"outside: {text}" for text, box in boxes if not (page.contains(*box.min) and page.contains(*box.max))]
    left, low, right, high = np.transpose([box.padded(-1).extents for _, box in boxes])
    wide = np.minimum.outer(right, right) > np.maximum.outer(left, left)
    tall = np.minimum.outer(high, high) > np.maximum.outer(low, low)
    covered = np.argwhere(np.triu(wide & tall, 1))
    return [*found, *(f"{boxes[one][0]} on {boxes[other][0]}" for one, other in covered)]


def unseen_labels(axis: Any) -> Iterator[Any]:
    """Labels of ticks outside of what an axis shows; Matplotlib keeps them, undrawn."""
    low, high = sorted(axis.get_view_interval())
    for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
        if not low - 1e-9 <= tick.get_loc() <= high + 1e-9:
            yield from (tick.label1, tick.label2)


def test_what_is_asked_comes_first_and_the_rest_has_a_figure_of_its_own(make) -> None:
    spec = {
        f"{init}{z}": ({"init": init, "relu_at_zero": z}, ["solved"] * (3 + z) + ["stuck_1/4"] * 3)
        for init in ("uniform", "he")
        for z in (0, 1)
    }
    found = Findings.of(make(spec, asks="relu_at_zero"))
    titles = [BY_NAME[name].draw(found).axes[0].get_title(loc="left") for name in ("paired_effects", "other_effects")]
    pairs = "n = 6 pairs"
    assert plain(titles[0]) == f"relu\N{PRIME}(0) = 1 \N{MINUS SIGN} 0, {pairs}"
    assert plain(titles[1]) == "He \N{MINUS SIGN} U(\N{MINUS SIGN}1, 1), n = 6 to 7 pairs"


def test_a_difference_has_the_direction_of_the_answer(make) -> None:
    """The answer said 'Using LeCun instead of He', and the figure showed He minus LeCun."""
    both = {init: ({"init": init}, ["solved"] * n + ["stuck_1/4"] * 3) for init, n in (("he", 5), ("lecun", 9))}
    found = Findings.of(make(both, asks="init"))
    assert answer(found)[0].startswith("Using LeCun instead of He makes no clear difference: +")
    (name,) = BY_NAME["paired_effects"].draw(found).axes[0].get_yticklabels()
    assert plain(name.get_text()) == "LeCun \N{MINUS SIGN} He"


def test_traps_carry_their_level_where_it_is_not_their_name(make) -> None:
    folder = make({str(h): ({"loss": "mse", "hidden": h}, ["solved", "stuck_1/4", "stuck_1/3"] * 3) for h in (4, 5)})
    levels = {"stuck_1/4": 0.125, "stuck_1/3": 1 / 6, "stuck_1/2": 0.25}
    path = folder / "manifest.json"
    traps = [{"task": "xor", "loss": "mse", "levels": levels}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "traps": traps}), encoding="utf-8")
    for name in ("composition", "merged_rows", "dead_units"):
        written = texts(BY_NAME[name].draw(Findings.of(folder)))
        assert "stuck at 1/4 (0.125)" in written, name
        assert "stuck at 1/3 (0.1667)" in written, name
    trials = pd.read_parquet(folder / "trials.parquet")
    rewrite(trials.assign(loss=trials["loss"].astype("str").where(trials["hidden"] == 4, "half_sse")), folder)
    for name in ("merged_rows", "dead_units"):
        assert "0.125" not in texts(BY_NAME[name].draw(Findings.of(folder))), f"all runs of {name} have the other loss"


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_a_figure_whose_reading_speaks_of_shades_keeps_them_on_a_dark_page(plot: Plot) -> None:
    assert plot.shades == bool(re.search("dark|light|white|black", plot.reading))


NEW = """
from matplotlib.figure import Figure

from analysis.figures import Plot, register


def draw(found):
    figure = Figure()
    figure.subplots().set_title(f"{len(found.summary)} conditions")
    return figure


register(Plot("mine", "A figure of my own", "How to read it.", draw, lambda found: "What it says.", section="helps"))
"""


def test_a_figure_is_one_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, handmade: Path) -> None:
    """One file registers it, and a report of any study draws and shows it."""
    from analysis import report

    (tmp_path / "mine.py").write_text(NEW)
    spec = importlib.util.spec_from_file_location("mine", tmp_path / "mine.py")
    assert spec is not None
    assert spec.loader is not None
    before = [*PLOTS]
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with pytest.raises(ValueError, match="mine already"):
            spec.loader.exec_module(module)
        PLOTS[:] = [BY_NAME["success_rate"], PLOTS[-1]]  # the others only take time
        text = report.write_report(handmade).read_text(encoding="utf-8")
    finally:
        PLOTS[:] = before
    assert (handmade / "figures" / "mine.png").stat().st_size > 1000
    helps = text[text.index('<details id="helps">') :]
    assert "A figure of my own" in helps[: helps.index("</details>")]
    assert "4 conditions" in (handmade / "figures" / "mine.svg").read_text()


def test_a_name_with_dollars_is_no_formula(make, tmp_path: Path) -> None:
    """The report ended in a traceback."""
    data = data_of(make({name: ({"task": name}, ["stuck"] * 9) for name in ("a$b_{$", "xor")}))
    drawing.draw(BY_NAME["success_rate"], False, data, tmp_path)
    assert "a$b_{$" in (tmp_path / "success_rate.svg").read_text(encoding="utf-8")


def test_lines_over_names_end_at_the_last_of_them_and_are_named_there(make) -> None:
    """They are drawn apart, and the ends of what (2.0 + 0.03) - 0.03 and (2.0 - 0.03) + 0.03 are were two."""
    named = [(activation, init) for activation in ("relu", "leaky_relu", "tanh") for init in ("uniform", "he")]
    spec = {f"{a} {init}": ({"activation": a, "init": init}, ["solved"] * 30 + ["stuck"] * 10) for a, init in named}
    figure = BY_NAME["success_rate"].draw(Findings.of(make(spec)))
    assert not figure.legends
