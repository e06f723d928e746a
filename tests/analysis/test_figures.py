"""Figures: one look, n on each, the same bytes twice, and a reason where one makes no sense."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from analysis.data.exemplary_runs import outputs
from analysis.data.reading import OUTCOMES, load
from analysis.figures import PLOTS, Plot, outcomes, success, units, waiting
from analysis.figures import resting_points as resting
from analysis.figures.layout import make_panels, thin
from analysis.figures.style import OUTCOME_COLOURS, OUTCOME_HATCHES, NotApplicable, save
from analysis.findings.findings import Findings

BY_NAME = {plot.name: plot for plot in PLOTS}


def exemplar(outcome: str, **changes: Any) -> dict[str, Any]:
    """A run with two units, written by hand: y = relu(x1 - x2) + relu(x2 - x1), which is XOR."""
    W1, W2 = [[1.0, -1.0], [-1.0, 1.0]], [1.0, 1.0]
    return {
        "condition": "c", "task": "xor", "hidden": 2, "activation": "relu", "slope": 0.01, "relu_at_zero": 0,
        "output": "identity", "bias": True, "init": "uniform", "lr": 0.1, "epochs": 1000, "loss": "half_sse",
        "optimizer": "gd", "batch_size": None, "dtype": "float32", "seed": 7, "outcome": outcome, "final_loss": 0.25,
        "rows": ["00", "01", "10", "11"], "inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "targets": [0, 1, 1, 0],
        "predictions": [0.0, 1.0, 1.0, 0.0], "patterns_final": "0010 0100", "epoch": [0, 1, 10, 100, 1000],
        "curve": [1.0, 0.8, 0.5, 0.3, 0.25], "final": {"W1": W1, "b1": [0.0, 0.0], "W2": W2, "b2": [0.0]}, **changes,
    }  # fmt: skip


def data_of(folder: Path, *exemplars: dict[str, Any]) -> Findings:
    (folder / "exemplars.json").write_text(json.dumps(exemplars), encoding="utf-8")
    return Findings.of(folder)


@pytest.fixture
def data(handmade: Path, certify) -> Findings:
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


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_every_figure_has_its_n_on_it(plot: Plot, data_for) -> None:
    written = texts(plot.draw(data_for(plot)))
    if plot.name == "functions":
        assert written.count("seed 7") == 2
    else:
        assert "n = " in written


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_the_same_results_give_the_same_bytes(plot: Plot, data_for, tmp_path: Path) -> None:
    data = data_for(plot)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save(plot.draw(data), tmp_path / name, plot.name)
    for suffix in ("png", "svg"):
        first, second = ((tmp_path / name / f"{plot.name}.{suffix}").read_bytes() for name in ("a", "b"))
        assert first == second
        assert len(first) > 1000


def test_figures_are_saved_at_200_dpi(data: Findings, tmp_path: Path) -> None:
    save(success.success_rate(data), tmp_path, "it")
    header = (tmp_path / "it.png").read_bytes()[16:20]
    assert int.from_bytes(header, "big") == 10 * 200
    assert "<dc:date>" not in (tmp_path / "it.svg").read_text()


def test_figures_leave_the_callers_settings_alone(data: Findings) -> None:
    before = dict(mpl.rcParams)
    for plot in PLOTS:
        applies(plot.draw, data)
    assert dict(mpl.rcParams) == before


def test_every_outcome_has_a_colour_and_is_told_apart_in_grey() -> None:
    assert set(OUTCOME_COLOURS) == set(OUTCOME_HATCHES) == set(OUTCOMES)
    grey = {name: float(np.dot(to_rgb(colour), [0.299, 0.587, 0.114])) for name, colour in OUTCOME_COLOURS.items()}
    for a in OUTCOMES:
        for b in OUTCOMES:
            if a < b and {a, b} != {"stuck", "stuck_1/3"}:  # never in one study
                assert abs(grey[a] - grey[b]) > 0.1 or OUTCOME_HATCHES[a] != OUTCOME_HATCHES[b]


def test_the_success_rate_shows_rates_with_their_intervals(data: Findings) -> None:
    figure = success.success_rate(data)
    line = figure.axes[0].containers[0].lines[0]
    assert list(line.get_xdata()) == [4, 10]
    assert list(line.get_ydata()) == [50.0, 97.5]


def test_bars_of_outcomes_add_up(data: Findings) -> None:
    figure = outcomes.composition(data)
    for ax in figure.axes:
        tops = [sum(bars[i].get_height() for bars in ax.containers) for i in range(len(ax.containers[0]))]
        assert tops == pytest.approx([100.0] * len(tops))


def test_stuck_by_live_units_counts_the_stuck(data: Findings) -> None:
    live = units.live_trials(data.trials)
    part = live[(live["condition"] == "uniform4").to_numpy()]
    at_two = part[part["live"] == 2]
    figure = units.stuck_by_live_units(data)
    (panel,) = [ax for ax in figure.axes if ax.get_title(loc="left").startswith("U(")]
    line = panel.containers[0].lines[0]
    where = dict(zip(np.round(line.get_xdata()), line.get_ydata(), strict=True))
    assert where[2] == pytest.approx(100 * np.average(at_two["stuck"], weights=at_two["count"]))


def test_a_network_computes_what_its_weights_say() -> None:
    run = pd.Series(exemplar("solved"))
    x1, x2 = np.array([0.0, 0.0, 1.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0, 1.0, 0.5])
    assert list(outputs(run, x1, x2)) == [0, 1, 1, 0, 1.5]
    leaky = pd.Series(exemplar("solved", activation="leaky_relu"))
    assert list(outputs(leaky, x1, x2)) == pytest.approx([0, 0.99, 0.99, 0, 1.485])


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


NOT_DRAWN = {
    "unsolved": {"landscape", "success_map", "epochs_to_solve", "functions", "resting_points", "freed_by_rescue"},
    "one_condition": {"landscape", "success_rate", "success_map", "functions", "resting_points", "freed_by_rescue"},
    "leaky": {
        "landscape",
        "dead_units",
        "stuck_by_live_units",
        "functions",
        "merged_rows",
        "resting_points",
        "freed_by_rescue",
    },
    "other_task": {"landscape", "success_map", "functions", "resting_points", "freed_by_rescue"},
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
    assert not applies(success.success_map, data), "its cells would be too small for their numbers"


def applies(function: Callable[[Findings], object], data: Findings) -> bool:
    try:
        function(data)
    except NotApplicable as reason:
        assert str(reason)
        return False
    return True


def test_without_exemplars_their_figures_are_not_drawn(handmade: Path) -> None:
    data = Findings.of(handmade)
    assert not applies(BY_NAME["loss_curves"].draw, data)
    assert not applies(BY_NAME["functions"].draw, data)


def test_a_run_without_finite_weights_is_left_out_of_the_functions(handmade: Path) -> None:
    broken = exemplar("diverged", curve=[1.0, None, None, None, None], predictions=[None] * 4)
    broken["final"] = {**broken["final"], "b2": [None]}
    data = data_of(handmade, exemplar("solved"), broken)
    assert "diverged" not in texts(BY_NAME["functions"].draw(data))
    assert "diverged" in texts(BY_NAME["loss_curves"].draw(data))


def test_what_is_left_out_of_a_figure_is_said(make) -> None:
    folder = make({str(h): ({"hidden": h}, ["solved"] * 3) for h in range(2, 12)})
    shown, note = thin(load(folder), ["hidden"], 4)
    assert sorted(shown["hidden"].unique()) == [2, 4, 8, 11]
    assert note == "Shown of the study's values: hidden units: 2, 4, 8, 11."


def test_the_share_not_yet_solved_ends_at_the_share_unsolved(data: Findings) -> None:
    figure = waiting.epochs_to_solve(data)
    ends = [line.get_ydata()[-1] for line in figure.axes[0].lines]
    assert ends == pytest.approx([50.0, 2.5])


def test_bars_of_resting_points_are_the_certificates_shares(data: Findings) -> None:
    figure = resting.resting_points(data)
    by_title = {ax.get_title(loc="left"): ax for ax in figure.axes}
    heights = [[bar.get_height() for bar in ax.patches] for ax in (by_title["U(\N{MINUS SIGN}1, 1)"], by_title["He"])]
    assert heights[0] == pytest.approx([100 * 6 / 18, 0, 100 * 12 / 18, 0, 0, 100])  # no saddle among them
    assert heights[1] == pytest.approx([10, 90])
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
    assert "lr 0.1" in plain(texts(units.dead_units(trials)))
    assert "stuck at 1/4, lr 0.1 (U(\N{MINUS SIGN}1, 1) n = 3, He n = 3)" in plain(texts(outcomes.merged_rows(trials)))


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def ragged(make: Callable[..., Path]) -> Path:
    """Conditions that each have fields of their own, so that most combinations of values do not occur."""
    spec = {}
    for n in range(8):
        fields = {"init": f"init{n}", "lr": 0.1 + n / 100, "epochs": 100 + n, "slope": 0.1 + n, "relu_at_zero": n % 2}
        spec[str(n)] = ({**fields, "hidden": 2 + n % 3}, ["solved", "stuck_1/4"])
    return make(spec)


def test_a_study_that_is_no_grid_has_its_figures_too(make) -> None:
    data = data_of(ragged(make))
    for plot in PLOTS:
        applies(plot.draw, data)  # ZeroDivisionError, where panels were chosen that hold nothing
    panels, note = make_panels(data.trials, ["init", "lr", "epochs", "slope"], 3)
    assert len(panels) == 3
    assert "3 of the study's 8 combinations" in note


def test_panels_of_many_fields_name_what_is_not_as_usual(make) -> None:
    fields = {"lr": 0.1, "epochs": 10, "slope": 0.1, "relu_at_zero": 0}
    folder = make({
        "a": ({**fields, "init": "he"}, ["solved"]),
        "b": ({**fields, "init": "he", "lr": 0.2}, ["solved"]),
        "c": ({**fields, "init": "he", "epochs": 20, "slope": 0.5, "relu_at_zero": 1}, ["solved"]),
        "d": ({**fields, "init": "uniform"}, ["solved"]),
    })  # fmt: skip
    panels, note = make_panels(load(folder), ["init", "lr", "epochs", "slope", "relu_at_zero"])
    titles = {plain(panel.title) for panel in panels}
    assert titles == {"as said below", "lr 0.2", "20 epochs, slope 0.5, relu\N{PRIME}(0) = 1", "U(\N{MINUS SIGN}1, 1)"}
    assert "He, lr 0.1, 10 epochs, slope 0.1, relu\N{PRIME}(0) = 0" in plain(note)
