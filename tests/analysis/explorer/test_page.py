"""The explorer's page in a real browser: its bits, its controls by mouse and keyboard, its looks."""

import base64
import io
import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import CHROMIUM, Browser
from harness import typed
from pairs import SHORT, expected, pairs, sample, shipped

from analysis.explorer.__main__ import main
from experiments.study.explorer_address import address
from nnxor import engines
from nnxor.condition import FIELDS, Condition
from nnxor.interventions import INTERVENTIONS
from nnxor.network.draws import initial_weights
from nnxor.network.inits_in_yaml import Init
from nnxor.network.tasks import Task
from nnxor.trial import trials

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

HERE = Path(__file__).parent
AXE = HERE.parents[2] / ".axe/node_modules/axe-core/axe.min.js"
WIDTHS = (360, 800, 1400, 2560)
STUCK = "#hidden=4&init=he&lr=0.1&seed=8"
QUICK = f"{STUCK}&epochs=200"  # for controls; what is stuck has others searched for what frees them
FROZEN = 6  # a seed that is stuck with frozen parameters
HE = next(init for init in shipped("init", Init) if init.name == "he")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("explorer") / "explorer.html"
    assert main([str(file)]) == 0
    return file


@pytest.fixture(scope="module")
def browser(chromium: Browser) -> Iterator[Browser]:
    chromium.size(1400, 1000)
    yield chromium
    assert chromium.complaints() == []


def show(browser: Browser, page: Path, address: str) -> None:
    """Show an address on a page that is there already, as a change of a setting does, or else load it."""
    if browser.run("location.pathname") == str(page):
        browser.run(f"history.replaceState(null, '', {json.dumps(address)}); visit(location.hash)")
    else:
        browser.visit(page, address)


def result(browser: Browser) -> dict[str, str]:
    return dict(browser.run("({...document.getElementById('result').dataset})"))


def epoch(browser: Browser) -> int:
    return int(browser.run("document.getElementById('now').textContent").split(" / ")[0].replace(",", ""))


def error(browser: Browser) -> str:
    return str(browser.run("(e => e.hidden ? '' : e.textContent)(document.getElementById('error'))"))


def test_the_page_is_one_small_file(page: Path) -> None:
    assert page.stat().st_size < 600_000


def test_its_sources_are_small() -> None:
    folder = HERE.parents[2] / "analysis/explorer"
    files = [path for path in folder.iterdir() if path.suffix in (".js", ".css", ".html") and path.name != "printed.js"]
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files) < 1800


def test_trainings_agree_in_every_bit_and_every_column_in_a_browser(page: Path, browser: Browser) -> None:
    """A sample; with NNXOR_PAIRS=2000, as `make bits` has it, so many, 50 seeds of each condition."""
    n = int(os.environ.get("NNXOR_PAIRS", "0"))
    found = pairs(n, seeds=50) if n else json.loads(sample())
    browser.visit(page)
    browser.run((HERE / "compare.js").read_text(encoding="utf-8"))
    differing = []
    for first in range(0, len(found), 50):
        some = json.dumps(found[first : first + 50])
        differing += browser.run(f"compareAll({some}, {0 if n else SHORT})")
    print(f"{len(found)} pairs of a condition and a seed, {len(differing)} differ")
    assert differing == []


@pytest.mark.parametrize(
    "settings",
    ["hidden=4&init=he&lr=0.1", "loss=bce&activation=tanh&optimizer=adam&lr=0.01&batch_size=3&epochs=300",
     "rows=0.5,1,0;2,-1,1;0,0.25,0.5&hidden=3&recycle_every=50&epochs=300&success.rule=margin"],
)  # fmt: skip
def test_the_command_gives_the_same_bits(page: Path, browser: Browser, tmp_path: Path, settings: str) -> None:
    show(browser, page, f"#{settings}&seed=8")
    shown = browser.run("document.getElementById('command').textContent")
    assert typed(f"{shown} save=net.npz", tmp_path).returncode == 0
    with np.load(tmp_path / "net.npz") as file:
        words = b"".join(file[name].astype(">f4").tobytes() for name in ("W1", "b1", "W2", "b2")).hex()
    assert words == result(browser)["weights"].replace(" ", "")


def test_an_address_holds_a_network_of_ones_own(page: Path, browser: Browser) -> None:
    condition = Condition(hidden=3, activation="tanh", epochs=100)
    own = initial_weights(condition, range(77, 78))
    show(browser, page, f"{address(condition, 0, own)}&epoch=0")
    words = b"".join(array.astype(">f4").tobytes() for array in own).hex()
    assert browser.run("toHex(state.run.at(0)).replaceAll(' ', '')") == words
    assert address(replace(condition, hidden=17), 0) is None


def test_a_task_with_an_address_is_one_that_the_page_knows(page: Path, browser: Browser) -> None:
    """Those whose rows count several times had an address, at which the page said that they are unknown."""
    addresses = {task.name: address(Condition(task=task, epochs=10), 0) for task in shipped("task", Task)}
    assert {name for name, told in addresses.items() if told is None} == {"corners_10", "corners_100"}
    for told in filter(None, addresses.values()):
        show(browser, page, told)
        assert error(browser) == ""


def test_an_address_comes_back_from_the_page(page: Path, browser: Browser) -> None:
    for settings in ("loss=bce&success.rule=loss", "loss=bce&output=sigmoid", "batch_size=2&order=fixed&epochs=50"):
        browser.visit(page, f"#{settings}")
        found = "JSON.stringify({...state.view.c, seed: 0})"
        before = browser.run(found)
        browser.visit(page, browser.run("writeAddress(state.view)"))
        assert browser.run(found) == before


def test_an_address_gives_the_result_of_a_sweep(page: Path, browser: Browser) -> None:
    condition = Condition(hidden=4, init=HE, lr=0.1)
    for each in expected(condition, range(6, 9), "numba"):
        browser.visit(page, f"{each['address']}&run=1")
        found, columns = result(browser), each["columns"]
        assert found["outcome"] == columns["outcome"]
        assert np.float32(found["finalLoss"]) == np.float32(columns["final_loss"])
        assert int(found["solvedEpoch"]) == columns["solved_epoch"]
        assert int(found["settledEpoch"]) == columns["settled_epoch"]
        assert found["weights"].replace(" ", "") == each["weights"]


def test_a_trap_without_a_name_is_called_by_its_loss(page: Path, browser: Browser) -> None:
    """Behind a ReLU output all rows share ½ at a loss of ¼ (mse): that was 'Stuck at ¼', which is another trap."""
    show(browser, page, "#hidden=3&init=torch&lr=0.5&output=relu&loss=mse&epochs=2000&seed=1&run=1")
    assert result(browser)["outcome"] == "stuck"
    said = browser.run("document.getElementById('headline').textContent")
    assert said == "Stuck at a loss of ¼: all rows share the prediction ½."


@pytest.mark.parametrize("rescue", INTERVENTIONS)
def test_an_intervention_is_that_of_a_rescue(page: Path, browser: Browser, rescue: str) -> None:
    (each,) = expected(Condition(hidden=4, init=HE, lr=0.1, rescue=rescue), range(8, 9), "numba")
    show(browser, page, f"{STUCK}&edits=10000:{rescue}")
    found = result(browser)
    assert found["weights"].replace(" ", "") == each["weights"]
    assert found["outcome"] == each["columns"]["outcome"]


@pytest.mark.parametrize("rescue", ["redraw_all", "redraw_dead"])
def test_an_intervention_keeps_what_is_frozen(page: Path, browser: Browser, rescue: str) -> None:
    condition = Condition(hidden=4, init=HE, lr=0.1, freeze="W1+b2", rescue=rescue)
    (each,) = expected(condition, range(FROZEN, FROZEN + 1), "numba")
    assert each["columns"]["outcome_before"].startswith("stuck")
    show(browser, page, f"#hidden=4&init=he&lr=0.1&freeze=W1%2Bb2&seed={FROZEN}&run=1&edits=10000:{rescue}")
    assert result(browser)["weights"].replace(" ", "") == each["weights"]


def test_the_odds_are_those_of_a_sweep(page: Path, browser: Browser) -> None:
    browser.visit(page, STUCK)
    browser.click("#train-many")
    browser.wait("state.odds.done === 1000", 300)
    tally = browser.run("Object.fromEntries(Object.entries(state.odds.ends).map(([name, {count}]) => [name, count]))")
    outcomes = trials(Condition(hidden=4, init=HE, lr=0.1), range(1000), engines.load("numba")).columns["outcome"]
    names, counts = np.unique(outcomes, return_counts=True)
    assert tally == dict(zip(names.tolist(), counts.tolist(), strict=True))
    print(browser.run("document.getElementById('tally').textContent"))
    browser.click("#tally tr:last-child button")
    assert result(browser)["outcome"] == browser.run(
        "Object.keys(state.odds.ends).includes(state.row.outcome) && state.row.outcome"
    )


def test_what_frees_a_stuck_run_is_tried_on_other_seeds(page: Path, browser: Browser) -> None:
    browser.visit(page, STUCK)
    browser.wait("state.search.done === state.search.total")
    said = browser.run("document.getElementById('evidence').textContent")
    condition, seeds = Condition(hidden=4, init=HE, lr=0.1), range(400)
    there = trials(condition, seeds, engines.load("numba")).columns["outcome"] == "stuck_1/4"
    tried = browser.run("state.search.freed")
    assert set(tried) == set(INTERVENTIONS)
    for name in ("nothing", "redraw_all", "leaky"):
        ends = trials(replace(condition, rescue=name), seeds, engines.load("numba")).columns["outcome"][there]
        n = tried[name]["tried"]
        assert n == min(len(ends), n) >= 40
        assert tried[name]["free"] == np.sum(ends[:n] == "solved")
    best = max((each["free"] / each["tried"] for name, each in tried.items()), default=0)
    assert f"{100 * best:.0f} % were freed by" in said
    assert browser.run("document.querySelector('[data-name=nothing]').textContent") == "more training 0 %"


def test_labels_are_those_of_reports(page: Path, browser: Browser) -> None:
    """They were a second list: 'Lecun', 'Torch', 'Kept as drawn', 'Numbers'."""
    browser.visit(page)
    shown = browser.run("[...document.querySelectorAll('#settings label')].map(each => each.firstChild.textContent)")
    own = {"Rows: inputs, then the target", "Solved means", "Tolerance", "Seed"}
    fields = {about.label[0].upper() + about.label[1:] for about in FIELDS.values()}
    assert {label.strip() for label in shown} - own - {"Weights: low", "Weights: high", "Biases: value"} <= fields
    for kind, known in (("init", Init), ("task", Task)):
        assert all(each.label for each in shipped(kind, known)), "each file says its label"
        options = browser.run(f"[...document.forms.settings.elements.{kind}.options].map(each => each.textContent)")
        labels = {each.label for each in shipped(kind, known) if not getattr(each, "multiplicities", None)}
        assert {*options} - {"your own table"} == labels


def test_the_plane_is_cut_elsewhere(page: Path, browser: Browser) -> None:
    show(browser, page, "#task=parity3&hidden=6&init=he&seed=3")
    before = browser.run("document.getElementById('map').toDataURL()")
    browser.run("document.querySelector('#slice select').focus()")
    browser.key("ArrowDown")
    assert browser.run("state.slice") == [1]
    assert browser.run("document.getElementById('map').toDataURL()") != before
    browser.run("document.activeElement.blur()")
    browser.key("n")
    assert browser.run("[state.slice[0], document.querySelector('#slice select').value]") == [1, "1"]


def test_it_plays_steps_rewinds_and_scrubs_by_mouse(page: Path, browser: Browser) -> None:
    browser.visit(page, STUCK)
    assert epoch(browser) == 10000
    browser.click("#rewind")
    assert epoch(browser) == 0
    browser.click("#step")
    browser.click("#step")
    browser.click("#back")
    assert epoch(browser) == 1
    browser.click("#play")
    browser.wait("state.epoch > 1")
    browser.click("#play")
    assert browser.run("state.playing") is False
    browser.click("#end")
    assert epoch(browser) == 10000
    browser.click("#scrub", 0.5)
    assert 50 < epoch(browser) < 200
    browser.click("#loss", 0.8)
    assert 400 < epoch(browser) < 9000
    assert f"epoch={epoch(browser)}" in browser.run("location.hash")


def test_it_plays_steps_and_draws_again_by_keyboard(page: Path, browser: Browser) -> None:
    browser.visit(page, QUICK)
    browser.run("document.activeElement.blur()")
    browser.key("Home")
    assert epoch(browser) == 0
    browser.key("ArrowRight")
    browser.key("ArrowRight")
    browser.key("ArrowLeft")
    assert epoch(browser) == 1
    browser.key(" ")
    browser.wait("state.epoch > 1")
    browser.key(" ")
    assert browser.run("state.playing") is False
    browser.key("End")
    assert epoch(browser) == 200
    browser.key("n")
    assert "seed=9" in browser.run("location.hash")


def test_little_moves_where_that_is_wanted(page: Path, browser: Browser) -> None:
    count = "(() => { window.shows = 0; const shown = draw; draw = () => { window.shows++; shown(); }; play(); })()"
    seen = {}
    for motion in ("reduce", "no-preference"):
        browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": motion}])
        browser.visit(page, f"{STUCK}&epoch=0")
        browser.run(count)
        time.sleep(1)
        seen[motion] = browser.run("window.shows")
    assert seen["reduce"] <= 3 < 8 < seen["no-preference"]


def test_every_control_is_reached_by_keyboard(page: Path, browser: Browser) -> None:
    browser.visit(page, QUICK)
    browser.run("document.getElementById('more').open = true; document.activeElement.blur()")
    wanted = browser.run(
        "[...document.querySelectorAll('button, input, select, summary')]"
        ".filter(e => !e.disabled && e.checkVisibility())"
        ".map(e => e.id || e.name || e.dataset.index || e.textContent)"
    )
    reached = set()
    for _ in range(len(wanted) + 10):
        browser.key("Tab")
        reached.add(browser.run("(e => e.id || e.name || e.dataset.index || e.textContent)(document.activeElement)"))
    assert set(wanted) <= reached


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", "123"),
        ("hidden", "10"),
        ("lr", "0.2"),
        ("epochs", "300"),
        ("scale", "0.5"),
        ("batch_size", "2"),
        ("recycle_every", "100"),
    ],
)
def test_a_number_is_typed(page: Path, browser: Browser, name: str, value: str) -> None:
    show(browser, page, QUICK)
    browser.run(f"document.getElementById('more').open = true; document.forms.settings.elements['{name}'].focus()")
    browser.type(value)
    browser.key("Enter")
    browser.wait(f"location.hash.includes('{name}={value}')")
    assert error(browser) == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [("init", "uniform"), ("activation", "tanh"), ("activation", "leaky_relu"), ("loss", "bce"), ("task", "parity3"),
     ("task", "own"), ("optimizer", "adam"), ("dtype", "float64"), ("relu_at_zero", "1"), ("success.rule", "margin"),
     ("output", "sigmoid")],
)  # fmt: skip
def test_an_entry_is_chosen(page: Path, browser: Browser, name: str, value: str) -> None:
    show(browser, page, QUICK)
    before = result(browser)["weights"]
    browser.run(
        f"(e => {{ e.value = '{value}'; e.dispatchEvent(new Event('change', {{bubbles: true}})); }})"
        f"(document.forms.settings.elements['{name}'])"
    )
    assert error(browser) == ""
    assert browser.run(f"document.forms.settings.elements['{name}'].value") == value
    assert value in ("own", "margin") or result(browser)["weights"] != before


def test_a_weight_is_edited_and_undone(page: Path, browser: Browser) -> None:
    show(browser, page, QUICK)
    before = result(browser)["weights"]
    browser.run("document.querySelector('[data-index=\"0\"]').focus()")
    browser.type("1.5")
    browser.key("Enter")
    browser.wait("location.hash.includes('edits=200:')")
    assert result(browser)["weights"] != before
    assert browser.run("state.run.epochs") == 400
    browser.click("#interventions button:last-child")
    assert result(browser)["weights"] == before


def test_a_line_is_dragged(page: Path, browser: Browser) -> None:
    show(browser, page, f"{QUICK}&epoch=0")
    browser.run("document.getElementById('map').scrollIntoView({block: 'center'})")
    x, y, dx, dy = browser.run(
        "(() => { const r = document.getElementById('map').getBoundingClientRect();"
        "const {ends: [[ax, ay], [bx, by]], active} = state.drawn.lines[0];"
        "return [r.left + (ax + bx) / 2, r.top + (ay + by) / 2, ...active]; })()"
    )
    browser.mouse("mouseMoved", x, y)
    browser.mouse("mousePressed", x, y)
    browser.mouse("mouseMoved", x + 40 * dx, y + 40 * dy)
    browser.mouse("mouseReleased", x + 40 * dx, y + 40 * dy)
    browser.wait("location.hash.includes('edits=0:')")


def test_the_tour_has_six_stops(page: Path, browser: Browser) -> None:
    browser.visit(page)
    browser.click("#tour")
    seen = [result(browser)["outcome"]]
    for _ in range(5):
        browser.click('#card [data-step="1"]')
        seen.append(result(browser)["outcome"])
    assert seen == ["solved", "stuck_1/4", "stuck_1/3", "stuck_1/2", "stuck_1/4", "solved"]
    browser.key("Escape")
    assert browser.run("document.getElementById('card').hidden")


def test_a_bad_address_gives_one_clear_line(page: Path, browser: Browser) -> None:
    for hash_, words in {
        "#hidden=40": "hidden=40 is not allowed; allowed: an integer from 1 to 16",
        "#lr=0": "allowed: a number above 0",
        "#activation=swish": "allowed: relu",
        "#foo=1": "foo is unknown",
        "#task=xo": "task=xo is unknown",
        "#edits=5:nonsense": "edits=5:nonsense is not allowed",
        "#loss=bce&output=relu": "loss=bce needs a probability",
    }.items():
        show(browser, page, hash_)
        assert words in error(browser), hash_
    browser.visit(page, hash_)  # where nothing was shown before, the usual network is
    assert words in error(browser)
    assert result(browser)["outcome"] == "solved"


def test_weights_are_saved_as_numpy_reads_them(page: Path, browser: Browser) -> None:
    show(browser, page, QUICK)
    text = browser.run("btoa(String.fromCharCode(...npz(state.run.c, state.run.at(state.epoch))))")
    with np.load(io.BytesIO(base64.b64decode(text))) as file:
        arrays = {name: file[name] for name in file.files}
    assert {name: array.shape for name, array in arrays.items()} == {"W1": (2, 4), "b1": (4,), "W2": (4, 1), "b2": (1,)}
    words = b"".join(arrays[name].astype(">f4").tobytes() for name in ("W1", "b1", "W2", "b2")).hex()
    assert words == result(browser)["weights"].replace(" ", "")


def test_what_is_taken_along(page: Path, browser: Browser) -> None:
    show(browser, page, QUICK)
    assert browser.run("document.getElementById('command').textContent") == (
        "python -m experiments.train hidden=4 init=he lr=0.1 epochs=200 seed=8"
    )
    for button in ("copy-link", "copy-command", "save-picture", "save-weights"):
        browser.click(f"#{button}")
        browser.wait("document.getElementById('told').textContent")
        browser.run("document.getElementById('told').textContent = ''")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_sticks_out(page: Path, browser: Browser, width: int, dark: bool) -> None:
    """Screenshots go where NNXOR_SHOTS says, if it does."""
    browser.size(width, 1000 if width > 1000 else 2200, dark)
    browser.visit(page, STUCK)
    assert browser.run("document.documentElement.scrollWidth") == width
    sticking = browser.run(
        "[...document.body.querySelectorAll('*')].filter(e => e.checkVisibility() && !e.closest('.skip') &&"
        " e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"
    )
    if folder := os.environ.get("NNXOR_SHOTS"):
        browser.picture(Path(folder) / f"{width}{'-dark' if dark else ''}.png")
    browser.size(1400, 1000)
    assert sticking == []


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here: npm install --prefix .axe axe-core")
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing(page: Path, browser: Browser, dark: bool) -> None:
    browser.size(1400, 1000, dark)
    browser.visit(page, STUCK)
    browser.run(AXE.read_text(encoding="utf-8"))
    browser.run("document.getElementById('more').open = true; document.getElementById('tour').click()")
    found = browser.run(
        "axe.run().then(r => r.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html.slice(0, 90))]))"
    )
    browser.size(1400, 1000)
    assert found == []
