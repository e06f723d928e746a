"""The explorer: writes the page, one file that loads nothing from anywhere.

    python -m analysis.explorer [FILE]

Exit status: 0 done, 2 bad input, 1 anything else.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from analysis.explorer.page import write_page


def main(arguments: list[str] | None = None) -> int:
    """The command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m analysis.explorer",
        description="Writes a page that trains a network in the browser, with the same bits as a sweep.",
        epilog="Exit status: 0 done, 2 bad input, 1 anything else.",
    )
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, default=Path("explorer.html"))
    file: Path = parser.parse_args(arguments).file
    try:
        write_page(file)
    except OSError as error:
        print(f"{file} cannot be written: {error.strerror or error}", file=sys.stderr)
        return 2
    print(f"explorer: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
