"""The notebooks, executed on a result folder, as .ipynb and as HTML, one file: `python -m analysis.notebooks DIR`."""

import asyncio
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from analysis.data.door import own_folder, write_text
from analysis.entry import FOLDER, RunError, command
from analysis.report import read_results
from analysis.report_parts import pages

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NAMES = ("success_rates", "where_runs_get_stuck", "dead_units")
PARAMETERS = 'folder = ".."  # the result folder; name another one, or where it lies, if this file has moved'
"""The cell tagged `parameters`: executed notebooks lie in DIR/notebooks, and can be executed there again."""

CELL_SECONDS = 600
NotebookNode = Any  # of nbformat, which takes long to import


def write_notebooks(folder: Path) -> list[Path]:
    """Execute the notebooks on a result folder, all at once; returns the HTML files.

    FolderError for what is no result folder, RunError for a notebook that fails, OSError where none can be written.
    """
    import nbformat

    study = read_results(folder).manifest["study"]
    output = own_folder(folder / "notebooks")
    notebooks = {name: read_script(HERE / f"{name}.py") for name in NAMES}
    asyncio.run(_execute(notebooks, output))
    for name, notebook in notebooks.items():
        write_text(output / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        write_text(output / f"{name}.html", render(notebook, str(study)))
    return [output / f"{name}.html" for name in notebooks]


def read_script(path: Path) -> NotebookNode:
    """A percent script as a notebook, its parameters set; the same script gives the same notebook."""
    import jupytext

    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python", "pygments_lexer": "ipython3"}
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        if "parameters" in cell.metadata.get("tags", []):
            cell.source = PARAMETERS
    return notebook


async def _execute(notebooks: dict[str, NotebookNode], output: Path) -> None:
    failures = await asyncio.gather(*(_failure(notebook, output) for notebook in notebooks.values()))
    for name, failure in zip(notebooks, failures, strict=True):
        if failure:
            raise RunError(f"notebook {name} failed: {failure}")


async def _failure(notebook: NotebookNode, output: Path) -> str | None:
    """Run a notebook in a kernel of this Python; returns why it failed, or None."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import AsyncKernelManager
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as sockets:
        kernel = AsyncKernelManager(
            kernel_name="python3", kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            connection_file=f"{sockets}/kernel.json", transport="ipc" if os.name == "posix" else "tcp",
        )  # fmt: skip
        client = NotebookClient(notebook, km=kernel, timeout=CELL_SECONDS, record_timing=False)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}  # what is not a cell's is for nobody
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))  # this code first
        environment = {**os.environ, "PYTHONPATH": path}
        try:  # not client.async_execute, which takes Ctrl-C for itself
            await client.async_start_new_kernel(cwd=str(output.resolve()), env=environment, **quiet)
            await client.async_start_new_kernel_client()
            for index, cell in enumerate(notebook.cells):
                await client.async_execute_cell(cell, index, execution_count=client.code_cells_executed + 1)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            told = f"{error.ename}: {error.evalue.strip()}" if isinstance(error, CellExecutionError) else str(error)
            return next(iter(told.strip().splitlines()), type(error).__name__)
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            if kernel.has_kernel:
                await kernel.shutdown_kernel(now=True)
    return None


def render(notebook: NotebookNode, study: str) -> str:
    """A notebook as one HTML page in the report's dress; nbconvert's own page would load scripts from other hosts."""
    from bs4 import BeautifulSoup
    from markupsafe import Markup
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    exporter: Any = HTMLExporter(
        template_name="basic", exclude_input_prompt=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_notebook_node(notebook)
    soup = BeautifulSoup(body, "html.parser")
    for code in soup.select("div.input"):
        code.wrap(soup.new_tag("details")).insert(0, BeautifulSoup("<summary>code</summary>", "html.parser"))
    title = re.search(r"^# (.+)", notebook.cells[0].source, re.MULTILINE)
    light, dark = (
        "\n".join([*paper.get_background_style_defs(".highlight"), *paper.get_token_style_defs(".highlight")])
        for paper in (HtmlFormatter(style="default"), HtmlFormatter(style="github-dark"))
    )
    ours = {name: Markup(text) for name, text in (("body", soup), ("light", light), ("dark", dark))}  # noqa: S704
    return pages.render("notebook.html.j2", title=title[1] if title else study, study=study, **ours)


WHAT = "Executes the notebooks on a finished study and writes them to DIR/notebooks as .ipynb and HTML."
main = command("analysis.notebooks", WHAT, lambda folder: (f"notebook: {p}" for p in write_notebooks(folder)), **FOLDER)

if __name__ == "__main__":
    main()
