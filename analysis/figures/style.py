"""One look for all figures: colours, hatches, markers, and figures that come out the same twice."""

import io
import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from html import escape
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from analysis.data.door import replacing

STYLE: Any = {  # Matplotlib's settings under which every figure is drawn and saved
    "figure.facecolor": "white", "font.family": "DejaVu Sans", "font.size": 10,
    "axes.titlesize": 10.5, "axes.titlelocation": "left", "axes.titlepad": 7, "axes.titley": 1.0, "axes.labelsize": 10,
    "axes.labelcolor": "#333333", "axes.edgecolor": "#888888", "axes.linewidth": 0.8,
    "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True, "axes.grid": True,
    "axes.grid.axis": "y", "grid.color": "#e4e4e4", "grid.linewidth": 0.8,
    "xtick.color": "#555555", "ytick.color": "#555555", "xtick.labelsize": 9, "ytick.labelsize": 9,
    "legend.frameon": False, "legend.fontsize": 9,
    "hatch.linewidth": 1.0, "hatch.color": "white", "lines.linewidth": 1.8, "lines.markersize": 6,
    "text.parse_math": False, "svg.hashsalt": "nnxor", "svg.fonttype": "none", "image.composite_image": False,
}  # fmt: skip
WIDTH, PHONE_WIDTH = 10.0, 4.2  # of every figure in inches, and of its version for a phone, which has one panel a row
DOTS = 200  # dots per inch of a PNG
_width: ContextVar[float] = ContextVar("width", default=WIDTH)

OUTCOME_COLOURS = {  # in every figure: traps darken as they get worse
    "solved": "#2b6ca3", "stuck_1/4": "#f6c667", "stuck_1/3": "#e07b39", "stuck_1/2": "#8a2a14", "stuck": "#b0578d",
    "oscillating": "#1b9e77", "diverged": "#222222", "unsettled": "#c4c4c4", "unclear": "#93a3b1",
}  # fmt: skip
OUTCOME_HATCHES = {"stuck_1/3": "/", "stuck": "\\", "oscillating": "/", "unsettled": "\\", "unclear": "."}
"""What tells outcomes apart in grey, wide enough not to shimmer."""
SERIES = ("#332288", "#cc6677", "#117733", "#ddaa33", "#882255", "#44aa99")
"""Colours of series that have no order (P. Tol's muted scheme, told apart by the colour-blind)."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)), "-", "--")
RIM: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.7}  # a thin rim that keeps marks apart


class NotApplicable(Exception):  # noqa: N818 - no error: the figure is skipped
    """A figure makes no sense for these results: a sentence that says why."""


def need(given: object, why: str) -> None:
    """Raise NotApplicable where what a figure shows is not there."""
    if not given:
        raise NotApplicable(why)


styled = mpl.rc_context(STYLE)  # decorates a function that draws: it works under `STYLE`, whatever the caller has set

Look = dict[str, Any]  # how a series looks, in every figure of a study: the arguments of a line, or of bars
Looks = Mapping[str, Look]


def looks(values: Sequence[Any], ordered: bool = False) -> dict[Any, Look]:
    """The look of each value of a field: a scale from light to dark for many numbers, else unrelated colours."""
    scale = mpl.colormaps["magma"](np.linspace(0.75, 0.2, len(values))) if ordered and len(values) > 2 else SERIES
    chosen = zip(values, itertools.cycle(scale), itertools.cycle(MARKERS), itertools.cycle(DASHES), strict=False)
    return {value: {"color": c, "marker": m, "linestyle": dashes, **RIM} for value, c, m, dashes in chosen}


def mark(look: Look) -> Look:
    """The same for marks without a line."""
    return {**look, "linestyle": "none"}


def bar_looks(colours: Mapping[str, str], hatches: Mapping[str, str]) -> Looks:
    """How the bars of each name are drawn, some of them hatched."""
    rim = {"edgecolor": "white", "linewidth": 0.4}
    return {name: {"facecolor": colour, "hatch": hatches.get(name, ""), **rim} for name, colour in colours.items()}


OUTCOME_LOOKS = bar_looks(OUTCOME_COLOURS, OUTCOME_HATCHES)


@contextmanager
def on_phone() -> Iterator[None]:
    """Figures drawn in here are as narrow as a phone: one panel a row, with letters of the same size."""
    token = _width.set(PHONE_WIDTH)
    try:
        yield
    finally:
        _width.reset(token)


def columns_for(columns: int) -> int:
    """The number of columns of panels, or of a legend, but no more than there is room for."""
    return min(columns, max(int(columns * _width.get() / WIDTH), 1))


def letters(columns: float = 1, size: float = 10.5) -> int:
    """How many letters of a size in points fit into one column of this many."""
    return int(1134 * _width.get() / WIDTH / size / columns)


def sheet(height: float) -> Figure:
    """An empty figure of this height, in inches."""
    return Figure(figsize=(_width.get(), height), layout="constrained")


def panels(n: int, columns: int, height: float, **keywords: Any) -> tuple[Figure, list[Axes]]:
    """A figure of n panels in rows of so many columns, each `height` inches high."""
    columns = min(n, columns_for(columns))
    rows = -(-n // columns)
    figure = sheet(rows * height + 0.75)
    axes = list(figure.subplots(rows, columns, squeeze=False, **keywords).flat)
    for unused in axes[n:]:
        unused.set_axis_off()
    return figure, axes[:n]


_tips: WeakKeyDictionary[Figure, list[tuple[Axes, float, float, float, float, str]]] = WeakKeyDictionary()
"""What a figure's SVG shows under the pointer: an axes, two corners in its coordinates, and a text."""


def tip(ax: Axes, x0: float, y0: float, x1: float, y1: float, text: str) -> None:
    """Let the SVG show this text while the pointer is between two corners, which may be one point."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    _tips.setdefault(figure, []).append((ax, x0, y0, x1, y1, text))


def _hover(figure: Figure) -> str:
    """The tips as unseen rectangles, those of points 10 points wide and high, which is enough for a finger."""
    if figure.get_figwidth() <= PHONE_WIDTH:  # there is no pointer
        return ""
    drawn, high = [], 72 * figure.get_figheight()
    for ax, x0, y0, x1, y1, text in _tips.get(figure, []):
        (left, bottom), (right, top) = 72 / figure.dpi * ax.transData.transform([(x0, y0), (x1, y1)])
        wide, tall = abs(right - left), abs(top - bottom)
        grow = 0 if wide and tall else 5
        x, y = min(left, right) - grow, high - max(bottom, top) - grow
        size = f'width="{wide + 2 * grow:.1f}" height="{tall + 2 * grow:.1f}"'
        drawn.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size}><title>{escape(text, quote=False)}</title></rect>')
    return f'<g fill-opacity="0">{"".join(drawn)}</g>' if drawn else ""


@styled
def save(figure: Figure, folder: Path, name: str, suffixes: Sequence[str] = ("svg", "png")) -> None:
    """Write NAME.svg and NAME.png; the same figure gives the same bytes."""
    lay_out(figure)
    for suffix in suffixes:
        with replacing(folder / f"{name}.{suffix}") as temporary:
            temporary.write_bytes(svg(figure) if suffix == "svg" else png(figure))


def png(figure: Figure, dots: float = DOTS) -> bytes:
    """A figure as PNG. The canvas prints it at once, where `savefig` would draw it twice."""
    image, canvas = io.BytesIO(), FigureCanvasAgg(figure)
    before, figure.dpi = figure.dpi, dots
    canvas.print_png(image, metadata={"Software": None}, pil_kwargs={"compress_level": 2})  # type: ignore[no-untyped-call]
    figure.dpi = before
    return image.getvalue()


def svg(figure: Figure) -> bytes:
    """A figure as SVG in which text is text, and marks that have a tip (see `tip`) show it."""
    image, nothing = io.StringIO(), {"Date": None, "Creator": None}
    FigureCanvasSVG(figure).print_svg(image, metadata=nothing)  # type: ignore[no-untyped-call]
    return image.getvalue().replace("</svg>", f"{_hover(figure)}</svg>").encode()


def lay_out(figure: Figure) -> Figure:
    """Lay the figure out once, for all files, with positions rounded so that they are the same in every process.

    The solver takes its constraints in an order that varies, which shows in the last digits.
    """
    layout = figure.get_layout_engine()
    if layout is not None:
        layout.execute(figure)
        figure.set_layout_engine("none")
        for ax in figure.axes:
            bounds = ax.get_position(original=True).bounds
            ax.set_position([round(value, 6) for value in bounds])  # type: ignore[arg-type]
    return figure
