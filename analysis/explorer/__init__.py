"""The explorer: a page that trains a network in the browser, with the same bits as a sweep."""

from pathlib import Path

from analysis.data.door import write_text

HERE = Path(__file__).parent
PARTS = {  # what page.html has comments for, and the files that take their places
    "STYLE": ["style.css"],
    "CORE": [  # which knows of no page: Web Workers run it as well
        "printed.js", "draws.js", "network.js", "condition.js", "history.js", "regions.js", "diagnosis.js",
        "touching.js",
    ],
    "SCRIPTS": ["sentences.js", "pictures.js", "odds.js", "tour.js", "form.js", "explorer.js"],  # in reading order
}  # fmt: skip


def write_page(file: Path) -> None:
    """Write the page, one file; OSError where it cannot be written."""
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for mark, names in PARTS.items():
        part = "\n".join((HERE / name).read_text(encoding="utf-8") for name in names)
        text = text.replace(f"/* {mark} */", part, 1)
    write_text(file, text)
