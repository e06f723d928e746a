"""What `experiments.verify` looked at and found, told in lines for the terminal."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from experiments.errors import DONE, FAILED

if TYPE_CHECKING:
    from experiments.verification.audit import Record, Table
    from experiments.verification.recount import Count, Key, Recount
    from experiments.verification.retrain import Difference, Findings

WIDTH = 80
LOOSELY = "within the tolerance (--help says which)"


def say(what: str, text: str) -> None:
    """Print what was looked at, and what was found."""
    _print(text, f"{what:<11}", 11)


def tell_rows(record: Record, table: Table, findings: Findings) -> int:
    """Print the verdict on rows; returns the exit status."""
    if findings.unrecorded:
        say("skipped", f"columns null in every row, which this version fills: {', '.join(sorted(findings.unrecorded))}")
    if not findings.rows:
        return _nothing_compared()
    compared = len(table.columns) - len(findings.unrecorded)
    exactly = findings.rows - findings.by_tolerance
    how = f"in every bit of {compared} columns" if exactly else LOOSELY
    if exactly and findings.by_tolerance:
        how += f" ({findings.by_tolerance:,} of them within the tolerance: --help says which)"
    if not findings.differing:
        _print(f"verified: all {findings.rows:,} rows agree {how}.")
        return DONE
    _tell_difference(record, findings, "row")
    counts = ", ".join(f"{name} {count:,}" for name, count in findings.columns.most_common())
    _print(f"rows that differ, by column: {counts}", "  ")
    return FAILED


def tell_counts(record: Record, contradiction: str, whole: bool, findings: Recount) -> int:
    """Print the verdict on counts; returns the exit status."""
    seeds = findings.seeds
    if seeds.differing:
        _tell_difference(record, seeds, "seed")
    if findings.kinds:
        _tell_miscount(record, findings)
    if findings.differing:
        return FAILED
    if not seeds.rows:
        return _nothing_compared()
    agree = f"all {seeds.rows:,} seeds were solved or not as recorded"
    agree += f", and all {findings.counts:,} counts agree." if whole else " (sample=all compares all counts too)."
    if seeds.by_tolerance:
        agree += f" For {seeds.by_tolerance:,} of the seeds bits are not promised: there outcomes are compared, and"
        agree += " dead units at the start (--help says more)."
    if contradiction:
        _print(f"DIFFERENT: counts contradict each other (sums, above), though {agree}")
        return FAILED
    _print(f"verified: {agree}")
    return DONE


def _nothing_compared() -> int:
    print("NOT VERIFIED: every training of the sample had failed, so nothing was compared.")
    return FAILED


def _tell_difference(record: Record, findings: Findings, what: str) -> None:
    """How many rows or seeds differ, and the first of them."""
    first: Difference | None = findings.first
    assert first is not None
    _print(f"DIFFERENT: {_do_not(findings.differing, what)} come out as recorded, of {findings.rows:,}. The first:")
    _print(f"{record.words(first.condition)}, seed {first.seed}: {first.column}", "  ")
    _print_both(_value(first.recorded), _value(first.recomputed))


def _tell_miscount(record: Record, findings: Recount) -> None:
    first, n = findings.first, findings.kinds.total()
    assert first is not None
    _print(f"DIFFERENT: {_do_not(n, 'count')} come out as recorded, of {findings.counts:,}. The first:")
    _print(f"{record.words(first.condition)}: {_counted(first.key)}", "  ")
    _print_both(_count(first.recorded), _count(first.recomputed))
    kinds = ", ".join(f"{kind} {count:,}" for kind, count in findings.kinds.most_common())
    _print(f"counts that differ, by kind: {kinds}", "  ")


def _do_not(n: int, what: str) -> str:
    return f"1 {what} does not" if n == 1 else f"{n:,} {what}s do not"


def _print_both(recorded: str, recomputed: str) -> None:
    _print(f"recorded    {recorded}", "    ")
    _print(f"recomputed  {recomputed}", "    ")


def _counted(key: Key) -> str:
    """What is counted, in words: 'runs of outcome solved, dead_init 0', 'solved_epoch 17'."""
    from experiments.store.counts import COUNTED

    kind, *values, epoch = key
    if kind != "runs":
        return f"{kind} {epoch}"
    given = zip(COUNTED, values, strict=True)
    told = [f"{name} {value}" for name, value in given if value is not None and (name, value) != ("status", "ok")]
    return f"runs of {', '.join(told)}"


def _count(count: Count | None) -> str:
    if count is None:
        return "none"
    times, seed = count
    return f"{times:,}" if seed is None else f"{times:,}, the lowest seed {seed}"


def _value(value: object) -> str:
    return "null" if value is None else repr(value) if isinstance(value, float) else str(value)


def _print(text: str, first: str = "", indent: int = 4) -> None:
    lines = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False)
    print("\n".join(lines), flush=True)
