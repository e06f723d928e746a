"""HTML pages that stand alone."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

TEMPLATES = Path(__file__).parent / "templates"


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def render(template: str, **values: object) -> str:
    """A template of this package as one HTML text, with our style and script; every string is escaped."""
    ours = {
        name: Markup((TEMPLATES / f"report.{kind}").read_text(encoding="utf-8"))  # noqa: S704 - our own file
        for name, kind in (("style", "css"), ("script", "js"))
    }
    return _environment().get_template(template).render(**ours, **values)


def macro(name: str, *values: object) -> str:
    """One of the macros that pages share, of parts.html.j2, as HTML."""
    return str(getattr(_environment().get_template("parts.html.j2").module, name)(*values))
