"""The report in a real browser: nothing fails, nothing is fetched, all figures show, nothing sticks out."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--virtual-time-budget=4000",
    "--window-size=1500,1000", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip

MEASURE = """
<script>
addEventListener('load', () => {
  const frame = document.getElementById('frame'), page = frame.contentDocument, root = page.documentElement;
  const pictures = [...page.images].map(image => ({
    name: image.alt, width: image.naturalWidth, shown: image.getBoundingClientRect().width,
    height: image.getBoundingClientRect().height, left: image.parentElement.getBoundingClientRect().left,
    right: image.parentElement.getBoundingClientRect().right,
  }));
  const sticking = [...page.body.querySelectorAll('*')].filter(element =>
    !element.closest('.wide, .picture, pre') && element.getBoundingClientRect().right > root.clientWidth + 1
  ).map(element => element.tagName);
  const fetched = frame.contentWindow.performance.getEntriesByType('resource').map(entry => entry.name);
  const result = { width: root.clientWidth, scroll: root.scrollWidth, pictures, sticking, fetched,
    dark: frame.contentWindow.getComputedStyle(page.body).backgroundColor };
  document.getElementById('result').textContent = JSON.stringify(result);
});
</script>
"""


@pytest.fixture(scope="module", params=[400, 1400])
def seen(request: pytest.FixtureRequest, reported: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a browser makes of the report at a width: measurements, and what it logged."""
    width: int = request.param
    report = (reported / "report.html").read_text(encoding="utf-8")
    frame = f'<iframe id="frame" width="{width}" height="900" style="border:0" srcdoc="{html.escape(report)}"></iframe>'
    work = tmp_path_factory.mktemp(f"browser{width}")
    page = work / "page.html"
    page.write_text(f'<!doctype html><meta charset="utf-8"><body>{frame}<p id="result"></p>{MEASURE}', encoding="utf-8")
    assert CHROMIUM is not None
    done = subprocess.run(
        [CHROMIUM, *FLAGS, f"--user-data-dir={work / 'profile'}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, timeout=90,
    )  # fmt: skip
    found = re.search(r'<p id="result">(.+?)</p>', done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
    return {**json.loads(html.unescape(found[1])), "asked": width, "console": console}


def test_the_page_is_as_wide_as_the_window_and_no_wider(seen: dict[str, Any]) -> None:
    assert 0 < seen["width"] <= seen["asked"]
    assert seen["scroll"] == seen["width"]
    assert seen["sticking"] == []


def test_every_figure_is_visible(seen: dict[str, Any]) -> None:
    assert len(seen["pictures"]) == 8
    for picture in seen["pictures"]:
        assert picture["width"] > 0, picture["name"]
        assert picture["shown"] > 300
        assert picture["height"] > 80
        assert 0 <= picture["left"] < picture["right"] <= seen["width"]


def test_the_console_has_no_message(seen: dict[str, Any]) -> None:
    assert seen["console"] == []


def test_nothing_is_requested(seen: dict[str, Any]) -> None:
    assert [address for address in seen["fetched"] if not address.startswith("data:")] == []
