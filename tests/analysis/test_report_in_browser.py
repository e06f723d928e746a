"""The report in a real browser: nothing fails or is fetched, figures show, nothing sticks out, axe-core is content."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
AXE = Path(__file__).parents[2] / ".axe" / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium"),
    pytest.mark.slow,
]

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=60000",
    "--window-size=1500,1000", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

MEASURE = """
addEventListener('load', async () => {
  const frame = document.getElementById('frame'), page = frame.contentDocument, root = page.documentElement;
  const heightFolded = root.scrollHeight;
  page.querySelectorAll('details').forEach(part => { part.open = true; });
  const pictures = [...page.querySelectorAll('.picture svg')].map(picture => picture.getBoundingClientRect())
    .filter(box => box.width).map(box => ({ width: box.width, height: box.height, left: box.left, right: box.right }));
  const sticking = [...page.body.querySelectorAll('*')].filter(element =>
    !element.closest('.wide, svg, pre, .skip') && element.getBoundingClientRect().right > root.clientWidth + 1
  ).map(element => element.tagName + ' ' + element.className);
  const scrolling = [...page.querySelectorAll('.wide')].filter(each => each.scrollWidth > each.clientWidth + 1).length;
  const table = [...page.querySelectorAll('table.data')].find(table => table.caption === null);
  const solved = () => [...table.tBodies[0].rows].map(row => parseFloat(row.cells[1].textContent));
  table.tHead.rows[0].cells[1].querySelector('button').click();
  const sorted = solved();
  const axe = frame.contentWindow.axe;
  const found = axe ? (await axe.run(page, { resultTypes: ['violations'] })).violations : [];
  const result = {
    width: root.clientWidth, scroll: root.scrollWidth, heightFolded, pictures, sticking, scrolling, sorted,
    axe: Boolean(axe),
    fetched: frame.contentWindow.performance.getEntriesByType('resource').map(entry => entry.name),
    violations: found.map(each => each.impact + ': ' + each.id + ' at ' + each.nodes[0].target.join(' ')),
    ground: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
  };
  document.getElementById('result').textContent = JSON.stringify(result);
});
"""


def look(report: Path, work: Path, width: int, *flags: str) -> dict[str, Any]:
    """What a browser makes of a report at a width: measurements, and what it logged."""
    text = report.read_text(encoding="utf-8")
    if AXE.is_file():
        text = text.replace("</head>", f"<script>{AXE.read_text(encoding='utf-8')}</script></head>", 1)
    frame = f'<iframe id="frame" width="{width}" height="900" style="border:0" srcdoc="{html.escape(text)}"></iframe>'
    page = work / "page.html"
    body = f'<!doctype html><meta charset="utf-8"><body>{frame}<p id="result"></p><script>{MEASURE}</script>'
    page.write_text(body, encoding="utf-8")
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={work / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=180,
    )  # fmt: skip
    found = re.search(r'<p id="result">(.+?)</p>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return {**json.loads(html.unescape(found[1])), "asked": width, "console": console}


DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module", params=[(400,), (800, DARK), (1400,)], ids=["phone", "dark", "wide"])
def seen(request: pytest.FixtureRequest, reported: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    width, *flags = request.param
    return {**look(reported / "report.html", tmp_path_factory.mktemp("browser"), width, *flags), "dark": bool(flags)}


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


def test_the_console_has_no_message(seen: dict[str, Any]) -> None:
    assert seen["console"] == []


def test_nothing_is_requested(seen: dict[str, Any]) -> None:
    assert [address for address in seen["fetched"] if not address.startswith("data:")] == []
