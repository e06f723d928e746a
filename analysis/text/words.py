"""Numbers and conditions in words: one spelling for tables, figures and sentences."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from analysis.data.conditions import FIELDS, NAMING, counts, phrase, same, value_text
from analysis.findings.statistics import Difference, Paired, Rate

MINUS = "\N{MINUS SIGN}"
MOST_NAMED = 4  # fields that a condition is called by; of more it is called by those that are not as usual
DASH = "\N{EN DASH}"
IS = "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"  # an equals sign at which no line ends


def percent(fraction: float, digits: int = 1) -> str:
    """'64.4 %', or a dash for NaN."""
    text = f"{100 * fraction:z.{digits}f}\N{NO-BREAK SPACE}%".replace("-", MINUS)
    return "\N{EM DASH}" if math.isnan(fraction) else text


def interval(low: float, high: float) -> str:
    """'61.4–67.3', or '−55.3 to 41.6', in per cent."""
    first, last = (f"{100 * end:z.1f}".replace("-", MINUS) for end in (low, high))
    return "\N{EM DASH}" if math.isnan(low) else f"{first}{' to ' if first.startswith(MINUS) else DASH}{last}"


def short(value: Rate) -> str:
    """'64.4 % (61.4–67.3)'."""
    return f"{percent(value.rate)} ({interval(value.low, value.high)})"


def rate(value: Rate) -> str:
    """'64.4 % (61.4–67.3, n = 1,000)'; no runs where n is 0."""
    if not value.n:
        return f"no runs (n{IS}0)"
    return f"{percent(value.rate)} ({interval(value.low, value.high)}, n{IS}{value.n:,})"


def share(row: Any, count: str = "solved", of: str = "n") -> str:
    """The same of two counts in a row of a summary."""
    return rate(Rate.of(row[count], row[of]))


def bare(value: Rate) -> str:
    """'64.4 (61.4–67.3)', in per cent, where n stands elsewhere; a dash where there is none."""
    return "\N{EM DASH}" if math.isnan(value.rate) else short(value).replace("\N{NO-BREAK SPACE}%", "")


def filled(table: Sequence[Sequence[str]], kept: int) -> list[list[str]]:
    """The first columns of a table, heads on top, and of the others those in which something is counted."""
    columns = [*zip(*table, strict=True)]
    zeros = {"\N{EM DASH}", "-", "0", "0.0"}
    empty = [bool(cells) and {cell.partition(" (")[0] for cell in cells} <= zeros for _, *cells in columns]
    some = [column for i, column in enumerate(columns) if i < kept or not empty[i]]
    return [[*row] for row in zip(*some, strict=True)]


def plain(text: str) -> str:
    """A text in letters that every terminal has."""
    return text.replace(IS, "=").replace("\N{NO-BREAK SPACE}", " ").replace(MINUS, "-").replace(DASH, "-")


def points(fraction: float) -> str:
    """A difference in percentage points: '+3.6'."""
    return f"{100 * fraction:+z.1f}".replace("+0.0", "0.0").replace("-", MINUS)


def difference(value: Difference) -> str:
    """'−4.0 points (−7.1 to −0.9)', with the number of pairs if it is paired."""
    pairs = f", {counted(value.n, 'pair')}" if isinstance(value, Paired) else ""
    return f"{points(value.difference)} points ({points(value.low)} to {points(value.high)}{pairs})"


def p_value(p: float) -> str:
    """'0.023', or '<0.001'."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def draws(number: float, low: float, high: float) -> str:
    """Draws and their range: '5 (4 to 6)', '5', '236 (at least 40)', or 'at least 230' where no run was solved."""
    least = f"at least {low:.0f}"
    if not math.isfinite(number):
        return "\N{EM DASH}" if math.isnan(number) else least
    if math.isinf(high):
        return f"{number:.0f} ({least})"
    return f"{number:.0f}" if number == low == high else f"{number:.0f} ({low:.0f} to {high:.0f})"


def in_draws(number: float, low: float, high: float) -> str:
    """The same with its noun: '1 draw', '1 (1 to 20) draws'."""
    told = draws(number, low, high)
    return f"{told} draw{'s' * (told != '1')}"


def span(name: str, first: Any, last: Any) -> str:
    """Two values of a field: '4 to 10 units', 'lr 0.01 to 0.1'."""
    if FIELDS[name].phrase.startswith("{}"):
        return f"{value_text(name, first)} to {phrase(name, last)}"
    return f"{phrase(name, first)} to {value_text(name, last)}"


def condition(row: Any, fields: Iterable[str]) -> str:
    """A condition by those of some fields that do something there: '4 units, He, lr 0.1'; 'the only condition'."""
    return ", ".join(phrase(name, row[name]) for name in fields if counts(name, row)) or "the only condition"


def setting(row: Any, fields: Sequence[str]) -> str:
    """The same; if there are many fields, only `NAMING` and those that differ from the article's."""
    unlike = [name for name in fields if name in NAMING or not same(row[name], FIELDS[name].default)]
    return condition(row, fields if len(fields) <= MOST_NAMED else unlike)


def nearest(row: Any, fields: Sequence[str]) -> str:
    """'Nearest to the article (4 units, lr 0.1)', or 'Here' where there is one condition."""
    return f"Nearest to the article ({setting(row, fields)})" if fields else "Here"


def counted(n: int, what: str) -> str:
    """'1,000 trainings', or '1 training'."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def all_of(n: int) -> str:
    """'all 4', or 'both'."""
    return "both" if n == 2 else f"all {n:,}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """'a, b and c'."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}" if words else "none"


def outcome(name: str) -> str:
    """An outcome as readers see it: 'stuck at 1/4'."""
    return name.replace("stuck_", "stuck at ")


def rescue(name: str) -> str:
    """An intervention in words: 'a leaky ReLU 0.05'."""
    first, _, setting = name.partition(" ")
    return f"{value_text('rescue', first)} {setting}".strip()
