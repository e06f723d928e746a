"""The files of conf/ and of the user's folder: YAML, where the user may also have tasks as CSV and weights as .npz."""

import csv
import io
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

import conf
from analysis.data.door import read_bytes, read_text
from analysis.entry import InputError, in_a_line, turning
from experiments.study.checked import checked
from experiments.study.weight_files import given_network, load_given
from nnxor import checks
from nnxor.network.inits_in_yaml import UNIFORM, GivenWeights, Init
from nnxor.network.tasks import LARGEST_NUMBER, MOST_TIMES, Task
from nnxor.registry import hint

CONF = Path(conf.__file__).parent
FOLDERS = [CONF]  # where files of a group are sought: the user's folder (--config-dir) and ours; a command sets them
TABLES = {"task": ["*.csv"], "init": ["*.npz"]}  # what the user's folder may hold beside YAML, named with its ending
MOST_YAML, MOST_NODES, DEEPEST = 2**22, 10**6, 100  # bytes; values and levels of nesting, all references followed

Kind = TypeVar("Kind", Init, Task)
MOST = {"bytes": 2**24, "rows": 1024, "inputs": 256}  # of a task in a CSV file
FORM = "a header x1,x2,...,t (and times, if rows count more than once), then a row of numbers for each point"
OWN = {"mirror": "mirrored pairs", "margin": "margin {}", "generator": "drawn by {}"}  # settings beside the laws


def names(group: str, ours: bool = True) -> list[str]:
    """Sorted names of a group's files, FOLDER/NAME in a subfolder; or of what the user alone has, tables as well."""
    folders = [folder / group for folder in FOLDERS if ours or folder != CONF]
    kinds = ["*.yaml", *([] if ours else TABLES.get(group, []))]
    paths = (path.relative_to(folder) for folder in folders for kind in kinds for path in folder.rglob(kind))
    return sorted({path.as_posix().removesuffix(".yaml") for path in paths})


def found(group: str, name: str) -> Path:
    """The file of a name in a group; InputError where the user's folder has another one of the same name."""
    paths = [folder / group / f"{name}.yaml" for folder in FOLDERS]
    there = [path for path in paths if path.exists()]
    if len(there) > 1 and len({*map(read_bytes, there)}) > 1:
        theirs = next(path for path in there if not path.is_relative_to(CONF))
        raise InputError(f"{theirs} has the name of a file that ships; give it another name")
    return there[0] if there else paths[-1]


def shown(group: str, name: str) -> str:
    """The file of a name as messages call it: conf/GROUP/NAME.yaml, or where the user has it."""
    path = found(group, name)
    return f"conf/{group}/{name}.yaml" if path.is_relative_to(CONF) else str(path)


def beside(group: str, file: str) -> str:
    """A file of a study: from here, or else from a group's folder of the user (--config-dir)."""
    paths = [folder / group / file for folder in FOLDERS if not Path(file).exists()]
    return next((str(path) for path in paths if path.exists()), file)


def read_yaml(path: Path) -> Any:
    """What a regular file of YAML holds; OSError or ValueError, in one line, says what is wrong with it."""
    text = read_text(path, MOST_YAML)
    with turning(yaml.YAMLError, ValueError):
        _refuse_endless(text)
        return yaml.load(text, yaml.CSafeLoader)


def _refuse_endless(text: str) -> None:
    """ValueError for YAML that is nested too deeply, or would grow without end as references are followed."""
    known: dict[str | None, tuple[int, int]] = {}
    open_: list[tuple[str | None, int, int]] = [(None, 0, 0)]  # anchor, values and levels so far
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, 1, 0))
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionEndEvent):
            anchor, size, depth = getattr(event, "anchor", None), 1, 0
            if isinstance(event, yaml.AliasEvent):  # of what is still open: within itself
                size, depth = known.get(anchor, (MOST_NODES + 1, 0))
            elif isinstance(event, yaml.CollectionEndEvent):
                anchor, size, depth = open_.pop()
            known[anchor] = size, depth
            parent, values, levels = open_[-1]
            open_[-1] = parent, values + size, max(levels, depth + 1)
        if len(open_) + open_[-1][2] > DEEPEST or open_[-1][1] > MOST_NODES:
            raise ValueError("it is nested too deeply, or grows without end by references to itself")


def read(group: str, name: str, key: str) -> dict[str, object]:
    """What conf/GROUP/NAME.yaml holds, ours or the user's; InputError names the key of which it is the value."""
    if name not in names(group):
        raise InputError(f"{key}={name} is unknown; {hint(name, names(group))}")
    with turning((OSError, ValueError), InputError, f"{shown(group, name)} is not YAML: "):
        content = read_yaml(found(group, name))
    if not isinstance(content, dict):
        raise InputError(f"{shown(group, name)} must hold keys and values")
    return content


def _of(kind: type[Kind], name: str, content: Mapping[str, object], where: str) -> Kind:
    with turning(ValueError, InputError, f"{where}: "):
        return kind.of(name, content)


def init(name: str, key: str = "init") -> Init:
    """The initialization in conf/init/NAME.yaml; InputError says what is wrong with it."""
    return _of(Init, name, read("init", name, key), shown("init", name))


def task(name: str, key: str = "task") -> Task:
    """The task in conf/task/NAME.yaml; InputError says what is wrong with it."""
    return _of(Task, name, read("task", name, key), shown("task", name))


def read_task(key: str, value: object) -> Task:
    """A task as a configuration gives it: a name in conf/task, a CSV file, or {name: …, rows: …}; or InputError."""
    if isinstance(value, Mapping):
        return _of(Task, str(value.get("name", "given")), {k: v for k, v in value.items() if k != "name"}, key)
    name = checked(key, value, checks.instance(str, "a name in conf/task, or a .csv file"))
    return load_task(key, beside("task", name)) if name.lower().endswith(".csv") else task(name, key)


def read_init(key: str, value: object) -> Init | GivenWeights:
    """An initialization as a configuration gives it; InputError says what is wrong with it.

    Either a name in conf/init, or {NAME: {parameter: value}} for that one with other parameters of its weights (and
    {biases: …, outputs: …, mirror: …, margin: …}), or {name: …, weights: {distribution: …}, biases: {distribution: …}},
    or a .npz file of weights, or the weights of one network themselves, {name: …, W1: …, b1: …, W2: …, b2: …}.
    """
    if isinstance(value, Mapping):
        return (given_network if "W1" in value else _written_out if "weights" in value else _adjusted)(key, value)
    name = checked(key, value, checks.instance(str, "a name in conf/init, {NAME: {std: X}}, or a file"))
    return load_given(key, beside("init", name)) if name.lower().endswith(".npz") else init(name, key)


def written_out(field: str, value: object) -> object:
    """A value of a field, or a list of them, as it can be read without the user's folder: its file's content."""
    if isinstance(value, list):
        return [written_out(field, each) for each in value]
    if isinstance(value, str) and value.lower().endswith((".csv", ".npz")):
        return beside(field, value)
    if isinstance(value, str) and value in names(field) and not found(field, value).is_relative_to(CONF):
        return {"name": value, **read(field, value, field)}
    return value


def _written_out(key: str, value: Mapping[str, object]) -> Init:
    """The initialization {weights: {distribution: …}, …}; without a name it is called by its laws."""
    parsed = _of(Init, "", {part: law for part, law in value.items() if part != "name"}, key)
    laws = {"": parsed.weights, "biases ": parsed.biases, "outputs ": parsed.outputs}
    words = [f"{of}{law.name}({', '.join(_settings(dict(law.parameters)))})" for of, law in laws.items() if law]
    name = value.get("name", ", ".join([*words, *_settings({part: value[part] for part in OWN if part in value})]))
    if not isinstance(name, str) or not name.strip():
        raise InputError(f"{key}: name={name} is not allowed; allowed: a short text")
    return replace(parsed, name=name, label=parsed.label or str(value.get("name", _by_laws(parsed))))


def _by_laws(made: Init, first: str = "") -> str:
    """An initialization without a name of its own as readers see it: 'U(\N{MINUS SIGN}0.3, 0.3), biases 0.1'."""
    told = {part: law.label for part in ("biases", "outputs") if (law := getattr(made, part))}
    laws = [f"{part} {'too' if text == made.weights.label else text}" for part, text in told.items() if text != "0"]
    own = [text.format(value) for part, text in OWN.items() if (value := getattr(made, part)) != getattr(UNIFORM, part)]
    return ", ".join([first or made.weights.label, *laws, *own])


def _settings(given: Mapping[str, object], before: str = "") -> list[str]:
    return [f"{before}{name}={value:{'g' if isinstance(value, float) else ''}}" for name, value in given.items()]


def _adjusted(key: str, value: Mapping[str, object]) -> Init:
    """The initialization {NAME: {parameter: value, biases: {…}}}: parameters are those of the weights."""
    name, changes = next(iter(value.items()), ("", None))
    if len(value) != 1 or not isinstance(changes, Mapping) or not changes:
        raise InputError(f"{key}={dict(value)} is not allowed; allowed: {{NAME: {{parameter: value}}}}")
    content = read("init", str(name), key)
    label = str(content.pop("label", name))  # no longer true of other weights
    own = {part: changes[part] for part in OWN if part in changes}
    laws = {part: changes[part] for part in ("biases", "outputs") if part in changes}
    laws = {"weights": {k: v for k, v in changes.items() if k not in (*own, *laws)}, **laws}
    words = []
    for part, law in laws.items():
        if not isinstance(law, Mapping):
            raise InputError(f"{key}: {part}={law} is not allowed; allowed: {{parameter: value}}")
        old = content.get(part)  # of which another distribution keeps nothing
        content[part] = {**(old if isinstance(old, Mapping) and "distribution" not in law else {}), **law}
        words += _settings(law, "" if part == "weights" else f"{part}.")
    made = _of(Init, f"{name}({', '.join([*words, *_settings(own)])})", {**content, **own}, f"{key}={name}")
    return replace(made, label=_by_laws(made, "" if laws["weights"] else label))


def load_task(key: str, name: str) -> Task:
    """The task in a CSV file of x1 … xD, t, and perhaps `times`; InputError names the row that is wrong."""
    where, path = f"{key}={name}", Path(name)
    try:
        text = io.StringIO(read_bytes(path, MOST["bytes"]).decode("utf-8-sig"), newline="")
        lines = [[cell.strip() for cell in row] for row in csv.reader(text, strict=True)]
    except FileNotFoundError:
        raise InputError(f"{where} does not exist; allowed: a name in conf/task, or a .csv file") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{where} cannot be read as CSV ({in_a_line(error)}); allowed: {FORM}") from None
    (_, head), *rows = [(n, row) for n, row in enumerate(lines, 1) if any(row)] or [(1, list[str]())]
    times = head[-1:] == ["times"]
    inputs = [f"x{d + 1}" for d in range(len(head) - 1 - times)]
    if not inputs or head != [*inputs, "t", "times"][: len(head)]:
        wrong = f": its header is {','.join(head)!r}" if head else " is empty"
        raise InputError(f"{where}{wrong}; allowed: {FORM}")
    for what, n in (("inputs", len(inputs)), ("rows", len(rows))):
        if not 1 <= n <= MOST[what]:
            raise InputError(f"{where} holds {n} {what}; allowed: 1 to {MOST[what]}")
    for n, row in rows:
        if len(row) != len(head):
            raise InputError(f"{where}: line {n} holds {len(row)} values; the header has {len(head)}")
    cells = [[_number(f"{where}: line {n}", *cell) for cell in zip(head, row, strict=True)] for n, row in rows]
    *points, targets = [*zip(*cells, strict=True)][: len(inputs) + 1]
    counts = tuple(int(row[-1]) for row in cells) if times else None
    return Task(path.name, tuple(zip(*points, strict=True)), targets, None, counts)


def _number(where: str, name: str, text: str) -> float:
    try:
        value = math.nan if "_" in text else float(text)
    except ValueError:
        value = math.nan
    times = name == "times"
    if not (text.isdecimal() and 1 <= value <= MOST_TIMES if times else abs(value) <= LARGEST_NUMBER):
        allowed = f"an integer from 1 to {MOST_TIMES}" if times else f"a finite number, at most {LARGEST_NUMBER:g}"
        raise InputError(f"{where}: {name}={text!r} is not allowed; allowed: {allowed}")
    return value + 0.0  # no -0
