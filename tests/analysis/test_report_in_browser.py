"""The report in a real browser: nothing fails or is fetched, figures show, nothing sticks out, axe-core is content."""

import re
from pathlib import Path
from typing import Any

import pytest
from browser import CHROMIUM, Browser

AXE = Path(__file__).parents[2] / ".axe" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.slow,
]

MEASURE = """
(async () => {
  const root = document.documentElement, heightFolded = root.scrollHeight;
  document.querySelectorAll('details').forEach(part => { part.open = true; });
  const pictures = [...document.querySelectorAll('.picture svg')].map(picture => picture.getBoundingClientRect())
    .filter(box => box.width).map(box => ({ width: box.width, height: box.height, left: box.left, right: box.right }));
  const sticking = [...document.body.querySelectorAll('*')].filter(element =>
    !element.closest('.wide, svg, pre, .skip') && element.getBoundingClientRect().right > root.clientWidth + 1
  ).map(element => element.tagName + ' ' + element.className);
  const scrolling = [...document.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth + 1);
  const table = [...document.querySelectorAll('table.data')].find(table => table.caption === null);
  const solved = () => [...table.tBodies[0].rows].map(row => parseFloat(row.cells[1].textContent));
  table.tHead.rows[0].cells[1].querySelector('button').click();
  const sorted = solved();
  const found = window.axe ? (await axe.run(document, { resultTypes: ['violations'] })).violations : [];
  return {
    width: root.clientWidth, scroll: root.scrollWidth, heightFolded, pictures, sticking, sorted,
    scrolling: scrolling.length, axe: Boolean(window.axe),
    fetched: performance.getEntriesByType('resource').map(entry => entry.name),
    violations: found.map(each => each.impact + ': ' + each.id + ' at ' + each.nodes[0].target.join(' ')),
    ground: getComputedStyle(document.body).backgroundColor,
  };
})()
"""


def look(browser: Browser, report: Path, width: int, dark: bool) -> dict[str, Any]:
    """What a browser makes of a report at a width: measurements, and what it says in its console or asks for."""
    browser.complaints()
    browser.size(width, 900, dark)
    browser.load(report)
    if AXE.is_file():
        browser.run(AXE.read_text(encoding="utf-8"))
    return {**browser.run(MEASURE), "asked": width, "complaints": browser.complaints(), "dark": dark}


@pytest.fixture(scope="module", params=[(400, False), (800, True), (1400, False)], ids=["phone", "dark", "wide"])
def seen(request: pytest.FixtureRequest, reported: Path, chromium: Browser) -> dict[str, Any]:
    return look(chromium, reported / "report.html", *request.param)


def test_the_page_is_as_wide_as_the_window_and_no_wider(seen: dict[str, Any]) -> None:
    assert 0 < seen["width"] <= seen["asked"]
    assert seen["scroll"] == seen["width"]
    assert seen["sticking"] == []


def test_tables_fit_a_desktop_window(seen: dict[str, Any]) -> None:
    assert seen["scrolling"] == 0 or seen["asked"] < 1200


def test_it_is_short_until_it_is_unfolded(seen: dict[str, Any]) -> None:
    assert seen["heightFolded"] < 8 * 900


def test_every_figure_is_visible_once(seen: dict[str, Any]) -> None:
    assert len(seen["pictures"]) == 7
    for picture in seen["pictures"]:
        assert picture["width"] > 300
        assert picture["height"] > 80
        assert 0 <= picture["left"] < picture["right"] <= seen["width"]


def test_a_click_on_a_head_sorts_a_table(seen: dict[str, Any]) -> None:
    assert seen["sorted"] == sorted(seen["sorted"])
    assert len(set(seen["sorted"])) > 1


def test_the_dark_page_is_dark(seen: dict[str, Any]) -> None:
    shade = sum(map(int, re.findall(r"\d+", seen["ground"])))
    assert shade < 150 if seen["dark"] else shade > 700


@pytest.mark.skipif(not AXE.is_file(), reason="no axe-core here: npm install --no-save --prefix .axe axe-core")
def test_axe_finds_nothing_that_keeps_people_out(seen: dict[str, Any]) -> None:
    assert seen["axe"]
    assert [each for each in seen["violations"] if not each.startswith("minor")] == []


def test_it_says_nothing_in_the_console_and_requests_nothing(seen: dict[str, Any]) -> None:
    assert seen["complaints"] == []
    assert [address for address in seen["fetched"] if not address.startswith("data:")] == []
