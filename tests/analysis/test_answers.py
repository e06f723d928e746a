"""The sentences that answer a study's question, on results whose answer is known."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from harness import rewrite
from scipy.stats import ttest_ind

import experiments
from analysis import report
from analysis.figures import PLOTS
from analysis.figures.rates.paired_effects import effects
from analysis.figures.style import NotApplicable
from analysis.findings.findings import Findings
from analysis.findings.statistics import holm
from analysis.report_parts import sections
from analysis.report_parts.sections import described, hero
from analysis.text.answers import answer

Make = Callable[..., Path]


def told(folder: Path, *asks: str) -> list[str]:
    found = Findings.of(folder)
    found.config["asks"] = asks
    return [sentence.replace("\N{NO-BREAK SPACE}", " ") for sentence in answer(found)]


def runs(solved: int, of: int = 100) -> list[str]:
    return ["solved"] * solved + ["stuck_1/4"] * (of - solved)


def test_enough_units_are_told_as_a_range_with_the_rates_at_its_edges(make: Make) -> None:
    rates = {2: 20, 4: 60, 6: 96, 8: 99, 10: 100}
    first, second = told(make({str(h): ({"hidden": h}, runs(n)) for h, n in rates.items()}), "hidden")
    assert first.startswith("Success is at least 95 % from 6 to 10 units, the largest tried (4 units: 60.0 % (")
    assert "6 units: 96.0 % (" in first
    assert "60.0 % (50.2\N{EN DASH}69.1, n = 100) learn XOR" in second


def test_where_none_is_almost_certain_the_range_is_that_of_the_best(make: Make) -> None:
    rates = {0.01: 70, 0.03: 71, 0.1: 69, 0.2: 30}
    sentence, _ = told(make({str(lr): ({"lr": lr}, runs(n)) for lr, n in rates.items()}), "lr")
    assert sentence.startswith(
        "Success does not reach 95 %; it is within 3 points of its best from lr 0.01, the smallest tried, to lr 0.1 (lr"
    )


def test_a_value_apart_from_the_range_is_told_too(make: Make) -> None:
    rates = {8: 90, 9: 96, 14: 96, 15: 94, 16: 95}
    sentence, _ = told(make({str(h): ({"hidden": h}, runs(n)) for h, n in rates.items()}), "hidden")
    assert sentence.startswith("Success is at least 95 % from 9 to 14 units and again at 16 units (8 units: 90.0 % (")
    assert "15 units: 94.0 % (" in sentence
    assert sentence.endswith("; no clear difference from 14 to 15 units).")


def test_an_end_that_chance_may_have_set_is_told_and_is_no_limit(make: Make) -> None:
    """It said 'at lr 0.05 alone', of 44 solved runs of 100 against 40."""
    rates = {4: (44, 40, 40), 6: (44, 40, 5), 8: (44, 44, 5)}
    spec = {
        f"{h} {lr}": ({"hidden": h, "lr": lr}, runs(n))
        for h, of in rates.items()
        for lr, n in zip((0.05, 0.1, 0.2), of, strict=True)
    }
    (sentence,) = [each for each in told(make(spec), "hidden", "lr") if "lr 0.05, the" in each]
    assert " 3 points of its best at lr 0.05, the smallest tried (lr 0.05: 44.0 % (" in sentence
    assert "; no clear difference from lr 0.05 to 0.1). 2 of the 3 settings of the other fields have an" in sentence


@pytest.mark.parametrize(("best", "where"), [(0.05, "smallest"), (0.2, "largest")])
def test_a_range_of_one_value_at_an_end_is_told_to_be_the_last_tried(make: Make, best: float, where: str) -> None:
    spec = {str(lr): ({"lr": lr}, runs(70 if lr == best else 40)) for lr in (0.05, 0.1, 0.2)}
    assert f"within 3 points of its best at lr {best:g} alone, the {where} tried (" in told(make(spec), "lr")[0]


def test_runs_that_neither_learn_nor_get_stuck_are_told_too(make: Make) -> None:
    *_, sentence = told(make({"a": ({"lr": 0.1}, [*runs(60), "unsettled"]), "b": ({"lr": 0.2}, runs(60))}), "lr")
    assert "get stuck; 1.0 % (0.2\N{EN DASH}5.4, n = 101) do neither." in sentence
    *_, sentence = told(make({"a": ({"lr": 0.1}, runs(60)), "b": ({"lr": 0.2}, runs(60))}), "lr")
    assert sentence.endswith("get stuck.")


def test_a_range_without_an_end_is_told_whole_and_the_ends_of_others_are_counted(make: Make) -> None:
    """It said 'at every value', of nothing, and went on about 'this limit'."""
    rates = {4: (80, 80, 80), 6: (80, 80, 20), 8: (80, 20, 20), 10: (80, 80, 80)}
    spec = {
        f"{h} {lr}": ({"hidden": h, "lr": lr}, runs(n))
        for h, of in rates.items()
        for lr, n in zip((0.01, 0.1, 0.2), of, strict=True)
    }
    sentence = next(each for each in told(make(spec), "hidden", "lr") if "throughout" in each)
    assert sentence == (
        "With 4 units, success does not reach 95 %; it is within 3 points of its best throughout, from lr 0.01 to 0.2. "
        "2 of the 4 settings of the other fields have an upper limit, from lr 0.01 to 0.1."
    )


def test_a_study_of_the_learning_rate_says_from_which_step_on_more_units_die(tmp_path: Path) -> None:
    """It said so from lr 0.1 on, of 23 deaths against 14 in 47 runs each."""
    how: dict[str, Any] = {"seeds": 47, "epochs": 500, "init": "he", "hidden": 4, "lr": [0.01, 0.02, 0.1, 0.3, 4]}
    trials = experiments.run_study("learning_rate", **how, output=tmp_path / "out", quiet=True)
    died = (trials["dead_final"] - trials["dead_init"]).groupby(trials["lr"])
    assert died.count().tolist() == [47] * 4 + [0], "a step at which all diverge"
    by_lr = {float(lr): each.dropna().tolist() for lr, each in died}
    assert [sum(by_lr[lr]) for lr in (0.01, 0.1, 0.3)] == [14, 23, 80]
    p = holm([ttest_ind(by_lr[lr], by_lr[0.01], equal_var=False).pvalue for lr in (0.01, 0.02, 0.1, 0.3)])
    assert (p < 0.05).tolist() == [False, False, False, True]
    assert told(tmp_path / "out", "lr")[1] == (
        "Larger steps kill more units, at least half as many again (Welch's test, Holm-adjusted p < 0.05): from lr 0.3 "
        "on (lr 0.01: 0.30 units a run, n = 47; lr 0.3: 1.70 units a run, n = 47)."
    )


def test_two_runs_that_agree_do_not_show_that_steps_kill(make: Make) -> None:
    """Their spread of 0 is no proof."""
    folder = make({str(lr): ({"lr": lr}, ["solved"] * 2) for lr in (0.1, 0.2)})
    trials = pd.read_parquet(folder / "trials.parquet")
    rewrite(trials.assign(dead_init=0, dead_final=2 * (trials["lr"] == 0.2)), folder)
    assert not [text for text in told(folder, "lr") if "kill" in text]


def test_the_smallest_step_is_not_tested_against_itself(make: Make) -> None:
    """Of two learning rates there is one test (p = 0.040); a second of the first with itself made it 0.080."""
    deaths = {0.1: 2, 0.2: 9}
    spec = {str(lr): ({"lr": lr}, ["solved"] * (40 - n) + ["stuck_1/3"] * n) for lr, n in deaths.items()}
    assert [text for text in told(make(spec), "lr") if "kill more units" in text]


def test_where_nothing_is_solved_no_value_is_said_to_be_best(make: Make) -> None:
    folder = make({f"{n}": ({"lr": n / 10}, ["stuck_1/4"] * 9) for n in (1, 2, 3)})
    assert told(folder, "lr")[0] == "No run is solved anywhere from lr 0.1 to 0.3."
    (plot,) = [plot for plot in PLOTS if plot.name == "success_rate"]
    assert (
        plot.describe(Findings.of(folder)).replace("\N{NO-BREAK SPACE}", " ")
        == "Solved equally often in every condition: 0.0 % (0.0\N{EN DASH}29.9, n = 9)."
    )


def test_one_training_is_told_in_the_singular(make: Make) -> None:
    folder = make({"a": ({"lr": 0.1}, ["unsettled"]), "b": ({"lr": 0.2}, ["unsettled"])})
    text = sections.render(report.read_results(folder), figures=False).replace("\N{NO-BREAK SPACE}", " ")
    assert "1 seed each" in text
    assert "Another seed" not in text  # one failure says nothing of other seeds
    assert "from seed 0 under" in text
    assert "1 seeds" not in text


def test_a_choice_that_may_be_none_is_compared_too(make: Make) -> None:
    """A batch size of none is the full batch: nothing was said of it."""
    folder = make({"a": ({}, runs(60)), "b": ({"batch_size": 2}, runs(90)), "c": ({"batch_size": 1}, runs(95))})
    first, second, _ = told(folder, "batch_size")
    assert first.startswith("Using batches of 1 instead of full batch changes success by +35.0 points")
    assert second.startswith("Using batches of 2 instead of full batch changes success by +30.0 points")
    two = make({"a": ({}, runs(60)), "b": ({"batch_size": 2}, runs(90))})
    assert Findings.of(two).effects["batch_size"]["difference"].round(9).tolist() == [0.3]


def test_what_goes_along_with_a_choice_is_told_with_it(make: Make) -> None:
    """Cross-entropy takes a sigmoid output, and a step of its own: nothing was said of it."""
    entropy = {"loss": "bce", "output": "sigmoid", "lr": 0.5}
    folder = make(
        {
            "a": ({}, runs(60)),
            "b": (entropy, runs(90)),
            "c": ({"hidden": 10}, runs(95)),
            "d": ({**entropy, "hidden": 10}, runs(99)),
        }
    )
    sentence = next(each for each in told(folder, "loss") if each.startswith("Using"))
    assert sentence.startswith(
        "Using loss = the binary cross-entropy (sigmoid output, lr 0.5) instead of half the sum of squared errors "
        "(identity output, lr 0.1)"
    )
    assert "with 4 units, the difference is +30.0 points" in sentence


def test_a_number_that_others_go_along_with_is_compared_value_by_value(make: Make) -> None:
    """No range was told of it, nor anything else; asked about with another, it ended the report with a traceback."""
    rates = {0.05: (1000, 73), 0.1: (500, 60), 0.2: (500, 10)}
    folder = make({str(lr): ({"lr": lr, "epochs": e}, runs(n)) for lr, (e, n) in rates.items()} | {
        "w": ({"lr": 0.4, "epochs": 1000}, runs(9))})  # fmt: skip
    for asks in (["lr"], ["lr", "hidden"], ["lr", "epochs"]):
        sentences = [each for each in told(folder, *asks) if each.startswith("Using lr")]
        assert sentences[0].startswith("Using lr 0.1 (500 epochs) instead of 0.05 (1,000 epochs) changes")
        assert sentences[2].startswith("Using lr 0.4 instead of 0.05 changes success by"), "both have 1,000 epochs"


def test_a_study_whose_figure_shows_other_choices_does_not_answer_with_it(make: Make) -> None:
    entropy = {"loss": "bce", "output": "sigmoid", "lr": 0.5}
    folder = make({"a": ({}, runs(60)), "b": (entropy, runs(90)), "c": ({"hidden": 10}, runs(95))}, asks="loss")
    found = Findings.of(folder)
    assert set(effects(found, asked=False)) == {"hidden"}
    with pytest.raises(NotApplicable):
        effects(found, asked=True)


def test_where_a_task_does_not_say_how_many_units_it_needs_the_causes_say_so(make: Make) -> None:
    folder = make({"a": ({}, ["stuck_1/4"] * 9)})
    assert "one is taken to be enough" not in sections.render(report.read_results(folder), figures=False)
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps({**manifest, "conditions": {"a": "protocol=2;units=None"}}), encoding="utf-8")
    assert "one is taken to be enough" in sections.render(report.read_results(folder), figures=False)


@pytest.mark.parametrize(("activation", "told"), [("relu", True), ("tanh", False)])
def test_where_no_unit_can_die_no_word_is_said_of_dead_ones(make: Make, activation: str, told: bool) -> None:
    folder = make({"a": ({"activation": activation}, ["stuck_1/4"] * 9)})
    text = sections.render(report.read_results(folder), figures=False)
    assert "Each stuck run has one cause" in text
    assert ("Saved is the attributable fraction" in text) == told
    assert ("everywhere tanh" in text) != told, "what all conditions share, and the article's has not"
    assert [f'<th scope="col">{head}</th>' in text for head in ("dead units", "no dead unit")] == [told, told]


def test_a_reason_that_holds_for_all_claims_is_told_once(make: Make) -> None:
    folder = make({"a": ({"activation": "tanh"}, ["solved"] * 9)})
    text = sections.render(report.read_results(folder), figures=False)
    assert text.count("claims are about XOR") == 1


def test_every_setting_of_the_other_fields_has_its_range_unless_the_study_asks_about_more(make: Make) -> None:
    grid = {(h, init): 50 + 5 * h for h in (2, 4, 9) for init in ("uniform", "he")}
    spec = {f"{h}{init}": ({"hidden": h, "init": init}, runs(n)) for (h, init), n in grid.items()}
    assert len(told(make(spec), "hidden")) == 3
    assert len(told(make(spec), "hidden", "init")) == 3, "the nearest condition, one range, one comparison"


def test_an_effect_is_told_with_a_tally_over_the_paired_comparisons(make: Make) -> None:
    spec = {
        f"{h}{zero}": ({"hidden": h, "relu_at_zero": zero}, runs(50 + gain * zero))
        for h, gain in ((4, 30), (6, -30), (8, 0))
        for zero in (0, 1)
    }
    sentence, _ = told(make(spec), "relu_at_zero")
    told_of_each = (
        "raises success in 1 (4 units), lowers it in 1 (6 units) and makes no clear difference in 1 (8 units)"
    )
    assert f"{told_of_each} of 3 paired comparisons" in sentence
    assert "(\N{MINUS SIGN}30.0 to +30.0 points)" in sentence
    assert "with 4 units, the difference is +30.0 points" in sentence


def test_xor_by_another_name_is_more_like_the_article_than_another_task(make: Make) -> None:
    """The first file by alphabet was taken, whatever its rows."""
    spec = {f"{h} {task}": ({"hidden": h, "task": task}, runs(50)) for h in (4, 6) for task in ("noisy.csv", "pm.csv")}
    folder = make(spec)
    path = folder / "manifest.json"
    traps = [{"task": "pm.csv", "loss": "half_sse", "levels": {"stuck_1/4": 1.0}}]
    for named, task in (([], "noisy.csv"), (traps, "pm.csv")):
        path.write_text(json.dumps({**json.loads(path.read_text()), "traps": named}), encoding="utf-8")
        difference, nearest = told(folder, "hidden")
        assert f"lr 0.1, {task})" in nearest
        assert f"; with {task}, the difference is" in difference


def test_an_effect_that_is_the_same_everywhere_is_said_so(make: Make) -> None:
    spec = {
        f"{h}{init}": ({"hidden": h, "init": init}, runs(40 if init == "uniform" else 80))
        for h in (4, 6)
        for init in ("uniform", "he")
    }
    assert "raises success in both paired comparisons" in told(make(spec), "init")[0]


def test_what_frees_stuck_runs_is_told_most_first(rescued: Path) -> None:
    sentence = told(rescued, "rescue")[0]
    assert sentence.index("redrawing the dead units 75.0 %") < sentence.index("a leaky ReLU 68.8 %")
    assert sentence.index("a leaky ReLU") < sentence.index("more training 0.0 %")


def test_published_figures_are_counted(handmade: Path) -> None:
    path = handmade / "manifest.json"
    empty = {"source": "S", "setting": "t", "says": "", "quoted": "", "note": "", "conditions": ["uniform4"]}
    entries = [{**empty, "solved": 0.5, "n": 400}, {**empty, "solved": 0.9, "n": 400, "quoted": "from memory"}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "published": entries}), encoding="utf-8")
    first, differs = told(handmade)
    assert first == "Of 2 published success rates 1 agrees with ours and 1 does not."
    assert differs.startswith("S, from memory: theirs 90.0 %, ours 50.0 % (35.2")
    only_words = [{**empty, "says": "often", "solved": None, "n": None}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "published": only_words}), encoding="utf-8")
    sentences = told(handmade, "init")
    assert sentences[0].startswith("Using He instead of"), (
        "a study's own question, where nothing can be held against ours"
    )
    assert sentences[-1] == "One published result has no number, or too few runs, to be held against ours."


def first(folder: Path) -> str:
    """The figure on the first screen, of a report in which all are drawn."""
    drawn = [plot for plot in PLOTS if plot.name != "published"]
    chosen = hero(Findings.of(folder), drawn)
    assert chosen is not None
    return chosen.name


def test_the_first_figure_fits_what_the_study_asks(make: Make, rescued: Path) -> None:
    path = rescued / "config.yaml"
    path.write_text(json.dumps({**json.loads(path.read_text()), "asks": "rescue"}))
    assert first(rescued) == "freed_by_rescue"
    grid = {f"{lr}{scale}": ({"lr": lr, "scale": scale}, runs(50)) for lr in (0.1, 0.2) for scale in (0.5, 1.0)}
    assert first(make(grid, asks=["lr", "scale"])) == "landscape"
    assert first(make(grid, asks="lr")) == "success_rate"
    assert first(make(grid, asks="lr", hero="dead_units")) == "dead_units"
    assert first(make(grid, asks="lr", hero="published")) == "success_rate", "named, but not drawn here"
    at_zero = {z: ({"relu_at_zero": int(z)}, runs(50)) for z in "01"}
    assert first(make(at_zero, asks="relu_at_zero")) == "paired_effects"


def test_what_goes_along_with_a_field_is_told_once(make: Make) -> None:
    """'Using batches of 1 (mse) …' followed 'Using mse (batches of 1) …', which is the same comparison."""
    folder = make({"a": ({}, runs(60)), "b": ({"loss": "mse", "batch_size": 1}, runs(90))})
    assert sum(sentence.startswith("Using") for sentence in told(folder)) == 1


def test_two_draws_are_compared_even_without_he(make: Make) -> None:
    found = Findings.of(make({init: ({"init": init}, runs(n)) for init, n in (("uniform", 60), ("torch", 80))}))
    assert found.effects["init"][["first", "second"]].to_numpy().tolist() == [["uniform", "torch"]]


def test_a_study_of_one_condition_has_a_picture_too(make: Make) -> None:
    found = Findings.of(make({"a": ({}, runs(50))}))
    chosen = hero(found, [plot for plot, _ in described(found)[0]])
    assert chosen is not None
    assert chosen.name == "composition"


def test_a_field_without_effect_tells_no_conditions_apart(make: Make) -> None:
    """A full batch has no order of rows: it was compared with shuffled batches alone, and said to be shuffled."""
    batches = {"s": {"batch_size": 1.0}, "f": {"batch_size": 1.0, "order": "fixed"}}
    spec = {"a": ({}, runs(60)), "s": (batches["s"], runs(90)), "f": (batches["f"], runs(30))}
    first, *_, last = told(make(spec), "batch_size")
    assert "raises success in 1 (rows in shuffled order) and lowers it in 1 (rows in fixed order) of 2 paired" in first
    assert "full batch) 60.0 %" in last


def test_of_many_values_the_later_ones_are_told_in_short(make: Make) -> None:
    rates = {"relu": 20, "elu": 20, "leaky_relu": 20, "sigmoid": 20, "softplus": 90, "tanh": 20}
    sentences = told(make({name: ({"activation": name}, runs(n)) for name, n in rates.items()}), "activation")
    assert sentences[3].startswith("Also: softplus: +70.0 points (")
    assert "; tanh: 0.0 points (" in sentences[3]


def test_one_seed_does_not_tell_what_a_choice_changes(make: Make) -> None:
    spec = {"a": ({}, ["solved"]), "b": ({"activation": "tanh"}, ["stuck"])}
    assert "One seed does not tell what this changes." in told(make(spec), "activation")


def test_settings_that_neither_side_has_are_no_part_of_a_comparisons_name(make: Make) -> None:
    """Adam was set beside plain descent 'with momentum 0.1'."""
    fields = {"g": {}, "a": {"optimizer": "adam"}}
    fields |= {f"m{m}": {"optimizer": "momentum", "momentum": m} for m in (0.1, 0.5)}
    fields |= {f"{name} 2": {**each, "lr": 0.2} for name, each in fields.items()}
    sentences = told(make({name: (each, runs(60)) for name, each in fields.items()}), "optimizer")
    adam = next(each for each in sentences if each.startswith("Using Adam"))
    assert "of 2 paired" in adam and "momentum" not in adam
    assert "of 4 paired" in next(each for each in sentences if "with momentum instead" in each)
