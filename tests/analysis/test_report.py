"""The report: every number counted anew, one file that loads nothing, and refusals in one line."""

import errno
import gc
import math
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from harness import rewrite

from analysis import entry, report
from analysis.data.door import FolderError
from analysis.figures import PLOTS
from analysis.findings.findings import Findings
from analysis.findings.statistics import Rate, attributable
from analysis.findings.summary import table_lines
from analysis.report_parts import sections
from analysis.report_parts.drawing import draw
from analysis.report_parts.sections import described
from analysis.report_parts.tables import width_tables
from analysis.text import words

ROOT = Path(__file__).parents[2]
Z = 1.959963984540054


class Page(HTMLParser):
    """What a test needs of a page: tables by their title, pictures, links, ids and everything that is loaded."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.pictures: list[dict[str, str]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.loaded: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self._title = ""
        self._cell: list[str] | None = None
        self._heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.loaded += [given["src"]] if "src" in given else []
        if tag == "link":
            self.loaded.append(given["href"])
        if tag == "a":
            self.links.append(given["href"])
        if tag == "svg":
            self.pictures.append(given)
        if tag in ("h2", "h3"):
            self._heading, self._title = True, ""
        if tag == "table":
            self.tables[self._title.strip()] = []
        if tag == "tr":
            self.tables[self._title.strip()].append([])
        if tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        if tag in ("h2", "h3"):
            self._heading = False
        if tag in ("td", "th") and self._cell is not None:
            self.tables[self._title.strip()][-1].append(plain("".join(self._cell)))
            self._cell = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._heading:
            self._title += data
        if self._cell is not None:
            self._cell.append(data)


def plain(text: str) -> str:
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def wilson(count: int, n: int) -> tuple[float, float]:
    """The closed form, written out anew."""
    p = count / n
    middle, half = p + Z**2 / (2 * n), Z * math.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    return (middle - half) / (1 + Z**2 / n), (middle + half) / (1 + Z**2 / n)


def share(count: int, n: int) -> str:
    if not n:
        return "\N{EM DASH}"
    low, high = wilson(count, n)
    return f"{100 * count / n:.1f} ({100 * abs(low):.1f}\N{EN DASH}{100 * high:.1f})"


def sentence(count: int, n: int) -> str:
    low, high = wilson(count, n)
    return f"{100 * count / n:.1f} % ({100 * abs(low):.1f}\N{EN DASH}{100 * high:.1f}, n = {n:,})"


def needed(p: float, wanted: float) -> str:
    return "never" if p <= 0 else str(next(k for k in range(1, 10_000) if 1 - (1 - p) ** k >= wanted - 1e-12))


@pytest.fixture(scope="module")
def page(reported: Path) -> Page:
    return Page((reported / "report.html").read_text(encoding="utf-8"))


def without_figures(folder: Path) -> Page:
    """The report's page without the time that figures take."""
    return Page(sections.render(report.read_results(folder), figures=False))


UNIFORM = "U(\N{MINUS SIGN}1, 1)"
INITS = {UNIFORM: "uniform", "He": "he"}


def condition(trials: pd.DataFrame, row: list[str]) -> pd.DataFrame:
    hidden, init = row[0].split(" units, ")
    return trials[(trials["hidden"].astype(str) == hidden) & (trials["init"] == INITS[init])]


def test_the_table_of_conditions_is_counted_anew(page: Page, reported: Path) -> None:
    heads, *rows = page.tables["Every condition"]
    trials = pd.read_parquet(reported / "trials.parquet")
    assert len(rows) == 4
    for row in rows:
        mine = condition(trials, row)
        for head, cell in zip([heads[1], *heads[3:-3]], [row[1], *row[3:-3]], strict=True):
            name = head.replace("stuck at ", "stuck_")
            assert cell == share(sum(mine["outcome"] == name), len(mine)), head
        assert row[2] == str(len(mine))
        assert row[-3] == f"{mine['dead_init'].mean():.2f} \N{RIGHTWARDS ARROW} {mine['dead_final'].mean():.2f}"
        assert row[-2] == f"{mine['solved_epoch'].dropna().median():,.0f}"
        p, ends = sum(mine["outcome"] == "solved") / len(mine), wilson(sum(mine["outcome"] == "solved"), len(mine))
        number, few, most = (needed(each, 0.99) for each in (p, ends[1], ends[0]))
        assert row[-1] == (number if number == few == most else f"{number} ({few} to {most})")
    shown = {head.replace("stuck at ", "stuck_") for head in [heads[1], *heads[3:-3]]}
    assert shown == set(trials["outcome"]), "every outcome that occurs, and no other"


def test_the_table_of_causes_is_counted_anew(page: Page, reported: Path) -> None:
    _, *rows = page.tables["Why stuck runs are stuck"]
    trials = pd.read_parquet(reported / "trials.parquet")
    assert [row[0] for row in rows] == [f"4 units, {UNIFORM}", "4 units, He", f"10 units, {UNIFORM}"]
    for row in rows:
        mine = condition(trials, row)
        stuck = mine[mine["outcome"].str.startswith("stuck")]
        n = len(stuck)
        assert row[1] == f"{n} of {len(mine)}"
        assert row[2] == share(sum(stuck["dead_final"] == 0), n)
        causes = ("few_alive_at_start", "died_in_training", "alive_but_merged")  # none is linear
        assert row[3:-1] == [share(sum(stuck["cause"] == cause), n) for cause in causes]
        due = attributable(
            *(
                Rate.of(sum(mine[dead]["outcome"].str.startswith("stuck")), sum(dead))
                for dead in (mine["dead_init"] > 0, mine["dead_init"] == 0)
            )
        )
        assert row[-1] == (words.bare(due) if due.n and due.low >= -1 else "\N{EM DASH}")


@pytest.mark.parametrize(("panel", "field", "first", "second"), [(0, "hidden", 4, 10), (1, "init", "uniform", "he")])
def test_comparisons_are_counted_anew(reported: Path, panel: int, field: str, first: object, second: object) -> None:
    told = re.findall(r"<title>([^<]+ pairs\)[^<]+)</title>", (reported / "figures" / "paired_effects.svg").read_text())
    trials = pd.read_parquet(reported / "trials.parquet")
    other, rest = ("init", ["uniform", "he"]) if field == "hidden" else ("hidden", [4, 10])
    counted, ps = [], []
    for value in rest:
        mine = trials[trials[other] == value]
        a, b = (set(mine[(mine[field] == v) & (mine["outcome"] == "solved")]["seed"]) for v in (first, second))
        m, k = len(a ^ b), min(len(a - b), len(b - a))
        ps.append(min(1.0, 2 * sum(math.comb(m, i) for i in range(k + 1)) / 2**m))
        counted.append((len(b) - len(a), mine["seed"].nunique(), len(b - a), len(a - b)))
    adjusted = [min(1.0, 2 * min(ps)), min(1.0, max(2 * min(ps), max(ps)))]
    assert len(told) == 4
    for text, (more, n, gained, lost), p in zip(told[2 * panel :], counted, ps, strict=False):
        q = adjusted[0] if p == min(ps) else adjusted[1]
        p_text, q_text = ("&lt;0.001" if each < 0.001 else f"{each:.3f}" for each in (p, q))
        assert text.startswith(f"{100 * more / n:+.1f} points (")
        assert text.endswith(f"{n} pairs); solved by one alone: {gained} and {lost}; p {p_text}, adjusted {q_text}")


def test_the_narrowest_width_is_computed_anew(page: Page, reported: Path) -> None:
    trials = pd.read_parquet(reported / "trials.parquet")
    heads, *rows = page.tables["How wide is wide enough"]
    for row in rows:
        counts = {h: sum(condition(trials, [f"{h} units, {row[0]}"])["outcome"] == "solved") for h in (4, 10)}
        for head, cell in zip(heads[1:], row[1:], strict=True):
            wanted = float(head.removesuffix(" %")) / 100
            reach = [str(h) for h in (4, 10) if counts[h] / 40 >= wanted] or ["none"]
            surely = [str(h) for h in (4, 10) if wilson(counts[h], 40)[0] >= wanted] or ["none"]
            assert cell == (reach[0] if reach[0] == surely[0] else f"{reach[0]} ({surely[0]})")


def test_no_unit_is_dead_that_cannot_die(make) -> None:
    """Of leaky units the columns count those that are below 0 on every row; those are lines, and not dead."""
    found = Findings.of(
        make({"a": ({"activation": "leaky_relu"}, ["solved", "stuck"] * 10), "b": ({}, ["solved", "stuck"] * 10)})
    )
    dead = found.every_summary.set_index("activation")["dead_init_mean"]
    assert math.isnan(dead["leaky_relu"])
    assert dead["relu"] > 0
    causes = found.failure_causes.set_index("activation")
    assert causes.loc["leaky_relu", "no_dead"] == causes.loc["leaky_relu", "stuck"] == 10
    assert causes.loc["relu", "no_dead"] < 10
    printed = [line.split() for line in table_lines(found.every_summary)]
    assert [line[-2] for line in printed if line[0] == "leaky_relu"] == ["-"]


def test_a_width_is_a_whole_number_where_others_never_reach_what_is_wanted(make) -> None:
    some = {"a": ({}, ["solved"] * 40), "b": ({"hidden": 10}, ["solved"] * 40)}
    none = {"c": ({"lr": 0.2}, ["stuck_1/4"] * 40), "d": ({"hidden": 10, "lr": 0.2}, ["stuck_1/4"] * 40)}
    (table,) = width_tables(Findings.of(make({**some, **none})))
    assert [row[1:] for row in table.rows] == [["4", "4", "4", "4 (none)", "4 (none)"], ["none"] * 5]


@pytest.mark.parametrize("second", ["#b", None])
def test_one_of_each_outcome_is_watched_only_where_each_has_an_address(handmade: Path, second: str | None) -> None:
    found = report.read_results(handmade)
    one = {**found.nearest, "seed": 0}
    runs = [{**one, "outcome": "solved", "explorer": "#a"}, {**one, "outcome": "diverged", "explorer": second}]
    found.__dict__["exemplars"] = pd.DataFrame(runs)
    text = sections.render(found, figures=False)
    assert "Watch one</strong> " in text
    assert ("Watch one</strong> of each outcome train" in text) == (second is not None)


def test_sentences_carry_the_counted_rates(page: Page) -> None:
    text = plain(page.text)
    assert f"(4 units, {UNIFORM}, lr 0.1) {sentence(20, 40)} learn XOR and {sentence(18, 40)} get stuck" in text
    assert f"Using He instead of {UNIFORM} raises success in 1 (4 units) and makes no clear difference in 1 (10" in text
    seeds = sentence(6, 6).replace("n = 6", "n = 12")
    assert f"stuck at 1/4: 00=01 in {seeds}" in text, "8 uniform and 4 He, which share seeds: 6 on average"
    assert "Of the 20 runs that were solved, half needed at most 110 epochs, the slowest 119." in text


def test_no_rate_stands_without_its_interval_and_n(page: Page) -> None:
    text = plain(page.text)
    rates = [text[found.start() :] for found in re.finditer(r"\d+\.\d %", text)]
    assert len(rates) > 20
    for rate in rates:
        end = r"\u2212?\d+\.\d"
        assert re.match(rf"\d+\.\d % \({end}(\u2013| to ){end}, n = [\d,]+\)", rate), rate[:60]


def test_all_claims_are_judged_the_third_as_two(reported: Path) -> None:
    text = (reported / "report.html").read_text(encoding="utf-8")
    claims = text[text.index('<dl class="claims">') : text.index("</dl>")]
    assert [claim.split(".")[0] for claim in re.findall(r"<dt>(.+?)</dt>", claims)] == ["1", "2", "3a", "3b", "4", "5"]
    assert claims.count("<dd>") == 6


def test_nothing_is_loaded_from_elsewhere(page: Page, reported: Path) -> None:
    text = (reported / "report.html").read_text(encoding="utf-8")
    assert page.loaded
    assert all(address.startswith("data:") for address in page.loaded)
    assert "@import" not in text
    assert not re.search(r"url\((?!#)", text)
    assert len(text) < 5_000_000


def test_every_link_leads_somewhere_and_every_picture_has_words(page: Page, reported: Path) -> None:
    assert len(page.links) >= 15
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert all((reported / link).is_file() for link in page.links if not link.startswith("#"))
    assert len(set(page.ids)) == len(page.ids)
    assert len(page.pictures) == 14, "wide and narrow each; there are no single runs"
    assert all(len(picture["aria-label"]) > 60 for picture in page.pictures)
    assert "the result folder has no exemplars.json" in plain(page.text)


def test_the_figure_that_answers_the_question_and_the_advice_come_before_all_that_folds(reported: Path) -> None:
    text = (reported / "report.html").read_text(encoding="utf-8")
    places = [text.index(each) for each in ("<h1>", 'id="figure-success_rate"', 'id="stuck"', "<details")]
    assert places == sorted(places)
    assert text.count('id="figure-success_rate"') == 1


def test_marks_tell_their_values_under_the_pointer(reported: Path) -> None:
    text = (reported / "report.html").read_text(encoding="utf-8")
    assert f"<title>{UNIFORM}, 4\N{NO-BREAK SPACE}units: 50.0\N{NO-BREAK SPACE}% (35.2\N{EN DASH}64.8, n" in text


def test_strings_of_users_are_escaped(make) -> None:
    bad = "<script>alert('x')</script> & {{ 7 * 7 }}"
    folder = make({"a": ({"init": "<b>he</b>"}, ["solved", "stuck_1/2"])}, question=bad)
    page = without_figures(folder)
    assert page.tags.count("script") == 1, "our own"
    assert "b" not in page.tags
    assert bad in page.text
    assert "<b>he</b>" in page.text


def test_the_same_results_give_the_same_report(handmade: Path, reported: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "analysis.report", str(handmade)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"report: {handmade / 'report.html'}\n", "")
    assert (handmade / "report.html").read_bytes() == (reported / "report.html").read_bytes()
    figures = sorted(path.name for path in (reported / "figures").iterdir())
    assert len(figures) == 21
    for name in figures:
        assert (handmade / "figures" / name).read_bytes() == (reported / "figures" / name).read_bytes()


def test_a_figure_that_no_longer_applies_is_removed(reported: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(reported, tmp_path / "again"))
    stale = [again / "figures" / name for name in ("functions.png", "functions.svg", "functions-phone.svg")]
    for path in stale:
        path.write_bytes(b"old")
    without_figures(again)
    assert all(path.exists() for path in stale)
    (plot,) = (plot for plot in PLOTS if plot.name == "functions")
    for phone in (False, True):
        draw(plot, phone, report.read_results(again), again / "figures")
    assert not list((again / "figures").glob("functions*"))
    assert (again / "figures" / "success_rate.png").exists()


def test_failed_trainings_are_said_and_left_out(handmade: Path) -> None:
    trials = pd.read_parquet(handmade / "trials.parquet").astype({"status": "str", "outcome": "str"})
    bad = (trials["condition"] == "uniform4") & (trials["seed"] > 1) | (trials["condition"] == "he10")
    trials.loc[bad, ["status", "outcome", "cause", "merged"]] = ["failed", None, None, None]
    trials.loc[bad, ["final_loss", "dead_init", "dead_final", "solved_epoch"]] = None
    rewrite(trials, handmade)
    page = without_figures(handmade)
    assert "78 trainings failed with an error (left out)" in page.text
    assert "4 conditions" in page.text
    _, *rows = page.tables["Every condition"]
    assert [[row[0], row[2]] for row in rows] == [
        [f"4 units, {UNIFORM}", "2"], ["4 units, He", "40"], [f"10 units, {UNIFORM}", "40"], ["10 units, He", "0"],
    ]  # fmt: skip
    assert rows[-1][-1] == "\N{EM DASH}", "draws of a condition without a run, which were 'nan (nan to nan)'"
    for plot in [plot for plot in PLOTS if not plot.quiet][:6]:
        assert plot.draw(report.read_results(handmade)).axes


def test_other_tasks_and_losses_are_reported_too(make) -> None:
    spec = {str(h): ({"task": "parity3", "loss": "mse", "hidden": h}, ["solved"] * h + ["stuck"] * 5) for h in (3, 9)}
    page = without_figures(make(spec))
    heads, first, _ = page.tables["Every condition"]
    assert first[heads.index("stuck")] == share(5, 8)
    assert "the mean squared error" in page.text


def test_a_single_condition_is_reported_too(make) -> None:
    page = without_figures(make({"a": ({}, ["solved", "stuck_1/2", "stuck_1/3"])}))
    assert f"{sentence(1, 3)} learn XOR" in plain(page.text)


def test_where_no_run_is_stuck_nobody_is_told_to_ask_for_certificates(make) -> None:
    """They had been asked for: there was nothing to certify."""
    solved, stuck = (without_figures(make({"a": ({}, ["solved", end] * 5)})).text for end in ("diverged", "stuck"))
    assert "No run is stuck, so that there is nothing to certify." in plain(solved)
    assert "nothing to certify" not in plain(stuck)
    assert "which a study makes with certify=true" in plain(stuck)


def test_commands_and_provenance_are_told(page: Page) -> None:
    assert "python -m experiments.run study=handmade seeds.count=40" in page.text
    assert "abc123" in page.text
    assert "d1ge57" in page.text


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda f: (f / "manifest.json").unlink(), "no manifest.json"),
        (lambda f: (f / "config.yaml").unlink(), "config.yaml is damaged ([Errno 2]"),
        (lambda f: (f / "exemplars.json").write_text("{"), "exemplars.json is damaged"),
        (lambda f: (f / "exemplars.json").write_text('[{"a": 1}]'), "exemplars.json is damaged"),
        (lambda f: (f / "trials.parquet").write_bytes(b"no"), "is damaged"),
    ],
)
def test_a_bad_folder_is_refused_in_one_line_with_status_2(handmade: Path, spoil, why: str, capsys) -> None:
    spoil(handmade)
    assert report.main([str(handmade)]) == 2
    out, err = capsys.readouterr()
    assert why in err
    assert err.count("\n") == 1
    assert out == ""
    assert not (handmade / "report.html").exists()


def test_a_study_of_failed_trainings_alone_is_refused(handmade: Path) -> None:
    rewrite(pd.read_parquet(handmade / "trials.parquet").assign(status="failed"), handmade)
    with pytest.raises(FolderError, match="no training that finished"):
        report.write_report(handmade)


def test_a_folder_that_cannot_be_written_gives_status_1(handmade: Path, capsys) -> None:
    (handmade / "figures").write_text("in the way")
    assert report.main([str(handmade)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def broken(*_: object) -> Future[None]:
    raise BrokenProcessPool


def killed(*_: object) -> Future[None]:
    future: Future[None] = Future()
    future.set_exception(BrokenProcessPool())
    return future


@pytest.mark.slow
@pytest.mark.parametrize("submit", [broken, killed])
def test_a_report_is_whole_where_the_process_that_helps_was_killed(make, submit, unprinted: None) -> None:
    folder = make({"a": ({}, ["solved", "stuck_1/2", "stuck_1/3"])})
    report.write_report(folder, pool=SimpleNamespace(submit=submit))  # type: ignore[arg-type]
    drawn, _ = described(report.read_results(folder))
    figures = {f"{plot.name}{kind}.svg" for plot, _ in drawn for kind in ("", "-phone")}
    assert len(figures) == 8
    assert figures == {file.name for file in (folder / "figures").glob("*.svg")}


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.EPIPE, ""), (errno.ENOSPC, "standard output cannot be used: No space left on device\n")],
)
def test_where_nothing_can_be_printed_nothing_else_is_blamed(
    number: int, told: str, handmade: Path, capsys, monkeypatch
) -> None:
    def closed(_text: str) -> int:
        raise OSError(number, os.strerror(number))

    silenced: list[bool] = []
    monkeypatch.setattr("analysis.entry.silence", lambda: silenced.append(True))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=closed))
    assert entry.command("analysis.report", "", lambda _: ["report: …"], **entry.FOLDER)([str(handmade)]) == 1
    assert (capsys.readouterr().err, silenced) == (told, [True])


@pytest.mark.parametrize("looked", [True, False])
def test_python_looks_for_garbage_as_before_whatever_becomes_of_a_report(handmade: Path, looked: bool) -> None:
    (handmade / "figures").write_text("in the way")
    try:
        if not looked:
            gc.disable()
        with pytest.raises(OSError):
            report.write_report(handmade)
        assert gc.isenabled() == looked
    finally:
        gc.enable()


@pytest.mark.parametrize(("arguments", "words"), [([], "required: DIR"), (["a", "b"], "unrecognized arguments: b")])
def test_the_command_says_in_one_line_what_it_takes(arguments: list[str], words: str, capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        report.main(arguments)
    assert stop.value.code == 2
    said = capsys.readouterr().err
    assert (words in said, said.count("\n")) == (True, 1)


def test_light_work_loads_nothing_heavy() -> None:
    heavy = ("matplotlib", "statsmodels", "scipy")
    code = f"import sys, analysis.report; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True).stdout == "[]\n"


def test_a_study_of_widths_alone_has_no_other_settings(make) -> None:
    """Its row was called 'the only condition', beside widths of several."""
    found = Findings.of(make({str(n): ({"hidden": n}, ["solved"] * n) for n in (2, 3)}))
    (table,) = width_tables(found)
    assert [row[0] for row in table.rows] == ["\N{EM DASH}"]
