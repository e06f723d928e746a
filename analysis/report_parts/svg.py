"""Figures as part of a page: SVG whose text is text, which takes the page's letters and follows its dark colours."""

import re
from pathlib import Path

from markupsafe import Markup, escape


def inline(path: Path, title: str) -> Markup:
    """A figure's SVG file as an element of a page: without a ground of its own, and with ids that are its alone."""
    text = path.read_text(encoding="utf-8")
    text = re.sub(r"^.*?(?=<svg)|\s*<metadata>.*?</metadata>|\s*<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r' (?:width|height)="[\d.]+pt"', "", text, count=2)
    used = set(re.findall(r'(?:url\(|href=")#([^)"]+)', text))
    text = re.sub(r' id="([^"]*)"', lambda found: f' id="{path.stem}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(url\(#|href="#)', rf"\1{path.stem}-", text)
    text = text.replace("font-family: 'DejaVu Sans'; ", "").replace('style="fill: #ffffff"', 'style="fill: none"')
    text = re.sub(r"\s*\n\s*", " ", text)
    label = f'<svg role="img" aria-label="{escape(title)}" '
    return Markup(text.replace("<svg ", label, 1))  # noqa: S704 - our own drawing, in which all text is escaped
