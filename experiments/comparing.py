"""Two result folders side by side, in the terminal and as files."""

import json
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.data.conditions import FIELDS, few
from analysis.data.door import write_text
from analysis.entry import DONE, FAILED, InputError, RunError
from analysis.findings.side_by_side import Comparison, compare_folders
from analysis.report_parts.tables import compare_page, p_text
from analysis.text.words import counted, listed, plain, points
from experiments.execution.progress import all_of, say
from experiments.study.checked import path, section
from nnxor.checks import optional, switch

WIDTH, ARROW = 80, "\N{RIGHTWARDS ARROW}"
MOST_PAIRS = 40  # pairs of conditions that the terminal shows


def compare(config: Mapping[str, Any]) -> int:
    """Compare, print, write; returns the exit status."""
    files = dict.fromkeys(("a", "b", *WRITERS), optional(path))
    given = section("", config, {**files, "fail_on_difference": switch})
    if given["a"] is None or given["b"] is None:
        raise InputError("two result folders must be named: A B")
    found = compare_folders(given["a"], given["b"])
    arrow = ARROW if (sys.stdout.encoding or "").lower().startswith("utf") else "->"
    say("\n".join(lines(found)).replace(ARROW, arrow).replace("\N{MINUS SIGN}", "-"))
    for name, target in ((name, given[name]) for name in WRITERS if given[name]):
        try:
            write_text(target, WRITERS[name](found))
        except OSError as error:
            raise RunError(f"{name}={target} cannot be written: {error.strerror or error}") from None
        say(f"{name}: {target}")
    return FAILED if given["fail_on_difference"] and found.differs else DONE


def rows_of(found: Comparison) -> list[dict[str, object]]:
    """The aligned conditions, a flat row each, rates as shares."""
    rows = []
    for row in found.rows:
        rates: dict[str, object] = {}
        for side, rate in (("a", row.a), ("b", row.b)):
            told = {"solved": rate.count, "n": rate.n, "low": rate.low, "high": rate.high}
            rates |= {f"{side}_{name}": each for name, each in told.items()}
        d, p_holm = row.difference, None if row.same else row.p_holm
        change = {"difference": d.difference, "low": d.low, "high": d.high, "p_holm": p_holm}
        how = {"same_trainings": row.same, "compared": row.how, "traps": row.traps}
        rows.append({"condition": row.name, **rates, **change, **how})
    return rows


def as_json(found: Comparison) -> str:
    """What differs, the aligned conditions, and what it comes to."""
    content = {
        "a": str(found.a.folder),
        "b": str(found.b.folder),
        "differences": [{"what": what, "a": a, "b": b} for what, a, b in found.differences],
        "conditions": rows_of(found),
        "checked": found.checked,
        "ended_otherwise": found.broken,
        "says": sentences(found),
    }
    return json.dumps(content, indent=1, ensure_ascii=False, default=float) + "\n"


WRITERS: dict[str, Callable[[Comparison], str]] = {
    "html": lambda found: compare_page(found, sentences(found)),
    "csv": lambda found: pd.DataFrame(rows_of(found)).to_csv(index=False),
    "json": as_json,
}
"""The files that a comparison can be written to, by their keys."""


def lines(found: Comparison) -> list[str]:
    """The comparison in 80 columns: one line for all conditions that are the same trainings and ended the same way."""
    text = []
    for name, side in (("A", found.a), ("B", found.b)):
        text += _filled(side.described, f"{name}  ", 3)
    told = [row for row in found.rows if not row.same or row.difference.difference]
    if found.differences:
        text += ["", "What differs"]
        for what, a, b in found.differences:
            one = f"  {what} {a} {ARROW} {b}"
            text += [one] if len(one) <= WIDTH else [f"  {what}", *_filled(a, "    A  ", 7), *_filled(b, "    B  ", 7)]
    elif told:
        text += ["", "What differs: nothing."]
    if told or found.differences:
        text.append("")
    if found.broken:
        text += [*_filled(_reproduction(found)), ""]
    shown = few(sorted(told, key=lambda row: not row.same), MOST_PAIRS)
    if len(shown) < len(told):
        text += [*_filled(f"Shown are {len(shown)} of {len(told):,} pairs, evenly spread; csv=FILE has them all."), ""]
    for row in shown:
        a, b = (f"{100 * r.rate:5.1f} ({100 * r.low:.1f}-{100 * r.high:.1f})" for r in (row.a, row.b))
        d = row.difference
        change = f"{points(d.difference):>5} ({points(d.low)}..{points(d.high)})"
        numbers = f"  A {a:<18} B {b:<18} B-A {change:<22} p {p_text(row)}".replace("\N{EM DASH}", "-")
        text += [*_filled(row.name), numbers, *_filled(row.how, "  ", 4), *_filled(plain(row.traps), "  ", 4)]
    if told:
        shares = "Percent solved, of the runs compared, and in traps, of all runs"
        text += ["", *_filled(f"{shares}; 95 % Wilson intervals; B-A in percentage points.")]
    return [*text, *(line for sentence in sentences(found) for line in _filled(sentence))]


def sentences(found: Comparison) -> list[str]:
    """What it comes to: how conditions were aligned and why not paired, what ended the same way, how many differ."""
    unpaired = Counter(row.unpaired for row in found.rows if row.unpaired)
    why = [f"Not paired: {count} of {len(found.rows)}, since {reason}." for reason, count in unpaired.items()]
    if not found.differs and all(row.same for row in found.rows) and not any(found.alone):
        conditions = counted(len(found.rows), "condition")
        return [f"No differences: {all_of(found.checked, 'training')} of {conditions} ended the same way."]
    return [_alignment(found), *why, _reproduction(found), _verdict(found)]


def _alignment(found: Comparison) -> str:
    same = sum(row.same for row in found.rows)
    fields = listed([FIELDS[name].symbol for name in found.changed])
    unlike = f"differing in {fields}" if found.changed else "of one condition"
    counts = {"of the same trainings": same, unlike: len(found.rows) - same}
    parts = [f"{counted(n, 'pair')} {what}" for what, n in counts.items() if n]
    alone = [f"{n} of {name}" for n, name in zip(found.alone, "AB", strict=True) if n]
    return f"Aligned: {listed(parts)}.{f' Not aligned: {listed(alone)}.' if alone else ''}"


def _reproduction(found: Comparison) -> str:
    if found.broken:
        otherwise = f"{found.broken:,} of {found.checked:,} trainings that both folders hold ended differently"
        return f"NOT REPRODUCED: {otherwise}; the first: {found.example}."
    if not found.checked:
        return "No training is in both folders."
    return f"Reproduced: {all_of(found.checked, 'training')} that both folders hold ended the same way."


def _verdict(found: Comparison) -> str:
    tested = [row for row in found.rows if not row.same]
    if not tested:
        return "No differences." if not found.broken else "Nothing else was compared."
    more, fewer = (sum(row.differs and sign * row.difference.difference > 0 for row in tested) for sign in (1, -1))
    differ = f"{more + fewer} of {len(tested)} conditions differ{'s' * (len(tested) == 1)} (Holm-adjusted p < 0.05)"
    return f"{differ}: B is solved more often in {more}, less often in {fewer}."


def _filled(text: str, first: str = "", indent: int = 2) -> list[str]:
    wrap = textwrap.TextWrapper(WIDTH, break_long_words=False, break_on_hyphens=False)
    wrap.initial_indent, wrap.subsequent_indent = first, " " * indent
    return wrap.wrap(text)
