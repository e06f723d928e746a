"""The fields of a condition (`nnxor.condition.Field`), as described by the manifests that have been read."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Field:
    """A field: its default, its short and its long name, the scale of its axis, and how its values are said.

    `phrase` is a sentence's part with '{}' for the value; `words` are values that are said in words of their own;
    `entries` tells of each name that the field may be: label, and whether it is smooth and so on.
    """

    default: Any
    symbol: str
    label: str
    scale: str
    phrase: str
    setting: bool
    words: Mapping[str, str]
    entries: Mapping[str, Mapping[str, Any]]


FIELDS: dict[str, Field] = {}  # the fields by name, in the order of a condition's canonical text

LONGEST, LONGEST_TOGETHER = 40, 16
"""Letters of a value, of which longer ones (formulas of an init, say) are cut; and of a phrase on one line."""


def learn(fields: Mapping[str, Mapping[str, Any]]) -> None:
    """Add what a manifest tells of the fields."""
    for name, told in fields.items():
        whole = {each.name: told[each.name] for each in dataclasses.fields(Field)}
        for part in ("words", "entries"):
            whole[part] = {**getattr(FIELDS.get(name), part, {}), **told[part]}
        FIELDS[name] = Field(**whole)


def defaults() -> dict[str, Any]:
    """The article's own condition: the default of each field."""
    return {name: field.default for name, field in FIELDS.items()}


def is_missing(what: Any) -> bool:
    """Whether a value stands for none: batch_size of the full batch, rescue of runs that are left alone."""
    return what is None or what is pd.NA or what != what


def value_text(name: str, what: Any) -> str:
    """A value of a field, short: 'He', '0.003', 'U(\N{MINUS SIGN}1, 1)', 'full batch'."""
    field, text = FIELDS[name], _plain(name, what)
    text = field.words.get(text) or str(field.entries.get(text, {}).get("label", text))
    text = success(text) if name == "success" else text
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _plain(name: str, what: Any) -> str:
    """A value as the words of a field are keyed: numbers of a logarithmic axis to three digits."""
    if is_missing(what):
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
    return FIELDS[name].scale == "log" and all(not is_missing(each) and float(each) > 0 for each in values)


def is_number(name: str) -> bool:
    """Whether the field is a number, so that its values have places along an axis."""
    return FIELDS[name].scale != "names"


def counts(name: str, row: Any) -> bool:
    """Whether a field has an effect in a condition: the slope, say, only where the units have one."""
    if not FIELDS[name].setting:
        return True
    chosen = [field.entries.get(str(row[each]), {}) for each, field in FIELDS.items() if field.entries and each in row]
    return not chosen or any(name in entry.get("settings", ()) for entry in chosen)


def asks(name: str, entry: Any, what: str) -> bool:
    """A property of the entry that a field names: asks('activation', 'tanh', 'smooth')."""
    return bool(FIELDS[name].entries.get(str(entry), {}).get(what, False))
