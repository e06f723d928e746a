"""What a user sees while trainings run: rate, time left, and a running tally of outcomes."""

import re
import sys
import textwrap
import time
from collections import Counter
from typing import Self

import pyarrow as pa
from rich.console import Console
from rich.live import Live
from rich.text import Text

from analysis.entry import RunError, silence

LINE_EVERY = 10.0  # seconds between two lines where the output is no terminal


def say(text: str = "") -> None:
    """Print a line for the user, at once, with '1 training'; RunError where standard output takes no more."""
    try:
        print(re.sub(r"(?<![\w.,])(1\s+(?:more\s+)?(?:condition|epoch|seed|training))s\b", r"\1", text), flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        silence()
        raise RunError(f"standard output cannot be written: {error.strerror}") from None


class Progress:
    """A line that changes on a terminal, and a line now and then elsewhere."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.trained = 0
        self.outcomes: Counter[str] = Counter()
        self._live = Live(console=Console(file=sys.stdout, highlight=False), auto_refresh=False, transient=True)
        self._every = 0.1 if sys.stdout.isatty() else LINE_EVERY
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Self:
        if sys.stdout.isatty():
            self._live.start()
            self._live.update(Text(self.line()), refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, table: pa.Table) -> None:
        """Count the trainings of a batch and show where things stand, if it is time to."""
        self.trained += len(table)
        if "outcome" in table.column_names:
            self.outcomes.update(table["outcome"].to_pylist())
        if time.monotonic() - self._last > self._every:
            self._last = time.monotonic()
            if self._live.is_started:
                self._live.update(Text(self.line(), no_wrap=True, overflow="ellipsis"), refresh=True)
            else:
                say(self.line())

    def line(self) -> str:
        """Where things stand, with shares of outcomes, in at most 80 characters unless the numbers are huge."""
        seconds = time.monotonic() - self._start
        rate = self.trained / seconds if seconds > 0 else 0.0
        left = duration((self.total - self.trained) / rate) if rate else "?"
        share = f"{self.trained:,}/{self.total:,} ({self.trained / self.total:.0%})"
        n, solved = sum(self.outcomes.values()), self.outcomes["solved"]
        stuck = sum(count for name, count in self.outcomes.items() if name.startswith("stuck"))
        parts = {"solved": solved, "stuck": stuck, "other": n - solved - stuck} if n else {}
        tally = "  ".join(f"{name} {count / n:.0%}" for name, count in parts.items())
        return f"{share}  {rate:,.0f}/s  {left} left  {tally}"

    def summary(self) -> str:
        """One line at the end."""
        seconds = time.monotonic() - self._start
        return f"{self.trained:,} trainings in {duration(seconds)} ({self.trained / max(seconds, 1e-9):,.0f}/s)"


def paragraph(text: str, indent: int = 0) -> str:
    """A text broken into lines of at most 79 characters, the first of them indented, the others by two more."""
    return filled(text, " " * indent, " " * (indent + 2))


def tell(what: str, text: str, width: int = 12) -> None:
    """Print a line of a table of two columns, broken where the terminal is narrower."""
    say(filled(text, f"{what:<{width}}", " " * width))


def filled(text: str, first: str, others: str) -> str:
    """Lines of at most 79 characters, or of one longer word (a path, say); a number keeps its percent sign."""
    kept = text.replace(" %", "\N{NO-BREAK SPACE}%")
    wrap = textwrap.TextWrapper(79, first, others, break_on_hyphens=False, break_long_words=False)
    return wrap.fill(kept).replace("\N{NO-BREAK SPACE}", " ")


def listed(words: list[str]) -> str:
    """'a', 'a and b', 'a, b and c'."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def all_of(n: int, what: str) -> str:
    """'all 24 rows', or 'the row'."""
    return f"the {what}" if n == 1 else f"all {n:,} {what}s"


def duration(seconds: float) -> str:
    """A duration as people say it: '0.4 s', '2 min 5 s', '3 h 20 min'."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{minutes // 60:,} h {minutes % 60} min"
