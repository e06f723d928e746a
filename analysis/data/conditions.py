"""The fields of a condition, how they and their values are called, and which conditions a study has."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd


class Field(NamedTuple):
    """A field: its default, its short and its long name, the scale of its axis, and how its values are said.

    `phrase` is a sentence's part with '{}' for the value; `words` are values that are said in words of their own.
    A `setting` counts where an entry has it, and what `needs` a field where that has a value; `entries` tells of each
    name that the field may be: label, and whether it is smooth and so on.
    """

    default: Any
    symbol: str
    label: str
    scale: str
    phrase: str
    setting: bool
    needs: str
    words: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]


FIELDS: dict[str, Field] = {}  # by name, learnt from manifests; in the order of a canonical text
NAMING = ("hidden", "init", "lr")  # fields that a run is called by, besides those that tell it apart
NUMBERS = ("hidden", "scale", "lr", "epochs")  # fields whose distance from the article's value is counted in octaves
LONGEST, LONGEST_TOGETHER = 40, 16  # letters of a value, of which longer ones are cut, and of a phrase on one line


def learn(fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Add what a manifest tells of the fields."""
    for name, told in fields.items():
        whole = {about: told.get(about, "") for about in Field._fields}
        for part in ("words", "entries"):
            whole[part] = {**getattr(FIELDS.get(name), part, {}), **told[part]}
        FIELDS[name] = Field(**whole)


def defaults() -> dict[str, Any]:
    """The article's own condition: the default of each field."""
    return {name: field.default for name, field in FIELDS.items()}


def value_text(name: str, what: Any) -> str:
    """A value of a field, short: 'He', '0.003', 'U(\N{MINUS SIGN}1, 1)', 'full batch'."""
    field, text = FIELDS[name], _plain(name, what)
    text = field.words.get(text) or str(field.entries.get(text, {}).get("label", text))
    text = success(text) if name == "success" else text
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _plain(name: str, what: Any) -> str:
    """A value as the words of a field are keyed: numbers of a logarithmic axis to three digits."""
    if pd.isna(what):
        return "None"
    if isinstance(what, float):
        digits = ",.0f" if what.is_integer() and 0 <= what < 1e6 else ".3g" if FIELDS[name].scale == "log" else "g"
        return f"{what:{digits}}".replace("-", "\N{MINUS SIGN}")
    text = str(what)
    return f"{int(text):,}" if text.isdigit() else text


def success(rule: str) -> str:
    """A success rule, 'loss 0.001' say, in short: 'loss \N{LESS-THAN OR EQUAL TO} 0.001'; other texts as they are."""
    name, _, setting = rule.partition(" ")
    if name == "threshold":
        return f"every row on its side {setting}".strip()
    rules = {"loss": f"loss \N{LESS-THAN OR EQUAL TO} {setting}", "margin": f"every row within {setting}"}
    return rules.get(name, rule) if setting[:1].isdigit() else rule


def phrase(name: str, what: Any) -> str:
    """A field and its value as a sentence has them: '4 units', 'He', 'lr 0.1', 'no biases'."""
    field = FIELDS[name]
    if _plain(name, what) in field.words:
        return value_text(name, what)
    text = field.phrase.format(value_text(name, what))
    text = text if len(text) > LONGEST_TOGETHER else text.replace(" ", "\N{NO-BREAK SPACE}")
    return text.removesuffix("s") if what == 1 and "{} " in field.phrase else text


def is_log(name: str, values: Sequence[Any]) -> bool:
    """Whether these values of a field lie on a logarithmic axis."""
    return FIELDS[name].scale == "log" and all(not pd.isna(each) and float(each) > 0 for each in values)


def is_number(name: str) -> bool:
    """Whether the field is a number, so that its values have places along an axis."""
    return FIELDS[name].scale != "names"


def counts(name: str, row: Any) -> bool:
    """Whether a field has an effect in a condition: the slope, say, only where the units have one."""
    if pd.isna(row[name]) and FIELDS[name].default is not None:
        return False
    if (needs := str(FIELDS[name].needs)) in row:
        return not pd.isna(row[needs])
    if not FIELDS[name].setting:
        return True
    chosen = [field.entries.get(str(row[each]), {}) for each, field in FIELDS.items() if field.entries and each in row]
    return not chosen or any(name in entry.get("settings", ()) for entry in chosen)


def depends(name: str, other: str) -> bool:
    """Whether it is for another field to say if this one has an effect."""
    entries = FIELDS[other].entries.values()
    return FIELDS[name].needs == other or any(name in each.get("settings", ()) for each in entries)


def asks(name: str, entry: Any, what: str) -> Any:
    """A property of the entry that a field names: asks('activation', 'tanh', 'smooth'); None where it has none."""
    return FIELDS[name].entries.get(str(entry), {}).get(what)


def conditions(trials: pd.DataFrame) -> pd.DataFrame:
    """A row a condition, in the order of the trials: its key and its fields."""
    return trials.drop_duplicates("condition", ignore_index=True)[["condition", *FIELDS]]


def distance(row: Any) -> tuple[int, float]:
    """How far a condition is from the article's: other fields that differ, then octaves in H, scale, lr and epochs."""
    others = sum(not same(row[name], FIELDS[name].default) for name in FIELDS if name not in NUMBERS)
    octaves = sum(abs(math.log2(max(float(row[name]), 1e-9) / FIELDS[name].default)) for name in NUMBERS)
    return others, round(octaves, 9)


def same(value: Any, other: Any) -> bool:
    """Whether two values of a field are equal; a missing one, however it is written, is equal to a missing one."""
    missing = pd.isna(value), pd.isna(other)
    return all(missing) if any(missing) else bool(value == other)


def closest(rows: Iterable[Any], like: Any = None) -> int:
    """The place of the row nearest to the article's condition; of equals, most like another."""
    found = [dict(row) for row in rows]  # a field that a row lacks counts as the article's
    far = [(distance({**defaults(), **row}), 0 if like is None else len(unusual(like, row))) for row in found]
    return far.index(min(far))


def with_values(trials: pd.DataFrame, row: Any, fields: Iterable[str]) -> pd.DataFrame:
    """The trials that have the values of a row in these fields; a missing value equals a missing one."""
    for name in fields:
        alike = trials[name].isna() if pd.isna(row[name]) else (trials[name] == row[name]).fillna(False)
        trials = trials[alike.to_numpy(bool)]
    return trials


def slices(trials: pd.DataFrame, fields: Sequence[str]) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Each combination of values that these fields take, in order, and the trials (or conditions) that have it."""
    names = list(fields)
    ordered = trials.sort_values(names, na_position="first", kind="stable") if names else trials
    together = names or np.zeros(len(trials))
    for _, part in ordered.groupby(together, dropna=False, observed=True, sort=False):
        yield part[names].iloc[0], part


def usual(table: pd.DataFrame, fields: Sequence[str]) -> dict[str, Any]:
    """The commonest value of each field over the conditions; ties go to the article's value, else to the first."""
    found: dict[str, Any] = {}
    for name in fields:
        counts = Counter(None if pd.isna(value) else value for value in table[name])
        found[name] = max(counts, key=lambda value: (counts[value], same(value, FIELDS[name].default)))
    return found


def unusual(row: Any, common: Mapping[str, Any]) -> list[str]:
    """The fields in which a condition differs from the usual values."""
    return [name for name, value in common.items() if not same(row[name], value)]


def swept(trials: pd.DataFrame) -> list[str]:
    """The fields that take more than one value."""
    each = trials.drop_duplicates("condition") if "condition" in trials else trials
    return [name for name in FIELDS if len(each[name].unique()) > 1]


def values(trials: pd.DataFrame, field: str) -> list[Any]:
    """The values that a field takes, numbers by size and names with the article's first."""
    found = trials[field].drop_duplicates().sort_values(na_position="first")
    return [None if pd.isna(value) else value for value in found]


def few(found: Sequence[Any], most: int, keep: Any = None) -> list[Any]:
    """At most `most` of the values, evenly spread from the first to the last; `keep` is among them if it occurs."""
    if len(found) <= most:
        return list(found)
    places = np.round(np.arange(most) * (len(found) - 1) / max(most - 1, 1)).astype(int)
    kept = found.index(keep) if keep in found else 0
    if kept not in places:
        replaceable = places[1:-1] if most > 2 else places  # the ends stay, if anything is between them
        replaceable[np.abs(replaceable - kept).argmin()] = kept
    return [found[place] for place in sorted(places)]
