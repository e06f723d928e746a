"""The explorer: writes the page, a file that loads nothing from anywhere; `python -m analysis.explorer [FILE]`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from analysis.data.door import FolderError
from analysis.entry import command
from analysis.explorer import write_page


def written(file: Path) -> Iterator[str]:
    """Write the page; FolderError where that cannot be."""
    try:
        write_page(file)
    except OSError as error:
        raise FolderError(f"{file} cannot be written: {error.strerror or error}") from None
    yield f"explorer: {file}"


WHAT = "Writes a page that trains a network in the browser, with the same bits as a sweep."
main = command("analysis.explorer", WHAT, written, metavar="FILE", nargs="?", default="explorer.html")

if __name__ == "__main__":
    sys.exit(main())
