"""The explorer: writes the page, a file that loads nothing from anywhere; `python -m analysis.explorer [FILE]`."""

from collections.abc import Iterator
from pathlib import Path

from analysis.data.door import FolderError
from analysis.entry import command, turning
from analysis.explorer import write_page


def written(file: Path) -> Iterator[str]:
    """Write the page; FolderError where that cannot be."""
    with turning(OSError, FolderError, f"{file} cannot be written: "):
        write_page(file)
    yield f"explorer: {file}"


WHAT = "Writes a page that trains a network in the browser, with the same bits as a sweep."
main = command("analysis.explorer", WHAT, written, metavar="FILE", nargs="?", default="explorer.html")

if __name__ == "__main__":
    main()
