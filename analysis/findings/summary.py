"""A row a condition: how often it fails, where its runs end, with 95 % Wilson intervals."""

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import few, unusual, usual
from analysis.data.door import write_text
from analysis.data.field_labels import FIELDS
from analysis.data.reading import KINDS, OUTCOMES, STUCK, fine, is_stuck, swept
from analysis.data.tallies import counts_of, quantile, sums
from analysis.findings import pooled
from analysis.findings.statistics import Rate, wilson


def summarise(trials: pd.DataFrame, epochs: pd.DataFrame | None = None) -> pd.DataFrame:
    """The summary of trials: a row a condition in the order of the trials.

    `trials` holds a training a row, or counts (see `analysis.data.tallies`); then `epochs` are its solved
    epochs. Columns: condition, its fields, n (trainings without an error), failed, and for each outcome
    its count, rate and interval; of the stuck runs how many rest at a minimum, saddle, kink and
    unknown (missing where no run has a certificate), and those whose parameters were found to repeat,
    which proves that they are stuck for ever (`settled`, with its rate and interval of the stuck runs);
    mean dead units at the start and at the end; quartiles of the epochs to solve, of the solved runs,
    unless nothing tells of epochs.
    """
    good = fine(trials)
    table = trials.drop_duplicates("condition").set_index("condition")[list(FIELDS)]
    table["n"] = sums(good, 1).reindex(table.index, fill_value=0)
    table["failed"] = sums(trials, 1) - table["n"]
    by_outcome = pd.Series(counts_of(good)).groupby([good["condition"].to_numpy(), good["outcome"].to_numpy()]).sum()
    counts = by_outcome.unstack() if len(by_outcome) else pd.DataFrame()  # noqa: PD010 - a cell each
    counts = counts.reindex(index=table.index, columns=list(OUTCOMES)).fillna(0).astype("int64")
    low, high = wilson(counts, table[["n"]])
    new: dict[str, Any] = {}
    for i, outcome in enumerate(OUTCOMES):
        new |= {outcome: counts[outcome], f"{outcome}_rate": counts[outcome] / table["n"]}
        new |= {f"{outcome}_low": low[:, i], f"{outcome}_high": high[:, i]}
    table = table.assign(**new, **_certificates(good, table.index))
    settled = good["period"].notna().to_numpy(bool) & is_stuck(good)
    table["settled"] = sums(good, settled).reindex(table.index, fill_value=0).astype(int)
    stuck = stuck_total(table)
    ends = wilson(table[["settled"]], stuck.to_frame())
    table["settled_rate"] = table["settled"] / stuck
    table["settled_low"], table["settled_high"] = (end[:, 0] for end in ends)
    for name in ("dead_init", "dead_final"):
        known = good[good[name].notna().to_numpy()]
        table[f"{name}_mean"] = sums(known, known[name].to_numpy(float)) / sums(known, 1)
    told = trials if epochs is None else epochs
    if "solved_epoch" in told:
        table = table.join(_quartiles(fine(told)))
    return table.reset_index()


def _quartiles(good: pd.DataFrame) -> pd.DataFrame:
    """Quartiles of the epochs to solve, of the solved runs of each condition."""
    solved = good[good["solved_epoch"].notna().to_numpy()].sort_values("solved_epoch")
    values, counts = solved["solved_epoch"].to_numpy(np.int64), counts_of(solved)
    rows = {
        key: [quantile(values[places], counts[places], share) for share in (0.25, 0.5, 0.75)]
        for key, places in solved.groupby("condition", observed=True, sort=False).indices.items()
    }
    names = [f"solved_epoch_{name}" for name in ("q1", "median", "q3")]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names, dtype="float64")


def _certificates(good: pd.DataFrame, keys: pd.Index) -> dict[str, pd.Series]:
    """How many stuck runs of each condition are certified to be of each kind."""
    if not good["minimum"].notna().any():
        return {kind: pd.Series(pd.NA, index=keys, dtype="Int64") for kind in KINDS}
    kinds = {kind: sums(good, (good["minimum"] == kind).to_numpy(bool)) for kind in KINDS}
    return {kind: counts.reindex(keys).fillna(0).astype("Int64") for kind, counts in kinds.items()}


def with_levels(summary: pd.DataFrame, traps: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The summary with the level of each named trap, in the condition's own loss, as `stuck_1/4_level` and so on."""
    levels = pd.DataFrame([{"task": trap["task"], "loss": trap["loss"], **trap["levels"]} for trap in traps])
    if not len(levels):
        return summary
    names = {name: f"{name}_level" for name in levels.columns.drop(["task", "loss"])}
    keys = summary[["task", "loss"]].astype(str)
    found = keys.merge(levels.rename(columns=names), how="left").set_index(summary.index)
    return summary.assign(**found[list(names.values())])


def write_summary(summary: pd.DataFrame, folder: Path) -> None:
    """Write summary.csv."""
    write_text(folder / "summary.csv", summary.to_csv(index=False, float_format="%.6g"))


def stuck_outcomes(summary: pd.DataFrame) -> tuple[str, ...]:
    """The traps that occur in this summary; `stuck` alone, for all of them, where some or all have no name."""
    named = tuple(name for name in STUCK if name != "stuck" and summary[name].any())
    return ("stuck",) if summary["stuck"].any() or not named else named


def stuck_total(summary: pd.DataFrame) -> pd.Series:
    """Stuck runs of each condition, at whatever level."""
    return summary[[*STUCK]].sum(axis=1)


def width() -> int:
    """Columns of the terminal, at least 80."""
    return max(shutil.get_terminal_size((80, 24)).columns, 80)


MOST_LINES = 100
"""Conditions that the terminal shows."""


def table_lines(summary: pd.DataFrame) -> list[str]:
    """The summary as lines of text that fit 80 columns: a condition a line, or two where its fields need more room.

    Of many conditions `MOST_LINES`, evenly spread.
    """
    fields = swept(summary)
    summary = summary.iloc[few(range(len(summary)), MOST_LINES)]
    names, numbers = [name.replace("_", "\n") for name in fields], _number_heads(summary)
    shown = stuck_outcomes(summary)
    rows = [_numbers(row, shown) for _, row in summary.iterrows()]
    cells = [[_value(row[name]) for name in fields] for _, row in summary.iterrows()]
    lines = _aligned([*_stacked([*names, *numbers]), *([*c, *n] for c, n in zip(cells, rows, strict=True))])
    if max(map(len, lines)) <= width():
        return lines
    return [*_usual_lines(summary, fields), "", *_labelled(summary, fields, _aligned([numbers, *rows]))]


def _usual_lines(summary: pd.DataFrame, fields: list[str]) -> list[str]:
    """What the conditions have in common unless their own line says otherwise."""
    text = f"unless a condition says otherwise: {_label(usual(summary, fields), fields)}"
    return textwrap.wrap(text, width(), subsequent_indent="  ", break_on_hyphens=False)


def _label(values: Any, fields: list[str]) -> str:
    """Fields and values as on the command line: 'hidden=4, init=he'."""
    return ", ".join(f"{name}={_value(values[name])}" for name in fields)


def _labelled(summary: pd.DataFrame, fields: list[str], numbers: list[str]) -> list[str]:
    """Below the heads a condition each: what is its own, wrapped, and to the right or below it its numbers."""
    common = usual(summary, fields)
    lines = [numbers[0].rjust(width())]
    room = len(str(len(summary)))
    for place, (_, row) in enumerate(summary.iterrows(), 1):
        own = unusual(row, common)
        text = _label(row, own) if own else "(all as said above)"
        lead = f"{place:{room}} "
        label = textwrap.wrap(
            text, width(), initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False
        )
        if len(label[-1]) + 1 + len(numbers[place]) > width():
            label.append("")
        lines += [*label[:-1], label[-1] + numbers[place].rjust(width() - len(label[-1]))]
    return lines


def _number_heads(summary: pd.DataFrame) -> list[str]:
    levels = (name.removeprefix("stuck_") for name in stuck_outcomes(summary))
    return ["n", "solved %  95 % CI", *levels, "other", "dead", "epochs"]


def _numbers(row: pd.Series, stuck: tuple[str, ...]) -> list[str]:
    """The numbers of a condition, as cells."""
    other = sum(row[name] for name in OUTCOMES[1:] if name not in STUCK)
    counts = [row[name] for name in stuck] if stuck != ("stuck",) else [sum(row[name] for name in STUCK)]
    low, high = 100 * row["solved_low"], 100 * row["solved_high"]
    return [
        f"{row['n']}",
        f"{100 * row['solved_rate']:5.1f} {low:5.1f}-{high:.1f}" if row["n"] else "-",
        *(_percent(count, row["n"]) for count in counts),
        _percent(other, row["n"]),
        f"{_mean(row['dead_init_mean'])}>{_mean(row['dead_final_mean'])}",
        "-" if np.isnan(row["solved_epoch_median"]) else f"{row['solved_epoch_median']:.0f}",
    ]


def _aligned(lines: list[list[str]]) -> list[str]:
    """Rows of cells as lines, each column as wide as it must be."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _stacked(heads: list[str]) -> list[list[str]]:
    """Heads of several lines as rows of cells, the last lines level."""
    parts = [head.split("\n") for head in heads]
    depth = max(map(len, parts))
    padded = [[""] * (depth - len(part)) + part for part in parts]
    return [[part[line] for part in padded] for line in range(depth)]


def _mean(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}"


def _value(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(count: float, n: float) -> str:
    return f"{100 * count / n:.1f}" if count else "-"


def print_summary(summary: pd.DataFrame, trials: pd.DataFrame) -> None:
    """Print the table, what its columns mean, and rates over all its conditions, of `trials` (see `pooled`)."""
    levels = ", ".join(_trap(summary, name) for name in stuck_outcomes(summary))
    ended = f"solved: % with 95 % Wilson interval; {levels}, other: % that ended there;"
    legend = [
        *textwrap.wrap(ended, width(), break_on_hyphens=False),
        "dead: mean units dead at start > at end; epochs: median to solve, of the solved",
    ]
    head = []
    if len(summary) > MOST_LINES:
        head = [f"{MOST_LINES} of {len(summary):,} conditions, evenly spread; summary.csv has them all", ""]
    lines = [*head, *table_lines(summary), "", *legend, *_together(trials)]
    print("\n".join(["", *lines]), flush=True)


def _trap(summary: pd.DataFrame, outcome: str) -> str:
    """A trap as the table's head calls it, and its levels where they are not its name: '1/4 (at 0.125)'."""
    name, told = outcome.removeprefix("stuck_"), trap_levels(summary, outcome)
    return f"{name} (at {told})" if told else name


def trap_levels(summary: pd.DataFrame, outcome: str) -> str:
    """The levels of a trap in the losses of a summary, '0.125' or '0.125 and 0.25'; nothing where its name says it."""
    levels = summary.get(f"{outcome}_level", pd.Series(dtype=float)).dropna().unique()
    told = " and ".join(f"{level:.4g}" for level in sorted(levels))
    return "" if not told or told == f"{float(Fraction(outcome.removeprefix('stuck_'))):.4g}" else told


def _together(trials: pd.DataFrame) -> list[str]:
    """What the stuck runs of all conditions rest at, and how many are proved to stay; nothing that nothing tells of."""
    found, settled = pooled.certificates(trials).get("all levels", {}), pooled.settled(trials)
    told = [f"{_rate(rate)} {'unknown' if kind == 'unknown' else f'at a {kind}'}" for kind, rate in found.items()]
    n = next((rate.n for rate in found.values()), 0)
    lines = [f"certified: of {n:,} stuck runs {', '.join(told)}"] if n else []
    if settled.count:
        lines.append(f"stuck for ever: proved for {_rate(settled)} of {settled.n:,} stuck runs")
    lines += [f"(these {pooled.HOW})"] if lines and len(trials["condition"].unique()) > 1 else []
    return [
        text for line in lines for text in textwrap.wrap(line, width(), subsequent_indent="  ", break_on_hyphens=False)
    ]


def _rate(rate: Rate) -> str:
    return f"{100 * rate.rate:.1f} % ({100 * rate.low:.1f}-{100 * rate.high:.1f})"
