"""`python -m experiments.compare`: two result folders side by side."""

from __future__ import annotations

from experiments.cli import start


def main() -> None:
    """The command; what it does stands in `experiments.comparing`."""
    start("compare", "experiments.comparing:compare", ("a", "b"))


if __name__ == "__main__":
    main()
