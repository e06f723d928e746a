"""`python -m experiments.run`: train a study, whatever of it is missing, and report it."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.execution.session`."""
    start("run", "experiments.execution.session:command")


if __name__ == "__main__":
    main()
