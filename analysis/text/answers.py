"""The answer to a study's own question, in a few sentences: what the report says first.

A study names the fields that it asks about (`asks`). A number that takes more than two values is answered by the
range in which success is high enough, any other field by paired differences, a rescue by what it frees, and a study
that repeats published settings by how many of them agree.
"""

from typing import Any

import numpy as np
import pandas as pd
import scipy

from analysis.data.conditions import NUMBERS, closest, distance, phrase, same, slices, value_text, values, with_values
from analysis.data.reading import Solved, can_end_dead, sums
from analysis.findings.findings import Findings
from analysis.findings.paired import compare_values, going_along
from analysis.findings.published import AGREE, DIFFER
from analysis.findings.statistics import SIGNIFICANT, Rate, holm
from analysis.findings.summary import stuck_rate
from analysis.text import words

ENOUGH = 0.95  # a success rate that counts as almost certain
MARGIN = 0.03  # how far below the best rate one still counts as high, where none is almost certain
THE_ARTICLES = "the article\N{RIGHT SINGLE QUOTATION MARK}s"
MOST_TOLD = 3  # values of a field that have a sentence each
MOST_PLACES = 4  # settings of the other fields that are told one by one


def answer(found: Findings) -> list[str]:
    """The sentences that answer a study's question."""
    repeated, unjudged = _published(found)
    if repeated:
        return [*repeated, *unjudged]
    fields = found.asked
    sentences = [freed(found)] if "rescue" in fields and found.freed else []
    together: set[str] = set()  # fields that go along with one that was told already
    for name in fields:
        if name != "rescue" and name not in together:
            along = going_along(found.trials, name)
            together.update(along)
            many = name in NUMBERS and len(values(found.trials, name)) > 2 and not along
            sentences.extend(_range(found, name, len(fields) == 1) if many else _differences(found, name))
    sentences += _deaths(found) if fields == ["lr"] and can_end_dead(found.trials).all() else []
    told = [*sentences, _nearest(found)] if len(fields) == 1 else [_nearest(found), *sentences]
    return [*told, *unjudged]


def _nearest(found: Findings) -> str:
    """How often the article's networks, or those most like them, succeed."""
    at, place = found.nearest, words.condition(found.nearest, found.called_by)
    who = f"{THE_ARTICLES} own networks" if not any(distance(at)) else f"the networks most like {THE_ARTICLES}"
    learn = "learn XOR" if {*found.trials["task"].unique()} == {"xor"} else "learn their task"
    stuck = stuck_rate(at)
    rest = Rate.of(at["n"] - at["solved"] - stuck.count, at["n"])
    neither = f"; {words.rate(rest)} do neither" if words.percent(rest.rate) != words.percent(0) else ""
    return f"Of {who} ({place}) {words.share(at)} {learn} and {words.rate(stuck)} get stuck{neither}."


def _span(solved: Solved, row: pd.Series, part: pd.DataFrame, field: str) -> tuple[str, Any]:
    """At which values of a field success is high enough in one setting of the others, and the upper limit, if any.

    'with He, success is at least 95 % from 9 to 16 units, the largest tried (9 units: 96.9 % (…))'. The range lies
    around the best value, as far as success is at least `ENOUGH` or, if it is so nowhere, at most `MARGIN` below the
    best. Others are told apart, and so is what chance may have set apart: such an end is no limit.
    """
    place = f"with {words.condition(row, row.index)}, " if len(row) else ""
    part = part.sort_values(field)
    tried, rates, keys = part[field].tolist(), part["solved_rate"].to_numpy(float), part["condition"].tolist()
    if not rates.any():
        return f"{place}no run is solved anywhere from {words.span(field, tried[0], tried[-1])}", None
    good = rates >= (ENOUGH if rates.max() >= ENOUGH else rates.max() - MARGIN)
    best, bad = int(rates.argmax()), [-1, *np.flatnonzero(~good).tolist(), len(part)]
    first, last = max(each for each in bad if each < best) + 1, min(each for each in bad if each > best) - 1
    apart = [phrase(field, tried[i]) for i in np.flatnonzero(good) if not first <= i <= last]
    upward, downward = last == len(part) - 1, first == 0
    edges = {i: solved.compare(keys[i], keys[i + 1]) for i in (first - 1, last) if 0 <= i < len(part) - 1}
    equal = [words.span(field, tried[i], tried[i + 1]) for i, it in edges.items() if not (it.low > 0 or it.high < 0)]
    end = "" if upward == downward else ", the largest tried" if upward else ", the smallest tried"
    if first == last:
        where = f"at {phrase(field, tried[best])}{'' if apart or equal else ' alone'}{end}"
    elif upward or not downward:
        where = f"{'throughout, ' * downward}from {words.span(field, tried[first], tried[last])}{end}"
    else:
        where = f"from {phrase(field, tried[first])}{end}, to {phrase(field, tried[last])}"
    where += f" and again at {words.listed(apart)}" if apart else ""
    short = f"success does not reach {100 * ENOUGH:.0f} %; it is within {100 * MARGIN:.0f} points of its best"
    what = f"success is at least {100 * ENOUGH:.0f} %" if rates.max() >= ENOUGH else short
    shown = part.iloc[sorted({*edges, *(i + 1 for i in edges)})].iterrows()
    told = [f"{phrase(field, at[field])}: {words.share(at)}" for _, at in shown]
    told += [f"no clear difference from {' nor from '.join(equal)}"] if equal else []
    beyond = [solved.compare(keys[best], key).high for key in keys[last + 1 :]]
    limit = tried[last] if not apart and min(beyond, default=0) < 0 else None
    return f"{place}{what} {where}" + (f" ({'; '.join(told)})" if told else ""), limit


def _range(found: Findings, field: str, alone: bool) -> list[str]:
    """Where success is high enough along a field: most like the article's setting, or in each of few if `alone`."""
    rest = [name for name in found.fields if name != field]
    parts = [(row, part) for row, part in slices(found.summary, rest) if len(values(part, field)) > 1]
    spans = [_span(found.solved, row, part, field) for row, part in parts]
    every = alone and len(spans) <= MOST_PLACES
    shown = spans if every else [spans[closest((row for row, _ in parts), found.nearest)]]
    told = [f"{text[:1].upper()}{text[1:]}." for text, _ in shown]
    limits = sorted(limit for _, limit in spans if limit is not None)
    if len(told) < len(spans) and len({*limits}) > 1:
        few = words.all_of(len(spans)) if len(limits) == len(spans) else f"{len(limits):,} of the {len(spans):,}"
        ends = words.span(field, limits[0], limits[-1])
        told[-1] += f" {few[:1].upper()}{few[1:]} settings of the other fields have an upper limit, from {ends}."
    return told


def _deaths(found: Findings) -> list[str]:
    """The learning rate from which on clearly more units die in training than at the smallest, half as many again."""
    rest, told = [name for name in found.fields if name != "lr"], list[str]()
    runs = found.trials[found.trials["dead_final"].notna().to_numpy(bool)]  # where a run diverges nobody knows
    died = (runs["dead_final"] - runs["dead_init"]).to_numpy(float)
    told_of = sums(runs, {"known": 1, "died": died, "squares": died**2})
    table = found.summary.join(told_of, on="condition", how="inner").sort_values("lr")
    # Runs that share a seed are taken for independent ones, and deaths to vary as those of independent units at least.
    mean = table["died"] / table["known"]
    variance = (table["squares"] - mean * table["died"]) / (table["known"] - 1).clip(1)
    table = table.assign(mean=mean, std=np.sqrt(np.maximum(variance, mean)))
    numbers = ["mean", "std", "known", "lr"]
    smallest = table.groupby(rest or np.zeros(len(table)), dropna=False, observed=True)[numbers].transform("first")
    m, std, n, lr, m0, std0, n0, lr0 = np.hstack([table[numbers], smallest]).T
    p = np.asarray(scipy.stats.ttest_ind_from_stats(m, std, n, m0, std0, n0, equal_var=False).pvalue)
    sure, tested = np.zeros(len(p), bool), (lr > lr0) & np.isfinite(p)
    sure[tested] = holm(p[tested]) < SIGNIFICANT
    for row, part in slices(table.assign(sure=sure), rest):
        least = part.iloc[0]
        more = (part["mean"] > 1.5 * max(least["mean"], 0))[::-1].cummin()[::-1]
        for _, at in part[(more & part["sure"]).to_numpy(bool)][:1].iterrows():
            place = f"with {words.condition(row, rest)}, " if rest else ""
            few, many = (f"{each['mean']:.2f} units a run, n{words.IS}{each['known']:,}" for each in (least, at))
            low, high = phrase("lr", least["lr"]), phrase("lr", at["lr"])
            told.append(f"{place}from {high} on ({low}: {few}; {high}: {many})")
    how = f"at least half as many again (Welch's test, Holm-adjusted p < {SIGNIFICANT})"
    return [f"Larger steps kill more units, {how}: {'; '.join(told)}."] if told else []


def _differences(found: Findings, field: str) -> list[str]:
    """What each value of a field does to success against the first one, seed by seed."""
    first, *rest = values(found.trials, field)
    along = going_along(found.trials, field)
    table = compare_values(found.trials, field, found.solved, [(first, value) for value in rest], along)
    fields = [name for name in found.fields if name not in (field, *along)]
    rows = {value: with_values(found.trials, {field: value}, [field]).iloc[0] for value in (first, *rest)}
    sentences, more = list[str](), list[str]()
    for value in rest:
        own = [name for name in along if not same(rows[value][name], rows[first][name])]
        told = {one: f" ({words.condition(rows[one], own)})" if own else "" for one in (first, value)}
        mine = table[(table["second"] == value).to_numpy(bool)]
        change = f"{phrase(field, value)}{told[value]} instead of {value_text(field, first)}{told[first]}"
        if mine["n"].max() > 1 and len(sentences) < MOST_TOLD:
            sentences.append(_difference(f"Using {change}", mine, fields, found.nearest))
        elif mine["n"].max() > 1:
            at = mine.iloc[closest(mine[fields].to_dict("records"), found.nearest)]
            place = f", with {words.condition(at, fields)}" if fields else ""
            more.append(f"{phrase(field, value)}{told[value]}{place}: {words.difference(at['pair'])}")
    sentences += [f"Also: {'; '.join(more)}."] if more else []
    return ["One seed does not tell what this changes."] if table["n"].max() == 1 else sentences


def _difference(change: str, mine: pd.DataFrame, fields: list[str], nearest: pd.Series) -> str:
    sure = (mine["p_holm"] < SIGNIFICANT).to_numpy(bool)
    up, down = (sure & side.to_numpy(bool) for side in (mine["low"] > 0, mine["high"] < 0))
    left = ~(up | down)
    if len(mine) == 1:
        does = "makes no clear difference:" if left.any() else "changes success by"
        return f"{change} {does} {words.difference(mine['pair'].iloc[0])}."
    told = {"raises success": up, f"lowers {'it' if up.any() else 'success'}": down, "makes no clear difference": left}
    counts = []
    for what, part in ((what, mine[chosen]) for what, chosen in told.items() if chosen.any()):
        some = f"1 ({words.condition(part.iloc[0], fields)})" if len(part) == 1 else f"{len(part):,}"
        whole = f"{'either' if len(part) == 2 else 'any'} of {len(part):,}" if left.all() else words.all_of(len(part))
        counts.append(f"{what} in {whole if len(part) == len(mine) else some}")
    at = closest(mine[fields].to_dict("records"), nearest)
    ends = " to ".join(dict.fromkeys(map(words.points, (mine["difference"].min(), mine["difference"].max()))))
    counted = f"{words.listed(counts)}{'' if len(counts) == 1 else f' of {len(mine):,}'}"
    here = f"with {words.condition(mine.iloc[at], fields)}, the difference is"
    return f"{change} {counted} paired comparisons ({ends} points); {here} {words.difference(mine['pair'].iloc[at])}."


def freed(found: Findings) -> str:
    """What each intervention frees of the stuck runs most like the article's, most first."""
    at = found.freed[closest(({**each.row, "rescue": None} for each in found.freed), found.nearest)]
    mine = sorted((each for each in found.freed if each.row.equals(at.row)), key=lambda each: -each.rate.rate)
    told = [f"{words.rescue(each.intervention)} {words.rate(each.rate)}" for each in mine]
    place = f" ({words.condition(at.row, [*at.row.index])})" if len(at.row) else ""
    return f"What frees the stuck runs most like {THE_ARTICLES}{place}: {'; '.join(told)}."


def _published(found: Findings) -> tuple[list[str], list[str]]:
    """How many published figures agree with ours and which do not; and how many have no number, or too few runs."""
    agree, differ = ([each for each in found.published if each.verdict == verdict] for verdict in (AGREE, DIFFER))
    errors = [each for each in found.published if each.errors]
    told, judged, left = [], len(agree) + len(differ), len(found.published) - len(agree) - len(differ) - len(errors)
    if differ:
        counts = f"{len(agree):,} agree{'s' * (len(agree) == 1)} with ours and {len(differ):,}"
        told.append(f"Of {judged:,} published success rates {counts} do{'es' * (len(differ) == 1)} not.")
    elif agree:
        every = f"All {judged:,} published success rates agree" if judged > 1 else "The published success rate agrees"
        told.append(f"{every} with ours.")
    for each in differ or ([] if agree else errors):
        theirs = f"theirs {words.percent(each.theirs.rate)}" if each.theirs else each.says
        ours = f"{words.rate(each.solved)}" if each.theirs else f"{each.ours}, {each.verdict}"
        name = ", ".join(filter(None, [each.source, each.where, each.quoted]))
        told.append(f"{name}: {theirs}, ours {ours}.")
    one = "One published result has" if left == 1 else f"{left:,} published results have"
    return told, [f"{one} no number, or too few runs, to be held against ours."] if left else []
