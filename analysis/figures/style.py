"""One look for all figures: colours, hatches, markers, and figures that come out the same twice."""

from __future__ import annotations

import functools
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.data.door import replacing
from analysis.findings.statistics import Rate
from analysis.text import words

STYLE: Any = {
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 10,
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.frameon": True,
    "legend.framealpha": 0.75,
    "legend.edgecolor": "none",
    "legend.fontsize": 9,
    "hatch.linewidth": 1.0,
    "hatch.color": "white",
    "lines.linewidth": 1.8,
    "lines.markersize": 6,
    "svg.hashsalt": "nnxor",
    "svg.fonttype": "none",
    "image.composite_image": False,
}
"""Matplotlib's settings under which every figure is drawn and saved."""

WIDTH, PHONE_WIDTH = 10.0, 4.2
"""Width of every figure in inches, and of its version for a phone, which has one panel a row."""

_width: ContextVar[float] = ContextVar("width", default=WIDTH)

OUTCOME_COLOURS = {
    "solved": "#2b6ca3",
    "stuck_1/4": "#f6c667",
    "stuck_1/3": "#e07b39",
    "stuck_1/2": "#8a2a14",
    "stuck": "#b0578d",
    "oscillating": "#1b9e77",
    "diverged": "#222222",
    "unsettled": "#c4c4c4",
    "unclear": "#ececec",
}
"""The colour of each outcome, in every figure: traps darken as they get worse."""

OUTCOME_HATCHES = {"stuck_1/3": "/", "stuck": "\\", "oscillating": "/", "unsettled": "\\", "unclear": "."}
"""What tells outcomes apart in grey, wide enough not to shimmer."""

SERIES = ("#332288", "#cc6677", "#117733", "#ddaa33", "#882255", "#44aa99")
"""Colours of series that have no order (P. Tol's muted scheme, told apart by the colour-blind)."""

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DASHES: tuple[Any, ...] = (
    "-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 1, 1, 1, 1, 1)), "-", "--",
)  # fmt: skip


class NotApplicable(Exception):  # noqa: N818 - no error: the figure is skipped
    """A figure makes no sense for these results: a sentence that says why."""


def styled(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """A drawing function that works under `STYLE`, whatever the caller has set."""

    @functools.wraps(draw)
    def drawn(*arguments: Any) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*arguments)

    return drawn


@dataclass(frozen=True)
class Look:
    """How a series looks, in every figure of a study."""

    colour: Any
    marker: str
    dashes: Any

    @property
    def line(self) -> dict[str, Any]:
        """As arguments of a line."""
        return {"color": self.colour, "marker": self.marker, "linestyle": self.dashes, **RIM}


RIM: dict[str, Any] = {"markeredgecolor": "white", "markeredgewidth": 0.7}
"""A thin rim that keeps marks apart."""


def looks(values: Sequence[Any], ordered: bool) -> dict[Any, Look]:
    """The look of each value of a field: a scale from light to dark for many numbers, else unrelated colours."""
    n = len(values)
    colours = sns.color_palette("flare", n) if ordered and n > 2 else [SERIES[i % len(SERIES)] for i in range(n)]
    shapes = [(MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)]) for i in range(n)]
    return {value: Look(colour, *shape) for value, colour, shape in zip(values, colours, shapes, strict=True)}


def error_bars(ax: Axes, x: Any, rates: Sequence[Rate], look: Look, upright: bool = True, line: bool = True) -> None:
    """Shares in per cent at the places x, with their intervals as bars; along the other axis where not upright."""
    at = np.array([100 * rate.rate for rate in rates])
    ends = np.array([[100 * (rate.rate - rate.low), 100 * (rate.high - rate.rate)] for rate in rates]).T
    ends = np.maximum(np.nan_to_num(ends).reshape(2, -1), 0)
    places = (x, at) if upright else (at, x)
    style = look.line if line else {**look.line, "linestyle": "none"}
    bars = (ends, None) if upright else (None, ends)
    ax.errorbar(*places, *bars, capsize=3, elinewidth=1.1, **style)


MOST_ENDS = 4
"""Lines that are labelled where they end; of more there is a legend."""


def name_lines(figure: Figure, axes: Sequence[Axes], ends: Sequence[Mapping[Any, float]], shown: Mapping[Any, Look],
               name: Callable[[Any], str], title: str) -> None:  # fmt: skip
    """Say which line is which: beside the ends of few lines (`ends`: heights by value, a panel each), else a legend."""
    if len(shown) > MOST_ENDS:
        handles = [Line2D([], [], label=name(value), **look.line) for value, look in shown.items()]
        figure.legend(handles=handles, loc="outside upper center", ncols=columns_for(min(len(handles), 8)), title=title)
        return
    for ax, heights in zip(axes, ends, strict=True):
        low, high = ax.get_ylim()
        order = sorted(heights, key=lambda value: heights[value])
        room, at = 0.085 * (high - low), [heights[value] for value in order]
        for i in range(1, len(at)):
            at[i] = max(at[i], at[i - 1] + room)
        over = max(at[-1] - high, 0.0) if at else 0.0
        for i in range(len(at) - 1, -1, -1):
            at[i] = min(at[i] - (over if i == len(at) - 1 else 0), at[i + 1] - room if i + 1 < len(at) else math.inf)
        for value, height in zip(order, at, strict=True):
            look, across = shown[value], ax.get_yaxis_transform()
            ax.plot([1.03], [height], transform=across, clip_on=False, scalex=False, scaley=False, **look.line)
            ax.text(1.055, height, name(value), transform=across, va="center", fontsize=9, color="#333333")


@contextmanager
def on_phone() -> Iterator[None]:
    """Figures drawn in here are as narrow as a phone: one panel a row, letters as large as ever."""
    token = _width.set(PHONE_WIDTH)
    try:
        yield
    finally:
        _width.reset(token)


def columns_for(columns: int) -> int:
    """So many columns of panels, or of a legend, or as many as there is room for."""
    return min(columns, max(int(columns * _width.get() / WIDTH), 1))


def letters(columns: int = 1, size: float = 10.5) -> int:
    """How many letters of a size in points fit into one of so many columns."""
    return int(1134 * _width.get() / WIDTH / size) // columns


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


def outcome_look(outcome: str) -> dict[str, Any]:
    """How bars of an outcome are drawn."""
    hatch = OUTCOME_HATCHES.get(outcome, "")
    return {"facecolor": OUTCOME_COLOURS[outcome], "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}


def outcome_legend(figure: Figure, outcomes: Sequence[str], title: str | None = None) -> None:
    """A legend of outcomes above the panels, with a title over it."""
    handles = [Patch(label=words.outcome(name), **outcome_look(name)) for name in outcomes]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=min(len(handles), columns_for(7)), handlelength=1.8,
        handleheight=1.2, title=title,
    )  # fmt: skip


def on_dark(outcome: str) -> bool:
    """Whether text on an outcome's colour must be white."""
    return sum(to_rgb(OUTCOME_COLOURS[outcome])) < 1.5


def percent_axis(axes: Iterable[Axes], label: str) -> None:
    """Vertical axes from 0 to 100 %, the first one labelled."""
    for n, ax in enumerate(axes):
        ax.set_ylim(-2, 102)
        ax.set_yticks([0, 25, 50, 75, 100])
        if n == 0 or ax.get_subplotspec().is_first_col():  # type: ignore[union-attr]
            ax.set_ylabel(label)


def tip(artist: Artist, text: str) -> None:
    """Let a mark of an SVG show this text when the pointer is on it."""
    artist.set_gid(f"tip:{text}")


def tips(ax: Axes, x: Iterable[float], y: Iterable[float], texts: Iterable[str]) -> None:
    """Give points these texts as tips: unseen marks over them, large enough for a finger."""
    for at, height, text in zip(x, y, texts, strict=True):
        (mark,) = ax.plot([at], [height], marker="o", markersize=14, alpha=0, linestyle="", scalex=False, scaley=False)
        tip(mark, text)


def save(figure: Figure, folder: Path, name: str, suffixes: Sequence[str] = ("svg", "png")) -> None:
    """Write NAME.svg and NAME.png (at 200 dpi); the same figure gives the same bytes."""
    with mpl.rc_context(STYLE):
        _lay_out(figure)
        for suffix in suffixes:
            with replacing(folder / f"{name}.{suffix}") as temporary:
                temporary.write_bytes(_svg(figure) if suffix == "svg" else _png(figure))


def _png(figure: Figure) -> bytes:
    image = io.BytesIO()
    options: dict[str, Any] = {"dpi": 200, "pil_kwargs": {"compress_level": 4}}
    figure.savefig(image, format="png", metadata={"Software": None}, **options)
    return image.getvalue()


def _svg(figure: Figure) -> bytes:
    """A figure as SVG in which text is text, and marks that have a tip (see `tip`) show it."""
    image = io.StringIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(image, format="svg", metadata=metadata)
    return re.sub(r'<g id="tip:([^"]*)">', r"<g><title>\1</title>", image.getvalue()).encode()


def _lay_out(figure: Figure) -> None:
    """Lay the figure out once, for all files, and round away what differs from process to process.

    The solver takes its constraints in an order that varies, which shows in the last digits.
    """
    layout = figure.get_layout_engine()
    if layout is None:
        return
    layout.execute(figure)
    figure.set_layout_engine("none")
    for ax in figure.axes:
        bounds = ax.get_position(original=True).bounds
        ax.set_position([round(value, 6) for value in bounds])  # type: ignore[arg-type]
