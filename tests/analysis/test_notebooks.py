"""The notebooks, executed on a small study."""

import ast
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from harness import SMALL, compose

from analysis.data.door import own_folder
from analysis.data.reading import DEFAULT_TABLE
from analysis.notebooks import __main__ as executor, cells
from analysis.notebooks.__main__ import HERE, NAMES, main
from analysis.notebooks.cells import plain, shared_predictions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The notebooks of a small study whose question would be code if it were not escaped."""
    from experiments.execution.session import run

    folder = tmp_path_factory.mktemp("notebooks") / "study"
    overrides = [*SMALL, "grid.lr=[0.1]", "base.epochs=400", f"output={folder}"]
    config = compose(*overrides)
    config["question"] = "Is <script>x</script> ![shown](http://elsewhere.example/x.png)?"
    assert run(config) == 0
    assert main([str(folder)]) == 0
    return folder / "notebooks"


def outputs(folder: Path, name: str) -> list[Any]:
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_shows_figures_and_computed_sentences_without_noise(executed: Path, name: str) -> None:
    found = outputs(executed, name)
    assert {output.output_type for output in found} == {"display_data"}
    kinds = [kind for output in found for kind in output.data]
    assert kinds.count("image/png") >= 2
    sentences = " ".join(output.data.get("text/markdown", "") for output in found)
    assert "4 conditions, 80 trainings" in sentences
    assert re.search(r"n.=.20", sentences)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_page_loads_nothing_and_escapes_what_a_study_is_called(executed: Path, name: str) -> None:
    page = (executed / f"{name}.html").read_text(encoding="utf-8")
    assert "<script>x" not in page
    assert "<iframe" not in page
    assert not re.search(r"""(src|href)=(?!["']?(#|data:))|url\(|@import""", page)
    assert "![shown]" in page
    images = re.findall(r"<img[^>]*>", page)
    assert images
    assert all(re.search(r'alt="[^"]{20,}"', image) for image in images)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_can_be_executed_again_where_it_lies(executed: Path, name: str) -> None:
    text = (executed / f"{name}.ipynb").read_text(encoding="utf-8")
    assert str(executed.parent) not in text
    assert any("".join(cell["source"]).startswith('folder = ".."') for cell in json.loads(text)["cells"])


@pytest.mark.parametrize("name", NAMES)
def test_prose_types_no_number_that_a_cell_could_compute(name: str) -> None:
    lines = (HERE / f"{name}.py").read_text(encoding="utf-8").splitlines()
    prose = [line for line in lines[lines.index("# %% [markdown]") :] if line.startswith("# ") and "%%" not in line]
    numbers = set(re.findall(r"\d+(?:\.\d+)?", " ".join(prose)))
    assert numbers <= {"95", "0.25", "0"}  # the level of intervals, the reader's loss, a dead unit's output


@pytest.mark.parametrize("name", NAMES)
def test_cells_are_thin(name: str) -> None:
    tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.While)]


def test_a_folder_that_is_none_is_refused_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "nowhere")]) == 2
    error = capsys.readouterr().err
    assert "is not a folder" in error
    assert error.count("\n") == 1


def test_a_cell_that_fails_is_named_in_one_line(
    executed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: Path) -> nbformat.NotebookNode:
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("raise ValueError('a reason')")])

    monkeypatch.setattr(executor, "NAMES", ("success_rates", "dead_units"))
    monkeypatch.setattr(executor, "read_script", failing)
    assert main([str(executed.parent)]) == 1
    assert capsys.readouterr().err == "notebook success_rates failed: ValueError: a reason\n"


def test_a_study_without_an_unsolved_run_has_notebooks(
    make: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The histogram of the losses of no run ended in a TypeError, and nothing followed 'Of these:'."""
    folder = own_folder(make({"a": ({}, ["solved"] * 5)}) / "notebooks")
    monkeypatch.chdir(folder)
    told: list[str] = []
    monkeypatch.setattr(cells, "display", lambda shown, **_: told.append(getattr(shown, "data", "")))
    for name in NAMES:  # in this process: a kernel takes seconds to start
        variables: dict[str, Any] = {}
        for cell in executor.read_script(HERE / f"{name}.py").cells:
            if cell.cell_type == "code":
                exec(cell.source, variables)
    assert sum("1 condition, 5 trainings" in text for text in told) == len(NAMES)
    assert not [text for text in told if "Of these:" in text or "no runs (" in text]


def test_xor_has_the_levels_of_its_traps() -> None:
    rows = shared_predictions(DEFAULT_TABLE).rows
    assert ("00 = 10", "1/2", "1/4") in map(tuple, rows)
    assert ("00 = 01 = 10", "2/3", "1/3") in map(tuple, rows)
    assert {loss for *_, loss in rows} == {"1/4", "1/3", "1/2"}


def test_markdown_shows_text_as_it_stands() -> None:
    assert plain("see http://x") == r"see http\://x"
    assert plain("a_b *c* <d> ![e](f)") == r"a\_b \*c\* \<d\> \!\[e\](f)"
