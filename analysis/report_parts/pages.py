"""HTML pages that stand alone, and writing files so that a reader finds the old or the new one."""

from __future__ import annotations

import os
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


def render(template: str, **values: object) -> str:
    """A template of this package as one HTML text, with our style; every string is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    style = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))  # noqa: S704 - our own file
    return environment.get_template(template).render(style=style, **values)


def write_text(path: Path, text: str) -> None:
    """Write a text file in one step."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
