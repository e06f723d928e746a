"""The explorer's page: its scripts, its style and its template in one file."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.report_parts.pages import write_text

HERE = Path(__file__).parent
CORE = ("printed", "draws", "network", "condition", "history", "regions", "diagnosis", "touching")
"""Scripts that know of no page, which Web Workers run as well."""

PAGE = ("sentences", "pictures", "odds", "tour", "explorer")
"""Scripts of the page, in reading order."""


def page() -> str:
    """The page as one HTML text."""
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=False, undefined=StrictUndefined)  # noqa: S701
    core, scripts = ("\n".join(_text(f"{name}.js") for name in names) for names in (CORE, PAGE))
    return environment.get_template("page.html").render(style=_text("style.css"), core=core, scripts=scripts)


def _text(name: str) -> str:
    text = (HERE / name).read_text(encoding="utf-8")
    if "</script" in text:
        raise ValueError(f"{name} would end the script that it stands in")
    return text


def write_page(file: Path) -> None:
    """Write the page; OSError where it cannot be written."""
    write_text(file, page())
