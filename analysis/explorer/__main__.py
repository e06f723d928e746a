"""The explorer: writes the page, one file that loads nothing from anywhere.

python -m analysis.explorer [FILE]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from analysis.data.door import FolderError
from analysis.entry import command
from analysis.explorer.page import write_page


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    what = "Writes a page that trains a network in the browser, with the same bits as a sweep."
    return command("analysis.explorer", what, written, arguments, metavar="FILE", nargs="?", default="explorer.html")


def written(file: Path) -> Iterator[str]:
    """Write the page; FolderError where that cannot be."""
    try:
        write_page(file)
    except OSError as error:
        raise FolderError(f"{file} cannot be written: {error.strerror or error}") from None
    yield f"explorer: {file}"


if __name__ == "__main__":
    sys.exit(main())
