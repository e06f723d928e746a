"""`python -m experiments.compare A B`: two result folders side by side."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.cli import Parser, guarded
from experiments.errors import DONE, FAILED, InputError, RunError

if TYPE_CHECKING:
    from analysis.findings.side_by_side import Comparison, Row

WIDTH = 80
DESCRIPTION = """\
Compares two result folders that experiments.run made. Prints what differs in
protocol, versions and config; then the conditions that the two
have in common side by side: both success rates with 95 % Wilson intervals, the
difference (B minus A) with its interval, and its p, adjusted by Holm's method.

Conditions with the same key are the same trainings: they are checked, seed by
seed, and not tested. The others are aligned with those that differ from them
in one smallest set of fields (two at most). They are paired by seed (exact
McNemar) where a seed means the same draws in both, which with given weights
(init=FILE.npz) takes the same weights, and half of the smaller one's seeds are
in both; else unpaired (Fisher).
"""
EPILOG = """\
Exit status: 0 done, whether the two differ or not; 2 bad input, and folders
that share nothing; 130 interrupted; 1 anything else, and with
--fail-on-difference a difference.
"""


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    return guarded(lambda: compare(parse(arguments)))


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line; InputError says what is wrong with it."""
    parser = Parser(
        prog="python -m experiments.compare",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=WIDTH),
    )
    parser.add_argument("a", metavar="A", type=Path, help="a result folder")
    parser.add_argument("b", metavar="B", type=Path, help="another one")
    parser.add_argument("--html", metavar="FILE", type=Path, help="write the comparison there too, as one HTML file")
    parser.add_argument(
        "--fail-on-difference",
        action="store_true",
        help="exit with 1 if an adjusted p is below 0.05, or if a training that both folders hold ended otherwise",
    )
    return parser.parse_args(arguments)


def compare(options: argparse.Namespace) -> int:
    """Compare, print, write; returns the exit status."""
    from analysis.data.reading import FolderError
    from analysis.findings.side_by_side import compare_folders
    from analysis.report_parts.compare_page import write_html

    try:
        found = compare_folders(options.a, options.b)
    except FolderError as error:
        raise InputError(str(error)) from None
    print("\n".join(lines(found)))
    if options.html is not None:
        try:
            write_html(found, sentences(found), options.html)
        except OSError as error:
            raise RunError(f"--html {options.html} cannot be written: {error.strerror or error}") from None
        print(f"html: {options.html}")
    return FAILED if options.fail_on_difference and found.differs else DONE


def lines(found: Comparison) -> list[str]:
    """The comparison in 80 columns."""
    text = []
    for name, side in (("A", found.a), ("B", found.b)):
        size = f"conditions: {len(side.conditions):,}, trainings: {side.trainings:,}"
        text += _filled(f"{side.path} ({size})", f"{name}  ", 3)
    text += ["", *what_differs(found), ""]
    if found.broken:
        text += [*_filled(_reproduction(found)), ""]
    for row in found.rows:
        name = row.name.replace("\N{RIGHTWARDS ARROW}", ">")
        text += [*_filled(name), *_numbers(row), *_filled(row.how, "  ", 4)]
    text += ["", "Per cent solved with 95 % Wilson intervals; B-A in percentage points."]
    for sentence in sentences(found):
        text += _filled(sentence)
    return text


def what_differs(found: Comparison) -> list[str]:
    """What differs between the folders, two lines each."""
    same = f"protocol {found.a.manifest['protocol']}"
    if not found.differences:
        return _filled(f"What differs: nothing ({same}; versions and conditions too).")
    text = ["What differs"]
    for what, a, b in found.differences:
        if len(what) + len(a) + len(b) < WIDTH - 12:
            text.append(f"  {what}: A {a}, B {b}")
        else:
            text += [f"  {what}", *_filled(a, "    A  ", 7), *_filled(b, "    B  ", 7)]
    text += _filled(f"The same in both: {same}.", "  ")
    return text


def sentences(found: Comparison) -> list[str]:
    """How conditions were aligned and why not paired, whether the same trainings ended alike, how many differ."""
    unpaired = Counter(row.unpaired for row in found.rows if row.unpaired)
    why = [f"Not paired: {count} of {len(found.rows)}, since {reason}." for reason, count in unpaired.items()]
    return [_alignment(found), *why, _reproduction(found), _verdict(found)]


def _alignment(found: Comparison) -> str:
    from analysis.findings.side_by_side import symbol
    from analysis.text.words import listed

    same = sum(row.same for row in found.rows)
    fields = listed([symbol(name) for name in found.changed])
    parts = [f"{same} with the same training" if same else ""]
    if len(found.rows) > same:
        how = f"but for {fields}" if found.changed else "with the same condition"
        parts.append(f"{len(found.rows) - same} {how}")
    alone = [f"{n} of {name}" for n, name in zip(found.alone, "AB", strict=True) if n]
    text = f"Aligned: {listed([part for part in parts if part])}."
    return f"{text} Aligned with none: {listed(alone)}." if alone else text


def _reproduction(found: Comparison) -> str:
    if found.broken:
        return (
            f"NOT REPRODUCED: {found.broken:,} of {found.checked:,} trainings that both folders hold ended "
            f"otherwise; the first: {found.example}."
        )
    if not found.checked:
        return "No training is in both folders."
    return f"Reproduced: all {found.checked:,} trainings that both folders hold ended alike."


def _verdict(found: Comparison) -> str:
    tested = [row for row in found.rows if not row.same]
    if not tested:
        return "No differences." if not found.broken else "Nothing else was compared."
    more, fewer = (sum(row.differs and sign * row.difference.difference > 0 for row in tested) for sign in (1, -1))
    return (
        f"{more + fewer} of {len(tested)} conditions differ (Holm-adjusted p < 0.05): "
        f"B is solved more often in {more}, less often in {fewer}."
    )


def _numbers(row: Row) -> list[str]:
    from analysis.report_parts.compare_page import p_text
    from analysis.text.words import points

    rates = [f"{100 * r.rate:5.1f} ({100 * r.low:.1f}-{100 * r.high:.1f})" for r in (row.a, row.b)]
    d = row.difference
    change = f"{points(d.difference):>5} ({points(d.low)}..{points(d.high)})".replace("\N{MINUS SIGN}", "-")
    p = p_text(row).replace("\N{EM DASH}", "-")
    return [f"  A {rates[0]:<18} B {rates[1]:<18} B-A {change:<22} p {p}"]


def _filled(text: str, first: str = "", indent: int = 2) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
