"""Imports go one way: nnxor <- experiments -> files -> analysis."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

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
    "analysis": {"nnxor", "experiments", "hydra", "omegaconf", "joblib", "numba"},
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").split(".")[0])
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_imports_nothing_that_stands_above_it(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for path in files:
        assert not imports(path) & FORBIDDEN[package], path


def test_omegaconf_and_hydra_stop_at_the_entry_points() -> None:
    users = {path.name for path in (ROOT / "experiments").rglob("*.py") if imports(path) & {"hydra", "omegaconf"}}
    assert users == {"cli.py", "train.py"}


def test_only_what_ends_with_tables_and_figures_calls_the_analysis() -> None:
    """The end of a run and its exemplars, one training's figures, the comparison, the audit and the benchmark."""
    users = {path.name for path in (ROOT / "experiments").rglob("*.py") if "analysis" in imports(path)}
    assert users == {"run.py", "exemplars.py", "compare.py", "train.py", "benchmark.py", "audit.py"}


def test_what_is_counted_is_what_is_read() -> None:
    """The analysis may not import the experiments, so both name the columns that counts tell apart."""
    from analysis.data import tallies as read
    from experiments.store import counts as written

    assert tuple(written.COUNTED) == tuple(read.COUNTED)
