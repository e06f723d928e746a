"""Files of conf/ and of the user's folder, by group and name, and how YAML is read; imports nothing heavy."""

from pathlib import Path
from typing import Any

import yaml

import conf
from analysis.data.door import read_text

CONF = Path(conf.__file__).parent
FOLDERS = [CONF]  # where files of a group are sought, the user's folder (--config-dir) before ours; a command sets them
TABLES = {"task": "*.csv", "init": "*.npz"}  # what the user's folder may hold beside YAML, named with its ending
MOST_YAML, MOST_NODES, DEEPEST = 2**22, 10**6, 100  # bytes; values and levels of nesting, all references followed


def names(group: str, ours: bool = True, tables: bool = False) -> list[str]:
    """Sorted names of the files of a group, or of those that are not ours; those of a subfolder as FOLDER/NAME.

    With `tables` files that are no YAML as well, by their whole names.
    """
    folders = [folder / group for folder in FOLDERS if ours or folder != CONF]
    kinds = ["*.yaml", TABLES[group]] if tables and group in TABLES else ["*.yaml"]
    paths = (path.relative_to(folder) for folder in folders for kind in kinds for path in folder.rglob(kind))
    return sorted({path.as_posix().removesuffix(".yaml") for path in paths})


def found(group: str, name: str) -> Path:
    """The file of a name in a group, the user's before ours."""
    paths = [folder / group / f"{name}.yaml" for folder in FOLDERS]
    return next((path for path in paths if path.exists()), paths[-1])


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
    try:
        _refuse_endless(text)
        return yaml.load(text, yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None


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
