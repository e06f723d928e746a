"""Which rows the runs in a trap give one prediction."""

import pandas as pd

from analysis.data.conditions import value_text, values, with_values
from analysis.data.reading import is_stuck, size
from analysis.figures import Figure, Findings, Plot, layout, register, style
from analysis.figures.shapes import forests, percent
from analysis.findings.statistics import Rate
from analysis.findings.summary import pool
from analysis.text import words

MOST_INITS, MOST_NAMED, MOST_PATTERNS = 4, 8, 6


def merged_rows(found: Findings) -> Figure:
    """How often each pattern of merged rows occurs in each trap, in the conditions nearest to the article's."""
    shown, note = layout.thin(merged_trials(found), ["init"], MOST_INITS)
    inits, look = values(shown, "init"), layout.looks_of(found, "init")
    traps = layout.outcome_names(found.alike(found.summary, "init"))
    held, names = layout.fixed(found, "init"), {value_text("init", init): look[init] for init in inits}
    called = [*names] if len(names) > 1 else [f"{held or next(iter(names))},"]
    parts, fewer = [], False
    for trap, part in layout.by_value(shown, "outcome"):
        totals, of_init = _patterns(part), [with_values(part, {"init": init}, ["init"]) for init in inits]
        patterns = sorted(totals.index[:MOST_PATTERNS])
        fewer = fewer or len(patterns) < len(totals)
        counts = [f"{name} n = {size(mine):,}" for name, mine in zip(called, of_init, strict=True)]
        found_of = [(_patterns(mine), size(mine)) for mine in of_init]
        rows = [
            [percent(Rate.of(n := int(each.get(pattern, 0)), of), _name(pattern), f"{n:,}") for each, of in found_of]
            for pattern in patterns
        ]
        parts.append((f"{traps[trap]}: {', '.join(counts)}", [_name(pattern, " = ") for pattern in patterns], rows))
    figure, _ = forests(parts, names, "share of the runs in this trap, %", held, percent_to=112)
    layout.footnote(figure, note, f"Of each trap the {MOST_PATTERNS} commonest patterns are shown." if fewer else "")
    return figure


def _name(pattern: str, sign: str = "=") -> str:
    """A pattern as a label: the rows of each group, of many the first."""
    groups = [group.split("=") for group in pattern.split(" ")]
    for rows in groups:
        if len(rows) > MOST_NAMED:
            rows[3:] = [f"\N{HORIZONTAL ELLIPSIS} ({len(rows):,} rows)"]
    return " and ".join(map(sign.join, groups))


def merged_trials(found: Findings) -> pd.DataFrame:
    """The stuck trials of the condition nearest to the article's and of its other inits."""
    same = found.alike(found.trials, "init")
    stuck = same[is_stuck(same)]
    style.need(len(stuck), "no run of the conditions nearest to the article's is stuck, so no rows are merged")
    return stuck


def _patterns(part: pd.DataFrame) -> pd.Series:
    """How often each pattern occurs, the commonest first; runs that merge no rows count as 'none'."""
    counts = part["count"].groupby(part["merged"].astype("str").fillna("none")).sum()
    return counts.sort_values(ascending=False, kind="stable")  # of equals, the first by name


def describe(found: Findings) -> str:
    """The commonest pattern of each trap, in a sentence."""
    shown, texts, traps = merged_trials(found), [], layout.outcome_names(found.alike(found.summary, "init"))
    for trap, part in layout.by_value(shown, "outcome"):
        commonest = str(_patterns(part).index[0])
        rate = pool(part, part["merged"].astype("str").fillna("none") == commonest)
        texts.append(f"{traps[trap]}: {_name(commonest)} in {words.rate(rate)}")
    where = f" ({held})" if (held := layout.fixed(found, "init")) else ""
    several = " with all inits together" if len(values(shown, "init")) > 1 else ""
    return f"Rows that share one wrong prediction{where}, commonest{several}: {'; '.join(texts)}."


register(Plot(
    "merged_rows", "Which rows are merged",
    "Points are shares of the runs in a trap, with 95 % Wilson intervals; the number is the count.",
    merged_rows, describe, order=10, section="ends",
))  # fmt: skip
