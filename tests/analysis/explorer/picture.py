"""The README's picture of the explorer, docs/explorer.png, as Chromium shows it: `make picture`."""

import base64
import sys
import tempfile
from pathlib import Path

from browser import Browser

from analysis.explorer import write_page

FILE = Path(__file__).parents[3] / "docs/explorer.png"
SIZE = 1120, 775


def main() -> int:
    """Write the picture: a network that is stuck, with the odds."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "explorer.html"
        write_page(page)
        browser = Browser(Path(folder) / "profile")
        browser.size(*SIZE)
        browser.visit(page, "#hidden=4&init=he&lr=0.1&seed=8")
        browser.click("#train-many")
        browser.wait("state.odds.done === 1000 && state.search.done === state.search.total")
        browser.run("document.activeElement.blur(), document.querySelector('#tally p').remove(), scrollTo(0, 0)")
        FILE.write_bytes(base64.b64decode(browser.call("Page.captureScreenshot")["data"]))
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
