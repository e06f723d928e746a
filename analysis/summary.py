"""A row a condition: how often it fails, where its runs end, with 95 % Wilson intervals."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.statistics import wilson
from analysis.trials import FIELDS, OUTCOMES, fine, is_xor, swept

COLUMNS = [
    "condition", *FIELDS, "outcome", "dead_init", "dead_final", "solved_epoch", "settled_epoch", "status",
]  # fmt: skip
"""What the summary reads of trials.parquet."""

TRAPS = ("stuck_1/4", "stuck_1/3", "stuck_1/2")
"""Outcomes of XOR that are stuck."""


def summarise(trials: pd.DataFrame) -> pd.DataFrame:
    """The summary of trials: a row a condition in the order of the trials.

    Columns: condition, its fields, n (trainings without an error), failed, and for each outcome
    its count, rate and interval; the stuck runs whose parameters were found to repeat, which
    proves that they are stuck for ever (`settled`, with its rate and interval of the stuck runs);
    mean dead units at the start and at the end; quartiles of the epochs to solve, of the solved
    runs.
    """
    good = fine(trials)
    table = trials.drop_duplicates("condition").set_index("condition")[list(FIELDS)]
    groups = good.groupby("condition", sort=False, observed=True)
    table["n"] = groups.size().reindex(table.index, fill_value=0)
    table["failed"] = trials.groupby("condition", sort=False, observed=True).size() - table["n"]
    counts = good.pivot_table(index="condition", columns="outcome", aggfunc="size", observed=True)
    counts = counts.reindex(index=table.index, columns=list(OUTCOMES)).fillna(0).astype("int64")
    low, high = wilson(counts, table[["n"]])
    new: dict[str, object] = {}
    for i, outcome in enumerate(OUTCOMES):
        new |= {outcome: counts[outcome], f"{outcome}_rate": counts[outcome] / table["n"]}
        new |= {f"{outcome}_low": low[:, i], f"{outcome}_high": high[:, i]}
    table = table.assign(**new)
    settled = good["settled_epoch"].notna() & good["outcome"].astype("str").str.startswith("stuck")
    table["settled"] = settled.groupby(good["condition"], observed=True).sum().reindex(table.index, fill_value=0)
    stuck = stuck_total(table)
    ends = wilson(table[["settled"]], stuck.to_frame())
    table["settled_rate"] = table["settled"] / stuck
    table["settled_low"], table["settled_high"] = (end[:, 0] for end in ends)
    for name in ("dead_init", "dead_final"):
        table[f"{name}_mean"] = groups[name].mean()
    epochs = good["solved_epoch"].astype("float64").groupby(good["condition"], observed=True)
    for share, name in ((0.25, "q1"), (0.5, "median"), (0.75, "q3")):
        table[f"solved_epoch_{name}"] = epochs.quantile(share)
    return table.reset_index()


def write_summary(summary: pd.DataFrame, folder: Path) -> None:
    """Write summary.csv."""
    temporary = folder / f".summary.csv.{os.getpid()}.tmp"
    summary.to_csv(temporary, index=False, float_format="%.6g")
    temporary.replace(folder / "summary.csv")


def stuck_outcomes(trials: pd.DataFrame) -> tuple[str, ...]:
    """The outcomes that count as stuck in these trials (or this summary): XOR's three traps, or `stuck`."""
    return TRAPS if is_xor(trials) else ("stuck",)


def stuck_total(summary: pd.DataFrame) -> pd.Series:
    """Stuck runs of each condition, at whatever level."""
    return summary[[*TRAPS, "stuck"]].sum(axis=1)


def settled_of_stuck(summary: pd.DataFrame) -> tuple[int, int]:
    """Stuck runs of all conditions that are proved to be stuck for ever, and all stuck runs."""
    return int(summary["settled"].sum()), int(stuck_total(summary).sum())


def table_lines(summary: pd.DataFrame) -> list[str]:
    """The summary as lines of text: a condition a line, 80 columns for four swept fields and 100,000 seeds."""
    fields = swept(summary)
    stuck = stuck_outcomes(summary)
    heads = [
        *(name.replace("_", "\n") for name in fields),
        "n",
        "solved %  95 % CI",
        *(name.removeprefix("stuck_") for name in stuck),
        "other",
    ]
    heads += ["dead", "epochs"]
    rows = []
    for _, row in summary.iterrows():
        other = sum(row[name] for name in OUTCOMES[1:] if name not in stuck)
        low, high = 100 * row["solved_low"], 100 * row["solved_high"]
        rows.append(
            [
                *(_value(row[name]) for name in fields),
                f"{row['n']}",
                f"{100 * row['solved_rate']:5.1f} {low:5.1f}-{high:.1f}" if row["n"] else "-",
                *(_percent(row[name], row["n"]) for name in stuck),
                _percent(other, row["n"]),
                f"{_mean(row['dead_init_mean'])}>{_mean(row['dead_final_mean'])}",
                "-" if np.isnan(row["solved_epoch_median"]) else f"{row['solved_epoch_median']:.0f}",
            ]
        )
    lines = [*_stacked(heads), *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _stacked(heads: list[str]) -> list[list[str]]:
    """Heads of several lines as rows of cells, the last lines level."""
    parts = [head.split("\n") for head in heads]
    depth = max(map(len, parts))
    padded = [[""] * (depth - len(part)) + part for part in parts]
    return [[part[line] for part in padded] for line in range(depth)]


def _mean(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.1f}"


def _value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _percent(count: float, n: float) -> str:
    return f"{100 * count / n:.1f}" if count else "-"


def print_summary(summary: pd.DataFrame) -> None:
    """Print the table and what its columns mean."""
    levels = ", ".join(name.removeprefix("stuck_") for name in stuck_outcomes(summary))
    legend = [
        f"solved: % with 95 % Wilson interval; {levels}, other: % that ended there;",
        "dead: mean units dead at start > at end; epochs: median to solve, of the solved",
    ]
    settled, n = settled_of_stuck(summary)
    if settled:
        low, high = (100 * float(end) for end in wilson(settled, n))
        share = f"{100 * settled / n:.1f} % ({low:.1f}-{high:.1f})"
        legend.append(f"stuck for ever: proved for {share} of {n:,} stuck runs")
    print("\n".join(["", *table_lines(summary), "", *legend]), flush=True)
