"""The answer to a study's own question, in a few sentences: what the report says first.

A study names the fields that it asks about (`asks`). A number that takes more than two values is answered by the
range in which success is high enough, any other field by paired differences, a rescue by what it frees, and a study
that repeats published settings by how many of them agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis.data.conditions import NUMBERS, closest, distance, others, slices, values, with_values
from analysis.data.field_labels import FIELDS, phrase, value_text
from analysis.data.reading import can_die, swept
from analysis.findings.findings import Findings
from analysis.findings.paired import as_paired, compare_values, going_along
from analysis.findings.published import AGREE, DIFFER, Beside
from analysis.findings.statistics import SIGNIFICANT
from analysis.findings.summary import stuck_rate
from analysis.text import words

ENOUGH = 0.95  # a success rate that counts as almost certain
MARGIN = 0.03  # how far below the best rate one still counts as high, where none is almost certain
THE_ARTICLES = "the article\N{RIGHT SINGLE QUOTATION MARK}s"
MOST_PLACES = 4  # settings of the other fields that are told one by one


def asked(found: Findings, asks: Sequence[str]) -> list[str]:
    """The fields that the study asks about and that it sweeps; all that it sweeps if there are none."""
    fields = swept(found.every)
    return [name for name in asks if name in fields] or fields


def answer(found: Findings, asks: Sequence[str]) -> list[str]:
    """The sentences that answer a study's question."""
    if any(each.verdict in (AGREE, DIFFER) for each in found.published):
        return [*_published(found), *_unjudged(found)]
    told = [f"{_entry(one)}: {one.says}, ours {one.ours}, {one.verdict}." for one in found.published if one.errors]
    if told:
        return [*told, *_unjudged(found)]
    fields = asked(found, asks)
    sentences = [freed(found)] if "rescue" in fields and found.freed else []
    together: set[str] = set()  # fields that go along with one that was told already
    for name in fields:
        if name != "rescue" and name not in together:
            together.update(going_along(found.trials, name))
            many = name in NUMBERS and len(values(found.trials, name)) > 2
            sentences.extend(_range(found, name, len(fields) == 1) if many else _differences(found, name))
    sentences += _deaths(found) if fields == ["lr"] and can_die(found.summary).all() else []
    told = [*sentences, _nearest(found)] if len(fields) == 1 else [_nearest(found), *sentences]
    return [*told, *_unjudged(found)]


def _nearest(found: Findings) -> str:
    """How often the article's networks, or those most like them, succeed."""
    at = found.nearest
    own = not any(distance(at))
    fields = list(dict.fromkeys(["hidden", "init", "lr", *found.fields]))
    place = words.condition(at, [name for name in fields if name in FIELDS])
    who = f"{THE_ARTICLES} own networks" if own else f"the networks most like {THE_ARTICLES}"
    learn = "learn XOR" if {*found.trials["task"].unique()} == {"xor"} else "learn their task"
    return f"Of {who} ({place}) {words.share(at)} {learn} and {words.rate(stuck_rate(at))} get stuck."


@dataclass(frozen=True)
class Span:
    """The values of a field, one setting of the others, at which success is high enough: `first` to `last` of `part`.

    `sure` says that it is at least `ENOUGH` there; else it is at most `MARGIN` below the best there is.
    """

    row: pd.Series
    part: pd.DataFrame
    first: int
    last: int
    sure: bool

    def text(self, field: str) -> str:
        """'from 9 units on at least 95 % are solved (9 units: 96.9 % (…))'."""
        ends = [phrase(field, self.part[field].iloc[place]) for place in (self.first, self.last)]
        upward, downward = self.last == len(self.part) - 1, self.first == 0
        edges = ([] if downward else [self.first - 1, self.first]) + ([] if upward else [self.last, self.last + 1])
        if not self.part["solved"].any():
            return f"no run is solved at any {FIELDS[field].label}"
        told = self.part.iloc[sorted(set(edges))].to_dict("records")
        rates = [f"{phrase(field, row[field])}: {words.share(row)}" for row in told]
        between = f"from {words.span(field, *self.part[field].iloc[[self.first, self.last]])}"
        where = {
            (True, True): f"throughout, {between}", (True, False): f"from {ends[0]} on",
            (False, True): f"up to {ends[1]}",
            (False, False): f"at {ends[0]} alone" if self.first == self.last else between,
        }[upward, downward]  # fmt: skip
        short = f"success does not reach {100 * ENOUGH:.0f} %; it is within {100 * MARGIN:.0f} points of its best"
        what = f"success is at least {100 * ENOUGH:.0f} %" if self.sure else short
        return f"{what} {where}" + (f" ({'; '.join(rates)})" if rates else "")


def span(row: pd.Series, part: pd.DataFrame, field: str) -> Span:
    """The neighbouring values of a field around the best one at which success is high enough."""
    part = part.sort_values(field)
    rates = part["solved_rate"].to_numpy(float)
    sure = bool(rates.max() >= ENOUGH)
    good = rates >= (ENOUGH if sure else rates.max() - MARGIN)
    first = last = int(rates.argmax())
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(part) - 1 and good[last + 1]:
        last += 1
    return Span(row, part, first, last, sure)


def _range(found: Findings, field: str, alone: bool) -> list[str]:
    """Where success is high enough along a field, for the setting of the others most like the article's.

    If the study asks about this field alone, for each setting of the others, unless there are many.
    """
    rest = [name for name in others(found.trials, field) if name in FIELDS]
    spans = [span(row, part, field) for row, part in slices(found.summary, rest) if len(values(part, field)) > 1]
    at = spans[closest(each.row for each in spans)]
    shown = spans if alone and len(spans) <= MOST_PLACES else [at]
    place = [f"with {words.condition(each.row, rest)}, " if rest else "" for each in shown]
    texts = [f"{where}{each.text(field)}." for where, each in zip(place, shown, strict=True)]
    told = [text[:1].upper() + text[1:] for text in texts]
    limits = sorted(each.part[field].iloc[each.last] for each in spans if each.last < len(each.part) - 1)
    if len(shown) < len(spans) and len({*limits}) > 1:
        ends = words.span(field, limits[0], limits[-1])
        told[-1] += (
            f" Of the {len(spans):,} settings of the other fields {len(limits):,} have an upper limit, from {ends}."
        )
    return told


def _deaths(found: Findings) -> list[str]:
    """From which step on clearly more units die in training than at the smallest one, in a sentence."""
    rest, told = others(found.trials, "lr"), []
    table = found.summary.assign(died=lambda each: each["dead_final_mean"] - each["dead_init_mean"]).sort_values("lr")
    for row, part in slices(table, rest):
        least = max(part["died"].iloc[0], 0)
        more = part[(part["died"] > 1.5 * least).to_numpy(bool)]
        if len(more):
            lr, died = more[["lr", "died"]].iloc[0]
            place = f" with {words.condition(row, rest)}" if rest else ""
            told.append(f"from {phrase('lr', lr)} on{place} ({least:.2f} to {died:.2f})")
    at = f"{phrase('lr', found.summary['lr'].min())} (units per run, means of {found.summary['n'].min():,} runs)"
    return [f"Large steps kill units, half as many again as at {at} {words.listed(told)}."] if told else []


def _differences(found: Findings, field: str) -> list[str]:
    """What each value of a field does to success against the first one, seed by seed."""
    first, *rest = values(found.trials, field)
    along = going_along(found.trials, field)
    table = compare_values(found.trials, field, found.solved, [(first, value) for value in rest], along)
    fields = [name for name in others(found.trials, field) if name in table]
    told = {value: _with(found.trials, field, value, along) for value in (first, *rest)}
    sentences = []
    for value in rest[:3]:
        mine = table[(table["second"] == value).to_numpy(bool)]
        change = f"{phrase(field, value)}{told[value]} instead of {value_text(field, first)}{told[first]}"
        sentences += [_difference(f"Using {change}", mine, fields)] if mine["n"].max() > 1 else []
    return sentences


def _with(trials: pd.DataFrame, field: str, value: Any, along: list[str]) -> str:
    """What goes along with a value of a field, in brackets."""
    row = with_values(trials, {field: value}, [field]).iloc[0]
    return f" ({words.condition(row, along)})" if along else ""


def _difference(change: str, mine: pd.DataFrame, fields: list[str]) -> str:
    sure = (mine["p_holm"] < SIGNIFICANT).to_numpy(bool)
    up, down = (int((sure & side.to_numpy(bool)).sum()) for side in (mine["low"] > 0, mine["high"] < 0))
    if len(mine) == 1:
        does = "changes success by" if up or down else "makes no clear difference:"
        return f"{change} {does} {words.difference(as_paired(mine.iloc[0]))}."
    left = len(mine) - up - down
    told = {"raises success": up, f"lowers {'it' if up else 'success'}": down, "makes no clear difference": left}
    whole = f"any of {left:,}" if left else words.all_of(len(mine))
    counts = [f"{what} in {whole if n == len(mine) else f'{n:,}'}" for what, n in told.items() if n]
    at = closest(mine[fields].to_dict("records"))
    ends = " to ".join(dict.fromkeys(map(words.points, (mine["difference"].min(), mine["difference"].max()))))
    counted = f"{words.listed(counts)}{'' if len(counts) == 1 else f' of {len(mine):,}'}"
    here = f"with {words.condition(mine.iloc[at], fields)} by {words.difference(as_paired(mine.iloc[at]))}"
    return f"{change} {counted} paired comparisons ({ends} points); {here}."


def freed(found: Findings) -> str:
    """What each intervention frees of the stuck runs most like the article's, most first."""
    at = found.freed[closest({**each.row, "rescue": None} for each in found.freed)]
    fields = [name for name in found.fields if name != "rescue"]
    mine = [each for each in found.freed if (each.row[fields] == at.row[fields]).all()]
    mine.sort(key=lambda each: -each.rate.rate)
    told = [f"{words.rescue(each.intervention)} {words.rate(each.rate)}" for each in mine]
    place = f" ({words.condition(at.row, fields)})" if fields else ""
    return f"What frees the stuck runs most like {THE_ARTICLES}{place}: {'; '.join(told)}."


def _published(found: Findings) -> list[str]:
    """How many published figures agree with ours, and which do not."""
    judged = [each for each in found.published if each.verdict in (AGREE, DIFFER)]
    differ = [each for each in judged if each.verdict == DIFFER]
    agree = len(judged) - len(differ)
    counts = f"{agree:,} agree{'s' * (agree == 1)} with ours and {len(differ):,} do{'es' * (len(differ) == 1)} not"
    some = f"Of {len(judged):,} published success rates {counts}."
    every = f"All {agree:,} published success rates agree" if agree > 1 else "The published success rate agrees"
    told = [some if differ else f"{every} with ours."]
    for each in differ:
        assert each.theirs is not None  # else it cannot differ
        told.append(f"{_entry(each)}: theirs {words.percent(each.theirs.rate)}, ours {words.rate(each.solved)}.")
    return told


def _entry(each: Beside) -> str:
    return ", ".join(filter(None, [each.source, each.where, each.quoted]))


def _unjudged(found: Findings) -> list[str]:
    """How many published figures can neither agree nor differ, for want of numbers or of runs."""
    n = sum(each.verdict not in (AGREE, DIFFER) and not each.errors for each in found.published)
    one = "One published result has" if n == 1 else f"{n:,} published results have"
    return [f"{one} no number, or too few runs, to be held against ours."] if n else []
