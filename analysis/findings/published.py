"""Figures that others have published, beside ours: whether they agree, and the words where there are no figures.

A result folder's manifest names them with the conditions that repeat their setting. Two shares agree if

    |p₁ − p₀| ≤ 3·√(p(1 − p)(1/n₁ + 1/n₀)),

where p₀ of n₀ runs is theirs, p₁ of n₁ ours, over the runs of those conditions together, and p the share of both
together. Nothing is said where their runs are so few that the 95 % interval of p₀ is wider than `VAGUE`: hardly any
rate of ours could disagree. Where a source gives the mean error of one training, we say to how many digits ours agrees.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.data.conditions import FIELDS
from analysis.data.reading import STUCK
from analysis.findings.statistics import VAGUE, Rate
from analysis.findings.summary import pool, wrapped
from analysis.text import words

AGREE, DIFFER, WORDS, NOT_RUN = "agree", "differ", "in words only", "not run here"
TOO_FEW = "too few runs to tell"


class Beside(NamedTuple):
    """A published figure beside ours.

    `theirs` is the share they report, None where the source has only words (`says`), `solved` and `stuck` are ours,
    `errors` the mean errors, theirs and ours, if the source has one. `where` tells apart the entries of one setting.
    """

    source: str
    setting: str
    says: str
    quoted: str
    note: str
    theirs: Rate | None
    conditions: Sequence[str]
    where: str
    solved: Rate
    stuck: Rate
    errors: tuple[float, float] | None = None

    @property
    def ours(self) -> str:
        """Our mean error, beside one of theirs."""
        return f"{self.errors[1]:.16g}" if self.errors else ""

    @property
    def difference(self) -> float:
        """Ours minus theirs; NaN where there is nothing to compare."""
        return math.nan if self.theirs is None else self.solved.rate - self.theirs.rate

    @property
    def allowed(self) -> float:
        """The largest difference that still agrees; NaN where there is nothing to compare."""
        theirs, ours = self.theirs, self.solved
        if theirs is None or not (theirs.n and ours.n):
            return math.nan
        p = min((theirs.n * theirs.rate + ours.n * ours.rate) / (theirs.n + ours.n), 1.0)
        return 3 * math.sqrt(p * (1 - p) * (1 / theirs.n + 1 / ours.n))

    @property
    def margin(self) -> str:
        """By how much they differ and how much is allowed, where that is judged: '+1.2 points, 8.1 allowed'."""
        if self.verdict not in (AGREE, DIFFER):
            return ""
        allowed = f", {100 * self.allowed:.1f} allowed" if self.allowed else ""
        return f"{words.points(self.difference)} points{allowed}"

    @property
    def verdict(self) -> str:
        """Whether they agree."""
        if not self.solved.n:
            return NOT_RUN
        if self.errors:
            one, other = self.errors  # the same to at most the 16 significant digits that a double has
            digits = 16 if one == other else max(math.floor(-math.log10(abs(other - one) / abs(one))), 0)
            return f"the same to {words.counted(digits, 'digit')}"
        if self.theirs is None:
            return WORDS
        if self.theirs.high - self.theirs.low > VAGUE:
            return TOO_FEW
        return AGREE if abs(self.difference) <= self.allowed else DIFFER


def brief(source: str) -> str:
    """A source in short: 'Frankle & Carbin', 'zchenry/lottery-ticket-hypothesis'."""
    return re.sub(r"^((?:.* & )?[^,(]*[^,( ]).*", r"\1", source)


def beside(
    summary: pd.DataFrame, trials: pd.DataFrame, manifest: Mapping[str, Any], errors: Mapping[str, float] | None = None
) -> list[Beside]:
    """Each published figure that the manifest names, beside ours, from summary, trials and their `mean_errors`."""
    found, settings = [], defaultdict[tuple[str, str], set[str]](set)
    for entry in manifest["published"]:
        settings[entry["source"], entry["setting"]].update(entry["conditions"])
    for entry in manifest["published"]:
        whole = settings[entry["source"], entry["setting"]]
        part, every = (summary[summary["condition"].isin(keys)] for keys in (entry["conditions"], whole))
        telling = [name for name in FIELDS if part[name].nunique(False) == 1 < every[name].nunique(False)]
        runs = trials[trials["condition"].isin(entry["conditions"])]
        stuck, share = runs["outcome"].isin(STUCK), entry["solved"]
        error = (errors or {}).get(entry["conditions"][0]) if entry.get("error") else None
        found.append(Beside(
            **{name: entry[name] or "" for name in ("source", "setting", "says", "quoted", "note")},
            theirs=None if share is None else replace(Rate.of(share * entry["n"], entry["n"]), rate=share),
            conditions=entry["conditions"], where=words.condition(part.iloc[0], telling) if telling else "",
            solved=pool(runs, runs["outcome"] == "solved"), stuck=pool(runs, stuck),
            errors=None if error is None else (entry["error"], error),
        ))  # fmt: skip
    return found


def mean_errors(trials: pd.DataFrame) -> dict[str, float]:
    """The mean absolute error of all rows of the runs of each condition, by its key."""
    found = {}
    for key, runs in trials.groupby("condition", observed=True):
        targets = [float(row.split(",")[-1]) for row in str(runs["task_table"].iloc[0]).partition(";")[0].split("|")]
        y = runs.filter(regex="^y_").dropna(axis="columns", how="all").to_numpy(float)
        if y.shape[1] == len(targets) and np.isfinite(y).all():
            found[str(key)] = float(np.abs(y - targets).mean())
    return found


def published_lines(found: Sequence[Beside]) -> list[str]:
    """Published figures beside ours, in short lines for a terminal."""
    lines = ["published figures beside ours (solved, % with 95 % Wilson interval, of n):"]
    for each in found:
        name = f"- {each.source}{f' ({each.quoted})' if each.quoted else ''}{f', {each.where}' if each.where else ''}"
        ours, marked = f"ours {_short(each.solved)}", each.verdict.upper() if each.verdict == DIFFER else each.verdict
        if each.theirs is None:
            ours = f"ours {each.ours}" if each.ours else f"{ours}, stuck {_short(each.stuck)}"
            texts = [f'"{each.says}"', ours, marked]
        else:
            texts = [f"theirs {_short(each.theirs)}; {ours}", f"{marked} ({each.margin})" if each.margin else marked]
        lines += [*wrapped(name, rest="  "), *(line for text in texts for line in wrapped(text, "  ", "    "))]
    return [words.plain(line) for line in lines]


def _short(share: Rate) -> str:
    return f"{words.bare(share)} of {share.n:,}" if share.n else "no runs"


def published_frame(found: Sequence[Beside]) -> pd.DataFrame:
    """A row a published figure: shares as fractions."""
    rows = [{
        "source": each.source, "setting": each.setting, "where": each.where.replace("\N{NO-BREAK SPACE}", " "),
        "quoted": each.quoted, "says": each.says, "ours": each.ours, "note": each.note,
        "published_rate": each.theirs and each.theirs.rate, "published_n": each.theirs and each.theirs.n,
        "solved": each.solved.count, "n": each.solved.n, **_columns("solved", each.solved),
        "stuck": each.stuck.count, **_columns("stuck", each.stuck), "difference": each.difference,
        "allowed": each.allowed, "verdict": each.verdict, "conditions": " ".join(each.conditions),
    } for each in found]  # fmt: skip
    return pd.DataFrame(rows).astype({"published_n": "Int64"})


def _columns(name: str, rate: Rate) -> dict[str, float]:
    return {f"{name}_{end}": getattr(rate, end) for end in ("rate", "low", "high")}


def print_published(found: Sequence[Beside]) -> None:
    """Print what was published beside ours, if anything was."""
    if found:
        print("", *published_lines(found), sep="\n", flush=True)
