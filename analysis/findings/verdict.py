"""The article's claims against the data.

The article is about XOR and a network of ReLU units, so a claim is judged on the conditions that learn XOR (its table,
by whatever name, each row once) with activation relu. On another task other numbers of units and draws would do, and of
units that are no ReLU none dies; such conditions are left out, and the report says so.

Each claim has a rule, an exact test of one number, that is put to every condition (or pair of conditions) by itself. It
says yes or no, by the side on which the number lies, where p is below 0.05 after Holm's adjustment for all that the
rule is put to; elsewhere it is undecided, and nothing is said of that. A verdict counts the answers.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from analysis.data.conditions import defaults, distance, phrase, swept
from analysis.data.reading import DEFAULT_TABLE, Solved, count_where, is_stuck, size
from analysis.findings.paired import compare_he, compare_values
from analysis.findings.statistics import SIGNIFICANT, Rate, binomial, holm
from analysis.findings.stuck import attributed, by_dead_at_start, failure_causes
from analysis.findings.summary import LIKELY, draws, resting
from analysis.text import words

YES, NO, UNDECIDED = "yes", "no", "undecided"
NOT_MEASURED, NOT_JUDGED = "not measured by this study", "not judged"
KINDS_OF = {YES: "holds", NO: "fails", UNDECIDED: "undecided"}
ALMOST_SURELY, MOST_DRAWS, MOST_PLACES = 0.95, 20, 3
ENOUGH = 1 - (1 - LIKELY) ** (1 / MOST_DRAWS)  # the success rate at which `MOST_DRAWS` draws make a success `LIKELY`


class Claim(NamedTuple):
    """A claim of the article and its rule.

    `cases` makes, of trials, their summary and the seeds that they solved, a row for each case that the rule is put to:
    fields, `number`, its `text`, `p`, and `favours`, whether it is on the claim's side.
    """

    number: str
    text: str
    rule: str
    told: str  # what the number that is tested is called
    cases: Callable[[pd.DataFrame, pd.DataFrame, Solved], pd.DataFrame]
    nothing: str  # why there may be no case
    more: Callable[[pd.DataFrame, Any, str], str] | None = None  # a sentence: of trials, nearest case, its runs
    pairs: str = ""  # the field in which the two conditions of a case differ
    of_stuck: bool = False  # so that there is no case either where no run is stuck


class Verdict(NamedTuple):
    """A claim, the rule, the number that was measured, and the answer."""

    number: str
    claim: str
    rule: str
    effect: str
    verdict: str
    kind: str  # holds, fails or undecided if that is so everywhere, else partly; and open where nothing was measured


def _rates(table: pd.DataFrame, count: str, of: str, share: float) -> pd.DataFrame:
    """The rows of a table that count anything, with the exact binomial test that a rate is `share`."""
    table = table[(table[of] > 0).to_numpy(bool)]
    rates = Rate.of_all(table[count], table[of])
    number = np.array([each.rate for each in rates])
    p = [binomial(each.count, each.n, share) for each in rates]
    return table.assign(number=number, text=[words.rate(each) for each in rates], p=p, favours=number > share)


def _pairs(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `compare_values`, with the exact McNemar test."""
    difference = table["difference"]
    return table.assign(number=difference, text=[*map(words.difference, table["pair"])], favours=difference > 0)


def _lowest(_trials: pd.DataFrame, summary: pd.DataFrame, _solved: Solved) -> pd.DataFrame:
    table = _rates(resting(summary), "lowest", "n", 0.5)
    shares = (map(words.percent, table[kind] / table["n"]) for kind in ("minimum", "infinity"))
    apart = [*map(", {} at a finite one and {} on the way to one at infinity".format, *shares)]
    return table.assign(text=table["text"].astype(str) + np.where(table["infinity"] > 0, apart, ""))


def _kinks(trials: pd.DataFrame, _row: Any, _where: str) -> str:
    """What the runs at kinks have in common, which depends on the initial biases, and how many lie at infinity."""
    kinked, far = (trials[(trials["minimum"] == kind).to_numpy(bool)] for kind in ("kink", "infinity"))
    endless = f" Counted as minima are those at infinity ({size(far):,}), where the loss sinks for ever."
    endless, kinked = endless if len(far) else "", kinked[is_stuck(kinked)]
    if not len(kinked):
        return f"No run rests at a kink.{endless}"
    n, dead = size(kinked), count_where(kinked, kinked["dead_init"] > 0)
    zero = all(str(law).endswith("|constant(value=0.0)") for law in trials["init_law"].unique())
    why = " All biases of this study start at 0, which puts a row of zeros exactly on the kink of every unit."
    rest = f"{words.counted(n, 'run')} rest{'s' * (n == 1)} at a kink, where a step across would lower the loss"
    had = f"which gradient descent cannot see; {dead:,} of {n:,} had a dead unit at the start."
    return f"{rest}, {had}{why if zero else ''}{endless}"


def _too_few(trials: pd.DataFrame, _summary: pd.DataFrame, _solved: Solved) -> pd.DataFrame:
    needed = pd.to_numeric(trials["task_units"].astype("str"), errors="coerce")  # NaN where nobody knows
    return _rates(failure_causes(trials[trials["hidden"] >= needed]), "too_few", "stuck", 0.5)


def _attributed(trials: pd.DataFrame, row: Any, where: str) -> str:
    runs = trials[(trials["condition"] == row["condition"]).to_numpy(bool)]
    found = by_dead_at_start(runs)
    share = attributed(found, str(runs["init_law"].iloc[0]))
    if math.isnan(share.rate) or len(found) < 2:
        return ""
    told = "; ".join(f"{dead or 'none'} dead: {words.rate(rate)}" for dead, rate in found.items())
    had = f"How many of {where} get stuck, by the units that are dead at the start: {told}."
    would = f"{words.rate(share)} of the stuck runs would not be stuck."
    return f"{had} If every dead unit were drawn again until it lives, {would}"


def _sure(_trials: pd.DataFrame, summary: pd.DataFrame, _solved: Solved) -> pd.DataFrame:
    wide = min(summary["hidden"], key=lambda h: (abs(h - 10), h))
    return _rates(summary[((summary["hidden"] == wide) & (wide >= 8)).to_numpy(bool)], "solved", "n", ALMOST_SURELY)


def _needed(_: pd.DataFrame, row: Any, where: str) -> str:
    number, few, most = draws(row)
    if math.isfinite(number):
        return f"A success among {where} is {100 * LIKELY:.0f} % likely after {words.in_draws(number, few, most)}."
    more = f"at least {few:.0f} draws make a success {100 * LIKELY:.0f} % likely, if any do"
    return f"None of {where} was solved, so that {more}."


ABOVE = "Yes where that is more than {}, no where it is less (exact binomial test)."
PAIRED = "Yes where it is solved more often, no where less (exact McNemar test, the same seeds)."
CLAIMS = (  # in the article's order; the third is two
    Claim("1", "The stuck runs are in a local minimum.", ABOVE.format("half"),
          "Share of the stuck runs that rest at a certified minimum", _lowest,
          "Loss and gradient say which runs are at rest. Whether that is at a minimum is a matter of curvature and "
          "kinks, for which trials hold no certificate (certify=true makes them).", _kinks, of_stuck=True),
    Claim("2", "The reason is probably the dying ReLU: unlucky deaths leave too few units.", ABOVE.format("half"),
          "Share of the stuck runs that end with fewer live units than the task needs", _too_few,
          "The stuck networks have fewer units than the task needs, or its CSV file does not say how many units.",
          _attributed, of_stuck=True),
    Claim("3a", "More units help.", PAIRED, "Success of the wider network minus that of the narrower one",
          lambda trials, _, solved: _pairs(compare_values(trials, "hidden", solved)), "The study has one width.",
          pairs="hidden"),
    Claim("3b", "About 10 units solve it almost surely.", ABOVE.format("95 %"), "Success of the width nearest to 10",
          _sure, "The study has no network of about 10 units."),
    Claim("4", "A better initial draw (He) helps.", PAIRED, "Success of He minus that of the other draw",
          lambda trials, _, solved: _pairs(compare_he(trials, solved)),
          "The study does not set He beside another init.", pairs="init"),
    Claim("5", "Drawing again helps.", ABOVE.format(f"{ENOUGH:.3f}, where {MOST_DRAWS} draws are enough"),
          "Success of one draw", lambda _trials, summary, _solved: _rates(summary, "solved", "n", ENOUGH), "", _needed),
)  # fmt: skip


def verdicts(trials: pd.DataFrame, summary: pd.DataFrame, solved: Solved) -> list[Verdict]:
    """The verdicts, in the order of `CLAIMS`, on trials (rows or counts), their summary and the seeds they solved."""
    if not trials["rescue"].isna().all():  # the claims are about trainings that are left alone when they get stuck
        return [_open(claim, "In this study every run that gets stuck is rescued.") for claim in CLAIMS]
    mine = trials[_of_the_article(trials)]
    if not len(mine):
        return [_open(claim, _beyond(trials), NOT_JUDGED) for claim in CLAIMS]
    its_summary = summary[summary["condition"].isin(mine["condition"]).to_numpy(bool)]
    return [_judge(claim, claim.cases(mine, its_summary, solved), mine) for claim in CLAIMS]


def scope(trials: pd.DataFrame) -> str:
    """Which of a study's conditions the claims are judged on, in words; empty if all or none are."""
    each = trials.drop_duplicates("condition")
    n = int(_of_the_article(each).sum())
    return f"Judged are {n:,} of {len(each):,} conditions. {_beyond(each)}" if 0 < n < len(each) else ""


def _of_the_article(trials: pd.DataFrame) -> Any:
    return ((trials["task_table"] == DEFAULT_TABLE) & (trials["activation"] == "relu")).to_numpy(bool)


def _beyond(trials: pd.DataFrame) -> str:
    """What keeps conditions from being judged, in words."""
    tasks = trials.loc[(trials["task_table"] != DEFAULT_TABLE).to_numpy(bool), "task"].unique()
    units = trials.loc[(trials["activation"] != "relu").to_numpy(bool), "activation"].unique()
    found = {"other rows": tasks, "other units": units}
    whys = [f"{what} ({', '.join(names)})" for what, names in found.items() if len(names)]
    about = "XOR (inputs and targets 0 and 1) learnt by ReLU units"
    return f"The article's claims are about {about}. They are not judged for {words.listed(whys)}."


def _open(claim: Claim, why: str, verdict: str = NOT_MEASURED) -> Verdict:
    return Verdict(claim.number, claim.text, why, "", verdict, "open")


def _judge(claim: Claim, cases: pd.DataFrame, trials: pd.DataFrame) -> Verdict:
    """Put a claim's rule to all its cases, and count the answers."""
    if not len(cases):
        unstuck = claim.of_stuck and not is_stuck(trials).any()
        return _open(claim, "No run is stuck." if unstuck else claim.nothing)
    sure, favours = holm(cases["p"]) < SIGNIFICANT, cases["favours"].to_numpy(bool)
    answers = np.select([sure & favours, sure], [YES, NO], UNDECIDED)
    rows, fields, texts = cases.to_dict("records"), swept(trials), cases["text"].tolist()
    places = [_place(row, claim.pairs, fields) for row in rows]
    named = {answer: [places[i] for i in np.flatnonzero(answers == answer)] for answer in (YES, NO, UNDECIDED)}
    kind = KINDS_OF[answers[0]] if len({*answers}) == 1 else "partly"
    at = min(range(len(rows)), key=lambda place: _distance(rows[place], claim.pairs))
    if len(rows) == 1:
        verdict, where = "does not hold" if kind == "fails" else kind, "the runs"
        place = f" ({places[at]})" if fields else ""
        sentences = [f"{claim.told}{place}: {texts[at]}."]
    else:
        what = "pairs" if claim.pairs else "conditions"
        every = f"{words.all_of(len(rows))} {what}"
        tally = ", ".join(f"{answer} in {len(there):,}" for answer, there in named.items() if there)
        verdict = f"{tally} of {len(rows):,} {what}" if kind == "partly" else f"{answers[0]} in {every}"
        low, high = texts[cases["number"].argmin()], texts[cases["number"].argmax()]
        nearest = f"{claim.told}, nearest to the article ({places[at]}): {texts[at]}"
        few = [answer for answer in (YES, NO) if 0 < len(named[answer]) <= min(MOST_PLACES, len(rows) - 1)]
        told = (f"{answer.capitalize()}: {'; '.join(named[answer])}." for answer in few)
        extent = f"over {every} from {low} to {high}" if len({*cases["number"]}) > 1 else f"the same in {every}"
        sentences = [f"{nearest}; {extent}.", *told]
        where = f"the runs with {places[at]}"
    sentences.append(claim.more(trials, cases.iloc[at], where) if claim.more else "")
    return Verdict(claim.number, claim.text, claim.rule, " ".join(filter(None, sentences)), verdict, kind)


def _distance(row: Any, pairs: str) -> tuple[Any, ...]:
    """How far a case is from the article; of pairs of widths that from 4 to 10 units comes first."""
    if pairs != "hidden":
        return distance({**defaults(), **row})
    return distance({**defaults(), **row, "hidden": row["first"]}), abs(row["second"] - 10)


def _place(row: Any, pairs: str, fields: Sequence[str]) -> str:
    """A case in words: '4 to 10 units, He, lr 0.1'."""
    both = [words.span(pairs, row["first"], row["second"])] if pairs else []
    rest = [phrase(name, row[name]) for name in fields if name != pairs]
    return ", ".join([*both, *rest]) or words.condition(row, [])
