"""The building: imports go one way and in no circle, rooms are small, names are unique, functions are short."""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from slow import slow

from nnxor.condition import CHOICES
from nnxor.engines import ENGINES

ROOT = Path(__file__).parent.parent
FORBIDDEN = {
    "nnxor": {
        "experiments",
        "analysis",
        "conf",
        "hydra",
        "omegaconf",
        "joblib",
        "pandas",
        "pyarrow",
        "yaml",
        "pathlib",
        "distributed",
        "dask",
        "matplotlib",
        "seaborn",
        "statsmodels",
        "rich",
        "jinja2",
    },
    "analysis": {"nnxor", "experiments", "hydra", "omegaconf", "joblib", "llvmlite"},
}
PACKAGES = ("nnxor", "experiments", "analysis")

MOST_FILES_IN_A_FOLDER = 12
MOST_LINES_IN_A_FUNCTION = 46
MOST_IMPORTS_IN_FUNCTIONS = 26
"""Lower these as the house gets better; never raise them."""


@functools.cache
def files() -> dict[Path, ast.Module]:
    """The source, read once and only where these tests run."""
    paths = (path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def imports(tree: ast.AST) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    return {name.split(".")[0] for name in imported(tree)}


def imported(tree: ast.AST) -> set[str]:
    """The modules that are imported anywhere under a node; `from a import b` may mean the module a.b."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def module(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_nothing_that_stands_above_it(package: str) -> None:
    below = {path: tree for path, tree in files().items() if path.is_relative_to(ROOT / package)}
    assert below
    for path, tree in below.items():
        allowed = {"yaml"} if path.name == "from_python.py" else set()  # it knows the names that ship
        assert not imports(tree) & FORBIDDEN[package] - allowed, path


def test_omegaconf_and_hydra_stop_at_the_entry_points() -> None:
    users = {path.name for path, tree in files().items() if imports(tree) & {"hydra", "omegaconf"}}
    assert users == {"composing.py"}


def test_only_what_ends_with_tables_and_figures_calls_the_analysis() -> None:
    """The end of a run and its exemplars (one training's, too), the comparison, the audit and the benchmark.

    What a folder is, how processes work for another, how signals are heard, how a command ends and what an interval is,
    is defined for both packages.
    """
    inside = {path: tree for path, tree in files().items() if path.is_relative_to(ROOT / "experiments")}
    users = {path.name for path, tree in inside.items() if any(from_analysis(name) for name in imported(tree))}
    assert users == {"reporting.py", "exemplars.py", "comparing.py", "timing.py", "api.py", "audit.py"}


def from_analysis(name: str) -> bool:
    data = ("analysis.data.door", "analysis.data.processes")
    both = ("analysis.entry", *data, "analysis.findings.statistics")
    return name.startswith("analysis.") and not name.startswith(both)


def runtime(tree: ast.Module) -> Iterator[ast.AST]:
    """What a file does at run time: all of it, but for imports that only types need."""
    for node in tree.body:
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield node


def test_no_import_runs_in_a_circle() -> None:
    """Not even through imports inside functions; an entry imports the registry of its package, which finds it."""
    trees = {module(path): tree for path, tree in files().items()}
    graph = {}
    for name, tree in trees.items():
        wanted = {each for node in runtime(tree) for each in imported(node)} & trees.keys()
        packages = {each for each in wanted if any(other.startswith(f"{each}.") for other in wanted)}
        graph[name] = wanted - {name} - packages
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_two_files_have_one_name() -> None:
    names = Counter(path.name for path in files() if path.name not in ("__init__.py", "__main__.py"))
    assert not [name for name, count in names.items() if count > 1]


def test_no_room_has_more_than_a_dozen_files() -> None:
    rooms = Counter(path.parent for path in files() if path.name != "__init__.py")
    assert max(rooms.values()) <= MOST_FILES_IN_A_FOLDER, rooms.most_common(1)


def test_functions_are_short() -> None:
    lengths = {
        f"{module(path)}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for path, tree in files().items()
        for node in functions(tree)
    }
    assert not [name for name, length in lengths.items() if length > MOST_LINES_IN_A_FUNCTION]


def test_imports_stand_at_the_top_of_files() -> None:
    """But for what `--help` need not wait for."""
    found = [
        node
        for tree in files().values()
        for function in functions(tree)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    assert len({id(node) for node in found}) <= MOST_IMPORTS_IN_FUNCTIONS


MOST_NAMES_COMPARED = 7
"""Names of engines, and names in the analysis, which knows of entries what the manifest says; lower it."""


def compared(tree: ast.AST) -> Iterator[str]:
    """The texts that a file compares something with, by ==, !=, in or a pattern."""
    for node in ast.walk(tree):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        values = [node.value] if isinstance(node, ast.MatchValue) else sides
        for value in values:
            parts = value.elts if isinstance(value, ast.Tuple | ast.List | ast.Set) else [value]
            yield from (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def test_entries_are_asked_and_their_names_not_compared() -> None:
    """But an entry may know its own name."""
    registered = {name for registry in CHOICES.values() for name in registry}
    found = [
        (path.relative_to(ROOT).as_posix(), name)
        for path, tree in files().items()
        for name in compared(tree)
        if name in {*registered, *ENGINES} - {"numpy"} and path.name != f"{name}.py"
    ]
    forgiven = [(path, name) for path, name in found if name in ENGINES or path.startswith("analysis")]
    assert found == forgiven
    assert len(forgiven) <= MOST_NAMES_COMPARED, forgiven


def test_each_test_that_is_left_out_for_its_time_is_there() -> None:
    for file, _, name in (each.partition("::") for each in slow()):
        assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8"), f"{file}: run `make slow`"
