"""HTML pages that stand alone, and figures as a part of them."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from analysis.figures.style import PHONE_WIDTH, WIDTH

TEMPLATES = Path(__file__).parent / "templates"


def inline(path: Path, title: str) -> Markup:
    """A figure's SVG as an element of a page: in its colours, with ids of its own, its letters as large as others'."""
    text = "<svg" + path.read_text(encoding="utf-8").partition("<svg")[2]
    text = re.sub(r"<(metadata|style).*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{path.stem}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\1{path.stem}-", text)
    text = text.replace("font-family: 'DejaVu Sans'; ", "").replace('style="fill: #ffffff"', 'style="fill: none"')
    text = " ".join(line.strip() for line in text.split("\n"))
    width = float(text.partition('viewBox="0 0 ')[2].partition(" ")[0]) / 72
    most = min(100 * width / (WIDTH if width > PHONE_WIDTH else PHONE_WIDTH), 100)
    label = f'<svg role="img" aria-label="{escape(title)}" style="max-width: {most:.0f}%" '
    return Markup(text.replace("<svg ", label, 1))  # noqa: S704 - our own drawing, in which all text is escaped


ENVIRONMENT = Environment(
    loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True, keep_trailing_newline=True,
)  # fmt: skip
ENVIRONMENT.globals["inline"] = inline


def render(template: str, **values: object) -> str:
    """A template of this package as one HTML text, with our style and script; every string is escaped."""
    ours = [(TEMPLATES / name).read_text(encoding="utf-8") for name in ("report.css", "report.js")]
    style, script = map(Markup, ours)
    return ENVIRONMENT.get_template(template).render(style=style, script=script, **values)
