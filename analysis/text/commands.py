"""Command lines to copy: the study, its report and its exemplary runs again, and a look at a network of one's own.

Files are named as the user named them (`given` in the manifest), so commands work in the folder in which
the study was run. A file that the manifest does not tell of is not guessed: it has no command.
"""

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from analysis.data.conditions import FIELDS, NAMING, asks, same
from analysis.data.reading import is_given, texts_of
from analysis.entry import quoted

WORDS = ("null", "true", "false", "nan", "inf")  # texts that an override takes for something else
ELSEWHERE = ("rescue", "loss", "success")  # fields that experiments.diagnose does not take as they are


def reproducing(manifest: Mapping[str, Any], exemplars: pd.DataFrame) -> list[str]:
    """Command lines that make the study, the report and each exemplary run again."""
    typed = [[str(word) for word in run.get("command", [])] for run in manifest.get("runs", [])]
    runs = [words for words in typed if words[:3] == ["python", "-m", "experiments.run"] or words[:1] == ["nnxor-run"]]
    lines = [shlex.join(words) for words in runs]
    lines = lines or ["# the study was not run from a command line; config.yaml, below, says what it is"]
    lines.append(f"python -m analysis.report {shlex.quote(_folder(runs, manifest))}")
    lines += [_training(run, manifest) for _, run in exemplars.iterrows()]
    return list(dict.fromkeys(lines))


def _folder(runs: Sequence[Sequence[str]], manifest: Mapping[str, Any]) -> str:
    """The result folder, as the last run that named one has it."""
    named = [match[1] for words in runs for word in words if (match := re.fullmatch(r"\+*output=(.*)", word))]
    folder = named[-1].strip() if named else "null"
    if quoted := re.fullmatch(r"(['\"])(.*)\1", folder):  # the inverse of `override`
        return re.sub(rf"(\\+)({quoted[1]}|$)", lambda end: end[1][: len(end[1]) // 2] + end[2], quoted[2])
    if folder == "null":
        return f"results/{manifest.get('study')}"
    return re.sub(r"\\([\\()\[\]{}:=, \t])", r"\1", folder)


def _training(run: Any, manifest: Mapping[str, Any]) -> str:
    """The command that trains one exemplary run again, or a comment that says why there is none."""
    named = [name for name in FIELDS if name in NAMING or not same(run[name], FIELDS[name].default)]
    told = {name: spelt(run, name, manifest) for name in named if name != "success"}
    if lost := [str(run[name]) for name, value in told.items() if value is None]:
        end = f"the run that ended {run['outcome']} (seed {run['seed']})"
        return f"# no command for {end}: where {lost[0]} lies is not recorded"
    rule = _rule(run["success"]) if "success" in named else []
    settings = [*(f"{name}={value}" for name, value in told.items()), *rule, f"seed={run['seed']}"]
    return f"{_command('train', settings, manifest)}  # {run['outcome']}"


def diagnosing(what: str, row: Any, manifest: Mapping[str, Any], *left_out: str) -> str:
    """The command that diagnoses a network, or its loss, of a condition; a task that is not told of is FILE.csv."""
    told = []
    for name in FIELDS:
        if name not in (*ELSEWHERE, *left_out) and not same(row[name], FIELDS[name].default):
            value = spelt(row, name, manifest)
            if name == "init" and (value is None or _is_given(row, manifest)):
                continue  # nothing can be drawn like it
            told.append(f"{name}={'FILE.csv' if value is None else value}")
    if row["loss"] != FIELDS["loss"].default:
        told.append(f"loss_name={row['loss']}")
    fitting = "threshold" if asks("loss", row["loss"], "output") else FIELDS["success"].default
    told += _rule(row["success"]) if row["success"] != fitting else []
    return _command("diagnose", [what, *told], manifest)


def _command(name: str, settings: Sequence[str], manifest: Mapping[str, Any]) -> str:
    """A command of experiments, with the user's own folder where the study was run with one."""
    typed = "\n".join(str(word) for run in manifest.get("runs", []) for word in run.get("command", []))
    folders = re.findall(r"^(?:--config-dir|-cd)[=\n](.*)$", typed, re.MULTILINE)
    own = ["--config-dir", folders[-1]] if folders else []
    return f"python -m experiments.{name} {shlex.join([*own, *settings])}"


def spelt(row: Any, name: str, manifest: Mapping[str, Any]) -> str | None:
    """A condition's field as an override has it; None for a file, or weights, of which the manifest does not tell."""
    value = row[name]
    if name in ("task", "init"):
        given = manifest.get("given", {}).get(name, {})
        if value in given:
            return override(given[value])
        in_conf = re.fullmatch(r"[\w-]+", value) and not (name == "init" and _is_given(row, manifest))
        return override(value) if in_conf else None
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**31:  # a frame may have made it real
        return str(int(value))
    return override(None if pd.isna(value) else value)


def _is_given(row: Any, manifest: Mapping[str, Any]) -> bool:
    return is_given(texts_of(manifest.get("conditions", {}).get(row["condition"], ""))["init_law"])


def override(value: Any) -> str:
    """A value in the grammar of Hydra's overrides, quoted where it must be."""
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{override(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(override, value)) + "]"
    if value is None:
        return "null"
    if str(value) in ("True", "False"):
        return str(value).lower()
    if not isinstance(value, str):
        return repr(float(value)) if isinstance(value, float) else str(value)
    if re.fullmatch(r"[A-Za-z_./][\w./+@%-]*", value, re.ASCII) and value.lower() not in WORDS:
        return value
    return quoted(value)


def _rule(success: str) -> list[str]:
    """A success rule, 'margin 0.1' say, as overrides."""
    name, _, setting = success.partition(" ")
    more = "success.ties=pass" if name == "threshold" else f"success.tolerance={setting}"
    return [f"success.rule={name}", *([more] if setting else [])]
