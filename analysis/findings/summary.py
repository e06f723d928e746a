"""A row a condition: how often it fails, where its runs end, with 95 % Wilson intervals; and conditions together.

Conditions share seeds, so their runs are not independent of each other. Where a study kept its rows the intervals of a
rate over several conditions resample seeds (see `Rate.over_seeds`); where it kept counts alone they are Wilson's of as
many runs as one condition has, on average, which is right if all conditions agree seed by seed, and too wide otherwise.
"""

import itertools
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd

from analysis.data.conditions import conditions, few, swept, unusual, usual
from analysis.data.reading import KINDS, OUTCOMES, STUCK, can_die, can_end_dead, is_stuck, quantiles, sums
from analysis.findings.statistics import Rate, Reals, draws_needed, wilson
from analysis.text import words

LIKELY = 0.99
MOST_LINES = 100  # conditions that the terminal shows
HOW = "intervals allow for the seeds that conditions share"


def summarise(trials: pd.DataFrame, epochs: pd.DataFrame) -> pd.DataFrame:
    """The summary of trials: a row a condition in the order of the trials.

    `trials` and `epochs` are the counts of a study and of its solved epochs (see `analysis.data.reading.Counted`).
    Columns: condition, its fields, n (trainings without an error), failed, and for each outcome its count, rate and
    interval; of the stuck runs how many rest at each kind of point (`KINDS`; missing where no run has a certificate),
    and those whose parameters were found to repeat, which proves that they are stuck for ever (`settled`, with its rate
    and interval, of the stuck runs); mean dead units at the start and at the end; quartiles of the epochs to solve, of
    the solved runs.
    """
    good, certified = (trials["status"] == "ok").to_numpy(bool), trials["minimum"].notna().any()
    stuck, dying = good & is_stuck(trials), {"dead_init": can_die(trials), "dead_final": can_end_dead(trials)}
    known = {name: good & those & trials[name].notna() for name, those in dying.items()}
    total = sums(trials, {
        "n": good, "failed": ~good, "every_stuck": stuck, "settled": stuck & trials["period"].notna(),
        **{outcome: good & (trials["outcome"] == outcome) for outcome in OUTCOMES},
        **{kind: good & (trials["minimum"] == kind) for kind in KINDS},
        **{f"{name}_known": those for name, those in known.items()},
        **{name: trials[name].where(those, 0) for name, those in known.items()},
    })  # fmt: skip
    new: dict[str, Any] = {"n": total["n"], "failed": total["failed"]}
    for outcome in OUTCOMES:
        new |= _shares(outcome, total[outcome], total["n"])
    unknown = pd.Series(pd.NA, total.index, "Int64")
    new |= {kind: total[kind].astype("Int64") if certified else unknown for kind in KINDS}
    new |= _shares("settled", total["settled"], total["every_stuck"])
    new |= {f"{name}_mean": total[name] / total[f"{name}_known"] for name in known}
    new |= _quartiles(epochs, total.index)
    return pd.concat([conditions(trials), pd.DataFrame(new).reset_index(drop=True)], axis=1)


def _shares(name: str, counts: pd.Series, n: pd.Series) -> dict[str, Any]:
    """Columns of counts, their shares of n, and the ends of the intervals of these."""
    low, high = wilson(counts, n)
    return {name: counts, f"{name}_rate": counts / n, f"{name}_low": low, f"{name}_high": high}


def _quartiles(epochs: pd.DataFrame, keys: pd.Index) -> dict[str, Reals]:
    """Quartiles of the epochs to solve, of the solved runs of each condition."""
    solved = epochs[["condition", "solved_epoch", "count"]].dropna().sort_values("solved_epoch")
    when, counts = solved["solved_epoch"].to_numpy(np.int64), solved["count"].to_numpy()
    places = solved.groupby("condition", observed=True, sort=False).indices
    found = [quantiles(when[mine], counts[mine], [0.25, 0.5, 0.75]) for mine in (places.get(key, []) for key in keys)]
    return dict(zip(("solved_epoch_q1", "solved_epoch_median", "solved_epoch_q3"), np.transpose(found), strict=True))


def with_levels(summary: pd.DataFrame, traps: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """The summary with the level of each named trap, in the condition's own loss, as `stuck_1/4_level` and so on."""
    if not traps:
        return summary
    levels = pd.DataFrame([trap["levels"] for trap in traps]).add_suffix("_level")
    where = pd.MultiIndex.from_tuples([(trap["task"], trap["loss"]) for trap in traps])
    keys = pd.MultiIndex.from_frame(summary[["task", "loss"]].astype(str))
    return summary.join(levels.set_index(where).reindex(keys).set_index(summary.index))


def resting(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a summary whose stuck runs have certificates: `n` counts those, `lowest` minima, at infinity too."""
    n = summary[[*KINDS]].sum(axis=1)
    table = summary.assign(n=n)[(n > 0).to_numpy(bool)].astype(dict.fromkeys(["n", *KINDS], int))
    return table.assign(lowest=table["minimum"] + table["infinity"])


def pool(trials: pd.DataFrame, chosen: pd.Series) -> Rate:
    """How many of the trainings are chosen, by booleans; `trials` a row a training, or counts."""
    counts = trials.get("count", pd.Series(1, trials.index))
    k, n, conditions = int(counts[chosen].sum()), int(counts.sum()), trials["condition"].nunique()
    if conditions < 2:
        return Rate.of(k, n)
    if "count" in trials:
        low, high = map(float, wilson(k / conditions, n / conditions))
        return Rate(k / n, low, high, n)
    _, places = np.unique(trials["seed"], return_inverse=True)
    return Rate.over_seeds(np.bincount(places, chosen), np.bincount(places))


def certificates(trials: pd.DataFrame, level: str | None = None) -> dict[str, Rate]:
    """What the certified runs of all conditions rest at, on one level or on all: the share of each kind that occurs."""
    on_it = trials if level is None else trials[(trials["outcome"] == level).to_numpy(bool)]
    known = on_it[on_it["minimum"].notna().to_numpy(bool)]
    return {kind: pool(known, known["minimum"] == kind) for kind in KINDS if (trials["minimum"] == kind).any()}


def stuck_outcomes(summary: pd.DataFrame) -> tuple[str, ...]:
    """The traps that occur in this summary; `stuck` alone, for all of them, where some or all have no name."""
    named = tuple(name for name in STUCK if name != "stuck" and summary[name].any())
    return ("stuck",) if summary["stuck"].any() or not named else named


def stuck_rate(row: Any) -> Rate:
    """How many runs of a condition, a row of a summary, are stuck, at whatever level."""
    return Rate.of(sum(row[name] for name in STUCK), row["n"])


def draws(row: Any) -> Reals:
    """Draws of a condition, a row of a summary, after which a success has probability `LIKELY`, and their range."""
    return draws_needed([row[f"solved_{end}"] for end in ("rate", "high", "low")], LIKELY)


def width() -> int:
    """Columns of the terminal, at least 80."""
    return max(shutil.get_terminal_size((80, 24)).columns, 80)


def wrapped(text: str, first: str = "", rest: str = "") -> list[str]:
    """Text in lines of the terminal's width, the first one and the rest indented so."""
    return textwrap.wrap(text, width(), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def table_lines(summary: pd.DataFrame) -> list[str]:
    """The summary in lines that fit the terminal: a condition a line, or more at need; of many some, evenly spread."""
    fields, (rows, heads, numbers) = swept(summary), _columns(summary)
    cells = [[*(_value(row[name]) for name in fields), *told] for row, told in zip(rows, numbers, strict=True)]
    upwards = [*(name.split("_")[::-1] for name in fields), *([head] for head in heads)]
    lines = _aligned([*[*itertools.zip_longest(*upwards, fillvalue="")][::-1], *cells])
    if max(map(len, lines)) <= width():
        return lines
    common = usual(summary, fields)
    above = wrapped(f"unless a condition says otherwise: {_label(common, fields)}", rest="  ")
    return [*above, "", *_labelled(rows, common, _aligned([heads, *numbers]))]


def _columns(summary: pd.DataFrame) -> tuple[list[Any], list[str], list[list[str]]]:
    """The conditions that are shown, the heads of the columns in which something is counted, and their numbers."""
    rows, shown = summary.iloc[few(range(len(summary)), MOST_LINES)].to_dict("records"), stuck_outcomes(summary)
    heads = ["n", "solved %  95 % CI", *(name.removeprefix("stuck_") for name in shown), "other", "dead", "epochs"]
    heads, *numbers = words.filled([heads, *(_numbers(row, shown) for row in rows)], 2)
    return rows, heads, numbers


def _label(values: Any, fields: Sequence[str]) -> str:
    """Fields and values as on the command line: 'hidden=4, init=he'."""
    return ", ".join(f"{name}={_value(values[name])}" for name in fields)


def _labelled(rows: Sequence[Any], common: Mapping[str, Any], numbers: Sequence[str]) -> list[str]:
    """Below the heads a condition each: what is its own, wrapped, and to the right or below it its numbers."""
    lines, room = [numbers[0].rjust(width())], len(str(len(rows)))
    for place, row in enumerate(rows, 1):
        lead = f"{place:{room}} "
        *above, last = wrapped(_label(row, unusual(row, common)) or "(all as said above)", lead, " " * len(lead))
        if len(last) + 1 + len(numbers[place]) > width():
            above, last = [*above, last], ""
        lines += [*above, last + numbers[place].rjust(width() - len(last))]
    return lines


def _numbers(row: Any, stuck: Sequence[str]) -> list[str]:
    n, median = row["n"], row["solved_epoch_median"]
    share, low, high = (100 * row[f"solved_{end}"] for end in ("rate", "low", "high"))
    every = [name for name in OUTCOMES[1:] if name not in STUCK]
    counts = [stuck_rate(row).count] if stuck == ("stuck",) else [row[name] for name in stuck]
    return [
        f"{n}", f"{share:5.1f} {low:5.1f}-{high:.1f}" if n else "-",
        *(f"{100 * (count / n):.1f}" if count else "-" for count in (*counts, sum(row[name] for name in every))),
        f"{row['dead_init_mean']:.1f}>{row['dead_final_mean']:.1f}".replace("nan>nan", "-").replace("nan", "-"),
        "-" if np.isnan(median) else f"{median:.0f}",
    ]  # fmt: skip


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [" ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _value(value: Any) -> str:
    if pd.isna(value):
        return "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def print_summary(summary: pd.DataFrame, trials: pd.DataFrame) -> None:
    """Print the table, what its columns mean, and rates over all its conditions, of `trials` (see `pool`)."""
    means = {"dead": "mean units dead at start > at end", "epochs": "median to solve, of the solved"}
    _, (_, _, *heads), _ = _columns(summary)
    levels = {name: trap_levels(summary, f"stuck_{name}") for name in heads if name not in means}
    ends = ", ".join(f"{name} (at {level})" if level else name for name, level in levels.items())
    legend = ["solved: % with 95 % Wilson interval", *([f"{ends}: % that ended there"] if ends else [])]
    legend = wrapped("; ".join([*legend, *(f"{name}: {means[name]}" for name in heads if name in means)]))
    part = [f"{MOST_LINES} of {len(summary):,} conditions, evenly spread; summary.csv has them all", ""]
    head = part if len(summary) > MOST_LINES else []
    print("", *head, *table_lines(summary), "", *legend, *_together(trials), sep="\n", flush=True)


def trap_levels(summary: pd.DataFrame, outcome: str) -> str:
    """The levels of a trap in the losses of a summary, '0.125', or '0.125 or 0.25'; nothing where its name says it."""
    levels = summary.get(f"{outcome}_level", pd.Series(dtype=float)).dropna().unique()
    told = " or ".join(f"{level:.4g}" for level in sorted(levels))
    return "" if not told or told == f"{float(Fraction(outcome.removeprefix('stuck_'))):.4g}" else told


def _together(trials: pd.DataFrame) -> list[str]:
    """What the stuck runs of all conditions rest at, and how many are proved to stay; nothing that nothing tells of."""
    found, stuck = certificates(trials), trials[is_stuck(trials)]
    proved = pool(stuck, stuck["period"].notna())
    told = [f"{words.short(rate)} {KINDS[kind]}" for kind, rate in found.items()]
    of = [f"of {words.counted(rate.n, 'stuck run')}" for rate in (*found.values(), proved)]
    lines = [f"certificates: {of[0]} {', '.join(told)}"] if found else []
    if proved.count:
        lines.append(f"stuck for ever: proved for {words.short(proved)} {of[-1]}")
    lines += [f"(these {HOW})"] if lines and len(trials["condition"].unique()) > 1 else []
    return [text for line in lines for text in wrapped(words.plain(line), rest="  ")]
