"""Two result folders side by side, in the terminal and as files."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from analysis.data.conditions import FIELDS, few
from analysis.data.door import write_text
from analysis.entry import DONE, FAILED, InputError, RunError, turning
from analysis.findings.side_by_side import Comparison, compare_folders
from analysis.report_parts.pages import render
from analysis.report_parts.tables import compare_tables, p_text
from analysis.text.words import counted, listed, plain, points
from experiments.execution.progress import all_of, filled, paragraph, say
from experiments.study.checked import check_writable, path, section
from nnxor.checks import optional, switch

WIDTH = 80
MOST_PAIRS = 40  # pairs of conditions that the terminal shows


def compare(config: Mapping[str, Any]) -> int:
    """Compare, print, write; returns the exit status."""
    given = section("", config, {**dict.fromkeys(("a", "b", *WRITERS), optional(path)), "fail_on_difference": switch})
    if given["a"] is None or given["b"] is None:
        raise InputError("two result folders must be named: A B")
    targets = {name: given[name] for name in WRITERS if given[name]}
    for name, target in targets.items():
        check_writable(target, name)
    found = compare_folders(given["a"], given["b"])
    for line in lines(found):
        say(plain(line).replace("\N{RIGHTWARDS ARROW}", "->").replace("\N{EM DASH}", "-"))
    for name, target in targets.items():
        with turning(OSError, RunError, f"{name}={target} cannot be written: "):
            write_text(target, WRITERS[name](found))
        say(f"{name}: {target}")
    return FAILED if given["fail_on_difference"] and found.differs else DONE


def rows_of(found: Comparison) -> list[dict[str, object]]:
    """The aligned conditions, a flat row each, rates as shares."""
    rows, told = [], {"solved": "count", "n": "n", "low": "low", "high": "high"}
    for row in found.rows:
        sides = (("a", row.a), ("b", row.b))
        rates = {f"{side}_{name}": getattr(rate, of) for side, rate in sides for name, of in told.items()}
        d, p_holm = row.difference, None if row.same else row.p_holm
        change = {"difference": d.difference, "low": d.low, "high": d.high, "p_holm": p_holm}
        how = {"same_trainings": row.same, "compared": row.how, "traps": row.traps}
        rows.append({"condition": row.name, **rates, **change, **how})
    return rows


def as_json(found: Comparison) -> str:
    """What differs, the aligned conditions, and what it comes to."""
    sides = {"a": str(found.a.folder), "b": str(found.b.folder)}
    differences = [{"what": what, "a": a, "b": b} for what, a, b in found.differences]
    ended = {"checked": found.checked, "ended_otherwise": found.broken, "says": sentences(found)}
    content = {**sides, "differences": differences, "conditions": rows_of(found), **ended}
    return json.dumps(content, indent=1, ensure_ascii=False, default=float) + "\n"


WRITERS: dict[str, Callable[[Comparison], str]] = {  # the files that a comparison can be written to, by their keys
    "html": lambda found: render("compare.html.j2", found=found, sentences=sentences(found), **compare_tables(found)),
    "csv": lambda found: pd.DataFrame(rows_of(found)).to_csv(index=False),
    "json": as_json,
}


def lines(found: Comparison) -> list[str]:
    """The comparison in 80 columns: one line for all conditions that are the same trainings and ended the same way."""
    text = [filled(side.described, f"{name}  ", " " * 3) for name, side in (("A", found.a), ("B", found.b))]
    told = [row for row in found.rows if not row.same or row.difference.difference]
    if found.differences:
        text += ["", "What differs"]
        for what, a, b in found.differences:
            one = f"  {what} {a} -> {b}"
            sides = [filled(value, f"    {name}  ", " " * 7) for name, value in (("A", a), ("B", b))]
            text += [one] if len(one) <= WIDTH else [f"  {what}", *sides]
    elif told:
        text += ["", "What differs: nothing."]
    if told or found.differences:
        text.append("")
    if found.broken:
        text += [paragraph(_reproduction(found)), ""]
    shown = few(sorted(told, key=lambda row: not row.same), MOST_PAIRS)
    if len(shown) < len(told):
        text += [paragraph(f"Shown are {len(shown)} of {len(told):,} pairs, evenly spread; csv=FILE has them all."), ""]
    for row in shown:
        d = row.difference
        change = f"{points(d.difference):>5} ({points(d.low)}..{points(d.high)})"
        a, b = (f"{100 * r.rate:5.1f} ({100 * r.low:.1f}-{100 * r.high:.1f})" for r in (row.a, row.b))
        numbers = f"  A {a:<18} B {b:<18} B-A {change:<22} p {p_text(row)}"
        text += [paragraph(row.name), numbers, *(paragraph(each, 2) for each in (row.how, row.traps) if each)]
    if told:
        shares = "Percent solved, of the runs compared, and in traps, of all runs"
        text += ["", paragraph(f"{shares}; 95 % Wilson intervals; B-A in percentage points.")]
    return [*text, *map(paragraph, sentences(found))]


def sentences(found: Comparison) -> list[str]:
    """What it comes to: how conditions were aligned and why not paired, what ended the same way, how many differ."""
    unlike, n = [row for row in found.rows if not row.same], len(found.rows)
    if not found.differs and not unlike and not any(found.alone):
        return [f"No differences: {all_of(found.checked, 'training')} of {counted(n, 'condition')} ended the same way."]
    how = f"differing in {listed([FIELDS[name].symbol for name in found.changed])}"
    kinds = {"of the same trainings": n - len(unlike), how if found.changed else "of one condition": len(unlike)}
    aligned = listed([f"{counted(count, 'pair')} {what}" for what, count in kinds.items() if count])
    alone = [f"{count} of {name}" for count, name in zip(found.alone, "AB", strict=True) if count]
    left_out = f" Not aligned: {listed(alone)}." if alone else ""
    unpaired = Counter(row.unpaired for row in found.rows if row.unpaired)
    why = [f"Not paired: {count} of {n}, since {reason}." for reason, count in unpaired.items()]
    more, fewer = (sum(row.differs and sign * row.difference.difference > 0 for row in unlike) for sign in (1, -1))
    differ = "differs" if 1 in (more + fewer, len(unlike)) else "differ"
    differ = f"{more + fewer} of {len(unlike)} conditions {differ} (Holm-adjusted p < 0.05)"
    verdict = f"{differ}: B is solved more often in {more}, less often in {fewer}."
    nothing = "Nothing else was compared." if found.broken else "No differences."
    return [f"Aligned: {aligned}.{left_out}", *why, _reproduction(found), verdict if unlike else nothing]


def _reproduction(found: Comparison) -> str:
    if found.broken:
        otherwise = f"{found.broken:,} of {found.checked:,} trainings that both folders hold ended differently"
        return f"NOT REPRODUCED: {otherwise}; the first: {found.example}."
    if not found.checked:
        return "No training is in both folders."
    return f"Reproduced: {all_of(found.checked, 'training')} that both folders hold ended the same way."
