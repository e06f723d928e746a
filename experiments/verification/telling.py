"""What `experiments.verify` looked at and found, told in lines for the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from experiments.errors import DONE, FAILED
from experiments.execution import progress

if TYPE_CHECKING:
    from experiments.verification.retrain import Compared, Retraining

WIDTH = 80


def say(what: str, text: str) -> None:
    """Print what was looked at, and what was found."""
    _print(text, f"{what:<11}", 11)


def tell(found: Retraining) -> int:
    """Print the verdict; returns the exit status."""
    for each in (found.rows, found.counts):
        _tell_difference(found, each)
    if found.rows.first or found.counts.first:
        return FAILED
    agree = _agreement(found)
    if found.ledger.contradiction:
        _print(f"DIFFERENT: counts contradict each other (sums, above), though {agree}")
        return FAILED
    _print(f"verified: {agree}")
    return DONE


def _agreement(found: Retraining) -> str:
    n = found.rows.n
    if found.rows.what == "row":
        how = "within the tolerance (--help says which)" if found.loosely else "in every bit of every column"
        return f"all {n:,} rows agree {how}."
    agree = f"all {n:,} seeds were solved or not as recorded"
    whole = f", and all {found.counts.n:,} counts agree."
    agree += whole if found.sample.whole else " (sample=all compares all counts too)."
    if found.loosely:
        agree += f" For {n:,} of the seeds bits are not promised: there outcomes are compared, and"
        agree += " dead units at the start (--help says more)."
    return agree


def _tell_difference(found: Retraining, of: Compared) -> None:
    """How many rows, seeds or counts differ, the first of them, and in what."""
    if not (first := of.first):
        return
    do_not = f"1 {of.what} does not" if of.differing == 1 else f"{of.differing:,} {of.what}s do not"
    _print(f"DIFFERENT: {do_not} come out as recorded, of {of.n:,}. The first:")
    seed = "" if first.seed is None else f", seed {first.seed}"
    _print(f"{found.ledger.record.words(first.condition)}{seed}: {first.what}", "  ")
    _print(f"recorded    {_value(first.recorded)}", "    ")
    _print(f"recomputed  {_value(first.recomputed)}", "    ")
    where = ", ".join(f"{name} {count:,}" for name, count in of.where.most_common())
    _print(f"{of.what}s that differ, by {'kind' if of.what == 'count' else 'column'}: {where}", "  ")


def _value(value: object) -> str:
    return "null" if value is None else repr(value) if isinstance(value, float) else str(value)


def _print(text: str, first: str = "", indent: int = 4) -> None:
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False)
    progress.say("\n".join(lines))
