"""The article's five claims against the data, by rules that are stated here and in the report.

The article is about XOR and a network of ReLU units, so a claim is judged on the conditions that
learn XOR (its table, by whatever name, each row once) with activation relu. On another task other
numbers of units and draws would do, and of units that are no ReLU none dies; such conditions are
left out, and the report says so.

A rule is applied to each condition (or pair of conditions) by itself and says yes, no or
undecided; the verdict puts these together:

- holds: yes in all of them;
- holds only if …: yes in some, which are named;
- does not hold: yes in none, no in at least one;
- undecided: neither yes nor no anywhere;
- not measured by this study: it lacks what the rule needs;
- not judged: no condition learns XOR with ReLU units.

Rules:

1. Local minimum. Yes in a condition if the Wilson interval of the share of its stuck runs whose
   certificate says minimum lies above 1/2, no if it lies below. Without certificates (certify=true)
   not measured: rest (gradient norm and loss level) is, but a minimum is a claim about curvature
   and kinks.
2. Dying ReLU. Yes in a condition if the Wilson interval of the share of its stuck runs that have
   fewer live units at the end than the task needs lies above 1/2, no if it lies below. A task in a
   CSV file does not say how many it needs; there it is not measured.
3. More units. For the width nearest to 10 (8 at least): yes if the Wilson interval of its success
   rate lies at or above 95 % ("almost surely"), no if it lies below.
4. He. Paired by seed with uniform (or the first other init that is drawn, not given): yes if the
   interval of the difference lies above 0 and Holm's adjusted p is below 0.05, no if it lies below
   0 with such a p.
5. Drawing again. Yes if 99 % is reached within 20 draws even at the lower end of the success rate's
   Wilson interval, no if it is not reached even at the upper end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.data.conditions import distance, nearest, others, values
from analysis.data.field_labels import FIELDS, defaults, phrase, value_text
from analysis.data.reading import DEFAULT_TABLE, fine, is_given, left_alone, swept
from analysis.data.tallies import Solved
from analysis.findings.failure_causes import Culprits, culprits
from analysis.findings.paired import as_paired, compare_values
from analysis.findings.planner import draws
from analysis.findings.rescues import Freed
from analysis.findings.rest_points import (
    KIND_NAMES,
    KIND_WORDS,
    NONE_WORDS,
    is_certified,
    resting,
    resting_altogether,
)
from analysis.findings.statistics import SIGNIFICANT, Paired, Rate
from analysis.findings.summary import stuck_total, summarise
from analysis.text import words

YES, NO, UNDECIDED = "yes", "no", "undecided"
ALMOST_SURELY = 0.95
MOST_DRAWS = 20
MOST_PLACES = 8
"""Places that a verdict names."""
NOT_MEASURED = "not measured by this study"
NOT_JUDGED = "not judged"

MINIMUM = "The stuck runs are in a local minimum."
DYING = "The culprit is probably the dying ReLU: unlucky deaths leave too few units."
MORE_UNITS = "More units help; about 10 solve it almost surely."
HE = "A better initial draw (He) helps."
AGAIN = "Drawing again helps."
CLAIMS = (MINIMUM, DYING, MORE_UNITS, HE, AGAIN)
"""The article's claims, in its order."""


@dataclass(frozen=True)
class Verdict:
    """A claim, what was measured, the effect with interval and n, and the verdict.

    `kind` is one of holds, partly, fails, undecided, open; `tally` counts the rule's answers.
    """

    claim: str
    measured: str
    effect: str
    verdict: str
    kind: str
    tally: str = ""


def verdicts(trials: pd.DataFrame, solved: Solved | None = None) -> list[Verdict]:
    """The five verdicts, in the order of `CLAIMS`.

    `solved` tells which seeds each condition solved, if `trials` are counts. The claims are about
    trainings that are left alone when they get stuck: without such trainings none is measured.
    """
    good = left_alone(fine(trials))
    if not good["rescue"].isna().all():
        why = "In this study every run that gets stuck is rescued."
        return [Verdict(claim, why, "", NOT_MEASURED, "open") for claim in CLAIMS]
    mine = good[_of_the_article(good)]
    if not len(mine):
        return [Verdict(claim, _beyond(good), "", NOT_JUDGED, "open") for claim in CLAIMS]
    widths, inits = compare_widths(mine, solved), compare_he(mine, solved)
    return [_minimum(mine), _dying(mine), _more_units(mine, widths), _he(mine, inits), _again(mine)]


def scope(trials: pd.DataFrame) -> str:
    """Which of a study's conditions the claims are judged on, in words; empty if all or none are."""
    each = left_alone(fine(trials)).drop_duplicates("condition")
    n = int(_of_the_article(each).sum())
    return f"Judged are {n:,} of {len(each):,} conditions. {_beyond(each)}" if 0 < n < len(each) else ""


def _of_the_article(trials: pd.DataFrame) -> NDArray[np.bool_]:
    """Which trials learn XOR with ReLU units."""
    return ((trials["task_table"] == DEFAULT_TABLE) & (trials["activation"] == "relu")).to_numpy(bool)


def _beyond(trials: pd.DataFrame) -> str:
    """What keeps conditions from being judged, in words."""
    each = trials.drop_duplicates("condition")
    tasks = each.loc[(each["task_table"] != DEFAULT_TABLE).to_numpy(bool), "task"].astype("str").unique()
    units = each.loc[(each["activation"] != "relu").to_numpy(bool), "activation"].astype("str").unique()
    whys = [f"tasks other than XOR ({', '.join(tasks)})"] if len(tasks) else []
    whys += [f"units that do not die ({', '.join(units)})"] if len(units) else []
    return f"The article's claims are about XOR learnt by ReLU units; not judged are {words.listed(whys)}."


def _minimum(trials: pd.DataFrame) -> Verdict:
    """Claim 1: what certificates say of it; without them, that stuck runs are at rest."""
    if is_certified(trials):
        return _certified(trials)
    summary = summarise(trials)
    stuck = int(stuck_total(summary).sum())
    unsolved = int((summary["n"] - summary["solved"]).sum())
    row = nearest(trials)
    at = summary[(summary["condition"] == row["condition"]).to_numpy(bool)].iloc[0]
    rate = Rate.of(int(stuck_total(summary)[at.name]), int(at["n"] - at["solved"]))
    return Verdict(
        MINIMUM,
        f"Of {unsolved:,} unsolved runs {stuck:,} are at rest on a plateau: loss and gradient norm say so. Whether "
        "such a point is a minimum is a matter of curvature and kinks, for which trials hold no certificate.",
        f"At rest, of the unsolved runs nearest to the article ({_name(trials, row)}): {words.rate(rate)}.",
        NOT_MEASURED,
        "open",
    )


def _certified(trials: pd.DataFrame) -> Verdict:
    """Claim 1 where stuck runs have certificates."""
    found, whole = resting(trials), resting_altogether(trials)
    table = pd.DataFrame([each.condition for each in found])
    answers = [_against_half(each.kinds["minimum"]) for each in found]
    at = min(found, key=lambda each: distance(each.condition))
    kinds = [f"{words.rate(at.kinds[kind])} {text}" for kind, text in KIND_NAMES.items() if at.kinds[kind].count]
    shares = [
        f"{words.rate(whole.kinds[kind])} are {text}" for kind, text in KIND_WORDS.items() if whole.kinds[kind].count
    ]
    none = [text for kind, text in NONE_WORDS.items() if not whole.kinds[kind].count]
    rest = f" None {words.listed(none, 'or')}." if none else ""
    return _verdict(
        MINIMUM,
        f"Of {whole.n:,} stuck runs {words.listed(shares)}.{rest}",
        f"Nearest to the article ({_name(trials, at.condition)}): {words.listed(kinds)}.",
        table, answers, swept(trials),
    )  # fmt: skip


def _dying(trials: pd.DataFrame) -> Verdict:
    """Claim 2: stuck runs have too few live units."""
    unknown = (trials["task_units"] == "None").to_numpy(bool)
    csv = " Left out are tasks in CSV files, which do not say how many units they need." if unknown.any() else ""
    trials = trials[~unknown]
    if not len(trials):
        return Verdict(DYING, f"Nothing is left to count.{csv}", "", NOT_MEASURED, "open")
    some = [each for each in culprits(trials) if each.stuck.count]
    if not some:
        return Verdict(DYING, "No run of this study is stuck.", "", NOT_MEASURED, "open")
    answers = [_against_half(each.too_few) for each in some]
    at = min(some, key=lambda each: distance(each.condition))
    effect = (
        f"Nearest to the article ({_name(trials, at.condition)}): too few live units in {words.rate(at.too_few)} of "
        f"the stuck runs, no dead unit at all in {words.rate(at.no_dead)}. {_cost(at)}"
    )
    table = pd.DataFrame([each.condition for each in some])
    return _verdict(
        DYING,
        "The share of stuck runs with fewer live units at the end than the task needs; it is the culprit where that is "
        f"most of them.{csv}",
        effect, table, answers, swept(trials),
    )  # fmt: skip


def _cost(at: Culprits) -> str:
    if not (at.with_dead.n and at.without_dead.n):
        return f"Runs with a dead unit at the start: {at.with_dead.n:,}, without: {at.without_dead.n:,}."
    return (
        f"Stuck with a dead unit at the start {words.rate(at.with_dead)}, without {words.rate(at.without_dead)}: "
        f"{words.difference(at.cost)}."
    )


def _against_half(rate: Rate) -> str:
    return YES if rate.low > 0.5 else NO if rate.high < 0.5 else UNDECIDED


def _more_units(trials: pd.DataFrame, widths: pd.DataFrame) -> Verdict:
    """Claim 3: about ten units solve it almost surely."""
    found = values(trials, "hidden")
    wide = min(found, key=lambda h: (abs(h - 10), h))
    if len(found) < 2 or wide < 8:
        return Verdict(MORE_UNITS, "The study does not sweep the width up to about 10 units.", "", NOT_MEASURED, "open")
    narrow = min((h for h in found if h < wide), key=lambda h: (abs(h - FIELDS["hidden"].default), h), default=None)
    summary = summarise(trials)
    table = summary[(summary["hidden"] == wide).to_numpy(bool)]
    rates = [Rate.of(int(row["solved"]), int(row["n"])) for _, row in table.iterrows()]
    answers = [YES if r.low >= ALMOST_SURELY else NO if r.high < ALMOST_SURELY else UNDECIDED for r in rates]
    at = min(range(len(rates)), key=lambda i: distance(table.iloc[i]))
    fields = others(trials, "hidden")
    effect = f"Nearest to the article ({_name(trials, table.iloc[at])}): solved {words.rate(rates[at])}"
    pair = _pair(widths, table.iloc[at], fields, narrow, wide)
    effect += f"; against {phrase('hidden', narrow)}: {words.difference(pair)}. " if pair else ". "
    measured = f"The success rate with {phrase('hidden', wide)}, set against 95 %."
    return _verdict(MORE_UNITS, measured, effect + _reversals(widths, fields), table, answers, fields)


def _reversals(widths: pd.DataFrame, fields: Sequence[str]) -> str:
    """Where a wider network fails more often than a narrower one, in a sentence."""
    worse = widths[(widths["high"] < 0) & (widths["p_holm"] < SIGNIFICANT)]
    if not len(worse):
        return f"Nowhere does a wider network fail more often than a narrower one (of {len(widths):,} comparisons)."
    texts = []
    for _, part in worse.groupby(list(fields), observed=True, sort=False, dropna=False) if fields else [((), worse)]:
        row = part.iloc[part["difference"].argmin()]
        place = f"{words.condition(row, fields)}: " if fields else ""
        pair = f"{value_text('hidden', row['first'])} to {phrase('hidden', row['second'])}"
        texts.append(f"{place}{pair} {words.difference(as_paired(row))}")
    return (
        f"It reverses, a wider network failing more often, in {len(worse):,} of {len(widths):,} comparisons; "
        f"the largest: {'; '.join(texts)}."
    )


def _he(trials: pd.DataFrame, inits: pd.DataFrame) -> Verdict:
    """Claim 4: He initialization helps."""
    if not len(inits):
        return Verdict(HE, "The study does not set He beside another init.", "", NOT_MEASURED, "open")
    answers = [_sign(row) for _, row in inits.iterrows()]
    fields = others(trials, "init")
    base = inits["first"].iloc[0]
    at = min(range(len(inits)), key=lambda i: distance({**defaults(), **inits[fields].to_dict("records")[i]}))
    place = f" ({words.condition(inits.iloc[at], fields)})" if fields else ""
    best, worst = (as_paired(inits.iloc[at]) for at in (inits["difference"].argmax(), inits["difference"].argmin()))
    effect = f"Nearest to the article{place}: {words.difference(as_paired(inits.iloc[at]))}."
    if len(inits) > 1:
        effect += f" Over the study from {words.difference(worst)} to {words.difference(best)}."
    measured = f"Success of He minus that of {base}, the same seeds under both."
    return _verdict(HE, measured, effect, inits, answers, fields)


def _sign(row: Any) -> str:
    if row["p_holm"] >= SIGNIFICANT:
        return UNDECIDED
    return YES if row["low"] > 0 else NO if row["high"] < 0 else UNDECIDED


def _again(trials: pd.DataFrame) -> Verdict:
    """Claim 5: drawing again helps."""
    table = draws(summarise(trials))
    answers = [
        YES if row["draws_99_high"] <= MOST_DRAWS else NO if row["draws_99_low"] > MOST_DRAWS else UNDECIDED
        for _, row in table.iterrows()
    ]
    row = table.iloc[(table["condition"] == nearest(trials)["condition"]).argmax()]
    solved = Rate.of(int(row["solved"]), int(row["n"]))
    effect = (
        f"Nearest to the article ({_name(trials, row)}): solved {words.rate(solved)}, so "
        f"{words.draws(row['draws_95'])} draws for 95 % ({_range(row, 95)}) and "
        f"{words.draws(row['draws_99'])} for 99 % ({_range(row, 99)})."
    )
    measured = f"Draws until success is 99 % likely, set against {MOST_DRAWS}."
    return _verdict(AGAIN, measured, effect, table, answers, swept(trials))


def _range(row: Any, wanted: int) -> str:
    return f"{words.draws(row[f'draws_{wanted}_low'])} to {words.draws(row[f'draws_{wanted}_high'])}"


def reviving(trials: pd.DataFrame, found: Sequence[Freed], pairs: pd.DataFrame) -> Verdict:
    """The culprit on trial: whether fresh dead units free more stuck runs than as many fresh live ones.

    `found` from `analysis.findings.rescues.freed`, `pairs` from `like_for_like`. Yes in a condition if the
    interval of the paired difference lies above 0 and Holm's adjusted p is below 0.05, no if it lies
    below 0 with such a p.
    """
    claim = "Reviving dead units frees more stuck runs than redrawing as many live ones."
    if not len(pairs):
        why = "The study lacks redraw_dead, redraw_alive, the same trainings without a rescue, or runs for both."
        return Verdict(claim, why, "", NOT_MEASURED, "open")
    fields = [name for name in pairs.columns if name in FIELDS]
    fixed = trials[list(FIELDS)].iloc[0].to_dict() | {"rescue": None}
    distances = [distance({**fixed, **{name: row[name] for name in fields}}) for _, row in pairs.iterrows()]
    at = min(range(len(pairs)), key=lambda i: distances[i])
    place = words.condition(pairs.iloc[at], fields)
    mine = {each.intervention: each for each in found if words.condition(each.row, fields) == place}
    rates = "; ".join(
        f"{name} {words.rate(mine[name].rate)}" for name in ("redraw_dead", "redraw_alive", "nothing") if name in mine
    )
    effect = (
        f"Nearest to the article ({place}), freed of all stuck runs: {rates}. Of those in which both drew as many "
        f"units, redraw_dead minus redraw_alive: {words.difference(as_paired(pairs.iloc[at]))}."
    )
    answers = [_sign(row) for _, row in pairs.iterrows()]
    measured = "Stuck runs with at least as many live units as dead ones, the same runs under both."
    return _verdict(claim, measured, effect, pairs, answers, fields)


def compare_widths(trials: pd.DataFrame, solved: Solved | None = None) -> pd.DataFrame:
    """Every wider network against every narrower one, paired by seed (see `compare_values`)."""
    return compare_values(trials, "hidden", solved=solved)


def compare_he(trials: pd.DataFrame, solved: Solved | None = None) -> pd.DataFrame:
    """He against uniform, or the first other init that is drawn, paired by seed; empty where He is not swept."""
    each = trials.drop_duplicates("condition")
    found = values(each[[not is_given(law) for law in each["init_law"]]], "init")
    base = next((name for name in found if name != "he"), None)
    return compare_values(trials, "init", [(base, "he")] if base and "he" in found else [], solved)


def _pair(widths: pd.DataFrame, row: Any, fields: Sequence[str], narrow: Any, wide: Any) -> Paired | None:
    for _, each in widths.iterrows():
        if (each["first"], each["second"]) == (narrow, wide) and all(each[name] == row[name] for name in fields):
            return as_paired(each)
    return None


def _name(trials: pd.DataFrame, row: Any) -> str:
    return words.condition(row, swept(trials))


def _verdict(
    claim: str, measured: str, effect: str, table: pd.DataFrame, answers: Sequence[str], fields: Sequence[str]
) -> Verdict:
    """Put the answers of a rule together, one for each row of the table."""
    n = len(answers)
    count = {answer: answers.count(answer) for answer in (YES, NO, UNDECIDED)}
    tally = f"yes in {count[YES]}, no in {count[NO]}, undecided in {count[UNDECIDED]} of {n}"
    if count[YES] == n:
        text, kind = "holds", "holds"
    elif count[YES]:
        text, kind = f"holds only if {where(table, [answer == YES for answer in answers], fields)}", "partly"
    elif count[NO]:
        text, kind = "does not hold", "fails"
    else:
        text, kind = UNDECIDED, "undecided"
    return Verdict(claim, measured, effect, text, kind, tally if n > 1 else "")


def where(table: pd.DataFrame, holds: Sequence[bool], fields: Sequence[str]) -> str:
    """The conditions of a table in which something holds, in as few words as their fields allow."""
    marked = table.assign(holds=list(holds))
    for name in fields:
        share = marked.groupby(name, observed=True, dropna=False)["holds"].mean()
        if set(share) <= {0.0, 1.0}:
            return _values(name, [value for value, all_hold in share.items() if all_hold], values(marked, name))
    along = max(fields, key=lambda name: (name in ("lr", "hidden"), marked[name].nunique()))
    rest = [name for name in fields if name != along]
    texts = []
    for _, part in marked.groupby(rest, observed=True, sort=False, dropna=False):
        kept = list(part.loc[part["holds"], along])
        if kept:
            inside = "" if len(kept) == len(part) else f" with {_values(along, kept, values(part, along))}"
            texts.append(f"{words.condition(part.iloc[0], rest)}{inside}")
    if len(texts) > MOST_PLACES:
        total = f"{int(marked['holds'].sum()):,} of {len(marked):,} conditions"
        return f"{'; or '.join(texts[:MOST_PLACES])}; or {len(texts) - MOST_PLACES:,} more such places ({total} in all)"
    return "; or ".join(texts)


def _values(name: str, kept: Sequence[Any], found: Sequence[Any]) -> str:
    """Some of the values of a field, as a range where they are neighbours: 'lr = 0.01 to 0.1'."""
    if len(kept) == 1:
        return phrase(name, kept[0])
    prefix = "" if name in ("init", "task", "activation", "optimizer") else f"{name} "
    places = sorted(found.index(value) for value in kept)
    if prefix and len(kept) > 2 and places == list(range(places[0], places[-1] + 1)):
        return f"{prefix}{value_text(name, found[places[0]])} to {value_text(name, found[places[-1]])}"
    return prefix + words.listed([value_text(name, found[place]) for place in places], "or")
