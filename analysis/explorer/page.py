"""The explorer's page: its scripts, its style and its template in one file."""

from pathlib import Path

from analysis.data.door import write_text

HERE = Path(__file__).parent
CORE = ("printed", "draws", "network", "condition", "history", "regions", "diagnosis", "touching")
"""Scripts that know of no page, which Web Workers run as well."""

PAGE = ("sentences", "pictures", "odds", "tour", "form", "explorer")  # scripts of the page, in reading order


def page() -> str:
    """The page as one HTML text."""
    core, scripts = ("\n".join(_text(f"{name}.js") for name in names) for names in (CORE, PAGE))
    text = _text("page.html")
    for mark, part in (("STYLE", _text("style.css")), ("CORE", core), ("SCRIPTS", scripts)):
        text = text.replace(f"/* {mark} */", part, 1)
    return text


def _text(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def write_page(file: Path) -> None:
    """Write the page; OSError where it cannot be written."""
    write_text(file, page())
