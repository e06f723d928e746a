"""What `experiments.verify` looked at and found, told in lines for the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from experiments.errors import DONE, FAILED

if TYPE_CHECKING:
    from collections import Counter

    from experiments.verification.ledger import Ledger
    from experiments.verification.retrain import Findings
    from experiments.verification.sample import Sample

WIDTH = 80


def say(what: str, text: str) -> None:
    """Print what was looked at, and what was found."""
    _print(text, f"{what:<11}", 11)


def tell(ledger: Ledger, sample: Sample, findings: Findings) -> int:
    """Print the verdict; returns the exit status."""
    what = "row" if ledger.record.has_rows else "seed"
    _tell_difference(ledger, findings, what, "row", findings.differing, findings.rows, findings.columns)
    _tell_difference(ledger, findings, "count", "count", findings.kinds.total(), findings.counts, findings.kinds)
    if findings.first:
        return FAILED
    agree = _agreement(ledger, sample, findings)
    if ledger.contradiction:
        _print(f"DIFFERENT: counts contradict each other (sums, above), though {agree}")
        return FAILED
    _print(f"verified: {agree}")
    return DONE


def _agreement(ledger: Ledger, sample: Sample, findings: Findings) -> str:
    loosely = findings.by_tolerance
    if ledger.record.has_rows:
        if loosely == findings.rows:
            return f"all {findings.rows:,} rows agree within the tolerance (--help says which)."
        some = f" ({loosely:,} of them within the tolerance: --help says which)" if loosely else ""
        return f"all {findings.rows:,} rows agree in every bit of every column{some}."
    agree = f"all {findings.rows:,} seeds were solved or not as recorded"
    agree += (
        f", and all {findings.counts:,} counts agree." if sample.whole else " (sample=all compares all counts too)."
    )
    if loosely:
        agree += f" For {loosely:,} of the seeds bits are not promised: there outcomes are compared, and"
        agree += " dead units at the start (--help says more)."
    return agree


def _tell_difference(
    ledger: Ledger, findings: Findings, what: str, sort: str, n: int, of: int, where: Counter[str]
) -> None:
    """How many rows, seeds or counts differ, the first of them, and in what."""
    if sort not in findings.first:
        return
    first = findings.first[sort]
    do_not = f"1 {what} does not" if n == 1 else f"{n:,} {what}s do not"
    _print(f"DIFFERENT: {do_not} come out as recorded, of {of:,}. The first:")
    seed = "" if first.seed is None else f", seed {first.seed}"
    _print(f"{ledger.record.words(first.condition)}{seed}: {first.what}", "  ")
    _print(f"recorded    {_value(first.recorded)}", "    ")
    _print(f"recomputed  {_value(first.recomputed)}", "    ")
    counts = ", ".join(f"{name} {count:,}" for name, count in where.most_common())
    _print(f"{what}s that differ, by {'kind' if sort == 'count' else 'column'}: {counts}", "  ")


def _value(value: object) -> str:
    return "null" if value is None else repr(value) if isinstance(value, float) else str(value)


def _print(text: str, first: str = "", indent: int = 4) -> None:
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False)
    print("\n".join(lines), flush=True)
