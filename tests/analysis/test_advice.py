"""What the report tells somebody whose run is stuck, from the study at hand."""

import json
from pathlib import Path

import pandas as pd
import pytest
from harness import rewrite

from analysis import report
from analysis.findings.findings import Findings
from analysis.report_parts import sections
from analysis.text.advice import SHORTEST_JUDGED, advice
from nnxor.protocol import tail_part

NAMES = ("stuck_1/4", "stuck_1/3", "stuck_1/2")


def told(folder: Path) -> list[str]:
    return [
        " ".join(f"{each.what} {each.why} {each.command}".replace("\N{NO-BREAK SPACE}", " ").split())
        for each in advice(Findings.of(folder))
    ]


def with_traps(folder: Path, loss: str, *levels: float) -> Path:
    """The folder with the levels of XOR's traps in its manifest."""
    path = folder / "manifest.json"
    traps = [{"task": "xor", "loss": loss, "levels": dict(zip(NAMES, levels, strict=True))}]
    path.write_text(json.dumps({**json.loads(path.read_text()), "traps": traps}))
    return folder


def test_the_numbers_are_those_of_the_nearest_condition(handmade: Path) -> None:
    with_traps(handmade, "half_sse", 1 / 4, 1 / 3, 1 / 2)
    bug, wait, again, change, *commands = told(handmade)
    assert "With 4 units, U(\N{MINUS SIGN}1, 1), lr 0.1" in bug
    assert "45.0 % (30.7\N{EN DASH}60.2, n = 40)" in bug
    assert "In a trap that has a name the loss is 0.25, 0.333 or 0.5." in bug
    assert "Of the 20 runs that were solved, half needed at most 110 epochs, the slowest 119" in wait
    assert "With 7 (5 to 11) draws at least one success is 99 % likely." in again, "0.5^7 < 1 %"
    assert "to 10 units." in change, "He is better by a run"
    assert "97.5 % (87.1\N{EN DASH}99.6, n = 40), compared with 50.0 % (35.2\N{EN DASH}64.8, n = 40)" in change
    assert commands[0].endswith("python -m experiments.diagnose FILE.npz epochs=1000")
    assert commands[1].endswith("python -m experiments.diagnose loss=0.25 epochs=1000")


def test_levels_are_those_of_the_study_s_own_loss(make) -> None:
    folder = make({"a": ({"loss": "mse", "optimizer": "adam", "batch_size": 2}, ["solved", "stuck_1/4"] * 5)})
    bug, _, _, *commands = told(with_traps(folder, "mse", 1 / 8, 1 / 6, 1 / 4))
    assert "the loss is about 0.125, 0.167 or 0.25." in bug
    expected = "loss=0.125 epochs=1000 optimizer=adam batch_size=2 loss_name=mse"
    assert sorted(commands[1].split("diagnose ")[1].split()) == sorted(expected.split())


def test_the_loss_that_is_looked_up_is_one_at_which_runs_got_stuck(make) -> None:
    """A single unit cannot end at 1/4: to ask with loss=0.25 told that this is no level of its own."""
    folder = make({"a": ({"hidden": 1}, ["stuck_1/3"] * 4 + ["stuck_1/2"] * 6)})
    assert "diagnose loss=0.3333 " in told(with_traps(folder, "half_sse", 1 / 4, 1 / 3, 1 / 2))[-1]


def test_one_run_and_one_epoch_are_told_as_one(make) -> None:
    texts = told(make({"a": ({}, ["solved"] + ["stuck_1/2"] * 4)}))
    assert "The only run that was solved needed 100 epochs." in texts[1]
    assert told(make({"a": ({"epochs": 1}, ["unsettled"] * 9)}))[0].startswith("Train longer. After 1 epoch 100.0 %")


@pytest.mark.parametrize(
    ("late", "what"), [(0, "Do not wait."), (1, "Waiting rarely helps."), (9, "Waiting may help.")]
)
def test_waiting_helps_as_many_as_were_solved_late(make, late: int, what: str) -> None:
    """'Waiting rarely helps' was said where half of the solved runs needed nearly all epochs."""
    folder = make({"a": ({}, ["solved"] * 30 + ["stuck_1/4"] * 9)})
    trials = pd.read_parquet(folder / "trials.parquet")
    rewrite(trials.assign(solved_epoch=trials["solved_epoch"].mask(trials["seed"] < late, 900)), folder)
    assert told(folder)[1].startswith(what)


def test_what_all_conditions_share_is_told_of_the_runs_that_get_stuck(make) -> None:
    """Nothing on the first screen said that they were networks of tanh units."""
    assert "With 4 units, tanh, U(" in told(make({"a": ({"activation": "tanh"}, ["solved", "stuck"])}))[0]


def test_runs_that_are_still_falling_need_more_epochs(make) -> None:
    texts = told(make({"a": ({}, ["solved"] + ["stuck_1/4"] + ["unsettled"] * 8)}))
    assert texts[1].startswith("Train longer. After 1,000 epochs 80.0 % (49.0")
    assert texts[1].endswith(" were not finished: the loss falls, or falls again, if they go on. ".strip())
    assert not [text for text in texts if "wait" in text.lower()], "which would say the contrary"


def test_another_setting_is_advised_only_if_it_is_better_beyond_doubt(make) -> None:
    close = make({"a": ({}, ["solved", "stuck_1/4"] * 5), "b": ({"hidden": 5}, ["solved"] * 6 + ["stuck_1/4"] * 4)})
    assert not [text for text in told(close) if "change the setting" in text]


def test_of_settings_that_are_equally_good_within_chance_the_nearest_is_advised(make) -> None:
    """It named the one with the most solved runs, which was chance."""
    widths = {4: 50, 8: 80, 9: 96, 12: 99, 14: 97}
    spec = {str(h): ({"hidden": h}, ["solved"] * n + ["stuck_1/4"] * (100 - n)) for h, n in widths.items()}
    (text,) = [text for text in told(make(spec)) if "change the setting" in text]
    assert "to 9 units. It succeeds in 96.0 %" in text


def test_where_the_task_s_file_lies_is_explained_only_where_its_path_is_relative(make) -> None:
    folder = make({"a": ({"task": "mine.csv"}, ["solved", "stuck"] * 5)})
    path = folder / "manifest.json"
    for where, explained in (("/data/mine.csv", False), ("data/mine.csv", True)):
        path.write_text(json.dumps({**json.loads(path.read_text()), "given": {"task": {"mine.csv": where}}}))
        (look,) = [text for text in told(folder) if "Have your network" in text]
        assert where in look
        assert ("is relative to the folder" in look) == explained


def test_a_range_of_draws_is_more_than_one(make) -> None:
    folder = make({"a": ({}, ["solved"] * 9 + ["stuck_1/4"])})
    assert "With 2 (2 to 6) draws at least one success" in " ".join(told(folder))


def test_where_every_run_is_solved_nobody_is_told_to_draw_again(make) -> None:
    assert "draws" not in " ".join(told(make({"a": ({}, ["solved"] * 9)})))


def test_where_steps_are_too_large_smaller_ones_are_advised(make) -> None:
    texts = told(make({"a": ({"lr": 5.0}, ["diverged"] * 5 + ["oscillating", "stuck_1/4"])}))
    assert texts[1].startswith("Take smaller steps. With lr 5, 85.7 %")


def test_a_network_that_was_set_by_hand_is_no_advice(make) -> None:
    folder = make({"a": ({}, ["stuck_1/4"] * 40), "b": ({"epochs": 0, "init": "textbook"}, ["solved"] * 40)})
    texts = told(folder)
    assert not [text for text in texts if "change the setting" in text]
    assert "Another seed is unlikely to help. No run of this condition was solved (n = 40)." in texts


def test_other_tasks_name_no_levels_of_xor(make) -> None:
    folder = make({"a": ({"task": "parity3"}, ["solved", "stuck"] * 5)})
    assert "0.33" not in told(folder)[0]


def test_it_stands_in_the_report(handmade: Path) -> None:
    text = sections.render(report.read_results(handmade), figures=False)
    assert text.index("If your own run is stuck</h2>") < text.index("<details")


def test_what_becomes_of_rescued_runs_is_no_advice_to_others(rescued_alone: Path) -> None:
    assert len(told(rescued_alone)) == 2, "the commands alone"


def test_what_is_too_short_to_be_judged_is_what_has_no_tail() -> None:
    assert tail_part(SHORTEST_JUDGED - 1) == 0 < tail_part(SHORTEST_JUDGED)


def cut_off(solved: int, too_large: int, unfinished: int = 0, stuck: int = 0) -> list[str]:
    outcomes = {"solved": solved, "oscillating": too_large, "unsettled": unfinished, "stuck_1/4": stuck}
    return [name for name, n in outcomes.items() for _ in range(n)]


def test_what_the_same_setting_shows_of_smaller_steps_or_more_epochs_decides(make) -> None:
    """It said 'Train longer' and in the same breath that a smaller step solves most."""
    at = {"a": ({}, cut_off(2, 18, 20))}
    good = {"b": ({"lr": 0.01}, cut_off(22, 0, 14, 4))}
    (text,) = [text for text in told(make(at | good)) if "lr 0.01" in text or "longer" in text]
    assert text.startswith("Take smaller steps. With lr 0.01, 55.0 % (39.8\N{EN DASH}69.3, n = 40) are solved, ")
    assert text.rstrip().endswith(", compared with 5.0 % (1.4\N{EN DASH}16.5, n = 40).")
    longer = told(make(at | {"c": ({"epochs": 1_000_000}, cut_off(30, 10))}))
    assert longer[0].startswith("Train longer. With 1,000,000 epochs, 75.0 %")


def test_what_the_same_setting_refutes_is_not_advised(make) -> None:
    at = {"a": ({}, cut_off(2, 0, 38))}
    assert told(make(at))[0].startswith("Train longer. After 1,000 epochs 95.0 %")
    no_help = {"b": ({"epochs": 1_000_000}, cut_off(2, 0, 0, 38))}
    assert "Train longer" not in " ".join(told(make(at | no_help)))
    no_end = {"b": ({"epochs": 1_000_000}, cut_off(2, 0, 38))}
    assert told(make(at | no_end))[0].startswith("Train longer. After 1,000 epochs 95.0 %")


def test_of_two_causes_that_are_as_common_the_step_is_told(make) -> None:
    assert told(make({"a": ({}, cut_off(4, 18, 18))}))[0].startswith("Take smaller steps. With lr 0.1, 45.0 %")
